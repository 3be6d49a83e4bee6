"""What all commands have in common: help, version, one clear line for bad input, exit codes."""

import subprocess
import sys
from pathlib import Path

import pytest

import everycall as package

COMMANDS = ["run", "tools", "demo", "check", "repair"]


def test_the_version_is_that_of_the_package(everycall):
    answer = everycall("--version")
    assert (answer.code, answer.out) == (0, f"everycall {package.__version__}\n")


def test_the_help_names_every_command_and_shows_examples(everycall):
    answer = everycall("--help")
    assert answer.code == 0
    for command in COMMANDS:
        assert f"\n    {command} " in answer.out
    assert "everycall run message.json --tools" in answer.out


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_a_help_page_with_its_exit_codes(everycall, command):
    answer = everycall(command, "--help")
    assert answer.code == 0
    assert answer.out.startswith(f"usage: everycall {command}")
    assert command == "tools" or "Exit codes:" in answer.out


def test_without_a_command_the_help_is_shown_and_nothing_succeeded(everycall):
    answer = everycall()
    assert answer.code == 2
    assert answer.out == ""
    assert "commands:" in answer.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["dance"], "invalid choice: 'dance'"),
        (["run"], "required: MESSAGE.json, --tools"),
        (["run", "x.json", "--tools", "a:b", "--turn-timeout", "soon"], "invalid float value: 'soon'"),
        (["run", "x.json", "--tools", "a:b", "--output", "xml"], "invalid choice: 'xml'"),
        (["demo", "--out", "json"], "unrecognized arguments: --out json"),
        (["run", "a\x1b[2Jb", "--nope"], "required: --tools"),
        (["tools", "a:b", "--\x1b[2J\nx"], "unrecognized arguments: --\\nx"),
    ],
)
def test_words_that_make_no_sense_are_one_line_and_exit_code_2(everycall, words, says):
    answer = everycall(*words)
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err.count("\n") == 1
    assert says in answer.err
    assert "--help" in answer.err
    assert "\x1b" not in answer.err


PROBE = "import sys; from everycall.cli import main; main({words}); print(*sorted(sys.modules), file=sys.stderr)"


def modules_after(*words):
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(words=list(words))], capture_output=True, text=True, timeout=30, check=True
    )
    return done.stderr.split()


@pytest.mark.real
def test_a_command_does_not_import_the_others():
    loaded = modules_after("tools", "--help")
    assert "everycall.cli.tools" in loaded
    assert not {"everycall.cli.history", "everycall.cli.demo", "everycall.cli.run", "rich", "trio"} & set(loaded)


@pytest.mark.real
def test_a_reader_that_goes_away_is_no_traceback():
    program = "import sys; from everycall.cli import main; sys.exit(main(['demo', '--output', 'json']))"
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    complaint = process.stderr.read()
    process.stderr.close()
    assert (process.wait(20), complaint) == (141, b"")


@pytest.mark.real
def test_python_dash_m_is_the_same_command():
    done = subprocess.run(
        [sys.executable, "-m", "everycall", "run", "nowhere.json", "--tools", "a:b"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "everycall: Cannot read nowhere.json: No such file or directory.\n"


def test_an_output_that_cannot_be_written_is_one_line_and_no_traceback(tmp_path):
    if not Path("/dev/full").exists():
        pytest.skip("this system has no full device")
    history = tmp_path / "history.json"
    history.write_text('[{"role": "user", "content": "hello"}]')
    words = [sys.executable, "-m", "everycall", "check", str(history)]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, timeout=30, check=False)
    assert done.returncode == 74
    assert "No space left" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_closed_output_is_no_traceback():
    words = f"{sys.executable} -m everycall tools x:y >&-"
    done = subprocess.run(words, shell=True, stderr=subprocess.PIPE, text=True, timeout=30, check=False)
    assert done.returncode == 74
    assert "Traceback" not in done.stderr
