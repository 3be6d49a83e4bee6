"""Cohere v2 chat: whole histories.

As OpenAI Chat: one message of the role `tool` per result, matched by id, directly behind the calls (research:
protocols, 7). The texts of Cohere's own refusals are not known.
"""

from collections.abc import Sequence
from typing import Any

from everycall.core.history import HistoryRules, Message, Result
from everycall.dialects.cohere.turn import DIALECT
from everycall.dialects.media import NO_OUTPUT
from everycall.dialects.reading import changed, is_list, read
from everycall.dialects.transcript import RoleTable, as_json, scan_chat, text_id, write_chat

RULES = HistoryRules(dialect="cohere", errors={})

_ROLES: RoleTable = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "results",
}


def scan(messages: Sequence[object]) -> list[Message]:
    """See `everycall.ports.HistoryDialect.scan`."""
    return scan_chat(messages, DIALECT, _ROLES, _has_calls, _read_result)


def write(items: Sequence[Message]) -> list[object]:
    """See `everycall.ports.HistoryDialect.write`."""
    return write_chat(items, DIALECT, _write_result)


def _has_calls(message: object) -> bool:
    return read(message, "tool_calls") not in (None, [])


def _read_result(message: object) -> Result:
    return Result(source=message, call_id=text_id(read(message, "tool_call_id")), defect=_defect(message))


def _defect(message: object) -> str | None:
    content = read(message, "content")
    if isinstance(content, str) or is_list(content):
        return None
    return "has no content" if content is None else "has a content that is neither a text nor a list of parts"


def _write_result(result: Result) -> Any:
    message: Any = result.source
    if result.call_id is not None and read(message, "tool_call_id") != result.call_id:
        message = changed(message, "tool_call_id", result.call_id)
    if _defect(message) is not None:
        content = read(message, "content")
        message = changed(message, "content", NO_OUTPUT if content is None else as_json(content))
    return message
