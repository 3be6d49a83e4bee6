"""The result that stands in for an unknown one: an interrupted call that may or may not have taken effect.

It claims nothing that cannot be known. It can be told from a real result, so that a real one that turns up later wins.
"""

from collections.abc import Mapping

from everycall.core.history import Result
from everycall.core.outcomes import ToolResult, error_envelope

SENTENCE = "No result of this call is on record. It may have taken effect: check before repeating it."
"""For the model, within the usual error object."""

_TEXT = error_envelope(code="in_doubt", effect="unknown", message=SENTENCE, retryable=False)
_MOST_VALUES = 200


def placeholder(call_id: str, tool_name: str) -> ToolResult:
    """Return the stand-in for a result that is not on record."""
    return ToolResult(
        call_id=call_id, tool_name=tool_name, status="interrupted", code="in_doubt", effect="unknown", content=_TEXT
    )


def is_placeholder(result: Result) -> bool:
    """Whether *result* is such a stand-in, in whatever shape a dialect has given it."""
    waiting: list[object] = [result.source]
    for _ in range(_MOST_VALUES):
        if not waiting:
            return False
        value = waiting.pop()
        if isinstance(value, str):
            if value == _TEXT:
                return True
        elif isinstance(value, Mapping):
            if value.get("message") == SENTENCE:
                return True
            waiting += value.values()
        elif isinstance(value, list | tuple):
            waiting += value
        elif hasattr(value, "__dict__"):
            waiting += vars(value).values()
    return False
