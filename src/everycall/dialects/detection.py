"""Which provider's shape a message has: one table of evidence, and the rule for ties.

1. Evidence is structural (fields and their types), never the name of a class: proxies, subclasses and dumps count.
2. The first line of the table that fits decides; so exactly one dialect detects a message.
3. A message without any evidence (`{"role": "assistant", "content": "hi"}`) goes to `openai-chat`. Calls under
   `tool_calls` do too, unless their arguments are an object without `type` (`ollama`) or `tool_plan` exists (`cohere`).
"""

from collections.abc import Callable, Mapping
from typing import Any

from everycall.core.errors import MessageError
from everycall.dialects.reading import has, has_fields, is_list, read, read_list, word
from everycall.dialects.refusals import why_unknown

ANTHROPIC_BLOCKS = frozenset({"tool_use", "thinking", "redacted_thinking", "server_tool_use", "mcp_tool_use"})
BEDROCK_BLOCKS = ("text", "toolUse", "toolResult", "reasoningContent", "image", "document", "citationsContent")
LANGCHAIN_TYPES = frozenset({"ai", "AIMessage", "AIMessageChunk"})
RESPONSES_CALLS = frozenset(
    {
        "function_call",
        "custom_tool_call",
        "shell_call",
        "local_shell_call",
        "apply_patch_call",
        "computer_call",
        "tool_search_call",
    }
)
RESPONSES_ITEMS = RESPONSES_CALLS | {
    "reasoning",
    "message",
    "web_search_call",
    "file_search_call",
    "code_interpreter_call",
    "image_generation_call",
    "mcp_call",
    "mcp_list_tools",
    "mcp_approval_request",
    "program",
    "program_output",
    "compaction",
    "shell_call_output",
    "apply_patch_call_output",
    "tool_search_output",
}
RESPONSES_ANSWERS = frozenset(
    {
        "function_call_output",
        "custom_tool_call_output",
        "local_shell_call_output",
        "computer_call_output",
        "mcp_approval_response",
    }
)
"""Items that only our side writes: a list that holds one is a history."""
ALSO_READS = {"openai-chat": ("ollama", "cohere"), "cohere": ("openai-chat",), "ollama": ("openai-chat",)}
"""Dialects whose shapes are too near to each other to refuse one where the caller has named the other."""


def is_common(message: object) -> bool:
    """Return whether *message* is what most messages are: an OpenAI Chat dict with `function` calls.

    This is a shortcut past the table of evidence, which comes to the same end.
    """
    if type(message) is not dict or message.get("role") != "assistant" or "tool_plan" in message:
        return False
    entries = message.get("tool_calls")
    if type(entries) is not list or not entries or type(entries[0]) is not dict:
        return False
    return entries[0].get("type") == "function" and type(entries[0].get("function")) is dict


def recognise(message: object) -> str | None:
    """Return the name of the dialect that *message* is in; None if it is no assistant message known here."""
    if is_common(message):
        return "openai-chat"
    found = evidence(message)
    if found is None and has_fields(message) and read(message, "role") == "assistant" and _has_plain_content(message):
        return "openai-chat"
    return found


def evidence(message: object) -> str | None:
    """Return the dialect that *message* shows positive evidence of; None if it could be of several, or of none."""
    if is_list(message):
        return "openai-responses" if _is_output(message) else None
    if not has_fields(message):
        return None
    for dialect, shows in _EVIDENCE:
        if shows(message):
            return dialect if isinstance(dialect, str) else dialect(message)
    return None


def is_stored(message: object) -> bool:
    """Return whether *message* has LangChain's stored form: `{"type": ..., "data": {...}}`."""
    return isinstance(message, Mapping) and isinstance(message.get("data"), Mapping)


def is_candidate(message: object) -> bool:
    """Return whether *message* is one of Gemini's candidates: a content, or none, beside why it ended."""
    if has(message, "role"):
        return False
    content = read(message, "content")
    if has_fields(content):
        return is_list(read(content, "parts")) or read(content, "role") == "model"
    # The SDK's objects have every field; REST leaves out what is null.
    return content is None and (has(message, "finishReason") or has(message, "safety_ratings"))


def require_readable(message: object, dialect: str) -> None:
    """Refuse what cannot be an assistant message in *dialect*.

    Raises:
        MessageError: it is no message at all, or another dialect's.
    """
    if dialect == "openai-chat" and is_common(message):
        return
    found = evidence(message)
    if found == dialect or found in ALSO_READS.get(dialect, ()):
        return
    if found is not None:
        raise MessageError(f'This is no message in the dialect {dialect}: it reads as {found}. Pass dialect="{found}".')
    if recognise(message) is None:
        raise MessageError(why_unknown(message, dialect))


def _chat_shape(message: object) -> str:
    """Tell apart the dialects that put calls under `tool_calls`."""
    if has(message, "tool_plan"):
        return "cohere"
    for entry in read_list(message, "tool_calls"):
        if has_fields(read(entry, "function")):
            bare = isinstance(read(read(entry, "function"), "arguments"), Mapping) and not has(entry, "type")
            return "ollama" if bare else "openai-chat"
        if has(entry, "args"):
            return "langchain"
    return "openai-chat"


def _wrapped_shape(response: object) -> str:
    """Tell apart the responses that hold their one message under `message`."""
    if has(response, "done"):
        return "ollama"
    finish = word(read(response, "finish_reason"))
    return "cohere" if has(read(response, "message"), "tool_plan") or (finish and finish.isupper()) else "openai-chat"


def _has_calls_of_chat(message: object) -> bool:
    return bool(read(message, "tool_calls")) or has_fields(read(message, "function_call"))


def _is_item(item: object) -> bool:
    kind = read(item, "type")
    if kind == "message":
        return read(item, "role") == "assistant" and not has(item, "stop_reason")
    return kind in RESPONSES_ITEMS if isinstance(kind, str) else False


def _is_output(items: Any) -> bool:
    """Return whether *items* are a response's output: typed items, some of them known, and no answer from our side."""
    kinds = [word(read(item, "type")) for item in items]
    ours = any(kind is None or kind in RESPONSES_ANSWERS for kind in kinds)
    roles = {word(read(item, "role")) for item, kind in zip(items, kinds, strict=True) if kind == "message"}
    return not ours and roles <= {"assistant"} and any(_is_item(item) for item in items)


def _blocks(message: object) -> list[Any]:
    return read_list(message, "content")


def _is_response_item(message: object) -> bool:
    if read(message, "type") == "message":
        kinds = [word(read(block, "type")) for block in _blocks(message)]
        return _is_item(message) and ("output_text" in kinds or "refusal" in kinds)
    return _is_item(message)


def _is_anthropic(message: object) -> bool:
    if has(message, "stop_reason") or (read(message, "type") == "message" and read(message, "role") == "assistant"):
        return True
    kinds = [read(block, "type") for block in _blocks(message)]
    return any(isinstance(kind, str) and kind in ANTHROPIC_BLOCKS for kind in kinds) and not has(message, "tool_calls")


def _is_bedrock_message(message: object) -> bool:
    blocks = [block for block in _blocks(message) if has_fields(block)]
    return any(not has(block, "type") and any(has(block, key) for key in BEDROCK_BLOCKS) for block in blocks)


def _is_gemini(message: object) -> bool:
    whole = has(message, "candidates") or has(message, "promptFeedback")
    return whole or is_list(read(message, "parts")) or is_candidate(message)


def _is_langchain(message: object) -> bool:
    if word(read(message, "type")) not in LANGCHAIN_TYPES:
        return False
    return has(message, "content") or (is_stored(message) and has(read(message, "data"), "content"))


def _has_plain_content(message: object) -> bool:
    content = read(message, "content")
    return content is None or isinstance(content, str) or is_list(content)


_EVIDENCE: tuple[tuple[str | Callable[[object], str], Callable[[object], bool]], ...] = (
    (_chat_shape, lambda m: read(m, "role") == "assistant" and _has_calls_of_chat(m)),
    ("openai-chat", lambda m: is_list(read(m, "choices"))),
    ("langchain", _is_langchain),
    ("gemini", _is_gemini),
    ("bedrock", lambda m: has_fields(read(read(m, "output"), "message"))),
    ("openai-responses", lambda m: is_list(read(m, "output")) or read(m, "object") == "response"),
    ("openai-responses", _is_response_item),
    (_wrapped_shape, lambda m: has_fields(read(m, "message"))),
    ("anthropic", _is_anthropic),
    ("cohere", lambda m: read(m, "role") == "assistant" and has(m, "tool_plan")),
    ("bedrock", _is_bedrock_message),
)
"""Evidence, the most telling first: a dialect (or what tells near ones apart), and what shows it."""
