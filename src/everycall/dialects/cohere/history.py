"""Cohere v2 chat: whole histories.

As OpenAI Chat: one message of the role `tool` per result, matched by id, directly behind the calls (research:
protocols, 7). The texts of Cohere's own refusals are not known.
"""

from collections.abc import Sequence

from everycall.core.history import HistoryRules, Message, Result
from everycall.dialects.cohere.turn import DIALECT
from everycall.dialects.reading import read
from everycall.dialects.transcript import (
    RoleTable,
    content_defect,
    scan_chat,
    text_id,
    write_chat,
    write_result_message,
)

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
    return Result(source=message, call_id=text_id(read(message, "tool_call_id")), defect=content_defect(message))


def _write_result(result: Result) -> object:
    return write_result_message(result.source, result)
