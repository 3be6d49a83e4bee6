"""Anthropic Messages: one turn.

Calls are `tool_use` blocks; all results go into one user message, with an error flag (research: protocols, 3). What the
provider's own server runs (`server_tool_use`, `mcp_tool_use`) is not ours.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from everycall.core.calls import ParsedMessage, ToolCall, ToolDefinition
from everycall.core.content import Content, File, Image
from everycall.core.ids import IdRule
from everycall.core.outcomes import ToolResult
from everycall.dialects.blocks import block_list, message_to_send, require_role
from everycall.dialects.detection import recognise, require_readable
from everycall.dialects.finish import is_cut_off
from everycall.dialects.media import NO_OUTPUT, as_blocks, as_text, encoded, is_text, or_no_output
from everycall.dialects.naming import NARROW, check_names, described
from everycall.dialects.reading import STAND_IN, changed, plain, read, read_call, word
from everycall.ports import Rendered

ID_RULE = IdRule(pattern=re.compile(r"[a-zA-Z0-9_-]+"), prefix="toolu_")
IMAGE_TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})


@dataclass(frozen=True, slots=True)
class Anthropic:
    """See `everycall.ports.Dialect`."""

    name: str = "anthropic"
    id_rule: IdRule = ID_RULE

    def detect(self, message: object) -> bool:
        """See `everycall.ports.Dialect.detect`."""
        return recognise(message) == self.name

    def parse(self, message: object, *, finish_reason: str | None = None) -> ParsedMessage:
        """See `everycall.ports.Dialect.parse`."""
        require_readable(message, self.name)
        require_role(message, ("assistant",))
        finish = finish_reason or word(read(message, "stop_reason"))
        calls = [_read_block(position, block) for position, (_, block) in enumerate(_calls_of(message))]
        return ParsedMessage(source=message, calls=tuple(calls), finish=finish, cut_off=is_cut_off(self.name, finish))

    def render(self, parsed: ParsedMessage, results: Sequence[ToolResult]) -> Rendered:
        """See `everycall.ports.Dialect.render`."""
        blocks = []
        replaced = []
        for call, (_, block), result in zip(parsed.calls, _calls_of(parsed.source), results, strict=True):
            content, swapped = _content(result.content, failed=result.status != "success")
            answer = {"type": "tool_result", "tool_use_id": call.call_id, "content": content}
            if result.status != "success":
                answer["is_error"] = True
            if read(block, "toolset_name") is not None:  # the member's name alone does not say which tool it is
                answer["toolset_name"] = read(block, "toolset_name")
            blocks.append(answer)
            if swapped:
                replaced.append(call.position)
        messages: list[object] = [{"role": "user", "content": blocks}] if blocks else []
        message = message_to_send(parsed, "content", _calls_of, _send_back)
        return Rendered(assistant_message=_minimal(message), messages=messages, replaced=tuple(replaced))

    def definitions(self, tools: Sequence[ToolDefinition]) -> list[dict[str, object]]:
        """See `everycall.ports.Dialect.definitions`."""
        check_names(tools, NARROW, self.name)
        return [described(tool, "input_schema") for tool in tools]


def _calls_of(message: object) -> Iterator[tuple[int, Any]]:
    return (
        (index, block)
        for index, block in enumerate(block_list(message, "content"))
        if read(block, "type") == "tool_use"
    )


def _read_block(position: int, block: Any) -> ToolCall:
    return read_call(position, sent_id=read(block, "id"), name=read(block, "name"), arguments=_input(block))


def _input(block: Any) -> object:
    """Return the input. A text is no input: the provider takes objects only, and never made it."""
    value = read(block, "input")
    return [value] if isinstance(value, str) else value


def _send_back(block: Any, call: ToolCall) -> Any:
    """Return the block under its id, with the least the provider takes where it has no name or no object as input."""
    if call.call_id != call.sent_id:
        block = changed(block, "id", call.call_id)
    if call.defect is None and isinstance(call.arguments, Mapping):
        return block
    return {**plain(block), "name": call.name or STAND_IN, "input": call.arguments or {}}


def _minimal(message: Any) -> Any:
    """Return what belongs in a request: the role and the content, without what only responses have."""
    if isinstance(message, dict) and message.keys() == {"role", "content"}:
        return message
    return {"role": "assistant", "content": read(message, "content")}


def _content(content: Content, *, failed: bool) -> tuple[object, bool]:
    """Return the result's content, and whether a part became words. Empty text is refused; errors are text only."""
    if isinstance(content, str) or failed:
        text, swapped = as_text(content)
        return or_no_output(text), swapped
    blocks, swapped = as_blocks(content, lambda text: {"type": "text", "text": text}, _show)
    return blocks or NO_OUTPUT, swapped


def _show(part: Image | File) -> dict[str, Any] | None:
    source: dict[str, Any] | None = None
    if part.data is None:
        fits = isinstance(part, Image) or part.media_type == "application/pdf"
        source = {"type": "url", "url": part.url} if part.url and fits else None
    elif part.media_type in (IMAGE_TYPES if isinstance(part, Image) else {"application/pdf"}):
        source = {"type": "base64", "media_type": part.media_type, "data": encoded(part.data)}
    elif isinstance(part, File) and is_text(part.media_type):
        source = {"type": "text", "media_type": "text/plain", "data": part.data.decode("utf-8", "replace")}
    if source is None:
        return None
    if isinstance(part, Image):
        return {"type": "image", "source": source}
    return {"type": "document", "source": source, "title": part.name}


DIALECT = Anthropic()
