"""What a simulated turn is made of: the script, drawn from a seed, and the record of what the world saw.

Every choice is a row of a table: behaviours (`behaviours`), stops (`stops`), policies (`policies`), and here the ways
in which a model sends a call, what a middleware does around it, and who looks on.
"""

from collections import Counter
from dataclasses import dataclass, field

from tests.simulation.behaviours import BEHAVIOURS
from tests.simulation.policies import DECISIONS, POLICIES
from tests.simulation.stops import STOPS

TIMEOUT, CALL_TIMEOUT, GRACE, QUEUE = 1.0, 3.0, 0.25, 2.0
MOST_BYTES = 2000
"""`max_result_bytes` of every simulated tool."""

SENT = {
    # how the model sends the call -> the code with which it is refused; None if it runs
    "well": None,
    "unknown tool": "unknown_tool",
    "no JSON": "invalid_arguments",
    "wrong arguments": "invalid_arguments",
    "no id": None,
    "empty id": None,
    "repeated id": None,
    "echo": None,  # it gets the result of the call before it
}
AROUND = {
    # what a middleware does -> the codes that this adds
    "": (),
    "waits before": ("attempt", "call"),
    "waits after": ("attempt", "call", "tool_error"),  # a scope that the tool left open may end it
    "changes the arguments": (),
    "fails before": ("tool_error",),
    "fails after": ("tool_error", "attempt", "call"),
    "answers for it": ("ok",),
}
ONLOOKERS = ("nobody", "nobody", "somebody", "somebody", "somebody", "raises", "raises SystemExit", "blocks")
EXPLAINS = ("", "", "", "explains", "raises", "raises SystemExit", "gives no text", "gives too much")
HOMES = ("alone", "alone", "runtime", "in a row", "in a row", "together")
"""Without a runtime; in one of its own; several turns in one runtime, one after the other, or at once."""


@dataclass(slots=True)
class Visit:
    """One time that the code of a call was entered."""

    attempt: int
    began: float
    ended: float | None = None
    how: str = ""  # "returned" or "raised", when it has ended
    key: str = ""


@dataclass(slots=True, kw_only=True, eq=False)
class SimulatedCall:
    """What the script says of a call, and what the world saw of it. Two that are alike are two all the same."""

    kind: str
    safe: str  # "read_only", "idempotent" or "unsafe"
    attempts: int
    jitter: bool
    seconds: float
    sent: str = "well"
    around: str = ""
    policy: str = ""
    decision: str = "approves"
    decides_after: float = 0.0
    without_context: bool = False  # where it can do without; what is begun at once is over in one step then
    visits: list = field(default_factory=list)
    reports: int = 0
    alive: int = 0
    faults: list = field(default_factory=list)  # what the tool itself found wrong
    kept: object = None  # what it returned, where that is changed afterwards


@dataclass(slots=True, kw_only=True)
class World:
    """What the turns of one runtime share, as the script sets it and as it was seen."""

    runtime_concurrency: int | None = None
    threads: int = 128
    linger: float = 30.0
    abandoned: int = 32
    abandoned_per_tool: int = 3
    alive: int = 0
    most_alive: int = 0
    in_threads: int = 0
    most_in_threads: int = 0
    of_tool: Counter = field(default_factory=Counter)
    starts: dict = field(default_factory=dict)  # of tools with a rate: when each attempt began
    sharing: list = field(default_factory=list)  # record and position of what runs and touches what turns share
    most_of_tool: Counter = field(default_factory=Counter)
    never_unwound: int = 0
    given_up: Counter = field(default_factory=Counter)  # by tool: attempts that were abandoned and still run
    ever_given_up: int = 0
    spent: float = 0.0  # seconds for which somebody blocked the loop
    faults: list = field(default_factory=list)
    alike: tuple = ()  # every tool is the same: how safe, how many attempts, whether there is jitter
    at_once: bool = False  # several turns share it at the same time
    turns: int = 1


@dataclass(slots=True, kw_only=True)
class Record:
    """One turn: its script, and what was seen of it from outside."""

    name: str
    calls: list
    stop: str
    stop_after: float
    limit: int | None = None
    most_calls: int = 10_000
    cut_off: bool = False
    onlooker: str = "nobody"
    explain: str = ""
    wrapped: bool = False  # there is a middleware
    followed: bool = False
    weighed: bool = False  # what it leaves behind is looked at
    world: World = field(default_factory=World)
    began: float = 0.0
    stopped_at: float | None = None
    took: float = 0.0
    spent: float = 0.0  # of the world's, while it ran
    alive: int = 0
    most_alive: int = 0
    results: tuple = ()
    exchange: list = field(default_factory=list)
    follow: list = field(default_factory=list)
    raised: str = ""
    done: bool = False
    turn: object = None
    later: object = field(
        default=None, repr=False
    )  # the record of the turn that went on from it, if a call was deferred
    events: list = field(default_factory=list)
    host_changed: bool = False
    locals: list = field(default_factory=list)

    @property
    def watched(self):
        return self.onlooker != "nobody"

    @property
    def last(self):
        """The record of the last of the turns that went on from each other: nothing of the others is left to come."""
        return self if self.later is None else self.later.last


def draw_world(rng):
    """Draw the limits of a runtime."""
    return World(
        runtime_concurrency=rng.choice([None, None, 2, 3]),
        threads=rng.choice([128, 128, 1, 2]),
        linger=rng.choice([1.0, 4.0, 10.0]),
        abandoned=rng.choice([32, 32, 1]),
        abandoned_per_tool=rng.choice([3, 1]),
        alike=_draw_options(rng) if rng.random() < 0.5 else (),
    )


def _draw_options(rng):
    return rng.choice(["read_only", "idempotent", "unsafe"]), rng.choice([1, 1, 2, 4]), rng.random() < 0.5


def draw(rng, backend, name, world):
    """Draw a turn."""
    record = Record(
        name=name,
        calls=[],
        stop=rng.choice([stop for stop, row in STOPS.items() for _ in range(row.weight) if row.fits(backend)]),
        stop_after=rng.uniform(0, 1.6),
        limit=rng.choice([None, None, None, 1, 2]),
        most_calls=3 if rng.random() < 0.05 else 10_000,
        cut_off=rng.random() < 0.01,
        onlooker=rng.choice(ONLOOKERS),
        explain=rng.choice(EXPLAINS),
        wrapped=rng.random() < 0.2,
        followed=rng.random() < 0.15,
        world=world,
    )
    for position in range(rng.randint(1, 6)):
        record.calls.append(_draw_call(rng, backend, record, position))
    return record


def _draw_call(rng, backend, record, position):
    policies = [name for name, row in POLICIES.items() for _ in range(row.weight)]
    safe, attempts, jitter = record.world.alike or _draw_options(rng)
    one = SimulatedCall(
        kind=rng.choice([kind for kind, row in BEHAVIOURS.items() if row.fits(backend)]),
        safe=safe,
        attempts=attempts,
        jitter=jitter,
        seconds=rng.uniform(0.01, 0.6),
        policy=rng.choice(policies),
        without_context=rng.random() < 0.5,
    )
    if not one.policy and rng.random() < 0.5:
        one.seconds = 0.0  # but who must not run beside others takes time, or never would
    if not POLICIES[one.policy].fits(safe):
        one.policy = "reads"
    if POLICIES[one.policy].gated:
        one.decision = rng.choice([*DECISIONS, "approves", "approves", "approves", "defers", "defers"])
        one.decides_after = rng.choice([0.0, rng.uniform(0, 0.5)])
    if rng.random() < 0.15:
        one.sent = rng.choice(list(SENT))
    if one.sent in ("echo", "repeated id") and (position == 0 or record.calls[-1].sent != "well"):
        one.sent = "well"
    if record.wrapped and rng.random() < 0.5:
        one.around = rng.choice(list(AROUND))
    return one


def make_plain(rng, backend, record):
    """Leave nothing that a call would have to wait for, and nobody to tell: the engine begins such calls at once."""
    kinds = [kind for kind, row in BEHAVIOURS.items() if row.fits(backend) and not row.in_thread]
    record.onlooker, record.limit, record.wrapped, record.cut_off = "nobody", None, False, False
    for one in record.calls:
        if BEHAVIOURS[one.kind].in_thread:
            one.kind = rng.choice(kinds)
        one.sent, one.policy, one.around = "well", "", ""
        if rng.random() < 0.5:  # over at its first step, if its kind is: nothing else is in the way
            one.seconds, one.without_context = 0.0, True
