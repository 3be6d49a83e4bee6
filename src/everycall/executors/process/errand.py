"""One attempt on its way through a worker. Satisfies `ports.Running`: the loop's side of it."""

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from everycall.core.errors import UsageError
from everycall.executors.process.channel import BrokenFrameError
from everycall.ports import AttemptEnd, PortableWork

if TYPE_CHECKING:
    from everycall.executors.process.link import Link

KILL_BEFORE = 0.5
"""Seconds before its grace is over (half of it, if it is short) at which a worker is killed that has not stopped, so
that the attempt has really ended when the grace is over, on a busy machine too, and another may follow."""
_LOOP_ANSWERS_WITHIN = 1.0  # seconds; a blocked loop shall not hold the thread that looks after the worker


class Errand:
    """One attempt, from the call of `start` to its report.

    Args:
        work: the attempt.
        report: receives its end, on the loop.
        post: runs a callback on the loop; returns False if the loop is closed.
    """

    def __init__(
        self, work: PortableWork, report: Callable[[AttemptEnd], None], post: Callable[[Callable[[], object]], bool]
    ) -> None:
        self.work = work
        self.request = work.request()
        self._report = report
        self._post = post
        self._lock = threading.Lock()
        self._link: Link | None = None
        self.stop_at: float | None = None  # when it was asked to stop, on the clock of `time.monotonic`
        self.killed = False

    # --- ports.Running, on the loop ---

    def stop(self) -> None:
        """Ask it to end. What has not ended shortly before its grace is over is killed."""
        with self._lock:
            if self.stop_at is None:
                self.stop_at = time.monotonic()
            link = self._link
        if link is not None:
            link.wake()

    def abandon(self) -> None:
        """Kill it: nobody waits any more."""
        self.kill()

    def kill(self) -> None:
        """Kill it and its children."""
        with self._lock:
            self.killed = True
            if self._link is not None:
                self._link.kill()
                self._link.wake()

    # --- in the thread that looks after the worker ---

    @property
    def kill_at(self) -> float | None:
        """When it is killed, on the clock of `time.monotonic`; None if it was not asked to stop."""
        grace = self.request.grace
        return None if self.stop_at is None else self.stop_at + grace - min(KILL_BEFORE, grace / 2)

    def runs_on(self, link: "Link | None") -> None:
        """Note the worker in which it runs; None when it runs no more."""
        with self._lock:
            self._link = link
            if link is not None and self.killed:
                link.kill()

    def progressed(self, told: object) -> None:
        """Hand on a sign of progress, and wait until the loop has taken it: a flood of them fills no memory.

        Raises:
            BrokenFrameError: it is none.
        """
        if type(told) is not list or len(told) != 3:
            raise BrokenFrameError("It sent a progress that is none.")
        done, total, message = told
        if type(done) not in _NUMBERS or type(total) not in (*_NUMBERS, type(None)):
            raise BrokenFrameError("It sent a progress that is none.")
        if message is not None and type(message) is not str:
            raise BrokenFrameError("It sent a progress that is none.")
        try:
            self.work.progressed(done, total, message)
        except UsageError:
            raise BrokenFrameError("It sent a progress that is none.") from None
        taken = threading.Event()
        if self._post(taken.set):
            taken.wait(_LOOP_ANSWERS_WITHIN)

    def tell(self, end: AttemptEnd) -> None:
        """Report how it ended."""
        if not self._post(lambda: self._report(end)):
            logging.getLogger("everycall").warning(
                "a tool ended in its process after the event loop was closed: its result is lost"
            )

    def message(self, number: int, path: list[str] | None) -> dict[str, Any]:
        """Return what the worker is told.

        Args:
            number: of the call in its process.
            path: where modules are found, if that has changed; else None.
        """
        request = self.request
        return {
            "call": number,
            "path": path,
            "tool": request.tool,
            "module": request.module,
            "qualname": request.qualname,
            "parameters": request.parameters,
            "arguments": request.arguments,
            "context": request.context,
            "backend": request.backend,
            "retry_on": request.retry_on,
            "memory_bytes": request.memory_bytes,
            "cpu_seconds": request.cpu_seconds,
        }


_NUMBERS = (int, float)
