"""The benchmark of the schedule runs, finds a way that answers wrongly, and computes what it says."""

import asyncio
import json
from random import Random

import pytest

from benchmarks import schedule

pytestmark = pytest.mark.real


def test_a_quick_run_has_a_row_for_every_mix_and_every_turn(capsys, monkeypatch):
    monkeypatch.setattr(schedule, "MOST_GROWTH", 1e9)  # what is measured for an instant may be anything
    assert schedule.main(["--quick", "--json"]) == 0
    told = json.loads((printed := capsys.readouterr()).out)
    assert [row["mix"] for row in told["gains"]] == list(schedule.MIXES)
    assert [row["turn"] for row in told["planning"]] == list(schedule.TURNS)
    for row in told["gains"]:
        assert row["seconds"][schedule.OURS] >= row["seconds"]["longest chain"] > 0  # nobody beats the ideal
        assert len(row["rounds"]) == 1
        assert row["mix"] in printed.err
    assert all(list(row["microseconds_per_call"]) == ["10", "100"] for row in told["planning"])
    assert "seed 5" in printed.err


def test_a_way_that_gives_something_else_than_one_by_one_is_refused(monkeypatch):
    async def all_at_once(message, files):
        return await asyncio.gather(*[schedule._bare(call, files) for call in message["tool_calls"]])

    monkeypatch.setattr(schedule, "WAYS", {schedule.SERIAL: schedule.one_by_one, "all at once": all_at_once})
    with pytest.raises(ValueError, match="all at once does not give what running the calls one by one gives"):
        asyncio.run(schedule.one_round("20 files, each read and edited", 5, 0, 0.002))


def test_the_longest_chain_is_that_of_the_calls_in_conflict():
    specs = [("edit", "a"), ("read", "a"), ("read", "a"), ("edit", "b"), ("edit", "a/x"), ("read", "c")]
    message = schedule.message_of(specs, [1.0, 2.0, 3.0, 6.0, 4.0, 7.0])
    assert schedule.longest_chain(message) == 1.0 + 3.0 + 4.0


@pytest.mark.parametrize(("mix", "calls"), [(mix, 24 if "searched" in mix else 40) for mix in schedule.MIXES])
def test_a_mix_has_the_calls_that_its_name_says_and_is_the_same_for_the_same_seed(mix, calls):
    specs = schedule.MIXES[mix](Random(1))
    assert len(specs) == calls
    assert schedule.drawn(mix, 1, 0, 0.05) == schedule.drawn(mix, 1, 0, 0.05)
    assert schedule.drawn(mix, 1, 0, 0.05) != schedule.drawn(mix, 2, 0, 0.05)


@pytest.mark.parametrize(("growth", "code"), [(4.0, 0), (4.1, 1)])
def test_a_cost_that_grows_too_much_ends_with_1(growth, code, capsys, monkeypatch):
    planned = [{"turn": "a turn", "microseconds_per_call": {10: 1.0, 100: growth}, "growth": growth}]
    monkeypatch.setattr(schedule, "gains", lambda *_: [])
    monkeypatch.setattr(schedule, "planning", lambda *_: planned)
    assert schedule.main([]) == code
    assert ("grows more than 4 times per call: a turn" in capsys.readouterr().err) is bool(code)


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "ten", "1001", "²"])
def test_a_count_of_rounds_that_is_none_is_refused(text, capsys):
    with pytest.raises(SystemExit) as stop:
        schedule.main([f"--rounds={text}"])
    assert stop.value.code == 2
    assert f"{text!r} is not a whole number from 1 to 1000" in capsys.readouterr().err
