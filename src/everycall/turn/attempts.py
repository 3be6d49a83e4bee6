"""One attempt of one call: what an executor runs, and what it tells the supervisor.

1. Each attempt has its own copy of the caller's context and its own arguments, parsed afresh: nothing that one attempt
   changes is seen by the next.
2. Middleware runs inside the attempt, under its deadline; what it raises or delays counts as the tool's.
3. A sync tool that returns an awaitable is awaited on the loop, within the same attempt.
"""

import contextvars
import hashlib
import json
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import CoroutineType
from typing import TYPE_CHECKING, Any

import anyio

from everycall.core.events import ProgressReported
from everycall.core.outcomes import Code
from everycall.ports import AttemptEnd, Executor, Raised, Returned, Running
from everycall.registry.arguments import read_arguments
from everycall.registry.context import ToolContext
from everycall.registry.tool import Bound, Tool
from everycall.turn.timers import NEVER

if TYPE_CHECKING:
    from everycall.turn.slot import Slot
    from everycall.turn.supervise import Supervisor

Proceed = Callable[..., Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MiddlewareCall:
    """The attempt, as a middleware sees it.

    Attributes:
        call_id: the id in the exchange.
        tool_name: the tool's name.
        attempt: which attempt this is, from 1.
        arguments: the validated arguments by name; a copy. Changed ones go to `proceed(arguments={...})`.
        tool: the tool's own description and options.
        context: what a tool gets that asks for its context.
    """

    call_id: str
    tool_name: str
    attempt: int
    arguments: Mapping[str, Any]
    tool: Tool
    context: ToolContext[Any]


class Attempt:
    """One try at one call. Satisfies `ports.Work`."""

    __slots__ = (
        "_bound",
        "_elsewhere",
        "_held",
        "_supervisor",
        "abandoned",
        "bound",
        "context",
        "deadline",
        "ended",
        "entered",
        "holds_thread",
        "number",
        "running",
        "slot",
        "stop_code",
        "stop_seconds",
        "tool_name",
    )

    def __init__(self, supervisor: "Supervisor", slot: "Slot", number: int, bound: Bound) -> None:
        self._supervisor = supervisor
        self._bound = bound
        self.slot = slot
        self.number = number
        self.tool_name = slot.tool.name
        self.context: contextvars.Context = supervisor.host_context.copy()
        self.holds_thread = slot.tool.executor == "thread"
        self.running: Running | None = None
        self.stop_code: Code | None = None  # why it was asked to stop
        self.stop_seconds: float | None = None  # the bound that passed, if it was one
        self._elsewhere = 0  # parts of this attempt that run by themselves, in a thread say
        self._held: AttemptEnd | None = None  # how it ended, while such a part still runs
        self.bound: Code = "attempt"  # which bound the deadline comes from
        self.deadline = NEVER  # on the loop's clock
        self.entered = self.ended = self.abandoned = False

    def start(self) -> None:
        """Hand the attempt to where it runs."""
        resources = self._supervisor.resources
        if self.holds_thread and not self.slot.tool.middleware:
            self.running = resources.executors[self.slot.tool.executor].start(self, self.report)
            self._supervisor.start_clock(self)  # not by the thread: it may not touch the heap
            self._supervisor.watch(self)
        else:
            self.running = resources.backend.start(self, self.report)

    # --- ports.Work ---

    def enter(self) -> bool:
        """See `ports.Work.enter`."""
        with self._supervisor.entering:
            if self.stop_code is not None:
                return False
            self.entered = True
        if not self.holds_thread or self.slot.tool.middleware:
            self._supervisor.start_clock(self)
        return True

    def waits(self) -> None:
        """See `ports.Work.waits`."""
        self._supervisor.watch(self)

    def invoke(self) -> object:
        """See `ports.Work.invoke`."""
        tool = self.slot.tool
        if tool.middleware:
            return self._through_middleware()
        return tool.call(self._bound, self._tool_context() if tool.wants_context else None)

    def refused(self) -> None:
        """See `ports.Work.refused`."""
        self._supervisor.attempt_refused(self)

    def leaked(self, error: BaseException) -> None:
        """See `ports.Work.leaked`."""
        self._supervisor.emit.fault(f"a cancel scope or task group left open by tool {self.tool_name!r}", error)

    # --- the way back ---

    def report(self, end: AttemptEnd) -> None:
        """Receive how the attempt ended; on the loop, once. While a part of it still runs, it has not really ended."""
        if self._elsewhere:
            self._held = end
            return
        try:
            if self.holds_thread and isinstance(end, Returned) and isinstance(end.value, Awaitable):
                self._await_on_loop(end.value)
            else:
                self.ended = True
                self.running = None  # it holds this attempt in turn: no cycle for the collector
                self._supervisor.attempt_ended(self, end)
        except BaseException as error:  # noqa: BLE001 -- a fault of this library must neither leave the turn waiting nor end the loop
            self._supervisor.attempt_confused_us(self, error)
        finally:
            if isinstance(end, Raised):
                end.error.__traceback__ = None  # a tool that still holds its exception would hold our frames with it

    def _await_on_loop(self, value: Awaitable[object]) -> None:
        """Go on with what a sync tool returned instead of a value: a coroutine or a future."""
        if self.stop_code is not None:
            if isinstance(value, CoroutineType):
                value.close()
            self.ended = True
            self._supervisor.attempt_ended(self, Raised(TimeoutError("a coroutine was returned after the deadline")))
            return
        self.holds_thread = False
        self.running = self._supervisor.resources.backend.start(_Inner(self, lambda: value), self.report)

    # --- what a tool and a middleware see ---

    def _tool_context(self) -> ToolContext[Any]:
        supervisor, slot = self._supervisor, self.slot
        return ToolContext(
            call_id=slot.call.call_id,
            tool_name=slot.call.name,
            attempt=self.number,
            deps=supervisor.options.deps,
            idempotency_key=lambda: idempotency_key(
                supervisor.turn_key(), slot.call.position, slot.tool.name, slot.text
            ),
            remaining=lambda: supervisor.remaining(self),
            cancelled=lambda: self.stop_code is not None,
            report=self._progress,
        )

    def _progress(self, done: float, total: float | None, message: str | None) -> None:
        supervisor, call = self._supervisor, self.slot.call

        def tell() -> None:
            supervisor.emit.call(ProgressReported, call, done=done, total=total, message=message)

        if threading.get_ident() == supervisor.thread:
            tell()
        else:  # posted before the end of its attempt is, so it comes before it
            supervisor.resources.backend.post(tell)

    async def _through_middleware(self) -> object:
        context = self._tool_context()
        return await self._layer(self.slot.tool.middleware, self._bound, context)

    async def _layer(self, middleware: Sequence[Any], bound: Bound, context: ToolContext[Any]) -> object:
        """Run the outermost of *middleware* around the rest of it, and the tool innermost."""
        tool = self.slot.tool
        if not middleware:
            return await self._innermost(bound, context if tool.wants_context else None)

        async def proceed(arguments: Mapping[str, Any] | None = None) -> object:
            inner = bound if arguments is None else tool.bind(self._read_again(arguments))
            return await self._layer(middleware[1:], inner, context)

        call = MiddlewareCall(
            call_id=self.slot.call.call_id,
            tool_name=self.slot.call.name,
            attempt=self.number,
            arguments=tool.arguments_of(bound),
            tool=tool,
            context=context,
        )
        return await middleware[0](call, proceed)

    def _read_again(self, arguments: Mapping[str, Any]) -> str:
        """Return arguments that a middleware changed as strict JSON: they are trusted no more than the model's."""
        limit = self._supervisor.options.limits.argument_bytes
        return read_arguments(dict(arguments), max_bytes=limit).text

    async def _innermost(self, bound: Bound, context: ToolContext[Any] | None) -> object:
        tool = self.slot.tool
        value: object
        if tool.executor == "task":
            value = tool.call(bound, context)
        else:
            executor = self._supervisor.resources.executors[tool.executor]
            value = await self._run_elsewhere(executor, _Inner(self, lambda: tool.call(bound, context)))
        return await value if isinstance(value, Awaitable) else value

    async def _run_elsewhere(self, executor: Executor, work: "_Inner") -> object:
        """Run a part of this attempt at another executor and wait until its code has really ended."""
        ends: list[AttemptEnd] = []
        done = anyio.Event()

        def ended(end: AttemptEnd) -> None:
            self._elsewhere -= 1
            ends.append(end)
            done.set()
            if self._held is not None:  # who waited here was stopped by force: only now is the attempt over
                held, self._held = self._held, None
                self.report(held)

        self._elsewhere += 1
        executor.start(work, ended)
        with anyio.CancelScope(shield=True):  # a thread cannot be cancelled
            await done.wait()
        match ends.pop():
            case Returned(value):
                return value
            case Raised(error):
                raise error
        raise TimeoutError("the call was stopped before its code was entered")


@dataclass(slots=True)
class _Inner:
    """A part of an attempt that runs by itself: what a middleware wraps, or what a sync tool returned."""

    attempt: Attempt
    invoke: Callable[[], object]

    @property
    def context(self) -> contextvars.Context:
        return self.attempt.context.copy()

    def enter(self) -> bool:
        return self.attempt.stop_code is None

    def waits(self) -> None:
        """Its attempt is watched already."""

    def refused(self) -> None:
        self.attempt.refused()

    def leaked(self, error: BaseException) -> None:
        self.attempt.leaked(error)


def idempotency_key(turn_key: str, position: int, tool_name: str, arguments: str) -> str:
    """Return a key that is the same for every attempt of a call, and on a replay of its turn under the same key.

    Args:
        turn_key: names the turn.
        position: of the call in its message.
        tool_name: the tool's name.
        arguments: JSON text; spelling (order of keys, white space) does not matter.

    Returns:
        40 hexadecimal characters: within the 255 that payment services accept.
    """
    canonical = json.dumps(json.loads(arguments), sort_keys=True, separators=(",", ":"))
    facts = json.dumps([turn_key, position, tool_name, canonical])
    return hashlib.sha256(facts.encode()).hexdigest()[:40]
