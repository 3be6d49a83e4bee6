"""Starts a worker: a fresh interpreter in a session of its own, with a private channel.

Forking a program that has threads is not safe, so nothing is forked here: the interpreter is started anew.
The thread that calls `launch` must live as long as the worker: Linux ends a worker with the thread that started it.
"""

import json
import os
import socket
import subprocess
import sys
from typing import NamedTuple

_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[3]); "
    "from everycall.worker.serve import main; main(int(sys.argv[1]), int(sys.argv[2]))"
)

loading = False
"""Whether this process is itself a worker that imports a tool's module. It must not start workers of its own: a module
that runs a turn when it is imported would go on doing so for ever, each time one process deeper."""


class Launched(NamedTuple):
    """A worker that was started.

    Attributes:
        process: it has its own session, and its process group has its id.
        channel: our end; does not block.
        output: where all that it prints can be read; does not block.
    """

    process: subprocess.Popen[bytes]
    channel: socket.socket
    output: int


def launch() -> Launched:
    """Start a worker.

    Raises:
        OSError: the system has no place for another process, or no interpreter.
        RuntimeError: a module runs a turn while a worker imports it; or the interpreter is shutting down.
    """
    if loading:
        raise RuntimeError(
            "A tool's module runs a turn when it is imported, and a worker imports it: "
            'put what runs the turn under `if __name__ == "__main__":`'
        )
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            process = subprocess.Popen(  # noqa: S603 -- our own interpreter and our own line
                _command(theirs.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            raise
    assert process.stdout is not None  # noqa: S101 -- it is a pipe
    output = os.dup(process.stdout.fileno())
    process.stdout.close()
    os.set_blocking(output, False)
    ours.setblocking(False)
    return Launched(process, ours, output)


def _command(channel: int) -> list[str]:
    isolated = ["-I"] if sys.flags.isolated else []
    return [sys.executable, *isolated, "-c", _BOOT, str(channel), str(os.getpid()), json.dumps(search_path())]


def search_path() -> list[str]:
    """Return where this program finds its modules now."""
    return [one for one in sys.path if isinstance(one, str)]
