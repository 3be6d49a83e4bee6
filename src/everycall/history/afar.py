"""Pairs results that do not directly follow their call: with calls of earlier turns, then of later ones.

Always under the result's own id, or, where there are no ids, with the turn next to it. Each pass is linear.
"""

from collections.abc import Callable, Iterable, Sequence

from everycall.core.history import HistoryRules
from everycall.history.placeholder import is_placeholder
from everycall.history.turns import OpenSlots, Placed, Slot, Turn, join, same_tool

MOST_SLOTS = 64
"""Calls of one turn that are searched one by one for what a second result could answer; bounds hostile histories."""


def pair_afar(turns: Sequence[Turn], results: Sequence[Placed], rules: HistoryRules) -> None:
    """Pair what is left with open calls elsewhere: the nearest earlier turn first, then the nearest later one."""
    surplus, left, without_id = [], [], []
    owned: dict[int, dict[str, Placed]] = {}
    for placed in results:
        if placed.slot is not None:
            continue
        if not placed.result.call_id:
            without_id.append(placed)
        elif placed.turn is not None and placed.in_block and placed.result.call_id in _owned(placed.turn, owned):
            surplus.append(placed)
        else:
            left.append(placed)
    _sweep(turns, left, _is_open)
    _sweep_back(turns, [placed for placed in left if placed.slot is None])
    for placed in surplus:
        _pair_surplus(placed, turns, owned)
    _pair_afar_in_order(turns, without_id, rules)
    _sweep(
        turns, [placed for placed in results if placed.slot is None and not is_placeholder(placed.result)], _is_doubtful
    )


def _owned(turn: Turn, cache: dict[int, dict[str, Placed]]) -> dict[str, Placed]:
    """The results that answer calls of *turn*, by id; made once per turn."""
    if turn.number not in cache:
        answers = [slot.answer for slot in reversed(turn.slots) if slot.answer is not None]
        cache[turn.number] = {answer.result.call_id: answer for answer in answers if answer.result.call_id}
    return cache[turn.number]


def _is_open(slot: Slot) -> bool:
    return slot.answer is None


def _is_doubtful(slot: Slot) -> bool:
    """Whether the call was answered only by what `repair` puts in for an unknown result: a real one is better."""
    return slot.answer is not None and is_placeholder(slot.answer.result)


def _sweep(turns: Sequence[Turn], left: Sequence[Placed], wanted: Callable[[Slot], bool]) -> None:
    """Walk turns and results together; each result takes the wanted call of its id that was passed last."""
    if not left:
        return
    passed: dict[str, list[Slot]] = {}
    coming = 0
    for placed in left:
        while coming < len(turns) and turns[coming].first < placed.position:
            _push(passed, reversed(turns[coming].slots), wanted)
            coming += 1
        _take_last(passed, placed)


def _sweep_back(turns: Sequence[Turn], left: Sequence[Placed]) -> None:
    """The same from the end: each result takes the open call of its id that comes next."""
    passed: dict[str, list[Slot]] = {}
    coming = len(turns) - 1
    for placed in reversed(left):
        while coming >= 0 and turns[coming].first > placed.position:
            _push(passed, reversed(turns[coming].slots), _is_open)
            coming -= 1
        _take_last(passed, placed)


def _push(passed: dict[str, list[Slot]], slots: Iterable[Slot], wanted: Callable[[Slot], bool]) -> None:
    for slot in slots:
        if slot.call.sent_id and wanted(slot):
            passed.setdefault(slot.call.sent_id, []).append(slot)


def _take_last(passed: dict[str, list[Slot]], placed: Placed) -> None:
    waiting = passed.get(placed.result.call_id or "")
    if waiting:
        join(placed, waiting.pop())


def _pair_surplus(placed: Placed, turns: Sequence[Turn], owned: dict[int, dict[str, Placed]]) -> None:
    """Pair a second result of an answered call with the next turn, if that follows at once and waits for its id.

    Ids come again in later turns, so this is what a result that stands ahead of its call looks like there. A copy of
    the first result is a copy, and goes nowhere.
    """
    turn, result = placed.turn, placed.result
    if turn is None or turn.number + 1 >= len(turns) or result == _owned(turn, owned)[result.call_id or ""].result:
        return
    following = turns[turn.number + 1]
    if following.first == turn.interloper and len(following.slots) <= MOST_SLOTS:
        for slot in following.slots:
            if slot.answer is None and slot.call.sent_id == result.call_id and same_tool(placed, slot.call):
                join(placed, slot)
                return


def _pair_afar_in_order(turns: Sequence[Turn], left: Sequence[Placed], rules: HistoryRules) -> None:
    """Pair results without id that do not directly follow their call: with the turn before them, or the one behind."""
    free: dict[int, OpenSlots] = {}
    for placed in left:
        before = placed.turn.number if placed.turn is not None else -1
        for number in (before, before + 1) if rules.positional else (before,):
            if not 0 <= number < len(turns):
                continue
            if number not in free:
                free[number] = OpenSlots(slot for slot in turns[number].slots if slot.answer is None)
            result = placed.result
            slot = free[number].take() if result.name is None else free[number].take("name", result.name)
            if slot is not None:
                join(placed, slot)
                break
