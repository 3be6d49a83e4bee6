"""LangChain messages: one turn.

Calls are the entries of `tool_calls` and then those of `invalid_tool_calls`: integrations send both back to the model,
so both need an answer (research: protocols, 11). An `AIMessage` is answered by `ToolMessage`s, a dict by dicts, and the
stored form `{"type": "ai", "data": {...}}` by stored forms, so that a list of one kind stays one.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from everycall.core.calls import ParsedMessage, ToolCall, ToolDefinition
from everycall.core.content import Content, File, Image
from everycall.core.errors import MessageError
from everycall.core.ids import ANY_ID, IdRule
from everycall.core.outcomes import ToolResult
from everycall.dialects.detection import is_stored, recognise, require_readable
from everycall.dialects.finish import is_cut_off
from everycall.dialects.media import NO_OUTPUT, as_blocks, encoded, or_no_output
from everycall.dialects.naming import chat_definitions
from everycall.dialects.reading import (
    STAND_IN,
    changed,
    has,
    has_fields,
    is_list,
    kind_of,
    read,
    read_call,
    read_list,
    unreadable_call,
    word,
)
from everycall.dialects.refusals import CHUNK
from everycall.ports import Rendered

INVALID = "invalid"
"""The kind of a call that LangChain could not read: its arguments are the text as sent."""
CALL_LISTS = ("tool_calls", "invalid_tool_calls")
FINISH_KEYS = ("finish_reason", "stop_reason", "stopReason", "done_reason", "status")
"""Where in `response_metadata` the integrations keep why the message ended."""
COPIES_IN_CONTENT = {"tool_use": "id", "tool_call": "id", "function_call": "call_id"}
"""Blocks of the content that repeat a call, and the field that names it."""


@dataclass(frozen=True, slots=True)
class LangChain:
    """See `everycall.ports.Dialect`."""

    name: str = "langchain"
    id_rule: IdRule = ANY_ID

    def detect(self, message: object) -> bool:
        """See `everycall.ports.Dialect.detect`."""
        return recognise(message) == self.name

    def parse(self, message: object, *, finish_reason: str | None = None) -> ParsedMessage:
        """See `everycall.ports.Dialect.parse`."""
        require_readable(message, self.name)
        inner = proper(message)
        metadata = read(inner, "response_metadata")
        words = [word(read(metadata, key)) for key in FINISH_KEYS]
        finish = finish_reason or next((one for one in words if one), None)
        if finish is None and _is_in_the_middle(inner):
            raise MessageError(f"{CHUNK[:-1]}, the empty last one too.")
        entries = [(key, entry) for key in CALL_LISTS for entry in _entries(inner, key)]
        calls = [_read_entry(position, key, entry) for position, (key, entry) in enumerate(entries)]
        return ParsedMessage(source=message, calls=tuple(calls), finish=finish, cut_off=is_cut_off(self.name, finish))

    def render(self, parsed: ParsedMessage, results: Sequence[ToolResult]) -> Rendered:
        """See `everycall.ports.Dialect.render`."""
        messages: list[object] = []
        replaced = []
        for call, result in zip(parsed.calls, results, strict=True):
            content, swapped = _content(result.content)
            status = "success" if result.status == "success" else "error"
            fields = {"content": content, "tool_call_id": call.call_id, "name": call.name or STAND_IN, "status": status}
            messages.append(_tool_message(parsed.source, fields))
            if swapped:
                replaced.append(call.position)
        inner = proper(parsed.source)
        sent_back = _assistant_message(inner, parsed.calls)
        sent_back = parsed.source if sent_back is inner else _put_back(sent_back, parsed.source)
        return Rendered(assistant_message=sent_back, messages=messages, replaced=tuple(replaced))

    def definitions(self, tools: Sequence[ToolDefinition]) -> list[dict[str, object]]:
        """Return what `bind_tools` takes. Which names will do is up to the provider behind it."""
        return chat_definitions(tools)


def proper(message: Any) -> Any:
    """Return the message itself, out of its stored form."""
    return message["data"] if is_stored(message) else message


def as_stored(message: Any) -> Any:
    """Return a dict in the stored form; anything else, or what is in that form already, as it is."""
    if is_stored(message) or not isinstance(message, Mapping):
        return message
    return {"type": message.get("type") or message.get("role"), "data": dict(message)}


def _put_back(message: Any, source: Any) -> Any:
    return {**source, "data": message} if is_stored(source) else message


def _is_in_the_middle(message: object) -> bool:
    """Return whether *message*, which no reason ends, is a piece of a stream with arguments that are not whole yet.

    The sum of all chunks is "last". What LangChain's callbacks hand out is the sum without that empty last chunk
    (langchain-core 1.7), and older versions have no such field: so the arguments decide.
    """
    if not has(message, "chunk_position") or read(message, "chunk_position") == "last":
        return False
    return not all(_is_object(read(chunk, "args")) for chunk in read_list(message, "tool_call_chunks"))


def _is_object(text: object) -> bool:
    try:
        return isinstance(text, str) and isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _entries(message: object, key: str) -> list[Any]:
    entries = read(message, key)
    if entries is None:
        return []
    if not is_list(entries):
        raise MessageError(f"The message's {key} are {kind_of(entries)}, not a list.")
    return list(entries)


def _read_entry(position: int, key: str, entry: Any) -> ToolCall:
    kind = INVALID if key == "invalid_tool_calls" else "function"
    if not has_fields(entry):
        return unreadable_call(position, entry, kind=kind)
    return read_call(
        position, sent_id=read(entry, "id"), name=read(entry, "name"), arguments=read(entry, "args"), kind=kind
    )


def _assistant_message(message: Any, every_call: Sequence[ToolCall]) -> Any:
    """Return the message with the calls' ids wherever it repeats them; the same object if nothing must change."""
    if all(call.call_id == call.sent_id and call.defect is None for call in every_call):
        return message
    first = 0
    for key in CALL_LISTS:
        entries = _entries(message, key)
        calls = every_call[first : first + len(entries)]
        first += len(entries)
        if entries:
            sent_back = [_send_back(entry, call) for entry, call in zip(entries, calls, strict=True)]
            message = changed(message, key, sent_back)
    return _with_copies_renamed(message, [call for call in every_call if call.kind != INVALID])


def _send_back(entry: Any, call: ToolCall) -> dict[str, Any]:
    known = dict(entry) if isinstance(entry, Mapping) else {}
    known["id"] = call.call_id
    if call.defect is not None:
        known["name"] = call.name or STAND_IN
        invalid = {"args": "", "type": "invalid_tool_call"}
        known |= invalid if call.kind == INVALID else {"args": call.arguments or {}, "type": "tool_call"}
    return known


def _with_copies_renamed(message: Any, calls: Sequence[ToolCall]) -> Any:
    """Rename the calls in the content, in `additional_kwargs` and in the chunks of a stream, where they are repeated.

    An integration that finds two names for one call would send two calls. A list that does not repeat exactly these
    calls is left alone.
    """
    content = read(message, "content")
    if is_list(content):
        message = changed(message, "content", _renamed(list(content), calls, COPIES_IN_CONTENT))
    kwargs = read(message, "additional_kwargs")
    if isinstance(kwargs, Mapping) and is_list(kwargs.get("tool_calls")):
        renamed = _renamed(list(kwargs["tool_calls"]), calls, {"function": "id"})
        message = changed(message, "additional_kwargs", {**kwargs, "tool_calls": renamed})
    chunks = read(message, "tool_call_chunks")
    if is_list(chunks):
        message = changed(message, "tool_call_chunks", _renamed(list(chunks), calls, {"tool_call_chunk": "id"}))
    return message


def _renamed(entries: list[Any], calls: Sequence[ToolCall], keys: Mapping[str, str]) -> list[Any]:
    kinds = [word(read(entry, "type")) or "" for entry in entries]
    places = [(index, keys[kind]) for index, kind in enumerate(kinds) if kind in keys]
    if [read(entries[index], key) for index, key in places] != [call.sent_id for call in calls]:
        return entries
    renamed = list(entries)
    for (index, key), call in zip(places, calls, strict=True):
        renamed[index] = changed(entries[index], key, call.call_id)
    return renamed


def _content(content: Content) -> tuple[object, bool]:
    """Return text or blocks. Empty text becomes `(no output)`: providers behind LangChain refuse it."""
    if isinstance(content, str):
        return or_no_output(content), False
    blocks, swapped = as_blocks(content, lambda text: {"type": "text", "text": text}, _show)
    return blocks or NO_OUTPUT, swapped


def _show(part: Image | File) -> dict[str, Any] | None:
    """Return one of LangChain's own content blocks, which integrations translate."""
    block: dict[str, Any] = {"type": "image" if isinstance(part, Image) else "file", "mime_type": part.media_type}
    if isinstance(part, File):
        block["filename"] = part.name
    if part.data is not None:
        return {**block, "base64": encoded(part.data)}
    return {**block, "url": part.url} if part.url else None


def _tool_message(source: object, fields: dict[str, Any]) -> object:
    """Return the result in the kind of message that *source* is. LangChain is never imported here, only met."""
    messages = sys.modules.get("langchain_core.messages")
    if messages is not None and isinstance(source, messages.BaseMessage):
        return messages.ToolMessage(**fields)
    answer = {"type" if read(proper(source), "type") is not None else "role": "tool", **fields}
    return {"type": "tool", "data": {**answer, "type": "tool"}} if is_stored(source) else answer


DIALECT = LangChain()
