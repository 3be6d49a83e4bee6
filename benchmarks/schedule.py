"""What is won by letting calls wait only for calls in conflict with them, and what does it cost to find out who waits?

Run it as `python -m benchmarks.schedule`. Two tables:

1. Three ways to run the same message, whose tools sleep as long as the seed says: one call after another; reads side by
   side and every write alone, in the order of the message; and `run_tool_calls` with `reads=` and `writes=`. The first
   two are bare loops without checks of any kind, so what they cost besides the sleeping favours them. Each way must
   give the results of the first, and the same files in the end.
2. Microseconds of CPU time per call to plan a turn (`open_turn`): a quadratic plan would grow a hundredfold from the
   first column to the last.
"""

import argparse
import asyncio
import gc
import json
import os
import platform
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from statistics import median
from typing import Any

from everycall import ToolRegistry, open_turn, run_tool_calls

ROUNDS = 7
SEED = 5
SIZES = (100, 1_000, 10_000)
MOST_GROWTH = 4.0
"""Cost per call in the largest turn over that in the smallest; sorting and the garbage collector take some of it."""

Spec = tuple[str, str]
"""A tool's name, and the path that it is given."""
Message = dict[str, Any]
Way = Callable[[Message, "Files"], Awaitable[list[object]]]


# --- the messages ---------------------------------------------------------------------------------------------------


def read_heavy(chance: Random) -> list[Spec]:
    """Return 40 calls: 36 reads of 30 files, with edits of 4 of them scattered among them."""
    reads = [("read", f"src/{chance.randrange(30)}.py") for _ in range(36)]
    return _shuffled(chance, [*reads, *[("edit", f"src/{n}.py") for n in chance.sample(range(30), 4)]])


def edit_heavy(chance: Random) -> list[Spec]:
    """Return 40 calls: 20 files, each read and then edited, file after file."""
    files = chance.sample(range(100), 20)
    return [(name, f"src/{n}.py") for n in files for name in ("read", "edit")]


def hot_file(chance: Random) -> list[Spec]:
    """Return 40 calls: 8 edits and 4 reads of one file, among 28 reads of others."""
    hot = [("edit", "changelog.md")] * 8 + [("read", "changelog.md")] * 4
    return _shuffled(chance, [*hot, *[("read", f"src/{n}.py") for n in range(28)]])


def searches(chance: Random) -> list[Spec]:
    """Return 24 calls: 8 edits in 4 folders, 12 reads, and 4 searches, each through one of these folders."""
    folders = [("read", f"src/{n}") for n in range(4)]
    edits = [("edit", f"src/{n % 4}/{n}.py") for n in range(8)]
    reads = [("read", f"src/{chance.randrange(4)}/{chance.randrange(8)}.py") for _ in range(12)]
    return _shuffled(chance, [*folders, *edits, *reads])


MIXES: dict[str, Callable[[Random], list[Spec]]] = {
    "36 reads, 4 edits": read_heavy,
    "20 files, each read and edited": edit_heavy,
    "28 reads, 12 calls to one file": hot_file,
    "reads, edits, searched folders": searches,
}


def _shuffled(chance: Random, specs: list[Spec]) -> list[Spec]:
    chance.shuffle(specs)
    return specs


def message_of(specs: Sequence[Spec], seconds: Sequence[float]) -> Message:
    """Return an assistant message of OpenAI Chat with one call for each of *specs*."""
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": f"call_{n}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps({"path": path, "n": n, "seconds": pause})},
            }
            for n, ((name, path), pause) in enumerate(zip(specs, seconds, strict=True))
        ],
    }


def drawn(mix: str, seed: int, number: int, slow: float) -> Message:
    """Return the message of one round: calls and times are drawn anew, the same for all ways.

    Args:
        mix: which.
        seed: of the whole run.
        number: of the round.
        slow: seconds of the slowest call; the quickest takes a tenth of it.
    """
    chance = Random(f"{seed} {mix} {number}")
    specs = MIXES[mix](chance)
    return message_of(specs, [round(chance.uniform(slow / 10, slow), 4) for _ in specs])


# --- the tools, and three ways to run them --------------------------------------------------------------------------


@dataclass
class Files:
    """Files in memory, as lists of the calls that wrote them: a lost, doubled or misplaced write is seen."""

    written: dict[str, list[int]] = field(default_factory=dict)

    async def read(self, path: str, n: int, seconds: float) -> str:
        """Return what is at *path* and below, as it was before and after the wait."""
        before = self._at(path)
        await asyncio.sleep(seconds)
        return json.dumps([n, before, self._at(path)])

    async def edit(self, path: str, n: int, seconds: float) -> str:
        """Write what was at *path* before the wait, and *n* after it."""
        before = list(self.written.get(path, ()))
        await asyncio.sleep(seconds)
        self.written[path] = [*before, n]
        return json.dumps(before)

    def _at(self, path: str) -> list[object]:
        return sorted((name, list(calls)) for name, calls in self.written.items() if f"{name}/".startswith(f"{path}/"))


async def one_by_one(message: Message, files: Files) -> list[object]:
    """Run a call when the one before it has ended."""
    return [await _bare(call, files) for call in message["tool_calls"]]


async def behind_barriers(message: Message, files: Files) -> list[object]:
    """Run neighbouring reads side by side, and every write alone: the order of the message holds around a write."""
    results: list[object] = []
    reads: list[Any] = []
    for call in message["tool_calls"]:
        if call["function"]["name"] == "read":
            reads.append(call)
            continue
        results += await asyncio.gather(*[_bare(one, files) for one in reads])
        reads.clear()
        results.append(await _bare(call, files))
    return results + await asyncio.gather(*[_bare(one, files) for one in reads])


async def with_footprints(message: Message, files: Files) -> list[object]:
    """Run what is not in conflict side by side."""
    turn = await run_tool_calls(message, tools_of(files))
    return turn.messages


async def _bare(call: Any, files: Files) -> object:
    function = call["function"]
    content = await getattr(files, function["name"])(**json.loads(function["arguments"]))
    return {"role": "tool", "tool_call_id": call["id"], "content": content}


def tools_of(files: Files) -> ToolRegistry:
    """Return the two tools, which say what they touch."""
    tools = ToolRegistry()
    tools.add(files.read, read_only=True, reads="file:{path}")
    tools.add(files.edit, writes="file:{path}")
    return tools


SERIAL, BARRIER, OURS = "one by one", "barriers", "everycall"
WAYS: dict[str, Way] = {SERIAL: one_by_one, BARRIER: behind_barriers, OURS: with_footprints}


def longest_chain(message: Message) -> float:
    """Return the seconds of the longest chain of calls in conflict: no order-keeping way can be faster."""
    turn = open_turn(message, tools_of(Files()))
    pause = {call["id"]: json.loads(call["function"]["arguments"])["seconds"] for call in message["tool_calls"]}
    ends: dict[str, float] = {}
    for one in turn.schedule:
        ends[one.call_id] = pause[one.call_id] + max((ends[other] for other in one.waits_for), default=0.0)
    return max(ends.values())


# --- measuring ------------------------------------------------------------------------------------------------------


async def timed(way: Way, message: Message) -> tuple[float, list[object], dict[str, list[int]]]:
    """Return the seconds that *way* takes for *message*, its results, and the files in the end."""
    files = Files()
    started = time.perf_counter()
    results = await way(message, files)
    return time.perf_counter() - started, results, files.written


async def one_round(mix: str, seed: int, number: int, slow: float) -> dict[str, float]:
    """Return the seconds of each way, and of the longest chain.

    Raises:
        ValueError: a way gave other results, or left other files, than running the calls one by one.
    """
    message = drawn(mix, seed, number, slow)
    seconds = {"longest chain": longest_chain(message)}
    answers = {}
    order = list(WAYS)
    Random(f"{seed} {number}").shuffle(order)
    for name in order:
        seconds[name], *answers[name] = await timed(WAYS[name], message)
    for name in WAYS:
        if answers[name] != answers[SERIAL]:
            raise ValueError(f"{name} does not give what running the calls one by one gives: {mix}, round {number}")
    return seconds


def gains(rounds: int, seed: int, slow: float) -> list[dict[str, Any]]:
    """Return a row for each mix: medians over the rounds; ratios are taken within a round."""

    async def measured(mix: str) -> list[dict[str, float]]:
        await one_round(mix, seed, -1, slow / 10)  # warm up: imports, and the first turn of a loop
        return [await one_round(mix, seed, number, slow) for number in range(rounds)]

    rows = []
    for mix in MIXES:
        taken = asyncio.run(measured(mix))
        rows.append(
            {
                "mix": mix,
                "seconds": {name: median(one[name] for one in taken) for name in ("longest chain", *WAYS)},
                "over_serial": median(one[SERIAL] / one[OURS] for one in taken),
                "over_barriers": median(one[BARRIER] / one[OURS] for one in taken),
                "over_longest_chain": median(one[OURS] / one["longest chain"] for one in taken),
                "rounds": taken,
            }
        )
    return rows


def _alone(n: int) -> Spec:
    return "edit", f"src/{n}.py"


def _hot(n: int) -> Spec:
    return ("edit", "read")[n % 4 != 0], "changelog.md"


def _root_first(n: int, of: int) -> Spec:
    return ("read", "") if n < of // 2 else ("edit", f"src/{n}.py")


def _root_between(n: int) -> Spec:
    return ("edit", f"src/{n}.py") if n % 2 else ("read", "")


TURNS: dict[str, Callable[[int, int], Spec]] = {
    "nothing said": lambda n, _: ("look", f"src/{n}.py"),
    "a file for each": lambda n, _: _alone(n),
    "all to one file, every fourth writes": lambda n, _: _hot(n),
    "half read all, then half write one each": _root_first,
    "the same, in turns": lambda n, _: _root_between(n),
}


def planning(rounds: int, sizes: Sequence[int]) -> list[dict[str, Any]]:
    """Return a row for each kind of turn: microseconds of CPU time per call for each size, medians over the rounds."""
    files = Files()
    tools = tools_of(files)
    tools.add(files.read, name="look", read_only=True)
    rows = []
    for name, spec in TURNS.items():
        costs = {}
        for size in sizes:
            message = message_of([spec(n, size) for n in range(size)], [0.01] * size)
            open_turn(message, tools)
            costs[size] = median(_cpu(message, tools) for _ in range(rounds)) / size * 1e6
        rows.append({"turn": name, "microseconds_per_call": costs, "growth": costs[sizes[-1]] / costs[sizes[0]]})
    return rows


def _cpu(message: Message, tools: ToolRegistry) -> float:
    """Return the seconds of CPU time to plan *message*: several times where once would be too short to measure."""
    times = max(1, 1_000 // len(message["tool_calls"]))
    gc.collect()
    started = time.process_time()
    for _ in range(times):
        open_turn(message, tools)
    return (time.process_time() - started) / times


# --- telling --------------------------------------------------------------------------------------------------------


def table(gained: Sequence[dict[str, Any]], planned: Sequence[dict[str, Any]], basis: str) -> str:
    """Return both tables as aligned text."""
    lines = [f"{'milliseconds for':<34}{'chain':>8}{SERIAL:>12}{BARRIER:>10}{OURS:>11}{'over both':>16}"]
    for row in gained:
        cells = [f"{row['seconds'][name] * 1e3:.0f}" for name in ("longest chain", *WAYS)]
        over = f"{row['over_serial']:.1f}x {row['over_barriers']:.1f}x"
        lines.append(f"{row['mix']:<34}{cells[0]:>8}{cells[1]:>12}{cells[2]:>10}{cells[3]:>11}{over:>16}")
    sizes = list(planned[0]["microseconds_per_call"])
    lines += ["", f"{'us of CPU time per call to plan':<42}" + "".join(f"{size:>10,}" for size in sizes) + "    growth"]
    for row in planned:
        costs = "".join(f"{cost:>10.1f}" for cost in row["microseconds_per_call"].values())
        lines.append(f"{row['turn']:<42}{costs}{row['growth']:>9.2f}x")
    note = (
        "chain: the longest chain of calls in conflict; no way that keeps their order can be faster.\n"
        "over both: how many times everycall is faster than one by one, and than barriers; taken within each round."
    )
    return "\n".join([*lines, "", note, "", basis])


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print what was found.

    Returns:
        0; 1 if the cost of planning grows more than it may.
    """
    asked = _parser().parse_args(arguments)
    rounds = asked.rounds or (1 if asked.quick else ROUNDS)
    load = f", load before {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    basis = (
        f"{rounds} rounds, seed {asked.seed}; {platform.system()} {platform.machine()}, {os.cpu_count()} cores{load}; "
        f"python {platform.python_version()}"
    )
    gained = gains(rounds, asked.seed, 0.005 if asked.quick else 0.05)
    planned = planning(rounds, (10, 100) if asked.quick else SIZES)
    print(table(gained, planned, basis), file=sys.stderr if asked.json else sys.stdout)
    if asked.json:
        print(json.dumps({"basis": basis, "gains": gained, "planning": planned}, indent=2))
    slow = [row["turn"] for row in planned if row["growth"] > MOST_GROWTH]
    if slow:
        print(f"planning grows more than {MOST_GROWTH:g} times per call: {', '.join(slow)}", file=sys.stderr)
    return int(bool(slow))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.schedule", description="What waiting only for calls in conflict wins and costs."
    )
    parser.add_argument("--rounds", type=_count, help="samples of each figure (default: 7, or 1 with --quick)")
    parser.add_argument("--seed", type=int, default=SEED, help=f"draws the calls and their times (default: {SEED})")
    parser.add_argument("--quick", action="store_true", help="short sleeps, small turns: shows that it runs")
    parser.add_argument("--json", action="store_true", help="JSON to standard output, the tables to standard error")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 1000")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
