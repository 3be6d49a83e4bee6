"""How the figures are shown: a table for people, JSON values for programs."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from benchmarks.dispatch.figures import Figure
from benchmarks.dispatch.questions import CONTENDERS, OURS, REFERENCE, Samples

PACKAGES = ("everycall", "anyio", "tenacity", "pydantic", "pydantic-core", "structlog")

NOTE = f"""\
ratio: {OURS} over {REFERENCE}, taken within each round; the median of the rounds, then the smallest and the largest.
target: of the ratio, or of {OURS} itself; in brackets what is worth working towards.
import: {REFERENCE} stands for anyio, tenacity, pydantic and structlog together; naive asyncio for asyncio alone.
memory: what tracemalloc sees; the message itself is not counted."""


def versions() -> dict[str, str]:
    """Return what the figures depend on, beside the machine."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed, taken from the source tree"
    return found


def machine() -> dict[str, Any]:
    """Return where the figures are taken, and what else keeps it busy: ask before measuring."""
    load = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "cores": os.cpu_count() or 1,
        "load_before": load,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that is told of one run.

    Attributes:
        figures: in the order in which they are shown.
        rounds: every sample.
        machine: as `machine` returned it before the first round.
        quick: the turns were small and the samples short.
    """

    figures: Sequence[Figure]
    rounds: Sequence[Samples]
    machine: Mapping[str, Any]
    quick: bool

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "versions": versions(),
            "machine": dict(self.machine),
            "quick": self.quick,
            "figures": [one.to_dict() for one in self.figures],
            "rounds": list(self.rounds),
        }

    def to_table(self) -> str:
        """Return the figures as aligned text, with what they depend on."""
        head = ("", *CONTENDERS, "unit", "ratio", "spread", "target", "")
        rows = [head, *[_row(one) for one in self.figures]]
        widths = [max(len(row[at]) for row in rows) for at in range(len(head))]
        lines = [_line(row, widths) for row in rows]
        lines.insert(1, "-" * max(len(line) for line in lines))
        return "\n".join([*lines, "", NOTE, "", self._basis(), *self._warnings()])

    def _basis(self) -> str:
        count = "1 round" if len(self.rounds) == 1 else f"{len(self.rounds)} rounds"
        where = "{system} {architecture}, {cores} cores, load before {load_before}".format(**self.machine)
        return f"{count}; {where}; " + ", ".join(f"{name} {found}" for name, found in versions().items())

    def _warnings(self) -> list[str]:
        said = []
        if (self.machine["load_before"] or 0) > self.machine["cores"] / 2:
            said.append("The machine was busy: what is measured in wall time (x ideal) came out too long.")
        if self.quick:
            said.append("A quick run: it shows that the benchmark runs. Do not quote its figures.")
        return ["", *said] if said else []


def _row(one: Figure) -> tuple[str, ...]:
    target = one.target
    promise = "" if target is None else f"{target.of} <= {target.must:g} ({target.goal:g})"
    low, high = one.spread
    figures = [_short(one.medians[name]) for name in CONTENDERS]
    return (one.name, *figures, one.unit, f"{one.ratio:.2f}", f"{low:.2f}-{high:.2f}", promise, one.verdict)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    """Align numbers to the right, words to the left."""
    numbers = range(1, len(CONTENDERS) + 1)
    cells = [
        cell.rjust(width) if at in numbers else cell.ljust(width)
        for at, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
