"""The rules of Ollama's own `/api/chat`.

The server itself refuses only a wrong shape. It does not look who answers whom: a history that is not paired reaches
the model's chat template, which guesses or fails. This fake refuses it, in its own words, so that a test sees it.

1. The results of a turn stand directly after it, one per call.
2. A result is paired by `tool_call_id` where both sides have ids, else by `tool_name`, in call order.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from everycall.testing.provider.rulebook import NOTHING_SEEN, Rule, Seen, Violation, broken

_GO = "json: cannot unmarshal {got} into Go struct field ChatRequest.{field} of type {expected}"

RULES: dict[str, Rule] = {
    "no_model": Rule(text="model is required", source="ollama `server/routes.go`"),
    "wrong_type": Rule(text=_GO, source="aliasrobotics/cai #76, ollama/ollama #10255"),
    "bad_role": Rule(text="invalid role: {got}"),
    "no_name": Rule(text="{place}: a tool call needs the name of its function"),
    "missing_result": Rule(text="{place}: no tool message answers the calls of {ids}"),
    "orphan_result": Rule(text="{place}: a tool message without a tool call directly before it"),
    "duplicate_result": Rule(text="{place}: more tool messages than tool calls for '{call_id}'"),
    "mismatched_result": Rule(text="{place}: a tool message for '{call_id}', which was not called"),
    "duplicate_call_id": Rule(text="{place}: the id '{call_id}' stands on more than one tool call"),
}

_ROLES = ("system", "user", "assistant", "tool")
_GO_WORDS: dict[type, str] = {
    str: "string",
    bool: "bool",
    int: "number",
    float: "number",
    list: "array",
    dict: "object",
}
# field of a message -> the Python type of the decoded JSON, and Go's word for it; null leaves a Go field empty
_FIELDS: dict[str, tuple[type, str]] = {
    "role": (str, "string"),
    "content": (str, "string"),
    "tool_name": (str, "string"),
    "tool_call_id": (str, "string"),
    "tool_calls": (list, "[]api.ToolCall"),
    "images": (list, "[]api.ImageData"),
}
_FUNCTION_FIELDS: dict[str, tuple[type, str]] = {
    "name": (str, "string"),
    "arguments": (dict, "api.ToolCallFunctionArguments"),
}


def violations(body: Mapping[str, Any], seen: Seen = NOTHING_SEEN) -> list[Violation]:
    """Return every rule that a request to `/api/chat` breaks, in the order of the request.

    Args:
        body: the decoded JSON body.
        seen: nothing of it matters here.
    """
    del seen
    shape = list(_shapes(body))
    return shape or list(_pairing(body.get("messages") or []))


def _typed(owner: Mapping[str, Any], path: str, table: Mapping[str, tuple[type, str]]) -> Iterator[Violation]:
    for name, (wanted, expected) in table.items():
        value = owner.get(name)
        if value is not None and type(value) is not wanted:
            yield broken(
                RULES,
                "wrong_type",
                f"{path}.{name}",
                got=_GO_WORDS[type(value)],
                field=f"{path}.{name}",
                expected=expected,
            )


def _shapes(body: Mapping[str, Any]) -> Iterator[Violation]:
    if not body.get("model"):
        yield broken(RULES, "no_model", "model")
    messages = body.get("messages") or []
    if not isinstance(messages, list):
        got = _GO_WORDS[type(messages)]
        yield broken(RULES, "wrong_type", "messages", got=got, field="messages", expected="[]api.Message")
        return
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            got = _GO_WORDS.get(type(message), "null")
            yield broken(RULES, "wrong_type", f"messages[{index}]", got=got, field="messages", expected="api.Message")
            continue
        yield from _typed(message, "messages", _FIELDS)
        if message.get("role") not in _ROLES:
            yield broken(RULES, "bad_role", f"messages[{index}]", got=message.get("role"))
        calls = message.get("tool_calls")
        for position, call in enumerate(calls if isinstance(calls, list) else []):
            yield from _call(call, f"messages[{index}].tool_calls[{position}]")


def _call(call: object, place: str) -> Iterator[Violation]:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(call, dict) or not isinstance(function, dict):
        yield broken(RULES, "no_name", place)
        return
    yield from _typed(call, "messages.tool_calls", {"id": (str, "string")})
    yield from _typed(function, "messages.tool_calls.function", _FUNCTION_FIELDS)
    if not function.get("name"):
        yield broken(RULES, "no_name", place)


def _pairing(messages: list[Mapping[str, Any]]) -> Iterator[Violation]:
    asked: list[Mapping[str, Any]] = []
    results: list[Mapping[str, Any]] = []
    for index, message in enumerate([*messages, {"role": "the end"}]):
        if message["role"] == "tool":
            results.append(message)
            if not asked:
                yield broken(RULES, "orphan_result", f"messages[{index}]")
            continue
        if asked:
            yield from _match(asked, results, f"messages[{index}]")
        asked, results = list(message.get("tool_calls") or []), []
        yield from _twice(asked, f"messages[{index}]")


def _match(calls: list[Mapping[str, Any]], results: list[Mapping[str, Any]], place: str) -> Iterator[Violation]:
    """Judge the results of one turn, which ends before *place*: a multiset of names (or ids) must come out even."""
    ids = all(call.get("id") for call in calls) and all(result.get("tool_call_id") for result in results)
    wanted = Counter(call["id"] if ids else call["function"]["name"] for call in calls)
    unnamed = 0
    for result in results:
        key = result.get("tool_call_id" if ids else "tool_name")
        if not key:
            unnamed += 1
        elif key not in wanted:
            yield broken(RULES, "mismatched_result", place, call_id=key)
        elif wanted[key] == 0:
            yield broken(RULES, "duplicate_result", place, call_id=key)
        else:
            wanted[key] -= 1
    missing = list(wanted.elements())
    if len(missing) > unnamed:
        yield broken(RULES, "missing_result", place, ids=missing)
    elif unnamed > len(missing):
        yield broken(RULES, "duplicate_result", place, call_id="")


def _twice(calls: list[Mapping[str, Any]], place: str) -> Iterator[Violation]:
    for call_id, count in Counter(call["id"] for call in calls if call.get("id")).items():
        if count > 1:
            yield broken(RULES, "duplicate_call_id", place, call_id=call_id)
