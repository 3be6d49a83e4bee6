"""The rules of Anthropic Messages.

1. Consecutive messages of one role are one turn: the API joins them before it looks (so results that are split over
   user messages pass here, while Bedrock refuses them).
2. The turn after a turn with `tool_use` blocks is the user's, begins with `tool_result` blocks, and answers each once.
3. What the server runs itself (`server_tool_use`, `mcp_tool_use`) is answered inside the assistant turn, or later by
   the server; it is never missing a result.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from everycall.testing.provider.rulebook import NOTHING_SEEN, WIDELY, Rule, Seen, Violation, broken
from everycall.testing.provider.rules.anthropic_fields import BLOCK_RULES, block, tools

RULES: dict[str, Rule] = BLOCK_RULES | {
    "missing_field": Rule(text="{place}: Field required", source=WIDELY),
    "bad_messages": Rule(text="messages: Input should be a valid list"),
    "no_messages": Rule(text="messages: at least one message is required", source=WIDELY),
    "bad_role": Rule(text="{place}: Input should be 'user' or 'assistant'"),
    "empty_message": Rule(
        text="{place}: all messages must have non-empty content except for the optional final assistant message",
        source=WIDELY,
    ),
    "missing_result": Rule(
        text="{place}: `tool_use` ids were found without `tool_result` blocks immediately after: {ids}. Each "
        "`tool_use` block must have a corresponding `tool_result` block in the next message.",
        source="anthropics/claude-code #1237, #5989, #7929",
    ),
    "orphan_result": Rule(
        text="{place}: unexpected `tool_use_id` found in `tool_result` blocks: {call_id}. Each `tool_result` block "
        "must have a corresponding `tool_use` block in the previous message.",
        source="decocms/studio #1803",
    ),
    "duplicate_result": Rule(
        text="{place}: each tool_use must have a single result. Found multiple `tool_result` blocks with id: {call_id}",
        source="vectorize-io/hindsight PR #4250",
    ),
    "duplicate_call_id": Rule(text="{place}: `tool_use` ids must be unique", source="anthropics/claude-code #20901"),
    "orphan_server_result": Rule(
        text="{place}: unexpected `tool_use_id` found in `{kind}` blocks: {call_id}. Each `{kind}` block must have a "
        "corresponding `server_tool_use` block before it.",
        source="anthropics/claude-code #64383",
    ),
    "thinking_not_first": Rule(
        text="{place}.type: Expected `thinking` or `redacted_thinking`, but found `{kind}`. When `thinking` is "
        "enabled, a final `assistant` message must start with a thinking block (preceeding the lastmost set of "
        "`tool_use` and `tool_result` blocks).",
        source="anomalyco/opencode #3077",
    ),
    "changed_thinking": Rule(text="{place}: Invalid `signature` in `thinking` block", source=WIDELY),
}

_ROLES = ("user", "assistant", "system")  # `system` within the conversation: anthropic 2.11, `message_param.py`
_REQUIRED = ("model", "max_tokens", "messages")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    """A content block and where it stands."""

    place: str
    message: int
    block: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn:
    """Consecutive messages of one role."""

    role: str
    blocks: list[_Placed]


def violations(body: Mapping[str, Any], seen: Seen = NOTHING_SEEN) -> list[Violation]:
    """Return every rule that a request to `/v1/messages` breaks, in the order of the request.

    Args:
        body: the decoded JSON body.
        seen: `signatures`, if there are any, are the only ones that a thinking block may carry.
    """
    shape = [*_settings(body), *tools(body), *_shapes(body.get("messages"))]
    if shape:
        return shape
    turns = _turns(body["messages"])
    return [*_pairing(turns), *_server_results(turns), *_thinking(body, turns, seen)]


def _settings(body: Mapping[str, Any]) -> Iterator[Violation]:
    for name in _REQUIRED:
        if name not in body:
            yield broken(RULES, "missing_field", name)
    messages = body.get("messages", [{}])
    if not isinstance(messages, list):
        yield broken(RULES, "bad_messages", "messages")
    elif not messages:
        yield broken(RULES, "no_messages", "messages")


def _shapes(messages: object) -> Iterator[Violation]:
    listed = messages if isinstance(messages, list) else []
    for index, message in enumerate(listed):
        place = f"messages.{index}"
        role = message.get("role") if isinstance(message, dict) else None
        if role not in _ROLES:
            yield broken(RULES, "bad_role", f"{place}.role")
            continue
        content = message.get("content")
        if not isinstance(content, str | list):
            yield broken(RULES, "missing_field", f"{place}.content")
        elif not content and (role != "assistant" or index + 1 < len(listed)):
            yield broken(RULES, "empty_message", place)
        elif isinstance(content, str) and content and not content.strip():
            yield broken(RULES, "blank_text", place)
        for position, one in enumerate(content if isinstance(content, list) else []):
            yield from block(one, role, f"{place}.content.{position}")


def _turns(messages: list[Mapping[str, Any]]) -> list[_Turn]:
    turns: list[_Turn] = []
    for index, message in enumerate(messages):
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if not turns or turns[-1].role != message["role"]:
            turns.append(_Turn(role=message["role"], blocks=[]))
        turns[-1].blocks.extend(
            _Placed(place=f"messages.{index}.content.{position}", message=index, block=one)
            for position, one in enumerate(blocks)
        )
    return turns


def _pairing(turns: list[_Turn]) -> Iterator[Violation]:
    asked: list[_Placed] = []
    for turn in [*turns, _Turn(role="user", blocks=[])]:
        results = [one for one in turn.blocks if one.block["type"] == "tool_result"]
        leading = len(list(_leading_results(turn)))
        answered = {one.block["tool_use_id"] for one in results[:leading]}
        missing = [one for one in asked if one.block["id"] not in answered]
        if missing:
            ids = [one.block["id"] for one in missing]
            yield broken(RULES, "missing_result", f"messages.{missing[0].message}", ids=ids)
        yield from _judge_results(results, {one.block["id"] for one in asked})
        asked = [one for one in turn.blocks if one.block["type"] == "tool_use"]
        yield from _judge_ids(asked)


def _leading_results(turn: _Turn) -> Iterator[_Placed]:
    """The results at the beginning of the turn: one that comes after text is not counted."""
    for one in turn.blocks:
        if one.block["type"] != "tool_result":
            return
        yield one


def _judge_results(results: list[_Placed], asked: set[str]) -> Iterator[Violation]:
    answered: set[str] = set()
    for one in results:
        call_id = one.block["tool_use_id"]
        if call_id not in asked:
            yield broken(RULES, "orphan_result", one.place, call_id=call_id)
        elif call_id in answered:
            yield broken(RULES, "duplicate_result", one.place, call_id=call_id)
        answered.add(call_id)


def _judge_ids(calls: list[_Placed]) -> Iterator[Violation]:
    counts = Counter[str]()
    for one in calls:
        counts[one.block["id"]] += 1
        if counts[one.block["id"]] == 2:
            yield broken(RULES, "duplicate_call_id", one.place)


def _server_results(turns: list[_Turn]) -> Iterator[Violation]:
    started: set[str] = set()
    for one in (one for turn in turns for one in turn.blocks):
        kind = one.block["type"]
        if kind in ("server_tool_use", "mcp_tool_use"):
            started.add(str(one.block.get("id")))
        elif kind.endswith("_tool_result") and str(one.block.get("tool_use_id")) not in started:
            call_id = one.block.get("tool_use_id")
            yield broken(RULES, "orphan_server_result", one.place, kind=kind, call_id=call_id)


def _thinking(body: Mapping[str, Any], turns: list[_Turn], seen: Seen) -> Iterator[Violation]:
    for one in (one for turn in turns for one in turn.blocks if seen.signatures):
        if one.block["type"] == "thinking" and one.block["signature"] not in seen.signatures:
            yield broken(RULES, "changed_thinking", one.place)
    setting = body.get("thinking")
    if not isinstance(setting, dict) or setting.get("type") not in ("enabled", "adaptive"):
        return
    loop = turns[-2:]  # a tool loop: the assistant's calls, then the results that are sent now
    if len(loop) < 2 or loop[0].role != "assistant" or not list(_leading_results(loop[1])):
        return
    first = loop[0].blocks[0]
    if first.block["type"] not in ("thinking", "redacted_thinking"):
        yield broken(RULES, "thinking_not_first", first.place, kind=first.block["type"])
