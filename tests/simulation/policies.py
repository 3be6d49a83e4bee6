"""Policies of tools: the options that ask for one, and the rule that it was kept. A new policy is a row."""

from collections.abc import Callable
from dataclasses import dataclass, field

from everycall import Approve, Defer, Deny, Rate
from everycall.core.footprint import Footprint, conflict, key_of

IDLE, APPROVAL = 0.3, 1.0
RATE = Rate(calls=1, period=0.5)
TINY = 0.02

DECISIONS = {
    # what the approver does -> the code of the call; None if it may run
    "approves": None,
    "approves the very arguments": None,
    "denies": "denied",
    "defers": "deferred",
    "raises": "denied",
    "raises SystemExit": "denied",
    "hangs": "denied",
    "swallows cancellations": "denied",
    "says yes": "denied",
    "approves other arguments": "denied",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One policy.

    Attributes:
        options: of the tool.
        weight: how often it is drawn, against the others.
        codes: with which a call may end because of it.
        waits: it may make a call wait for a place.
        touches: what a call of it reads and writes; None if it says nothing.
        shared: what it writes counts across turns.
        gated: somebody must consent.
        idle: seconds of silence after which an attempt is stopped.
        broken: given a record, says what was not kept, a word or two each.
    """

    options: dict = field(default_factory=dict)
    weight: int = 1
    codes: tuple[str, ...] = ()
    waits: bool = False
    touches: Footprint | None = None
    shared: bool = False
    gated: bool = False
    idle: float | None = None
    broken: Callable = lambda record: ()

    def fits(self, safe):
        """Return whether a tool that is *safe* in this way can have it."""
        return not (safe == "read_only" and self.touches is not None and self.touches.writes)


def planned(record):
    """Return position and call of all that may run."""
    if record.cut_off:
        return []
    refused = ("unknown tool", "no JSON", "wrong arguments", "echo")
    return [(at, one) for at, one in enumerate(record.calls) if one.sent not in refused and at < record.most_calls]


def in_conflict(record):
    """Return the pairs of positions that may not run side by side, the first one first."""
    calls = planned(record)
    touches = {at: POLICIES[one.policy].touches for at, one in calls}
    return [(a, b) for a, _ in calls for b, _ in calls if a < b and conflict(touches[a], touches[b])]


def waits_for_others(record):
    """Return whether a call of the turn may wait for another one, or for consent."""
    shared = any(POLICIES[one.policy].shared for one in record.calls)
    return shared or bool(in_conflict(record)) or any(POLICIES[one.policy].gated for one in record.calls)


def _one_at_a_time(record):
    """I16: attempts of one tool at the same time."""
    world = record.world
    for (_, _, name), most in world.most_of_tool.items():
        if name.endswith("_alone") and most > 1 + world.never_unwound:
            yield f"I16: over max_concurrency: {name}"


def _in_order(record):
    """Calls in conflict run one after the other, in the order of the message."""
    for first, second in in_conflict(record):
        one, other = record.calls[first], record.calls[second]
        if not one.visits or not other.visits:
            continue
        ends = [float("inf") if visit.ended is None else visit.ended for visit in one.visits]
        began = other.visits[0].began
        if began < one.visits[-1].began - TINY:
            yield "conflict: out of order"
        elif began < max(ends) - TINY and record.results[first].status not in ("timeout", "interrupted"):
            yield "conflict: side by side"


def _skipped_for_a_reason(record):
    """`after_failure="skip"`: not run exactly if a call that had to go first did not succeed."""
    before = {}
    for first, second in in_conflict(record):
        before.setdefault(second, []).append(record.results[first].ok)
    for at, one in planned(record):
        skipped = record.results[at].code == "predecessor_failed"
        if skipped and (one.policy != "skips" or all(before.get(at, ()))):
            yield "skipped without a reason"
        if one.policy == "skips" and one.visits and before.get(at) and not any(before[at]):
            yield "run after a failure"


def _not_too_often(record):
    """I16: starts per period."""
    for times in record.world.starts.values():
        for count in range(RATE.calls, 2 * RATE.calls + 1):
            for late, early in zip(times[count:], times, strict=False):
                allowed = RATE.calls + (late - early + TINY + record.world.spent) * RATE.calls / RATE.period
                if count + 1 > allowed:
                    yield "I16: over its rate"


def _with_consent(record):
    """No call that needs consent runs without a yes."""
    for _, one in planned(record):
        if POLICIES[one.policy].gated and one.visits and DECISIONS[one.decision] is not None:
            yield f"run without consent: {one.decision}"


def _writes(*keys):
    return Footprint(writes=tuple(key_of(key) for key in keys))


POLICIES = {
    "": Policy(weight=14),
    "alone": Policy(options={"max_concurrency": 1}, waits=True, broken=_one_at_a_time),
    "writes": Policy(options={"writes": "k:a"}, touches=_writes("k:a"), broken=_in_order),
    "below": Policy(options={"writes": ["k:a/x/../b", "k:c"]}, touches=_writes("k:a/b", "k:c")),
    "reads": Policy(options={"reads": "k:{n}/../a"}, weight=2, touches=Footprint(reads=(key_of("k:a"),))),
    "skips": Policy(
        options={"writes": "k:a", "after_failure": "skip"},
        codes=("predecessor_failed",),
        touches=_writes("k:a"),
        broken=_skipped_for_a_reason,
    ),
    "exclusive": Policy(options={"exclusive": True}, touches=Footprint(exclusive=True)),
    "shared": Policy(options={"writes": "k:s", "scope": "runtime"}, weight=3, touches=_writes("k:s"), shared=True),
    "rated": Policy(options={"rate": RATE}, waits=True, broken=_not_too_often),
    "gated": Policy(options={"needs_approval": True}, gated=True, broken=_with_consent),
    "gated_writes": Policy(options={"needs_approval": True, "writes": "k:a"}, touches=_writes("k:a"), gated=True),
    "idle": Policy(options={"idle_timeout": IDLE}, weight=3, codes=("idle", "attempt", "call"), idle=IDLE),
}


async def approver(request):
    """Decide what the script of the call says."""
    import anyio

    one = request.deps.calls[request.arguments["n"]]
    await anyio.sleep(one.decides_after)
    match one.decision:
        case "denies":
            return Deny("no")
        case "defers":
            return Defer("later")
        case "raises":
            raise ValueError("approver")
        case "raises SystemExit":
            raise SystemExit(5)
        case "hangs":
            await anyio.sleep_forever()
        case "swallows cancellations":
            while True:
                try:
                    await anyio.sleep_forever()
                except anyio.get_cancelled_exc_class():
                    pass
        case "says yes":
            return True
        case "approves other arguments":
            return Approve(digest="0" * 64)
        case "approves the very arguments":
            return Approve(digest=request.digest)
    return Approve()
