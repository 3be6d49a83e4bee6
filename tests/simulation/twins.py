"""Turns that are played twice: on both backends (I23), and without one of their calls (I11). The others must not care.

Only scripts in which nothing is a tie: no stop from outside, no limits, no jitter, no thread, nobody who blocks the
loop, and times that differ by far more than a busy loop costs.
"""

import random

from tests.simulation.behaviours import BEHAVIOURS
from tests.simulation.checker import violations
from tests.simulation.loops import run_seeded
from tests.simulation.play import play_in_runtime
from tests.simulation.script import SimulatedCall, World, draw
from tests.simulation.threads import simulated_threads

NOT_COMPARED = ("blocks the loop", "leaves a scope open and waits")
"""What they do to others, or when their time is up, is a matter of moments."""


def script(seed, without=None):
    """Draw a turn without ties; leave out the call at position *without*."""
    rng = random.Random(seed)
    record = draw(rng, "trio", "twin", World())  # "trio": with what fits both backends
    kinds = [
        kind for kind, row in BEHAVIOURS.items() if not row.only and not row.in_thread and kind not in NOT_COMPARED
    ]
    record.stop, record.limit, record.cut_off, record.followed = "none", None, False, False
    record.onlooker, record.most_calls, record.wrapped = "somebody", 10_000, False
    for position, one in enumerate(record.calls):
        record.calls[position] = SimulatedCall(
            kind=rng.choice(kinds),
            safe=one.safe,
            attempts=one.attempts,
            jitter=False,
            seconds=rng.choice([0.11, 0.23, 0.37, 0.53]) + 0.013 * position,
        )
    if without is not None:
        del record.calls[without]
    return record


def outcomes(backend, seed, without=None):
    """Play a turn and return what became of each call; and what was wrong with it."""
    record = script(seed, without)
    with simulated_threads():
        run_seeded(backend, seed, play_in_runtime, [record])
    return [(one.code, one.effect, one.attempts, one.late) for one in record.results], violations(record)


def differences(seed):
    """Return where the three plays of one script differ: asyncio, trio, and asyncio without the first call."""
    found, wrong = outcomes("asyncio", seed)
    other, wrong_too = outcomes("trio", seed)
    lines = [f"seed {seed}: {one}" for one in wrong + wrong_too]
    if found != other:
        lines.append(f"I23: seed {seed}: asyncio {found}, trio {other}")
    if len(found) > 1:
        alone, _ = outcomes("asyncio", seed, without=0)
        if alone != found[1:]:
            lines.append(f"I11: seed {seed}: without the first call {alone}, with it {found[1:]}")
    return lines
