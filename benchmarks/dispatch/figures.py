"""From the samples of the rounds to figures and verdicts. Pure.

A ratio is taken within a round and the median over the rounds comes last: what slowed a whole round down cancels out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

from benchmarks.dispatch.questions import (
    CONTENDERS,
    GROWTH,
    GROWTH_TARGET,
    OURS,
    REFERENCE,
    Question,
    Samples,
    Target,
    no_op,
)

Verdict = Literal["ok", "MISSED", ""]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """The answer to one question.

    Attributes:
        name: of the question.
        unit: of *medians*.
        medians: over the rounds, per contender.
        ratio: ours over the reference within each round, then the median.
        spread: the smallest and the largest of those ratios.
        target: None if nothing is promised.
    """

    name: str
    unit: str
    medians: dict[str, float]
    ratio: float
    spread: tuple[float, float]
    target: Target | None

    @property
    def verdict(self) -> Verdict:
        """Whether the target is met; empty without one."""
        if self.target is None:
            return ""
        value = self.ratio if self.target.of == "ratio" else self.medians[OURS]
        return "ok" if value <= self.target.must else "MISSED"

    def to_dict(self) -> dict[str, Any]:
        """Return the figure as JSON values."""
        target = self.target
        return {
            "name": self.name,
            "unit": self.unit,
            "medians": self.medians,
            "ratio": self.ratio,
            "spread": list(self.spread),
            "target": None if target is None else {"of": target.of, "must": target.must, "goal": target.goal},
            "verdict": self.verdict,
        }


def figures(asked: Sequence[Question], rounds: Sequence[Samples]) -> list[Figure]:
    """Return one figure per question, and that of growth if both of its sizes were asked.

    Args:
        asked: the questions, in the order of the report.
        rounds: what `drive.run_rounds` returned; at least one.
    """
    made = [_figure(one.name, one.unit, [taken[one.name] for taken in rounds], one.target) for one in asked]
    small, large = (no_op(calls).name for calls in GROWTH)
    if small in rounds[0] and large in rounds[0]:
        grown = [{name: taken[large][name] / taken[small][name] for name in CONTENDERS} for taken in rounds]
        made.append(_figure(f"no-op, a call of {GROWTH[1]} over one of {GROWTH[0]}", "x", grown, GROWTH_TARGET))
    return made


def _figure(name: str, unit: str, samples: Sequence[dict[str, float]], target: Target | None) -> Figure:
    ratios = [taken[OURS] / taken[REFERENCE] for taken in samples]
    return Figure(
        name=name,
        unit=unit,
        medians={one: median(taken[one] for taken in samples) for one in CONTENDERS},
        ratio=median(ratios),
        spread=(min(ratios), max(ratios)),
        target=target,
    )
