"""What a process holds, and whether it grows: samples, and the slope of each over the second half of the run."""

import asyncio
import gc
import os
import sys
import threading
from pathlib import Path
from typing import NamedTuple

from everycall.executors.thread import _Thread


class Sample(NamedTuple):
    """What the process held after so many turns."""

    turns: int
    rss_kb: float
    ours: float  # objects of this library that are alive, but those that stand for a thread
    threads: float
    fds: float
    tasks: float
    abandoned: float


BOUNDS = {
    # per 1,000 turns, in the unit of the sample: what a run may grow by, by noise alone
    "rss_kb": 40.0,
    "ours": 5.0,
    "threads": 0.5,
    "fds": 0.2,
    "tasks": 0.5,
    "abandoned": 0.5,
}
"""Growth that counts as flat. 40 KB for 1,000 turns is 40 bytes a turn: less than a single object of each."""


def sample(turns, runtime):
    """Take one; on the loop."""
    gc.collect()
    return Sample(
        turns=turns,
        rss_kb=_rss(),
        ours=sum(_is_ours(type(one)) for one in gc.get_objects()),
        threads=threading.active_count(),
        fds=sum(1 for _ in Path("/proc/self/fd").iterdir()) if Path("/proc/self/fd").exists() else 0,
        tasks=_tasks(),
        abandoned=runtime.statistics().abandoned,
    )


def _is_ours(kind):
    return str(kind.__module__).startswith("everycall") and kind is not _Thread


def slopes(samples):
    """Return the growth per 1,000 turns, by least squares over the second half: the first warms caches and pools."""
    late = samples[len(samples) // 2 :]
    mean_turns = sum(one.turns for one in late) / len(late)
    weight = sum((one.turns - mean_turns) ** 2 for one in late) or 1.0
    found = {}
    for name in BOUNDS:
        mean = sum(getattr(one, name) for one in late) / len(late)
        found[name] = 1000 * sum((one.turns - mean_turns) * (getattr(one, name) - mean) for one in late) / weight
    return found


def grown(samples, *, factor=1.0):
    """Return the names of what grows faster than its bound, times *factor*."""
    return [name for name, slope in slopes(samples).items() if slope > factor * BOUNDS[name]]


def _rss():
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / 1024 if sys.platform == "darwin" else used


def _tasks():
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:
        import trio

        return trio.lowlevel.current_statistics().tasks_living
