"""Root tasks on trio, which is imported by whoever runs the loop, never by this library.

Inside knowledge: what a coroutine yields to trio is a wait with an abort function, or a checkpoint without. A wait is
aborted once at most, so trio's own tries are watched. If trio yields something else one day, a tool is abandoned
without a hard stop.
"""

import sys
import types
import weakref
from collections.abc import Callable, Coroutine, Generator
from typing import Any

import anyio

from everycall.ports import AttemptEnd, Running, Signal, Stopped, Work
from everycall.turn.stop.forks import FORKS, end_child
from everycall.turn.stop.root import STEPS, ForceStop, Report, RootTask, close

_NEVER = float("inf")


class _TrioRootTask(RootTask):
    def __init__(self, work: Work, report: Report, new_scope: Callable[[], anyio.CancelScope]) -> None:
        super().__init__(work, self._deliver, new_scope)
        self._deliver_to = report
        self._delivered = False
        self._abort: Callable[[Any], Any] | None = None  # what ends the tool's present wait, if that was not tried yet
        self._aborted = False
        self.task: Any = None
        _trio().lowlevel.spawn_system_task(self._guard, context=work.context)

    def _deliver(self, end: AttemptEnd) -> None:
        if not self._delivered:
            self._delivered = True
            self._deliver_to(end)
            del self._report  # it is this method: no cycle for the collector

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
            self.work.leaked(error)
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
    def drive(self, coroutine: Coroutine[Any, Any, object], trap: Any) -> Generator[Any, Any, object]:
        cancelled = _trio().Cancelled
        answer: Any = None
        throw: ForceStop | None = None
        while True:
            if self._forks != FORKS.count:
                end_child()
            if throw is None and isinstance(getattr(answer, "error", None), cancelled):
                self.swallowed()
            if self._force and self._release(trap):
                throw = self.next_throw(coroutine)
            else:
                throw = None
                if not self._waited:
                    self.first_wait()
                try:
                    answer = yield self._watched(trap)
                except GeneratorExit:
                    close(coroutine, refused=self._refusals > 0)
                    raise
                self._abort = None
                if self._force:
                    throw = self.next_throw(coroutine)
            self.step = next(STEPS)
            try:
                trap = coroutine.send(answer) if throw is None else coroutine.throw(throw)
            except StopIteration as done:
                throw = answer = None  # its traceback holds this frame: no cycle for the collector
                return done.value
            except BaseException:
                throw = answer = None
                raise

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


DRIVER = _TrioRootTask.drive.__code__
"""What stands below a tool's own frames on its thread's stack: see `under_way`."""


def _raise_force_stop() -> None:
    raise ForceStop("this call was abandoned")


def _trio() -> Any:
    return sys.modules["trio"]  # it runs this loop, so it has been imported


class _TrioSignal:
    __slots__ = ("_event", "_trio")

    def __init__(self, trio: Any) -> None:
        self._trio = trio
        self._event = trio.Event()

    def set(self) -> None:
        self._event.set()

    async def wait(self, until: float) -> None:
        with self._trio.CancelScope(deadline=until):
            await self._event.wait()


class TrioBackend:
    """The running trio loop, as the engine sees it. It is also the executor `task`."""

    name = "trio"

    def __init__(self) -> None:
        self._trio = _trio()
        self._new_scope = type(anyio.CancelScope())
        self.cancelled: type[BaseException] = self._trio.Cancelled
        self._token = weakref.ref(self._trio.lowlevel.current_trio_token())
        self.now = self._trio.lowlevel.current_clock().current_time  # unlike trio.current_time, from any thread
        self._forks = FORKS.count

    def post(self, callback: Callable[[], object]) -> bool:
        """Run *callback* on the loop, from any thread. Returns False if the loop is closed."""
        if self._forks != FORKS.count:
            end_child()  # a loop does not survive a fork; to wake this one would wake the parent's
        token = self._token()
        try:
            if token is not None:
                token.run_sync_soon(callback)
        except self._trio.RunFinishedError:
            return False
        return token is not None

    def start(self, work: Work, report: Report) -> Running:
        """Start an attempt as a root task."""
        return _TrioRootTask(work, report, self._new_scope)

    def start_at_once(self, work: Work, report: Report, host: object) -> Running | None:  # noqa: ARG002 -- see below
        """Start an attempt as a root task: trio makes no step but in its own passes."""
        return self.start(work, report)

    def host_at_once(self) -> object | None:
        """See `ports.Backend.host_at_once`."""
        return None

    def is_cancelled(self) -> bool:
        """See `ports.Backend.is_cancelled`."""
        return bool(self._trio.current_effective_deadline() == -_NEVER)

    def holds_up(self, now: float) -> bool:  # noqa: ARG002 -- see `ports.Backend.holds_up`
        """Say yes: on trio, everything that is awaited is a checkpoint."""
        return True

    def signal(self) -> Signal:
        """Return a new signal of this loop."""
        return _TrioSignal(self._trio)

    def spawn(self, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Start *function*, which must not raise, as a root task of this library's own."""
        self._trio.lowlevel.spawn_system_task(function)
