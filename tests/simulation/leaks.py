"""I25: nothing of a turn that is over stays alive, and nothing of the tools is reachable from its results.

Costs a hundred times a turn, so it is done once per loop, with tools that leave nothing behind by themselves.
"""

import gc
import weakref

import anyio

from everycall.turn.slot import TurnOptions
from tests.simulation.behaviours import BEHAVIOURS
from tests.simulation.checker import violations
from tests.simulation.play import TICK, play_alone
from tests.simulation.script import World, draw
from tests.simulation.tools import registry_of

STOPS = ("none", "none", "an onlooker", "turn timeout")


async def play_and_weigh(rng, backend, name):
    """Play a turn of tidy tools; return its record and what was wrong."""
    record = draw(rng, backend, name, World())
    record.stop = rng.choice(STOPS)
    record.weighed = True
    record.followed = False
    tidy = [kind for kind, row in BEHAVIOURS.items() if row.tidy and row.fits(backend)]
    for one in record.calls:
        one.kind = rng.choice(tidy)
        if one.around == "answers for it":
            one.around = ""  # a middleware that swallows an exception keeps it from the engine
    record.calls[0].kind = "raises what it keeps"
    registry_of(record)  # to make a tool leaves garbage behind; to call it must not
    gc.collect()
    gc.disable()
    try:
        await play_alone(record)
        await anyio.sleep(TICK)
        wrong = list(_left_over(record))
        return record, wrong + violations(record)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def _left_over(record):
    if record.alive:
        return  # it blocked the loop, and was abandoned
    turn = weakref.ref(record.turn)
    record.turn = None
    if turn() is not None:
        yield "I25: the turn is kept alive by a cycle"
    del turn
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    kept = [one for one in gc.garbage if type(one).__module__.startswith("everycall")]
    if any(type(one) is TurnOptions and one.deps is record for one in kept):  # not another turn's, or loop's
        kept = {type(one).__name__ for one in kept}
        yield f"I25: cyclic garbage: {', '.join(sorted(kept))}"
    gc.set_debug(0)
    gc.garbage.clear()
    gc.collect()
    if any(local() is not None for local in record.locals):
        yield "I25: a tool's local is reachable"
