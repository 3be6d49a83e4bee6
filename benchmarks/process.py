"""What does a tool in a process of its own cost: the first call of a worker, and every other one?

Run it as `python -m benchmarks.process`: a table, then one JSON object per line. Medians; a thread beside it for
comparison.
"""

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from textwrap import shorten

import anyio

from everycall import Limits, ToolRegistry, ToolRuntime

COLD, WARM = 15, 1_000
MESSAGE = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {"id": "a", "type": "function", "function": {"name": "shorten", "arguments": '{"text": "a b", "width": 9}'}}
    ],
}
PARAMETERS = {"type": "object", "properties": {"text": {"type": "string"}, "width": {"type": "integer"}}}
"""The schema is data, so that a worker imports what it needs of this library and no more."""


def registry(executor: str) -> ToolRegistry:
    """Return a registry of one small tool."""
    tools = ToolRegistry()
    tools.add(shorten, executor=executor, parameters=PARAMETERS)
    return tools


async def one_turn(runtime: ToolRuntime) -> float:
    """Return the seconds of a turn of one call."""
    started = time.perf_counter()
    turn = await runtime.run(MESSAGE)
    seconds = time.perf_counter() - started
    assert turn.results[0].content == "a b"
    return seconds


async def cold(executor: str, rounds: int) -> list[float]:
    """Return the seconds of first calls, each in a worker of its own."""
    seconds = []
    for _ in range(rounds):
        async with ToolRuntime(registry(executor)) as runtime:
            seconds.append(await one_turn(runtime))
    return seconds


async def warm(executor: str, rounds: int) -> list[float]:
    """Return the seconds of calls in one worker that has run some before."""
    async with ToolRuntime(registry(executor), limits=Limits(processes=1)) as runtime:
        for _ in range(min(rounds, 20)):
            await one_turn(runtime)
        return [await one_turn(runtime) for _ in range(rounds)]


QUESTIONS: dict[str, tuple[Callable[[str, int], Awaitable[list[float]]], str, int]] = {
    "first call of a worker process": (cold, "process", COLD),
    "call in a warm worker process": (warm, "process", WARM),
    "call in a warm thread": (warm, "thread", WARM),
}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.process")
    parser.add_argument("--quick", action="store_true", help="few rounds: shows that it runs")
    quick = parser.parse_args().quick
    rows = []
    print(f"{'milliseconds of a turn of one call':<38}{'asyncio':>10}{'trio':>10}")
    for name, (measure, executor, rounds) in QUESTIONS.items():
        row = {"benchmark": name, "rounds": max(2, rounds // 100) if quick else rounds}
        for backend in ("asyncio", "trio"):
            seconds = anyio.run(measure, executor, row["rounds"], backend=backend)
            row[backend] = round(statistics.median(seconds) * 1e3, 4)
        print(f"{name:<38}{row['asyncio']:>10.3f}{row['trio']:>10.3f}")
        rows.append(row)
    for row in rows:
        print(json.dumps({**row, "python": platform.python_version()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
