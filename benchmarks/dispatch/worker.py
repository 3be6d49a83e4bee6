"""The inside of a contender's process: reads one question per line, measures, writes one figure per line.

1. One event loop for the life of the process, so that what a contender keeps (threads, caches) is warm.
2. Before each sample: a turn whose answer is checked, then a collection; neither is timed. Collection stays on.
3. A sample of CPU time has as many turns as take `least` seconds, found once per question.
"""

import asyncio
import gc
import importlib
import json
import sys
import time
import tracemalloc
from typing import Any

from benchmarks.dispatch.questions import CONTENDERS, IDEAL
from benchmarks.dispatch.tools import TOOLS, Contender, RunTurn, message, require_answered


class Worker:
    """Measures one contender.

    Args:
        contender: makes a function that runs one turn, out of tools.
        runner: holds the loop on which all turns run.
    """

    def __init__(self, contender: Contender, runner: asyncio.Runner) -> None:
        self._contender = contender
        self._run_turn = contender(TOOLS)
        self._runner = runner
        self._turns: dict[tuple[str, int], int] = {}  # per sample, by tool and number of calls

    def measure(self, measure: str, tool: str, calls: int, least: float) -> float:
        """Return one sample, in the unit of its question.

        Args:
            measure: `cpu`, `makespan` or `memory`, as `questions.Question` explains them.
            tool: a name in `tools.TOOLS`; not used for `memory`.
            calls: the number of calls of the message.
            least: seconds of CPU time that a sample of `cpu` shall take at least.
        """
        if measure == "memory":
            return self._runner.run(memory_per_call(self._contender, calls))
        asked = message(tool, calls)
        require_answered(asked, self._runner.run(_exchange(self._run_turn, asked)))
        gc.collect()
        if measure == "makespan":
            return self._runner.run(_makespan(self._run_turn, asked)) / IDEAL
        turns = self._turns.get((tool, calls))
        if turns is None:
            turns = self._turns[tool, calls] = self._enough_turns(asked, least)
        return self._cpu_seconds(asked, turns) / turns / calls * 1e6

    def _enough_turns(self, asked: dict[str, Any], least: float) -> int:
        turns = 1
        while (taken := self._cpu_seconds(asked, turns)) < least:
            turns = max(2 * turns, int(turns * least / max(taken, 1e-6)))
        return turns

    def _cpu_seconds(self, asked: dict[str, Any], turns: int) -> float:
        return self._runner.run(_cpu_time(self._run_turn, asked, turns))


async def _exchange(run_turn: RunTurn, asked: dict[str, Any]) -> list[Any]:
    return await run_turn(asked)


async def _cpu_time(run_turn: RunTurn, asked: dict[str, Any], turns: int) -> float:
    began = time.process_time()
    for _ in range(turns):
        await run_turn(asked)
    return time.process_time() - began


async def _makespan(run_turn: RunTurn, asked: dict[str, Any]) -> float:
    began = time.perf_counter()
    await run_turn(asked)
    return time.perf_counter() - began


async def memory_per_call(contender: Contender, calls: int) -> float:
    """Return the KiB that Python has allocated per call at the moment when the last of *calls* calls has begun.

    Counted by `tracemalloc`: what Rust and C libraries take from the system directly is left out; so is the message.
    """
    arrived, traced = 0, 0
    all_in = asyncio.Event()

    async def hold(number: int, text: str) -> str:  # noqa: ARG001
        nonlocal arrived, traced
        arrived += 1
        if arrived == calls:
            traced = tracemalloc.get_traced_memory()[0]
            all_in.set()
        await all_in.wait()
        return text

    run_turn = contender({"hold": hold, **TOOLS})
    await run_turn(message("no_op", calls))  # so that what is kept between turns exists already
    asked = message("hold", calls)
    gc.collect()
    tracemalloc.start()
    try:
        exchange = await run_turn(asked)
    finally:
        tracemalloc.stop()
    require_answered(asked, exchange)
    return traced / calls / 1024


def main(name: str) -> None:
    """Answer the questions on standard input until it ends."""
    module = importlib.import_module(f"benchmarks.dispatch.contenders.{CONTENDERS[name]}")
    with asyncio.Runner() as runner:
        worker = Worker(module.contender, runner)
        for line in sys.stdin:
            print(json.dumps(worker.measure(**json.loads(line))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
