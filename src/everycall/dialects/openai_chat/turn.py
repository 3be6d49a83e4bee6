"""OpenAI Chat Completions: one turn. Also what Mistral, DeepSeek, Kimi, vLLM, llama.cpp, LiteLLM and others speak.

Calls under `tool_calls` (kinds `function` and `custom`), or the one of the old `function_call`; one message per result,
text only, no error flag (research: protocols, 1).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from everycall.core.calls import ParsedMessage, ToolCall, ToolDefinition, new_parsed_message
from everycall.core.ids import IdRule
from everycall.core.outcomes import ToolResult
from everycall.dialects.chat import assistant_message, find_message, read_calls, without_empty_keys
from everycall.dialects.detection import is_common, recognise, require_readable
from everycall.dialects.finish import is_cut_off
from everycall.dialects.media import as_text
from everycall.dialects.naming import NARROW, chat_definitions, check_names
from everycall.dialects.reading import STAND_IN, has_fields, plain, read, read_call
from everycall.ports import Rendered, new_rendered

LEGACY = "legacy_function"
"""The kind of the one call under `function_call`: it has no id, and is answered by a message of the role `function`."""

# Any text goes: the server made it, and gateways hide signatures in ids of hundreds of characters. Except "null", which
# Mistral's SDK fills in for a missing one. Minted ids are what the strictest servers take: 9 letters or digits.
ID_RULE = IdRule(pattern=re.compile(r"(?!null\Z).+", re.DOTALL), prefix="", length=9, takes_words=True)


@dataclass(frozen=True, slots=True)
class OpenAIChat:
    """See `everycall.ports.Dialect`."""

    name: str = "openai-chat"
    id_rule: IdRule = ID_RULE

    def detect(self, message: object) -> bool:
        """See `everycall.ports.Dialect.detect`."""
        return recognise(message) == self.name

    def parse(self, message: object, *, finish_reason: str | None = None) -> ParsedMessage:
        """See `everycall.ports.Dialect.parse`."""
        if is_common(message):
            source, finish = message, finish_reason
        else:
            require_readable(message, self.name)
            source, finish = find_message(message, ("finish_reason",))
            finish = finish_reason or finish
        calls = read_calls(source) or _legacy_call(source)
        return new_parsed_message(source, calls, finish, finish is not None and is_cut_off(self.name, finish))

    def render(self, parsed: ParsedMessage, results: Sequence[ToolResult]) -> Rendered:
        """See `everycall.ports.Dialect.render`."""
        messages: list[object] = []
        replaced: tuple[int, ...] = ()
        legacy = False
        for call, result in zip(parsed.calls, results, strict=True):
            text = result.content
            if type(text) is not str:
                text, swapped = as_text(text)
                replaced = (*replaced, call.position) if swapped else replaced
            if call.kind == LEGACY:
                legacy = True
                messages.append({"role": "function", "name": call.name or STAND_IN, "content": text})
            else:
                messages.append({"role": "tool", "tool_call_id": call.call_id, "content": text})
        return new_rendered(_legacy_message(parsed) if legacy else assistant_message(parsed), messages, replaced)

    def definitions(self, tools: Sequence[ToolDefinition]) -> list[dict[str, object]]:
        """See `everycall.ports.Dialect.definitions`."""
        check_names(tools, NARROW, self.name)
        return chat_definitions(tools)


def _legacy_call(message: object) -> tuple[ToolCall, ...]:
    function = read(message, "function_call")
    if not has_fields(function):
        return ()
    name, arguments = read(function, "name"), read(function, "arguments")
    return (read_call(0, sent_id=None, name=name, arguments=arguments, kind=LEGACY),)


def _legacy_message(parsed: ParsedMessage) -> Any:
    source = without_empty_keys(parsed.source)
    if parsed.calls[0].defect is None:
        return source
    return {**plain(source), "function_call": {"name": parsed.calls[0].name or STAND_IN, "arguments": "{}"}}


DIALECT = OpenAIChat()
