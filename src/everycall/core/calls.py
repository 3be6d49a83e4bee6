"""A call as the message holds it, and the message as a dialect has read it."""

from collections.abc import Mapping
from dataclasses import dataclass

from everycall.core.making import unlocked


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One call of an assistant message, as sent. Position, never id, tells calls apart: ids repeat.

    Attributes:
        position: index among the calls of the message, from 0.
        call_id: the id in the exchange; until ids have been assigned (`core.ids`), the id as sent or `""`.
        sent_id: the id byte for byte as sent; None if it is missing or is not text.
        name: the tool's name as sent; `""` if it cannot be read.
        arguments: JSON text or a mapping, as sent; None if absent.
        kind: the dialect's own word for the kind of call (`function`, `custom`, ...): the answer may depend on it.
        defect: why this entry cannot be read, in one sentence for the model; None for a readable one.
        may_stay_open: the provider accepts the history without an answer to this call.
    """

    position: int
    sent_id: str | None
    name: str
    arguments: str | Mapping[str, object] | None
    call_id: str = ""
    kind: str = "function"
    defect: str | None = None
    may_stay_open: bool = False


_UnlockedCall = unlocked(ToolCall)


def new_call(position: int, sent_id: str, name: str, arguments: str) -> ToolCall:
    """Return a call as most are: of the kind `function`, readable, with an id and with arguments as text."""
    made = _UnlockedCall()
    made.position = position
    made.sent_id = made.call_id = sent_id
    made.name = name
    made.arguments = arguments
    made.kind = "function"
    made.defect = None
    made.may_stay_open = False
    made.__class__ = ToolCall
    return made  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedMessage:
    """What a dialect read from one assistant message or one whole response. Pure data.

    Attributes:
        source: the message (or list of items) proper, taken out of its response; never changed.
        calls: the calls that are ours to answer, in order.
        finish: the provider's word for why the message ended, or None if it is not known.
        cut_off: the model's output was cut: its calls are answered and not run.
    """

    source: object
    calls: tuple[ToolCall, ...]
    finish: str | None = None
    cut_off: bool = False


_UnlockedMessage = unlocked(ParsedMessage)


def new_parsed_message(source: object, calls: tuple[ToolCall, ...], finish: str | None, cut_off: bool) -> ParsedMessage:
    """Return a message as read; see `ParsedMessage`."""
    made = _UnlockedMessage()
    made.source = source
    made.calls = calls
    made.finish = finish
    made.cut_off = cut_off
    made.__class__ = ParsedMessage
    return made  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolDefinition:
    """What a provider must know of a tool."""

    name: str
    description: str
    parameters: Mapping[str, object]
