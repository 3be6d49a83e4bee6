"""The rules of OpenAI Responses: a flat list of items, paired by `call_id` and by type.

1. A result answers a call of its own type that comes before it; it need not stand beside it.
2. A call declared `async: true` may stay open.
3. Items that the server runs itself (`web_search_call`, ...) are neither calls nor results here.
4. A reasoning item and the item made with it come back together, or neither with its `id`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from everycall.testing.provider.rulebook import NOTHING_SEEN, Rule, Seen, Violation, broken
from everycall.testing.provider.rules.openai_fields import (
    CALL_ID,
    FIELD_RULES,
    OBJECT,
    TEXT,
    TOOL_NAME,
    Field,
    field_value,
    fields,
    parameters,
)

RULES: dict[str, Rule] = FIELD_RULES | {
    "bad_item_id": Rule(
        text="Invalid '{place}': '{got}'. Expected an ID that begins with '{prefix}'.",
        source="nodetool-ai/nodetool PR #4252",
        code="invalid_value",
    ),
    "missing_result": Rule(
        text="No tool output found for {words} {call_id}.",
        source="router-for-me/CLIProxyAPI #2368",
    ),
    "orphan_result": Rule(
        text="No tool call found for {words} output with call_id {call_id}.",
        source="continuedev/continue #10092, microsoft/vscode #320060",
    ),
    "duplicate_result": Rule(
        text="Duplicate {output} for call_id '{call_id}'. Each {call} must have exactly one matching {output}",
        source="NousResearch/hermes-agent #102629 (a compatible gateway)",
    ),
    "duplicate_call_id": Rule(
        text="Duplicate 'call_id': {call_id}", source="earendil-works/pi #9057 (a compatible server)"
    ),
    "duplicate_item": Rule(
        text="Duplicate item found with id {item}. Remove duplicate items from your input and try again.",
        source="openai/openai-agents-python #1789, vercel/ai #13307",
    ),
    "lone_reasoning": Rule(
        text="Item '{item}' of type 'reasoning' was provided without its required following item.",
        source="openai-agents `run_internal/items.py`",
    ),
    "lost_thinking": Rule(
        text="Item '{item}' of type '{kind}' was provided without its required 'reasoning' item: '{reasoning}'.",
        source="0xPlaygrounds/rig #751",
    ),
}

RESULT_OF = {
    "function_call": "function_call_output",
    "custom_tool_call": "custom_tool_call_output",
    "computer_call": "computer_call_output",
    "shell_call": "shell_call_output",
    "apply_patch_call": "apply_patch_call_output",
}
"""The calls that a client answers, and what each is answered with."""

_CALL_OF = {result: call for call, result in RESULT_OF.items()}
_OUTPUT = Field(expected="one of a string or array of objects", types=(str, list))
_LIST = Field(expected="an array", types=(list,))
_ITEM_FIELDS: dict[str, dict[str, Field]] = {
    "function_call": {"call_id": CALL_ID, "name": TOOL_NAME, "arguments": TEXT},
    "function_call_output": {"call_id": CALL_ID, "output": _OUTPUT},
    "custom_tool_call": {"call_id": CALL_ID, "name": TOOL_NAME, "input": TEXT},
    "custom_tool_call_output": {"call_id": CALL_ID, "output": _OUTPUT},
    "computer_call": {"call_id": CALL_ID},
    "computer_call_output": {"call_id": CALL_ID, "output": OBJECT},
    "shell_call": {"call_id": CALL_ID, "action": OBJECT},
    "shell_call_output": {"call_id": CALL_ID, "output": _LIST},
    "apply_patch_call": {"call_id": CALL_ID, "operation": OBJECT},
    "apply_patch_call_output": {"call_id": CALL_ID, "status": TEXT},
    "message": {"role": TEXT, "content": _OUTPUT},
    "reasoning": {"summary": _LIST},
}
# The other members of the union `ResponseInputItemParam` of openai 2.54: taken as they are.
_OTHER_ITEMS = (
    *("additional_tools", "code_interpreter_call", "compaction", "compaction_trigger", "file_search_call"),
    *("image_generation_call", "item_reference", "local_shell_call", "local_shell_call_output"),
    *("mcp_approval_request", "mcp_approval_response", "mcp_call", "mcp_list_tools", "program", "program_output"),
    *("tool_search_call", "tool_search_output", "web_search_call"),
)
_ID_PREFIX = {"function_call": "fc", "custom_tool_call": "ctc", "reasoning": "rs"}
_ROLES = ("assistant", "system", "developer", "user")
_PARTS = ("input_text", "input_image", "input_file")


def violations(body: Mapping[str, Any], seen: Seen = NOTHING_SEEN) -> list[Violation]:
    """Return every rule that a request to `/responses` breaks, in the order of the request.

    Args:
        body: the decoded JSON body.
        seen: `earlier`, the items kept for `previous_response_id`, come before the request's own;
            `reasoning` makes a call without its reasoning item a violation.
    """
    given = body.get("input")
    items = given if isinstance(given, list) else []
    shape = [*_settings(body, seen), *_tools(body.get("tools")), *_shapes(items)]
    if shape:
        return shape
    whole = [*seen.earlier, *items]
    return [*_item_ids(whole), *_pairing(whole), *_reasoning(whole, seen)]


def _settings(body: Mapping[str, Any], seen: Seen) -> Iterator[Violation]:
    yield from fields(body, "", {"model": TEXT})
    if "input" in body:
        yield from field_value(body["input"], "input", _OUTPUT)
    elif not seen.earlier:
        yield broken(RULES, "missing_field", "input")


def _tools(tools: object) -> Iterator[Violation]:
    if tools is None:
        return
    yield from field_value(tools, "tools", _LIST)
    for index, tool in enumerate(tools if isinstance(tools, list) else []):
        place = f"tools[{index}]"
        if not isinstance(tool, dict):
            yield from field_value(tool, place, OBJECT)
            continue
        yield from fields(tool, place, {"type": TEXT})
        if tool.get("type") == "function":
            yield from parameters(tool, place)


def _shapes(items: Sequence[object]) -> Iterator[Violation]:
    for index, item in enumerate(items):
        place = f"input[{index}]"
        if not isinstance(item, dict):
            yield from field_value(item, place, OBJECT)
            continue
        kind = item.get("type", "message")
        if kind in _OTHER_ITEMS:
            continue
        if not isinstance(kind, str) or kind not in _ITEM_FIELDS:
            supported = ", ".join(f"'{one}'" for one in _ITEM_FIELDS)
            yield broken(RULES, "bad_value", place, got=kind, supported=supported)
            continue
        yield from fields(item, place, _ITEM_FIELDS[kind])
        yield from _details(kind, item, place)


def _details(kind: str, item: Mapping[str, Any], place: str) -> Iterator[Violation]:
    if kind == "message" and item.get("role") not in _ROLES:
        supported = ", ".join(f"'{one}'" for one in _ROLES)
        yield broken(RULES, "bad_value", f"{place}.role", got=item.get("role"), supported=supported)
    item_id, prefix = item.get("id"), _ID_PREFIX.get(kind)
    if isinstance(item_id, str) and prefix and not item_id.startswith(prefix):
        yield broken(RULES, "bad_item_id", f"{place}.id", got=item_id, prefix=prefix)
    if kind not in ("function_call_output", "custom_tool_call_output") or not isinstance(item.get("output"), list):
        return
    for position, part in enumerate(item["output"]):
        got = part.get("type") if isinstance(part, dict) else None
        if got not in _PARTS:
            supported = ", ".join(f"'{one}'" for one in _PARTS)
            yield broken(RULES, "bad_value", f"{place}.output[{position}]", got=got, supported=supported)


def _item_ids(items: Sequence[Mapping[str, Any]]) -> Iterator[Violation]:
    known: set[str] = set()
    for index, item in enumerate(items):
        item_id = item.get("id")
        if not isinstance(item_id, str) or item.get("type") == "item_reference":
            continue
        if item_id in known:
            yield broken(RULES, "duplicate_item", f"input[{index}].id", item=item_id)
        known.add(item_id)


def _pairing(items: Sequence[Mapping[str, Any]]) -> Iterator[Violation]:
    """Walk the items; *waiting* are the calls without a result so far, by (type of the result, call_id)."""
    waiting: dict[tuple[str, str], bool] = {}
    answered: set[tuple[str, str]] = set()
    for index, item in enumerate(items):
        kind, place = item.get("type", "message"), f"input[{index}].call_id"
        if kind in RESULT_OF:
            key = (RESULT_OF[kind], item["call_id"])
            if key in waiting:
                yield broken(RULES, "duplicate_call_id", place, call_id=key[1])
            waiting[key] = item.get("async") is True
        elif kind in _CALL_OF:
            key = (kind, item["call_id"])
            if waiting.pop(key, None) is None:
                rule = "duplicate_result" if key in answered else "orphan_result"
                yield broken(RULES, rule, place, **_facts(key))
            answered.add(key)
    for key, may_stay_open in waiting.items():
        if not may_stay_open:
            yield broken(RULES, "missing_result", "input", **_facts(key))


def _facts(key: tuple[str, str]) -> dict[str, str]:
    output, call_id = key
    call = _CALL_OF[output]
    return {"words": call.replace("_", " "), "call": call, "output": output, "call_id": call_id}


def _reasoning(items: Sequence[Mapping[str, Any]], seen: Seen) -> Iterator[Violation]:
    present = {str(item.get("id")) for item in items if item.get("type") == "reasoning"}
    for index, item in enumerate(items):
        if item.get("type") == "reasoning" and not _model_made_follows(items[index + 1 :]):
            yield broken(RULES, "lone_reasoning", "input", item=item.get("id"))
        needed = seen.reasoning.get(str(item.get("id")))
        if needed is not None and needed not in present:
            yield broken(RULES, "lost_thinking", "input", item=item["id"], kind=item.get("type"), reasoning=needed)


def _model_made_follows(items: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the item after a reasoning item was made by the model; more reasoning may lie between."""
    following = next((item for item in items if item.get("type") != "reasoning"), None)
    if following is None:
        return False
    kind = following.get("type", "message")
    return following.get("role") == "assistant" if kind == "message" else kind not in _CALL_OF
