"""Ollama's own chat endpoint: one turn.

The shape of chat completions with objects as arguments. Ids are recent and optional (the Python SDK drops them): a call
without one is answered without one, and pairs by the tool's name and by order (research: protocols, 8). One message per
result; its content is text, with pictures beside it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from everycall.core.calls import ParsedMessage, ToolCall, ToolDefinition
from everycall.core.content import Content, Image
from everycall.core.errors import MessageError
from everycall.core.ids import IdRule
from everycall.core.outcomes import ToolResult
from everycall.dialects.chat import assistant_message, find_message, read_calls
from everycall.dialects.detection import recognise, require_readable
from everycall.dialects.finish import is_cut_off
from everycall.dialects.media import as_text, encoded
from everycall.dialects.naming import chat_definitions
from everycall.dialects.reading import STAND_IN, unreadable
from everycall.ports import Rendered

ID_RULE = IdRule(pattern=re.compile(r".+", re.DOTALL), positional=True)


@dataclass(frozen=True, slots=True)
class Ollama:
    """See `everycall.ports.Dialect`."""

    name: str = "ollama"
    id_rule: IdRule = ID_RULE

    def detect(self, message: object) -> bool:
        """See `everycall.ports.Dialect.detect`."""
        return recognise(message) == self.name

    def parse(self, message: object, *, finish_reason: str | None = None) -> ParsedMessage:
        """See `everycall.ports.Dialect.parse`."""
        require_readable(message, self.name)
        source, finish = find_message(message, ("done_reason",))
        finish = finish_reason or finish
        calls = read_calls(source)
        if calls and all(isinstance(call.arguments, str) for call in calls):
            raise MessageError(
                "This is no message in the dialect ollama: its arguments are text, not objects. "
                'Pass dialect="openai-chat".'
            )
        calls = tuple([_as_ollama_has_it(call) for call in calls])
        return ParsedMessage(source=source, calls=calls, finish=finish, cut_off=is_cut_off(self.name, finish))

    def render(self, parsed: ParsedMessage, results: Sequence[ToolResult]) -> Rendered:
        """See `everycall.ports.Dialect.render`."""
        messages: list[object] = []
        replaced = []
        for call, result in zip(parsed.calls, results, strict=True):
            fields, swapped = _content(result.content)
            message = {"role": "tool", **fields, "tool_name": call.name or STAND_IN}
            if call.sent_id is not None:
                message["tool_call_id"] = call.call_id
            messages.append(message)
            if swapped:
                replaced.append(call.position)
        sent_back = assistant_message(parsed, keep_missing_ids=True, text_arguments=False)
        return Rendered(assistant_message=sent_back, messages=messages, replaced=tuple(replaced))

    def definitions(self, tools: Sequence[ToolDefinition]) -> list[dict[str, object]]:
        """Any name the registry takes will do. See `everycall.ports.Dialect.definitions`."""
        return chat_definitions(tools)


def _as_ollama_has_it(call: ToolCall) -> ToolCall:
    if isinstance(call.arguments, str):
        return replace(call, arguments=None, defect=unreadable("its arguments are a text, not a JSON object"))
    return replace(call, sent_id=None) if call.sent_id == "" else call  # "" is how the server writes an absent id


def _content(content: Content) -> tuple[dict[str, Any], bool]:
    """Return text and pictures, and whether a part became words: addresses are refused, and so are files."""
    if isinstance(content, str):
        return {"content": content}, False
    images = [part for part in content if isinstance(part, Image) and part.data is not None]
    text, swapped = as_text(tuple(part for part in content if part not in images))
    fields: dict[str, Any] = {"content": text}
    if images:
        fields["images"] = [encoded(image.data or b"") for image in images]
    return fields, swapped


DIALECT = Ollama()
