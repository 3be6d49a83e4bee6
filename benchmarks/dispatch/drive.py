"""Runs the contenders, each in a fresh process each round, and asks them one at a time, in a new order each round.

Every wait is bounded: a contender that is silent for `PATIENCE` seconds ends the benchmark. No process outlives it.
"""

import json
import os
import random
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from benchmarks.dispatch.questions import CONTENDERS, IMPORTS, Question, Samples

PATIENCE = 120
"""Seconds for one sample; the slowest takes about five."""

ROOT = Path(__file__).parents[2]
_IMPORT = "import time; began = time.process_time(); {}; print((time.process_time() - began) * 1e3)"


class Asked:
    """One contender in its process.

    Args:
        name: a key of `questions.CONTENDERS`.
        process: runs `worker` for it.
    """

    def __init__(self, name: str, process: Process) -> None:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError(f"the process of {name} was started without pipes")
        self.name = name
        self.pid = process.pid
        self._questions = process.stdin
        self._figures = BufferedByteReceiveStream(process.stdout)

    async def ask(self, question: Question, least: float) -> float:
        """Return one sample.

        Args:
            question: any but those about imports.
            least: seconds of CPU time that a sample of `cpu` takes at least.

        Raises:
            RuntimeError: the contender failed, or answered its message wrongly.
            TimeoutError: it took too long.
        """
        facts = {"measure": question.measure, "tool": question.tool, "calls": question.calls, "least": least}
        try:
            with anyio.fail_after(PATIENCE):
                await self._questions.send(json.dumps(facts).encode() + b"\n")
                return float(await self._figures.receive_until(b"\n", 100))
        except TimeoutError:
            raise TimeoutError(f"{self.name} did not answer within {PATIENCE} s: {question.name}") from None
        except (anyio.IncompleteRead, anyio.EndOfStream, anyio.BrokenResourceError, OSError):
            raise RuntimeError(f"{self.name} failed: {question.name}; its error is above") from None


@asynccontextmanager
async def started(name: str) -> AsyncIterator[Asked]:
    """Start the process of one contender; it is gone at the end."""
    command = [sys.executable, "-m", "benchmarks.dispatch.worker", name]
    process = await anyio.open_process(command, cwd=ROOT, stderr=None)
    try:
        yield Asked(name, process)
    finally:
        with anyio.CancelScope(shield=True):
            with suppress(ProcessLookupError):  # it is gone already
                process.kill()
            await process.aclose()


async def import_time(name: str, bytecode: str) -> float:
    """Return the milliseconds of CPU time that a fresh interpreter takes to import what stands for *name*.

    Args:
        name: a key of `questions.IMPORTS`.
        bytecode: a folder for what is compiled. An installed package is compiled already; a source tree may not be, or
            not be allowed to.

    Raises:
        TimeoutError: it took too long.
        subprocess.CalledProcessError: the import failed.
    """
    command = [sys.executable, "-c", _IMPORT.format(IMPORTS[name])]
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode, "PYTHONDONTWRITEBYTECODE": ""}  # empty: may write
    with anyio.fail_after(PATIENCE):
        return float((await anyio.run_process(command, cwd=ROOT, env=environment, stderr=None)).stdout)


async def run_rounds(
    asked: Sequence[Question], *, rounds: int, least: float, about: int, tell: Callable[[str], object]
) -> list[Samples]:
    """Ask every contender every question, *rounds* times.

    Each round has processes of its own: where an interpreter happens to lay its objects changes how fast it is by a
    tenth and more, for as long as it lives, and must not decide for all rounds.

    Args:
        asked: the questions.
        rounds: how many figures of each are taken.
        least: seconds of CPU time that a sample of `cpu` takes at least.
        about: samples of `cpu` per contender and round, taken in turn; their median counts, so that what disturbs the
            machine for a moment disturbs no figure.
        tell: receives one line of progress per round.

    Returns:
        The figures of each round.

    Raises:
        RuntimeError: a contender failed, or answered its message wrongly.
        TimeoutError: a contender took too long.
        subprocess.CalledProcessError: an import failed.
    """
    taken = []
    with TemporaryDirectory() as bytecode:
        for name in CONTENDERS:
            await import_time(name, bytecode)  # the first compiles; not counted
        for number in range(1, rounds + 1):
            tell(f"round {number} of {rounds}")
            async with AsyncExitStack() as stack:
                contenders = [await stack.enter_async_context(started(name)) for name in CONTENDERS]
                taken.append(
                    {one.name: await _samples(one, contenders, least, about, bytecode) for one in _shuffled(asked)}
                )
    return taken


async def _samples(
    question: Question, contenders: Sequence[Asked], least: float, about: int, bytecode: str
) -> dict[str, float]:
    if question.measure == "import":
        return {one.name: await import_time(one.name, bytecode) for one in _shuffled(contenders)}
    taken: dict[str, list[float]] = {one.name: [] for one in contenders}
    for _ in range(about if question.measure == "cpu" else 1):
        for one in _shuffled(contenders):
            taken[one.name].append(await one.ask(question, least))
    return {name: median(samples) for name, samples in taken.items()}


def _shuffled(items: Sequence[Any]) -> list[Any]:
    return random.sample(items, len(items))
