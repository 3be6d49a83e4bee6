"""`everycall run`: what goes in, what comes out, and what is refused before anything runs."""

import base64
import io
import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from everycall import File, Image, Text
from everycall.cli.answer import result_as_json
from everycall.cli.message import MAX_BYTES, MAX_DEPTH
from everycall.core.outcomes import ToolResult
from tests.messages import call, message

GREET = call("greet", {"name": "Ada"})
FIELDS = set(ToolResult.__dataclass_fields__)


def test_in_a_pipe_the_answer_is_json_with_every_field_and_the_exchange(run_message):
    sent = message(GREET)
    answer = run_message(sent)
    assert (answer.code, answer.err) == (0, "")
    assert set(answer.json) == {"results", "exchange"}
    (result,) = answer.json["results"]
    assert set(result) == FIELDS
    assert (result["status"], result["content"], result["value"]) == ("success", "Hello, Ada", "Hello, Ada")
    tool = {"role": "tool", "tool_call_id": "call_greet", "content": "Hello, Ada"}
    assert answer.json["exchange"] == [sent, tool]


def test_a_whole_response_is_taken_from_the_standard_input(folder, everycall, monkeypatch):
    response = {"choices": [{"message": message(GREET), "finish_reason": "tool_calls"}]}
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(response).encode())))
    answer = everycall("run", "-", "--tools", "my_tools:registry")
    assert [result["status"] for result in answer.json["results"]] == ["success"]


def test_a_file_with_a_byte_order_mark_is_read(folder, everycall):
    (folder / "bom.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(message(GREET)).encode())
    assert everycall("run", "bom.json", "--tools", "my_tools:registry").code == 0


def test_strict_is_exit_code_1_unless_all_succeeded(run_message):
    mixed = message(GREET, "fail")
    assert run_message(mixed).code == 0
    assert run_message(mixed, "--strict").code == 1
    assert run_message(message(GREET), "--strict").code == 0


def test_a_failed_call_has_its_error_in_the_json_and_nothing_to_obey(run_message):
    answer = run_message(message("fail"))
    error = answer.json["results"][0]["error"]
    assert error["type"] == "ValueError"
    assert "ValueError" in error["traceback"]
    assert "\x1b" not in answer.out


def test_what_tools_print_does_not_mix_with_the_answer(run_message):
    answer = run_message(message("chat"))
    assert answer.json["results"][0]["value"] == {"n": 1, "nan": "NaN"}
    assert answer.err == "noise\n"


def test_a_result_that_was_cut_shows_its_text_as_its_value(run_message):
    (result,) = run_message(message("long")).json["results"]
    assert result["value"] == result["content"]
    assert len(result["content"]) < 300_000


BEDROCK = {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t1", "name": "draw", "input": {}}}]}


def test_an_image_is_base64_in_result_and_exchange(run_message):
    answer = run_message(BEDROCK)
    data = base64.b64encode(b"\x89PNG").decode()
    image = {"type": "image", "data": data, "url": None, "media_type": "image/png"}
    (result,) = answer.json["results"]
    assert result["content"] == result["value"] == [image]
    assert data in json.dumps(answer.json["exchange"][1])


def test_half_a_character_from_the_model_comes_out_as_it_came_in(run_message):
    sent = message(GREET)
    sent["content"] = "half \ud83d, bell \x07, c1 \x9b31m, right-to-left \u202e, \u00e5 and \U0001f600"
    answer = run_message(json.dumps(sent))
    assert answer.json["exchange"][0] == sent
    assert not set(answer.out) & {"\x07", "\x9b", "\u202e"}
    assert "\u00e5 and \U0001f600" in answer.out


def test_text_stays_text_even_if_it_looks_like_a_number(run_message):
    assert run_message(message("digits")).json["results"][0]["value"] == "123"


def test_every_part_of_a_result_is_a_json_value():
    parts = (Text("a"), Image(data=b"\x00"), File(url="https://example.com/f.pdf", media_type="application/pdf"))
    result = ToolResult(
        call_id="c", tool_name="t", status="success", code="ok", effect="done", content=parts, value=object()
    )
    content = json.loads(json.dumps(result_as_json(result)))["content"]
    assert content == [
        {"type": "text", "text": "a"},
        {"type": "image", "data": "AA==", "url": None, "media_type": "image/png"},
        {
            "type": "file",
            "data": None,
            "url": "https://example.com/f.pdf",
            "media_type": "application/pdf",
            "name": "file",
        },
    ]


@pytest.mark.real
def test_an_output_that_knows_only_ascii_still_gets_json(folder):
    sent = message(call("greet", {"name": "\u00c5sa"}), content="\U0001f600")
    (folder / "given.json").write_text(json.dumps(sent))
    for output in ("json", "table"):
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "everycall",
                "run",
                "given.json",
                "--tools",
                "my_tools:registry",
                "--output",
                output,
            ],
            env={**os.environ, "PYTHONIOENCODING": "ascii"},
            capture_output=True,
            timeout=30,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b"")
        if output == "json":
            assert json.loads(done.stdout.decode("ascii"))["exchange"][0] == sent
            assert json.loads(done.stdout)["results"][0]["value"] == "Hello, \u00c5sa"


def test_a_message_without_calls_has_nothing_to_answer(run_message):
    answer = run_message({"role": "assistant", "content": "Done."}, "--strict")
    assert (answer.code, answer.json) == (0, {"results": [], "exchange": []})
    assert "nothing to answer" in run_message({"role": "assistant", "content": "Done."}, "--output", "table").out


def test_a_key_makes_minted_ids_reproducible(run_message):
    nameless = message(call("greet", {"name": "Ada"}, call_id=None))
    ids = [run_message(nameless, "--key", key).json["results"][0]["call_id"] for key in ("a", "a", "b")]
    assert ids[0] == ids[1] != ids[2]


def test_the_dialect_may_be_named(run_message):
    either = message({"type": "function", "id": "c1", "function": {"name": "greet", "arguments": {"name": "Ada"}}})
    assert "tool_call_id" in run_message(either).json["exchange"][1]
    assert "tool_name" in run_message(either, "--dialect", "ollama").json["exchange"][1]


# --- the table -----------------------------------------------------------------------------------------


def test_the_table_has_a_row_per_call_the_exchange_and_a_summary(run_message):
    answer = run_message(message(GREET, "fail", "nobody"), "--output", "table")
    head, *rows = answer.out.splitlines()[:4]
    assert head.split() == ["#", "tool", "status", "code", "effect", "attempts", "time", "call", "id"]
    assert [row.split()[:6] for row in rows] == [
        ["1", "greet", "success", "ok", "done", "1"],
        ["2", "fail", "error", "tool_error", "unknown", "1"],
        ["3", "nobody", "rejected", "unknown_tool", "none", "0"],
    ]
    assert '{"role": "tool", "tool_call_id": "call_greet", "content": "Hello, Ada"}' in answer.out
    assert answer.out.splitlines()[-1] == "3 calls, 1 succeeded."


def test_text_of_others_is_neither_obeyed_nor_markup(run_message, terminal):
    name = "[red]\x1b]0;title\x07\x1b[2J\u202ename\n[/red]"
    assert run_message(message(call(name), "fail"), terminal=terminal).code == 0
    shown = terminal.getvalue()
    assert "[red]name\\n[/red]" in shown
    assert "[bold]not markup[/bold]" in shown
    for obeyed in ("\x1b]0;", "\x07", "\x1b[2J", "\u202e"):
        assert obeyed not in shown


def test_on_a_terminal_the_answer_is_a_table_in_colour(run_message, terminal):
    assert run_message(message(GREET), terminal=terminal).code == 0
    assert "\x1b[32msuccess" in terminal.getvalue()


def test_a_terminal_without_rich_gets_the_same_table_in_plain_text(run_message, terminal, monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert run_message(message(GREET), terminal=terminal).code == 0
    assert "\x1b" not in terminal.getvalue()
    assert "greet  success  ok" in terminal.getvalue()


def test_a_message_too_long_for_the_screen_is_cut_and_says_so(run_message):
    answer = run_message(message("long"), "--output", "table")
    assert len(answer.out) < 10_000
    assert "more characters]" in answer.out


# --- unusable input ------------------------------------------------------------------------------------


def nested(levels):
    return json.dumps({"role": "assistant", "content": "x"})[:-1] + ', "y": ' + "[" * levels + "]" * levels + "}"


UNUSABLE = {
    "empty": ("", "is empty"),
    "not JSON": ("{'role': 'assistant'}", "is not JSON: Expecting property name"),
    "several values": ('{"a": 1}\n{"b": 2}', "more than one JSON value (the second begins at line 2)"),
    "NaN": ('{"role": NaN}', "a number that is none"),
    "a huge number": ("[" + "1" * 5000 + "]", "far too long"),
    "far too deep": (nested(100_000), "nested"),
    "too deep": (nested(MAX_DEPTH), f"deeper than {MAX_DEPTH} levels"),
    "a number": ("3", "Expected one assistant message or one response"),
    "a history": (json.dumps([{"role": "user", "content": "hi"}, message(GREET)]), "not the history"),
    "a request": (json.dumps({"messages": [message(GREET)]}), "its last message alone"),
    "a user message": (json.dumps({"role": "user", "content": "hi"}), "one of the role 'user'"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_an_unusable_message_is_one_line_and_exit_code_2(run_message, case):
    text, says = UNUSABLE[case]
    answer = run_message(text)
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert answer.err.startswith("everycall: ")
    assert says in answer.err


def test_the_deepest_message_allowed_is_run(run_message):
    assert run_message(nested(MAX_DEPTH - 1)).code == 0


def test_a_message_that_is_not_utf_8_is_refused(folder, everycall):
    (folder / "latin.json").write_bytes(b'{"role": "\xe5"}')
    answer = everycall("run", "latin.json", "--tools", "my_tools:registry")
    assert (answer.code, answer.err) == (2, "everycall: latin.json is not UTF-8, at byte 10.\n")


def test_a_message_without_end_is_refused_after_32_mib(folder, everycall, monkeypatch):
    class Endless(io.RawIOBase):
        given = 0

        def readable(self):
            return True

        def readinto(self, buffer):
            buffer[:] = b" " * len(buffer)
            self.given += len(buffer)
            return len(buffer)

    endless = Endless()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(endless)))
    answer = everycall("run", "-", "--tools", "my_tools:registry")
    assert (answer.code, answer.err) == (
        2,
        "everycall: the standard input is larger than 32 MiB: no assistant message is.\n",
    )
    assert endless.given < 2 * MAX_BYTES


@pytest.mark.parametrize("path", [".", "nowhere.json", "bad\0name"])
def test_a_file_that_cannot_be_read_is_named(folder, everycall, path):
    answer = everycall("run", path, "--tools", "my_tools:registry")
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert answer.err.startswith("everycall: Cannot read ")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--turn-timeout", "nan"], "--turn-timeout must be a finite number of seconds"),
        (["--turn-timeout", "-1"], "--turn-timeout must be"),
        (["--key", ""], "key must be text that is not empty"),
        (["--dialect", "esperanto"], "There is no dialect 'esperanto'"),
        (["--dialect", "gemini"], "no message in the dialect gemini"),
    ],
)
def test_an_option_out_of_range_is_one_line_and_exit_code_2(run_message, words, says):
    answer = run_message(message(GREET), *words)
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert says in answer.err


# --- the tools -----------------------------------------------------------------------------------------

MODULES = {
    "nowhere:registry": ("", "There is no module 'nowhere'"),
    "nowhere.deep:registry": ("", "There is no module 'nowhere'"),
    "my_tools:nothing": ("", "there is no 'nothing'; did you mean my_tools:registry?"),
    "my_tools:Shop.nothing": ("", "there is no 'nothing'"),
    "my_tools:not_a_registry": ("", "is no ToolRegistry but of the type int; did you mean my_tools:registry?"),
    "my_tools": ("", "wants module:attribute"),
    "my_tools.py:registry": ("", "with dots and without .py"),
    "./my_tools:registry": ("", "with dots and without .py"),
    "a..b:registry": ("", "wants module:attribute"),
    ":registry": ("", "wants module:attribute"),
    "syntax:x": ("def (", "does not import: SyntaxError"),
    "raises:x": ("\n\nraise ValueError('first\\nsecond \\x1b[2J')", "ValueError: first\\nsecond"),
    "needs:x": ("import nowhere_at_all", "ModuleNotFoundError: No module named 'nowhere_at_all'"),
    "exits:x": ("raise SystemExit(0)", "SystemExit: 0"),
    "mute:x": (
        "class Mute(Exception):\n    def __str__(self): raise SystemExit\nraise Mute",
        "does not import: Mute",
    ),
    "lazy:x": ("def __getattr__(name): raise RuntimeError('no ' + name)", "'x' cannot be read: RuntimeError: no x"),
    "misuse:x": (
        "from everycall import ToolRegistry\nToolRegistry().add(lambda: 1)",
        "UsageError: ",
    ),
}


@pytest.mark.parametrize("target", MODULES)
def test_tools_that_cannot_be_had_are_one_line_and_exit_code_2(folder, everycall, target):
    source, says = MODULES[target]
    if source:
        (folder / f"{target.partition(':')[0]}.py").write_text(source)
    for words in (["run", "message.json", "--tools", target], ["tools", target]):
        answer = everycall(*words)
        assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
        assert says in answer.err
        assert "\x1b" not in answer.err


def test_a_module_that_raises_is_shown_with_its_line(folder, everycall):
    (folder / "raises.py").write_text("\n\nraise ValueError('no')")
    assert everycall("tools", "raises:x").err.rstrip().endswith("raises.py, line 3)")


def test_the_registry_may_be_an_attribute_of_an_attribute(folder, everycall):
    assert everycall("run", "message.json", "--tools", "my_tools:Shop.registry").code == 0


def test_ctrl_c_while_the_tools_are_imported_is_exit_code_130(folder, everycall):
    (folder / "slow.py").write_text("raise KeyboardInterrupt")
    (folder / "lazy.py").write_text("def __getattr__(name): raise KeyboardInterrupt")
    for target in ("slow:x", "lazy:x"):
        answer = everycall("run", "message.json", "--tools", target)
        assert (answer.code, answer.out, answer.err) == (130, "", "")


def test_nothing_is_imported_for_a_message_that_cannot_be_read(folder, everycall):
    (folder / "deadly.py").write_text("import pathlib; pathlib.Path('imported').touch()")
    assert everycall("run", "nowhere.json", "--tools", "deadly:x").code == 2
    assert not (folder / "imported").exists()


# --- a process of its own ------------------------------------------------------------------------------

SLOW_TOOLS = """
import sys, threading
import anyio
from everycall import ToolRegistry

registry = ToolRegistry(timeout=60)

@registry.tool(read_only=True)
async def quick() -> str:
    return "quick"

@registry.tool(read_only=True)
async def hangs() -> str:
    sys.stderr.write("hanging\\n")
    await anyio.sleep_forever()

@registry.tool(read_only=True)
async def refuses() -> str:
    while True:
        try:
            await anyio.sleep_forever()
        except BaseException:
            pass

@registry.tool
async def clings() -> str:
    sys.stderr.write("hanging\\n")
    try:
        await anyio.sleep_forever()
    finally:
        print("asked to stop", file=sys.stderr, flush=True)
        with anyio.CancelScope(shield=True):
            await anyio.sleep(60)

@registry.tool(read_only=True)
def blocks() -> str:
    sys.stderr.write("blocking\\n")
    threading.Event().wait(60)
"""


@pytest.mark.real
def test_ctrl_c_prints_what_is_known_and_exits_with_130(folder):
    (folder / "slow.py").write_text(textwrap.dedent(SLOW_TOOLS))
    (folder / "slow.json").write_text(json.dumps(message("quick", "refuses", "blocks", "hangs")))
    process = subprocess.Popen(
        [sys.executable, "-m", "everycall", "run", "slow.json", "--tools", "slow:registry"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert {process.stderr.readline() for _ in range(2)} == {"hanging\n", "blocking\n"}
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=20)
    codes = [result["code"] for result in json.loads(out)["results"]]
    assert (process.returncode, codes) == (130, ["ok", "cancelled", "cancelled", "cancelled"])
    assert len(json.loads(out)["exchange"]) == 5
    assert err.endswith("everycall: interrupted; every call has a result\n")
    assert "Traceback" not in err


@pytest.mark.real
def test_a_second_ctrl_c_waits_for_no_tool(folder):
    (folder / "slow.py").write_text(textwrap.dedent(SLOW_TOOLS))
    (folder / "slow.json").write_text(json.dumps(message("quick", "clings")))
    process = subprocess.Popen(
        [sys.executable, "-m", "everycall", "run", "slow.json", "--tools", "slow:registry"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr.readline() == "hanging\n"
    os.kill(process.pid, signal.SIGINT)
    assert process.stderr.readline() == "asked to stop\n"
    asked = time.monotonic()
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert time.monotonic() - asked < 4  # the grace of a tool that is not safe to repeat is 5 s
    assert (process.returncode, [one["code"] for one in json.loads(out)["results"]]) == (130, ["ok", "cancelled"])
    assert "Traceback" not in err


@pytest.mark.real
def test_a_turn_timeout_ends_a_turn_of_tools_that_do_not(folder):
    (folder / "slow.py").write_text(textwrap.dedent(SLOW_TOOLS))
    (folder / "slow.json").write_text(json.dumps(message("quick", "refuses", "blocks", "hangs")))
    done = subprocess.run(
        [sys.executable, "-m", "everycall", "run", "slow.json", "--tools", "slow:registry", "--turn-timeout", "0.2"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    codes = [result["code"] for result in json.loads(done.stdout)["results"]]
    assert (done.returncode, codes) == (0, ["ok", "turn", "turn", "turn"])
    assert "everycall: blocks did not stop: its call was answered while it went on.\n" in done.stderr
    assert "everycall: refuses refused to stop: it was stopped by force.\n" in done.stderr
