"""The turns of a history: calls that the model made at once, and the results that directly follow them.

One pass, which only notes where everything stands. Who answers whom is decided in `pairing` and `afar`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from everycall.core.calls import ToolCall
from everycall.core.history import HistoryRules, Message, Rest, Result


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


def join(placed: Placed, slot: Slot) -> None:
    """Let *placed* answer *slot*; what answered it before answers nothing any more."""
    if slot.answer is not None:
        slot.answer.slot = None
    placed.slot = slot
    slot.answer = placed


def same_tool(placed: Placed, call: ToolCall) -> bool:
    """Whether the result's name and kind, as far as it carries them, are those of *call*."""
    result = placed.result
    return (result.name is None or result.name == call.name) and result.kind in (None, call.kind)


def fits(placed: Placed, call: ToolCall) -> bool:
    """Whether the result may stand under its name and kind, once it is known to answer *call*.

    A call that cannot be read may have no name, and its result has one all the same: providers require it.
    """
    return same_tool(placed, call) or (not call.name and placed.result.kind in (None, call.kind))


class OpenSlots:
    """The calls of one turn that have no result yet, to be found by id, by name, or in order, in constant time."""

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


def walk(items: Sequence[Message], rules: HistoryRules) -> tuple[list[Turn], list[Placed]]:
    """Return the turns of a history and all its results, none of them paired yet."""
    walked = _Walk(rules)
    for position, item in enumerate(items):
        walked.take(position, item)
    return walked.turns, walked.results


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
                self._close(position)
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
