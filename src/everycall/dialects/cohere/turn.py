"""Cohere v2 chat: one turn.

The shape of chat completions, with `tool_plan` beside the calls, which stays as it is; one message per result, text
only, no error flag (research: protocols, 7).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from everycall.core.calls import ParsedMessage, ToolDefinition
from everycall.core.ids import ANY_ID, IdRule
from everycall.core.outcomes import ToolResult
from everycall.dialects.chat import assistant_message, find_message, read_calls
from everycall.dialects.detection import recognise, require_readable
from everycall.dialects.finish import is_cut_off
from everycall.dialects.media import as_text, or_no_output
from everycall.dialects.naming import NARROW, chat_definitions, check_names
from everycall.ports import Rendered


@dataclass(frozen=True, slots=True)
class Cohere:
    """See `everycall.ports.Dialect`."""

    name: str = "cohere"
    id_rule: IdRule = ANY_ID

    def detect(self, message: object) -> bool:
        """See `everycall.ports.Dialect.detect`."""
        return recognise(message) == self.name

    def parse(self, message: object, *, finish_reason: str | None = None) -> ParsedMessage:
        """See `everycall.ports.Dialect.parse`."""
        require_readable(message, self.name)
        source, finish = find_message(message, ("finish_reason",))
        finish = finish_reason or finish
        calls = read_calls(source)
        return ParsedMessage(source=source, calls=calls, finish=finish, cut_off=is_cut_off(self.name, finish))

    def render(self, parsed: ParsedMessage, results: Sequence[ToolResult]) -> Rendered:
        """See `everycall.ports.Dialect.render`."""
        messages: list[object] = []
        replaced = []
        for call, result in zip(parsed.calls, results, strict=True):
            text, swapped = as_text(result.content)
            messages.append({"role": "tool", "tool_call_id": call.call_id, "content": or_no_output(text)})
            if swapped:
                replaced.append(call.position)
        return Rendered(assistant_message=assistant_message(parsed), messages=messages, replaced=tuple(replaced))

    def definitions(self, tools: Sequence[ToolDefinition]) -> list[dict[str, object]]:
        """See `everycall.ports.Dialect.definitions`."""
        check_names(tools, NARROW, self.name)
        return chat_definitions(tools)


DIALECT = Cohere()
