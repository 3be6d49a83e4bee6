"""The content blocks and tool definitions of Anthropic Messages: what each may hold, judged one at a time."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from everycall.testing.provider.rulebook import WIDELY, Rule, Violation, broken

_ID = re.compile(r"[a-zA-Z0-9_-]+")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_NAME_TEXT = "{place}: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"

BLOCK_RULES: dict[str, Rule] = {
    "missing_field": Rule(text="{place}: Field required", source=WIDELY),
    "bad_text": Rule(text="{place}: Input should be a valid string", source=WIDELY),
    "bad_object": Rule(text="{place}: Input should be a valid dictionary", source=WIDELY),
    "bad_block": Rule(text="{place}: Input tag '{kind}' found using 'type' does not match any of the expected tags"),
    "bad_call_id": Rule(
        text="{place}: String should match pattern '^[a-zA-Z0-9_-]+$'", source="huggingface/tau PR #557"
    ),
    "bad_name": Rule(text=_NAME_TEXT, source="jedisct1/openapi-mcp #9, modelcontextprotocol #1345 (64 until 2025)"),
    "call_of_user": Rule(
        text="{message}: `tool_use` blocks can only be in `assistant` messages",
        source=WIDELY,
    ),
    "result_of_assistant": Rule(
        text="{message}: `tool_result` blocks can only be in `user` messages",
        source=WIDELY,
    ),
    "empty_text": Rule(text="messages: text content blocks must be non-empty", source="aliasrobotics/cai #182"),
    "blank_text": Rule(
        text="messages: text content blocks must contain non-whitespace text",
        source=WIDELY,
    ),
    "bad_content": Rule(text="{place}: Input should be a valid string or a list of content blocks"),
    "empty_error": Rule(
        text="{place}.tool_result: content cannot be empty if `is_error` is true", source="bytedance/trae-agent #230"
    ),
    "error_not_text": Rule(
        text="{place}.tool_result: all content must be type 'text' if 'is_error' is true",
        source="vellum-ai/vellum-assistant PR #18387",
    ),
    "duplicate_tool": Rule(text="tools: Tool names must be unique.", source=WIDELY),
}

# `tool_result_block_param.py` of anthropic 2.11
_RESULT_PARTS = ("text", "image", "document", "search_result", "tool_reference", "browser_state")
_BLOCKS = (
    *("text", "image", "document", "search_result", "thinking", "redacted_thinking", "tool_use", "tool_result"),
    *("server_tool_use", "mcp_tool_use", "container_upload", "compaction"),
)


def block(one: object, role: str, place: str) -> Iterator[Violation]:
    """Judge one content block of a message of *role*, at *place*."""
    kind = one.get("type") if isinstance(one, dict) else None
    if not isinstance(one, dict) or not isinstance(kind, str):
        yield broken(BLOCK_RULES, "missing_field", f"{place}.type")
    elif kind in _JUDGES:
        yield from _JUDGES[kind](one, role, place)
    elif kind not in _BLOCKS and not kind.endswith("_tool_result"):
        yield broken(BLOCK_RULES, "bad_block", place, kind=kind)


def tools(body: Mapping[str, Any]) -> Iterator[Violation]:
    """Judge the tool definitions. Requests without any are fine since February 2025 (anthropic-sdk-python #849)."""
    given = body.get("tools")
    if given is None:
        return
    if not isinstance(given, list) or not all(isinstance(tool, dict) for tool in given):
        yield broken(BLOCK_RULES, "bad_object", "tools")
        return
    names = Counter(str(tool.get("name")) for tool in given)
    if any(count > 1 for count in names.values()):
        yield broken(BLOCK_RULES, "duplicate_tool", "tools")
    for index, tool in enumerate(given):
        if tool.get("type", "custom") == "custom":
            yield from _tool(tool, f"tools.{index}.custom")


def _tool(tool: Mapping[str, Any], place: str) -> Iterator[Violation]:
    yield from _pattern(tool, "name", place, _NAME, "bad_name")
    schema = tool.get("input_schema")
    if schema is None:
        yield broken(BLOCK_RULES, "missing_field", f"{place}.input_schema")
    elif not isinstance(schema, dict):
        yield broken(BLOCK_RULES, "bad_object", f"{place}.input_schema")
    elif schema.get("type") != "object":
        yield broken(BLOCK_RULES, "missing_field", f"{place}.input_schema.type")


def _pattern(owner: Mapping[str, Any], name: str, place: str, form: re.Pattern[str], rule: str) -> Iterator[Violation]:
    where = f"{place}.{name}"
    if name not in owner:
        yield broken(BLOCK_RULES, "missing_field", where)
    elif not isinstance(owner[name], str):
        yield broken(BLOCK_RULES, "bad_text", where)
    elif form.fullmatch(owner[name]) is None:
        yield broken(BLOCK_RULES, rule, where)


def _text(one: Mapping[str, Any], role: str, place: str) -> Iterator[Violation]:
    del role
    text = one.get("text")
    if not isinstance(text, str):
        yield broken(BLOCK_RULES, "bad_text", f"{place}.text.text")
    elif not text:
        yield broken(BLOCK_RULES, "empty_text", place)
    elif not text.strip():
        yield broken(BLOCK_RULES, "blank_text", place)


def _tool_use(one: Mapping[str, Any], role: str, place: str) -> Iterator[Violation]:
    if role != "assistant":
        yield broken(BLOCK_RULES, "call_of_user", place, message=place.partition(".content")[0])
    yield from _pattern(one, "id", f"{place}.tool_use", _ID, "bad_call_id")
    yield from _pattern(one, "name", f"{place}.tool_use", _NAME, "bad_name")
    if "input" not in one:
        yield broken(BLOCK_RULES, "missing_field", f"{place}.tool_use.input")
    elif not isinstance(one["input"], dict):
        yield broken(BLOCK_RULES, "bad_object", f"{place}.tool_use.input")


def _tool_result(one: Mapping[str, Any], role: str, place: str) -> Iterator[Violation]:
    if role != "user":
        yield broken(BLOCK_RULES, "result_of_assistant", place, message=place.partition(".content")[0])
    yield from _pattern(one, "tool_use_id", f"{place}.tool_result", _ID, "bad_call_id")
    is_error, content = one.get("is_error"), one.get("content", "")
    if not isinstance(content, str | list):
        yield broken(BLOCK_RULES, "bad_content", f"{place}.tool_result.content")
        return
    if is_error and not content:
        yield broken(BLOCK_RULES, "empty_error", place)
    for position, part in enumerate(content if isinstance(content, list) else []):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind not in _RESULT_PARTS:
            yield broken(BLOCK_RULES, "bad_block", f"{place}.tool_result.content.{position}", kind=kind)
        elif is_error and kind != "text":
            yield broken(BLOCK_RULES, "error_not_text", place)
        elif kind == "text":
            yield from _text(part, role, f"{place}.tool_result.content.{position}")


def _thinking(one: Mapping[str, Any], role: str, place: str) -> Iterator[Violation]:
    del role
    for name in ("thinking", "signature"):
        if not isinstance(one.get(name), str):
            yield broken(BLOCK_RULES, "missing_field", f"{place}.thinking.{name}")


_JUDGES: dict[str, Callable[[Mapping[str, Any], str, str], Iterator[Violation]]] = {
    "text": _text,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "thinking": _thinking,
}
