"""The rules of OpenAI Chat Completions, which most compatible servers share.

Two passes, as the servers do it: the shape of every message, then who answers whom. A history of the wrong shape is not
judged further. Order of the results of one turn is free; ids may come again in a later turn.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from everycall.testing.provider.recall import Calls, replies_among
from everycall.testing.provider.rulebook import NOTHING_SEEN, WIDELY, Rule, Seen, Violation, broken
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
    "empty_list": Rule(
        text="Invalid '{place}': empty array. Expected an array with minimum length 1, but got an empty array instead.",
        source="home-assistant/core #118577, CopilotKit/CopilotKit #529",
        code="empty_array",
    ),
    "null_content": Rule(
        text="Invalid value for 'content': expected a string, got null.",
        source="docker/docker-agent #63, langchain-ai/langchainjs #4153",
    ),
    "missing_call_id": Rule(
        text="Missing parameter 'tool_call_id': messages with role 'tool' must have a 'tool_call_id'.",
        source="langchain-ai/langchain #22600",
    ),
    "image_result": Rule(
        text="Invalid '{message}'. Image URLs are only allowed for messages with role 'user', but this message with "
        "role 'tool' contains an image URL.",
        source=WIDELY,
        code="invalid_value",
    ),
    "missing_result": Rule(
        text="An assistant message with 'tool_calls' must be followed by tool messages responding to each "
        "'tool_call_id'. The following tool_call_ids did not have response messages: {ids}",
        source="BerriAI/litellm #10083",
    ),
    "orphan_result": Rule(
        text="Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
        "'tool_calls'.",
        source="smarter-sh/smarter #264, crewAIInc/crewAI #1620",
    ),
    "mismatched_result": Rule(
        text="Invalid parameter: 'tool_call_id' of '{call_id}' not found in 'tool_calls' of previous message.",
        source="dapr/dapr-agents #145",
    ),
    "duplicate_result": Rule(
        text="Invalid parameter: Duplicate value for 'tool_call_id' of '{call_id}', in messages[{first}] and "
        "messages[{second}].",
        source="agno-agi/agno #5116, anomalyco/opencode #1211",
    ),
    "duplicate_call_id": Rule(text="duplicate tool_call_id: {call_id}", source="openclaw/openclaw PR #47136"),
    "tools_needed": Rule(
        text="Invalid value for '{place}': '{place}' is only allowed when 'tools' are specified.",
        source=WIDELY,
        code="invalid_value",
    ),
    "lost_thinking": Rule(
        text="The `reasoning_content` in the thinking mode must be passed back to the API.",
        source="DeepSeek; anomalyco/opencode #25058",
    ),
}

_MESSAGES = Field(expected="an array of objects", types=(list,))
_CONTENT = Field(expected="one of a string or array of objects", types=(str, list))
_CALL = {"id": CALL_ID, "type": TEXT}
_CALL_KINDS: dict[str, dict[str, Field]] = {
    "function": {"name": TOOL_NAME, "arguments": TEXT},
    "custom": {"name": TOOL_NAME, "input": TEXT},
}
_ROLES = ("system", "assistant", "user", "function", "tool", "developer")


def violations(body: Mapping[str, Any], seen: Seen = NOTHING_SEEN) -> list[Violation]:
    """Return every rule that a request to `/chat/completions` breaks, in the order of the request.

    Args:
        body: the decoded JSON body.
        seen: `thinking`, and every one of `replies` that carried it, makes a lost `reasoning_content` a violation.
    """
    shape = [*_settings(body), *_tools(body.get("tools")), *_shapes(body.get("messages"))]
    return shape or [*_pairing(body["messages"]), *_thinking(body["messages"], seen)]


def _settings(body: Mapping[str, Any]) -> Iterator[Violation]:
    yield from fields(body, "", {"model": TEXT, "messages": _MESSAGES})
    if body.get("messages") == []:
        yield broken(RULES, "empty_list", "messages")
    if not body.get("tools"):
        for name in ("tool_choice", "parallel_tool_calls"):
            if body.get(name) not in (None, "none"):
                yield broken(RULES, "tools_needed", name)


def _tools(tools: object) -> Iterator[Violation]:
    if tools is None:
        return
    yield from field_value(tools, "tools", _MESSAGES)
    if tools == []:
        yield broken(RULES, "empty_list", "tools")
    for index, tool in enumerate(tools if isinstance(tools, list) else []):
        place = f"tools[{index}]"
        yield from field_value(tool, place, OBJECT)
        if not isinstance(tool, dict) or tool.get("type") == "custom":
            continue
        yield from fields(tool, place, {"type": TEXT, "function": OBJECT})
        if isinstance(tool.get("function"), dict):
            yield from parameters(tool["function"], f"{place}.function")


def _shapes(messages: object) -> Iterator[Violation]:
    for index, message in enumerate(messages if isinstance(messages, list) else []):
        place = f"messages[{index}]"
        if not isinstance(message, dict):
            yield from field_value(message, place, OBJECT)
            continue
        role = message.get("role")
        if role not in _ROLES:
            supported = ", ".join(f"'{one}'" for one in _ROLES)
            yield broken(RULES, "bad_value", f"{place}.role", got=role, supported=supported)
        elif role == "assistant":
            yield from _assistant(message, index)
        elif role == "tool":
            yield from _result(message, index)
        else:
            yield from _content(message, index)


def _assistant(message: Mapping[str, Any], index: int) -> Iterator[Violation]:
    calls = message.get("tool_calls")
    may_be_null = any(message.get(name) for name in ("tool_calls", "function_call", "refusal", "audio"))
    if message.get("content") is not None or not may_be_null:
        yield from _content(message, index)
    if "tool_calls" not in message:
        return
    place = f"messages[{index}].tool_calls"
    yield from field_value(calls, place, _MESSAGES)
    if calls == []:
        yield broken(RULES, "empty_list", place)
    for position, call in enumerate(calls if isinstance(calls, list) else []):
        yield from _call(call, f"{place}[{position}]")


def _call(call: object, place: str) -> Iterator[Violation]:
    if not isinstance(call, dict):
        yield from field_value(call, place, OBJECT)
        return
    yield from fields(call, place, _CALL)
    kind = call.get("type")
    if not isinstance(kind, str):
        return
    if kind not in _CALL_KINDS:
        yield broken(RULES, "bad_value", f"{place}.type", got=kind, supported="'function' and 'custom'")
        return
    yield from fields(call, place, {kind: OBJECT})
    if isinstance(call.get(kind), dict):
        yield from fields(call[kind], f"{place}.{kind}", _CALL_KINDS[kind])


def _result(message: Mapping[str, Any], index: int) -> Iterator[Violation]:
    if "tool_call_id" not in message:
        yield broken(RULES, "missing_call_id", f"messages.[{index}].tool_call_id")
    else:
        yield from field_value(message["tool_call_id"], f"messages[{index}].tool_call_id", CALL_ID)
    yield from _content(message, index)
    content = message.get("content")
    for position, part in enumerate(content if isinstance(content, list) else []):
        kind = part.get("type") if isinstance(part, dict) else None
        place = f"messages[{index}].content[{position}].type"
        if kind == "image_url":
            yield broken(RULES, "image_result", place, message=f"messages[{index}]")
        elif kind != "text":
            yield broken(RULES, "bad_value", place, got=kind, supported="'text'")


def _content(message: Mapping[str, Any], index: int) -> Iterator[Violation]:
    if message.get("content") is None:
        yield broken(RULES, "null_content", f"messages.[{index}].content")
    else:
        yield from field_value(message["content"], f"messages[{index}].content", _CONTENT)


def _pairing(messages: list[Mapping[str, Any]]) -> Iterator[Violation]:
    """Walk the messages; *asked* are the ids of the call turn that is being answered, *answered* where each was."""
    asked: list[str] = []
    answered: dict[str, int] = {}
    for index, message in enumerate([*messages, {"role": "the end"}]):
        if message["role"] == "tool":
            yield from _answer(message["tool_call_id"], index, asked, answered)
            answered.setdefault(message["tool_call_id"], index)
            continue
        missing = [call_id for call_id in asked if call_id not in answered]
        if missing:
            yield broken(RULES, "missing_result", f"messages.[{index}].role", ids=missing)
        asked, answered = [call["id"] for call in message.get("tool_calls", ())], {}
        for call_id, count in Counter(asked).items():
            if count > 1:
                yield broken(RULES, "duplicate_call_id", f"messages[{index}].tool_calls", call_id=call_id)


def _answer(call_id: str, index: int, asked: list[str], answered: Mapping[str, int]) -> Iterator[Violation]:
    place = f"messages.[{index}].tool_call_id"
    if not asked:
        yield broken(RULES, "orphan_result", f"messages.[{index}].role")
    elif call_id not in asked:
        yield broken(RULES, "mismatched_result", place, call_id=call_id)
    elif call_id in answered:
        yield broken(RULES, "duplicate_result", place, call_id=call_id, first=answered[call_id], second=index)


def _thinking(messages: list[Mapping[str, Any]], seen: Seen) -> Iterator[Violation]:
    sent = dict(replies_among(messages, seen.replies, _calls_of))
    for index, message in enumerate(messages):
        thought = seen.thinking or sent.get(index, {}).get("reasoning_content") is not None
        if thought and message.get("tool_calls") and message.get("reasoning_content") is None:
            yield broken(RULES, "lost_thinking", f"messages[{index}].reasoning_content")


def _calls_of(message: Mapping[str, Any]) -> Calls:
    calls = message["tool_calls"] if message["role"] == "assistant" and message.get("tool_calls") else ()
    return [(call.get("id"), call[call["type"]]["name"]) for call in calls]
