"""9. One message never takes unbounded memory, time, threads or log. 11. The child of a fork never goes on with a turn.

12. No viewer executes markup or terminal codes from data.
"""

import json
import logging
import os
import subprocess
import sys
import textwrap
import threading
import time
import tracemalloc

import pytest

import everycall.cli
from everycall import Limits, ToolRegistry, run_tool_calls
from everycall.observers.log import MAX_RECORD
from tests.messages import call, message


class Records(logging.Handler):
    """Keeps what a stdlib handler would write."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(self.format(record))


@pytest.fixture
def records():
    handler = Records()
    logger = logging.getLogger("everycall")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler.lines
    logger.removeHandler(handler)
    logger.setLevel(level)


async def test_9_no_record_of_the_log_is_longer_than_its_bound_whatever_a_model_sends(records):
    tools = ToolRegistry()
    huge = "\\\U0001f600\"'" * 50_000

    @tools.tool
    async def fails() -> None:
        raise ValueError(huge)

    calls = [call(huge, {}, "a"), call("fails", {}, huge), call(huge, huge, huge), call("fails", {}, huge)]
    seen = []
    await run_tool_calls(message(*calls), tools, key=huge, observers=[seen.append])
    assert len(records) > 10
    assert max(len(line.encode()) for line in records) <= MAX_RECORD + 200
    assert max(len(json.dumps(event.to_dict(), ensure_ascii=False)) for event in seen) < 64 << 10


async def test_9_the_log_of_a_message_grows_with_its_calls_and_no_faster(records):
    tools = ToolRegistry()
    await run_tool_calls(message(*[call("x" * 10_000, {}, f"c{n}") for n in range(300)]), tools)
    assert len(records) <= 4 * 300
    assert sum(map(len, records)) <= 300 * 4 * MAX_RECORD


@pytest.mark.parametrize(
    "arguments",
    [
        '{"a":' * 5_000_000,
        '{"a":' + "[" * 3_000_000,
        '{"a":"' + "x" * 20_000_000 + '"}',
        '{"a":' + "9" * 10_000_000 + "}",
        "{" + '"a":1,' * 3_000_000,
        "\ufeff" * 10_000_000,
        "```json\n" * 2_000_000,
    ],
    ids=["objects", "arrays", "text", "digits", "keys", "marks", "fences"],
)
async def test_9_arguments_beyond_the_bound_are_refused_before_they_are_paid_for(arguments):
    tools = ToolRegistry()
    tools.add(lambda a: a, name="t", executor="task")
    sent = message(call("t", arguments))
    tracemalloc.start()
    started = time.process_time()
    turn = await run_tool_calls(sent, tools)
    seconds, (_, peak) = time.process_time() - started, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert turn.results[0].code == "invalid_arguments"
    assert seconds < 2
    assert peak < 4_000_000  # the message itself was there before


async def test_9_the_results_of_a_turn_stay_within_its_bound_together():
    tools = ToolRegistry()

    @tools.tool
    async def much(n: int) -> object:
        return "é" * 200_000 if n % 2 else ["x" * 1000] * 200

    sent = message(*[call("much", {"n": n}, f"c{n}") for n in range(200)])
    turn = await run_tool_calls(sent, tools, limits=Limits(turn_result_bytes=1_000_000))
    sizes = [len(result.content.encode()) for result in turn.results]
    assert turn.ok
    assert sum(sizes) <= 1_000_000
    assert min(sizes) >= 4_900  # each is sure of its share


@pytest.mark.real
def test_9_a_message_of_ten_thousand_sync_calls_takes_no_more_threads_than_the_limit():
    code = """
        import threading, anyio
        from everycall import Limits, ToolRegistry, ToolRuntime
        tools = ToolRegistry()
        most = [0]
        @tools.tool(read_only=True)
        def count(n: int) -> int:
            most[0] = max(most[0], threading.active_count())
            return n
        calls = [{"id": f"c{n}", "type": "function", "function": {"name": "count", "arguments": '{"n": %d}' % n}}
                 for n in range(10_000)]
        async def main():
            async with ToolRuntime(tools, limits=Limits(threads=8)) as runtime:
                turn = await runtime.run({"role": "assistant", "content": None, "tool_calls": calls})
                print(turn.ok, len(turn.results), most[0])
        anyio.run(main)
    """
    done = _python(code)
    ok, results, most = done.stdout.split()
    assert (ok, results) == ("True", "10000"), done.stderr
    assert int(most) <= 8 + 3  # the main thread, and two at most of this library's own
    assert threading.active_count() < 50


@pytest.mark.real
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.row("4.9")
def test_11_the_child_of_a_fork_does_not_go_on_with_the_turn(backend, tmp_path):
    ran = tmp_path / "ran"
    code = f"""
        import os, anyio
        from everycall import ToolRegistry, run_tool_calls
        tools = ToolRegistry()
        @tools.tool
        async def forks() -> str:
            os.fork()
            await anyio.sleep(0.2)
            return "forked"
        @tools.tool
        async def pays() -> str:
            await anyio.sleep(0.5)
            with open({str(ran)!r}, "a") as file:
                file.write("paid ")
            return "paid"
        calls = [{{"id": name, "type": "function", "function": {{"name": name, "arguments": "{{}}"}}}}
                 for name in ("forks", "pays")]
        async def main():
            turn = await run_tool_calls({{"role": "assistant", "content": None, "tool_calls": calls}}, tools)
            print("answered", [result.content for result in turn.results], flush=True)
        anyio.run(main, backend={backend!r})
    """
    done = _python(code)
    assert done.stdout.count("answered") == 1, done.stderr
    assert "answered ['forked', 'paid']" in done.stdout
    time.sleep(0.7)  # noqa: TID251 -- the child is no child of ours, so there is nothing else to wait for
    assert ran.read_text() == "paid "


def _python(code):
    return subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


EVIL = (
    "\x1b[31mred\x1b]8;;http://evil\x07link\x1b]8;;\x07\x1b[2J\x9b1m"
    "\u202ereversed\u2066\u200b\U000e0041[bold red]m[/]\r\nforged"
)
FORBIDDEN = ("\x1b", "\x9b", "\x07", "\r", "\u202e", "\u2066", "\u200b", "\U000e0041")


@pytest.mark.parametrize("output", ["json", "table"])
@pytest.mark.row("11.5")
def test_12_the_command_line_shows_no_terminal_code_from_data(output, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil_tools.py").write_text(
        textwrap.dedent(f"""
            from everycall import ToolContext, ToolError, ToolRegistry
            registry = ToolRegistry()
            EVIL = {EVIL!r}
            @registry.tool
            async def returns(ctx: ToolContext) -> str:
                ctx.report_progress(1, message=EVIL)
                return EVIL
            @registry.tool
            async def raises() -> str:
                raise ValueError(EVIL)
            @registry.tool
            async def says() -> str:
                raise ToolError(EVIL)
        """),
        "utf-8",
    )
    sent = message("returns", "raises", "says", call(EVIL, {}, EVIL), call("returns", EVIL, "x"))
    (tmp_path / "message.json").write_text(json.dumps(sent), "utf-8")
    monkeypatch.delitem(sys.modules, "evil_tools", raising=False)
    assert everycall.cli.main(["run", "message.json", "--tools", "evil_tools:registry", "--output", output]) == 0
    out, err = capsys.readouterr()
    for code in FORBIDDEN:
        assert code not in out + err, repr(code)
    assert not any(line.startswith("forged") for line in (out + err).splitlines())
    assert "red" in out  # what is meant to be read is still there


async def test_12_a_log_line_cannot_be_forged_and_holds_no_terminal_code(records):
    tools = ToolRegistry()

    @tools.tool
    async def raises() -> str:
        raise ValueError(EVIL)

    await run_tool_calls(message("raises", call(EVIL, {}, EVIL)), tools, key=EVIL)
    text = "\n".join(records)
    for code in FORBIDDEN:
        assert code not in text
    assert not any(line.startswith("forged") for line in text.splitlines())
    assert any(line.startswith("  | ") for line in text.splitlines())
