"""LangChain messages: whole histories.

One `ToolMessage` per result, matched by id. Calls that LangChain could not read (`invalid_tool_calls`) are sent to most
providers and want an answer too (research: protocols, 11). Read are message objects, their dumps, the stored form
`{"type": ..., "data": {...}}`, and the dicts with a `role` that LangChain takes.
"""

from collections.abc import Sequence

from everycall.core.history import HistoryRules, Message, Result
from everycall.dialects.detection import is_stored
from everycall.dialects.langchain.turn import CALL_LISTS, DIALECT, as_stored, proper
from everycall.dialects.openai_chat.history import RULES as CHAT_RULES
from everycall.dialects.reading import read, word
from everycall.dialects.transcript import (
    RoleTable,
    calls_of,
    content_defect,
    role_of,
    text_id,
    write_chat,
    write_result_message,
)

RULES = HistoryRules(dialect="langchain", errors=CHAT_RULES.errors)
"""LangChain itself refuses nothing; the texts are those of the provider that it is used with most."""

_ROLES: RoleTable = {
    "human": "user",
    "user": "user",
    "ai": "assistant",
    "assistant": "assistant",
    "system": "system",
    "developer": "system",
    "tool": "results",
    "function": "user",  # the old kind without an id; it answers what LangChain keeps apart from tool calls
    "chat": "user",
    "HumanMessageChunk": "user",
    "AIMessageChunk": "assistant",
    "SystemMessageChunk": "system",
    "ToolMessageChunk": "results",
}


def scan(messages: Sequence[object]) -> list[Message]:
    """See `everycall.ports.HistoryDialect.scan`."""
    items = []
    for index, message in enumerate(messages):
        inner = proper(message)
        role = role_of(message, index, _ROLES, "type" if read(message, "type") is not None else "role")
        if role == "results":
            items.append(Message(source=message, role=role, body=(_read_result(inner, message),)))
        elif role == "assistant" and any(read(inner, key) not in (None, []) for key in CALL_LISTS):
            calls = calls_of(DIALECT, inner, index)
            items.append(Message(source=message, role=role, calls=calls, proper=inner))
        else:
            items.append(Message(source=message, role=role))
    return items


def write(items: Sequence[Message]) -> list[object]:
    """See `everycall.ports.HistoryDialect.write`."""
    stored = any(is_stored(item.source) for item in items)
    written = write_chat(items, DIALECT, _write_result)
    return [as_stored(message) for message in written] if stored else written


def _read_result(inner: object, message: object) -> Result:
    name = word(read(inner, "name")) or None
    call_id = text_id(read(inner, "tool_call_id"))
    return Result(source=message, call_id=call_id, name=name, defect=content_defect(inner))


def _write_result(result: Result) -> object:
    return write_result_message(proper(result.source), result)
