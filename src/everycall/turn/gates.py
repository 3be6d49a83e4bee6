"""Limits on how much runs at once, and how often. A waiting call holds nothing.

1. A call may have to pass several gates (its turn's, its tool's, the threads'). It takes all of its places at once or
   none, so two calls never wait for each other. It waits at the first gate that is full, and moves on to the next full
   one from there.
2. A free place goes to the turns that wait in rotation, and within a turn to who has waited longest: a turn of a
   thousand calls does not starve a turn of one.
"""

import heapq
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from everycall.core.policy import Rate

_arrivals = count()
_A_WHOLE_ONE = 1 - 1e-6  # starts are counted in floats
_CLOCK_TICK = 1e-6  # seconds: a timer that is set closer to now than a clock can tell fires before its time


class Waiter:
    """Somebody who waits for places at *gates*.

    Args:
        gates: what must be passed.
        subject: handed to the following.
        party: the turn it belongs to; parties take turns.
    """

    __slots__ = ("gates", "gone", "number", "party", "subject")

    def __init__(self, gates: "Sequence[Gate]", subject: Any, party: "Party") -> None:
        self.gates = gates
        self.subject = subject
        self.party = party
        self.number = next(_arrivals)
        self.gone = False

    def __lt__(self, other: "Waiter") -> bool:
        return self.number < other.number


class Party:
    """Whoever asks for places: one per turn.

    Args:
        start: called with the subject when all its places were taken for it.
        refuse: called with the subject when none can come free any more.
        wake_at: called with a moment and a gate that opens then by itself; the party calls `admit(gate)` at it.
    """

    __slots__ = ("refuse", "start", "wake_at")

    def __init__(
        self,
        start: Callable[[Any], None],
        refuse: Callable[[Any], None],
        wake_at: "Callable[[float, Gate], None]",
    ) -> None:
        self.start = start
        self.refuse = refuse
        self.wake_at = wake_at


class Gate:
    """So many places.

    Args:
        capacity: places in all.
    """

    __slots__ = ("_lined_up", "_lines", "_tidy_at", "capacity", "held")

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.held = 0
        self._lines: dict[Party, list[Waiter]] = {}  # the party whose turn it is comes first
        self._lined_up, self._tidy_at = 0, 64

    @property
    def full(self) -> bool:
        """Whether no place is free."""
        return self.held >= self.capacity

    @property
    def waiting(self) -> int:
        """How many wait here."""
        return sum(not waiter.gone for line in self._lines.values() for waiter in line)

    def take(self) -> None:
        """Take a place."""
        self.held += 1

    def give_back(self) -> None:
        """Give a place back."""
        self.held -= 1

    def line_up(self, waiter: Waiter) -> None:
        """Let *waiter* wait here."""
        heapq.heappush(self._lines.setdefault(waiter.party, []), waiter)
        self._lined_up += 1
        if self._lined_up > self._tidy_at:
            self._forget_gone()

    def _forget_gone(self) -> None:
        """Drop those who gave up: at a gate that stays full nobody else takes them out."""
        tidied = {party: [one for one in line if not one.gone] for party, line in self._lines.items()}
        self._lines = {party: sorted(line) for party, line in tidied.items() if line}
        self._lined_up = sum(map(len, self._lines.values()))
        self._tidy_at = 2 * self._lined_up + 64

    def next_in_line(self) -> Waiter | None:
        """Take out whose turn it is; None if nobody waits."""
        while self._lines:
            party, line = next(iter(self._lines.items()))
            waiter = heapq.heappop(line)
            del self._lines[party]
            if line:
                self._lines[party] = line  # at the end: now the others
            if not waiter.gone:
                return waiter
        return None

    def refuse_waiting(self) -> None:
        """Tell everyone who waits here that no place will come free."""
        lines, self._lines = self._lines, {}
        for waiter in sorted(waiter for line in lines.values() for waiter in line):
            if not waiter.gone:
                waiter.gone = True
                waiter.party.refuse(waiter.subject)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.held} of {self.capacity} held, {self.waiting} waiting>"


class RateGate(Gate):
    """So many starts per period: a bucket that is refilled evenly (see `Rate`). A place is used up, not given back.

    Args:
        rate: how often.
        now: the loop's clock in seconds.
    """

    __slots__ = ("_filled_at", "_now", "_per_second", "_saved")

    def __init__(self, rate: Rate, now: Callable[[], float]) -> None:
        super().__init__(rate.burst or rate.calls)
        self._per_second = rate.calls / rate.period
        self._now = now
        self._filled_at = now()
        self._saved = float(self.capacity)

    @property
    def full(self) -> bool:
        """Whether no start is saved up."""
        return self.saved < _A_WHOLE_ONE

    @property
    def saved(self) -> float:
        """How many starts are saved up now."""
        now = self._now()
        self._saved = min(self.capacity, self._saved + (now - self._filled_at) * self._per_second)
        self._filled_at = now
        return self._saved

    @property
    def opens_at(self) -> float:
        """When the next start is saved up, on the loop's clock."""
        return self._now() + max(_CLOCK_TICK, (1 - self.saved) / self._per_second)

    def take(self) -> None:
        """Use up a start."""
        self._saved = max(0.0, self.saved - 1)

    def give_back(self) -> None:
        """Do nothing: a start that was made was made."""

    def line_up(self, waiter: Waiter) -> None:
        """Let *waiter* wait here, and its party see to it that somebody looks again in time."""
        super().line_up(waiter)
        waiter.party.wake_at(self.opens_at, self)

    def waits_for(self, party: Party) -> bool:
        """Return whether somebody of *party* waits here."""
        return any(not waiter.gone for waiter in self._lines.get(party, ()))


def pass_or_wait(gates: Sequence[Gate], subject: Any, party: Party) -> Waiter | None:
    """Take a place at each of *gates*, or wait for them.

    Returns:
        None if the places were taken (`party.start` is not called), else the waiter; set its `gone` to give up.
    """
    for gate in gates:
        admit(gate)  # what time alone has opened belongs to who waits
    blocked = next((gate for gate in gates if gate.full), None)
    if blocked is None:
        for gate in gates:
            gate.take()
        return None
    waiter = Waiter(gates, subject, party)
    blocked.line_up(waiter)
    return waiter


def leave(gates: Sequence[Gate]) -> None:
    """Give the places at *gates* back, and let in who can now pass."""
    for gate in gates:
        gate.give_back()
    for gate in gates:
        admit(gate)


def admit(gate: Gate) -> None:
    """Let in who can pass now."""
    while not gate.full:
        waiter = gate.next_in_line()
        if waiter is None:
            return
        blocked = next((other for other in waiter.gates if other.full), None)
        if blocked is not None:
            blocked.line_up(waiter)
            continue
        for other in waiter.gates:
            other.take()
        waiter.gone = True  # it may stand in another line as well: see `nested`
        waiter.party.start(waiter.subject)
