"""Gemini `generateContent`: one turn.

Calls are `functionCall` parts; all results go into one user content, as `functionResponse` parts in the order of the
calls (research: protocols, 4). Ids are optional: a call without one is answered without one, and pairs by order. What
the provider's own server runs (`toolCall`) is not ours. Both spellings are read, `functionCall` and `function_call`;
the results are written as REST has them, which the SDK reads too.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from everycall.core.calls import ParsedMessage, ToolCall, ToolDefinition
from everycall.core.content import File, Image
from everycall.core.errors import MessageError
from everycall.core.ids import IdRule
from everycall.core.outcomes import ToolResult
from everycall.dialects.blocks import block_list, message_to_send, require_role
from everycall.dialects.detection import is_candidate, recognise, require_readable
from everycall.dialects.finish import is_cut_off
from everycall.dialects.media import as_blocks, encoded
from everycall.dialects.naming import GEMINI, check_names, described
from everycall.dialects.reading import (
    STAND_IN,
    changed,
    has,
    has_fields,
    is_list,
    plain,
    read,
    read_call,
    unreadable,
    without,
    word,
)
from everycall.ports import Rendered

ID_RULE = IdRule(pattern=re.compile(r".+", re.DOTALL), positional=True)
CALL_KEYS = ("functionCall", "function_call")
VERTEX_KEYS = ("partialArgs", "partial_args", "willContinue", "will_continue")
"""Fields of a streamed call, which the Gemini API refuses in a request (research: protocols, 4)."""


@dataclass(frozen=True, slots=True)
class Gemini:
    """See `everycall.ports.Dialect`."""

    name: str = "gemini"
    id_rule: IdRule = ID_RULE

    def detect(self, message: object) -> bool:
        """See `everycall.ports.Dialect.detect`."""
        return recognise(message) == self.name

    def parse(self, message: object, *, finish_reason: str | None = None) -> ParsedMessage:
        """See `everycall.ports.Dialect.parse`."""
        require_readable(message, self.name)
        source, finish = _content_of(message)
        require_role(source, ("model", None))
        finish = finish_reason or finish
        calls = [_read_part(position, part) for position, (_, part) in enumerate(_calls_of(source))]
        return ParsedMessage(source=source, calls=tuple(calls), finish=finish, cut_off=is_cut_off(self.name, finish))

    def render(self, parsed: ParsedMessage, results: Sequence[ToolResult]) -> Rendered:
        """See `everycall.ports.Dialect.render`."""
        parts = []
        replaced = []
        for call, result in zip(parsed.calls, results, strict=True):
            answer, swapped = _response(result)
            answer = {"name": call.name or STAND_IN, **answer}
            if call.sent_id is not None:
                answer = {"id": call.call_id, **answer}
            parts.append({"functionResponse": answer})
            if swapped:
                replaced.append(call.position)
        messages: list[object] = [{"role": "user", "parts": parts}] if parts else []
        content = message_to_send(parsed, "parts", _calls_of, _send_back)
        return Rendered(assistant_message=content, messages=messages, replaced=tuple(replaced))

    def definitions(self, tools: Sequence[ToolDefinition]) -> list[dict[str, object]]:
        """Return one tool with a declaration per function. See `everycall.ports.Dialect.definitions`.

        The schemas go under `parameters_json_schema`, which takes JSON Schema as it is. `parameters` would take the
        provider's own subset alone: no `$ref`, no `additionalProperties`, other names for the types.
        """
        check_names(tools, GEMINI, self.name)
        declarations = [described(tool, "parameters_json_schema") for tool in tools]
        return [{"function_declarations": declarations}] if declarations else []


def _content_of(message: object) -> tuple[Any, str | None]:
    """Return the content proper, and why it ended.

    Raises:
        MessageError: the response has no candidate, or several.
    """
    if has(message, "candidates") or has(message, "promptFeedback"):
        candidate = _only_candidate(read(message, "candidates"))
    elif is_candidate(message):
        candidate = message
    else:
        return message, None
    finish = word(read(candidate, "finishReason")) or word(read(candidate, "finish_reason"))
    content = read(candidate, "content")
    return (content if has_fields(content) else {"role": "model", "parts": []}), finish


def _only_candidate(candidates: Any) -> object:
    if not is_list(candidates) or not candidates:
        raise MessageError("The response has no candidates, so there is no message to read. Was the prompt blocked?")
    if len(candidates) > 1:
        raise MessageError(
            f"The response has {len(candidates)} candidates: pass the one you chose, "
            "such as response.candidates[0].content."
        )
    return candidates[0]


def _call_of(part: Any) -> tuple[str, Any]:
    """Return the spelling that *part* has, and its call; None if it holds none."""
    for key in CALL_KEYS:
        call = read(part, key)
        if call is not None:
            return key, call
    return CALL_KEYS[0], None


def _calls_of(content: object) -> Iterator[tuple[int, Any]]:
    return ((index, part) for index, part in enumerate(block_list(content, "parts")) if _call_of(part)[1] is not None)


def _read_part(position: int, part: Any) -> ToolCall:
    entry = _call_of(part)[1]
    arguments = read(entry, "args")
    # a text is no arguments: the provider takes objects only, and never made it
    arguments = [arguments] if isinstance(arguments, str) else arguments
    # "" is how protocol buffers write an absent id
    call = read_call(position, sent_id=read(entry, "id") or None, name=read(entry, "name"), arguments=arguments)
    if call.defect is None and (read(entry, "willContinue") or read(entry, "will_continue")):
        return replace(call, defect=unreadable("it was cut off before it was complete"))
    return call


def _send_back(part: Any, call: ToolCall) -> Any:
    """Return the part under its id (if it had one), its signature beside it, without what requests may not hold."""
    key, entry = _call_of(part)
    if call.defect is not None:
        known = plain(entry) if has_fields(entry) else {}
        entry = {**known, "name": call.name or STAND_IN, "args": call.arguments or {}}
    if call.sent_id is None:
        entry = without(entry, "id")  # an empty one, or one that is not text
    elif call.sent_id != call.call_id:
        entry = changed(entry, "id", call.call_id)
    for vertex_key in VERTEX_KEYS:
        entry = without(entry, vertex_key)
    return part if entry is read(part, key) else changed(part, key, entry)


def _response(result: ToolResult) -> tuple[dict[str, Any], bool]:
    """Return `response`, which must be an object, and `parts` for media; and whether a part became words."""
    if isinstance(result.content, str):
        return {"response": _object(result.content, failed=result.status != "success")}, False
    blocks, swapped = as_blocks(result.content, lambda text: {"text": text}, _show)
    shown = [block for block in blocks if "text" not in block]
    text = "\n".join([block["text"] for block in blocks if "text" in block])
    response = _object(text, failed=result.status != "success")
    return ({"response": response, "parts": shown} if shown else {"response": response}), swapped


def _object(text: str, *, failed: bool) -> Mapping[str, Any]:
    """Return the object that *text* is; else the text under `error` or `result`, the names the provider's SDK uses."""
    value: object = None
    if text[:1] == "{":
        try:
            value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
        except (ValueError, RecursionError):
            value = None
    if isinstance(value, dict) and (not failed or "error" in value):
        return value
    return {"error" if failed else "result": text}


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _refuse(digits)  # type: ignore[return-value]


def _show(part: Image | File) -> dict[str, Any] | None:
    if part.data is not None:
        return {"inlineData": {"mimeType": part.media_type, "data": encoded(part.data)}}
    return {"fileData": {"mimeType": part.media_type, "fileUri": part.url}} if part.url else None


DIALECT = Gemini()
