"""The standard output holds the answer alone, or the command says that it could not be written."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.messages import message

NOISY_TOOLS = """
import ctypes, os, subprocess, sys
from everycall import ToolRegistry

registry = ToolRegistry(timeout=20)
os.write(1, b"the import\\n")

@registry.tool
def chatter() -> str:
    os.write(1, b"the descriptor\\n")
    sys.__stdout__.write("the first stdout\\n")
    if sys.platform != "win32":
        ctypes.CDLL(None).printf(b"the C library\\n")
    subprocess.run([sys.executable, "-c", "print('a child')"], check=True)
    subprocess.run([sys.executable, "-c", "import os; os.write(2, b'a complaint\\\\n')"], check=False)
    return "done"
"""
NOISE = {"the import", "the descriptor", "the first stdout", "the C library", "a child", "a complaint"}
RAN = "import pathlib; pathlib.Path('imported').mkdir()\n"


@pytest.fixture
def noisy(folder):
    (folder / "noisy.py").write_text(NOISY_TOOLS)
    (folder / "noisy.json").write_text(json.dumps(message("chatter")))
    return folder


def started(words, redirections="", **options):
    """Run the command in a shell, with *redirections* as one writes them there."""
    line = f"{sys.executable} -m everycall {words} {redirections}"
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.run(line, shell=True, text=True, timeout=40, check=False, **options)


RUN_NOISY = "run noisy.json --tools noisy:registry"


@pytest.mark.real
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_what_is_written_to_descriptor_1_goes_to_stderr_and_the_answer_stays_json(noisy, unbuffered):
    done = started(RUN_NOISY, env={**os.environ, "PYTHONUNBUFFERED": unbuffered})
    assert done.returncode == 0
    assert [one["content"] for one in json.loads(done.stdout)["results"]] == ["done"]
    assert set(done.stderr.splitlines()) == NOISE - ({"the C library"} if sys.platform == "win32" else set())


@pytest.mark.real
@pytest.mark.parametrize("closed", ["2>&-", "2>&- <&-", "<&-"])
def test_with_other_standard_descriptors_closed_the_answer_is_still_alone(noisy, closed):
    done = started(RUN_NOISY, closed)
    assert (done.returncode, len(json.loads(done.stdout)["results"])) == (0, 1)


@pytest.mark.real
def test_what_a_module_writes_while_it_is_imported_is_no_definition(noisy):
    done = started("tools noisy:registry")
    assert (done.returncode, len(json.loads(done.stdout)), done.stderr) == (0, 1, "the import\n")


def test_descriptor_1_leads_where_it_did_when_the_command_has_ended(noisy, capfd, monkeypatch):
    from everycall.cli import main

    with os.fdopen(os.dup(1), "w") as kept, open(1, "w", closefd=False) as own:
        before = os.fstat(kept.fileno())
        monkeypatch.setattr(sys, "stdout", own)
        assert main(RUN_NOISY.split()) == 0
        assert main(["run", "noisy.json", "--tools", "nowhere:registry"]) == 2
        assert os.path.samestat(before, os.fstat(1))
    out, err = capfd.readouterr()
    assert len(json.loads(out)["results"]) == 1
    assert "the descriptor\n" in err


@pytest.mark.real
def test_the_table_is_as_wide_as_the_terminal_and_noise_stays_off_it(noisy):
    pty = pytest.importorskip("pty")
    import fcntl
    import struct
    import termios

    environment = {key: text for key, text in os.environ.items() if key not in ("COLUMNS", "LINES", "NO_COLOR")}
    terminal, its_side = pty.openpty()
    fcntl.ioctl(its_side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 58, 0, 0))
    done = started(RUN_NOISY, "<noisy.json", stdout=its_side, env={**environment, "TERM": "xterm-256color"})
    os.close(its_side)
    shown = os.read(terminal, 65536).decode()
    os.close(terminal)
    head = next(line for line in shown.splitlines() if "effect" in line)
    assert "call id" not in head  # it does not fit into 58 cells; it would into 80
    assert "\x1b[32msuccess" in shown
    assert not [noise for noise in NOISE if noise in shown]
    assert set(done.stderr.splitlines()) == NOISE


@pytest.mark.real
def test_a_reader_that_goes_away_while_tools_run_is_exit_code_141(noisy):
    words = [sys.executable, "-m", "everycall", *RUN_NOISY.split()]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.close()
    complaint = process.stderr.read()
    process.stderr.close()
    assert process.wait(20) == 141
    assert set(complaint.splitlines()) == NOISE


# --- an answer that cannot be written ------------------------------------------------------------------


@pytest.fixture
def told(folder):
    """Tools whose import leaves a trace."""
    (folder / "told.py").write_text(RAN + (folder / "my_tools.py").read_text())
    return folder


@pytest.mark.real
@pytest.mark.parametrize("output", [">&-", ">/dev/full", "1</dev/null"])
@pytest.mark.parametrize("words", ["run message.json --tools told:registry", "tools told:registry"])
def test_an_output_that_takes_nothing_is_exit_code_74_before_anything_runs(told, output, words):
    if "/dev/full" in output and not Path("/dev/full").exists():
        pytest.skip("this system has no full device")
    done = started(words, output)
    assert (done.returncode, done.stderr.count("\n")) == (74, 1)
    assert done.stderr.startswith("everycall: cannot write the answer: ")
    assert not (told / "imported").exists()


@pytest.mark.real
@pytest.mark.parametrize("output", ["json", "table"])
def test_an_output_that_fails_when_the_tools_have_run_is_exit_code_74(told, output):
    resource = pytest.importorskip("resource")
    with (told / "answer").open("w") as file:
        done = started(
            f"run message.json --tools told:registry --output {output}",
            stdout=file,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)),
        )
    assert (told / "imported").exists()
    assert done.returncode == 74
    assert done.stderr == f"everycall: cannot write the answer: {os.strerror(errno.EFBIG)}\n"


@pytest.mark.real
def test_a_repair_whose_output_cannot_be_written_is_exit_code_74_and_leaves_no_draft(tmp_path):
    resource = pytest.importorskip("resource")
    history, out = tmp_path / "history.json", tmp_path / "out.json"
    history.write_text('[{"role": "user", "content": "hello"}]')
    done = started(f"repair {history} -o {out}", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)))
    assert done.returncode == 74
    assert done.stderr.splitlines()[-1] == f"everycall: nothing was written to {out}"
    assert [one.name for one in tmp_path.iterdir()] == ["history.json"]
    if Path("/dev/full").exists():
        done = started(f"repair {history}", ">/dev/full")
        assert (done.returncode, done.stderr.count("None")) == (74, 0)


@pytest.mark.real
def test_a_complaint_that_cannot_be_written_goes_into_no_answer(folder):
    (folder / "history.json").write_text(json.dumps([message("greet")]))
    done = started("repair history.json", "2>&-")
    assert (done.returncode, len(json.loads(done.stdout))) == (0, 2)
    done = started("run nowhere.json --tools a:b", "2>&-")
    assert (done.returncode, done.stdout) == (2, "")


# --- the standard input --------------------------------------------------------------------------------


@pytest.mark.real
@pytest.mark.parametrize("words", ["run - --tools my_tools:registry", "check -", "repair -"])
def test_a_closed_standard_input_is_one_line_and_exit_code_2(folder, words):
    done = started(words, "<&-")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "the standard input: it is closed" in done.stderr
