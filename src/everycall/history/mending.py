"""Decides what becomes of one turn: the ids of its calls, the results it is to have, and what each change is called.

Pure decisions; `repair` carries them out.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from everycall.core.calls import ToolCall
from everycall.core.content import Content
from everycall.core.errors import UsageError
from everycall.core.history import Edit, EditKind, HistoryRules, Result
from everycall.core.ids import IdRule, assign_ids
from everycall.core.outcomes import ToolResult
from everycall.dialects.reading import STAND_IN
from everycall.history.check import out_of_order, paired_by_id, shown
from everycall.history.pairing import Pairing
from everycall.history.placeholder import placeholder
from everycall.history.turns import Placed, Slot, Turn

KnownResults = Mapping[str, str | ToolResult]
"""Real results by call id, for calls whose results are missing from the history."""

SENTENCES: Mapping[str, str] = {
    "placeholder": "The call {id} of {name} has no result on record: a result was put in that says so.",
    "known": "The call {id} of {name} had no result here: the one that you gave was put in.",
    "moved": "The result {id} was moved to its call.",
    "joined": "The result {id} was put together with the others of its turn.",
    "ordered": "The result of {name} was put into its call's place: without ids, order pairs them.",
    "orphan": "The result {id} answers no call and was taken out.",
    "duplicate": "The call that the result {id} names has a result already: this one was taken out.",
    "call_id": "The id {old} became {id}, on the call and on its result.",
    "result_id": "The id {old} of the result became {id}, that of its call.",
    "name": "The name {old} of the result became {new}, that of its call.",
    "kind": "The result answered a call of the kind {old}; it became one of the kind {new}, as its call is.",
    "content": "The result {id} {defect}: text was put in its place.",
}


@dataclass(slots=True, kw_only=True)
class Mended:
    """What becomes of one turn.

    Attributes:
        calls: per slot the call with the id it is to have; None if no id changes.
        answers: per slot the result as it is to be; None for a call that stays open, or whose result has to be made.
        made: slots whose results have to be made, with what they are to say.
        block: results that are to stand directly behind the calls, by index of their slots; None: they stay.
        edits: what changes, in words.
    """

    calls: list[ToolCall] | None = None
    answers: list[Result | None] = field(default_factory=list)
    made: dict[int, ToolResult] = field(default_factory=dict)
    block: list[int] | None = None
    edits: list[Edit] = field(default_factory=list)


def edit(
    kind: EditKind, sentence: str, position: int, call_id: str | None, *, dropped: object = None, **facts: str
) -> Edit:
    """Return one change in words."""
    words = {name: shown(fact) for name, fact in facts.items() if name != "defect"}
    text = SENTENCES[sentence].format(id=shown(call_id), defect=facts.get("defect", ""), **words)
    return Edit(position=position, kind=kind, call_id=call_id or "", message=text, dropped=dropped)


def mend(turn: Turn, pairing: Pairing, id_rule: IdRule, known: dict[str, str | ToolResult]) -> Mended:
    """Decide what becomes of *turn*.

    Args:
        turn: one of the turns of *pairing*.
        pairing: the whole history, paired.
        id_rule: what it takes as an id.
        known: real results by id; one that is used is taken out.
    """
    mended, rules = Mended(), pairing.rules
    _decide_ids(turn, rules, id_rule, mended)
    for index, slot in enumerate(turn.slots):
        call = mended.calls[index] if mended.calls is not None else slot.call
        mended.answers.append(_decide_answer(slot, call, rules, mended))
        if slot.answer is None and not slot.call.may_stay_open:
            mended.made[index] = _make(slot, call, known, mended)
    _decide_block(turn, pairing, mended)
    return mended


def _decide_ids(turn: Turn, rules: HistoryRules, id_rule: IdRule, mended: Mended) -> None:
    sent = [slot.call.sent_id for slot in turn.slots]
    present = [one for one in sent if one]
    whole = len(present) == len(sent) or not any(rules.call_needs_id(s.call) for s in turn.slots if not s.call.sent_id)
    if whole and len(set(present)) == len(present) and all(id_rule.accepts(one) for one in present):
        return
    used = frozenset(present)
    best = [replace(slot.call, position=index, sent_id=_best_id(slot, used)) for index, slot in enumerate(turn.slots)]
    assigned = assign_ids(tuple(best), id_rule, f"turn {turn.number}")
    mended.calls = []
    for slot, new in zip(turn.slots, assigned, strict=True):
        keeps = not slot.call.sent_id and not rules.call_needs_id(slot.call)
        call_id = "" if keeps else new.call_id
        mended.calls.append(replace(slot.call, call_id=call_id))
        if call_id != (slot.call.sent_id or ""):
            old = slot.call.sent_id or ""
            mended.edits.append(edit("rewritten", "call_id", slot.position, call_id, old=old))


def _best_id(slot: Slot, used: AbstractSet[str]) -> str | None:
    """Return the id of a call; where it has none, that of the result it is paired with, unless another call has it."""
    answer = slot.answer.result.call_id if slot.answer is not None else None
    return slot.call.sent_id or (answer if answer not in used else None)


def _wire_id(call: ToolCall) -> str | None:
    return call.call_id or call.sent_id or None


def _decide_answer(slot: Slot, call: ToolCall, rules: HistoryRules, mended: Mended) -> Result | None:
    """Return the slot's result with the id, name and content it is to have; the same object if they are right."""
    placed = slot.answer
    if placed is None:
        return None
    result, wanted = placed.result, _wire_id(call)
    if result.call_id != wanted and (result.call_id or rules.result_needs_id(call)):
        if wanted == (slot.call.sent_id or None):
            old = result.call_id or ""
            mended.edits.append(edit("rewritten", "result_id", placed.position, wanted, old=old))
        result = replace(result, call_id=wanted, changed=True)
    for field_name in ("name", "kind"):
        old, right = getattr(result, field_name), getattr(call, field_name)
        if field_name == "name" and not right and mended.calls is not None:
            right = STAND_IN  # the call cannot be read, and is written anew with its id
        if right and old not in (None, right):  # a call that cannot be read may have no name
            mended.edits.append(edit("rewritten", field_name, placed.position, wanted, old=old, new=right))
            result = replace(result, changed=True, **{field_name: right})
    if result.defect is not None:
        before = placed.result.source
        mended.edits.append(edit("rewritten", "content", placed.position, wanted, dropped=before, defect=result.defect))
        result = replace(result, defect=None, changed=True)
    return result


def _make(slot: Slot, call: ToolCall, known: dict[str, str | ToolResult], mended: Mended) -> ToolResult:
    wanted = _wire_id(call) or ""
    real = known.pop(slot.call.sent_id or wanted, None)
    sentence = "placeholder" if real is None else "known"
    mended.edits.append(edit("inserted", sentence, slot.position, wanted, name=call.name))
    if real is None:
        return placeholder(wanted, call.name)
    if isinstance(real, ToolResult):
        return replace(real, call_id=wanted, tool_name=call.name)
    return real_result(wanted, call.name, real)


def real_result(call_id: str, name: str, content: Content) -> ToolResult:
    """Return a successful result that says *content*."""
    return ToolResult(call_id=call_id, tool_name=name, status="success", code="ok", effect="done", content=content)


def require_results(results: Mapping[str, str | ToolResult] | None) -> dict[str, str | ToolResult]:
    """Return *results* as a dict of its own.

    Raises:
        UsageError: it is no mapping of ids to texts or results.
    """
    if results is None:
        return {}
    if not isinstance(results, Mapping):
        raise UsageError(f"results must map call ids to texts or ToolResults, not be a {type(results).__name__}")
    for call_id, value in results.items():
        if not isinstance(value, str | ToolResult):
            raise UsageError(f"results[{call_id!r}] must be a text or a ToolResult, not a {type(value).__name__}")
    return dict(results)


def stands_right(placed: Placed, slot: Slot, pairing: Pairing) -> bool:
    """Whether a result may stay where it is, as far as its place is concerned."""
    if placed.position < slot.position or pairing.is_displaced(placed, slot):
        return False
    return not pairing.rules.one_message or placed.position == slot.turn.block[0].position


def _decide_block(turn: Turn, pairing: Pairing, mended: Mended) -> None:
    """Decide which results are to stand directly behind the calls, and in which order, if that is to change at all."""
    place = {id(slot): index for index, slot in enumerate(turn.slots)}
    standing = [
        place[id(placed.slot)]
        for placed in turn.block
        if placed.slot is not None and placed.slot.turn is turn and stands_right(placed, placed.slot, pairing)
    ]
    added = list(mended.made)
    for index, slot in enumerate(turn.slots):
        if slot.answer is not None and not stands_right(slot.answer, slot, pairing):
            same_block = slot.answer.in_block and slot.answer.turn is turn
            sentence = "joined" if same_block else "moved"
            mended.edits.append(edit("moved", sentence, slot.answer.position, slot.answer.result.call_id))
            added.append(index)
    by_order = pairing.rules.positional and any(not _has_id(turn, index) for index in standing)
    if not added and not (by_order and out_of_order(turn) is not None):
        return
    ordered = sorted(standing)
    if by_order:
        moved = [index for index, wanted in zip(standing, ordered, strict=True) if index != wanted]
        mended.edits += [_reordered(turn.slots[index]) for index in moved]
    mended.block = sorted(standing + added) if by_order or standing == ordered else standing + sorted(added)


def _has_id(turn: Turn, index: int) -> bool:
    answer = turn.slots[index].answer
    return answer is not None and paired_by_id(answer, turn.slots[index])


def _reordered(slot: Slot) -> Edit:
    position = slot.answer.position if slot.answer is not None else slot.position
    return edit("moved", "ordered", position, slot.call.sent_id, name=slot.call.name)


def taken(turns: Sequence[tuple[Turn, Mended]]) -> set[int]:
    """Return the identities of the placed results that leave their places, for a block that is made anew."""
    leaving: set[int] = set()
    for turn, mended in turns:
        if mended.block is not None:
            answers = [turn.slots[index].answer for index in mended.block]
            leaving |= {id(answer) for answer in answers if answer is not None}
    return leaving
