"""OpenAI Responses: one turn.

A turn is a flat list of items. Calls are items of several types, each answered by an item of its own type; reasoning
and other items stay beside them as they are (research: protocols, 2). What the provider's server runs
(`web_search_call`, `mcp_call`, a shell in its own container, ...) is not ours; nor is a call whose output stands in the
same list.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from everycall.core.calls import ParsedMessage, ToolCall, ToolDefinition
from everycall.core.errors import MessageError
from everycall.core.ids import IdRule
from everycall.core.outcomes import ToolResult
from everycall.dialects.detection import recognise, require_readable
from everycall.dialects.finish import is_cut_off
from everycall.dialects.naming import NARROW, check_names, described
from everycall.dialects.openai_responses.outputs import CALL_TYPES, output_item, read_item
from everycall.dialects.reading import STAND_IN, changed, is_list, kind_of, plain, read, read_call, word
from everycall.ports import Rendered

ID_RULE = IdRule(pattern=re.compile(r".{1,64}", re.DOTALL))


@dataclass(frozen=True, slots=True)
class OpenAIResponses:
    """See `everycall.ports.Dialect`. Both sides of the exchange are flat lists of items."""

    name: str = "openai-responses"
    id_rule: IdRule = ID_RULE

    def detect(self, message: object) -> bool:
        """See `everycall.ports.Dialect.detect`."""
        return recognise(message) == self.name

    def parse(self, message: object, *, finish_reason: str | None = None) -> ParsedMessage:
        """Read a whole response, a list of its output items, or one item. See `everycall.ports.Dialect.parse`."""
        if message != []:  # a response may be empty
            require_readable(message, self.name)
        items = _items_of(message)
        reason = word(read(read(message, "incomplete_details"), "reason"))
        finish = finish_reason or reason or (None if is_list(message) else word(read(message, "status")))
        words = {finish, *(word(read(item, "status")) for item in items if word(read(item, "type")) in _CUT_WITH)}
        calls = [_read_call(position, item) for position, (_, item) in enumerate(_calls_of(items))]
        cut_off = any(is_cut_off(self.name, one) for one in words)
        return ParsedMessage(source=items, calls=tuple(calls), finish=finish, cut_off=cut_off)

    def render(self, parsed: ParsedMessage, results: Sequence[ToolResult]) -> Rendered:
        """See `everycall.ports.Dialect.render`."""
        items: Any = parsed.source
        sent_back = list(items)
        messages: list[object] = []
        replaced = []
        for call, (index, item), result in zip(parsed.calls, _calls_of(items), results, strict=True):
            output, swapped = output_item(item, call, result)
            messages.append(output)
            sent_back[index] = _send_back(item, call)
            if swapped:
                replaced.append(call.position)
        return Rendered(assistant_message=sent_back, messages=messages, replaced=tuple(replaced))

    def definitions(self, tools: Sequence[ToolDefinition]) -> list[dict[str, object]]:
        """See `everycall.ports.Dialect.definitions`.

        `strict` is written out as false: the provider's default is true, which refuses schemas with optional fields.
        """
        check_names(tools, NARROW, self.name)
        return [{"type": "function", **described(tool, "parameters"), "strict": False} for tool in tools]


_CUT_WITH = frozenset({"reasoning", "message", *CALL_TYPES})
"""Items whose own status says whether the model's output was cut; others' say how the server's tools fared."""


def _items_of(message: object) -> list[Any]:
    if is_list(message):
        return message if isinstance(message, list) else list(message)  # type: ignore[call-overload]
    output = read(message, "output")
    if output is None and isinstance(read(message, "type"), str):
        return [message]
    if not is_list(output):
        raise MessageError(f"The response's output is {kind_of(output)}, not a list of items.")
    return output if isinstance(output, list) else list(output)


def _calls_of(items: list[Any]) -> Iterator[tuple[int, Any]]:
    answered = {(word(read(item, "type")), word(read(item, "call_id"))) for item in items}
    for index, item in enumerate(items):
        kind = word(read(item, "type"))
        if kind not in CALL_TYPES or _runs_elsewhere(item, kind):
            continue
        call_id = word(read(item, "call_id"))
        if call_id is None or (CALL_TYPES[kind].output, call_id) not in answered:
            yield index, item


def _runs_elsewhere(item: Any, kind: str) -> bool:
    """Return whether the provider's server runs this call, although its type may also be run by the client."""
    if kind == "tool_search_call":
        return word(read(item, "execution")) != "client"
    place = word(read(read(item, "environment"), "type"))
    return kind == "shell_call" and place == "container_reference"


def _read_call(position: int, item: Any) -> ToolCall:
    may_stay_open = read(item, "async") is True or read(item, "async_") is True
    return read_call(position, **read_item(item, CALL_TYPES[read(item, "type")]), may_stay_open=may_stay_open)


def _send_back(item: Any, call: ToolCall) -> Any:
    """Return the item under its id; one that cannot be read gets the least that the provider takes."""
    if call.call_id != call.sent_id:
        item = changed(item, "call_id", call.call_id)
    if call.defect is None:
        return item
    sent = plain(item)
    if call.kind in {"function", "custom"}:
        sent["name"] = call.name or STAND_IN
    key = {"function": "arguments", "custom": "input"}.get(call.kind)
    if key is not None and not isinstance(sent.get(key), str):
        arguments = call.arguments if isinstance(call.arguments, Mapping) else {}
        sent[key] = json.dumps(arguments, default=str)
    return sent


DIALECT = OpenAIResponses()
