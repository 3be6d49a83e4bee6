"""Finds what a provider would refuse in a history. Decides nothing about how to mend it."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import get_args

from everycall.core.history import Finding, FindingKind, HistoryRules
from everycall.core.text import bounded
from everycall.history.pairing import Pairing, pair
from everycall.history.scanning import Scanned, scan_history
from everycall.history.turns import Placed, Slot, Turn, fits
from everycall.ports import FullDialect

SENTENCES: Mapping[str, str] = {
    "missing_result": "The call {id} of {name} has no result.",
    "orphan_result": "The result {id} answers no call.",
    "duplicate_result": "The call that the result {id} names has its result already.",
    "duplicate_call_id": "The id {id} is that of another call of the same turn.",
    "interleaved_message": "This stands between the call {id} of {name} and its result.",
    "result_before_call": "The result {id} stands before its call.",
    "invalid_id": "The id {id} is not one that {dialect} takes.",
    "no_call_id": "The call of {name} has no id.",
    "no_result_id": "The result of {name} has no id.",
    "extra_id": "The result has the id {id}, its call has none.",
    "mismatched_name": "The result {id} is given as one of {got}, but its call is one of {name}.",
    "wrong_place": "The result of {got} stands where that of {name} belongs: without ids, order pairs them.",
    "split_results": "The results of one turn stand in several messages; {dialect} wants them in one.",
    "invalid_content": "The result {id} {defect}.",
}
"""What a finding says. Rows that are no kind are further sentences: of `invalid_id`, and of `mismatched_name`."""

_ORDER = {kind: rank for rank, kind in enumerate(get_args(FindingKind))}


def check(messages: object, dialect: str | FullDialect | None = None, *, allow_open: bool = False) -> list[Finding]:
    """Find what a provider would refuse in a history, or answer wrongly.

    Args:
        messages: a list of messages (for Responses: of items) as they would be sent; dicts or the SDK's objects.
        dialect: the provider's dialect by name, such as `openai-chat`, or one of your own; None to tell it from the
            messages.
        allow_open: calls of the last turn may still wait for their results, if nothing but results follows them.

    Returns:
        The findings in the order of the messages; an empty list for a history that is in order.

    Raises:
        MessageError: *messages* cannot be read as a history: not a list, an unknown role, too deep, too large.
        UsageError: there is no such dialect.

    Example:
        >>> messages = [
        ...     {"role": "user", "content": "How warm is it in Oslo?"},
        ...     {"role": "assistant", "content": "", "tool_calls": [
        ...         {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}]},
        ...     {"role": "user", "content": "Hello?"},
        ... ]
        >>> [(finding.position, finding.kind, finding.call_id) for finding in check(messages)]
        [(1, 'missing_result', 'call_1')]
    """
    scanned = scan_history(messages, dialect)
    return find(scanned, pair(scanned.items, scanned.history.RULES), allow_open=allow_open)


def find(scanned: Scanned, pairing: Pairing, *, allow_open: bool = False) -> list[Finding]:
    """Return the findings of a history that has been read and paired."""
    finder = _Finder(scanned, pairing, allow_open=allow_open)
    findings = [finding for turn in pairing.turns for finding in finder.of_turn(turn)]
    findings += [finding for placed in pairing.results for finding in finder.of_result(placed)]
    findings.sort(key=lambda finding: (finding.position, _ORDER[finding.kind]))
    return findings


def shown(text: str | None) -> str:
    """Return foreign text as it may stand in a sentence: in quotes, escaped, bounded."""
    return repr(bounded(text or "", 80))


def paired_by_id(placed: Placed, slot: Slot) -> bool:
    """Whether an id tells which call the result answers: both have one. An id on one side alone tells nobody."""
    return bool(placed.result.call_id and slot.call.sent_id)


def out_of_order(turn: Turn) -> Placed | None:
    """Return the first result of *turn* that stands behind one of a later call, where order pairs both; else None."""
    block = [placed for placed in turn.block if placed.slot is not None and not paired_by_id(placed, placed.slot)]
    if len(block) < 2:
        return None
    place = {id(slot): index for index, slot in enumerate(turn.slots)}
    for before, placed in pairwise(block):
        if place.get(id(before.slot), 0) > place.get(id(placed.slot), 0):
            return placed
    return None


class _Finder:
    def __init__(self, scanned: Scanned, pairing: Pairing, *, allow_open: bool) -> None:
        self._rules: HistoryRules = scanned.history.RULES
        self._id_rule = scanned.id_rule
        self._open_turn = pairing.turns[-1] if allow_open and pairing.turns else None
        self._pairing = pairing
        self._displaced: set[int] = set()

    def of_turn(self, turn: Turn) -> Iterator[Finding]:
        """What is wrong with the calls of *turn*, and with its results taken together."""
        seen: set[str] = set()
        for slot in turn.slots:
            call_id = slot.call.sent_id
            if not call_id or not self._id_rule.accepts(call_id):
                yield from self._of_odd_id(slot)
            elif call_id in seen:
                yield self._finding("duplicate_call_id", slot.position, slot)
            if slot.answer is None and not slot.call.may_stay_open and not self._may_wait(turn):
                yield self._finding("missing_result", slot.position, slot)
            seen.add(call_id or "")
        if self._rules.one_message and len({placed.position for placed in turn.block if placed.slot}) > 1:
            yield self._finding("split_results", turn.block[-1].position, turn.slots[0])
        if self._rules.positional and out_of_order(turn) is not None:
            yield from self._of_order(turn)

    def of_result(self, placed: Placed) -> Iterator[Finding]:
        """What is wrong with one result."""
        slot, result = placed.slot, placed.result
        if slot is None:
            kind: FindingKind = "duplicate_result" if self._pairing.is_second(placed) else "orphan_result"
            yield self._about_result(kind, placed)
            return
        if placed.position < slot.turn.first:
            yield self._about_result("result_before_call", placed)
        elif self._pairing.is_displaced(placed, slot):
            yield from self._of_displaced(slot, placed)
        if not fits(placed, slot.call) or self._is_of_other_call(placed):
            yield self._about_result("mismatched_name", placed)
        elif result.call_id and not slot.call.sent_id and self._rules.positional:
            yield self._about_result("invalid_id", placed, sentence="extra_id")
        elif not result.call_id and self._rules.result_needs_id(slot.call):
            yield self._finding("invalid_id", placed.position, slot, sentence="no_result_id")
        if result.defect is not None:
            yield self._about_result("invalid_content", placed, defect=result.defect)

    def _may_wait(self, turn: Turn) -> bool:
        return turn is self._open_turn and turn.interloper is None

    def _of_odd_id(self, slot: Slot) -> Iterator[Finding]:
        if slot.call.sent_id:
            yield self._finding("invalid_id", slot.position, slot)
        elif self._rules.call_needs_id(slot.call):
            yield self._finding("invalid_id", slot.position, slot, sentence="no_call_id")

    def _of_order(self, turn: Turn) -> Iterator[Finding]:
        block = [placed for placed in turn.block if placed.slot is not None]
        for placed, slot in zip(block, [slot for slot in turn.slots if slot.answer is not None], strict=False):
            if placed.slot is not slot:
                got = placed.slot.call.name if placed.slot else ""
                yield self._finding("mismatched_name", placed.position, slot, sentence="wrong_place", got=shown(got))
                return

    def _of_displaced(self, slot: Slot, placed: Placed) -> Iterator[Finding]:
        """One finding per thing in between, however many results it displaces."""
        between = slot.turn.interloper if slot.turn.interloper is not None else slot.turn.last + 1
        if between not in self._displaced:
            self._displaced.add(between)
            yield self._finding("interleaved_message", min(between, placed.position), slot)

    def _is_of_other_call(self, placed: Placed) -> bool:
        """Whether the id of a result is that of another call than the one it was paired with."""
        call_id, slot = placed.result.call_id, placed.slot
        sent_id = slot.call.sent_id if slot is not None else None
        return bool(call_id and sent_id and call_id != sent_id)

    def _about_result(self, kind: FindingKind, placed: Placed, *, sentence: str | None = None, **facts: str) -> Finding:
        result, slot = placed.result, placed.slot
        call_id, got = result.call_id or "", result.name if result.name is not None else result.kind
        name = slot.call.name if slot is not None else ""
        if slot is not None and got in (None, name):  # the id tells them apart, or the kind of call
            got, name = (
                (call_id, slot.call.sent_id or "") if result.kind in (None, slot.call.kind) else (got, slot.call.kind)
            )
        text = SENTENCES[sentence or kind].format(id=shown(call_id), got=shown(got), name=shown(name), **facts)
        row: str = "stray" if kind in ("orphan_result", "result_before_call") and not placed.in_block else kind
        row = result.defect or "" if kind == "invalid_content" else row
        return self._made(kind, row, placed.position, call_id, text, part=placed.entry)

    def _finding(
        self, kind: FindingKind, position: int, slot: Slot, *, sentence: str | None = None, **facts: str
    ) -> Finding:
        call_id = slot.call.sent_id or ""
        text = SENTENCES[sentence or kind].format(
            id=shown(call_id), name=shown(slot.call.name), dialect=self._rules.dialect, **facts
        )
        return self._made(kind, sentence or kind, position, call_id, text, call=slot.position)

    def _made(
        self, kind: FindingKind, row: str, position: int, call_id: str, text: str, *, part: int = 0, call: int = 0
    ) -> Finding:
        words = self._rules.errors.get(row, self._rules.errors.get(kind))
        facts = {"index": position, "part": part, "call": call, "behind_call": call + 1}
        error = words and words.format(id=bounded(call_id, 200), **facts)
        return Finding(position=position, kind=kind, call_id=call_id, message=text, provider_error=error)
