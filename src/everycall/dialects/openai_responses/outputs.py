"""Which items of a response are calls, and with what kind of item each is answered: one table.

A call is answered by its own type of output, named after it (research: protocols, 2.1). The types that are not
functions have no name of their own: the tool that runs them is registered under the name given here. Pending safety
checks of a computer call are never acknowledged here: that is a person's word.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from everycall.core.calls import ToolCall
from everycall.core.content import Content, File, Image
from everycall.core.outcomes import ToolResult
from everycall.dialects.media import address, as_blocks, as_text
from everycall.dialects.reading import has_fields, plain, read

Answer = tuple[dict[str, Any], bool]
"""The fields that an output adds to its type and id, and whether a part of the result could not be sent as it is."""

BLANK_SCREEN = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
)
"""One transparent pixel: a computer call is answered by a picture and nothing else, even if it failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallType:
    """How one type of call is read and answered.

    Attributes:
        kind: the `kind` of its `ToolCall`.
        output: the type of the item that answers it.
        tool: the tool's name; None if the item names it.
        arguments: takes the arguments out of the item: text, mapping or None; anything else cannot be read.
        answer: makes the output's fields from the item and the result.
        id_key: the output's field that names the call.
    """

    kind: str
    output: str
    arguments: Callable[[Any], object]
    answer: Callable[[Any, ToolResult], Answer]
    tool: str | None = None
    id_key: str = "call_id"


def read_item(item: Any, call_type: CallType) -> dict[str, Any]:
    """Return the id, name and arguments of a call item, of whatever types they are."""
    name = call_type.tool or read(item, "name")
    arguments = call_type.arguments(item)
    return {"sent_id": read(item, "call_id"), "name": name, "arguments": arguments, "kind": call_type.kind}


def output_item(item: Any, call: ToolCall, result: ToolResult) -> Answer:
    """Return the item that answers *item*, and whether a part of the result could not be sent as it is."""
    call_type = CALL_TYPES[read(item, "type")]
    fields, replaced = call_type.answer(item, result)
    output = {"type": call_type.output, call_type.id_key: call.call_id, **fields}
    caller = read(item, "caller")
    if caller is not None and call_type.kind != "local_shell":
        output["caller"] = (
            plain(caller) if has_fields(caller) else caller
        )  # who called is told to whoever made the call
    return output, replaced


def _free_text(item: Any) -> object:
    text = read(item, "input")
    return {"input": text} if isinstance(text, str) else [text]


def _fields_of(*names: str) -> Callable[[Any], object]:
    def take(item: Any) -> object:
        for name in names:
            value = read(item, name)
            if has_fields(value):
                return plain(value)
        return [None]

    return take


def _computer_arguments(item: Any) -> object:
    actions = read(item, "actions")
    if isinstance(actions, list | tuple):
        return {"actions": [plain(one) if has_fields(one) else one for one in actions]}
    action = read(item, "action")
    return {"actions": [plain(action)]} if has_fields(action) else [None]


def _search_arguments(item: Any) -> object:
    arguments = read(item, "arguments")
    return plain(arguments) if has_fields(arguments) else arguments


def _content(_item: Any, result: ToolResult) -> Answer:
    if isinstance(result.content, str):
        return {"output": result.content}, False
    blocks, replaced = as_blocks(result.content, lambda text: {"type": "input_text", "text": text}, _show)
    return {"output": blocks or ""}, replaced


def _show(part: Image | File) -> dict[str, Any] | None:
    where = address(part)
    if where is None:
        return None
    if isinstance(part, Image):
        return {"type": "input_image", "image_url": where}
    if part.data is None:
        return {"type": "input_file", "file_url": where}
    return {"type": "input_file", "filename": part.name, "file_data": where}


def _text(_item: Any, result: ToolResult) -> Answer:
    text, replaced = as_text(result.content)
    return {"output": text}, replaced


def _patch(_item: Any, result: ToolResult) -> Answer:
    text, replaced = as_text(result.content)
    return {"status": "completed" if result.status == "success" else "failed", "output": text}, replaced


def _shell(item: Any, result: ToolResult) -> Answer:
    text, replaced = as_text(result.content)
    limit = read(read(item, "action"), "max_output_length")
    echoed = {"max_output_length": limit} if isinstance(limit, int) else {}
    return {"output": _shell_output(text, result), **echoed}, replaced


def _shell_output(text: str, result: ToolResult) -> list[Any]:
    """Return the captured output. A tool may return it in the provider's own shape; other text is `stdout`."""
    if result.status == "success":
        own = _captured(text)
        return own or [{"stdout": text, "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}]
    outcome = {"type": "timeout"} if result.status == "timeout" else {"type": "exit", "exit_code": 1}
    return [{"stdout": "", "stderr": text, "outcome": outcome}]


def _captured(text: str) -> list[Any]:
    try:
        value = json.loads(text) if text[:1] in {"[", "{"} else None
    except (ValueError, RecursionError):
        return []
    chunks = value if isinstance(value, list) else [value]
    return chunks if all(_is_chunk(chunk) for chunk in chunks) else []


def _is_chunk(chunk: object) -> bool:
    return (
        isinstance(chunk, dict)
        and chunk.keys() == {"stdout", "stderr", "outcome"}
        and isinstance(chunk["stdout"], str)
        and isinstance(chunk["stderr"], str)
        and isinstance(chunk["outcome"], Mapping)
    )


def _screen(_item: Any, result: ToolResult) -> Answer:
    picture = _first_picture(result.content)
    shown = {"type": "computer_screenshot", "image_url": picture or BLANK_SCREEN}
    return {"output": shown}, picture is None


def _first_picture(content: Content) -> str | None:
    parts = () if isinstance(content, str) else content
    return next((address(part) for part in parts if isinstance(part, Image) and address(part)), None)


def _found_tools(_item: Any, result: ToolResult) -> Answer:
    """Return the tools that were found: the tool returns them as a JSON list; anything else means none."""
    text, _ = as_text(result.content)
    try:
        value = json.loads(text) if result.status == "success" else None
    except (ValueError, RecursionError):
        value = None
    tools = value if isinstance(value, list) else []
    return {"execution": "client", "status": "completed", "tools": tools}, value is not tools


CALL_TYPES: dict[str, CallType] = {
    "function_call": CallType(
        kind="function",
        output="function_call_output",
        arguments=lambda item: read(item, "arguments"),
        answer=_content,
    ),
    "custom_tool_call": CallType(
        kind="custom", output="custom_tool_call_output", arguments=_free_text, answer=_content
    ),
    "shell_call": CallType(
        kind="shell", output="shell_call_output", tool="shell", arguments=_fields_of("action"), answer=_shell
    ),
    "local_shell_call": CallType(
        kind="local_shell",
        output="local_shell_call_output",
        tool="local_shell",
        arguments=_fields_of("action"),
        answer=_text,
        id_key="id",
    ),
    "apply_patch_call": CallType(
        kind="apply_patch",
        output="apply_patch_call_output",
        tool="apply_patch",
        arguments=_fields_of("operation"),
        answer=_patch,
    ),
    "computer_call": CallType(
        kind="computer",
        output="computer_call_output",
        tool="computer",
        arguments=_computer_arguments,
        answer=_screen,
    ),
    "tool_search_call": CallType(
        kind="tool_search",
        output="tool_search_output",
        tool="tool_search",
        arguments=_search_arguments,
        answer=_found_tools,
    ),
}
