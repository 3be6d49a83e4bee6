"""Virtual time on both backends: a test of a thousand seconds takes milliseconds, and durations are exact.

Threads and processes do not know of virtual time; tests with those live in `tests/real`, on the real clock.
"""

import asyncio
import os
import random
import signal

import pytest
from hypothesis import HealthCheck, settings
from trio.testing import MockClock

# How long one example takes says more of the machine than of the code: the time limit of the test bounds them all.
settings.register_profile("everycall", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("everycall")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as under nohup: the tests of Ctrl-C want the usual handler
    signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ.setdefault(
    "LITELLM_LOCAL_MODEL_COST_MAP", "True"
)  # litellm fetches a price list when imported, unless told not to


class _JumpingSelector:
    """A selector that moves the clock instead of waiting when nothing is ready."""

    def __init__(self, inner, loop):
        self._inner = inner
        self._loop = loop

    def select(self, timeout=None):
        ready = self._inner.select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            return self._inner.select(None)  # nothing is scheduled: only a real wake-up can help
        self._loop.virtual_now += timeout
        return []

    def __getattr__(self, name):
        return getattr(self._inner, name)


class JumpingLoop(asyncio.SelectorEventLoop):
    """An asyncio loop whose time is a number."""

    def __init__(self):
        self.virtual_now = 1000.0
        super().__init__()
        self._selector = _JumpingSelector(self._selector, self)

    def time(self):
        return self.virtual_now


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    if request.param == "asyncio":
        return "asyncio", {"loop_factory": JumpingLoop}
    return "trio", {"clock": MockClock(autojump_threshold=0)}


@pytest.fixture(autouse=True)
def _seeded():
    random.seed(0)
