"""The seams: what a dialect, an executor and an observer must be. Structural: nothing needs to inherit from these."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from everycall.core.calls import ParsedMessage, ToolDefinition
from everycall.core.events import Event
from everycall.core.ids import IdRule
from everycall.core.making import unlocked
from everycall.core.outcomes import ToolResult

if TYPE_CHECKING:  # a turn never needs these, and making their classes takes as long as a hundred turns
    from everycall.core.history import HistoryRules, Message

Observer = Callable[[Event], None]
"""Receives every event, synchronously, on the event loop, after the fact. What it raises is contained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """The two sides of an exchange in a provider's own shape.

    Attributes:
        assistant_message: what belongs in the next request: one message, or a list of items where the provider has
            items.
        messages: the result messages, ready to send.
        replaced: positions of the calls whose images or files the provider cannot take and that became text.
    """

    assistant_message: object
    messages: list[object]
    replaced: tuple[int, ...] = ()


_UnlockedRendered = unlocked(Rendered)


def new_rendered(assistant_message: object, messages: list[object], replaced: tuple[int, ...]) -> Rendered:
    """Return the two sides of an exchange; see `Rendered`."""
    made = _UnlockedRendered()
    made.assistant_message = assistant_message
    made.messages = messages
    made.replaced = replaced
    made.__class__ = Rendered
    return made  # type: ignore[no-any-return]


class Dialect(Protocol):
    """A pure two-way translator of one provider's wire shape. Stateless; does no I/O; imports no SDK."""

    @property
    def name(self) -> str:
        """What `dialect=` calls it."""
        ...

    @property
    def id_rule(self) -> IdRule:
        """What the provider accepts as the id of a call."""
        ...

    def detect(self, message: object) -> bool:
        """Return whether *message* (a message or a whole response; dict or SDK object) has this provider's shape."""
        ...

    def parse(self, message: object, *, finish_reason: str | None = None) -> ParsedMessage:
        """Read one assistant message or one whole response.

        Args:
            message: dict or the SDK's object. It is not changed.
            finish_reason: the provider's word, where only the message is at hand.

        Raises:
            MessageError: the message or its list of calls cannot be read. An unreadable entry within a readable list
                is a call with a `defect`.
        """
        ...

    def render(self, parsed: ParsedMessage, results: Sequence[ToolResult]) -> Rendered:
        """Write the exchange.

        Args:
            parsed: as returned by `parse`, its calls with `call_id` assigned.
            results: one per call, in the order of the calls.
        """
        ...

    def definitions(self, tools: Sequence[ToolDefinition]) -> list[Any]:
        """Return what belongs in the request's `tools=`.

        Raises:
            UsageError: the provider cannot hold a tool's name; the message names the cure.
        """
        ...


class HistoryDialect(Protocol):
    """What `check` and `repair` need of a provider. Pure; a module with these three names is one."""

    RULES: "HistoryRules"

    def scan(self, messages: Sequence[object]) -> "list[Message]":
        """Read a history, one `Message` per message, in order.

        Raises:
            MessageError: a message cannot be read; the sentence names its index.
        """
        ...

    def write(self, items: "Sequence[Message]") -> list[object]:
        """Write a history. What is not `changed` comes out as the object that was read: `write(scan(m)) == m`."""
        ...


class FullDialect(Dialect, HistoryDialect, Protocol):
    """Turns and histories of one provider in one object: what `check(messages, dialect)` takes besides a name."""


class Returned(NamedTuple):
    """An attempt ended with a value; *notes* say what was changed to bring it here."""

    value: object
    notes: tuple[str, ...] = ()


class Raised(NamedTuple):
    """An attempt ended with an exception: the tool's own, or the cancellation it was asked to end with."""

    error: BaseException


class Stopped(NamedTuple):
    """An attempt was ended by force; *dropped* if it is never resumed again."""

    dropped: bool


class NotEntered(NamedTuple):
    """An attempt ended before the tool's code was entered: it was stopped first."""


AttemptEnd = Returned | Raised | Stopped | NotEntered


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One attempt as data: what another process needs to run it.

    Attributes:
        tool: the tool's name.
        module: where its function is found.
        qualname: its name there, with dots.
        parameters: its JSON Schema, if that is data; None if the function's annotations are the schema.
        arguments: one JSON object, valid for the tool.
        context: what a `ToolContext` is made of there (`call_id`, `tool_name`, `attempt`, `idempotency_key`,
            `remaining` in seconds or None); None if the tool does not ask for one.
        retry_on: module and qualified name of the exception types that are transient beside the known ones.
        memory_bytes: address space of the process; None for no bound.
        cpu_seconds: CPU time of the attempt; None for no bound.
        grace: seconds that it has to end after it was asked to.
        backend: the event loop for an async function: `asyncio` or `trio`.
    """

    tool: str
    module: str
    qualname: str
    parameters: Mapping[str, object] | None
    arguments: str
    context: Mapping[str, object] | None
    retry_on: tuple[tuple[str, str], ...]
    memory_bytes: int | None
    cpu_seconds: int | None
    grace: float
    backend: str


class Work(Protocol):
    """One attempt, as an executor sees it."""

    @property
    def context(self) -> Context:
        """The attempt's own copy of the caller's context."""
        ...

    @property
    def tool_name(self) -> str:
        """The tool's name, for the log."""
        ...

    @property
    def source(self) -> str | None:
        """Path of the file in which the tool is written, if that is known."""
        ...

    def enter(self) -> bool:
        """Say that the tool's code is about to run. Called once, right before `invoke`, where that runs.

        Returns:
            False if the attempt was stopped before: then `invoke` must not be called, and the end is `NotEntered`.
        """
        ...

    def waits(self) -> None:
        """Say that the tool's code waits for the first time: only from now on can it run out of time. On the loop."""
        ...

    def invoke(self) -> object:
        """Call the tool. Returns its value or an awaitable; raises whatever the tool raises."""
        ...

    def refused(self) -> None:
        """Say that the tool swallowed a cancellation and goes on. Called on the loop."""
        ...

    def leaked(self, error: BaseException) -> None:
        """Say that the tool left a cancel scope or a task group open, and how that showed. Called on the loop."""
        ...

    def blocked(self, file: str, line: int, function: str, *, seconds: float) -> None:
        """Say that the tool held up its event loop, and where in its code. Called on the loop, which is free again."""
        ...


class PortableWork(Work, Protocol):
    """One attempt that can run in another process, too. It is what the engine hands to an executor but the loop."""

    def request(self) -> Request:
        """Return the attempt as data, which runs there what `invoke` runs here. On the loop."""
        ...

    def progressed(self, done: float, total: float | None, message: str | None) -> None:
        """Hand on a sign of progress, from any thread. It comes from elsewhere: it is checked like a tool's own.

        Raises:
            UsageError: it is none.
        """
        ...


class Running(Protocol):
    """An attempt under way."""

    def stop(self) -> None:
        """Ask it to end; it may take its time. On the loop."""
        ...

    def abandon(self) -> None:
        """Say that nobody waits any more: from now on the next refusal is answered by force. On the loop."""
        ...

    def kill(self) -> None:
        """End it by force, as far as that is possible. On the loop."""
        ...


class Executor(Protocol):
    """Where attempts run."""

    def start(self, work: Work, report: Callable[[AttemptEnd], None]) -> Running:
        """Start one attempt, without waiting.

        *report* is called on the loop exactly once, when the attempt's code has really ended; never before this
        method has returned.
        """
        ...


class Signal(Protocol):
    """Set once, by anyone on the loop; waited for by one."""

    def set(self) -> None:
        """Let the waiting side go on. Setting it again does nothing."""
        ...

    async def wait(self, until: float) -> None:
        """Wait until it is set, or until that moment of the loop's clock; infinite for no bound."""
        ...


class Backend(Executor, Protocol):
    """What the engine needs of an event loop; one object per loop. It is itself the executor of async tools."""

    name: str
    cancelled: type[BaseException]
    """What is raised in code that is cancelled."""

    def now(self) -> float:
        """Return the loop's clock in seconds; the same as `anyio.current_time()`."""
        ...

    def post(self, callback: Callable[[], object]) -> bool:
        """Run *callback* on the loop, from any thread. Returns False if the loop is closed."""
        ...

    def start_at_once(self, work: Work, report: Callable[[AttemptEnd], None], host: object) -> Running | None:
        """Start one attempt as `start` does, but make its first step now, as a rule.

        So *report* may be called before this returns: code that never waits is over by then. Not to be used in the
        midst of another attempt's step, whose stack would grow.

        Args:
            work: what runs.
            report: as in `start`.
            host: what `host_at_once` has returned to the code that asks.

        Returns:
            None if its code has ended by now.
        """
        ...

    def host_at_once(self) -> object | None:
        """Return the task that asks, if the loop allows `start_at_once` in it, and it is not cancelled; else None."""
        ...

    def is_cancelled(self) -> bool:
        """Return whether the code that asks is cancelled, and will hear of it where it waits next."""
        ...

    def holds_up(self, now: float) -> bool:
        """Return whether a turn that has not waited shall let the loop pass, because others wait for it by now.

        Args:
            now: on the loop's clock. If this returns True, the caller lets it pass.
        """
        ...

    def signal(self) -> Signal:
        """Return a new signal of this loop."""
        ...

    def spawn(self, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Start *function*, which must not raise, as a task that no turn waits for."""
        ...
