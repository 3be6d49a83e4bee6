"""What the dialects share when they read and write whole histories.

1. Calls are read, and ids written back, by the dialect's own turn side: one place knows a provider's call.
2. A message that is not `changed` comes out as the object that went in.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, NoReturn

from everycall.core.calls import ToolCall
from everycall.core.errors import MessageError
from everycall.core.history import Message, Rest, Result, Role
from everycall.core.outcomes import ToolResult
from everycall.core.text import bounded
from everycall.dialects.media import NO_OUTPUT
from everycall.dialects.reading import changed, has, is_list, kind_of, read, word
from everycall.ports import Dialect

RoleTable = Mapping[object, Role]
"""The provider's word for who speaks -> ours."""

USER_HOLDS_RESULTS: RoleTable = {"user": "user", "assistant": "assistant", "system": "system"}
"""Where results are parts of the user's message."""

Part = Result | Rest


def scan_chat(
    messages: Iterable[object],
    dialect: Dialect,
    roles: RoleTable,
    has_calls: Callable[[object], bool],
    read_result: Callable[[object], Result],
) -> list[Message]:
    """Read a history in which each result is a message of its own.

    Raises:
        MessageError: a message's role is unknown, or its calls cannot be read.
    """
    items = []
    for index, message in enumerate(messages):
        role = role_of(message, index, roles)
        if role == "results":
            items.append(Message(source=message, role=role, body=(read_result(message),)))
        elif role == "assistant" and has_calls(message):
            items.append(Message(source=message, role=role, calls=calls_of(dialect, message, index)))
        else:
            items.append(Message(source=message, role=role))
    return items


def scan_blocks(
    messages: Iterable[object],
    dialect: Dialect,
    roles: RoleTable,
    is_call: Callable[[object], bool],
    read_part: Callable[[object], Part],
    *,
    field: str = "content",
) -> list[Message]:
    """Read a history in which results are parts of the user's message.

    Raises:
        MessageError: a message's role is unknown, or its parts or calls cannot be read.
    """
    items = []
    for index, message in enumerate(messages):
        role = role_of(message, index, roles)
        parts = parts_of(message, index, field)
        if role == "user":
            items.append(Message(source=message, role=role, body=tuple([read_part(part) for part in parts])))
        elif role == "assistant" and any(is_call(part) for part in parts):
            items.append(Message(source=message, role=role, calls=calls_of(dialect, message, index)))
        else:
            items.append(Message(source=message, role=role))
    return items


def parts_of(message: object, index: int, field: str) -> list[object]:
    """Return the parts of a message; a content that is one text is one part.

    Raises:
        MessageError: it is neither a text nor a list.
    """
    content = read(message, field)
    if isinstance(content, str):
        return [content]
    if content is None:
        return []
    if not is_list(content):
        raise MessageError(f"Message {index}: its {field} is {kind_of(content)}, not a text or a list.")
    return list(content)


def role_of(message: object, index: int, roles: RoleTable, field: str = "role") -> Role:
    """Return who speaks.

    Raises:
        MessageError: the word is not one of the provider's.
    """
    said = read(message, field)
    role = roles.get(said) if isinstance(said, str) else roles.get(word(said))
    if role is None:
        unknown_role(said, index, roles, field)
    return role


def unknown_role(said: object, index: int, roles: RoleTable, field: str = "role") -> NoReturn:
    """Say that *said* is no role, and which there are.

    Raises:
        MessageError: always.
    """
    known = ", ".join(str(name) for name in roles if name is not None)
    shown = repr(bounded(said, 40)) if isinstance(said, str) else kind_of(said)
    raise MessageError(f"Message {index} has the {field} {shown}; known are {known}.")


def calls_of(dialect: Dialect, message: object, index: int) -> tuple[ToolCall, ...]:
    """Return the calls of an assistant message, as the turn side reads them.

    Raises:
        MessageError: the list of calls cannot be read; the sentence names the message.
    """
    try:
        return dialect.parse(message).calls
    except MessageError as error:
        raise MessageError(f"Message {index}: {error}") from error


def text_id(value: object) -> str | None:
    """Return an id as read: text that is not empty, else None."""
    return value if isinstance(value, str) and value else None


def with_new_ids(dialect: Dialect, item: Message) -> Any:
    """Return the assistant message of *item* with the ids that its calls are to have."""
    calls = tuple(call if call.call_id else replace(call, call_id=call.sent_id or "") for call in item.calls)
    answers = [
        ToolResult(
            call_id=call.call_id, tool_name=call.name, status="success", code="ok", effect="done", content=NO_OUTPUT
        )
        for call in calls
    ]
    return dialect.render(replace(dialect.parse(item.inner), calls=calls), answers).assistant_message


def write_chat(items: Iterable[Message], dialect: Dialect, write_result: Callable[[Result], object]) -> list[object]:
    """Write a history in which each result is a message of its own."""
    messages: list[object] = []
    for item in items:
        if not item.changed:
            messages.append(item.source)
        elif item.calls:
            messages.append(with_new_ids(dialect, item))
        else:
            messages += [
                part.source if isinstance(part, Rest) or not part.changed else write_result(part) for part in item.body
            ]
    return messages


def write_blocks(
    items: Iterable[Message],
    dialect: Dialect,
    write_result: Callable[[Result], object],
    write_text: Callable[[str], object],
    *,
    field: str = "content",
) -> list[object]:
    """Write a history in which results are parts of the user's message.

    Args:
        items: the history.
        dialect: its turn side.
        write_result: writes a changed result's part.
        write_text: writes a text as a part.
        field: where a message has its parts.
    """
    messages: list[object] = []
    for item in items:
        if not item.changed:
            messages.append(item.source)
        elif item.calls:
            messages.append(with_new_ids(dialect, item))
        else:
            parts = [_write_part(part, write_result, write_text) for part in item.body]
            kept = item.source if isinstance(item.source, Mapping) else {"role": read(item.source, "role") or "user"}
            messages.append({**kept, field: parts})
    return messages


def _write_part(part: Part, write_result: Callable[[Result], object], write_text: Callable[[str], object]) -> object:
    if isinstance(part, Result):
        return write_result(part) if part.changed else part.source
    return write_text(part.source) if isinstance(part.source, str) else part.source


NO_CONTENT = "has no content"
"""The defect of a result message whose content is absent or null."""


def content_defect(message: object) -> str | None:
    """Why the content of a result message would be refused: it must be a text or a list of parts."""
    content = read(message, "content")
    if isinstance(content, str) or is_list(content):
        return None
    return NO_CONTENT if content is None else "has a content that is neither a text nor a list of parts"


def write_result_message(message: Any, result: Result) -> Any:
    """Return *message* with the id, the name (if it has one) and a content that *result* is to have."""
    if result.call_id is not None and read(message, "tool_call_id") != result.call_id:
        message = changed(message, "tool_call_id", result.call_id)
    if result.name is not None and has(message, "name") and read(message, "name") != result.name:
        message = changed(message, "name", result.name)
    if content_defect(message) is not None:
        content = read(message, "content")
        message = changed(message, "content", NO_OUTPUT if content is None else as_json(content))
    return message


def as_json(value: object) -> str:
    """Return *value* as JSON text; what JSON does not know becomes its `str`."""
    return json.dumps(value, ensure_ascii=False, default=str)
