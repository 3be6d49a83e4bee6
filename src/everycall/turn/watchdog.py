"""Names the tool that blocks its event loop: file, line and function, while it still does.

1. A blocked loop holds up every deadline of every turn, and nothing that runs on it can say so. So one daemon thread
   looks at the loops that run turns, some times in `Limits.loop_blocked` seconds. It only looks: at the frames of the
   loop's thread and at the number of the step that runs. It wakes no loop and costs a call nothing.
2. The log is told at once, from this thread, because the loop may never come back. Observers are told on the loop, when
   it is free again.
3. The thread is started with a turn and ends when no turn has run for a while.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import NamedTuple

from everycall.core.text import one_line
from everycall.ports import Backend, Work
from everycall.turn.stop import tool_under_way

LOOKS = 4
"""How often a loop is looked at within the time that it may be blocked: a block is seen at most a quarter late."""
IDLE_SECONDS = 5.0
"""How long the thread waits for another turn before it ends."""
MAX_PATH = 500
"""Characters of a path in the log and in the event."""


class Place(NamedTuple):
    """Where code is.

    Attributes:
        file: path of the source file.
        line: in that file, from 1.
        function: the qualified name of the function.
    """

    file: str
    line: int
    function: str


class LoopWatch:
    """What the watchdog knows of one loop. Made on the thread of the loop.

    Args:
        backend: the loop.
        seconds: how long a tool may hold it up; None for no watch.
    """

    __slots__ = ("_since", "_step", "_told", "backend", "seconds", "thread", "turns", "watched")

    def __init__(self, backend: Backend, seconds: float | None) -> None:
        self.backend = backend
        self.seconds = seconds
        self.thread = threading.get_ident()
        self.turns = 0
        self.watched = False
        self._step = 0  # the one that ran when it was last looked at
        self._since = 0.0
        self._told = False

    def turn_begins(self) -> None:
        """Look at the loop from now on."""
        self.turns += 1
        if not self.watched and self.seconds is not None:
            _watchdog.watch(self)

    def turn_ends(self) -> None:
        """Look no longer, unless another turn runs."""
        self.turns -= 1

    def look(self, now: float) -> None:
        """Look once; tell if one stretch of a tool's code has taken too long.

        Args:
            now: seconds of a clock that goes on while the loop is blocked: not the loop's own.
        """
        found = tool_under_way(self.thread)
        if found is None:
            self._step = 0
            return
        root, frames = found
        if root.step != self._step:
            self._step, self._since, self._told = root.step, now, False
        elif not self._told and self.seconds is not None and now - self._since >= self.seconds:
            self._told = True
            self._tell(root.work, place_in(frames, root.work.source), now)

    def _tell(self, work: Work, place: Place, now: float) -> None:
        logging.getLogger("everycall").warning(
            "tool %s has blocked its event loop for %.1f s, at %s:%d in %s. Make it a plain def, or wait with await",
            one_line(work.tool_name, 128),
            now - self._since,
            place.file,
            place.line,
            place.function,
        )
        since = self._since
        self.backend.post(lambda: work.blocked(*place, seconds=time.monotonic() - since))


def place_in(frames: list[FrameType], source: str | None) -> Place:
    """Return the place to show: the innermost in the tool's own file, else the outermost of its code.

    Args:
        frames: of the tool's code, the outermost first.
        source: path of the file in which the tool is written, if that is known.
    """
    own = [frame for frame in frames if frame.f_code.co_filename == source]
    shown = own[-1] if own else frames[0]
    code = shown.f_code
    return Place(one_line(code.co_filename, MAX_PATH), shown.f_lineno or 0, one_line(code.co_qualname, MAX_PATH))


class Watchdog:
    """The thread that looks.

    Args:
        clock: seconds that never stand still.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._watches: set[LoopWatch] = set()
        self._runs = False

    def watch(self, one: LoopWatch) -> None:
        """Look at the loop of *one* as long as turns run on it."""
        with self._lock:
            self._watches.add(one)
            one.watched = True
            if self._runs:
                return
            self._runs = True
        try:
            threading.Thread(target=self._serve, name="everycall-watchdog", daemon=True).start()
        except RuntimeError:  # no thread can be had: turns run without a watch
            self._runs = one.watched = False

    def _serve(self) -> None:
        busy_at = self._clock()
        while True:
            with self._lock:
                self._watches = {one for one in self._watches if _runs_turns(one)}
                watches = list(self._watches)
                if watches:
                    busy_at = self._clock()
                elif self._clock() - busy_at > IDLE_SECONDS:
                    self._runs = False
                    return
            for one in watches:
                one.look(self._clock())
            threading.Event().wait(_pause(watches))


def _runs_turns(one: LoopWatch) -> bool:
    """Return whether turns run on that loop. If not, it is watched no longer, and the next turn says so again."""
    one.watched = False  # first: a turn that begins right now either finds this, or is found by the next line
    one.watched = one.turns > 0
    return one.watched


def _pause(watches: list[LoopWatch]) -> float:
    shortest = min((one.seconds for one in watches if one.seconds is not None), default=1.0)
    return min(max(shortest / LOOKS, 0.01), 1.0)


_watchdog = Watchdog()


def _forget_thread() -> None:
    global _watchdog  # noqa: PLW0603 -- the thread of the parent does not exist in a forked child
    _watchdog = Watchdog()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_thread)
