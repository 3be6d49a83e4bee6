"""Simulated threads: sync tools whose every moment is drawn from the seed.

A simulated sync tool returns `Blocking`: a generator that yields the seconds for which its thread is blocked. It runs
on the loop, a step at a time, and is told by `threading.get_ident` that it runs elsewhere.
"""

import random
import threading
from contextlib import contextmanager

import anyio

from everycall import runtime
from everycall.ports import NotEntered, Raised, Returned
from everycall.turn.stop import backend_of_running_loop

ELSEWHERE = -1
"""What `threading.get_ident` gives in a simulated thread."""
NO_THREAD = 0.05
"""How often the system has no thread left."""


class Blocking:
    """What a simulated sync tool does, in place of what a real one would return."""

    __slots__ = ("steps",)

    def __init__(self, steps):
        self.steps = steps


class SimulatedThreads:
    """Stands for `ThreadExecutor`, and is made like it."""

    def __init__(self, post):
        self._post = post
        self._backend = backend_of_running_loop()

    def start(self, work, report):
        async def thread():
            end = await _end_of(work)
            await anyio.sleep(_moment())
            self._post(lambda: report(end))

        self._backend.spawn(thread)
        return _NOBODY_CAN_STOP_IT


class _Uncontrollable:
    def stop(self):
        pass

    abandon = kill = stop


_NOBODY_CAN_STOP_IT = _Uncontrollable()


async def _end_of(work):
    if random.random() < NO_THREAD:
        return Raised(RuntimeError("can't start new thread"))
    await anyio.sleep(_moment())
    context = work.context
    end, steps = _begun(work, context)
    while end is None:
        end, seconds = _step(steps, context)
        await anyio.sleep(seconds)
    return end


def _begun(work, context):
    """Enter the tool's code; returns how that ended, or None and the steps that follow."""
    try:
        with _elsewhere():
            if not context.run(work.enter):
                return NotEntered(), None
            value = context.run(work.invoke)
    except BaseException as error:  # as in a real thread: whatever it is becomes a value
        return Raised(error), None
    return (None, value.steps) if isinstance(value, Blocking) else (Returned(value), None)


def _step(steps, context):
    """Run the code until it blocks for some seconds, or ends."""
    try:
        with _elsewhere():
            return None, context.run(next, steps)
    except StopIteration as stop:
        return Returned(stop.value), 0.0
    except BaseException as error:
        return Raised(error), 0.0


def _moment():
    return random.choice([0.0, 0.0, random.uniform(0.0, 0.02)])


@contextmanager
def _elsewhere():
    real, threading.get_ident = threading.get_ident, lambda: ELSEWHERE
    try:
        yield
    finally:
        threading.get_ident = real


@contextmanager
def simulated_threads():
    """Let every runtime that is made in this block have simulated threads."""
    real, runtime.ThreadExecutor = runtime.ThreadExecutor, SimulatedThreads
    try:
        yield
    finally:
        runtime.ThreadExecutor = real
