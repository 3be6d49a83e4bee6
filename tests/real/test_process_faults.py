"""Hostile tools in processes of their own: each gets its honest result, and the next innocent call is fine."""

import json
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import anyio
import pytest

from everycall import Limits, ToolRegistry, ToolRuntime, run_tool_calls
from everycall.core.outcomes import STATUS_OF
from tests.real import process_zoo as zoo

pytestmark = pytest.mark.real
WAIT = 40.0  # seconds after which a test gives up
MEMORY = 256 << 20


def says(*calls):
    return {"role": "assistant", "content": None, "tool_calls": [
        {"id": f"c{n}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for n, (name, arguments) in enumerate(calls, 1)
    ]}  # fmt: skip


def is_alive(pid):
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


async def until(condition):
    with anyio.fail_after(WAIT):
        while not condition():  # noqa: ASYNC110 -- another process
            await anyio.sleep(0.02)


async def run_beside_innocents(function, arguments=None, **options):
    """Run a hostile tool between innocent calls, and one after it in a place it has used; return its result."""
    options.setdefault("timeout", WAIT)
    tools = ToolRegistry(timeout=WAIT)
    tools.add(function, executor="process", **options)
    tools.add(zoo.add, executor="process")
    limits = Limits(processes=1, cancel_grace=1.0, unsafe_cancel_grace=1.0, queue_timeout=None)
    hostile = (function.__name__, arguments or {})
    async with ToolRuntime(tools, limits=limits) as runtime:
        with anyio.fail_after(WAIT):
            turn = await runtime.run(says(("add", {"x": 1}), hostile, ("add", {"x": 2})))
            assert [turn.results[0].value, turn.results[2].value] == [2, 3]
            after = await runtime.run(says(("add", {"x": 3})))
        assert after.results[0].value == 4
        now = runtime.statistics()
        assert (now.processes_busy, now.abandoned_in_all) == (0, 0)
    result = turn.results[1]
    assert result.status == STATUS_OF[result.code]
    return result


DEATHS = {
    zoo.segfault: "SIGSEGV",
    zoo.leaves: "exit code 3",
    zoo.ends_well: "exit code 0",
    zoo.kills_itself: "SIGKILL",
    zoo.aborts: "SIGABRT",
    zoo.closes_every_descriptor: "exit code 71",
    zoo.forks_without_hooks_and_dies: "exit code 5",
}


@pytest.mark.parametrize("function", DEATHS, ids=lambda one: one.__name__)
@pytest.mark.row("4.1")
async def test_a_process_that_dies_is_one_crashed_call_that_says_of_what(function):
    result = await run_beside_innocents(function)
    assert (result.code, result.effect, result.retryable) == ("crashed", "unknown", False)
    assert (result.error.type, result.error.message) == ("WorkerCrashed", DEATHS[function])
    assert DEATHS[function] in result.content
    assert "It may have taken effect" in result.content


async def test_the_crash_of_a_read_only_tool_has_no_effect_and_may_be_tried_again():
    result = await run_beside_innocents(zoo.leaves, read_only=True)
    assert (result.code, result.effect, result.retryable) == ("crashed", "none", True)


@pytest.mark.row("7.3")
async def test_an_overflow_of_the_c_stack_ends_one_process():
    result = await run_beside_innocents(zoo.overflows_the_stack)
    assert result.code in ("crashed", "tool_error")


async def test_what_was_printed_last_is_in_the_error_of_a_crash_within_bounds_and_cleaned():
    result = await run_beside_innocents(zoo.prints_and_dies, {"size": 1_000_000})
    printed = result.error.traceback
    assert printed.endswith("from a child\nthe last words")
    assert len(printed.encode()) <= 8192
    assert "words" not in result.content
    where = (await run_beside_innocents(zoo.segfault)).error.traceback
    assert "about to die" in where
    assert "in segfault" in where


@pytest.mark.row("4.3")
async def test_what_a_tool_prints_goes_nowhere_and_its_input_is_empty(capfd):
    result = await run_beside_innocents(zoo.prints, {"size": 1_000_000})
    assert result.value == "quiet"
    assert capfd.readouterr() == ("", "")
    assert (await run_beside_innocents(zoo.reads_stdin)).value == ""


@pytest.mark.row("7.4")
async def test_memory_beyond_its_bound_is_an_error_of_the_call():
    result = await run_beside_innocents(zoo.takes_memory, {"size": 1 << 30}, memory_bytes=MEMORY)
    assert (result.code, result.error.type) == ("tool_error", "MemoryError")
    fine = await run_beside_innocents(zoo.takes_memory, {"size": 1 << 20}, memory_bytes=MEMORY)
    assert fine.value == 1 << 20


async def test_a_process_that_has_filled_up_is_not_used_again():
    tools = ToolRegistry(timeout=WAIT)
    tools.add(zoo.hoards, executor="process", memory_bytes=MEMORY)
    async with ToolRuntime(tools, limits=Limits(processes=1)) as runtime:
        results = [(await runtime.run(says(("hoards", {"size": 100 << 20})))).results[0] for _ in range(3)]
    assert [result.code for result in results] == ["ok"] * 3
    assert len({result.value for result in results}) == 3


async def test_cpu_time_beyond_its_bound_ends_the_process_and_the_bound_is_of_one_call():
    started = time.monotonic()
    result = await run_beside_innocents(zoo.burns_cpu, cpu_seconds=1, read_only=True)
    assert (result.code, result.error.message, result.retryable) == ("crashed", "SIGXCPU", False)
    assert "more CPU time than the 1 s it may" in result.content
    assert time.monotonic() - started < WAIT / 2
    tools = ToolRegistry(timeout=WAIT)
    tools.add(zoo.burns, executor="process", cpu_seconds=1)
    async with ToolRuntime(tools, limits=Limits(processes=1)) as runtime:
        codes = [(await runtime.run(says(("burns", {"seconds": 0.8})))).results[0].code for _ in range(3)]
    assert codes == ["ok"] * 3


NEVER_ENDING = [
    zoo.sleeps,
    zoo.hogs_the_gil,
    zoo.blocks_its_loop,
    zoo.swallows_its_cancellation,
    zoo.ignores_signals,
    zoo.stops_itself,
    zoo.closes_every_descriptor_and_stays,
]


@pytest.mark.parametrize("function", NEVER_ENDING, ids=lambda one: one.__name__)
@pytest.mark.row("1.15")
async def test_what_does_not_end_is_killed_within_its_grace(function):
    result = await run_beside_innocents(function, timeout=0.7)
    assert (result.code, result.effect, result.attempts) == ("attempt", "unknown", 1)
    assert result.duration < 0.7 + 1.0 + 1.0
    assert result.error.message == "SIGKILL"


@pytest.mark.row("4.4")
async def test_the_children_of_a_killed_process_die_with_it(tmp_path):
    path = tmp_path / "pids"
    result = await run_beside_innocents(zoo.has_children, {"path": str(path)}, timeout=1.5)
    assert result.code == "attempt"
    pids = [int(one) for one in path.read_text().split()]
    assert len(pids) == 2
    await until(lambda: not any(map(is_alive, pids)))


async def test_outer_cancellation_kills_what_runs_in_a_process(tmp_path):
    path = tmp_path / "pid"
    tools = ToolRegistry(timeout=WAIT)
    tools.add(zoo.hangs_and_says_so, executor="process", read_only=True)
    async with ToolRuntime(tools, limits=Limits(cancel_grace=1.0)) as runtime:
        turn = runtime.open_turn(says(("hangs_and_says_so", {"path": str(path)})))
        async with anyio.create_task_group() as group:
            group.start_soon(turn.run)
            await until(lambda: path.exists() and path.read_text().endswith("\n"))
            group.cancel_scope.cancel()
        assert (turn.results[0].code, turn.results[0].effect) == ("cancelled", "none")
        assert not is_alive(int(path.read_text()))


@pytest.mark.row("4.9")
async def test_a_forked_child_that_returns_never_speaks_for_its_parent():
    assert (await run_beside_innocents(zoo.forks)).value == "child ended with 70"
    assert (await run_beside_innocents(zoo.forks_a_survivor)).value == "parent"


async def test_a_channel_that_was_replaced_by_another_file_or_socket_is_never_written_to(tmp_path):
    path = tmp_path / "precious"
    path.write_text("as it was")
    result = await run_beside_innocents(zoo.reuses_the_descriptors, {"path": str(path)})
    assert (result.code, result.error.message) == ("crashed", "exit code 71")
    assert path.read_text() == "as it was"
    other = await run_beside_innocents(zoo.reuses_the_descriptors, {"path": ""}, timeout=5)
    assert (other.code, other.error.message) == ("crashed", "exit code 71")


async def test_a_message_about_another_call_is_heard_by_nobody():
    text = json.dumps({"call": 99, "end": "value", "notes": [], "text": "a lie"})
    assert (await run_beside_innocents(zoo.forges_and_returns, {"text": text})).value == "the truth"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("ffffffff", "announced 4,294,967,295 bytes"),
        ("00000003" + b"abc".hex(), "no message"),
    ],
)
@pytest.mark.row("4.7")
async def test_garbage_on_the_channel_ends_the_process(data, said):
    result = await run_beside_innocents(zoo.writes_to_the_channel, {"data": data})
    assert (result.code, result.error.message) == ("crashed", "broken channel")
    assert said in result.content


async def test_a_flood_of_frames_about_nothing_ends_the_process():
    data = (len(b"{}").to_bytes(4, "big") + b"{}") * 6000
    result = await run_beside_innocents(zoo.writes_to_the_channel, {"data": data.hex()})
    assert (result.code, result.error.message) == ("crashed", "broken channel")
    assert "another call" in result.content


@pytest.mark.row("4.8")
async def test_a_frame_that_never_ends_is_bounded_by_the_time_of_the_call():
    result = await run_beside_innocents(zoo.writes_to_the_channel, {"data": "00001000aa"}, timeout=0.7)
    assert result.code == "attempt"


async def test_a_channel_that_was_shut_is_a_crash():
    result = await run_beside_innocents(zoo.shuts_the_channel)
    assert result.code == "crashed"


async def test_a_message_that_means_nothing_ends_the_process():
    text = json.dumps({"call": 1, "end": "value", "notes": [], "parts": [{"part": "gun"}]})
    tools = ToolRegistry(timeout=WAIT)
    tools.add(zoo.forges, executor="process")
    async with ToolRuntime(tools) as runtime:
        with anyio.fail_after(WAIT):
            result = (await runtime.run(says(("forges", {"text": text})))).results[0]
    assert (result.code, result.error.message) == ("crashed", "broken channel")


async def test_what_a_forged_error_says_of_itself_is_bounded_and_cleaned():
    told = {
        "call": 1, "end": "raise", "type": "T" * 9999, "message": "\x1b[31m" + "m" * 9999, "traceback": "t" * 99999,
        "line": "l" * 9999, "effect": "maybe", "retry_after": -1, "transient": True,
    }  # fmt: skip
    tools = ToolRegistry(timeout=WAIT)
    tools.add(zoo.forges, executor="process")
    async with ToolRuntime(tools) as runtime:
        with anyio.fail_after(WAIT):
            result = (await runtime.run(says(("forges", {"text": json.dumps(told)})))).results[0]
    assert (result.code, result.effect) == ("tool_error", "unknown")
    assert len(result.error.type) <= 200
    assert len(result.error.message) <= 2000
    assert "\x1b" not in result.error.message
    assert len(result.error.traceback) <= 8192
    assert len(result.content) < 2500
    assert "at the earliest" not in result.content


@pytest.mark.parametrize("function", [zoo.unpicklable, zoo.evil], ids=lambda one: one.__name__)
@pytest.mark.row("4.7")
async def test_a_value_that_cannot_be_sent_is_refused_and_nothing_is_unpickled(function):
    result = await run_beside_innocents(function)
    assert (result.code, result.effect) == ("invalid_result", "done")


@pytest.mark.row("4.8")
async def test_a_value_is_bounded_in_its_process():
    result = await run_beside_innocents(zoo.huge, {"size": 1_000_000}, max_result_bytes=1000)
    assert len(result.content) <= 1000
    assert len(result.value) == 1_000_000
    huge = await run_beside_innocents(zoo.huge, {"size": 64 << 20})
    assert huge.code == "ok"
    assert len(huge.value) <= 16 << 20


async def test_a_flood_of_progress_fills_no_memory_and_loses_nothing():
    events = []
    tools = ToolRegistry(timeout=WAIT)
    tools.add(zoo.floods_with_progress, executor="process")
    async with ToolRuntime(tools, observers=[events.append]) as runtime:
        with anyio.fail_after(WAIT):
            assert (await runtime.run(says(("floods_with_progress", {"n": 500})))).ok
    told = [event for event in events if event.name == "progress_reported"]
    assert [event.done for event in told] == list(range(500))
    assert max(len(event.message) for event in told) <= 1000


async def test_the_words_of_a_thread_that_a_call_left_behind_are_heard_by_nobody():
    events = []
    tools = ToolRegistry(timeout=WAIT)
    tools.add(zoo.leaves_a_thread, executor="process")
    tools.add(zoo.naps, executor="process")
    async with ToolRuntime(tools, limits=Limits(processes=1), observers=[events.append]) as runtime:
        with anyio.fail_after(WAIT):
            assert (await runtime.run(says(("leaves_a_thread", {})))).ok
            count = len([event for event in events if event.name == "progress_reported"])
            assert (await runtime.run(says(("naps", {"seconds": 0.3})))).ok
    assert len([event for event in events if event.name == "progress_reported"]) == count


async def test_five_hundred_calls_leave_no_descriptor_no_thread_and_no_process_behind():
    def held():
        return len(list(Path("/proc/self/fd").iterdir()))

    tools = ToolRegistry(timeout=WAIT)
    tools.add(zoo.add, executor="process")
    tools.add(zoo.leaves, executor="process")
    before = None
    for _ in range(2):
        async with ToolRuntime(tools, limits=Limits(processes=2, queue_timeout=None)) as runtime:
            with anyio.fail_after(WAIT):
                turn = await runtime.run(says(*[("add", {"x": n}) for n in range(250)], *[("leaves", {})] * 4))
            assert [result.value for result in turn.results[:250]] == [n + 1 for n in range(250)]
        before = before or held()
    await until(lambda: held() <= before)


# --- the end of the host ---

HOST = """
import json, os, signal, sys, threading, time
sys.path.insert(0, {root!r})
import anyio
from everycall import Limits, ToolRegistry, ToolRuntime, run_tool_calls
from tests.real import process_zoo as zoo

path, backend = sys.argv[1:]
tools = ToolRegistry(timeout={timeout})
tools.add(zoo.{tool}, executor="process", read_only=True)
tools.add(zoo.who, executor="process")

def says(name, arguments):
    call = {{"id": "a", "type": "function", "function": {{"name": name, "arguments": json.dumps(arguments)}}}}
    return {{"role": "assistant", "content": None, "tool_calls": [call]}}

async def main():
    idle = await run_tool_calls(says("who", {{}}), tools)
    print(idle.results[0].value, flush=True)
    turn = await run_tool_calls(says("{tool}", {{"path": path}}), tools)
    print(turn.results[0].code, flush=True)

anyio.run(main, backend=backend)
print("ended", time.monotonic(), flush=True)
"""
ROOT = str(Path(__file__).parents[2])


def host(tool, path, backend, timeout):
    program = textwrap.dedent(HOST).format(root=ROOT, tool=tool, timeout=timeout)
    return subprocess.Popen(
        [sys.executable, "-c", program, str(path), backend], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("tool", ["hangs_and_says_so", "hogs_the_gil_and_says_so"])
@pytest.mark.row("4.5")
async def test_workers_die_with_their_host(tool, tmp_path, anyio_backend):
    path = tmp_path / "pids"
    with host(tool, path, anyio_backend, WAIT) as process:
        try:
            await until(lambda: path.exists() and path.read_text().endswith("\n"))
            pids = [int(one) for one in path.read_text().split()]
            assert is_alive(pids[0])
        finally:
            process.kill()
        idle = int(process.stdout.readline())
    await until(lambda: not is_alive(pids[0]) and not is_alive(idle))


async def test_a_program_ends_promptly_after_a_worker_hung_and_leaves_nothing(tmp_path, anyio_backend):
    path = tmp_path / "pids"
    started = time.monotonic()
    with host("has_children", path, anyio_backend, 1.0) as process:
        out, err = await anyio.to_thread.run_sync(lambda: process.communicate(timeout=WAIT))
    assert process.returncode == 0, err
    idle, code, *_ = out.split()
    assert code == "attempt"
    assert err == ""
    assert time.monotonic() - started < WAIT / 2
    pids = [int(one) for one in path.read_text().split()]
    await until(lambda: not any(map(is_alive, [int(idle), *pids])))


async def test_run_tool_calls_without_a_runtime_shares_its_workers_between_turns():
    tools = ToolRegistry(timeout=WAIT)
    tools.add(zoo.who, executor="process")
    pids = {(await run_tool_calls(says(("who", {})), tools)).results[0].value for _ in range(3)}
    assert len(pids) == 1


async def test_a_forked_host_lets_go_of_its_workers():
    tools = ToolRegistry(timeout=WAIT)
    tools.add(zoo.who, executor="process")
    async with ToolRuntime(tools) as runtime:
        before = (await runtime.run(says(("who", {})))).results[0].value
        child = os.fork()
        if child == 0:
            os._exit(len(_links()))
        _, status = os.waitpid(child, 0)  # noqa: ASYNC222 -- it ends at once
        assert status == 0
        assert (await runtime.run(says(("who", {})))).results[0].value == before


def _links():
    from everycall.executors.process import link

    return link._links
