"""Who answers whom: pairs the results of a history with its calls. `check` and `repair` both stand on this.

1. Pairing is per turn, and a result belongs first of all to the turn that it directly follows. Only a result that finds
   no place there looks for an open call of an earlier turn, then of a later one; always under its own id.
2. It is a multiset: an id that is used several times is answered several times, in order.
3. Where ids are absent or empty, order decides (and the tool's name, where the wire carries one).
4. A real result takes the place of one that an earlier `repair` put in.
5. An id that no call has is never explained away: such a result answers nothing. One exception: it directly follows
   calls that have no id of their own, exactly as many as there are such results.
6. Linear in the length of the history, whatever it holds.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from everycall.core.history import HistoryRules, Message
from everycall.history.afar import MOST_SLOTS, pair_afar
from everycall.history.turns import OpenSlots, Placed, Slot, Turn, join, same_tool, walk


@dataclass(slots=True)
class Pairing:
    """All turns and all results of one history, paired."""

    turns: list[Turn]
    results: list[Placed]
    rules: HistoryRules
    _ids: dict[int, frozenset[str | None]] = field(default_factory=dict)
    _turns: dict[str | None, list[int]] = field(default_factory=dict)

    def is_second(self, placed: Placed) -> bool:
        """Whether a result without a slot repeats one: the turn that it stands behind has a call that it names."""
        turn, call_id = placed.turn, placed.result.call_id
        if turn is None:
            return False
        if call_id is None:
            return placed.in_block and any(same_tool(placed, slot.call) for slot in turn.slots[:MOST_SLOTS])
        if self.rules.adjacent:
            return call_id in self._ids_of(turn)
        using = self._turns_of(call_id)
        return bool(using) and using[0] <= turn.number

    def is_displaced(self, placed: Placed, slot: Slot) -> bool:
        """Whether something stands between a call and its result that must not.

        Where results may come at any later place, that is a later call of the same id: whose result it is would be
        anybody's guess.
        """
        if self.rules.adjacent:
            return not placed.in_block or placed.turn is not slot.turn
        if placed.turn is slot.turn:
            return False
        turns = self._turns_of(slot.call.sent_id) if slot.call.sent_id else []
        following = bisect_right(turns, slot.turn.number)
        return following < len(turns) and self.turns[turns[following]].first < placed.position

    def _turns_of(self, call_id: str | None) -> list[int]:
        """Return the numbers of the turns that use an id, in order; collected at first use."""
        if not self._turns:
            for turn in self.turns:
                for used in self._ids_of(turn):
                    self._turns.setdefault(used, []).append(turn.number)
        return self._turns.get(call_id, [])

    def _ids_of(self, turn: Turn) -> frozenset[str | None]:
        if turn.number not in self._ids:
            self._ids[turn.number] = frozenset(slot.call.sent_id for slot in turn.slots)
        return self._ids[turn.number]


def pair(items: Sequence[Message], rules: HistoryRules) -> Pairing:
    """Return the turns of *items* with every result in its slot, as far as it has one."""
    turns, results = walk(items, rules)
    hard = [turn for turn in turns if turn.block and not _pair_in_order(turn)]
    if hard:
        doubted = _doubted_ids(turns, results)
        for turn in hard:
            _pair_block(turn, doubted)
        _pair_with_calls_without_id(turns, hard)
    if any(placed.slot is None for placed in results):
        pair_afar(turns, results, rules)
    return Pairing(turns=turns, results=results, rules=rules)


def _doubted_ids(turns: Iterable[Turn], results: Iterable[Placed]) -> set[str]:
    """Return the ids that stand on a result of another tool than any call of that id."""
    names: dict[str, set[str]] = {}
    for turn in turns:
        for slot in turn.slots:
            if slot.call.sent_id:
                names.setdefault(slot.call.sent_id, set()).add(slot.call.name)
    doubted = set()
    for placed in results:
        call_id, name = placed.result.call_id, placed.result.name
        if call_id is not None and name is not None and call_id in names and name not in names[call_id]:
            doubted.add(call_id)
    return doubted


def _pair_in_order(turn: Turn) -> bool:
    """The common case: as many results as calls, in the same order, under the same ids, each id once."""
    slots, block = turn.slots, turn.block
    if len(slots) != len(block):
        return False
    if len(slots) > 1 and len({slot.call.sent_id for slot in slots}) != len(slots):
        return False
    for slot, placed in zip(slots, block, strict=True):
        if not slot.call.sent_id or slot.call.sent_id != placed.result.call_id or not same_tool(placed, slot.call):
            return False
    for slot, placed in zip(slots, block, strict=True):
        join(placed, slot)
    return True


def _pair_block(turn: Turn, doubted: set[str]) -> None:
    """Pair the results that directly follow *turn*, from the strongest evidence to the weakest."""
    free = OpenSlots(turn.slots)
    for placed in turn.block:
        if placed.result.call_id:
            slot = free.take_like(placed.result)
            if slot is not None:
                join(placed, slot)
    if doubted:
        _pair_swapped(turn, doubted)
    for placed in _without_slot(turn):
        if placed.result.call_id:
            slot = free.take("id", placed.result.call_id)
            if slot is not None:
                join(placed, slot)
    _pair_without_id(turn, free)


def _without_slot(turn: Turn) -> Iterator[Placed]:
    return (placed for placed in turn.block if placed.slot is None)


def _pair_swapped(turn: Turn, doubted: set[str]) -> None:
    """Pair results under swapped ids: name and place agree on a call of this turn, the id is another tool's.

    Two witnesses against one. Only where the id of the call that they agree on has gone astray as well, and only where
    it is unambiguous.
    """
    by_name: dict[str, list[Placed]] = {}
    for placed in _without_slot(turn):
        if placed.result.name is not None and placed.result.call_id in doubted:
            by_name.setdefault(placed.result.name, []).append(placed)
    waiting: dict[str, list[Slot]] = {}
    for slot in turn.slots if by_name else ():
        if slot.answer is None:
            waiting.setdefault(slot.call.name, []).append(slot)
    for name, group in by_name.items():
        slots = waiting.get(name, [])
        if len(group) == len(slots) and all(slot.call.sent_id in doubted for slot in slots):
            for placed, slot in zip(group, slots, strict=True):
                join(placed, slot)


def _pair_without_id(turn: Turn, free: OpenSlots) -> None:
    """Pair results that carry no id: in order, among the calls of their name where they have one."""
    odd: list[Placed] = []
    for placed in _without_slot(turn):
        result = placed.result
        if result.call_id:
            continue
        slot = free.take() if result.name is None else free.take("name", result.name)
        if slot is None:
            odd.append(placed)
        else:
            join(placed, slot)
    left = [slot for slot in turn.slots if slot.answer is None]
    if odd and len(odd) == len(left):
        for placed, slot in zip(odd, left, strict=True):
            join(placed, slot)


def _pair_with_calls_without_id(turns: Iterable[Turn], hard: Iterable[Turn]) -> None:
    """Pair calls that have no id with the results behind them whose id is nobody's, if equal in number and name."""
    open_ids = {slot.call.sent_id for turn in turns for slot in turn.slots if slot.answer is None}
    for turn in hard:
        bare = [slot for slot in turn.slots if slot.answer is None and not slot.call.sent_id]
        here = {slot.call.sent_id for slot in turn.slots} if bare else set()
        foreign = [
            one
            for one in _without_slot(turn)
            if one.result.call_id and one.result.call_id not in open_ids and one.result.call_id not in here
        ]
        if bare and len(bare) == len(foreign):
            pairs = list(zip(foreign, bare, strict=True))
            if all(same_tool(placed, slot.call) for placed, slot in pairs):
                for placed, slot in pairs:
                    join(placed, slot)
