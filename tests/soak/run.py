"""The turns of the soak."""

import random

import anyio

from everycall import Limits, ToolRuntime
from tests.messages import call, message
from tests.soak.samples import sample
from tests.soak.tools import FRIENDLY, HOSTILE, OVER, TOOLS

AT_ONCE = 16
"""Turns that run at the same time."""
NEVER_ENDING = 10
"""Calls that never end, sent at every fourth sample. The cap on abandoned calls of one tool is reached at the fifth."""
LIMITS = Limits(
    cancel_grace=0.05,
    unsafe_cancel_grace=0.05,
    linger=0.3,
    abandoned=200,
    abandoned_per_tool=40,
    queue_timeout=5.0,
)


class Count:
    """What became of the turns."""

    def __init__(self):
        self.turns = self.calls = self.hostile = self.cancelled = self.turned_away = self.stuck = self.wrong = 0


def simulate(backend, turns, hostile, *, samples=40, seed=1, never_ending=True):
    """Run so many turns on *backend*, a share *hostile* of the calls hostile; return the count and the samples."""
    options = {"debug": False} if backend == "asyncio" else {}
    return anyio.run(_soak, turns, hostile, samples, seed, never_ending, backend=backend, backend_options=options)


async def _soak(turns, hostile, samples, seed, never_ending):
    rng, count, taken = random.Random(seed), Count(), []
    async with ToolRuntime(TOOLS, limits=LIMITS) as runtime:
        for part in range(samples):
            upto = turns * (part + 1) // samples
            async with anyio.create_task_group() as group:
                for _ in range(AT_ONCE):
                    group.start_soon(_some, runtime, rng, count, upto, hostile)
            if never_ending and part % 4 == 0:
                for _ in range(NEVER_ENDING):
                    await _run(runtime, [call("never_ends", {"a": 1, "b": 2}, "n")], count)
            await _calm(runtime, count)
            taken.append(sample(count.turns, runtime))
        OVER.set()
    OVER.clear()
    return count, taken


async def _calm(runtime, count):
    """Wait until every hostile call has ended, by itself or by force after its linger, but those that never do."""
    with anyio.move_on_after(3.0):
        while runtime.statistics().abandoned > count.stuck:  # noqa: ASYNC110 -- nobody is told when it becomes nought
            await anyio.sleep(0.05)


async def _some(runtime, rng, count, upto, hostile):
    while count.turns < upto:
        calls = []
        for number in range(rng.randint(1, 6)):
            name = rng.choice(HOSTILE if rng.random() < hostile else FRIENDLY)
            count.hostile += name in HOSTILE
            calls.append(call(name, {"a": rng.randint(0, 99), "b": number}, f"c{number}"))
        await _run(runtime, calls, count, gives_up=rng.random() < 0.02)


async def _run(runtime, calls, count, *, gives_up=False):
    count.turns += 1
    count.calls += len(calls)
    turn = runtime.open_turn(message(*calls))
    with anyio.move_on_after(0.002 if gives_up else 30) as scope:
        await turn.run()
    count.cancelled += scope.cancelled_caught
    away = sum(result.code == "saturated" for result in turn.results)
    count.turned_away += away
    if calls[0]["function"]["name"] == "never_ends":
        count.stuck += 1 - away
    elif away:
        count.wrong += 1
    ids = [result.call_id for result in turn.results]
    count.wrong += ids != [one["id"] for one in calls] or len(turn.exchange) != len(calls) + 1
