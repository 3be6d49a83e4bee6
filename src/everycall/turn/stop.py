"""Root tasks: how the code of an async tool is started, asked to stop, and in the end stopped against its will.

This is the only module that knows how an event loop works inside. Why it exists:

1. A task group waits for its children, so a tool that refuses cancellation would hold the turn. Each attempt is
   therefore a *root task* (an asyncio task, a trio system task) that nobody waits for; the engine waits for its report.
2. `asyncio.run` and `trio.run` do not return while a task lives. So a root task must be stoppable by force. A coroutine
   only advances when somebody calls `send` or `throw`; a *driver* between the loop and the tool's coroutine is that
   somebody.

The ladder: `stop` cancels the scope around the tool (level cancellation: shields are honoured); `abandon` says that
nobody waits any more; `kill` answers the tool's next wait, and the waits after that, with `ForceStop`; a coroutine that
survives `FORCED_THROWS` of them is never resumed again. A tool that swallows more than `REFUSALS` cancellations, or one
after it was abandoned, is killed at once: it would keep a core busy, or its loop from closing.
"""

import asyncio
import ctypes
import sys
import types
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, cast

import anyio

from everycall.ports import AttemptEnd, NotEntered, Raised, Returned, Running, Signal, Stopped, Work

REFUSALS = 100
"""Swallowed cancellations after which a tool is stopped by force (reliability research, X.2)."""
FORCED_THROWS = 5
"""How often `ForceStop` is thrown into a tool before its coroutine is dropped (reliability research, X.2)."""

Report = Callable[[AttemptEnd], None]
_NEVER = float("inf")


class ForceStop(BaseException):
    """Thrown into a tool that ignored its cancellation."""


class _Dropped(BaseException):
    """The tool survived every `ForceStop`: its coroutine is never resumed again."""


class _RootTask:
    """What both backends share: the body of a root task and the bookkeeping of refusals."""

    __slots__ = (
        "_abandoned",
        "_force",
        "_new_scope",
        "_refusals",
        "_report",
        "_scope",
        "_stopping",
        "_throws",
        "_waited",
        "_work",
    )

    def __init__(self, work: Work, report: Report, new_scope: Callable[[], anyio.CancelScope]) -> None:
        self._work = work
        self._report = report
        self._scope: anyio.CancelScope | None = (
            None  # made inside the task: here there may be none, and anyio wants one
        )
        self._new_scope = new_scope
        self._stopping = self._abandoned = self._force = self._waited = False
        self._refusals = self._throws = 0

    def stop(self) -> None:
        self._stopping = True
        if self._scope is not None:
            self._scope.cancel()

    def abandon(self) -> None:
        self._abandoned = True
        if self._refusals > 1:  # it has swallowed one already: waiting for the next would only burn time
            self.kill()

    def kill(self) -> None:
        raise NotImplementedError  # pragma: no cover -- each backend has its own

    def drive(self, coroutine: Coroutine[Any, Any, object]) -> Awaitable[object]:
        raise NotImplementedError  # pragma: no cover -- each backend has its own

    async def body(self) -> None:
        """Run the tool and report how it ended. Never raises."""
        self._scope = scope = self._new_scope()
        scope.__enter__()
        end = await self._attempt()
        if not (isinstance(end, Stopped) and end.dropped):  # a dropped tool's own scopes are open for ever inside ours
            try:
                scope.__exit__(None, None, None)
            except BaseException as error:  # noqa: BLE001 -- the tool left a scope of its own open; it ends with this task
                self._work.leaked(error)
        self._deliver(end)
        end = None  # the report may hold an exception, the exception this frame: no cycle for the collector

    def _deliver(self, end: AttemptEnd) -> None:
        self._report(end)

    async def _attempt(self) -> Any:
        work = self._work
        try:
            if not work.enter():
                return NotEntered()
            value = work.invoke()
            if type(value) is types.CoroutineType:
                value = await self.drive(value)
            elif isinstance(value, Awaitable):
                value = await self.drive(_await(value))
            return Returned(value)
        except _Dropped:
            return Stopped(dropped=True)
        except ForceStop:
            return Stopped(dropped=False)
        except BaseException as error:  # noqa: BLE001 -- whatever a tool raises ends this attempt and nothing else
            return Stopped(dropped=False) if self._force else Raised(error)

    def _swallowed(self) -> None:
        """Count a cancellation after which the tool waits again, and decide whether that was one too many."""
        if not self._stopping:
            return
        self._refusals += 1
        if self._refusals == 2:  # the first may have been honoured by a shielded clean-up
            self._work.refused()
        if self._refusals > REFUSALS or self._abandoned:
            self._force = True

    def _next_throw(self, coroutine: object) -> ForceStop:
        """Return what to throw into the tool instead of the loop's answer.

        Raises:
            _Dropped: it has survived enough of them.
        """
        self._throws += 1
        if self._throws > FORCED_THROWS:
            _bury(coroutine)
            raise _Dropped
        return ForceStop("this call was abandoned")


async def _await(value: Awaitable[object]) -> object:
    return await value


def _bury(coroutine: object) -> None:
    """Keep a dropped coroutine alive for ever.

    Its finaliser would throw GeneratorExit into tool code outside of any loop, where a bare `except` in a `while True`
    spins inside the interpreter's shutdown. A module-level list does not help there: modules are torn down as well.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(coroutine))


def _close(coroutine: Coroutine[Any, Any, object], *, refused: bool) -> None:
    """Close the tool's coroutine when its root task is collected on a closed loop."""
    if refused:
        _bury(coroutine)
    else:
        coroutine.close()


# --- asyncio ----------------------------------------------------------------------------------------------------------


class _AsyncioRootTask(_RootTask):
    __slots__ = ("task",)

    def __init__(self, new_scope: Callable[[], anyio.CancelScope], work: Work, report: Report) -> None:
        super().__init__(work, report, new_scope)
        loop = asyncio.get_running_loop()
        self.task: asyncio.Task[None] = loop.create_task(self.body(), context=work.context)

    def kill(self) -> None:
        self._force = True
        if not self.task.done():
            self.task.cancel()

    @types.coroutine
    def drive(self, coroutine: Coroutine[Any, Any, object]) -> Generator[Any, Any, object]:
        error: BaseException | None = None
        while True:
            try:
                trap = coroutine.send(None) if error is None else coroutine.throw(error)
            except StopIteration as done:
                return done.value
            if error is not None and isinstance(error, asyncio.CancelledError):
                self._swallowed()
            if self._force:
                self._release(trap)
                error = self._next_throw(coroutine)
                continue
            error = None
            if not self._waited:
                self._waited = True
                self._work.waits()
            try:
                yield trap
            except GeneratorExit:
                _close(coroutine, refused=self._refusals > 0)
                raise
            except BaseException as answer:  # noqa: BLE001 -- a failed future answers by an exception
                error = self._next_throw(coroutine) if self._force else answer

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


class AsyncioBackend:
    """The running asyncio loop, as the engine sees it. It is also the executor `task`."""

    name = "asyncio"
    cancelled: type[BaseException] = asyncio.CancelledError

    def __init__(self) -> None:
        self._loop = weakref.ref(asyncio.get_running_loop())  # what belongs to a loop must not keep it alive
        self._new_scope = type(anyio.CancelScope())  # this loop's own class: no look-up for every attempt
        self._spawned: set[asyncio.Task[None]] = set()

    def now(self) -> float:
        """Return the loop's clock in seconds; from any thread."""
        loop = self._loop()
        return loop.time() if loop is not None else _NEVER

    def post(self, callback: Callable[[], object]) -> bool:
        """Run *callback* on the loop, from any thread. Returns False if the loop is closed."""
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


# --- trio -------------------------------------------------------------------------------------------------------------


class _TrioRootTask(_RootTask):
    __slots__ = ("_abort", "_aborted", "_delivered", "task")

    def __init__(self, new_scope: Callable[[], anyio.CancelScope], work: Work, report: Report) -> None:
        super().__init__(work, report, new_scope)
        self._delivered = False
        self._abort: Callable[[Any], Any] | None = None  # what ends the tool's present wait, if that was not tried yet
        self._aborted = False
        self.task: Any = None
        _trio().lowlevel.spawn_system_task(self._guard, context=work.context)

    def _deliver(self, end: AttemptEnd) -> None:
        if not self._delivered:
            self._delivered = True
            self._report(end)

    async def _guard(self) -> None:
        """Hold the body in a nursery.

        A tool that leaks an open nursery makes its task fail with "Nursery stack corrupted"; in a bare system task that
        is a TrioInternalError, and the end of the program.
        """
        trio = _trio()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._body_in_task)
        except trio.Cancelled:
            raise
        except BaseException as error:  # noqa: BLE001 -- see above
            self._work.leaked(error)
        finally:
            self._deliver(Stopped(dropped=True))

    async def _body_in_task(self) -> None:
        self.task = _trio().lowlevel.current_task()
        await self.body()

    def kill(self) -> None:
        self._force = True
        abort, self._abort = self._abort, None
        if abort is None or self._aborted:
            return  # it runs, or an abort of this wait was tried before and failed: a wait is aborted once at most
        self._aborted = True
        trio = _trio()
        if abort(_raise_force_stop) is trio.lowlevel.Abort.SUCCEEDED:
            import outcome  # noqa: PLC0415 -- trio's, and there only where trio is

            trio.lowlevel.reschedule(self.task, outcome.Error(ForceStop("this call was abandoned")))

    @types.coroutine
    def drive(self, coroutine: Coroutine[Any, Any, object]) -> Generator[Any, Any, object]:
        cancelled = _trio().Cancelled
        answer: Any = None
        throw: ForceStop | None = None
        while True:
            try:
                trap = coroutine.send(answer) if throw is None else coroutine.throw(throw)
            except StopIteration as done:
                return done.value
            if throw is None and isinstance(getattr(answer, "error", None), cancelled):
                self._swallowed()
            if self._force and self._release(trap):
                throw = self._next_throw(coroutine)
                continue
            throw = None
            if not self._waited:
                self._waited = True
                self._work.waits()
            try:
                answer = yield self._watched(trap)
            except GeneratorExit:
                _close(coroutine, refused=self._refusals > 0)
                raise
            self._abort = None
            if self._force:
                throw = self._next_throw(coroutine)

    def _watched(self, trap: Any) -> Any:
        """Return the same wait with an abort function that says when trio has tried it."""
        abort = getattr(trap, "abort_func", None)
        if abort is None:
            return trap
        self._abort, self._aborted = abort, False

        def watched(raise_cancel: Any) -> Any:
            self._aborted = True
            return abort(raise_cancel)

        try:
            return type(trap)(watched)
        except TypeError:  # another trio than the one this was written for: the tool is abandoned without a hard stop
            self._abort = None
            return trap

    @staticmethod
    def _release(trap: Any) -> bool:
        """Un-register a wait that is not handed to trio. Returns whether that was possible."""
        abort = getattr(trap, "abort_func", None)
        if abort is None:
            return isinstance(trap, type)  # a bare checkpoint waits for nothing
        return abort(_raise_force_stop) is _trio().lowlevel.Abort.SUCCEEDED


def _raise_force_stop() -> None:
    raise ForceStop("this call was abandoned")


def _trio() -> Any:
    return sys.modules["trio"]  # it runs this loop, so it has been imported


class TrioBackend:
    """The running trio loop, as the engine sees it. It is also the executor `task`."""

    name = "trio"

    def __init__(self) -> None:
        self._trio = _trio()
        self._new_scope = type(anyio.CancelScope())
        self.cancelled: type[BaseException] = self._trio.Cancelled
        self._token = weakref.ref(self._trio.lowlevel.current_trio_token())
        self.now = self._trio.lowlevel.current_clock().current_time  # unlike trio.current_time, from any thread

    def post(self, callback: Callable[[], object]) -> bool:
        """Run *callback* on the loop, from any thread. Returns False if the loop is closed."""
        token = self._token()
        try:
            if token is not None:
                token.run_sync_soon(callback)
        except self._trio.RunFinishedError:
            return False
        return token is not None

    def start(self, work: Work, report: Report) -> Running:
        """Start an attempt as a root task."""
        return _TrioRootTask(self._new_scope, work, report)

    def signal(self) -> Signal:
        """Return a new signal of this loop."""
        return cast("Signal", self._trio.Event())

    def spawn(self, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Start *function*, which must not raise, as a root task of this library's own."""
        self._trio.lowlevel.spawn_system_task(function)


def backend_of_running_loop() -> AsyncioBackend | TrioBackend:
    """Return a view of the loop that runs this code.

    Raises:
        RuntimeError: no event loop is running here.
    """
    return TrioBackend() if _in_trio() else AsyncioBackend()


def running_loop() -> object:
    """Return what stands for the loop that runs this code: hashable, and gone when the loop is.

    Raises:
        RuntimeError: no event loop is running here.
    """
    return _trio().lowlevel.current_trio_token() if _in_trio() else asyncio.get_running_loop()


def _in_trio() -> bool:
    trio = sys.modules.get("trio")
    return trio is not None and trio.lowlevel.in_trio_task()
