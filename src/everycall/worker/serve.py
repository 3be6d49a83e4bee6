"""The main loop of a worker process: one call after another, until the host hangs up."""

import sys

from everycall.worker.call import Calls
from everycall.worker.guard import prepare
from everycall.worker.line import Line


def main(channel: int, parent: int) -> None:
    """Run calls.

    Args:
        channel: file descriptor of the channel.
        parent: the host's process id.
    """
    sys.argv = [""]
    prepare(parent)
    line = Line(channel)
    calls = Calls(line)
    while (request := line.next()) is not None:
        calls.run(request)
        del request
