"""What code around a tool sees of an attempt, and what it calls to go on. Nothing here runs a tool."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from everycall.core.outcomes import Code
from everycall.registry.arguments import canonical
from everycall.registry.context import ToolContext
from everycall.registry.tool import Tool


class Proceed(Protocol):
    """Runs what is inside a middleware: the next one, or the tool."""

    def __call__(self, arguments: Mapping[str, Any] | None = None) -> Awaitable[Any]:
        """Return the value of the tool, once awaited. May be called again: then the inside runs again.

        Args:
            arguments: others than those of the call, by name, all of them. They are validated like the model's.

        Raises:
            ToolError: *arguments* do not fit; its effect is `none` if the tool has not run in this attempt.
            BaseException: whatever the tool raises, or a middleware further in.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MiddlewareCall:
    """The attempt, as a middleware sees it.

    Attributes:
        call_id: the id in the exchange.
        tool_name: the tool's name.
        attempt: which attempt this is, from 1.
        arguments: the validated arguments by name; a copy. Changed ones go to `proceed(arguments={...})`.
        text: the same arguments as JSON text, before validation.
        tool: the tool's own description and options.
        context: what a tool gets that asks for its context.
        turn_id: the turn's id in events.
        turn_state: one dict for the whole turn, at first empty, for whatever middleware wants to keep that long. All
            middleware shares it: a function or an object of your own makes a key that nobody else has.
        why_stopped: gives the answer of `stopped_by`.
    """

    call_id: str
    tool_name: str
    attempt: int
    arguments: Mapping[str, Any]
    text: str
    tool: Tool
    context: ToolContext[Any]
    turn_id: str
    turn_state: dict[object, Any]
    why_stopped: Callable[[], Code | None]

    @property
    def stopped_by(self) -> Code | None:
        """Why the attempt was asked to stop: which time was up, or `cancelled` with its turn; None if it was not."""
        return self.why_stopped()

    @property
    def canonical_arguments(self) -> str:
        """The arguments as JSON text in one spelling: calls that ask for the same have the same. Holds secrets."""
        return canonical(self.text)


Middleware = Callable[[MiddlewareCall, Proceed], Awaitable[Any]]
"""`async def (call, proceed) -> value`: runs around each attempt, inside its deadline."""
