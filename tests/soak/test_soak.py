"""A short soak in the suite, each in a process of its own, and proof that a slope is seen."""

import logging
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import pytest

from tests.soak.run import LIMITS, NEVER_ENDING, simulate
from tests.soak.samples import BOUNDS, Sample, grown, slopes

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore")]
FLAT = ("ours", "fds", "tasks", "abandoned")
"""What is flat even in so short a run; memory and threads need longer to settle."""


def simulate_apart(*asked, **options):
    """Call `simulate` in a fresh process: what the tests before have left would be looked through at each sample."""
    quiet = {"initializer": logging.disable, "initargs": (logging.CRITICAL,)}
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), **quiet) as apart:
        return apart.submit(simulate, *asked, **options).result()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_two_thousand_turns_with_hostile_tools_leave_nothing_behind(backend):
    count, samples = simulate_apart(backend, 2000, 0.05, samples=6, never_ending=False)
    assert count.turns >= 2000
    assert count.hostile > 100
    assert count.wrong == 0
    assert not set(grown(samples)) & set(FLAT), slopes(samples)
    assert samples[-1].abandoned == 0


def test_calls_that_never_end_stop_at_the_cap():
    count, samples = simulate_apart("asyncio", 200, 0.0, samples=24)
    assert count.wrong == 0
    assert count.stuck == samples[-1].abandoned == LIMITS.abandoned_per_tool
    assert count.turned_away == 6 * NEVER_ENDING - count.stuck


def test_a_slope_is_seen():
    flat = [Sample(n, 1e5, 1e4, 7, 7, 1, 0) for n in range(0, 10_000, 500)]
    assert grown(flat) == []
    leaking = [one._replace(rss_kb=1e5 + 0.1 * one.turns, tasks=one.turns / 1000) for one in flat]
    assert grown(leaking) == ["rss_kb", "tasks"]
    assert slopes(leaking)["rss_kb"] > BOUNDS["rss_kb"]


def test_one_object_left_by_each_hostile_call_is_seen_in_a_short_run():
    leaking = [Sample(n, 1e5, 80_000 + 0.17 * n, 7, 7, 1, 0) for n in (333, 666, 1000, 1333, 1666, 2000)]
    assert grown(leaking) == ["ours"]
