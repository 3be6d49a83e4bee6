"""Who may start now: places at the gates, and the caps on abandoned calls.

1. A call that waits holds nothing. It is let in by whoever leaves, or by time where a rate is limited.
2. Above the caps on abandoned calls nothing new is started; a call that has started may go on.
3. Never re-entered: a start may end at once and let another call in, and so on for a thousand calls.
"""

from collections import deque
from collections.abc import Callable

from everycall.core.events import CallQueued
from everycall.turn.emit import Emitter
from everycall.turn.gates import Gate, Party, RateGate, Waiter, admit, leave, pass_or_wait
from everycall.turn.judge import Outcome, rejected
from everycall.turn.resources import Resources
from everycall.turn.slot import Slot
from everycall.turn.timers import NEVER, Timers


class Admission:
    """Lets the calls of one turn in.

    Args:
        resources: what the turns of a runtime share.
        timers: for the time that a call waits at most.
        queue_timeout: that time in seconds; None for no bound.
        emit: tells the observers.
        start: begins the next attempt of a call.
        refuse: settles a call that may not start.
    """

    __slots__ = (
        "_armed",
        "_emit",
        "_letting_in",
        "_party",
        "_queue_timeout",
        "_ready",
        "_refuse",
        "_resources",
        "_start",
        "_timers",
    )

    def __init__(
        self,
        resources: Resources,
        timers: Timers,
        queue_timeout: float | None,
        emit: Emitter,
        *,
        start: Callable[[Slot], None],
        refuse: Callable[[Slot, Outcome], None],
    ) -> None:
        self._resources = resources
        self._timers = timers
        self._queue_timeout = queue_timeout
        self._emit = emit
        self._start = start
        self._refuse = refuse
        self._party = Party(self._came_free, self._never_free, self._wake_at)
        self._armed: set[Gate] = set()  # gates at which this turn will look again
        self._ready: deque[Slot] = deque()
        self._letting_in = False

    def close(self) -> None:
        """Let go of the turn, which is over: a full gate may know its waiters, and so its party, for long."""
        self._party.start = self._party.refuse = _nobody
        self._party.wake_at = _nobody

    def ask(self, slot: Slot) -> None:
        """Start the next attempt of a call, now or when there is a place for it."""
        self._ready.append(slot)
        if self._letting_in:
            return
        self._letting_in = True
        try:
            while self._ready:
                self._let_in(self._ready.popleft())
        finally:
            self._letting_in = False

    def _let_in(self, slot: Slot) -> None:
        if slot.sealed:
            give_back(slot)
            return
        refusal = self._refusal(slot)
        if refusal is not None:
            give_back(slot)
            self._refuse(slot, rejected("saturated", refusal))
        elif not slot.gates or slot.holds_places or self._takes_places(slot):
            self._start(slot)

    def _refusal(self, slot: Slot) -> str | None:
        """Return why abandoned calls forbid this one to start; None if they do not."""
        if slot.attempts or not len(self._resources.abandoned):
            return None
        return self._resources.abandoned.refusal(slot.tool.name, needs_thread=slot.tool.executor == "thread")

    def _takes_places(self, slot: Slot) -> bool:
        """Pass the gates, or begin to wait for them."""
        slot.waiter = pass_or_wait(slot.gates, slot, self._party)
        if slot.waiter is None:
            slot.holds_places = True
            return True
        now = self._resources.backend.now()
        slot.wait_begins(now)
        waits_until = NEVER if self._queue_timeout is None else now + self._queue_timeout
        waits_until = min(waits_until, slot.deadline)  # a call that waits for its next attempt uses up its own time
        if waits_until != NEVER:
            self._timers.at(waits_until, self._timed_out, slot.waiter)
        self._emit.call(CallQueued, slot.call, why="limit")
        return False

    def _came_free(self, slot: Slot) -> None:
        slot.waiter = None
        slot.holds_places = True
        slot.wait_ends(self._resources.backend.now())
        self.ask(slot)

    def _never_free(self, slot: Slot) -> None:
        slot.waiter = None
        self._refuse(slot, slot.failed or rejected("saturated", self._refusal(slot) or "No place can come free."))

    def _timed_out(self, waiter: Waiter) -> None:
        slot: Slot = waiter.subject
        if slot.waiter is not waiter or slot.sealed:
            return  # it was let in since
        no_place = rejected("queue_timeout", _no_place(slot))
        self._refuse(slot, slot.failed or no_place)  # a call that has run ends as its last attempt did

    # --- gates that open with time ---

    def _wake_at(self, when: float, gate: Gate) -> None:
        if gate not in self._armed:
            self._armed.add(gate)
            self._timers.at(when, self._look_again, gate)

    def _look_again(self, gate: RateGate) -> None:
        self._armed.discard(gate)
        admit(gate)
        if gate.waits_for(self._party):
            self._wake_at(gate.opens_at, gate)


def _nobody(*_: object) -> None:
    """Stands for a turn that is over."""


def _no_place(slot: Slot) -> str:
    rate = slot.tool.rate
    if rate is None:
        return "No place came free in time. Send fewer calls at once."
    return f"This tool may be started {rate.calls} times in {rate.period:g} s. Send fewer calls, or later."


def give_back(slot: Slot) -> None:
    """Give back the places of an attempt that has ended, even long after its turn."""
    if slot.holds_places:
        slot.holds_places = False
        leave(slot.gates)
