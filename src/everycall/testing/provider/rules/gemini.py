"""The rules of Gemini `generateContent`.

1. A content with calls follows the user's, and the very next content holds as many responses as there are calls.
2. Where calls have ids, responses carry the same ids, in any order; where they have none, responses carry none and
   stand in the order of the calls.
3. A response is a JSON object under the name of the function it answers.
4. What the server runs itself (`toolCall`, `toolResponse`) is neither a call nor a response here.

Field names are read as the REST API reads them: in camelCase and in snake_case.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from everycall.testing.provider.recall import Calls, replies_among
from everycall.testing.provider.rulebook import NOTHING_SEEN, WIDELY, Rule, Seen, Violation, broken

_REQUEST = "* GenerateContentRequest."

RULES: dict[str, Rule] = {
    "no_contents": Rule(
        text=f"{_REQUEST}contents: contents is not specified\n", source="langchain-ai/langchain-google #1393"
    ),
    "no_parts": Rule(
        text=f"{_REQUEST}{{place}}: contents.parts must not be empty.\n", source="egoist/chatwise-releases #250"
    ),
    "bad_role": Rule(text="Please use a valid role: user, model.", source=WIDELY),
    "bad_type": Rule(text="Invalid value at '{place}' ({expected}), {got}"),
    "list_response": Rule(
        text="Invalid JSON payload received. Unknown name \"response\" at '{place}': Proto field is not repeating, "
        "cannot start list.",
        source="vercel/ai PR #3589, danny-avila/LibreChat #5525",
    ),
    "no_response": Rule(text=f"{_REQUEST}{{place}}.response: Response cannot be empty.\n"),
    "no_name": Rule(
        text=f"{_REQUEST}{{place}}.name: Name cannot be empty.\n",
        source="langflow-ai/langflow #9437, router-for-me/CLIProxyAPI #1903",
    ),
    "bad_tool_name": Rule(
        text=f"{_REQUEST}{{place}}.name: Invalid function name. Must start with a letter or an underscore. Must be "
        "alphameric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum "
        "length of 128.",
        source="google-gemini/gemini-cli #2966, kaitranntt/ccs #219 (64 then; google-genai types: 128 now)",
    ),
    "mixed_turn": Rule(
        text="Please ensure that function call turn contains at least one function_call part which can not be mixed "
        "with function_response parts.",
        source="googleapis/python-genai #81",
    ),
    "misplaced_call": Rule(
        text="Please ensure that function call turn comes immediately after a user turn or after a function response "
        "turn.",
        source="google-gemini/gemini-cli #26486",
    ),
    "missing_result": Rule(
        text="Please ensure that the number of function response parts is equal to the number of function call parts "
        "of the function call turn.",
        source="google-gemini/gemini-cli #4217, #16543",
    ),
    "orphan_result": Rule(
        text="Please ensure that function response turn comes immediately after a function call turn.",
        source=WIDELY,
    ),
    "duplicate_call_id": Rule(text="The id '{call_id}' stands on more than one function call of {place}."),
    "duplicate_result": Rule(text="More than one function response of {place} has the id '{call_id}'."),
    # With Gemini 3 a response under a wrong id gives an empty answer instead of an error: refused here all the same.
    "mismatched_result": Rule(text="The id '{call_id}' of a function response is that of no function call."),
    "mismatched_name": Rule(text="The function response at {place} is named '{got}', its call '{expected}'."),
    "lost_thinking": Rule(
        text="Function call is missing a thought_signature in functionCall parts. This is required for tools to work "
        "correctly, and missing thought_signature may lead to degraded model performance. Additional data, function "
        "call `default_api:{function}` , position {position}.",
        source="nanbingxyz/5ire #405",
    ),
}

_TOOL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}")
_ROLES = ("user", "model")
_RESULT_ROLES = ("function", "tool")  # taken for function responses only (googleapis/python-genai #81)
_STRUCT = "type.googleapis.com/google.protobuf.Struct"


def signs(model: str) -> bool:
    """Whether *model* signs its calls, thinking shown or not: Gemini 3 and later."""
    return re.search(r"gemini-([3-9]|\d\d)", model) is not None


def violations(body: Mapping[str, Any], seen: Seen = NOTHING_SEEN) -> list[Violation]:
    """Return every rule that a request to `:generateContent` breaks, in the order of the request.

    Args:
        body: the decoded JSON body.
        seen: a `model` that signs its calls, `thinking`, and every one of `replies` that carried it, make a lost
            thought signature a violation.
    """
    contents = body.get("contents")
    shape = [*_tools(body), *_shapes(contents)]
    if shape or not isinstance(contents, list):
        return shape
    return [*_pairing(contents), *_signatures(contents, seen)]


def _read(owner: Mapping[str, Any], name: str) -> Any:
    """Return the field *name* (camelCase) of *owner*, in either spelling."""
    snake = re.sub(r"([A-Z])", lambda found: f"_{found[1].lower()}", name)
    return owner.get(name, owner.get(snake))


def _parts(content: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    return [found for part in content["parts"] if (found := _read(part, name)) is not None]


def _tools(body: Mapping[str, Any]) -> Iterator[Violation]:
    tools = body.get("tools") or []
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        yield broken(RULES, "bad_type", "tools", expected="type.googleapis.com/google.ai.Tool", got=tools)
        return
    for index, tool in enumerate(tools):
        declarations = _read(tool, "functionDeclarations")
        for position, declared in enumerate(declarations if isinstance(declarations, list) else []):
            name = declared.get("name") if isinstance(declared, dict) else None
            if not isinstance(name, str) or _TOOL_NAME.fullmatch(name) is None:
                yield broken(RULES, "bad_tool_name", f"tools[{index}].function_declarations[{position}]")


def _shapes(contents: object) -> Iterator[Violation]:
    if not isinstance(contents, list) or not contents:
        yield broken(RULES, "no_contents", "contents")
        return
    for index, content in enumerate(contents):
        place = f"contents[{index}]"
        parts = content.get("parts") if isinstance(content, dict) else None
        if not isinstance(parts, list) or not parts or not all(isinstance(part, dict) for part in parts):
            yield broken(RULES, "no_parts", f"{place}.parts")
            continue
        role = content.get("role", "user")
        if role not in _ROLES and not (role in _RESULT_ROLES and _parts(content, "functionResponse")):
            yield broken(RULES, "bad_role", f"{place}.role")
        for position, part in enumerate(parts):
            yield from _part(part, f"{place}.parts[{position}]")


def _part(part: Mapping[str, Any], place: str) -> Iterator[Violation]:
    call, response = _read(part, "functionCall"), _read(part, "functionResponse")
    if call is not None:
        yield from _named_object(call, f"{place}.function_call", "args", required=False)
    if response is not None:
        yield from _named_object(response, f"{place}.function_response", "response", required=True)


def _named_object(one: object, place: str, content: str, *, required: bool) -> Iterator[Violation]:
    """Judge what a function call and a function response have in common: a name, an id, an object."""
    if not isinstance(one, dict):
        yield broken(RULES, "bad_type", place, expected=_STRUCT, got=one)
        return
    if not isinstance(one.get("name"), str) or not one["name"]:
        yield broken(RULES, "no_name", place)
    if not isinstance(one.get("id", ""), str):
        yield broken(RULES, "bad_type", f"{place}.id", expected="TYPE_STRING", got=one["id"])
    value = one.get(content)
    if isinstance(value, list):
        yield broken(RULES, "list_response", place)
    elif value is None and required:
        yield broken(RULES, "no_response", place)
    elif value is not None and not isinstance(value, dict):
        yield broken(RULES, "bad_type", f"{place}.{content}", expected=_STRUCT, got=value)


def _pairing(contents: list[Mapping[str, Any]]) -> Iterator[Violation]:
    asked: list[Mapping[str, Any]] = []
    previous = "model"
    for index, content in enumerate([*contents, {"parts": []}]):
        place = f"contents[{index}]"
        calls, responses = _parts(content, "functionCall"), _parts(content, "functionResponse")
        if calls and responses:
            yield broken(RULES, "mixed_turn", place)
        if calls and previous == "model":
            yield broken(RULES, "misplaced_call", place)
        if responses and not asked:
            yield broken(RULES, "orphan_result", place)
        elif len(responses) != len(asked):
            yield broken(RULES, "missing_result", place)
        elif asked:
            yield from _match(asked, responses, place)
        asked, previous = calls, content.get("role", "user")
        yield from _twice(calls, "duplicate_call_id", place)


def _match(calls: list[Mapping[str, Any]], responses: list[Mapping[str, Any]], place: str) -> Iterator[Violation]:
    """Judge as many responses as there are calls: by id where calls have ids, else by order."""
    by_id = {call["id"]: call for call in calls if call.get("id")}
    in_order = iter([call for call in calls if not call.get("id")])
    yield from _twice(responses, "duplicate_result", place)
    for position, response in enumerate(responses):
        where, call_id = f"{place}.parts[{position}]", response.get("id")
        call = by_id.get(call_id) if call_id else next(in_order, None)
        if call is None:
            yield broken(RULES, "mismatched_result", where, call_id=call_id or "")
        elif call["name"] != response["name"]:
            yield broken(RULES, "mismatched_name", where, got=response["name"], expected=call["name"])


def _twice(named: list[Mapping[str, Any]], rule: str, place: str) -> Iterator[Violation]:
    for call_id, count in Counter(one["id"] for one in named if one.get("id")).items():
        if count > 1:
            yield broken(RULES, rule, place, call_id=call_id)


def _signatures(contents: list[Mapping[str, Any]], seen: Seen) -> Iterator[Violation]:
    """Judge the current turn alone: what comes after the user's last own words (spring-projects/spring-ai PR #4977)."""
    every = seen.thinking or signs(seen.model)
    sent = dict(replies_among(contents, seen.replies, _calls_of))
    own_words = [
        index
        for index, content in enumerate(contents)
        if content.get("role", "user") == "user" and not _parts(content, "functionResponse")
    ]
    start = own_words[-1] if own_words else 0
    for index, content in enumerate(contents[start:], start):
        thought = every or any(part.get("thought") for part in sent.get(index, {}).get("parts", ()))
        for position, part in enumerate(content["parts"] if thought else ()):
            call = _read(part, "functionCall")
            if call is None:
                continue
            if not _read(part, "thoughtSignature"):
                place = f"contents[{index}].parts[{position}]"
                yield broken(RULES, "lost_thinking", place, function=call["name"], position=index + 1)
            break  # only the first call of a content carries one


def _calls_of(content: Mapping[str, Any]) -> Calls:
    return [(call.get("id"), call["name"]) for call in _parts(content, "functionCall")]
