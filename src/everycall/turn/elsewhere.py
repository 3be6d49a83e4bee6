"""Parts of an attempt that run by themselves, in a thread or a process; and an attempt as data, for a process."""

import contextvars
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from everycall.ports import Request, Running
from everycall.registry.context import ToolContext
from everycall.registry.tool import Tool

if TYPE_CHECKING:
    from everycall.turn.attempts import Attempt


def request_of(tool: Tool, text: str, context: ToolContext[Any] | None, *, grace: float, backend: str) -> Request:
    """Return what a worker needs to run one attempt.

    Args:
        tool: what to run; its function can be found by name.
        text: the arguments, as strict JSON.
        context: what the tool would get here; None if it asks for none. Its `deps` stay here.
        grace: seconds that the attempt has to end after it was asked to.
        backend: the event loop's name.
    """
    function = tool.function
    return Request(
        tool=tool.name,
        module=function.__module__,
        qualname=function.__qualname__,
        parameters=tool.parameters if tool.schema_is_data else None,
        arguments=text,
        context=None if context is None else _facts(context),
        retry_on=tuple([(one.__module__, one.__qualname__) for one in (tool.retry.on if tool.retry else ())]),
        memory_bytes=tool.memory_bytes,
        cpu_seconds=tool.cpu_seconds,
        grace=grace,
        backend=backend,
    )


def _facts(context: ToolContext[Any]) -> dict[str, object]:
    return {
        "call_id": context.call_id,
        "tool_name": context.tool_name,
        "attempt": context.attempt,
        "idempotency_key": context.idempotency_key,
        "remaining": context.remaining(),
    }


class Parts:
    """A middleware on the loop, and what it waits for: stopped as one.

    Args:
        outer: the middleware's side.

    Attributes:
        inner: what it waits for now; more than one if it runs the tool twice at once.
    """

    __slots__ = ("_outer", "inner")

    def __init__(self, outer: Running | None) -> None:
        self._outer = outer
        self.inner: list[Running] = []

    def stop(self) -> None:
        """See `ports.Running.stop`."""
        for one in self._each():
            one.stop()

    def abandon(self) -> None:
        """See `ports.Running.abandon`."""
        for one in self._each():
            one.abandon()

    def kill(self) -> None:
        """See `ports.Running.kill`."""
        for one in self._each():
            one.kill()

    def _each(self) -> list[Running]:
        return [*self.inner, *([] if self._outer is None else [self._outer])]


@dataclass(slots=True)
class Inner:
    """A part of an attempt that runs by itself: what a middleware wraps, or what a sync tool returned."""

    attempt: "Attempt"
    invoke: Callable[[], object]
    text: str  # its arguments

    @property
    def context(self) -> contextvars.Context:
        """See `ports.Work.context`."""
        return self.attempt.context.copy()

    def enter(self) -> bool:
        """See `ports.Work.enter`."""
        return self.attempt.stop_code is None

    def waits(self) -> None:
        """Its attempt is watched already."""

    def request(self) -> Request:
        """See `ports.Work.request`."""
        return self.attempt.request_for(self.text)

    def progressed(self, done: float, total: float | None, message: str | None) -> None:
        """See `ports.Work.progressed`."""
        self.attempt.progressed(done, total, message)

    def refused(self) -> None:
        """See `ports.Work.refused`."""
        self.attempt.refused()

    def leaked(self, error: BaseException) -> None:
        """See `ports.Work.leaked`."""
        self.attempt.leaked(error)

    @property
    def tool_name(self) -> str:
        """See `ports.Work.tool_name`."""
        return self.attempt.tool_name

    @property
    def source(self) -> str | None:
        """See `ports.Work.source`."""
        return self.attempt.source

    def blocked(self, file: str, line: int, function: str, *, seconds: float) -> None:
        """See `ports.Work.blocked`."""
        self.attempt.blocked(file, line, function, seconds=seconds)
