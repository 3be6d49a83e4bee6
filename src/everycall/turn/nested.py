"""Turns within turns: what a turn takes over from the call that runs it.

1. It ends by the deadline of that call, if that is sooner than its own.
2. Its calls never wait for a place that a call around them holds: that call waits for them, and neither would ever
   end. The place is lent: one call inside may use it at a time. So limits hold for code that does something; a call
   that waits for its inner turn is not counted beside it. Nor do they enter the order of the runtime's keys, if a call
   around them is in it: what they touch is touched on its behalf.
3. Rates are not lent: a start is a start. They come free by time alone, so nobody waits for ever.
4. Turns may be nested `Limits.depth` deep. Deeper calls are `rejected/limit`: tools that call each other might never
   end.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

from everycall.core.calls import ToolCall
from everycall.turn.gates import Gate, RateGate, Waiter
from everycall.turn.plan import Plan, Planned, Rejected

if TYPE_CHECKING:
    from everycall.turn.policies import Policies
    from everycall.turn.resources import Resources
    from everycall.turn.slot import TurnOptions


class Inside(Protocol):
    """A call, as the code that it runs sees it. Its threads and tasks look at it too, so nothing changes by that."""

    @property
    def call(self) -> ToolCall:
        """Which call."""
        ...

    @property
    def nest(self) -> "Nest":
        """Where its turn runs."""
        ...

    @property
    def policies(self) -> "Policies | None":
        """What it touches; None for nothing."""
        ...

    @property
    def runs(self) -> bool:
        """Whether its code runs: it has begun, and is not over."""
        ...

    def remaining(self) -> float | None:
        """Return the seconds until its code is asked to stop, never below 0; None for no bound."""
        ...

    def lends(self, gate: Gate) -> Gate | None:
        """Return *gate* as one that lends the place that this call holds there; None if it holds none."""
        ...


INSIDE: ContextVar[Inside | None] = ContextVar("everycall_inside", default=None)
"""The call whose code this is. Set where the code is entered, and inherited by the tasks and threads it starts."""

TOO_DEEP = "Tools that call tools are nested more than {depth} deep here; this call was not run."


class Nest:
    """Where a turn runs.

    Args:
        resources: what it shares with other turns.
        inside: the call whose code runs it, as that code sees it; None if this is no call's code.

    Attributes:
        resources: the same.
        around: the call that runs it; None for a turn of its own, such as one that a call has left behind.
        depth: of turns within each other, from 1.
    """

    __slots__ = ("around", "depth", "resources")

    def __init__(self, resources: "Resources", inside: Inside | None) -> None:
        self.resources = resources
        self.around = inside if inside is not None and inside.runs else None
        self.depth: int = 1 if self.around is None else self.around.nest.depth + 1

    def plans(self, plans: Sequence[Plan], options: "TurnOptions") -> Sequence[Plan]:
        """Return *plans*, or refusals of every call that would run, if this turn is nested too deep."""
        if self.depth <= options.limits.depth:
            return plans
        message = TOO_DEEP.format(depth=options.limits.depth)
        return [Rejected(one.call, "limit", message) if type(one) is Planned else one for one in plans]

    def options(self, options: "TurnOptions") -> "TurnOptions":
        """Return *options* with the time that the call around this turn has left, if that is less."""
        left = None if self.around is None else self.around.remaining()
        if left is None or (options.turn_timeout is not None and options.turn_timeout <= left):
            return options
        return options._replace(turn_timeout=left)

    @property
    def within_keys(self) -> bool:
        """Whether a call around this turn is in the order of the keys of the same runtime."""
        for one in _outwards(self.around):
            footprint = one.policies.footprint if one.policies is not None else None
            if footprint is not None and footprint.across_turns and one.nest.resources is self.resources:
                return True
        return False

    def gates(self, gates: tuple[Gate, ...]) -> tuple[Gate, ...]:
        """Return *gates*, each at which a call around this turn holds a place as one that lends that place."""
        return gates if self.around is None else tuple([self._lent(gate) for gate in gates])

    def _lent(self, gate: Gate) -> Gate:
        if isinstance(gate, RateGate):
            return gate
        lent = (one.lends(gate) for one in _outwards(self.around))
        return next((one for one in lent if one is not None), gate)


def is_within(calls: Sequence[ToolCall]) -> bool:
    """Return whether the code that asks runs in one of *calls*, or in a turn that such code runs."""
    inside = INSIDE.get()
    return any(one.call is call for one in _outwards(inside) if one.runs for call in calls)


def _outwards(innermost: Inside | None) -> Iterator[Inside]:
    """Yield a call, the call around its turn, and so on."""
    one = innermost
    while one is not None:
        yield one
        one = one.nest.around


class LentGate(Gate):
    """A gate at which a call holds a place, as the calls inside that one see it: they have one place more.

    Args:
        gate: what the call passed: the gate itself, or one that was lent to it in turn.
    """

    __slots__ = ("_gate", "_own", "root")

    def __init__(self, gate: Gate) -> None:
        super().__init__(gate.capacity + 1)
        self._gate = gate
        self._own: deque[Waiter] = deque()
        self.root: Gate = root_of(gate)

    @property
    def full(self) -> bool:
        """Whether the lent place is taken, and no other is free."""
        return self.held > 0 and self._gate.full

    @property
    def waiting(self) -> int:
        """How many wait here."""
        return sum(not waiter.gone for waiter in self._own)

    def take(self) -> None:
        """Take the lent place, or else one of the gate's own."""
        self.held += 1
        if self.held > 1:
            self._gate.take()

    def give_back(self) -> None:
        """Give a place back; the lent one last."""
        self.held -= 1
        if self.held:
            self._gate.give_back()

    def line_up(self, waiter: Waiter) -> None:
        """Let *waiter* wait for the lent place and, among all others, for one of the gate's own."""
        self._own.append(waiter)
        self._gate.line_up(waiter)

    def next_in_line(self) -> Waiter | None:
        """Take out who is next for the place that came free: for the lent one only who may have it."""
        while not self.held and self._own:
            waiter = self._own.popleft()
            if not waiter.gone:
                return waiter
        return None if self._gate.full else self._gate.next_in_line()


def root_of(gate: Gate) -> Gate:
    """Return the gate itself that *gate* is, or lends places of."""
    return gate.root if isinstance(gate, LentGate) else gate
