"""A virtual clock and a seeded scheduler for both backends.

Each pass of a loop costs a little virtual time: a tool that spins on refused cancellations must not freeze the clock.
"""

import asyncio
import random
import selectors

import anyio
import anyio._backends._asyncio as anyio_on_asyncio
import trio
import trio._core._run as trio_run

PASS_COST = 1e-4
"""Virtual seconds of one pass of the loop."""
MOST_PASSES = 1_000_000
"""Passes after which a run is taken for one that never ends: some 50 turns need 10,000."""


class Livelock(RuntimeError):
    """The loop turns and turns, and the run does not end."""


def spend(seconds):
    """Let time pass without giving the loop a chance to run, as code that blocks does."""
    runner = getattr(trio_run.GLOBAL_RUN_CONTEXT, "runner", None)
    if runner is not None:
        runner.clock.skip(seconds)
    else:
        asyncio.get_running_loop().now += seconds


class _NoSelector(selectors.BaseSelector):
    """Nothing is ever ready; waiting moves the clock."""

    def __init__(self, loop):
        self._loop = loop
        self._keys = {}
        self._passes = 0

    def register(self, fileobj, events, data=None):
        key = self._keys[fileobj] = selectors.SelectorKey(fileobj, 0, events, data)
        return key

    def unregister(self, fileobj):
        return self._keys.pop(fileobj)

    def get_map(self):
        return self._keys

    def select(self, timeout=None):
        if timeout is None:
            raise RuntimeError("deadlock: nothing can run, and no timer is set")
        self._passes += 1
        if self._passes > MOST_PASSES:
            raise Livelock("the run does not end")
        self._loop.now += max(timeout, 0) + PASS_COST
        return []


class SeededLoop(asyncio.SelectorEventLoop):
    """An asyncio loop that shuffles the steps of tasks and leaves other callbacks in order."""

    def __init__(self, seed):
        self.now = 0.0
        self._random = random.Random(seed)
        super().__init__(_NoSelector(self))

    def time(self):
        return self.now

    def _write_to_self(self):
        """Nobody sleeps in a selector."""

    def _run_once(self):
        ready = self._ready
        steps = [i for i, handle in enumerate(ready) if _is_step(handle)] if len(ready) > 1 else []
        if len(steps) > 1:
            shuffled = [ready[i] for i in steps]
            self._random.shuffle(shuffled)
            for i, handle in zip(steps, shuffled, strict=True):
                ready[i] = handle
        super()._run_once()


def _is_step(handle):
    callback = handle._callback
    return type(getattr(callback, "__self__", None)) is asyncio.Task or type(callback).__name__.startswith("TaskStep")


class SteppingClock(trio.abc.Clock):
    """A trio clock that jumps to the next deadline."""

    def __init__(self):
        self._now = 0.0
        self._asked = 0

    def start_clock(self):
        pass

    def skip(self, seconds):
        self._now += seconds

    def current_time(self):
        self._asked += 1
        if self._asked > 3 * MOST_PASSES:
            raise Livelock("the run does not end")
        self._now += PASS_COST
        return self._now

    def deadline_to_sleep_time(self, deadline):
        if trio_run.GLOBAL_RUN_CONTEXT.runner.entry_queue.queue:
            return 0  # something was posted to the loop: it arrives as I/O, and must come before the jump
        if deadline == float("inf"):
            raise RuntimeError("deadlock: nothing can run, and no timer is set")
        self._now = max(self._now, deadline)
        return 0


class _OrderedSet(dict):
    """anyio keeps tasks in sets, so the order of cancellation depends on addresses; in a simulation it must not."""

    def __init__(self, items=()):
        super().__init__(dict.fromkeys(items))

    def add(self, item):
        self[item] = None

    def remove(self, item):
        del self[item]

    def discard(self, item):
        self.pop(item, None)

    def __iter__(self):
        return iter(list(self.keys()))

    def __class_getitem__(cls, _):
        return cls


def run_seeded(backend, seed, function, *arguments):
    """Run *function* on a loop of *backend* whose time and order are decided by *seed*."""
    random.seed(seed)
    if backend == "asyncio":
        before = anyio_on_asyncio.__dict__.get("set")
        anyio_on_asyncio.set = _OrderedSet
        try:
            options = {"loop_factory": lambda: SeededLoop(seed)}
            return anyio.run(function, *arguments, backend="asyncio", backend_options=options)
        finally:
            if before is None:
                del anyio_on_asyncio.set
    trio_run._ALLOW_DETERMINISTIC_SCHEDULING = True
    trio_run._r.seed(seed)
    try:
        return anyio.run(function, *arguments, backend="trio", backend_options={"clock": SteppingClock()})
    finally:
        trio_run._ALLOW_DETERMINISTIC_SCHEDULING = False
