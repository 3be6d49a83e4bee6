"""Who answers whom: pairs the results of a history with its calls. `check` and `repair` both stand on this.

1. Pairing is per turn, and a result belongs first of all to the turn that it directly follows. Only a result that finds
   no place there looks for an open call of an earlier turn, then of a later one; always under its own id.
2. It is a multiset: an id that is used several times is answered several times, in order.
3. Where ids are absent or empty, order decides (and the tool's name, where the wire carries one).
4. A real result takes the place of one that an earlier `repair` put in.
5. An id that no call has is never explained away: such a result answers nothing. One exception: it directly follows calls
   that have no id of their own, exactly as many as there are such results.
6. Linear in the length of the history, whatever it holds.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from everycall.core.calls import ToolCall
from everycall.core.history import HistoryRules, Message, Rest, Result
from everycall.history.placeholder import is_placeholder

MOST_SLOTS = 64
"""Calls of one turn that are searched one by one for what a second result could answer: keeps hostile histories linear."""


@dataclass(slots=True, eq=False)
class Placed:
    """A result, where it stands, and the call it answers once that is known."""

    result: Result
    position: int
    entry: int
    turn: "Turn | None"
    in_block: bool
    slot: "Slot | None" = None


@dataclass(slots=True, eq=False)
class Slot:
    """A call, where it stands, and its result once that is known."""

    call: ToolCall
    position: int
    turn: "Turn"
    answer: Placed | None = None


@dataclass(slots=True, eq=False)
class Turn:
    """The calls that the model made at once, and the results that directly follow them.

    Attributes:
        number: from 0.
        first: position of the first message that belongs to the model's side.
        last: position of the last one.
        block: the results directly behind, in the order in which they stand.
        interloper: position of the first other thing behind the calls; None if nothing follows.
    """

    number: int
    first: int
    last: int
    slots: list[Slot] = field(default_factory=list)
    block: list[Placed] = field(default_factory=list)
    interloper: int | None = None


@dataclass(slots=True)
class Pairing:
    """All turns and all results of one history, paired."""

    turns: list[Turn]
    results: list[Placed]
    rules: HistoryRules
    _ids: dict[int, frozenset[str | None]] = field(default_factory=dict)

    def is_second(self, placed: Placed) -> bool:
        """Whether a result without a slot repeats one: the turn that it stands behind has a call that it would answer."""
        turn, call_id = placed.turn, placed.result.call_id
        if turn is None:
            return False
        if call_id is None:
            return placed.in_block and any(same_tool(placed, slot.call) for slot in turn.slots[:MOST_SLOTS])
        behind = (turn,) if self.rules.adjacent else self.turns[: turn.number + 1]
        return any(call_id in self._ids_of(one) for one in behind)

    def _ids_of(self, turn: Turn) -> frozenset[str | None]:
        if turn.number not in self._ids:
            self._ids[turn.number] = frozenset(slot.call.sent_id for slot in turn.slots)
        return self._ids[turn.number]


def pair(items: Sequence[Message], rules: HistoryRules) -> Pairing:
    """Return the turns of *items* with every result in its slot, as far as it has one."""
    walk = _Walk(rules)
    for position, item in enumerate(items):
        walk.take(position, item)
    hard = [turn for turn in walk.turns if turn.block and not _pair_in_order(turn)]
    if hard:
        doubted = _doubted_ids(walk)
        for turn in hard:
            _pair_block(turn, doubted)
        _pair_with_calls_without_id(walk.turns, hard)
    if any(placed.slot is None for placed in walk.results):
        _pair_afar(walk.turns, walk.results, rules)
    return Pairing(turns=walk.turns, results=walk.results, rules=rules)


class _Walk:
    """One pass over a history: opens turns, and notes of each result whether it directly follows its turn."""

    def __init__(self, rules: HistoryRules) -> None:
        self._rules = rules
        self.turns: list[Turn] = []
        self.results: list[Placed] = []
        self._growing = False  # the model's side of the turn may still go on
        self._in_block = False  # nothing but results has followed it so far

    def take(self, position: int, item: Message) -> None:
        if item.calls:
            if not self._growing:
                self.turns.append(Turn(number=len(self.turns), first=position, last=position))
            turn = self.turns[-1]
            turn.last = position
            turn.slots += [Slot(call=call, position=position, turn=turn) for call in item.calls]
            self._growing = self._rules.merges_roles
            self._in_block = True
        elif self._growing and item.role in ("assistant", "companion"):
            self.turns[-1].last = position
        elif item.body:
            self._take_body(position, item.body)
        else:
            self._close(position)

    def _take_body(self, position: int, body: tuple[Result | Rest, ...]) -> None:
        turn = self.turns[-1] if self.turns else None
        seen_rest = seen_result = False
        for entry, part in enumerate(body):
            if isinstance(part, Result):
                placed = Placed(part, position, entry, turn, in_block=self._in_block)
                self.results.append(placed)
                if turn is not None and self._in_block:
                    turn.block.append(placed)
                    self._growing = False
                seen_result = True
            else:
                seen_rest = True
                if self._rules.results_first:
                    self._close(position)
        if seen_rest or not seen_result:
            self._close(position)

    def _close(self, position: int) -> None:
        if self._in_block and self.turns:
            self.turns[-1].interloper = position
        self._in_block = self._growing = False


def same_tool(placed: Placed, call: ToolCall) -> bool:
    """Whether the result's name and kind, as far as it carries them, are those of *call*."""
    result = placed.result
    return (result.name is None or result.name == call.name) and result.kind in (None, call.kind)


def _doubted_ids(walk: _Walk) -> set[str]:
    """Return the ids that stand on a result of another tool than any call of that id."""
    names: dict[str, set[str]] = {}
    for turn in walk.turns:
        for slot in turn.slots:
            if slot.call.sent_id:
                names.setdefault(slot.call.sent_id, set()).add(slot.call.name)
    doubted = set()
    for placed in walk.results:
        call_id, name = placed.result.call_id, placed.result.name
        if call_id is not None and name is not None and call_id in names and name not in names[call_id]:
            doubted.add(call_id)
    return doubted


def _join(placed: Placed, slot: Slot) -> None:
    if slot.answer is not None:
        slot.answer.slot = None
    placed.slot = slot
    slot.answer = placed


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
        _join(placed, slot)
    return True


class _Open:
    """The calls of one turn that have no result yet, findable by id, by name, or in order; each step is constant time."""

    def __init__(self, slots: Iterable[Slot]) -> None:
        self._queues: dict[tuple[str, ...], list[Slot]] = {}
        for slot in reversed(list(slots)):  # the first call is popped first
            call = slot.call
            keys: tuple[tuple[str, ...], ...] = ((), ("name", call.name))
            if call.sent_id:
                keys += (("id", call.sent_id), ("both", call.sent_id, call.name))
            for key in keys:
                self._queues.setdefault(key, []).append(slot)

    def take(self, *key: str) -> Slot | None:
        """Remove and return the first open call under *key*; all calls are under the empty key."""
        queue = self._queues.get(key, [])
        while queue:
            slot = queue.pop()
            if slot.answer is None:
                return slot
        return None

    def take_like(self, result: Result) -> Slot | None:
        """Remove and return the first open call of the result's id, and of its name and kind as far as it has them."""
        call_id = result.call_id or ""
        key = ("id", call_id) if result.name is None else ("both", call_id, result.name)
        slot = self.take(*key)
        if slot is not None and result.kind not in (None, slot.call.kind):
            self._queues[key].append(slot)
            return None
        return slot


def _pair_block(turn: Turn, doubted: set[str]) -> None:
    """Pair the results that directly follow *turn*, from the strongest evidence to the weakest."""
    free = _Open(turn.slots)
    for placed in turn.block:
        if placed.result.call_id:
            slot = free.take_like(placed.result)
            if slot is not None:
                _join(placed, slot)
    if doubted:
        _pair_swapped(turn, free, doubted)
    for placed in _without_slot(turn):
        if placed.result.call_id:
            slot = free.take("id", placed.result.call_id)
            if slot is not None:
                _join(placed, slot)
    _pair_without_id(turn, free)


def _without_slot(turn: Turn) -> Iterator[Placed]:
    return (placed for placed in turn.block if placed.slot is None)


def _pair_swapped(turn: Turn, free: _Open, doubted: set[str]) -> None:
    """Pair results under swapped ids: name and place agree on a call of this turn, the id is that of another tool's call.

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
                _join(placed, slot)


def _pair_without_id(turn: Turn, free: _Open) -> None:
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
            _join(placed, slot)
    left = [slot for slot in turn.slots if slot.answer is None]
    if odd and len(odd) == len(left):
        for placed, slot in zip(odd, left, strict=True):
            _join(placed, slot)


def _pair_with_calls_without_id(turns: Iterable[Turn], hard: Iterable[Turn]) -> None:
    """Pair calls that have no id with the results behind them whose id is nobody's: in order, if equal in number and name."""
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
                    _join(placed, slot)


def _pair_afar(turns: Sequence[Turn], results: Sequence[Placed], rules: HistoryRules) -> None:
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
        _join(placed, waiting.pop())


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
                _join(placed, slot)
                return



def _pair_afar_in_order(turns: Sequence[Turn], left: Sequence[Placed], rules: HistoryRules) -> None:
    """Pair results without id that do not directly follow their call: with the turn before them, or the one behind."""
    free: dict[int, _Open] = {}
    for placed in left:
        before = placed.turn.number if placed.turn is not None else -1
        for number in (before, before + 1) if rules.positional else (before,):
            if not 0 <= number < len(turns):
                continue
            if number not in free:
                free[number] = _Open(slot for slot in turns[number].slots if slot.answer is None)
            result = placed.result
            slot = free[number].take() if result.name is None else free[number].take("name", result.name)
            if slot is not None:
                _join(placed, slot)
                break
