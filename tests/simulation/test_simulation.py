"""A short run of the simulation in the suite, and proof that its checker can fail."""

import random
from dataclasses import replace

import pytest

from everycall.turn.collector import Collector
from everycall.turn.supervise import Supervisor
from tests.simulation.__main__ import simulate
from tests.simulation.checker import violations
from tests.simulation.turns import script

BACKENDS = ["asyncio", "trio"]
pytestmark = pytest.mark.filterwarnings("ignore")  # hostile tools leave coroutines and scopes behind


@pytest.fixture(autouse=True)
def _quiet(caplog):
    caplog.set_level("CRITICAL", "everycall")


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_turn_breaks_the_promise(backend):
    found, _ = simulate(backend, 400, 7000)
    assert found["turns"] == 400
    assert found["faults"] > 1000
    assert found["violations"] == 0


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_same_seed_gives_the_same_turns(backend):
    assert simulate(backend, 100, 42) == simulate(backend, 100, 42)
    assert simulate(backend, 100, 42)[1] != simulate(backend, 100, 4242)[1]


def no_grace(supervisor, attempt):
    """Never abandon: the turn waits for tools that refuse."""


def repeats_unsafe(failed, policy, uniform):
    return 0.01 if policy is not None and failed.number < policy.attempts else None


MUTANTS = {
    "a tool that refuses is waited for": (Supervisor, "_grace_over", no_grace),
    "whatever failed is tried again": ("everycall.turn.supervise", "delay_before_next", repeats_unsafe),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_broken_engine_is_found_out(mutant, monkeypatch, capsys):
    where, name, broken = MUTANTS[mutant]
    if isinstance(where, str):
        monkeypatch.setattr(f"{where}.{name}", broken)
    else:
        monkeypatch.setattr(where, name, broken)
    found, _ = simulate("asyncio", 100, 7000)
    assert found["violations"] > 0


def test_a_collector_that_loses_a_result_is_found_out(monkeypatch):
    written = Collector._write

    def loses(collector, position, result):
        written(collector, 0, result)

    monkeypatch.setattr(Collector, "_write", loses)
    try:
        found, _ = simulate("asyncio", 20, 7000)
        assert found["violations"] > 0
    except RuntimeError as error:
        assert "deadlock" in str(error)  # noqa: PT017 -- a turn that never ends is found out as well


def test_the_checker_sees_a_result_that_is_missing():
    record = script(random.Random(1))
    record.done = True
    assert "lost, doubled or out of order" in violations(replace(record, results=()), "asyncio")
