"""Tells the dialect of a whole history, by what its messages look like. Reads shapes only, never values.

The first message that only one dialect writes decides. Messages that several dialects write alike (`role` and text, or
`tool_calls` in the shape of OpenAI Chat) decide only if none does: then it is `openai-chat`.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from everycall.dialects.detection import ANTHROPIC_BLOCKS, BEDROCK_BLOCKS, RESPONSES_ITEMS
from everycall.dialects.reading import has, has_fields, is_list, read, word

_RESPONSES_TYPES = RESPONSES_ITEMS | {
    "function_call_output",
    "custom_tool_call_output",
    "local_shell_call_output",
    "computer_call_output",
    "item_reference",
}
_RESPONSES_PARTS = frozenset({"input_text", "output_text", "input_image", "input_file", "refusal"})
_LANGCHAIN_TYPES = frozenset(
    {
        "human",
        "ai",
        "system",
        "tool",
        "function",
        "developer",
        "AIMessageChunk",
        "HumanMessageChunk",
        "ToolMessageChunk",
    }
)
_ANTHROPIC_TYPES = ANTHROPIC_BLOCKS | {"tool_result"}
_MOST_PARTS = 32
"""Parts of one message that are looked at."""


def detect_history(messages: Sequence[object]) -> str:
    """Return the name of the dialect that *messages* are in; `openai-chat` if nothing tells."""
    for message in messages:
        get = message.get if isinstance(message, dict) else _reader(message)
        for looks in _EVIDENCE:
            found = looks(message, get)
            if found is not None:
                return found
    return "openai-chat"


_Read = Callable[[str], Any]


def _reader(message: object) -> _Read:
    return lambda name: read(message, name)


def _by_type(message: object, get: _Read) -> str | None:
    """By the `type` of the message itself: items of Responses, LangChain's messages, Anthropic's whole response."""
    said = get("type")
    if said is None:
        return None
    kind = word(said)
    if kind == "message":
        return "anthropic" if has(message, "stop_reason") else "openai-responses"
    if kind in _RESPONSES_TYPES:
        return "openai-responses"
    if kind in _LANGCHAIN_TYPES and (has(message, "content") or has(message, "data")):
        return "langchain"
    return None


def _by_parts(_message: object, get: _Read) -> str | None:
    return "gemini" if is_list(get("parts")) else None


def _by_calls(_message: object, get: _Read) -> str | None:
    """By the entries of `tool_calls`, where they are not those of OpenAI Chat; by Cohere's and Ollama's own fields."""
    if get("tool_plan") is not None:
        return "cohere"
    if get("tool_name") is not None:
        return "ollama"
    calls = get("tool_calls")
    if not calls or not is_list(calls):
        return None
    entry = calls[0]
    if has(entry, "args") and not has(entry, "function"):
        return "langchain"
    arguments = read(read(entry, "function"), "arguments")
    return "ollama" if has_fields(arguments) and read(entry, "type") is None else None


def _by_content(_message: object, get: _Read) -> str | None:
    """By the parts of the content."""
    content = get("content")
    return _of_parts(content[:_MOST_PARTS], get("role")) if is_list(content) else None


def _of_parts(parts: Iterable[object], role: object) -> str | None:
    for part in parts:
        said = read(part, "type")
        kind = word(said)
        if kind in _ANTHROPIC_TYPES:
            return "anthropic"
        if kind in _RESPONSES_PARTS and role != "tool":
            return "openai-responses"
        if role == "tool" and kind == "document":
            return "cohere"
        if said is None and any(has(part, key) for key in BEDROCK_BLOCKS):
            return "bedrock"
    return None


_EVIDENCE: tuple[Callable[[object, _Read], str | None], ...] = (_by_type, _by_parts, _by_calls, _by_content)
