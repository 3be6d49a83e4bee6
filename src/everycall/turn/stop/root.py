"""What both backends share: the body of a root task, and the bookkeeping of refusals."""

import ctypes
import types
from collections.abc import Awaitable, Callable, Coroutine
from itertools import count
from typing import Any

import anyio

from everycall.core.making import new_tuple
from everycall.ports import AttemptEnd, NotEntered, Raised, Returned, Stopped, Work
from everycall.turn.stop.forks import FORKS, end_child

REFUSALS = 100
"""Swallowed cancellations after which a tool is stopped by force (reliability research, X.2)."""
FORCED_THROWS = 5
"""How often `ForceStop` is thrown into a tool before its coroutine is dropped (reliability research, X.2)."""

Report = Callable[[AttemptEnd], None]

STEPS = count(1)
"""Numbers each stretch of a tool's code between two of its waits: no two are the same, on whatever loop."""


class ForceStop(BaseException):
    """Thrown into a tool that ignored its cancellation."""


class Dropped(BaseException):
    """The tool survived every `ForceStop`: its coroutine is never resumed again."""


class RootTask:
    """One attempt on a loop: its body and the bookkeeping of refusals. A backend adds how it is driven and killed."""

    # How each attempt begins; here, because setting them one by one takes longer than many a tool.
    encloses_late = False
    """Whether the scope around the tool's code is entered at its first wait."""
    step = 0
    """The stretch of the tool's code that runs, see `STEPS`; 0 before and after."""
    _scope: anyio.CancelScope | None = None  # made inside the task, which anyio wants to see
    _stopping = _abandoned = _force = _waited = False
    _refusals = _throws = 0

    def __init__(self, work: Work, report: Report, new_scope: Callable[[], anyio.CancelScope]) -> None:
        self.work = work
        self._forks = FORKS.count
        self._report = report
        self._new_scope = new_scope

    def stop(self) -> None:
        """See `ports.Running.stop`."""
        self._stopping = True
        if self._scope is not None:
            self._scope.cancel()

    def abandon(self) -> None:
        """See `ports.Running.abandon`."""
        self._abandoned = True
        if self._refusals > 1:  # it has swallowed one already: waiting for the next would only burn time
            self.kill()

    def kill(self) -> None:
        """See `ports.Running.kill`."""
        raise NotImplementedError  # pragma: no cover -- each backend has its own

    def drive(self, coroutine: Coroutine[Any, Any, object], trap: Any) -> Awaitable[object]:
        """Stand between the loop and the tool's coroutine, and forward its waits and the answers to them.

        Args:
            coroutine: the tool's, which has made its first step.
            trap: what that step has yielded: its first wait.
        """
        raise NotImplementedError  # pragma: no cover -- each backend has its own

    async def body(self) -> None:
        """Run the tool and report how it ended. Never raises."""
        end: AttemptEnd | None
        if not self.encloses_late:
            self.enclose()
        self.step = next(STEPS)
        try:
            if self.work.enter():
                value = self.work.invoke()
                if type(value) is not types.CoroutineType and isinstance(value, Awaitable):
                    value = _await(value)
                if type(value) is types.CoroutineType:
                    coroutine, value = value, None
                    try:
                        trap = coroutine.send(None)
                    except StopIteration as done:  # it never waits
                        value = done.value
                    else:
                        value = await self.drive(coroutine, trap)
                end = new_tuple(Returned, (value, ()))
            else:
                end = NotEntered()
        except BaseException as error:  # noqa: BLE001 -- whatever a tool raises ends this attempt and nothing else
            end = self._end_by(error)
        self.step = 0
        if self._forks != FORKS.count:
            end_child()
        left_open = self.leaves_open(end)
        self._report(end)
        if left_open:
            self.forget_scopes()
        end = value = None  # the report may hold an exception, the exception this frame: no cycle for the collector

    def _end_by(self, error: BaseException) -> AttemptEnd:
        if self._force or isinstance(error, ForceStop | Dropped):
            return Stopped(dropped=isinstance(error, Dropped))
        return Raised(error)

    def first_wait(self) -> None:
        """Take note that the tool is about to wait for the first time; in its task."""
        self._waited = True
        self.work.waits()

    def enclose(self) -> None:
        """Put the scope by which the attempt is cancelled around its code; in its task."""
        self._scope = scope = self._new_scope()
        scope.__enter__()

    def leaves_open(self, end: AttemptEnd) -> bool:
        """Leave the scope around the tool's code. Returns whether a scope stays open that nobody will ever leave."""
        if isinstance(end, Stopped) and end.dropped:  # its scopes are open for ever inside ours
            return True
        try:
            if self._scope is not None:
                self._scope.__exit__(None, None, None)
        except BaseException as error:  # noqa: BLE001 -- the tool left a scope of its own open; it ends with this task
            self.work.leaked(error)
            return True
        return False

    def forget_scopes(self) -> None:
        """See to it that what the tool left open does not outlive this task."""

    def swallowed(self) -> None:
        """Count a cancellation after which the tool waits again, and decide whether that was one too many."""
        if not self._stopping:
            return
        self._refusals += 1
        if self._refusals == 2:  # the first may have been honoured by a shielded clean-up
            self.work.refused()
        if self._refusals > REFUSALS or self._abandoned:
            self._force = True

    def next_throw(self, coroutine: object) -> ForceStop:
        """Return what to throw into the tool instead of the loop's answer.

        Raises:
            Dropped: it has survived enough of them.
        """
        self._throws += 1
        if self._throws > FORCED_THROWS:
            bury(coroutine)
            raise Dropped
        return ForceStop("this call was abandoned")


async def _await(value: Awaitable[object]) -> object:
    return await value


def bury(coroutine: object) -> None:
    """Keep a dropped coroutine alive for ever.

    Its finaliser would throw GeneratorExit into tool code outside of any loop, where a bare `except` in a `while True`
    spins inside the interpreter's shutdown. A module-level list does not help there: modules are torn down as well.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(coroutine))


def close(coroutine: Coroutine[Any, Any, object], *, refused: bool) -> None:
    """Close the tool's coroutine when its root task is collected on a closed loop."""
    if refused:
        bury(coroutine)
    else:
        coroutine.close()
