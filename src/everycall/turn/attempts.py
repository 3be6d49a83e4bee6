"""One attempt of one call: what an executor runs, and what it tells the supervisor.

1. Each attempt has its own copy of the caller's context and its own arguments, parsed afresh: nothing that one attempt
   changes is seen by the next.
2. Middleware runs inside the attempt, under its deadline; what it raises or delays counts as the tool's.
3. A sync tool that returns an awaitable is awaited on the loop, within the same attempt.
"""

import contextvars
import hashlib
import inspect
import json
import threading
from collections.abc import Awaitable, Mapping, Sequence
from types import AsyncGeneratorType, CodeType, CoroutineType
from typing import TYPE_CHECKING, Any

import anyio

from everycall.core.errors import ToolError
from everycall.core.events import LoopBlocked, ProgressReported, ValueCoerced
from everycall.core.outcomes import Code
from everycall.core.redaction import Redactor
from everycall.ports import AttemptEnd, Executor, NotEntered, Raised, Request, Returned, Running
from everycall.registry.arguments import ArgumentsRefused, canonical, read_arguments
from everycall.registry.binding import Bound
from everycall.registry.context import MAX_PROGRESS_MESSAGE, ToolContext, last_of
from everycall.registry.middleware import Middleware, MiddlewareCall
from everycall.registry.secrets import secrets_of, with_secrets
from everycall.registry.tool import Tool
from everycall.turn.elsewhere import Inner, Parts, request_of
from everycall.turn.nested import INSIDE
from everycall.turn.timers import NEVER

if TYPE_CHECKING:
    from everycall.turn.slot import Slot
    from everycall.turn.supervise import Supervisor


class Attempt:
    """One try at one call. Satisfies `ports.Work`."""

    __slots__ = (
        "_asked_again",
        "_bound",
        "_elsewhere",
        "_held",
        "_off_loop",
        "_supervisor",
        "_tool_called",
        "abandoned",
        "context",
        "deadline",
        "deadline_of",
        "ended",
        "entered",
        "holds_thread",
        "idle_at",
        "number",
        "running",
        "slot",
        "stop_code",
        "stop_seconds",
        "tool_name",
    )

    def __init__(
        self, supervisor: "Supervisor", slot: "Slot", number: int, bound: Bound, context: contextvars.Context
    ) -> None:
        self._supervisor = supervisor
        self._bound = bound
        self.slot = slot
        self.number = number
        self.tool_name = slot.tool.name
        self.context = context
        self.holds_thread = slot.tool.executor == "thread"
        self._off_loop = slot.tool.executor != "task"
        self.running: Running | None = None
        self.stop_code: Code | None = None  # why it was asked to stop
        self.stop_seconds: float | None = None  # the bound that passed, if it was one
        self._tool_called = False  # under middleware: whether any of it got as far as the tool
        self._asked_again = False
        self._elsewhere = 0  # parts of this attempt that run by themselves, in a thread say
        self._held: AttemptEnd | None = None  # how it ended, while such a part still runs
        self.deadline = self.idle_at = NEVER  # on the loop's clock
        self.deadline_of: Code = "attempt"  # whose time is up at the deadline: its own, or that of its `call`
        self.entered = self.ended = self.abandoned = False

    def start(self) -> None:
        """Hand the attempt to where it runs."""
        resources = self._supervisor.resources
        if self._off_loop and not self.slot.tool.middleware:
            self._supervisor.deadlines.start_clock(self)  # not by the thread: it may not touch the heap
            self.running = resources.executors[self.slot.tool.executor].start(self, self.report)
            self._supervisor.deadlines.watch(self)
        else:
            self.running = resources.backend.start(self, self.report)

    def goes_on_as(self, running: Running) -> None:
        """Take note of what runs it, if it was begun before there was this attempt."""
        if not self.ended:
            self.running = running

    def remaining(self) -> float | None:
        """Return the seconds until it is asked to stop, never below 0; None for no bound. From any thread."""
        return self._supervisor.deadlines.remaining(self)

    # --- ports.Work ---

    def enter(self) -> bool:
        """See `ports.Work.enter`."""
        if self._off_loop and not self.slot.tool.middleware:
            with self._supervisor.entering:
                if self.stop_code is not None:
                    return False
                self.entered = True
        elif self.stop_code is not None:
            return False
        else:  # on the loop, where attempts are stopped too
            self.entered = True
            self._supervisor.deadlines.start_clock(self)
        INSIDE.set(self.slot)
        return True

    def waits(self) -> None:
        """See `ports.Work.waits`."""
        self._supervisor.deadlines.watch(self)

    def invoke(self) -> object:
        """See `ports.Work.invoke`."""
        tool = self.slot.tool
        if tool.middleware:
            return self._through_middleware()
        return self.one_value(tool.call(self._bound, None if tool.context_name is None else self._tool_context()))

    def one_value(self, value: object) -> object:
        """Return what a tool returned; for an async generator, a coroutine that gives its last value."""
        return last_of(value, self._progress) if type(value) is AsyncGeneratorType else value

    def request(self) -> Request:
        """See `ports.Work.request`."""
        return self.request_for(self.slot.text)

    def request_for(self, text: str) -> Request:
        """Return the attempt as data, with *text* as its arguments."""
        context = self._tool_context() if self.slot.tool.wants_context else None
        backend = self._supervisor.resources.backend.name
        return request_of(self.slot.tool, text, context, grace=self.slot.grace, backend=backend)

    def progressed(self, done: float, total: float | None, message: str | None) -> None:
        """See `ports.Work.progressed`."""
        self._tool_context().report_progress(done, total, message)

    def refused(self) -> None:
        """See `ports.Work.refused`."""
        self._supervisor.attempt_refused(self)

    def leaked(self, error: BaseException) -> None:
        """See `ports.Work.leaked`."""
        self._supervisor.emit.fault(f"a cancel scope or task group left open by tool {self.tool_name!r}", error)

    @property
    def source(self) -> str | None:
        """See `ports.Work.source`."""
        return source_of(self.slot.tool)

    def blocked(self, file: str, line: int, function: str, *, seconds: float) -> None:
        """See `ports.Work.blocked`."""
        emit, call = self._supervisor.emit, self.slot.call
        emit.call(LoopBlocked, call, file=file, line=line, function=function, seconds=seconds)

    # --- the way back ---

    @property
    def redactor(self) -> Redactor:
        """What hides the secrets in the errors of this attempt, those among its arguments included."""
        tool = self.slot.tool
        if not tool.secret_names:
            return tool.redactor
        return tool.redactor.knowing(secrets_of(self._bound, tool.secret_names))

    def report(self, end: AttemptEnd) -> None:
        """Receive how the attempt ended; on the loop, once. While a part of it still runs, it has not really ended."""
        if self._elsewhere:
            self._held = end
            return
        if type(end) is Raised and self._may_be_cancelled_from_outside(end):
            return
        try:
            if self.holds_thread and isinstance(end, Returned) and isinstance(end.value, Awaitable):
                self._await_on_loop(end.value)
            else:
                self.ended = True
                self.running = None  # it holds this attempt in turn: no cycle for the collector
                self._supervisor.attempt_ended(self, end)
                if type(end) is Returned and end.notes:
                    self._tell_notes(end.notes)
        except BaseException as error:  # noqa: BLE001 -- a fault of this library must neither leave the turn waiting nor end the loop
            self.confused(error)
        finally:
            if isinstance(end, Raised):
                end.error.__traceback__ = None  # a tool that still holds its exception would hold our frames with it

    def confused(self, error: BaseException) -> None:
        """Contain a fault of this library at the end of this attempt."""
        self._supervisor.attempt_confused_us(self, error)

    def _may_be_cancelled_from_outside(self, end: Raised) -> bool:
        """Return whether *end* will be reported once more, a moment later.

        A loop that closes cancels every task at once, this one and the turn's own. Whoever comes first decides nothing:
        when the turn has heard of it too, this attempt was stopped; if it has not, the cancellation is the tool's own.
        """
        backend = self._supervisor.resources.backend
        if self.stop_code is not None or self._asked_again or not isinstance(end.error, backend.cancelled):
            return False
        self._asked_again = True
        return backend.post(lambda: self.report(end))

    def _tell_notes(self, notes: Sequence[str]) -> None:
        """Say what was changed to bring a value here from another process."""
        for note in notes:
            self._supervisor.emit.call(ValueCoerced, self.slot.call, where="result", what=note)

    def _await_on_loop(self, value: Awaitable[object]) -> None:
        """Go on with what a sync tool returned instead of a value: a coroutine or a future."""
        if self.stop_code is not None:
            if isinstance(value, CoroutineType):
                value.close()
            self.ended = True
            self._supervisor.attempt_ended(self, Raised(TimeoutError("a coroutine was returned after the deadline")))
            return

        def ended(end: AttemptEnd) -> None:
            if type(end) is NotEntered:  # stopped before the second part began; the first part has run
                if isinstance(value, CoroutineType):
                    value.close()
                end = Raised(TimeoutError("a coroutine was returned when the call was stopped"))
            self.report(end)

        self.holds_thread = False
        self.running = self._supervisor.resources.backend.start(Inner(self, lambda: value, self.slot.text), ended)

    # --- what a tool and a middleware see ---

    def _tool_context(self) -> ToolContext[Any]:
        supervisor, slot = self._supervisor, self.slot
        return ToolContext(
            call_id=slot.call.call_id,
            tool_name=slot.call.name,
            attempt=self.number,
            deps=supervisor.options.deps,
            idempotency_key=lambda: idempotency_key(
                supervisor.shared.turn_key(), slot.call.position, slot.tool.name, slot.text
            ),
            remaining=self.remaining,
            cancelled=lambda: self.stop_code is not None,
            report=self._progress,
        )

    def _progress(self, done: float, total: float | None, message: str | None) -> None:
        supervisor = self._supervisor
        if message:
            message = self.slot.tool.redactor.line(message, MAX_PROGRESS_MESSAGE)

        def tell() -> None:
            supervisor.deadlines.progressed(self)
            supervisor.emit.call(ProgressReported, self.slot.call, done=done, total=total, message=message)

        if threading.get_ident() == supervisor.thread:
            tell()
        else:  # posted before the end of its attempt is, so it comes before it
            supervisor.resources.backend.post(tell)

    async def _through_middleware(self) -> object:
        context = self._tool_context()
        return await self._layer(self.slot.tool.middleware, self._bound, self.slot.text, context)

    async def _layer(
        self, middleware: Sequence[Middleware], bound: Bound, text: str, context: ToolContext[Any]
    ) -> object:
        """Run the outermost of *middleware* around the rest of it, and the tool innermost."""
        tool = self.slot.tool
        if not middleware:
            return await self._innermost(bound, text, context if tool.wants_context else None)

        async def proceed(arguments: Mapping[str, Any] | None = None) -> object:
            inner, inner_text = (bound, text) if arguments is None else self._bound_again(arguments)
            return await self._layer(middleware[1:], inner, inner_text, context)

        call = MiddlewareCall(
            call_id=self.slot.call.call_id,
            tool_name=self.slot.call.name,
            attempt=self.number,
            arguments=tool.arguments_of(bound),
            text=text,
            tool=tool,
            context=context,
            turn_id=self._supervisor.emit.turn_id,
            turn_state=self._supervisor.shared.middleware_state(),
            why_stopped=lambda: self.stop_code,
        )
        value = await middleware[0](call, proceed)
        return await value if isinstance(value, Awaitable) else value  # `return proceed()`, the await forgotten

    def _bound_again(self, arguments: Mapping[str, Any]) -> tuple[Bound, str]:
        """Validate arguments that a middleware changed, and return them with their text.

        Raises:
            ToolError: they do not fit: they are trusted no more than the model's.
        """
        tool, limit = self.slot.tool, self._supervisor.options.limits.argument_bytes
        try:
            given = with_secrets(arguments) if tool.secret_names else dict(arguments)
            text = read_arguments(given, max_bytes=limit).text
            return tool.bind(text), text
        except ArgumentsRefused as error:
            message = f"Code around the tool changed the arguments. {error.message}"
            raise ToolError(message, effect=None if self._tool_called else "none") from error

    async def _innermost(self, bound: Bound, text: str, context: ToolContext[Any] | None) -> object:
        tool = self.slot.tool
        self._tool_called = True
        value: object
        if tool.executor == "task":
            value = self.one_value(tool.call(bound, context))
        else:
            executor = self._supervisor.resources.executors[tool.executor]
            work = Inner(self, lambda: self.one_value(tool.call(bound, context)), text)
            value = await self._run_elsewhere(executor, work)
        return await value if isinstance(value, Awaitable) else value

    async def _run_elsewhere(self, executor: Executor, work: Inner) -> object:
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
        if not isinstance(self.running, Parts):
            self.running = Parts(self.running)
        parts, part = self.running, executor.start(work, ended)
        parts.inner.append(part)
        with anyio.CancelScope(shield=True):  # a thread cannot be cancelled; a process is stopped through `running`
            await done.wait()
        parts.inner.remove(part)
        match ends.pop():
            case Returned(value, notes):
                self._tell_notes(notes)
                return value
            case Raised(error):
                raise error
        raise TimeoutError("the call was stopped before its code was entered")


def source_of(tool: Tool) -> str | None:
    """Return the path of the file in which *tool* is written, if that is known."""
    code = getattr(inspect.unwrap(tool.function), "__code__", None)
    return code.co_filename if isinstance(code, CodeType) else None


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
    facts = json.dumps([turn_key, position, tool_name, canonical(arguments)])
    return hashlib.sha256(facts.encode()).hexdigest()[:40]
