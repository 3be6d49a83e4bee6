"""Gemini `generateContent`: whole histories.

Results are `functionResponse` parts, all of a turn in the one content that follows the calls, as many as there are
calls. Where the calls have ids the responses repeat them; where not, order pairs (research: protocols, 4). Both
spellings are read, `functionResponse` and `function_response`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from everycall.core.history import HistoryRules, Message, Rest, Result
from everycall.dialects.gemini.turn import CALL_KEYS, DIALECT
from everycall.dialects.reading import changed, has, has_fields, read, word
from everycall.dialects.transcript import RoleTable, scan_blocks, text_id, write_blocks

RESPONSE_KEYS = ("functionResponse", "function_response")

_COUNT = (
    "Please ensure that the number of function response parts is equal to the number of function call parts of the "
    "function call turn."
)
_ORDER = "Please ensure that function response turn comes immediately after a function call turn."

RULES = HistoryRules(
    dialect="gemini",
    errors={  # research: protocols, 0.5
        "missing_result": _COUNT,
        "orphan_result": _COUNT,
        "stray": _ORDER,
        "duplicate_result": _COUNT,
        "split_results": _COUNT,
        "interleaved_message": _ORDER,
        "result_before_call": _ORDER,
    },
    positional=True,
    repeats_ids=True,
    one_message=True,
    alternates=True,
)

_ROLES: RoleTable = {"user": "user", "model": "assistant", "function": "user", None: "user"}


def scan(messages: Sequence[object]) -> list[Message]:
    """See `everycall.ports.HistoryDialect.scan`."""
    return scan_blocks(messages, DIALECT, _ROLES, _is_call, _read_part, field="parts")


def write(items: Sequence[Message]) -> list[object]:
    """See `everycall.ports.HistoryDialect.write`."""
    return write_blocks(items, DIALECT, _write_result, _text, field="parts")


def _text(text: str) -> dict[str, str]:
    return {"text": text}


def _is_call(part: object) -> bool:
    return any(read(part, key) is not None for key in CALL_KEYS)


def _answer(part: object) -> tuple[str, Any]:
    return next(((key, read(part, key)) for key in RESPONSE_KEYS if read(part, key) is not None), ("", None))


def _read_part(part: object) -> Result | Rest:
    _, answer = _answer(part)
    if not has_fields(answer):  # none, or something that cannot be read as one
        return Rest(part)
    defect = None if isinstance(read(answer, "response"), Mapping) else "has a response that is no object"
    return Result(
        source=part, call_id=text_id(read(answer, "id")), name=word(read(answer, "name")) or None, defect=defect
    )


def _write_result(result: Result) -> Any:
    key, answer = _answer(result.source)
    kept = answer
    if result.call_id is not None and read(answer, "id") != result.call_id:
        answer = changed(answer, "id", result.call_id)
    elif result.call_id is None and read(answer, "id"):
        answer = _without_id(answer)
    if result.name is not None and read(answer, "name") != result.name:
        answer = changed(answer, "name", result.name)
    response = read(answer, "response")
    if not isinstance(response, Mapping):
        answer = changed(answer, "response", {} if response is None else {"result": response})
    return result.source if answer is kept else changed(result.source, key, answer)


def _without_id(answer: Any) -> Any:
    if isinstance(answer, Mapping) and has(answer, "id"):
        return {key: value for key, value in answer.items() if key != "id"}
    return changed(answer, "id", None)
