"""Attempts whose call is settled while their code still runs: counted, capped, and in the end stopped.

1. They are counted across the turns of a runtime, in all and per tool. Above the caps no new call starts.
2. Each may go on for `linger` seconds to finish its clean-up; then it is killed. When the loop closes, all are killed
   at once: a loop does not end while one of them lives.
"""

from collections import Counter
from typing import Protocol

import anyio

from everycall.core.policy import Limits
from everycall.ports import Backend, Running
from everycall.turn.gates import Gate
from everycall.turn.timers import NEVER


class Abandonable(Protocol):
    """An attempt, as far as this module needs it."""

    running: Running | None
    tool_name: str
    holds_thread: bool


class Abandoned:
    """The abandoned attempts of one runtime.

    Args:
        backend: of the runtime's loop.
        limits: the caps and the time to linger.
        threads: the gate of the threads.
    """

    def __init__(self, backend: Backend, limits: Limits, threads: Gate) -> None:
        self._backend = backend
        self._limits = limits
        self._threads = threads
        self._kill_at: dict[Abandonable, float] = {}
        self._per_tool: Counter[str] = Counter()
        self._in_threads = 0
        self._watching = False
        self._changed: anyio.Event | None = None
        self.total = 0
        self.any = False  # read once for every call: cheaper than asking how many

    def __len__(self) -> int:
        return len(self._kill_at)

    def refusal(self, tool_name: str, *, needs_thread: bool) -> str | None:
        """Return why no new call of *tool_name* may start, in one sentence for the model; None if it may."""
        if len(self._kill_at) >= self._limits.abandoned:
            return f"{len(self._kill_at)} earlier calls were given up and still run; nothing starts until they end."
        if self._per_tool[tool_name] >= self._limits.abandoned_per_tool:
            return f"{self._per_tool[tool_name]} earlier calls of this tool were given up and still run."
        if needs_thread and self._threads_lost:
            return "Every thread is held by a call that was given up and still runs."
        return None

    def add(self, attempt: Abandonable) -> None:
        """Count *attempt*, and see to it that it ends."""
        self.total += 1
        self.any = True
        self._kill_at[attempt] = self._backend.now() + self._limits.linger
        self._per_tool[attempt.tool_name] += 1
        if attempt.running is not None:
            attempt.running.abandon()
        if attempt.holds_thread:
            self._in_threads += 1
            if self._threads_lost:
                self._threads.refuse_waiting()
        if not self._watching:
            self._watching = True
            self._backend.spawn(self._watch)

    def discard(self, attempt: Abandonable) -> None:
        """Forget *attempt*: its code has ended."""
        if self._kill_at.pop(attempt, None) is None:
            return
        self.any = bool(self._kill_at)
        self._per_tool[attempt.tool_name] -= 1
        self._in_threads -= attempt.holds_thread
        if not self._kill_at and self._changed is not None:
            self._changed.set()
            self._changed = None

    async def drain(self) -> None:
        """Wait until none is left; after `linger` seconds they are killed, and given one more second to be gone."""
        with anyio.move_on_after(self._limits.linger):
            await self._until_none()
        self.kill_all()
        with anyio.move_on_after(1.0):
            await self._until_none()

    async def _until_none(self) -> None:
        while self._kill_at:
            if self._changed is None:
                self._changed = anyio.Event()
            await self._changed.wait()

    def kill_all(self) -> None:
        """End what can be ended, by force."""
        for attempt in list(self._kill_at):
            if attempt.running is not None:
                attempt.running.kill()

    @property
    def _threads_lost(self) -> bool:
        return self._in_threads >= self._threads.capacity

    async def _watch(self) -> None:
        """Kill each attempt when its time is up, or all of them when the loop closes."""
        try:
            while self._kill_at:
                due = min(self._kill_at.values())
                with anyio.move_on_after(max(0.0, due - self._backend.now())):
                    await self._until_none()  # then this task ends too: a runtime that is closed leaves none behind
                for attempt, at in list(self._kill_at.items()):
                    if at <= self._backend.now():
                        self._kill_at[attempt] = NEVER
                        if attempt.running is not None:
                            attempt.running.kill()
                if all(at == NEVER for at in self._kill_at.values()):
                    break  # what survives a kill cannot be helped: a thread, or a wait that no backend can end
        except BaseException:  # the loop closes
            self.kill_all()
            raise
        finally:
            self._watching = False
