"""Fixtures for loops that are driven against the fake provider."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

import pytest

from everycall.testing import AssistantTurn, FakeProvider


@pytest.fixture
def provider_for() -> Iterator[Callable[[Sequence[AssistantTurn]], FakeProvider]]:
    """Return a function from a script to a running provider; all are closed after the test."""
    with ExitStack() as running:
        yield lambda script: running.enter_context(FakeProvider(script))
