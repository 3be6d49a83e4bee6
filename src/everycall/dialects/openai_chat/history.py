"""OpenAI Chat Completions: whole histories.

Results are messages of the role `tool`, matched by id, in any order, directly behind the message with their calls
(research: protocols, 0.1 and 1). The old `function` messages have no id and answer by name.
"""

from collections.abc import Sequence

from everycall.core.history import HistoryRules, Message, Result
from everycall.dialects.openai_chat.turn import DIALECT, LEGACY
from everycall.dialects.reading import read, word
from everycall.dialects.transcript import (
    NO_CONTENT,
    RoleTable,
    content_defect,
    scan_chat,
    text_id,
    write_chat,
    write_result_message,
)

_MISSING = (
    "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
    "The following tool_call_ids did not have response messages: {id}"
)
_STRAY = "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
_FOREIGN = "Invalid parameter: 'tool_call_id' of '{id}' not found in 'tool_calls' of previous message."

RULES = HistoryRules(
    dialect="openai-chat",
    errors={  # research: protocols, 0.5; the texts of OpenAI, or of a compatible server where OpenAI's is not known
        "missing_result": _MISSING,
        "interleaved_message": _MISSING,
        "orphan_result": _FOREIGN,
        "stray": _STRAY,
        "result_before_call": _STRAY,
        "duplicate_result": "Invalid parameter: Duplicate value for 'tool_call_id' of '{id}'",
        "duplicate_call_id": "duplicate tool_call_id: {id}",
        "no_result_id": "'messages.{index}' : for 'role:tool' the following must be satisfied"
        "[('messages.{index}.tool_call_id' : property 'tool_call_id' is missing)]",
        NO_CONTENT: "Invalid value for 'content': expected a string, got null.",
    },
    without_id=frozenset({LEGACY}),
)

_ROLES: RoleTable = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "results",
    "function": "results",
}


def scan(messages: Sequence[object]) -> list[Message]:
    """See `everycall.ports.HistoryDialect.scan`."""
    return scan_chat(messages, DIALECT, _ROLES, _has_calls, _read_result)


def write(items: Sequence[Message]) -> list[object]:
    """See `everycall.ports.HistoryDialect.write`."""
    return write_chat(items, DIALECT, _write_result)


def _has_calls(message: object) -> bool:
    return read(message, "tool_calls") not in (None, []) or read(message, "function_call") is not None


def _read_result(message: object) -> Result:
    name = word(read(message, "name")) or None
    defect = content_defect(message)
    if read(message, "role") == "function":
        return Result(source=message, call_id=None, name=name, kind=LEGACY, defect=defect)
    return Result(source=message, call_id=text_id(read(message, "tool_call_id")), name=name, defect=defect)


def _write_result(result: Result) -> object:
    return write_result_message(result.source, result)
