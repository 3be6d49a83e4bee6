"""The seams: what a dialect, an executor and an observer must be. Structural: nothing needs to inherit from these."""

from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from everycall.core.calls import ParsedMessage, ToolDefinition
from everycall.core.events import Event
from everycall.core.ids import IdRule
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

    def definitions(self, tools: Sequence[ToolDefinition]) -> list[dict[str, object]]:
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
    """An attempt ended with a value."""

    value: object


class Raised(NamedTuple):
    """An attempt ended with an exception: the tool's own, or the cancellation it was asked to end with."""

    error: BaseException


class Stopped(NamedTuple):
    """An attempt was ended by force; *dropped* if it is never resumed again."""

    dropped: bool


class NotEntered(NamedTuple):
    """An attempt ended before the tool's code was entered: it was stopped first."""


AttemptEnd = Returned | Raised | Stopped | NotEntered


class Work(Protocol):
    """One attempt, as an executor sees it."""

    @property
    def context(self) -> Context:
        """The attempt's own copy of the caller's context."""
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

    async def wait(self) -> None:
        """Wait until it is set; a checkpoint in any case."""
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

    def signal(self) -> Signal:
        """Return a new signal of this loop."""
        ...

    def spawn(self, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Start *function*, which must not raise, as a task that no turn waits for."""
        ...
