"""Ollama's own chat endpoint: whole histories.

One message of the role `tool` per result, directly behind the calls. Ids are optional: without them the tool's name and
the order of the calls pair (research: protocols, 8).
"""

from collections.abc import Sequence
from typing import Any

from everycall.core.history import HistoryRules, Message, Result
from everycall.dialects.ollama.turn import DIALECT
from everycall.dialects.reading import changed, has, is_list, read, word
from everycall.dialects.transcript import RoleTable, as_json, scan_chat, text_id, write_chat

_NOT_TEXT = "has a content that is not a text"

RULES = HistoryRules(
    dialect="ollama",
    errors={  # research: protocols, 0.5; the server checks types, not who answers whom
        _NOT_TEXT: "json: cannot unmarshal array into Go struct field ChatRequest.messages.content of type string",
    },
    positional=True,
)

_ROLES: RoleTable = {"system": "system", "user": "user", "assistant": "assistant", "tool": "results"}
_NAME_KEYS = ("tool_name", "name")


def scan(messages: Sequence[object]) -> list[Message]:
    """See `everycall.ports.HistoryDialect.scan`."""
    return scan_chat(messages, DIALECT, _ROLES, _has_calls, _read_result)


def write(items: Sequence[Message]) -> list[object]:
    """See `everycall.ports.HistoryDialect.write`."""
    return write_chat(items, DIALECT, _write_result)


def _has_calls(message: object) -> bool:
    calls = read(message, "tool_calls")
    return calls is not None and calls != []


def _read_result(message: object) -> Result:
    name = next((word(read(message, key)) for key in _NAME_KEYS if word(read(message, key))), None)
    return Result(source=message, call_id=text_id(read(message, "tool_call_id")), name=name, defect=_defect(message))


def _defect(message: object) -> str | None:
    return None if isinstance(read(message, "content"), str | None) else _NOT_TEXT


def _write_result(result: Result) -> Any:
    message: Any = result.source
    if result.call_id is not None and read(message, "tool_call_id") != result.call_id:
        message = changed(message, "tool_call_id", result.call_id)
    elif result.call_id is None and has(message, "tool_call_id"):
        message = {key: value for key, value in message.items() if key != "tool_call_id"}
    for key in _NAME_KEYS:
        if result.name is not None and word(read(message, key)) and read(message, key) != result.name:
            message = changed(message, key, result.name)
    if _defect(message) is not None:
        message = changed(message, "content", _as_text(read(message, "content")))
    return message


def _as_text(content: object) -> str:
    """Return parts as their texts, one below the other; anything else as JSON."""
    parts = list(content) if is_list(content) else []  # type: ignore[call-overload]
    texts = [read(part, "text") for part in parts]
    return "\n".join(texts) if texts and all(isinstance(text, str) for text in texts) else as_json(content)
