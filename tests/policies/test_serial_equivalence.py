"""The end state is that of running the calls one by one in the message's order; the time that of the longest chain.

Random tools over a store of registers: each call reads some keys, waits, and writes what depends on what it read.
"""

import random

import anyio
import pytest

from everycall import ToolRegistry, run_tool_calls
from everycall.core.footprint import conflict
from tests.messages import call, message

KEYS = ["s:a", "s:a/1", "s:a/2", "s:b", "s:b/1", "s:c"]
CELLS = ["a/1", "a/2", "b/1", "c/0"]


def cells_under(key):
    path = key.removeprefix("s:")
    return [cell for cell in CELLS if cell == path or cell.startswith(path + "/")]


def draw(rng):
    """Draw the calls of a turn: what each reads and writes, and how long it takes."""
    calls = []
    for _ in range(rng.randint(2, 9)):
        reads = rng.sample(KEYS, rng.choice([0, 1, 1, 2]))
        writes = rng.sample(KEYS, rng.choice([0, 0, 1, 1, 2]))
        calls.append({"reads": reads, "writes": writes, "seconds": rng.randint(1, 5), "fails": rng.random() < 0.15})
    return calls


def step(store, number, one, seen):
    for key in one["writes"]:
        for cell in cells_under(key):
            store[cell] = hash((number, cell, seen)) % 1000


def look(store, one):
    return tuple(sorted((cell, store[cell]) for key in one["reads"] + one["writes"] for cell in cells_under(key)))


def tools_over(store, calls, *, honest=True):
    tools = ToolRegistry()

    async def act(number: int) -> str:
        one = calls[number]
        seen = look(store, one)
        await anyio.sleep(one["seconds"])
        assert not honest or look(store, one) == seen, "somebody else wrote meanwhile"
        step(store, number, one, seen)
        if one["fails"]:
            raise ValueError("failed after writing")
        return repr(seen)

    tools.add(
        act,
        reads=lambda arguments: calls[arguments["number"]]["reads"] if honest else [],
        writes=lambda arguments: calls[arguments["number"]]["writes"] if honest else [],
        timeout=None,
    )
    return tools


def one_by_one(calls):
    """Return the store and the results of running the calls one after the other."""
    store, results = dict.fromkeys(CELLS, 0), []
    for number, one in enumerate(calls):
        seen = look(store, one)
        step(store, number, one, seen)
        results.append(None if one["fails"] else repr(seen))
    return store, results


def critical_path(footprints, calls):
    ends = []
    for at, one in enumerate(calls):
        begins = max((ends[b] for b in range(at) if conflict(footprints[b], footprints[at])), default=0)
        ends.append(begins + one["seconds"])
    return max(ends)


@pytest.mark.parametrize("seed", range(150))
async def test_the_end_state_results_and_time_are_those_of_the_order_of_the_message(seed):
    calls = draw(random.Random(seed))
    store = dict.fromkeys(CELLS, 0)
    sent = message(*[call("act", {"number": at}, f"c{at}") for at in range(len(calls))])
    began = anyio.current_time()
    turn = await run_tool_calls(sent, tools_over(store, calls))
    took = anyio.current_time() - began
    expected, results = one_by_one(calls)
    assert store == expected
    assert [result.value for result in turn.results] == results
    footprints = [one.footprint for one in turn.schedule]
    assert took == pytest.approx(critical_path(footprints, calls), abs=0.01)


async def test_a_footprint_that_lies_breaks_it():
    broken = 0
    for seed in range(40):
        calls = draw(random.Random(seed))
        store = dict.fromkeys(CELLS, 0)
        sent = message(*[call("act", {"number": at}, f"c{at}") for at in range(len(calls))])
        turn = await run_tool_calls(sent, tools_over(store, calls, honest=False))
        expected, results = one_by_one(calls)
        broken += store != expected or [result.value for result in turn.results] != results
    assert broken > 10
