"""OpenAI Responses: whole histories, flat lists of items.

Each type of call is answered by its own type of output, under the same `call_id`, at any place behind the call
(research: protocols, 2). Items that the model's output carries along (reasoning, what the provider's server ran) stay
where they are.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from everycall.core.calls import ToolCall
from everycall.core.errors import MessageError
from everycall.core.history import HistoryRules, Message, Result
from everycall.core.outcomes import ToolResult
from everycall.dialects.media import NO_OUTPUT
from everycall.dialects.openai_responses.outputs import CALL_TYPES, output_item
from everycall.dialects.openai_responses.turn import DIALECT
from everycall.dialects.reading import changed, is_list, kind_of, read, word
from everycall.dialects.transcript import RoleTable, as_json, calls_of, role_of, text_id, with_new_ids

RULES = HistoryRules(
    dialect="openai-responses",
    errors={  # research: protocols, 0.5
        "missing_result": "No tool output found for function call {id}.",
        "orphan_result": "No tool call found for function call output with call_id {id}.",
        "result_before_call": "No tool call found for function call output with call_id {id}.",
        "mismatched_name": "No tool call found for function call output with call_id {id}.",
        "duplicate_call_id": "Duplicate 'call_id': {id}",
    },
    adjacent=False,
    merges_roles=True,
)

_ROLES: RoleTable = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
_OUTPUTS = {one.output: one for one in CALL_TYPES.values()}
_TYPE_OF_KIND = {one.kind: name for name, one in CALL_TYPES.items()}
_ALIKE = frozenset({"function", "custom"})
"""Kinds of call whose outputs differ in nothing but the name of their type."""


def scan(messages: Sequence[object]) -> list[Message]:
    """See `everycall.ports.HistoryDialect.scan`."""
    elsewhere = _answered_elsewhere(messages)
    return [_scan_item(item, index, elsewhere) for index, item in enumerate(messages)]


def write(items: Sequence[Message]) -> list[object]:
    """See `everycall.ports.HistoryDialect.write`."""
    written: list[object] = []
    for item in items:
        if not item.changed:
            written.append(item.source)
        elif item.calls:
            written += with_new_ids(DIALECT, item)
        else:
            written += [_write_result(part) for part in item.body if isinstance(part, Result)]
    return written


def _scan_item(item: object, index: int, elsewhere: frozenset[tuple[object, object]]) -> Message:
    kind = read(item, "type")
    if kind is None or kind == "message":
        return Message(source=item, role=role_of(item, index, _ROLES))
    if not isinstance(kind, str):
        raise MessageError(f"Item {index} has a type that is {kind_of(kind)}, not a word.")
    if kind in CALL_TYPES:
        return Message(source=item, role="assistant", calls=calls_of(DIALECT, item, index))
    output = _OUTPUTS.get(kind)
    call_id = text_id(read(item, output.id_key)) if output is not None else None
    if output is None or (kind, call_id) in elsewhere or read(item, "execution") == "server":
        return Message(source=item, role="companion")
    result = Result(source=item, call_id=call_id, kind=output.kind, defect=_defect(item, kind))
    return Message(source=item, role="results", body=(result,))


def _answered_elsewhere(messages: Iterable[object]) -> frozenset[tuple[object, object]]:
    """Return type and id of the outputs that belong to calls which the provider's server runs."""
    found = set()
    for item in messages:
        kind = read(item, "type")
        if kind == "shell_call" and not calls_of(DIALECT, item, 0):
            found.add((CALL_TYPES[kind].output, text_id(read(item, "call_id"))))
    return frozenset(found)


def _defect(item: object, kind: str) -> str | None:
    """Why the output would be refused: functions are answered by a text or by parts."""
    if _OUTPUTS[kind].kind not in _ALIKE:
        return None
    output = read(item, "output")
    if isinstance(output, str) or is_list(output):
        return None
    return "has no output" if output is None else "has an output that is neither a text nor a list of parts"


def _write_result(result: Result) -> Any:
    item: Any = result.source
    kind = word(read(item, "type")) or ""
    wanted = CALL_TYPES[_TYPE_OF_KIND[result.kind or "function"]]
    if kind != wanted.output:
        item = _under_type(item, result, alike={_OUTPUTS[kind].kind, wanted.kind} <= _ALIKE)
    if result.call_id is not None and read(item, wanted.id_key) != result.call_id:
        item = changed(item, wanted.id_key, result.call_id)
    if _defect(item, wanted.output) is not None:
        output = read(item, "output")
        item = changed(item, "output", NO_OUTPUT if output is None else as_json(output))
    return item


def _under_type(item: Any, result: Result, *, alike: bool) -> Any:
    """Return the output as the type that answers its call; what cannot be carried over as it is, is carried as text."""
    kind = result.kind or "function"
    call_type = _TYPE_OF_KIND[kind]
    if alike:
        return changed(item, "type", CALL_TYPES[call_type].output)
    output = read(item, "output")
    answer = ToolResult(
        call_id=result.call_id or "",
        tool_name=kind,
        status="success",
        code="ok",
        effect="done",
        content=output if isinstance(output, str) else as_json(output),
    )
    call = ToolCall(
        position=0, sent_id=result.call_id, call_id=result.call_id or "", name=kind, arguments=None, kind=kind
    )
    return output_item({"type": call_type}, call, answer)[0]
