"""`everycall demo`: the turn on a bad day ends on time, whole, on any output; and so does the process."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

from everycall.cli.demo.script import SCRIPT
from everycall.history import check

pytestmark = pytest.mark.real
pty = pytest.importorskip("pty")

EXPECTED = {
    "get_weather": ("success", "ok", "done", 1),
    "get_invoice": ("error", "tool_error", "none", 1),
    "search_flights": ("success", "ok", "done", 3),
    "track_parcel": ("timeout", "attempt", "none", 1),
    "import_contacts": ("timeout", "attempt", "unknown", 1),
    "resize_photos": ("success", "ok", "done", 1),
    "convert_currency": ("rejected", "invalid_arguments", "none", 0),
    "send_pigeon": ("rejected", "unknown_tool", "none", 0),
    "mean_delay": ("success", "ok", "done", 1),
}
WITHOUT_RICH = "import sys; sys.modules['rich'] = None; from everycall.cli import main; sys.exit(main(sys.argv[1:]))"
LAST_LINE = re.compile(r"9 calls, 9 results, in [1-9]\d*\.\d s: the next request is valid\.")


def demo(*words, program=("-m", "everycall"), **environment):
    return subprocess.run(
        [sys.executable, *program, "demo", *words],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def on_a_terminal(width, program=("-m", "everycall")):
    """Run the demo on a pseudo terminal. Returns its exit code and all that it wrote."""
    terminal, its_side = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(width), "LINES": "40"}
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen(
        [sys.executable, *program, "demo"], stdin=its_side, stdout=its_side, stderr=its_side, env=environment
    )
    os.close(its_side)
    written = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # how a pseudo terminal says that its other side is closed
            break
        if not piece:
            break
        written += piece
    os.close(terminal)
    return process.wait(20), written.decode()


@pytest.fixture(scope="module")
def in_a_pipe():
    return demo()


@pytest.fixture(scope="module")
def as_json():
    return demo("--output", "json")


def test_the_story_is_told_for_every_call():
    assert list(EXPECTED) == [name for name, _, _ in SCRIPT]


def test_every_call_ends_as_the_story_says_and_is_answered_in_order(as_json):
    assert (as_json.returncode, as_json.stderr) == (0, "")
    results = json.loads(as_json.stdout)["results"]
    ended = {one["tool_name"]: (one["status"], one["code"], one["effect"], one["attempts"]) for one in results}
    assert ended == EXPECTED
    assert [one["call_id"] for one in results] == [f"call_{n}" for n in range(1, 10)]


def test_the_blocking_tool_outlasts_the_others_and_succeeds(as_json):
    results = json.loads(as_json.stdout)["results"]
    assert max(results, key=lambda one: one["duration"])["tool_name"] == "resize_photos"


def test_the_exchange_is_one_that_a_provider_takes(as_json):
    exchange = json.loads(as_json.stdout)["exchange"]
    assert len(exchange) == 1 + len(SCRIPT)
    assert check([{"role": "user", "content": "x"}, *exchange], "openai-chat") == []


def test_in_a_pipe_it_is_plain_text_with_progress_table_exchange_and_verdict(in_a_pipe):
    assert (in_a_pipe.returncode, in_a_pipe.stderr) == (0, "")
    out = in_a_pipe.stdout
    assert "\x1b" not in out
    assert out.count("goes on") == 1
    assert re.search(r"\d s  search_flights  attempt 3 follows in 0\.40 s\n", out)
    assert re.search(r"^3  search_flights +success +ok +done +3 ", out, re.MULTILINE)
    assert re.search(r'^\{"role": "tool", "tool_call_id": "call_9", "content": ', out, re.MULTILINE)
    assert "import_contacts refused to stop: it was stopped by force.\n" in out
    assert LAST_LINE.fullmatch(out.splitlines()[-1])


def test_it_takes_a_few_seconds_in_all_and_the_process_exits_promptly():
    started = time.monotonic()
    done = demo()
    assert LAST_LINE.search(done.stdout)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_without_rich_it_is_the_same_story_at_any_width(width):
    code, written = on_a_terminal(width, ("-c", WITHOUT_RICH))
    assert code == 0
    assert "\x1b" not in written
    assert LAST_LINE.search(written)
    assert ("attempts 3" in written) == (width < 80)


def test_on_a_terminal_the_progress_is_shown_in_place_and_gone_in_the_end():
    code, written = on_a_terminal(100)
    assert code == 0
    assert "attempt 1 runs" in written
    assert "\x1b[2K" in written  # the live view is wiped, line by line
    assert LAST_LINE.search(written)
    assert "attempt 1 runs" not in written[written.rindex("attempts") :]


def test_a_proxy_in_the_environment_is_not_asked():
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        proxy = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        done = demo("--output", "json", http_proxy=proxy, HTTP_PROXY=proxy)
    results = json.loads(done.stdout)["results"]
    assert [one["status"] for one in results] == [status for status, *_ in EXPECTED.values()]


def test_an_output_that_knows_only_ascii_gets_escapes_instead_of_an_error():
    done = demo(PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert LAST_LINE.search(done.stdout)


def test_ctrl_c_prints_what_is_known_and_exits_with_130():
    process = subprocess.Popen(
        [sys.executable, "-m", "everycall", "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for line in process.stdout:
        if "attempt 1 failed" in line:
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (130, "")
    assert "interrupted  cancelled" in out
    assert "9 calls, 9 results" in out


def test_a_machine_that_allows_no_port_is_one_line(monkeypatch, capsys):
    from everycall.cli import demo as module
    from everycall.cli import main

    def refuse():
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(module, "DemoServer", refuse)
    assert main(["demo", "--output", "json"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "everycall: the demo needs a port on 127.0.0.1: Operation not permitted\n"


def test_a_broken_promise_is_said_and_exits_with_1(monkeypatch, capsys):
    from everycall.cli import demo as module
    from everycall.cli import main

    monkeypatch.setattr(module, "check", lambda messages, dialect: check(messages[:-1], dialect))
    assert main(["demo"]) == 1
    assert capsys.readouterr().out.rstrip().endswith("the next request is NOT valid.")
