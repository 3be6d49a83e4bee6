"""Root tasks on asyncio.

Inside knowledge: what a coroutine yields to its task is a future that is marked as being waited for. A wait that is not
handed to the loop has its mark taken off and its future cancelled, as `Task.cancel` does.
"""

import asyncio
import sys
import time
import types
import weakref
from collections.abc import Callable, Coroutine, Generator
from typing import Any

import anyio

from everycall.ports import Running, Signal, Work
from everycall.turn.stop.forks import FORKS, end_child
from everycall.turn.stop.root import STEPS, Report, RootTask, close

_NEVER = float("inf")


class _AsyncioRootTask(RootTask):
    __slots__ = ("task",)

    def __init__(self, new_scope: Callable[[], anyio.CancelScope], work: Work, report: Report) -> None:
        super().__init__(work, report, new_scope)
        loop = asyncio.get_running_loop()
        self.task: asyncio.Task[None] = loop.create_task(self.body(), context=work.context)

    def kill(self) -> None:
        self._force = True
        if not self.task.done():
            self.task.cancel()

    def forget_scopes(self) -> None:
        # anyio finds a task's innermost scope by the task, and that scope holds the task: neither would ever be freed.
        states = getattr(sys.modules.get("anyio._backends._asyncio"), "_task_states", None)
        if states is not None:
            states.pop(self.task, None)

    @types.coroutine
    def drive(self, coroutine: Coroutine[Any, Any, object]) -> Generator[Any, Any, object]:
        error: BaseException | None = None
        while True:
            self.step = next(STEPS)
            try:
                trap = coroutine.send(None) if error is None else coroutine.throw(error)
            except StopIteration as done:
                error = None  # its traceback holds this frame: no cycle for the collector
                return done.value
            except BaseException:
                error = None
                raise
            if self._forks != FORKS.count:
                end_child()
            if error is not None and isinstance(error, asyncio.CancelledError):
                self.swallowed()
            if self._force:
                self._release(trap)
                error = self.next_throw(coroutine)
                continue
            error = None
            if not self._waited:
                self._waited = True
                self.work.waits()
            try:
                yield trap
            except GeneratorExit:
                close(coroutine, refused=self._refusals > 0)
                raise
            except BaseException as answer:  # noqa: BLE001 -- a failed future answers by an exception
                error = self.next_throw(coroutine) if self._force else answer

    @staticmethod
    def _release(trap: Any) -> None:
        """Un-register a wait that is not handed to the loop."""
        if getattr(trap, "_asyncio_future_blocking", None) is not None:
            trap._asyncio_future_blocking = False  # noqa: SLF001 -- documented for authors of loops; there is no other way
            trap.cancel()


class _AsyncioSignal:
    """A bare future: an asyncio.Event costs as much as the root task it waits for."""

    __slots__ = ("_future",)

    def __init__(self) -> None:
        self._future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def set(self) -> None:
        if not self._future.done():
            self._future.set_result(None)

    async def wait(self) -> None:
        await self._future


def _clock_of(reference: "weakref.ref[asyncio.AbstractEventLoop]") -> Callable[[], float]:
    """Return the clock of a loop in seconds, for any thread; no method of the backend, which would hold itself."""

    def now() -> float:
        loop = reference()
        return loop.time() if loop is not None else _NEVER

    return now


class AsyncioBackend:
    """The running asyncio loop, as the engine sees it. It is also the executor `task`."""

    name = "asyncio"
    cancelled: type[BaseException] = asyncio.CancelledError

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self._loop = weakref.ref(loop)  # what belongs to a loop must not keep it alive
        # The stock clock, unless this loop has one of its own: it is read twice for each call.
        self.now = time.monotonic if type(loop).time is asyncio.BaseEventLoop.time else _clock_of(self._loop)
        self._new_scope = type(anyio.CancelScope())  # this loop's own class: no look-up for every attempt
        self._spawned: set[asyncio.Task[None]] = set()
        self._forks = FORKS.count

    def post(self, callback: Callable[[], object]) -> bool:
        """Run *callback* on the loop, from any thread. Returns False if the loop is closed."""
        if self._forks != FORKS.count:
            end_child()  # a loop does not survive a fork; to wake this one would wake the parent's
        loop = self._loop()
        try:
            if loop is not None:
                loop.call_soon_threadsafe(callback)
        except RuntimeError:
            return False
        return loop is not None

    def start(self, work: Work, report: Report) -> Running:
        """Start an attempt as a root task."""
        return _AsyncioRootTask(self._new_scope, work, report)

    def signal(self) -> Signal:
        """Return a new signal of this loop."""
        return _AsyncioSignal()

    def spawn(self, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Start *function*, which must not raise, as a root task of this library's own."""
        task = asyncio.get_running_loop().create_task(function())
        self._spawned.add(task)
        task.add_done_callback(self._spawned.discard)
