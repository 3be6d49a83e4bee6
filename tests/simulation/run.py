"""Plays and judges many turns, a loop of 50 at a time, and counts."""

import gc
import hashlib
import logging
import random
import sys
import warnings
from dataclasses import dataclass, field, fields

import anyio

from tests.simulation.behaviours import BEHAVIOURS
from tests.simulation.checker import violations, violations_at_the_end
from tests.simulation.leaks import play_and_weigh
from tests.simulation.loops import run_seeded
from tests.simulation.play import TICK, play_alone, play_in_runtime
from tests.simulation.resumed import violations_of_later, violations_of_later_at_the_end
from tests.simulation.script import HOMES, World, draw, draw_world, make_plain
from tests.simulation.threads import simulated_threads

TURNS_PER_LOOP = 50
WEIGHED = 4
"""Of so many loops, one begins with a turn whose leavings are weighed: that costs as much as all of its others."""
PLAIN = ("returns", "returns at once", "yields and returns", "thread returns", "thread returns at once")


@dataclass
class Found:
    """What a run has counted, and the hash of everything that happened in it."""

    turns: int = 0
    calls: int = 0
    attempts: int = 0
    faults: int = 0
    stops: int = 0
    resumed: int = 0
    violations: int = 0
    seconds: float = 0.0
    hash: object = field(default_factory=hashlib.sha256)

    @property
    def digest(self):
        return self.hash.hexdigest()[:16]

    def as_text(self):
        """Return the counts in one line."""
        return ", ".join(f"{round(getattr(self, one.name)):,} {one.name}" for one in fields(self) if one.name != "hash")


def simulate(backend, turns, seed, *, show=False, most_violations=None):
    """Play so many turns from *seed* on; a failing one is printed with the command that replays it.

    Args:
        backend: `asyncio` or `trio`.
        turns: how many.
        seed: of the first loop; each loop takes the next 50.
        show: print script and record of a failing turn.
        most_violations: stop after a loop in which so many were found.
    """
    found = Found()
    gc.collect()
    gc.freeze()  # what is there before is no garbage of a turn
    try:
        _loops(backend, turns, seed, found, show=show, most_violations=most_violations)
    finally:
        gc.unfreeze()
    return found


def chunk(backend, turns, seed):
    """Play some of the turns of a long run in a process of its own; return the counts by name, and the digest."""
    quiet()
    found = simulate(backend, turns, seed)
    return {one.name: getattr(found, one.name) for one in fields(found) if one.name != "hash"}, found.digest


def quiet():
    """Say nothing of what hostile tools do."""
    logging.getLogger("everycall").setLevel(logging.CRITICAL)
    warnings.simplefilter("ignore")  # hostile tools leave coroutines behind that were never awaited


def _loops(backend, turns, seed, found, *, show, most_violations):
    with simulated_threads():
        for start in range(0, turns, TURNS_PER_LOOP):
            count = min(TURNS_PER_LOOP, turns - start)
            run_seeded(backend, seed + start, _one_loop, backend, seed + start, count, found, show)
            if most_violations is not None and found.violations >= most_violations:
                break


async def _one_loop(backend, seed, turns, found, show):
    def replay(number):
        return f"python -m tests.simulation --backend {backend} --seed {seed} --turns {number + 1} --show"

    rng = random.Random(seed)
    world_of_the_loop = World()
    played = []
    if seed // TURNS_PER_LOOP % WEIGHED == 0:  # first: to look for garbage is cheap in an empty loop
        record, wrong = await play_and_weigh(rng, backend, "t0")
        _report(wrong, record, found, replay(0), show=show)
        _count(record, found)
    while len(played) < turns:
        records = await _play_some(rng, backend, len(played), world_of_the_loop)
        for record in records:
            _count(record, found)
            _report(violations(record) + violations_of_later(record), record, found, replay(len(played)), show=show)
            played.append(record)
    await anyio.sleep(TICK)
    for number, record in enumerate(played):
        wrong = [*violations_at_the_end(record), *violations_of_later_at_the_end(record)]
        _report(wrong, record, found, replay(number), show=show)
    found.seconds += anyio.current_time()


async def _play_some(rng, backend, number, world_of_the_loop):
    """Draw one turn, or several that share a runtime, and play them."""
    home = rng.choice(HOMES)
    if home == "alone":
        world = world_of_the_loop
        record = draw(rng, backend, f"t{number}", world)
        if rng.random() < 0.6:
            make_plain(rng, backend, record)
        world.never_unwound += _never_unwound([record])
        await play_alone(record)
        return [record]
    world = draw_world(rng)
    count = 1 if home == "runtime" else rng.choice([2, 3])
    world.turns, world.at_once = count, home == "together"
    records = [draw(rng, backend, f"t{number + at}", world) for at in range(count)]
    for record in records[1:]:  # what a runtime and its registry have in common
        first = records[0]
        record.limit, record.most_calls, record.cut_off = first.limit, first.most_calls, first.cut_off
        record.explain, record.wrapped = first.explain, first.wrapped
    for record in records:
        if not record.wrapped:
            for one in record.calls:
                one.around = ""
    closes_after = None
    if home != "in a row" and rng.random() < 0.2:
        closes_after = rng.uniform(0, 1.6)
        for record in records:
            record.stop = "the runtime closes"
    # Frames that are never unwound are counted beforehand: they take no place, but their count never goes down.
    world.never_unwound = _never_unwound(records)
    await play_in_runtime(records, in_a_row=home == "in a row", closes_after=closes_after)
    return records


def _never_unwound(records):
    return sum(BEHAVIOURS[one.kind].never_unwound for record in records for one in record.calls)


def _count(record, found):
    found.turns += 1
    found.calls += len(record.calls)
    found.attempts += sum(len(one.visits) for one in record.calls)
    found.faults += sum(one.kind not in PLAIN or one.sent != "well" for one in record.calls)
    found.stops += record.stopped_at is not None
    _hash(record, found)
    later = record.later
    while later is not None:
        found.resumed += 1
        _hash(later, found)
        later = later.later


def _hash(record, found):
    facts = [(result.code, result.effect, result.attempts, round(result.duration, 6)) for result in record.results]
    found.hash.update(repr((record.name, facts, round(record.took, 6), record.raised, len(record.events))).encode())


def _report(wrong, record, found, replay, *, show):
    wrong = list(wrong)
    for one in wrong:
        found.violations += 1
        print(f"{one}\n    {replay}", file=sys.stderr)
    if wrong and show:
        print(described(record), file=sys.stderr)


def described(record):
    """Return the script of a turn and what was seen of it, for a person."""
    shown = ("stop", "stop_after", "stopped_at", "limit", "onlooker", "explain", "wrapped", "took", "raised", "world")
    lines = [", ".join(f"{name}={_said(getattr(record, name))}" for name in shown)]
    for one, result in zip(record.calls, record.results, strict=False):
        lines.append(f"  {_said(one)}\n    {_said(result)}")
    lines += [f"    {_said(event)}" for event in record.events]
    if record.later is not None:
        lines += ["and when it went on:", described(record.later)]
    return "\n".join(lines)


def _said(one):
    try:
        return repr(one)
    except BaseException as error:  # what a hostile tool has returned, say
        return f"<{type(one).__name__}, whose repr raises {type(error).__name__}>"
