"""Threads, signals, loops that close, other loops: parts 3, 4 and 10 of the fault model, in real time."""

import re
import sys
from pathlib import Path

import anyio
import pytest

from everycall import Limits, ToolRegistry, ToolRuntime, UsageError, run_tool_calls
from tests.messages import message, numbered

pytestmark = pytest.mark.real
SOURCE = Path(__file__).parents[2] / "src" / "everycall"
WAIT = 20.0
BACKENDS = pytest.mark.parametrize("backend", ["asyncio", "trio"])


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param


@pytest.mark.row("3.5")
async def test_a_sync_tool_may_run_an_event_loop_of_its_own():
    import asyncio

    import trio

    tools = ToolRegistry()

    async def inside() -> str:
        await anyio.sleep(0.01)
        return "inside"

    tools.add(lambda: asyncio.run(inside()), name="asyncio_run")
    tools.add(lambda: trio.run(inside), name="trio_run")
    tools.add(lambda: anyio.run(inside), name="anyio_run")
    turn = await run_tool_calls(message("asyncio_run", "trio_run", "anyio_run"), tools)
    assert [result.content for result in turn.results] == ["inside"] * 3


@pytest.mark.row("3.6")
async def test_a_generator_that_a_sync_tool_returns_is_refused_and_its_effect_is_done():
    tools = ToolRegistry()

    def generator():
        yield 1

    tools.add(lambda: generator(), name="generates")
    turn = await run_tool_calls(message("generates"), tools)
    assert (turn.results[0].code, turn.results[0].effect) == ("invalid_result", "done")


@BACKENDS
@pytest.mark.row("3.9", "10.2")
def test_a_thread_that_ends_after_its_loop_was_closed_harms_nobody_and_is_logged(backend, program):
    lines, status, complaint = program(
        """
        import logging
        logging.basicConfig(format="%(message)s", stream=sys.stdout)
        gate = threading.Event()

        @tools.tool(read_only=True, timeout=0.1)
        def blocks() -> str:
            gate.wait(20)
            return "late"

        async def main():
            turn = await run_tool_calls(message("blocks"), tools, limits=Limits(cancel_grace=0.1))
            print(turn.results[0].code)

        anyio.run(main, backend=backend)
        gate.set()
        time.sleep(0.3)
        print("alive")
        """,
        backend,
    )
    assert lines[-1] == "alive", complaint
    assert "attempt" in lines
    assert any("after its event loop was closed" in line for line in lines)
    assert status == 0


@pytest.mark.row("10.2")
def test_a_loop_that_closes_interrupts_the_calls_of_a_turn_that_nobody_awaits(program):
    lines, status, complaint = program(
        """
        @tools.tool
        async def writes() -> None:
            await anyio.sleep(100)

        @tools.tool(read_only=True, retry=Retry())
        async def reads() -> None:
            await asyncio.sleep(100)

        @tools.tool
        async def own() -> None:
            raise asyncio.CancelledError

        turn = open_turn(message("writes", "reads", "own"), tools)

        async def main():
            keep.append(asyncio.create_task(turn.run()))
            await asyncio.sleep(0.1)

        keep = []
        asyncio.run(main())
        print([(result.code, result.effect) for result in turn.results], turn.done)
        """,
        "asyncio",
    )
    assert lines == ["[('cancelled', 'unknown'), ('cancelled', 'none'), ('tool_error', 'unknown')] True"], complaint
    assert status == 0


@pytest.mark.row("3.11")
def test_no_thread_is_ever_ended_by_an_exception_from_outside():
    for path in SOURCE.rglob("*.py"):
        assert "SetAsyncExc" not in path.read_text("utf-8"), path


@pytest.mark.row("3.12")
async def test_sync_tools_that_share_a_lock_run_one_after_the_other_if_they_say_so():
    import threading

    held = threading.Lock()
    tools = ToolRegistry()

    @tools.tool(max_concurrency=1)
    def locks(n: int) -> bool:
        if not held.acquire(blocking=False):
            return False
        threading.Event().wait(0.01)
        held.release()
        return True

    turn = await run_tool_calls(numbered("locks", 10), tools)
    assert all(result.value for result in turn.results)


@BACKENDS
@pytest.mark.row("4.11")
def test_on_sigterm_a_service_can_settle_its_turns_and_leave(backend, program):
    lines, status, complaint = program(
        """
        @tools.tool(read_only=True)
        async def slow() -> None:
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
            await anyio.sleep(20)

        @tools.tool
        async def quick() -> str:
            return "quick"

        async def main():
            turn = open_turn(message("slow", "quick"), tools)
            signal.signal(signal.SIGTERM, lambda *_: turn.cancel("SIGTERM"))
            await turn.run()
            print([result.code for result in turn.results])
            sys.exit(143)

        anyio.run(main, backend=backend)
        """,
        backend,
    )
    assert (lines, status) == (["['cancelled', 'ok']"], 143), complaint


@BACKENDS
@pytest.mark.row("4.12")
def test_ctrl_c_reaches_the_host_and_every_call_has_its_result(backend, program):
    lines, status, complaint = program(
        """
        signal.signal(signal.SIGINT, signal.default_int_handler)

        @tools.tool(read_only=True)
        async def slow() -> None:
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
            await anyio.sleep(20)

        @tools.tool
        async def quick() -> str:
            return "quick"

        turn = open_turn(message("slow", "quick"), tools)
        try:
            anyio.run(turn.run, backend=backend)
        except KeyboardInterrupt:
            print("KeyboardInterrupt")
        print([result.code for result in turn.results], turn.done)
        """,
        backend,
    )
    assert lines == ["KeyboardInterrupt", "['cancelled', 'ok'] True"], complaint
    assert status == 0


@pytest.mark.row("10.1")
async def test_a_runtime_that_is_left_with_running_calls_ends_them_and_is_empty():
    tools = ToolRegistry()

    @tools.tool(read_only=True)
    async def hangs() -> None:
        await anyio.sleep_forever()

    with anyio.fail_after(WAIT):
        async with anyio.create_task_group() as group, ToolRuntime(tools, limits=Limits(linger=0.1)) as runtime:
            turn = runtime.open_turn(message("hangs"))
            group.start_soon(turn.run)
            await anyio.sleep(0.1)
    assert [result.code for result in turn.results] == ["cancelled"]
    assert runtime.statistics().turns == runtime.statistics().abandoned == 0


LOOPS = {
    "uvloop": "import uvloop; loop_factory = uvloop.new_event_loop",
    "eager tasks": """
def loop_factory():
    loop = asyncio.new_event_loop()
    loop.set_task_factory(asyncio.eager_task_factory)
    return loop
""",
    "debug": """
def loop_factory():
    loop = asyncio.new_event_loop()
    loop.set_debug(True)
    return loop
""",
}


@pytest.mark.row("10.5")
@pytest.mark.parametrize("kind", LOOPS)
def test_other_event_loops_keep_the_promise(kind, program):
    if kind == "uvloop":
        pytest.importorskip("uvloop")
    if kind == "eager tasks" and sys.version_info < (3, 12):
        pytest.skip("eager tasks came with Python 3.12")
    lines, status, complaint = program(
        LOOPS[kind]
        + """
@tools.tool
async def good() -> str:
    await anyio.sleep(0.01)
    return "good"

@tools.tool(read_only=True, timeout=0.1)
async def swallows() -> None:
    while True:
        try:
            await anyio.sleep(20)
        except BaseException:
            pass

@tools.tool
async def raises() -> None:
    raise asyncio.CancelledError

async def main():
    turn = await run_tool_calls(message("good", "swallows", "raises"), tools, limits=Limits(cancel_grace=0.1))
    print([result.code for result in turn.results])

with asyncio.Runner(loop_factory=loop_factory) as runner:
    runner.run(main())
""",
        "asyncio",
    )
    assert lines == ["['ok', 'attempt', 'tool_error']"], complaint
    assert status == 0


@pytest.mark.row("10.8")
def test_no_time_is_read_from_the_clock_of_the_wall():
    for path in SOURCE.rglob("*.py"):
        assert not re.search(r"\btime\.time\(|datetime\.(now|utcnow)\(", path.read_text("utf-8")) or (
            path.name == "transient.py"  # `Retry-After` may be a date, and a date is the wall's
        ), path


@pytest.mark.row("10.7")
async def test_an_observer_that_cancels_or_is_slow_cannot_break_a_turn():
    scope = anyio.CancelScope()

    def cancels(event):
        if event.name == "call_settled":
            scope.cancel()

    tools = ToolRegistry()
    tools.add(lambda: "fine", name="fine", executor="task")
    with scope:
        turn = await run_tool_calls(message("fine"), tools, observers=[cancels])
    assert [result.code for result in turn.results] == ["ok"]


@pytest.mark.row("10.4")
@BACKENDS
def test_a_coroutine_that_was_given_up_does_not_spin_in_the_shutdown(backend, program):
    lines, status, complaint = program(
        """
        import gc

        @tools.tool(read_only=True, timeout=0.1)
        async def refuses() -> None:
            while True:
                try:
                    await anyio.sleep(20)
                except BaseException:
                    pass

        async def main():
            async with ToolRuntime(tools, limits=Limits(cancel_grace=0.1, linger=0.1)) as runtime:
                turn = await runtime.run(message("refuses"))
            print(turn.results[0].code, runtime.statistics().abandoned)

        anyio.run(main, backend=backend)
        gc.collect()
        print("ended")
        """,
        backend,
    )
    assert lines == ["attempt 0", "ended"], complaint
    assert status == 0


@BACKENDS
@pytest.mark.parametrize("other", ["asyncio", "trio"])
def test_a_runtime_is_refused_on_another_event_loop_and_runs_nothing_there(backend, other):
    ran = []
    tools = ToolRegistry()
    tools.add(lambda: ran.append(1), name="t")
    sent = message("t")

    async def elsewhere(runtime):
        with pytest.raises(UsageError, match="entered on another event loop"):
            await runtime.run(sent)
        with pytest.raises(UsageError, match="entered on another event loop"):
            await runtime.open_turn(sent).run()

    def on_other_loop(runtime):
        anyio.run(elsewhere, runtime, backend=other)

    async def main():
        async with ToolRuntime(tools) as runtime:
            await runtime.run(sent)
            with anyio.fail_after(WAIT):
                await anyio.to_thread.run_sync(on_other_loop, runtime)

    anyio.run(main, backend=backend)
    assert ran == [1]
