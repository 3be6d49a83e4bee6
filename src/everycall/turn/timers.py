"""One heap of moments and one wake-up: how the supervisor sleeps until something is due or everything is done."""

import heapq
from collections.abc import Callable
from itertools import count
from typing import Any

from everycall.ports import Backend, Signal
from everycall.turn.stop.forks import FORKS, end_child

NEVER = float("inf")


def after_what_is_due(backend: Backend, look: Callable[[], object]) -> None:
    """Call *look* when every step that is due now has been made.

    After a blocked loop everything is due at once, and what is posted may come first among it: so it is posted again.
    """
    backend.post(lambda: backend.post(look))


class Timers:
    """Calls back at moments of the loop's clock while somebody waits in `run_until`.

    Args:
        backend: of the loop that runs this code.
    """

    __slots__ = ("_backend", "_forks", "_heap", "_tie", "_wake", "_wakes_at", "lag")

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._forks = FORKS.count
        self.lag = 0.0  # seconds by which the latest action came too late: the loop was busy, or blocked
        self._heap: list[tuple[float, int, Callable[[Any], None], Any]] = []
        self._tie = count()  # equal moments keep the order in which they were set
        self._wake: Signal | None = None
        self._wakes_at = NEVER

    def at(self, when: float, action: Callable[[Any], None], subject: Any) -> None:
        """Call `action(subject)` at *when*, on the loop's clock. It cannot be taken back: actions look first."""
        heapq.heappush(self._heap, (when, next(self._tie), action, subject))
        if when < self._wakes_at:
            self.wake()

    def wake(self) -> None:
        """Make the waiting side look again."""
        self._wakes_at = -NEVER  # one wake-up is enough
        if self._wake is not None:
            self._wake.set()

    def clear(self) -> None:
        """Forget every moment: what is in the heap would keep whole turns alive."""
        self._heap.clear()

    async def run_until(self, done: Callable[[], bool]) -> None:
        """Wait, and act on what falls due, until *done*."""
        while not done():
            self._wake = wake = self._backend.signal()
            self._wakes_at = self._heap[0][0] if self._heap else NEVER
            await wake.wait(self._wakes_at)
            if self._forks != FORKS.count:
                end_child()
            if self._heap:
                self._act()

    def _act(self) -> None:
        now = self._backend.now()
        while self._heap and self._heap[0][0] <= now:
            when, _, action, subject = heapq.heappop(self._heap)
            self.lag = max(self.lag, now - when)
            action(subject)
