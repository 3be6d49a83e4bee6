"""Turns that go on: what was deferred is decided after its turn, by chance, and the turn that goes on is played, too.

Tools and observers know the record of the first turn and no other. So it stands for the turn that goes on while that is
played; a copy, its `later`, keeps what was seen then.
"""

import copy
import random
from dataclasses import fields, replace

import sniffio

from everycall import Approve, Defer, Deny, UsageError
from tests.simulation.call_rules import rules_of_call
from tests.simulation.checker import RULES, violations_at_the_end
from tests.simulation.policies import POLICIES
from tests.simulation.stops import STOPS

DECISIONS = {
    # what is decided afterwards -> the decision, of the call that waits; None to leave it out
    "approves": lambda _: Approve(),
    "approves the very arguments": lambda one: Approve(digest=one.digest),
    "approves other arguments": lambda _: Approve(digest="0" * 64),
    "denies": lambda _: Deny("no"),
    "defers": lambda _: Defer("later still"),
    "": lambda _: None,
}
MOST = 3
"""Turns that go on from each other."""


async def play_on(turn, record, play, *, depth=1):
    """Decide what *turn* has deferred, and play the turn that goes on; it becomes the `later` of *record*."""
    runs = record.alive or any(one.alive for one in record.calls)
    if not turn.done or not turn.pending or runs or record.weighed or record.stop == "the runtime closes":
        return
    rng = random.Random(repr((record.name, record.stop_after, depth)))
    chosen = {one.call_id: rng.choice(list(DECISIONS)) for one in turn.pending}
    decisions = {one.call_id: DECISIONS[chosen[one.call_id]](one) for one in turn.pending}
    decisions = {call_id: decision for call_id, decision in decisions.items() if decision is not None}
    if not decisions:
        return
    first = copy.copy(record)
    record.calls = [_afresh(one, chosen.get(result.call_id)) for one, result in zip(record.calls, turn, strict=True)]
    record.events, record.follow, record.followed, record.stopped_at, record.raised = [], [], False, None, ""
    record.most_alive, record.later = 0, None
    if record.stop != "turn timeout":  # that is the same for both
        record.stop, record.stop_after = rng.choice(_stops()), rng.uniform(0, 1.6)
    later = turn.resumed(decisions)
    await play(later, record)
    await play_on(later, record, play, depth=depth + 1) if depth < MOST else None
    seen = copy.copy(record)
    for one in fields(record):
        setattr(record, one.name, getattr(first, one.name))
    record.later = seen
    if seen.stop not in ("scope before", "native before"):  # such a turn may not even have begun
        seen.calls[0].faults += _decided_twice(turn, decisions)


def _afresh(one, decided):
    decision = one.decision if decided is None else decided or "defers"
    return replace(one, decision=decision, visits=[], faults=[], reports=0, alive=0, kept=None)


def _stops():
    left_out = ("turn timeout", "the runtime closes")
    here = sniffio.current_async_library()
    return [name for name, row in STOPS.items() for _ in range(row.weight) if row.fits(here) and name not in left_out]


def _decided_twice(turn, decisions):
    try:
        turn.resumed(decisions)
    except UsageError:
        return
    yield "decided twice"


def violations_of_later(first):
    """Return what the turns that went on from that of a record did wrong."""
    wrong, later = [], first.later
    if later is None:
        return wrong
    if not later.done or len(later.results) != len(first.results):
        return ["I1: lost when the turn went on"]
    for position, (one, before, result) in enumerate(zip(later.calls, first.results, later.results, strict=True)):
        decided = before.code == "deferred" and one.decision != "defers"
        if not decided and one.sent != "echo" and (result is not before or one.visits):
            wrong.append(f"run again, or changed, when the turn went on: {before.code} -> {result.code}")
        elif decided:
            wrong += rules_of_call(later, position, one, result)
    for rule in (*RULES, POLICIES["gated"].broken, POLICIES["writes"].broken):
        wrong += rule(later)
    return [f"{one}, when the turn went on" for one in wrong] + violations_of_later(later)


def violations_of_later_at_the_end(first):
    """Return what became of the turns that went on afterwards that must not."""
    later = first.later
    while later is not None:
        yield from violations_at_the_end(later)
        later = later.later
