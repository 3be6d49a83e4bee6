"""What the fake provider says: a script of assistant turns, free of any provider's shape. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from everycall.core.errors import UsageError
from everycall.testing.provider.finish import require_known


class _IdChoice(Enum):
    NO_ID = "no id"


NO_ID: Final = _IdChoice.NO_ID
"""For `Call.id`: the call is sent without the field, as some servers do."""


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call that the model makes.

    Attributes:
        name: the tool's name, as the model writes it; it need not exist.
        arguments: the arguments; or text, sent as it is, to play a model that writes broken JSON. Where the protocol
            has an object in this place (Anthropic, Gemini, Ollama), text that holds a JSON object becomes that object
            and any other text is sent as a string.
        id: the id of the call; None for one as the provider makes them (the same at every run); `NO_ID` for none;
            `""` and repeated ids are sent as they are.
    """

    name: str
    arguments: Mapping[str, object] | str = "{}"
    id: str | _IdChoice | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssistantTurn:
    """One turn of the model.

    Attributes:
        text: what it says, or None.
        calls: the calls it makes, in order.
        finish: why the turn ended: `length` (cut off) or `stop`, in the words of whatever protocol plays it; or a
            word of one protocol, such as Anthropic's `pause_turn`, for that one alone. None for the usual one.
        thinking: opaque thinking sent with the turn, which must come back unchanged; None for none. It becomes
            `reasoning_content` (Chat Completions, as DeepSeek does), a reasoning item (Responses), a signed thinking
            block (Anthropic), a thought signature (Gemini, whose third generation signs its calls in any case), or
            `thinking` (Ollama, where nothing need come back).

    Raises:
        UsageError: a call is no `Call`; no protocol has the word of `finish`.
    """

    text: str | None = None
    calls: tuple[Call, ...] | list[Call] = ()
    finish: str | None = None
    thinking: str | None = None

    def __post_init__(self) -> None:
        """Judge what would otherwise fail, or be played silently, on the server's thread."""
        if not isinstance(self.calls, tuple | list) or not all(isinstance(call, Call) for call in self.calls):
            raise UsageError(
                "`calls` is a list of Call objects: AssistantTurn(calls=[Call('get_weather', {'city': 'Oslo'})])"
            )
        require_known(self.finish)
