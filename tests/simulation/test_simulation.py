"""A short run of the simulation in the suite, and proof that its checker can fail."""

import os
import random
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.simulation import exhaustive
from tests.simulation.behaviours import BEHAVIOURS
from tests.simulation.checker import violations
from tests.simulation.mutant_table import MUTANTS
from tests.simulation.mutants import Mutant, Stale, applied, found_out, mutated
from tests.simulation.run import simulate
from tests.simulation.script import World, draw
from tests.simulation.twins import differences

BACKENDS = ["asyncio", "trio"]
pytestmark = pytest.mark.filterwarnings("ignore")  # hostile tools leave coroutines and scopes behind


@pytest.fixture(autouse=True)
def _quiet(caplog):
    caplog.set_level("CRITICAL", "everycall")


@pytest.mark.parametrize("first", range(10_000, 60_000, 10_000))
@pytest.mark.parametrize("backend", BACKENDS)
def test_no_turn_breaks_the_promise(backend, first):
    found = simulate(backend, 1000, first)  # five times: 5,000 turns on each backend
    assert found.turns >= 1000
    assert found.faults > 2000
    assert found.violations == 0


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_same_seed_gives_the_same_turns(backend):
    assert simulate(backend, 100, 42).digest == simulate(backend, 100, 42).digest
    assert simulate(backend, 100, 42).digest != simulate(backend, 100, 4242).digest


def test_the_same_seed_gives_the_same_turns_in_another_process():
    command = [sys.executable, "-m", "tests.simulation", "--turns", "150", "--seed", "42"]
    said = [
        subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True)
        for seed in ("1", "2")
    ]
    digests = [re.findall("digest [0-9a-f]{16}", one.stdout) for one in said]
    assert len(digests[0]) == 2
    assert digests[0] == digests[1]


def test_a_turn_that_is_wrong_is_printed_with_the_command_that_replays_it(capsys):
    mutant = next(one for one in MUTANTS if "nothing has happened whenever" in one.breaks)
    with applied(mutant, mutated(mutant)):
        simulate("asyncio", 50, 500_000)
        said = capsys.readouterr().err.splitlines()
        turns = int(re.search(r"--seed 500000 --turns (\d+) --show", said[1]).group(1))
        simulate("asyncio", turns, 500_000)
        assert capsys.readouterr().err.splitlines()[:2] == said[:2]


def test_the_page_names_every_broken_engine():
    page = (Path(__file__).parents[2] / "docs/explanation/how-it-is-tested.md").read_text()
    assert [one.breaks for one in MUTANTS if f"| {one.breaks} |" not in page] == []


@pytest.mark.parametrize("seed", range(25))
def test_neither_the_backend_nor_an_onlooker_nor_a_faulty_sibling_changes_what_becomes_of_a_call(seed):
    assert differences(seed) == []


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_order_of_finish_timeout_and_cancellation_of_two_calls_ends_as_the_contract_says(backend):
    count, wrong = exhaustive.run(backend, most_calls=2)
    assert count > 500
    assert wrong == []


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_seventh_order_of_three_calls_ends_as_the_contract_says(backend):
    count, wrong = exhaustive.run(backend, every=7)
    assert count > 500
    assert wrong == []


def test_the_script_has_more_than_fifty_kinds_of_tools():
    assert len(BEHAVIOURS) > 50


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.breaks.replace(" ", "-"))
def test_a_broken_engine_is_found_out(mutant):
    assert found_out(mutant) is not None


def test_a_mutant_that_no_longer_fits_the_engine_fails():
    with pytest.raises(Stale):
        mutated(Mutant("x", "turn.judge:judge_stop", "this text is not there", ""))
    with pytest.raises(Stale):
        mutated(Mutant("x", "turn.judge:no_such_function", "", ""))


def test_the_checker_sees_a_result_that_is_missing():
    record = draw(random.Random(1), "trio", "t", World())
    record.done = True
    assert "I1: lost or doubled" in violations(replace(record, results=()))
