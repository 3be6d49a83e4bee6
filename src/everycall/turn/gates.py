"""Limits on how much runs at once. A waiting call holds nothing; a free place goes to whoever has waited longest.

A call may have to pass several gates (its turn's, its tool's, the threads'). It takes all of its places at once or
none, so two calls never wait for each other. It waits at the first gate that is full, and moves on to the next full one
from there.
"""

import heapq
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

_arrivals = count()


class Gate:
    """So many places.

    Args:
        capacity: places in all.
    """

    __slots__ = ("capacity", "held", "waiting")

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.held = 0
        self.waiting: list[Waiter] = []

    @property
    def full(self) -> bool:
        """Whether no place is free."""
        return self.held >= self.capacity

    def refuse_waiting(self) -> None:
        """Tell everyone who waits here that no place will come free."""
        waiting, self.waiting = self.waiting, []
        for waiter in sorted(waiting):
            if not waiter.gone:
                waiter.gone = True
                waiter.refuse(waiter.subject)

    def __repr__(self) -> str:
        return f"<Gate {self.held} of {self.capacity} held, {len(self.waiting)} waiting>"


class Waiter:
    """Somebody who waits for places at *gates*: let in by `start(subject)`, sent away by `refuse(subject)`."""

    __slots__ = ("gates", "gone", "number", "refuse", "start", "subject")

    def __init__(
        self, gates: Sequence[Gate], subject: Any, start: Callable[[Any], None], refuse: Callable[[Any], None]
    ) -> None:
        self.gates = gates
        self.subject = subject
        self.start = start
        self.refuse = refuse
        self.number = next(_arrivals)
        self.gone = False

    def __lt__(self, other: "Waiter") -> bool:
        return self.number < other.number


def pass_or_wait(
    gates: Sequence[Gate], subject: Any, *, start: Callable[[Any], None], refuse: Callable[[Any], None]
) -> Waiter | None:
    """Take a place at each of *gates*, or wait for them.

    Args:
        gates: what must be passed.
        subject: handed to one of the following.
        start: called when all places were taken for it.
        refuse: called when none can come free any more.

    Returns:
        None if the places were taken (*start* is not called), else the waiter; set its `gone` to give up.
    """
    blocked = next((gate for gate in gates if gate.full), None)
    if blocked is None:
        for gate in gates:
            gate.held += 1
        return None
    waiter = Waiter(gates, subject, start, refuse)
    heapq.heappush(blocked.waiting, waiter)
    return waiter


def leave(gates: Sequence[Gate]) -> None:
    """Give the places at *gates* back, and let in who can now pass."""
    for gate in gates:
        gate.held -= 1
    for gate in gates:
        _admit(gate)


def _admit(gate: Gate) -> None:
    while gate.waiting and not gate.full:
        waiter = heapq.heappop(gate.waiting)
        if waiter.gone:
            continue
        blocked = next((other for other in waiter.gates if other.full), None)
        if blocked is not None:
            heapq.heappush(blocked.waiting, waiter)
            continue
        for other in waiter.gates:
            other.held += 1
        waiter.start(waiter.subject)
