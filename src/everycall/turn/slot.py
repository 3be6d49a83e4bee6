"""What is known of one planned call until it is sealed, and what the caller asked of the turn."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from everycall.core.policy import Limits
from everycall.core.redaction import NOTHING_HIDDEN, Redactor
from everycall.turn.gates import Gate, Waiter
from everycall.turn.judge import Outcome
from everycall.turn.nested import LentGate, Nest, root_of
from everycall.turn.plan import Planned
from everycall.turn.timers import NEVER

if TYPE_CHECKING:
    from everycall.turn.attempts import Attempt


class TurnOptions(NamedTuple):
    """What the caller asked of one turn.

    Attributes:
        key: names the turn; None if the caller did not.
        deps: handed to the tools that ask for their context.
        turn_timeout: seconds; None for no bound.
        limits: of this turn.
        approve: asked for consent to the calls that need it; None if there is nobody.
        redactor: hides secrets on every way out.
    """

    key: str | None
    deps: Any
    turn_timeout: float | None
    limits: Limits
    approve: Callable[[Any], Any] | None = None
    redactor: Redactor = NOTHING_HIDDEN


class Slot:
    """One planned call on its way to its result. Changed by the supervisor, the clearance and the admission."""

    __slots__ = (
        "attempt",
        "attempts",
        "call",
        "deadline",
        "failed",
        "first_bound",
        "gates",
        "grace",
        "holds_places",
        "lent",
        "nest",
        "policies",
        "queued",
        "sealed",
        "started",
        "text",
        "tool",
        "waiter",
        "waits_since",
    )

    def __init__(self, planned: Planned, gates: tuple[Gate, ...], limits: Limits, nest: Nest) -> None:
        self.call = planned.call
        self.tool = planned.tool
        self.text = planned.text
        self.first_bound = planned.bound
        self.gates = gates
        self.grace = limits.cancel_grace if planned.tool.safe_to_repeat else limits.unsafe_cancel_grace
        self.attempts = 0
        self.attempt: Attempt | None = None  # the one under way
        self.failed: Outcome | None = None  # how the last one ended, if another was to follow
        self.waiter: Waiter | None = None
        self.holds_places = False
        self.nest = nest
        self.lent: dict[Gate, Gate] = {}  # gates whose places the calls inside this one may use
        self.policies = planned.policies
        self.queued = 0.0
        self.waits_since: float | None = None
        self.started: float | None = None
        self.deadline = NEVER  # of the call with all its attempts, on the loop's clock
        self.sealed = False

    # --- nested.Inside ---

    @property
    def runs(self) -> bool:
        """See `nested.Inside.runs`."""
        return self.attempt is not None

    def remaining(self) -> float | None:
        """See `nested.Inside.remaining`."""
        attempt = self.attempt
        return None if attempt is None else attempt.remaining()

    def lends(self, gate: Gate) -> Gate | None:
        """See `nested.Inside.lends`: one call inside may use the place of this one at a time."""
        held = next((one for one in self.gates if root_of(one) is gate), None)
        return self.lent.setdefault(gate, LentGate(held)) if held is not None and self.holds_places else None

    # --- the time spent waiting ---

    def wait_begins(self, now: float) -> None:
        """Note that the call waits from *now* on, for whatever: a predecessor, consent, a place."""
        if self.waits_since is None:
            self.waits_since = now

    def wait_ends(self, now: float) -> None:
        """Note that it waits no longer."""
        if self.waits_since is not None:
            self.queued += now - self.waits_since
            self.waits_since = None
