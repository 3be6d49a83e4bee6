"""One heap of moments and one wake-up: how the supervisor sleeps until something is due or everything is done."""

import heapq
from collections.abc import Callable
from itertools import count
from typing import Any

import anyio

NEVER = float("inf")


class Timers:
    """Calls back at moments of the loop's clock while somebody waits in `run_until`.

    Args:
        now: the loop's clock, in seconds.
    """

    __slots__ = ("_heap", "_now", "_tie", "_wake", "_wakes_at")

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._heap: list[tuple[float, int, Callable[[Any], None], Any]] = []
        self._tie = count()  # equal moments keep the order in which they were set
        self._wake: anyio.Event | None = None
        self._wakes_at = NEVER

    def at(self, when: float, action: Callable[[Any], None], subject: Any) -> None:
        """Call `action(subject)` at *when*, a moment on the loop's clock. There is no way to take it back: actions look first."""
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
            self._wake = anyio.Event()
            self._wakes_at = self._heap[0][0] if self._heap else NEVER
            if self._wakes_at == NEVER:
                await self._wake.wait()
            else:
                with anyio.CancelScope(deadline=self._wakes_at):
                    await self._wake.wait()
            self._act()

    def _act(self) -> None:
        now = self._now()
        while self._heap and self._heap[0][0] <= now:
            _, _, action, subject = heapq.heappop(self._heap)
            action(subject)
