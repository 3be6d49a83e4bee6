"""Turns that are played again: on the other backend (I23), without one of their calls (I11), with nobody looking on.

With nobody to tell, an asyncio turn begins its calls at once (`turn.straight`); with an observer its supervisor does.

Only scripts in which nothing is a tie: no stop from outside, no limits, no jitter, no thread, nobody who blocks the
loop, and times that differ by far more than a busy loop costs.
"""

import random
from dataclasses import replace

from tests.simulation.behaviours import BEHAVIOURS
from tests.simulation.checker import violations
from tests.simulation.loops import run_seeded
from tests.simulation.play import play_in_runtime
from tests.simulation.script import SimulatedCall, World, draw
from tests.simulation.threads import simulated_threads

NOT_COMPARED = ("blocks the loop", "leaves a scope open and waits")
"""What they do to others, or when their time is up, is a matter of moments."""


def script(seed, *, without=None, onlooker="somebody"):
    """Draw a turn without ties; leave out the call at position *without*."""
    rng = random.Random(seed)
    record = draw(rng, "trio", "twin", World())  # "trio": with what fits both backends
    kinds = [
        kind for kind, row in BEHAVIOURS.items() if not row.only and not row.in_thread and kind not in NOT_COMPARED
    ]
    record.stop, record.limit, record.cut_off, record.followed = "none", None, False, False
    record.onlooker, record.most_calls, record.wrapped = onlooker, 10_000, False
    for position, one in enumerate(record.calls):
        record.calls[position] = SimulatedCall(
            kind=rng.choice(kinds),
            safe=one.safe,
            attempts=one.attempts,
            jitter=False,
            seconds=rng.choice([0.0, 1.0]) * (rng.choice([0.11, 0.23, 0.37, 0.53]) + 0.013 * position),
            without_context=rng.random() < 0.5,
        )
    if without is not None:
        del record.calls[without]
    return record


def outcomes(backend, seed, **changed):
    """Play a turn and return its results; and what was wrong with it."""
    record = script(seed, **changed)
    with simulated_threads():
        run_seeded(backend, seed, play_in_runtime, [record])
    return record.results, violations(record)


def _fates(results):
    return [(one.code, one.effect, one.attempts, one.late) for one in results]


def _all_of(results):
    """Everything but the value, which may be equal to nothing (its text is compared), and addresses in a traceback."""
    return [
        replace(one, value=None, error=one.error and replace(one.error, traceback=""), duration=round(one.duration, 1))
        for one in results
    ]


def differences(seed):
    """Return where the plays of a script differ: on asyncio, on trio, with nobody to see it, without its first call."""
    found, wrong = outcomes("asyncio", seed)
    other, wrong_too = outcomes("trio", seed)
    unseen, wrong_unseen = outcomes("asyncio", seed, onlooker="nobody")
    lines = [f"seed {seed}: {one}" for one in wrong + wrong_too + wrong_unseen]
    if _fates(found) != _fates(other):
        lines.append(f"I23: seed {seed}: asyncio {_fates(found)}, trio {_fates(other)}")
    if _all_of(found) != _all_of(unseen):
        lines.append(f"seed {seed}: watched {_all_of(found)}, with nobody looking on {_all_of(unseen)}")
    if len(found) > 1:
        alone, _ = outcomes("asyncio", seed, without=0)
        if _fates(alone) != _fates(found[1:]):
            lines.append(f"I11: seed {seed}: without the first call {_fates(alone)}, with it {_fates(found[1:])}")
    return lines
