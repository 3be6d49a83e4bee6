"""Anthropic Messages: whole histories.

Results are `tool_result` blocks at the very beginning of the user's turn that follows the calls. Neighbouring messages
of one role count as one turn, so results may be spread over several (research: protocols, 3). What the server runs
itself (`server_tool_use`, `mcp_tool_use`) is answered by the server.
"""

from collections.abc import Sequence
from typing import Any

from everycall.core.history import HistoryRules, Message, Rest, Result
from everycall.dialects.anthropic.turn import DIALECT
from everycall.dialects.media import NO_OUTPUT
from everycall.dialects.reading import changed, is_list, read, word
from everycall.dialects.transcript import USER_HOLDS_RESULTS, as_json, scan_blocks, text_id, write_blocks

_MISSING = (
    "messages.{call}: `tool_use` ids were found without `tool_result` blocks immediately after: {id}. "
    "Each `tool_use` block must have a corresponding `tool_result` block in the next message."
)
_ORPHAN = (
    "messages.{index}.content.{part}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. "
    "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
)
_EMPTY_ERROR = "is an error without a text"
_MEDIA_IN_ERROR = "is an error with something else than text"
_EMPTY_TEXT = "has an empty text block"

RULES = HistoryRules(
    dialect="anthropic",
    errors={  # research: protocols, 0.5
        "missing_result": _MISSING,
        "interleaved_message": _MISSING,
        "orphan_result": _ORPHAN,
        "result_before_call": _ORPHAN,
        "duplicate_result": "messages.{index}.content.{part}: each tool_use must have a single result. "
        "Found multiple `tool_result` blocks with id: {id}",
        "duplicate_call_id": "messages.{index}: `tool_use` ids must be unique",
        "invalid_id": "messages.{index}: tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'",
        _EMPTY_ERROR: "messages.{index}.content.{part}.tool_result: content cannot be empty if `is_error` is true",
        _MEDIA_IN_ERROR: "all content must be type 'text' if 'is_error' is true",
        _EMPTY_TEXT: "messages: text content blocks must be non-empty",
    },
    results_first=True,
    merges_roles=True,
    joins_user=True,
)


def scan(messages: Sequence[object]) -> list[Message]:
    """See `everycall.ports.HistoryDialect.scan`."""
    return scan_blocks(messages, DIALECT, USER_HOLDS_RESULTS, _is_call, _read_part)


def write(items: Sequence[Message]) -> list[object]:
    """See `everycall.ports.HistoryDialect.write`."""
    return write_blocks(items, DIALECT, _write_result, _text)


def _text(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def _is_call(block: object) -> bool:
    return word(read(block, "type")) == "tool_use"


def _read_part(block: object) -> Result | Rest:
    if read(block, "type") != "tool_result":
        return Rest(block)
    return Result(source=block, call_id=text_id(read(block, "tool_use_id")), defect=_defect(block))


def _defect(block: object) -> str | None:
    """Why the content would be refused: errors need text and nothing else, and no text block may be empty."""
    content = read(block, "content")
    if isinstance(content, str) and content:
        return None
    is_error = read(block, "is_error") is True
    if not content and (content is None or isinstance(content, str) or is_list(content)):
        return _EMPTY_ERROR if is_error else None
    if not is_list(content):
        return "has a content that is neither a text nor a list of blocks"
    if any(read(one, "type") == "text" and not read(one, "text") for one in content):
        return _EMPTY_TEXT
    return _MEDIA_IN_ERROR if is_error and any(read(one, "type") != "text" for one in content) else None


def _write_result(result: Result) -> Any:
    block: Any = result.source
    if result.call_id is not None and read(block, "tool_use_id") != result.call_id:
        block = changed(block, "tool_use_id", result.call_id)
    return block if _defect(block) is None else changed(block, "content", _sound(block))


def _sound(block: object) -> object:
    content = read(block, "content")
    if not content or isinstance(content, str):
        return NO_OUTPUT
    if not is_list(content):
        return as_json(content)
    kept = [one for one in content if read(one, "type") != "text" or read(one, "text")]
    if read(block, "is_error") is True:
        kept = [one if read(one, "type") == "text" else _text(f"[{read(one, 'type')}]") for one in kept]
    return kept or NO_OUTPUT
