"""What OpenAI Chat, Cohere and Ollama share: one message, with the calls under `tool_calls`."""

import json
from collections.abc import Mapping
from typing import Any

from everycall.core.calls import ParsedMessage, ToolCall, new_call
from everycall.core.errors import MessageError
from everycall.dialects.reading import (
    STAND_IN,
    changed,
    has,
    has_fields,
    is_list,
    kind_of,
    plain,
    read,
    read_call,
    unreadable_call,
    without,
    word,
)
from everycall.dialects.refusals import CHUNK, is_fragment, why_unknown

SAYS_NOTHING: tuple[object, ...] = (None, [])
"""A key with such a value is left out of the request: providers refuse several as null or empty."""


def find_message(message: object, finish_keys: tuple[str, ...]) -> tuple[Any, str | None]:
    """Take the one assistant message out of whatever holds it.

    Args:
        message: a message, a response with `choices`, a response with one `message`, or one choice.
        finish_keys: the fields of a response that may say why the message ended.

    Returns:
        The message proper, and the provider's word for why it ended.

    Raises:
        MessageError: there is no message, or more than one, or only a piece of one.
    """
    holder = message
    if has(message, "choices"):
        holder = _only_choice(read(message, "choices"))
    found = holder
    if has_fields(read(holder, "message")) or (holder is not message):
        found = read(holder, "message")
    if not has_fields(found):
        if has(holder, "delta"):
            raise MessageError(CHUNK)
        raise MessageError(f"The response's message is {kind_of(found)}, not a message.")
    if is_fragment(found):
        raise MessageError(CHUNK)
    if read(found, "role") != "assistant":
        raise MessageError(why_unknown(found))
    words = [word(read(holder, key)) for key in finish_keys] if holder is not found else []
    return found, next((one for one in words if one), None)


def _only_choice(choices: object) -> object:
    if not is_list(choices):
        raise MessageError(f"The response's choices are {kind_of(choices)}, not a list.")
    options: list[object] = list(choices)  # type: ignore[call-overload]
    if len(options) == 1:
        return options[0]
    if not options:
        raise MessageError("The response has no choices, so there is no message to read.")
    raise MessageError(
        f"The response has {len(options)} choices: pass the one you chose, such as response.choices[0].message."
    )


def call_entries(message: object) -> list[Any]:
    """Return the entries of `tool_calls`.

    Raises:
        MessageError: it is something other than a list.
    """
    entries = read(message, "tool_calls")
    if entries is None:
        return []
    if not is_list(entries):
        raise MessageError(f"The message's tool_calls are {kind_of(entries)}, not a list.")
    return list(entries)


def read_calls(message: object) -> tuple[ToolCall, ...]:
    """Read every entry of `tool_calls`: kinds `function` and `custom`.

    Raises:
        MessageError: `tool_calls` is something other than a list.
    """
    entries = message.get("tool_calls") if type(message) is dict else None
    if type(entries) is not list:
        entries = call_entries(message)
    if len(entries) == 1:  # as most turns are
        return (_read_entry(0, entries[0]),)
    return tuple([_read_entry(position, entry) for position, entry in enumerate(entries)])


def _read_entry(position: int, entry: Any) -> ToolCall:
    if type(entry) is dict and type(function := entry.get("function")) is dict:  # the common case, with no call
        sent_id, name, arguments = entry.get("id"), function.get("name"), function.get("arguments")
        if type(sent_id) is str and type(name) is str and name and type(arguments) is str:
            return new_call(position, sent_id, name, arguments)
    function, sent_id = read(entry, "function"), read(entry, "id")
    if has_fields(function):
        name, arguments = read(function, "name"), read(function, "arguments")
        return read_call(position, sent_id=sent_id, name=name, arguments=arguments)
    custom = read(entry, "custom")
    text = read(custom, "input")
    if isinstance(text, str):
        return read_call(position, sent_id=sent_id, name=read(custom, "name"), arguments={"input": text}, kind="custom")
    return unreadable_call(position, entry, sent_id=sent_id)


def assistant_message(parsed: ParsedMessage, *, keep_missing_ids: bool = False, text_arguments: bool = True) -> Any:
    """Return the message as it belongs in a request; the same object if nothing in it must change.

    Args:
        parsed: the message, its calls with their ids assigned.
        keep_missing_ids: the provider pairs by order: an entry without an id goes back without one.
        text_arguments: arguments are JSON text; else objects. It matters only for what stands for an unreadable entry.
    """
    source = without_empty_keys(parsed.source)
    for call in parsed.calls:
        if call.call_id != call.sent_id or call.defect is not None:
            break
    else:
        return source
    if any(call.defect is not None for call in parsed.calls):
        source = plain(source)  # an SDK's message does not hold the dicts that stand for unreadable entries
    entries = call_entries(source)
    sent_back = []
    for call, entry in zip(parsed.calls, entries, strict=True):
        new_id = None if keep_missing_ids and call.sent_id is None else call.call_id
        if call.defect is not None:
            sent_back.append(_stand_in(call, entry, new_id, text_arguments=text_arguments))
        elif new_id is None:
            sent_back.append(without(entry, "id"))  # an empty one, or one that is not text
        elif new_id == call.sent_id:
            sent_back.append(entry)
        else:
            sent_back.append(changed(entry, "id", new_id))
    if all(new is old for new, old in zip(sent_back, entries, strict=True)):
        return source
    return changed(source, "tool_calls", sent_back)


def _stand_in(call: ToolCall, entry: object, new_id: str | None, *, text_arguments: bool) -> dict[str, Any]:
    """Return the least that a provider accepts for an entry that cannot be read; arguments that are text are kept."""
    known = {} if new_id is None else {"id": new_id}
    name = call.name or STAND_IN
    if call.kind == "custom":
        return {**known, "type": "custom", "custom": {"name": name, "input": read(read(entry, "custom"), "input")}}
    sent = read(read(entry, "function"), "arguments")
    arguments: object = sent if isinstance(sent, Mapping) else {}
    if text_arguments:
        arguments = sent if isinstance(sent, str) else _json(arguments)
    return {**known, "type": "function", "function": {"name": name, "arguments": arguments}}


def _json(arguments: object) -> str:
    try:
        return json.dumps(arguments, default=str)
    except Exception:  # noqa: BLE001 -- keys that are no text, depth, a client's own mapping: the call is not run anyway
        return "{}"


def without_empty_keys(message: Any) -> Any:
    """Return a dict without the keys that say nothing, `content` excepted; anything else as it is."""
    if not isinstance(message, dict):
        return message
    for key, value in message.items():
        if not value and key != "content":
            break
    else:
        return message
    idle = {key for key, value in message.items() if value in SAYS_NOTHING and key != "content"}
    return {key: value for key, value in message.items() if key not in idle} if idle else message
