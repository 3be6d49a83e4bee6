"""Sync tools on threads. Gates, not sleeps, prove what runs together; blocked threads are let go in the end."""

import contextvars
import threading
import time

import anyio
import pytest

from everycall import Limits, ToolContext, ToolRegistry, ToolRuntime, run_tool_calls
from tests.messages import call, message, numbered

pytestmark = pytest.mark.real
WAIT = 20.0  # seconds after which a test gives up


@pytest.fixture
def gate():
    event = threading.Event()
    yield event
    event.set()


async def test_sync_tools_run_at_the_same_time_in_threads_of_their_own():
    tools = ToolRegistry()
    meeting = threading.Barrier(60, timeout=WAIT)

    @tools.tool
    def meets(n: int) -> str:
        meeting.wait()  # passes only when all sixty are here
        return threading.current_thread().name

    turn = await run_tool_calls(numbered("meets", 60), tools)
    assert turn.ok
    assert set(turn.results[0].content.split("-")[:1]) == {"everycall"}


@pytest.mark.parametrize(
    "error", [ValueError, StopIteration, GeneratorExit, SystemExit, KeyboardInterrupt, TimeoutError, RecursionError]
)
@pytest.mark.row("2.6")
async def test_no_exception_crosses_the_thread_as_an_exception(error):
    tools = ToolRegistry()

    @tools.tool
    def bad() -> None:
        raise error("x")

    @tools.tool
    def good() -> str:
        return "good"

    turn = await run_tool_calls(message("bad", "good"), tools)
    assert [result.code for result in turn.results] == ["tool_error", "ok"]
    assert error.__name__ in turn.results[0].content


@pytest.mark.row("3.1")
async def test_a_thread_that_blocks_does_not_hold_the_turn_and_its_late_value_is_told(gate):
    events = []
    tools = ToolRegistry(timeout=0.2)

    @tools.tool(read_only=True)
    def blocks() -> str:
        gate.wait(WAIT)
        return "late"

    @tools.tool
    def good() -> str:
        return "good"

    async with ToolRuntime(tools, limits=Limits(cancel_grace=0.1), observers=[events.append]) as runtime:
        with anyio.fail_after(WAIT):
            turn = await runtime.run(message("blocks", "good"))
        assert [result.code for result in turn.results] == ["attempt", "ok"]
        assert runtime.statistics().threads_busy == 1
        gate.set()
    assert [event.outcome for event in events if event.name == "late_result"] == ["returned"]
    assert runtime.statistics().threads_busy == 0


@pytest.mark.row("3.2")
async def test_a_place_among_the_threads_is_held_until_the_thread_really_ends(gate):
    tools = ToolRegistry(timeout=0.2)
    started = []

    @tools.tool(read_only=True)
    def blocks(n: int) -> None:
        started.append(n)
        gate.wait(WAIT)

    async with ToolRuntime(tools, limits=Limits(threads=2, cancel_grace=0.1)) as runtime:
        with anyio.fail_after(WAIT):
            turn = await runtime.run(numbered("blocks", 5))
        assert len(started) == 2
        assert [result.code for result in turn.results] == ["attempt", "attempt", *["saturated"] * 3]
        with anyio.fail_after(WAIT):
            again = await runtime.run(numbered("blocks", 1))
        assert again.results[0].code == "saturated"
        gate.set()


async def test_a_tool_can_see_that_it_was_asked_to_stop():
    tools = ToolRegistry()

    @tools.tool(timeout=0.2, read_only=True)
    def polite(ctx: ToolContext) -> str:
        deadline = time.monotonic() + WAIT
        while not ctx.cancelled and time.monotonic() < deadline:
            threading.Event().wait(0.01)
        return f"stopped with {ctx.remaining()} s left"

    turn = await run_tool_calls(message("polite"), tools)
    assert turn.results[0].content == "stopped with 0.0 s left"
    assert turn.results[0].late


@pytest.mark.row("3.6")
async def test_a_coroutine_that_a_sync_function_returns_is_awaited_on_the_loop():
    tools = ToolRegistry()

    async def later() -> str:
        await anyio.sleep(0)
        return threading.current_thread().name

    tools.add(lambda: later(), name="hidden")
    turn = await run_tool_calls(message("hidden"), tools)
    assert turn.results[0].content == threading.current_thread().name


async def test_a_coroutine_that_a_sync_function_returns_is_under_the_same_deadline():
    tools = ToolRegistry(timeout=0.2)
    tools.add(lambda: anyio.sleep(WAIT), name="hidden", read_only=True)
    with anyio.fail_after(WAIT / 2):
        turn = await run_tool_calls(message("hidden"), tools)
    assert turn.results[0].code == "attempt"


async def test_a_sync_tool_under_middleware_runs_in_a_thread():
    async def through(call, proceed):
        return await proceed()

    tools = ToolRegistry(middleware=[through])

    @tools.tool
    def where() -> str:
        return threading.current_thread().name

    turn = await run_tool_calls(message("where"), tools)
    assert turn.results[0].content.startswith("everycall")


async def test_a_thread_under_middleware_is_counted_until_it_really_ends(gate):
    async def through(call, proceed):
        return await proceed()

    events = []
    tools = ToolRegistry(timeout=0.1, middleware=[through])

    @tools.tool(read_only=True)
    def blocks() -> None:
        gate.wait(WAIT)

    limits = Limits(cancel_grace=0.1, linger=0.1)
    async with ToolRuntime(tools, limits=limits, observers=[events.append]) as runtime:
        turn = await runtime.run(message("blocks"))
        assert turn.results[0].code == "attempt"
        await anyio.sleep(0.5)  # the time to linger is over, and who waited for the thread has been stopped
        assert runtime.statistics().threads_busy == 1
        assert runtime.statistics().abandoned == 1
        gate.set()
    assert runtime.statistics().threads_busy == 0
    assert [event.name for event in events].count("late_result") == 1


@pytest.mark.row("7.1")
async def test_a_context_variable_reaches_the_thread_and_nothing_comes_back():
    name = contextvars.ContextVar("name", default="nobody")
    tools = ToolRegistry()

    @tools.tool
    def swaps() -> str:
        before = name.get()
        name.set("the tool")
        return before

    name.set("the host")
    turn = await run_tool_calls(message("swaps"), tools)
    assert turn.results[0].content == "the host"
    assert name.get() == "the host"


@pytest.mark.row("3.4")
async def test_sync_tools_that_run_turns_of_their_own_do_not_deadlock():
    from everycall import run_tool_calls_sync

    tools = ToolRegistry()

    @tools.tool
    def leaf() -> int:
        return 1

    @tools.tool
    def outer(n: int) -> int:
        return run_tool_calls_sync(message("leaf"), tools).results[0].value

    with anyio.fail_after(WAIT):
        turn = await run_tool_calls(message(*[call("outer", {"n": n}, f"c{n}") for n in range(41)]), tools)
    assert turn.ok


@pytest.mark.row("3.8")
async def test_an_effect_is_never_lost_when_a_thread_ends_in_the_instant_of_its_deadline():
    effects, events = [], []
    tools = ToolRegistry()

    @tools.tool(timeout=0.02, read_only=True)
    def close(n: int) -> int:
        threading.Event().wait(0.0199)
        effects.append(n)
        return n

    limits = Limits(cancel_grace=0.001, abandoned=1000, abandoned_per_tool=1000)
    async with ToolRuntime(tools, limits=limits, observers=[events.append]) as runtime:
        turn = await runtime.run(numbered("close", 60))
    late = [event for event in events if event.name == "late_result" and event.outcome == "returned"]
    assert sum(result.ok for result in turn.results) + len(late) == len(effects) == 60
