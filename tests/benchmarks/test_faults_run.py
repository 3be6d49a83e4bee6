"""The fault matrix runs: scripted contenders in this process, everycall and hostile programs in their own."""

import html
import json
import os
import re
import stat
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest

from benchmarks.faults import __main__ as command_line
from benchmarks.faults import drive, venvs, world
from benchmarks.faults.catalogue import FAULTS
from benchmarks.faults.contenders import CONTENDERS, OURS
from benchmarks.faults.contenders.openai_shape import as_message, read
from benchmarks.faults.drive import Record, run_one
from benchmarks.faults.judge import CELLS, judge
from benchmarks.faults.page import to_html
from benchmarks.faults.report import Report
from benchmarks.faults.shapes import Call, NotExpressibleError
from benchmarks.faults.worker import run

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "fault-matrix.md"
TABLE = ROOT / "docs" / "explanation" / "fault-matrix.html"


@pytest.fixture
def facts(tmp_path, monkeypatch):
    """Returns the facts written so far."""
    monkeypatch.setattr(world, "_at", {})
    world.open_at(str(tmp_path / "facts"))
    yield lambda: world.read(tmp_path / "facts")
    os.close(world._at["file"])


def scripted(behave):
    """A contender whose answers to calls are *behave(call, tools)*, one after the other."""

    async def open_conversation(tools, script, fault):
        by_name = {tool.__name__: tool for tool in tools}
        history = []

        async def say():
            history.append({"role": "user", "content": "go on"})
            while True:
                message = as_message(script.answer(read(history)))
                history.append(message)
                if "tool_calls" not in message:
                    return
                for call in message["tool_calls"]:
                    content = await behave(call, by_name)
                    history.append({"role": "tool", "tool_call_id": call["id"], "content": content})

        return say

    return open_conversation


async def careful(call, tools):
    try:
        made = tools[call["function"]["name"]](**json.loads(call["function"]["arguments"]))
        return str(await made) if hasattr(made, "__await__") else str(made)
    except Exception as error:
        return f"error: {error}"


async def careless(call, tools):
    made = tools[call["function"]["name"]](**json.loads(call["function"]["arguments"]))
    return str(await made) if hasattr(made, "__await__") else str(made)


async def lying(call, tools):
    answer = await careful(call, tools)
    return "all went well" if "no such customer" in answer else answer


@pytest.mark.real
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_contender_that_answers_every_call_passes_the_row(facts):
    await run(scripted(careful), FAULTS["value-error"])
    assert judge(FAULTS["value-error"], facts(), 0).whole


@pytest.mark.real
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_contender_that_raises_is_asked_once_more_and_judged_by_what_it_kept(facts):
    await run(scripted(careless), FAULTS["value-error"])
    row = judge(FAULTS["value-error"], facts(), 0)
    assert row.note == "raised ValueError"
    assert {name: cell.mark for name, cell in row.cells.items()} == {
        "answered": "fail",
        "siblings": "fail",
        "on time": "pass",
        "honest": "n/a",
        "unharmed": "pass",
    }


@pytest.mark.real
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_contender_that_tells_a_failure_as_a_success_fails_that_cell_alone(facts):
    await run(scripted(lying), FAULTS["value-error"])
    row = judge(FAULTS["value-error"], facts(), 0)
    assert [name for name, cell in row.cells.items() if cell.mark == "fail"] == ["honest"]


@pytest.mark.real
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_mark_that_reaches_the_caller_is_seen(facts):
    await run(scripted(careful), FAULTS["context-variable"])  # it awaits the tools in the caller's own task
    row = judge(FAULTS["context-variable"], facts(), 0)
    assert row.cells["unharmed"].why.startswith("seen by ")


@pytest.mark.parametrize("arguments", ['{"a": ', "[1]", "null", "[" * 100_000])
def test_arguments_that_are_no_object_cannot_be_said_in_a_shape_of_objects(arguments):
    with pytest.raises(NotExpressibleError):
        Call(call_id="1", name="tool", arguments=arguments).values()


@pytest.mark.real
def test_the_matrix_of_everycall_runs_in_processes_and_tells_its_own_failures(tmp_path):
    told = {one: tmp_path / one for one in ("json", "markdown", "html")}
    command = [sys.executable, "-m", "benchmarks.faults", "--contenders", OURS]
    command += ["--faults", "value-error,swallow-always,process-exit,system-exit-child"]
    command += [part for name, path in told.items() for part in (f"--{name}", str(path))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=55, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    rows = Report.from_dict(json.loads(told["json"].read_text())).rows()
    assert rows["value-error", OURS].whole
    assert rows["swallow-always", OURS].whole
    assert rows["process-exit", OURS].note == "the process ended: exit code 3"
    assert rows["system-exit-child", OURS].note == "SystemExit ended the program"
    assert "| process-exit | ✗ A S T U |" in told["markdown"].read_text()
    assert "answered: the process ended: exit code 3" in told["html"].read_text()


@pytest.mark.real
def test_a_run_that_was_stored_is_judged_again_and_tells_the_same(tmp_path, capsys):
    record = run_one(OURS, sys.executable, "cancelled-error", tmp_path)
    stored = tmp_path / "run.json"
    report = Report(date="2026-01-01", records=[record], missing={"langgraph": "no wheel"}, system="here")
    stored.write_text(json.dumps(report.to_dict()))
    assert command_line.main(["--again", str(stored)]) == 0
    assert capsys.readouterr().out == report.to_markdown() + "\n"
    assert list(tmp_path.iterdir()) == [stored]


def program(tmp_path, *lines):
    """An interpreter that runs these lines of shell, whatever it is told to run; `$5` is where facts belong."""
    path = tmp_path / "python"
    path.write_text("\n".join(["#!/bin/sh", *lines]))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().split()[2] == "Z"


@pytest.mark.real
def test_a_process_without_an_end_is_killed_with_its_children(tmp_path, monkeypatch):
    monkeypatch.setattr(drive, "PATIENCE", 0.5)
    note = """printf '{"what": "begun"}\\n{"what": "cut o' > "$5" """
    python = program(tmp_path, note, "sleep 60 &", f"echo $! > {tmp_path}/child", "sleep 60")
    record = run_one(OURS, python, "hang", tmp_path)
    assert record.exit_code is None
    assert record.facts == [{"what": "begun"}]
    child = int((tmp_path / "child").read_text())
    until = time.monotonic() + 5
    while not gone(child) and time.monotonic() < until:
        os.sched_yield()
    assert gone(child)


@pytest.mark.real
def test_a_process_that_does_not_start_is_an_error_and_no_verdict_but_the_facts_are_kept(tmp_path, monkeypatch, capsys):
    python = program(tmp_path, "echo 'ModuleNotFoundError: no module' >&2", "exit 1")
    monkeypatch.setattr(command_line, "interpreters", lambda names, folder, tell: ({"langgraph": python}, {}))
    assert command_line.main(["--faults", "hang", "--json", str(tmp_path / "run.json")]) == 2
    captured = capsys.readouterr()
    assert captured.err.splitlines()[-1] == (
        "error: langgraph did not start under hang: ModuleNotFoundError: no module"
    )
    assert captured.out == ""
    (record,) = json.loads((tmp_path / "run.json").read_text())["records"]
    assert record["complaint"] == "ModuleNotFoundError: no module"


@pytest.mark.real
def test_a_process_that_does_not_start_gets_a_second_chance(tmp_path):
    note = """printf '{"what": "begun"}\\n' > "$5" """
    python = program(tmp_path, f"if mkdir {tmp_path}/first; then exit 1; fi 2>/dev/null", note)
    (record,) = drive.run_all({"langgraph": python}, ["hang"], jobs=1, tell=print)
    assert record.facts == [{"what": "begun"}]


def test_a_contender_that_cannot_be_installed_is_named_and_not_dropped(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(venvs, "_why_not", lambda name, python: "" if name == OURS else "no virtual environment")
    monkeypatch.setattr(venvs, "_install", lambda name, folder: "ERROR: no matching distribution")
    found, missing = venvs.interpreters([OURS, "langgraph"], tmp_path, print)
    assert found == {OURS: sys.executable}
    assert missing == {"langgraph": "ERROR: no matching distribution"}
    assert capsys.readouterr().out == "installing langgraph\n"
    report = Report(date="2026-01-01", records=[], missing=missing, system="here")
    assert (
        "- langgraph: not asked, it could not be installed: `ERROR: no matching distribution`" in report.to_markdown()
    )
    assert "not installed: ERROR: no matching distribution" in to_html(report)


@pytest.mark.real
def test_what_is_not_installed_here_is_told_without_a_folder_for_it(monkeypatch):
    imports = {"langgraph": "a_module_that_there_is_not"}
    monkeypatch.setattr(venvs, "CONTENDERS", {"langgraph": type("Named", (), {"imports": imports["langgraph"]})})
    found, missing = venvs.interpreters(["langgraph"], None, print)
    assert found == {}
    assert missing == {"langgraph": "ModuleNotFoundError: No module named 'a_module_that_there_is_not'"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--faults", "nothing"], "'nothing' is none of: hang, "),
        (["--contenders", "everycall,nobody"], "'nobody' is none of: everycall, langgraph, "),
        (["--jobs", "9"], "invalid choice: "),
    ],
)
def test_an_unknown_word_is_refused_before_anything_is_started(arguments, complaint, capsys):
    with pytest.raises(SystemExit) as stop:
        command_line.main(arguments)
    assert stop.value.code == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "Expecting property name"),
        ("{}", "it is not the JSON of a run: KeyError('records')"),
        ('{"records": [1]}', "it is not the JSON of a run: TypeError"),
        (
            json.dumps(
                {
                    "date": "",
                    "system": "",
                    "missing": {},
                    "records": [{"contender": "nobody", "fault": "hang", "facts": [], "exit_code": 0}],
                }
            ),
            "it knows what this version does not: nobody",
        ),
    ],
)
def test_a_file_that_is_no_stored_run_ends_with_2_and_one_line(text, complaint, tmp_path, capsys):
    path = tmp_path / "run.json"
    path.write_text(text)
    assert command_line.main(["--again", str(path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {path}: {complaint}")


def test_a_file_that_is_not_there_ends_with_2_and_one_line(tmp_path, capsys):
    assert command_line.main(["--again", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err.startswith("error: [Errno 2]")


def test_list_names_every_fault(capsys):
    with pytest.raises(SystemExit) as stop:
        command_line.main(["--list"])
    assert stop.value.code == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(FAULTS)


def record(contender, fault, *facts, exit_code=0):
    return Record(contender=contender, fault=fault, facts=[{"what": "begun"}, *facts], exit_code=exit_code)


def test_the_page_escapes_what_others_have_said_and_loads_nothing():
    hostile = '<script>alert("x")</script>'
    said = record("langgraph", "hang", {"what": "program ended", "error": hostile})
    versions = {"what": "versions", "found": {"langgraph": hostile}}
    report = Report(
        date=hostile,
        records=[said, record("langgraph", "swallow-once", versions)],
        missing={"google-adk": hostile},
        system=hostile,
    )
    page = to_html(report)
    assert "<script" not in page
    assert html.escape(hostile) in page
    assert "default-src 'none'" in page
    assert not re.search(r"(src|href)=", page)


class _Tables(HTMLParser):
    """Reads the rows of the tables of a page as lists of text."""

    def __init__(self):
        super().__init__()
        self.rows = []
        self.inside = False

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        elif tag in {"td", "th"}:
            self.rows[-1].append("")
            self.inside = True

    def handle_endtag(self, tag):
        self.inside = self.inside and tag not in {"td", "th"}

    def handle_data(self, data):
        if self.inside:
            self.rows[-1][-1] += data


def published():
    reader = _Tables()
    reader.feed(TABLE.read_text("utf-8"))
    return reader.rows


def test_the_published_page_and_its_table_tell_the_same():
    page = PAGE.read_text("utf-8")
    totals = [row for row in published() if re.search(r"^\d+ of \d+$", row[-1])]
    assert {row[0] for row in totals} | set(re.findall(r"- (\S+): not asked", page)) == set(CONTENDERS)
    for row in totals:
        assert f"| {' | '.join(row)} |" in page
    for row in published():
        name = next((one for one in FAULTS if row[0] == one + FAULTS[one].about), None)
        if name:
            signs = " | ".join(cell[0] if cell[0] in "✓✗" else "n/a" for cell in row[1:])
            told = next(line for line in page.splitlines() if line.startswith(f"| {name} |"))
            assert re.sub(r"✗( [A-Z])+", "✗", told) == f"| {name} | {signs} |"


def test_the_published_table_has_every_fault_of_this_version():
    told = {row[0] for row in published()}
    assert {name + one.about for name, one in FAULTS.items()} <= told


def test_the_published_page_says_how_each_contender_was_set_up_and_what_each_cell_is():
    page = PAGE.read_text("utf-8")
    for one in CONTENDERS.values():
        assert one.settings in page.replace("\n  ", " ")
    for name in CELLS:
        assert f"| {name} |" in page
