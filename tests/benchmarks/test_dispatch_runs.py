"""The benchmark of dispatch runs, checks its contenders, and computes what it says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.dispatch import __main__ as command_line
from benchmarks.dispatch import drive
from benchmarks.dispatch.contenders import naive_anyio, naive_asyncio, ours
from benchmarks.dispatch.figures import Figure, figures
from benchmarks.dispatch.questions import CONTENDERS, OURS, REFERENCE, Question, Target, no_op, sleeping
from benchmarks.dispatch.report import Report
from benchmarks.dispatch.tools import TOOLS, message, require_answered
from benchmarks.dispatch.worker import memory_per_call

ROOT = Path(__file__).parents[2]


def samples(question, asyncio, anyio, everycall):
    return {question.name: {"naive asyncio": asyncio, REFERENCE: anyio, OURS: everycall}}


def report(figure, **machine):
    where = {"system": "Linux", "architecture": "x86_64", "cores": 2, "load_before": 0.1, **machine}
    return Report(figures=[figure], rounds=[{}], machine=where, quick=False)


def figure(*, own=1.0, ratio=1.0, target=None):
    medians = dict.fromkeys(CONTENDERS, 1.0) | {OURS: own}
    return Figure(name="a turn", unit="x", medians=medians, ratio=ratio, spread=(ratio, ratio), target=target)


@pytest.mark.real
def test_a_quick_run_has_a_figure_of_every_contender_for_every_question():
    command = [sys.executable, "-m", "benchmarks.dispatch", "--quick", "--json", "--sizes", "3", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [one["name"] for one in told["figures"]] == [
        "no-op, 1 call",
        "no-op, 3 calls",
        "waits once, 1 call",
        "asleep for 0.05 s, 50 calls",
        "blocking for 0.05 s, 10 calls",
        "memory, 50 calls in flight",
        "import",
    ]
    for one in told["figures"]:
        assert list(one["medians"]) == list(CONTENDERS)
        assert min(one["medians"].values()) > 0
    assert all(
        one["medians"][name] >= 1 for one in told["figures"][3:5] for name in CONTENDERS
    )  # nobody beats the ideal
    assert len(told["rounds"]) == 1
    assert set(told["versions"]) >= {"python", "everycall", "anyio", "tenacity", "pydantic", "structlog"}
    assert "no-op, 3 calls" in done.stderr
    assert "Do not quote" in done.stderr


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "ten", "10001", "²"])
def test_a_count_that_is_none_is_refused_before_anything_is_started(text, capsys):
    with pytest.raises(SystemExit) as stop:
        command_line.main([f"--rounds={text}"])
    assert stop.value.code == 2
    assert f"{text!r} is not a whole number from 1 to 10000" in capsys.readouterr().err


def ends_with(monkeypatch, verdict, *options):
    """The exit code of a run of one round in which ours takes *verdict* times the reference's time."""
    question = no_op(1)

    async def run_rounds(asked, *, rounds, least, about, tell):
        return [{one.name: samples(question, 1.0, 10.0, 10.0 * verdict)[question.name] for one in asked}]

    monkeypatch.setattr(command_line, "run_rounds", run_rounds)
    monkeypatch.setattr(command_line, "questions", lambda *, sizes, quick: [question])
    return command_line.main(list(options))


def test_a_missed_target_ends_with_1_only_if_that_was_asked_for(monkeypatch, capsys):
    assert ends_with(monkeypatch, 0.7) == 0
    assert ends_with(monkeypatch, 0.7, "--strict") == 1
    assert "MISSED" in capsys.readouterr().out
    assert ends_with(monkeypatch, 0.5, "--strict") == 0
    assert "MISSED" not in capsys.readouterr().out


def test_a_contender_that_fails_ends_with_2_and_one_line(monkeypatch, capsys):
    async def run_rounds(asked, *, rounds, least, about, tell):
        raise RuntimeError("naive anyio failed: no-op, 1 call; its error is above")

    monkeypatch.setattr(command_line, "run_rounds", run_rounds)
    assert command_line.main([]) == 2
    assert capsys.readouterr().err == "error: naive anyio failed: no-op, 1 call; its error is above\n"


class Told:
    """A contender that answers with the figures it is given; `asked` holds the names in the order of the questions."""

    def __init__(self, name, figures, asked):
        self.name, self._figures, self._asked = name, iter(figures), asked

    async def ask(self, question, least):
        self._asked.append(self.name)
        return next(self._figures)


@pytest.mark.parametrize(("question", "figure", "times"), [(no_op(1), 3.0, 5), (sleeping(1000), 9.0, 1)])
async def test_cpu_time_is_the_median_of_samples_that_are_taken_in_turn(question, figure, times):
    asked = []
    contenders = [Told(name, [9.0, 1.0, 3.0, 2.0, 100.0], asked) for name in "ab"]
    taken = await drive._samples(question, contenders, 0.05, 5, "")
    assert taken == {"a": figure, "b": figure}
    assert [sorted(asked[at : at + 2]) for at in range(0, len(asked), 2)] == [["a", "b"]] * times


@pytest.mark.real
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_process_that_dies_is_an_error_that_names_it_and_its_question(monkeypatch):
    monkeypatch.setattr(drive, "PATIENCE", 20)
    unknown = Question(name="a tool that there is not", measure="cpu", tool="nobody", calls=1, unit="us")
    with pytest.raises(RuntimeError, match="naive asyncio failed: a tool that there is not"):
        async with drive.started("naive asyncio") as asked:
            await asked.ask(unknown, 0.001)


@pytest.mark.real
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_silent_process_is_not_waited_for_and_does_not_outlive_the_benchmark(monkeypatch):
    monkeypatch.setattr(drive, "PATIENCE", 0.1)
    endless = Question(name="endless", measure="cpu", tool="no_op", calls=1, unit="us")
    with pytest.raises(TimeoutError, match=r"did not answer within 0\.1 s: endless"):
        async with drive.started("naive asyncio") as asked:
            await asked.ask(endless, 600.0)
    with pytest.raises(ProcessLookupError):
        os.kill(asked.pid, 0)  # signal 0 only asks whether the process exists


@pytest.mark.real
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("module", [naive_asyncio, naive_anyio, ours], ids=list(CONTENDERS))
@pytest.mark.parametrize("tool", list(TOOLS))
async def test_every_contender_answers_every_call_in_order(module, tool):
    asked = message(tool, 3)
    require_answered(asked, await module.contender(TOOLS)(asked))


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_memory_is_what_a_call_holds_while_it_waits():
    ballast = 64 * 1024

    def heavy(tools):
        run_turn = naive_asyncio.contender(tools)

        async def run_heavy(asked):
            held = [bytes(ballast) for _ in asked["tool_calls"]]
            exchange = await run_turn(asked)
            return exchange if held else []

        return run_heavy

    light = await memory_per_call(naive_asyncio.contender, 20)
    assert 0 < light < 16
    assert await memory_per_call(heavy, 20) - light == pytest.approx(64, rel=0.01)


def result(number, content=None):
    return {"role": "tool", "tool_call_id": f"call_{number:05}", "content": content or f"result {number}"}


@pytest.mark.parametrize(
    ("results", "complaint"),
    [
        ([result(0)], "1 results for 2 calls"),
        ([result(1), result(0)], "the first wrong one: .*call_00001"),
        ([result(0), result(1, "none")], "the first wrong one: .*none"),
    ],
)
def test_a_contender_that_does_less_is_refused(results, complaint):
    asked = message("no_op", 2)
    with pytest.raises(ValueError, match=complaint):
        require_answered(asked, [asked, *results])


def test_a_contender_that_leaves_the_assistant_message_out_is_refused():
    with pytest.raises(ValueError, match="does not begin with the assistant message"):
        require_answered(message("no_op", 2), [result(0), result(1)])


def test_ratios_are_taken_within_a_round_and_the_median_comes_last():
    question = no_op(10)
    rounds = [samples(question, 1, 10, 9), samples(question, 1, 20, 12), samples(question, 5, 100, 70)]
    (made,) = figures([question], rounds)
    assert made.medians == {"naive asyncio": 1, REFERENCE: 20, OURS: 12}
    assert made.ratio == pytest.approx(0.7)  # and not 12 / 20
    assert made.spread == (pytest.approx(0.6), pytest.approx(0.9))


def test_growth_is_a_figure_of_its_own_once_both_sizes_were_asked():
    small, large = no_op(100), no_op(5000)
    one_round = samples(small, 5, 20, 10) | samples(large, 6, 50, 16)
    growth = figures([small, large], [one_round])[-1]
    assert growth.medians == {"naive asyncio": 1.2, REFERENCE: 2.5, OURS: 1.6}
    assert growth.verdict == "MISSED"
    assert len(figures([small], [samples(small, 5, 20, 10)])) == 1


@pytest.mark.parametrize(
    ("own", "ratio", "of", "verdict"),
    [
        (9.0, 1.0, "ratio", "ok"),
        (9.0, 1.01, "ratio", "MISSED"),
        (1.0, 9.0, "own", "ok"),
        (1.01, 0.1, "own", "MISSED"),
    ],
)
def test_a_target_is_met_up_to_and_with_its_bound(own, ratio, of, verdict):
    made = figure(own=own, ratio=ratio, target=Target(of=of, must=1.0, goal=0.5))
    assert made.verdict == verdict
    assert f"{of} <= 1 (0.5)" in report(made).to_table()
    assert report(made).to_table().splitlines()[2].endswith(verdict)


def test_a_figure_without_a_target_has_no_verdict():
    assert figure().verdict == ""
    assert report(figure()).to_dict()["figures"][0]["target"] is None


def test_a_busy_machine_is_told():
    assert "The machine was busy" in report(figure(), load_before=1.5).to_table()
    assert "The machine was busy" not in report(figure(), load_before=0.9).to_table()
    assert "The machine was busy" not in report(figure(), load_before=None).to_table()
