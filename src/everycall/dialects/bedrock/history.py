"""Amazon Bedrock Converse: whole histories.

Results are `toolResult` blocks, all of a turn in the one user message that follows the calls, ahead of anything else;
user and assistant alternate strictly (research: protocols, 5).
"""

from collections.abc import Sequence
from typing import Any

from everycall.core.history import HistoryRules, Message, Rest, Result
from everycall.dialects.bedrock.turn import DIALECT
from everycall.dialects.media import NO_OUTPUT, or_no_output
from everycall.dialects.reading import changed, has_fields, is_list, read
from everycall.dialects.transcript import USER_HOLDS_RESULTS, as_json, scan_blocks, text_id, write_blocks

_MISSING = "Expected toolResult blocks at messages.{behind_call}.content for the following Ids: {id}"
_TOO_MANY = (
    "The number of toolResult blocks at messages.{index}.content exceeds the number of toolUse blocks of previous turn."
)
_EMPTY_ERROR = "is an error without content"

RULES = HistoryRules(
    dialect="bedrock",
    errors={  # research: protocols, 0.5
        "missing_result": _MISSING,
        "interleaved_message": _MISSING,
        "split_results": _MISSING,
        "orphan_result": _TOO_MANY,
        "result_before_call": _TOO_MANY,
        "duplicate_result": _TOO_MANY,
        _EMPTY_ERROR: "The content field at messages.{index}.content.{part}.toolResult cannot be empty when status "
        "value is error.",
    },
    one_message=True,
    results_first=True,
    joins_user=True,
    alternates=True,
)


def scan(messages: Sequence[object]) -> list[Message]:
    """See `everycall.ports.HistoryDialect.scan`."""
    return scan_blocks(messages, DIALECT, USER_HOLDS_RESULTS, _is_call, _read_part)


def write(items: Sequence[Message]) -> list[object]:
    """See `everycall.ports.HistoryDialect.write`."""
    return write_blocks(items, DIALECT, _write_result, _text)


def _text(text: str) -> dict[str, str]:
    return {"text": text}


def _is_call(block: object) -> bool:
    return read(block, "toolUse") is not None


def _read_part(block: object) -> Result | Rest:
    answer = read(block, "toolResult")
    if not has_fields(answer) or read(answer, "type") is not None:  # a type marks what the service has run itself
        return Rest(block)
    return Result(source=block, call_id=text_id(read(answer, "toolUseId")), defect=_defect(answer))


def _defect(answer: object) -> str | None:
    content = read(answer, "content")
    if not is_list(content):
        return "has no list as its content"
    if not content:
        return _EMPTY_ERROR if read(answer, "status") == "error" else None
    if any(isinstance(read(one, "text"), str) and not read(one, "text").strip() for one in content):
        return "has a blank text"
    return None


def _write_result(result: Result) -> Any:
    block: Any = result.source
    answer = read(block, "toolResult")
    if result.call_id is not None and read(answer, "toolUseId") != result.call_id:
        answer = changed(answer, "toolUseId", result.call_id)
    if _defect(answer) is not None:
        answer = changed(answer, "content", _sound(read(answer, "content")))
    return block if answer is read(block, "toolResult") else changed(block, "toolResult", answer)


def _sound(content: object) -> list[object]:
    if content is None or content == "":
        return [_text(NO_OUTPUT)]
    if not is_list(content):
        return [_text(or_no_output(content if isinstance(content, str) else as_json(content)))]
    blocks: list[Any] = list(content)  # type: ignore[call-overload]
    kept = [_text(or_no_output(read(one, "text"))) if isinstance(read(one, "text"), str) else one for one in blocks]
    return kept or [_text(NO_OUTPUT)]
