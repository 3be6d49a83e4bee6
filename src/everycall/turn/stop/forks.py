"""A forked child must not go on with a turn of its parent.

1. What a tool forks has a copy of the turn, of its event loop and of what the loop waits for. If both went on, each
   call would be settled twice, and each effect of a later attempt would happen twice.
2. A child that never comes back here is none of our business: one that calls `exec` or `os._exit`, as `subprocess` and
   `multiprocessing` do. A child that comes back is ended at once.
3. A child may run turns of its own, on a loop of its own.
"""

import os
from typing import NoReturn

EXIT_STATUS = 70
"""What such a child exits with: EX_SOFTWARE of sysexits.h."""

_LINE = b"everycall: a forked child came back into a turn of its parent, and was ended\n"


class Forks:
    """How many forks lie between this process and the one that imported this module."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0

    def note(self) -> None:
        """Count one: this is the child."""
        self.count += 1


FORKS = Forks()
"""Remember `FORKS.count` where something begins; where it is another later, call `end_child`."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=FORKS.note)


def end_child() -> NoReturn:
    """End this process, without any clean-up: every buffer and every exit handler here is a copy of the parent's."""
    try:
        os.write(2, _LINE)
    finally:
        os._exit(EXIT_STATUS)
