"""What both backends share: the body of a root task, and the bookkeeping of refusals."""

import ctypes
import types
from collections.abc import Awaitable, Callable, Coroutine
from itertools import count
from typing import Any

import anyio

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

    __slots__ = (
        "_abandoned",
        "_force",
        "_forks",
        "_new_scope",
        "_refusals",
        "_report",
        "_scope",
        "_stopping",
        "_throws",
        "_waited",
        "step",
        "work",
    )

    def __init__(self, work: Work, report: Report, new_scope: Callable[[], anyio.CancelScope]) -> None:
        self.work = work
        self.step = 0  # the stretch of the tool's code that runs, or ran last; see `STEPS`
        self._forks = FORKS.count
        self._report = report
        self._scope: anyio.CancelScope | None = (
            None  # made inside the task: here there may be none, and anyio wants one
        )
        self._new_scope = new_scope
        self._stopping = self._abandoned = self._force = self._waited = False
        self._refusals = self._throws = 0

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

    def drive(self, coroutine: Coroutine[Any, Any, object]) -> Awaitable[object]:
        """Stand between the loop and the tool's coroutine, and forward its waits and the answers to them."""
        raise NotImplementedError  # pragma: no cover -- each backend has its own

    async def body(self) -> None:
        """Run the tool and report how it ended. Never raises."""
        self._scope = scope = self._new_scope()
        scope.__enter__()
        end = await self._attempt()
        if self._forks != FORKS.count:
            end_child()
        left_open = isinstance(end, Stopped) and end.dropped  # a dropped tool's scopes are open for ever inside ours
        if not left_open:
            try:
                scope.__exit__(None, None, None)
            except BaseException as error:  # noqa: BLE001 -- the tool left a scope of its own open; it ends with this task
                left_open = True
                self.work.leaked(error)
        self._deliver(end)
        if left_open:
            self.forget_scopes()
        end = None  # the report may hold an exception, the exception this frame: no cycle for the collector

    def _deliver(self, end: AttemptEnd) -> None:
        self._report(end)

    def forget_scopes(self) -> None:
        """See to it that what the tool left open does not outlive this task."""

    async def _attempt(self) -> Any:
        work = self.work
        self.step = next(STEPS)
        try:
            if not work.enter():
                return NotEntered()
            value = work.invoke()
            if type(value) is types.CoroutineType:
                value = await self.drive(value)
            elif isinstance(value, Awaitable):
                value = await self.drive(_await(value))
            return Returned(value)
        except Dropped:
            return Stopped(dropped=True)
        except ForceStop:
            return Stopped(dropped=False)
        except BaseException as error:  # noqa: BLE001 -- whatever a tool raises ends this attempt and nothing else
            return Stopped(dropped=False) if self._force else Raised(error)

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
