"""Root tasks on asyncio.

Inside knowledge: what a coroutine yields to its task is a future that is marked as being waited for. A wait that is not
handed to the loop has its mark taken off and its future cancelled, as `Task.cancel` does.
"""

import asyncio
import time
import types
import weakref
from collections.abc import Callable, Coroutine, Generator
from typing import Any

import anyio

from everycall.ports import AttemptEnd, Running, Signal, Work
from everycall.turn.stop.first_step import begin, makes_first_steps, task_to_begin
from everycall.turn.stop.forks import FORKS, end_child
from everycall.turn.stop.root import STEPS, Report, RootTask, close
from everycall.turn.stop.scopes import Scopes, known_scopes

_NEVER = float("inf")

MAX_HELD = 0.005
"""Seconds for which turns that never wait may keep their loop from everybody else, before one of them lets it go on."""


class _AsyncioRootTask(RootTask):
    # Both are set by the backend: a constructor of its own costs as much as the rest of the object.
    task: asyncio.Task[None] | None = None  # until it is made; its first step may come before
    known: Scopes | None = None

    def kill(self) -> None:
        self._force = True
        if self.task is not None and not self.task.done():
            self.task.cancel()

    def first_wait(self) -> None:
        if self.known is not None:
            self._scope = scope = self._new_scope()
            self.known.enter_around(scope, self.task or _current_task())
            if self._stopping:
                scope.cancel()
        super().first_wait()

    def leaves_open(self, end: AttemptEnd) -> bool:
        if self._scope is not None or self.known is None:
            return super().leaves_open(end)
        if self.known.innermost(self.task or _current_task()) is None:
            return False
        self.work.leaked(RuntimeError("the tool ended without leaving a cancel scope that it had entered"))
        return True

    def forget_scopes(self) -> None:
        if self.known is not None:
            self.known.forget(self.task or _current_task())

    @types.coroutine
    def drive(self, coroutine: Coroutine[Any, Any, object], trap: Any) -> Generator[Any, Any, object]:
        error: BaseException | None = None
        while True:
            if self._forks != FORKS.count:
                end_child()
            if isinstance(error, asyncio.CancelledError):
                self.swallowed()
            if self._force:
                self._release(trap)
                error = self.next_throw(coroutine)
            else:
                error = None
                if not self._waited:
                    self.first_wait()
                try:
                    yield trap
                except GeneratorExit:
                    close(coroutine, refused=self._refusals > 0)
                    raise
                except BaseException as answer:  # noqa: BLE001 -- a failed future answers by an exception
                    error = self.next_throw(coroutine) if self._force else answer
            self.step = next(STEPS)
            try:
                trap = coroutine.send(None) if error is None else coroutine.throw(error)
            except StopIteration as done:
                error = None  # its traceback holds this frame: no cycle for the collector
                return done.value
            except BaseException:
                error = None
                raise

    @staticmethod
    def _release(trap: Any) -> None:
        """Un-register a wait that is not handed to the loop."""
        if getattr(trap, "_asyncio_future_blocking", None) is not None:
            trap._asyncio_future_blocking = False  # noqa: SLF001 -- documented for authors of loops; there is no other way
            trap.cancel()


DRIVER = _AsyncioRootTask.drive.__code__
"""What stands below a tool's own frames on its thread's stack: see `under_way`."""


class _EnclosedLate(_AsyncioRootTask):
    encloses_late = True


def _current_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None, "a body runs in its task"  # noqa: S101
    return task


class _AsyncioSignal:
    """A bare future: an asyncio.Event costs as much as the root task it waits for."""

    __slots__ = ("_future", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._future: asyncio.Future[None] = loop.create_future()

    def set(self) -> None:
        if not self._future.done():
            self._future.set_result(None)

    async def wait(self, until: float) -> None:
        if until == _NEVER:
            await self._future
            return
        timer = self._loop.call_at(until, self.set)  # no cancel scope: to be woken is all that is wanted
        try:
            await self._future
        finally:
            timer.cancel()


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
        self._scopes = known_scopes()
        self._new_root = _AsyncioRootTask if self._scopes is None else _EnclosedLate
        self._makes_first_steps = makes_first_steps(loop)
        self._passed = -_NEVER
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

    def _running(self) -> asyncio.AbstractEventLoop:
        return self._loop() or asyncio.get_running_loop()  # the latter asks the system for the process: far dearer

    def start(self, work: Work, report: Report) -> Running:
        """Start an attempt as a root task."""
        root = self._new_root(work, report, self._new_scope)
        root.known = self._scopes
        root.task = self._running().create_task(root.body(), name=work.tool_name, context=work.context)
        return root

    def start_at_once(self, work: Work, report: Report, host: Any) -> Running | None:
        """Start an attempt as a root task whose first step is made before this returns."""
        root = self._new_root(work, report, self._new_scope)
        root.known = self._scopes
        loop = self._loop() or asyncio.get_running_loop()
        root.task = task_to_begin(root.body(), loop, work.tool_name, work.context)
        begin(root.task, loop, host)
        return None if root.task.done() else root

    def host_at_once(self) -> object | None:
        """See `ports.Backend.host_at_once`."""
        loop, scopes = self._loop(), self._scopes
        if loop is None or scopes is None or not self._makes_first_steps or loop.get_task_factory() is not None:
            return None
        task = asyncio.current_task(loop)
        return None if task is None or scopes.are_cancelled(task) else task

    def is_cancelled(self) -> bool:
        """See `ports.Backend.is_cancelled`."""
        task = asyncio.current_task(self._running())
        if self._scopes is None or task is None:
            return anyio.current_effective_deadline() == -_NEVER
        return self._scopes.are_cancelled(task)

    def holds_up(self, now: float) -> bool:
        """See `ports.Backend.holds_up`."""
        if now - self._passed < MAX_HELD:
            return False
        self._passed = now
        return True

    def signal(self) -> Signal:
        """Return a new signal of this loop."""
        return _AsyncioSignal(self._loop() or asyncio.get_running_loop())

    def spawn(self, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Start *function*, which must not raise, as a root task of this library's own."""
        task = asyncio.get_running_loop().create_task(function())
        self._spawned.add(task)
        task.add_done_callback(self._spawned.discard)
