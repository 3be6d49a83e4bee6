"""How the cost of something grows with its input, measured so that a busy machine does not change the answer."""

import time
from collections.abc import Callable
from typing import Any

LEAST = 0.0001
"""Seconds: what takes less is taken to last so long, for the clock says no more of it."""


def times_as_long(judge: Callable[[Any], object], small: Any, large: Any, clock: Callable[[], float]) -> float:
    """How many times as long `large` takes: the best of five tries of each, turn about."""
    cases = small, large
    best = [float("inf")] * 2
    for _ in range(5):
        for at, case in enumerate(cases):
            began = clock()
            judge(case)
            best[at] = min(best[at], clock() - began)
    return best[1] / max(best[0], LEAST)


def assert_grows_within(
    times: float, judge: Callable[[Any], object], small: Any, large: Any, clock: Callable[[], float] = time.process_time
) -> None:
    """Assert that `large` takes less than so many `times` as long as `small`, in time of the processor."""
    # More than one sitting: a neighbour may take the processor's caches away, and never makes anything faster.
    sittings: list[float] = []
    while not sittings or (sittings[-1] >= times and len(sittings) < 4):
        sittings.append(times_as_long(judge, small, large, clock))
    assert sittings[-1] < times, f"{', '.join(f'{one:.1f}' for one in sittings)} times as long; {times} is the bound"
