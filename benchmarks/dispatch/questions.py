"""What is asked, and what is hoped for: tables, nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

OURS = "everycall"
REFERENCE = "naive anyio"
CONTENDERS = {"naive asyncio": "naive_asyncio", REFERENCE: "naive_anyio", OURS: "ours"}
"""Each contender and its module within `contenders`."""

Samples = dict[str, dict[str, float]]
"""What one round brought: question, contender, figure in the unit of the question."""

Measure = Literal["cpu", "makespan", "memory", "import"]

IDEAL = 0.05
"""Seconds that a sleeping or blocking tool takes: also what a turn of any number of them would take at best."""

SIZES = (1, 10, 100, 1000, 5000)
QUICK_SIZES = (1, 10, 100)
GROWTH = (100, 5000)
"""Microseconds per call of the larger turn over those of the smaller: does a call cost the same in a large turn?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The figure that is not to be exceeded.

    Attributes:
        of: `ratio`, ours over the reference; or `own`, our figure as it is.
        must: missed above this.
        goal: what is worth working towards.
    """

    of: Literal["ratio", "own"]
    must: float
    goal: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One thing that is measured.

    Attributes:
        name: as the report shows it.
        measure: `cpu`, microseconds of CPU time per call; `makespan`, wall time over the ideal; `memory`, KiB per call
            in flight; `import`, milliseconds of CPU time.
        tool: which of the tools in `tools` the message calls.
        calls: how many calls the message has.
        unit: of the figure.
        target: None if nothing is promised.
    """

    name: str
    measure: Measure
    tool: str = ""
    calls: int = 0
    unit: str
    target: Target | None = None


NO_OP_TARGETS = {
    1: Target(of="ratio", must=0.6, goal=0.4),
    10: Target(of="ratio", must=1.0, goal=0.6),
    100: Target(of="ratio", must=1.0, goal=0.6),
    1000: Target(of="ratio", must=1.0, goal=0.6),
}
SLEEP_TARGETS = {1000: Target(of="own", must=1.7, goal=1.4), 5000: Target(of="own", must=7.5, goal=4.0)}
BLOCKING_TARGETS = {100: Target(of="own", must=1.7, goal=1.45)}
MEMORY_TARGET = Target(of="ratio", must=1.05, goal=0.6)
IMPORT_TARGET = Target(of="ratio", must=1.25, goal=1.1)
GROWTH_TARGET = Target(of="own", must=1.5, goal=1.15)


def no_op(calls: int) -> Question:
    """Return the question of what *calls* calls cost that do nothing."""
    target = NO_OP_TARGETS.get(calls)
    return Question(
        name=f"no-op, {_calls(calls)}", measure="cpu", tool="no_op", calls=calls, unit="us CPU/call", target=target
    )


def yielding(calls: int) -> Question:
    """Return the question of what *calls* calls cost that wait once, for nothing."""
    return Question(
        name=f"waits once, {_calls(calls)}", measure="cpu", tool="yielding", calls=calls, unit="us CPU/call"
    )


def sleeping(calls: int) -> Question:
    """Return the question of how long a turn of *calls* sleeping async tools takes."""
    return Question(
        name=f"asleep for {IDEAL} s, {_calls(calls)}",
        measure="makespan",
        tool="sleeping",
        calls=calls,
        unit="x ideal",
        target=SLEEP_TARGETS.get(calls),
    )


def blocking(calls: int) -> Question:
    """Return the question of how long a turn of *calls* blocking sync tools takes."""
    return Question(
        name=f"blocking for {IDEAL} s, {_calls(calls)}",
        measure="makespan",
        tool="blocking",
        calls=calls,
        unit="x ideal",
        target=BLOCKING_TARGETS.get(calls),
    )


def memory(calls: int) -> Question:
    """Return the question of how much memory a call takes while *calls* of them are in flight."""
    name = f"memory, {_calls(calls)} in flight"
    return Question(name=name, measure="memory", calls=calls, unit="KiB/call", target=MEMORY_TARGET)


IMPORT = Question(name="import", measure="import", unit="ms CPU", target=IMPORT_TARGET)

IMPORTS = {
    "naive asyncio": "import asyncio",
    REFERENCE: "import anyio, tenacity, pydantic, structlog",
    OURS: "import everycall; everycall.run_tool_calls",
}
"""What each column imports. The reference is what the four core dependencies cost together, used or not."""


def questions(*, sizes: Sequence[int], quick: bool) -> list[Question]:
    """Return everything that is asked.

    Args:
        sizes: the numbers of calls of the no-op turns.
        quick: ask for small turns only; those figures show that the benchmark runs, and nothing else.
    """
    waiting, asleep, blocked, held = ((1,), (50,), (10,), 50) if quick else ((1, 100), (1000, 5000), (100,), 1000)
    return [
        *[no_op(calls) for calls in sizes],
        *[yielding(calls) for calls in waiting],
        *[sleeping(calls) for calls in asleep],
        *[blocking(calls) for calls in blocked],
        memory(held),
        IMPORT,
    ]


def _calls(number: int) -> str:
    return "1 call" if number == 1 else f"{number} calls"
