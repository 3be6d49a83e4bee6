"""What is over a limit is answered, never raised."""

import anyio
import pytest

from everycall import Limits, Retry, ToolRegistry, ToolRuntime, TransientToolError, UsageError, run_tool_calls
from tests.messages import call, message, numbered


def counting(most, *, seconds=1.0):
    running = [0]

    async def counted(n: int) -> int:
        running[0] += 1
        most[0] = max(most[0], running[0])
        await anyio.sleep(seconds)
        running[0] -= 1
        return n

    return counted


async def test_without_a_limit_everything_runs_at_once():
    most = [0]
    tools = ToolRegistry()
    tools.add(counting(most), name="counted")
    started = anyio.current_time()
    await run_tool_calls(numbered("counted", 500), tools)
    assert most == [500]
    assert anyio.current_time() - started == pytest.approx(1)


async def test_max_concurrency_of_a_tool_holds_and_is_used_to_the_full():
    most = [0]
    tools = ToolRegistry()
    tools.add(counting(most), name="counted", max_concurrency=7)
    started = anyio.current_time()
    turn = await run_tool_calls(numbered("counted", 70), tools)
    assert turn.ok
    assert most == [7]
    assert anyio.current_time() - started == pytest.approx(10)


async def test_the_concurrency_of_a_turn_holds_over_all_tools():
    most = [0]
    tools = ToolRegistry()
    shared = counting(most)
    tools.add(shared, name="a")
    tools.add(shared, name="b", max_concurrency=1)
    sent = message(*[call("ab"[n % 2], {"n": n}, f"c{n}") for n in range(12)])
    turn = await run_tool_calls(sent, tools, limits=Limits(concurrency=3))
    assert turn.ok
    assert most == [3]


async def test_a_call_that_gets_no_place_in_time_is_rejected():
    tools = ToolRegistry()
    tools.add(counting([0], seconds=8), name="counted", max_concurrency=1)
    turn = await run_tool_calls(numbered("counted", 3), tools, limits=Limits(queue_timeout=5))
    assert [result.code for result in turn.results] == ["ok", "queue_timeout", "queue_timeout"]
    assert [result.effect for result in turn.results] == ["done", "none", "none"]
    assert turn.results[1].queued == pytest.approx(5)


async def test_a_retry_gives_its_place_back_while_it_waits():
    starts = []
    tools = ToolRegistry()

    @tools.tool(max_concurrency=1, read_only=True, retry=Retry(attempts=2, initial=10, jitter=False))
    async def flaky(n: int) -> int:
        starts.append(n)
        if n == 0 and starts.count(0) == 1:
            raise TransientToolError("busy")
        await anyio.sleep(1)
        return n

    started = anyio.current_time()
    turn = await run_tool_calls(numbered("flaky", 3), tools)
    assert turn.ok
    assert starts == [0, 1, 2, 0]
    assert anyio.current_time() - started == pytest.approx(11)


async def test_the_time_to_queue_does_not_count_for_a_call_that_has_run_and_waits_again():
    starts = []
    tools = ToolRegistry(timeout=100)

    @tools.tool(max_concurrency=1, read_only=True, retry=Retry(attempts=2, initial=1, jitter=False))
    async def flaky(n: int) -> int:
        starts.append(n)
        await anyio.sleep(8)
        if n == 1 and starts.count(1) == 1:
            raise TransientToolError("busy")
        return n

    turn = await run_tool_calls(numbered("flaky", 4), tools, limits=Limits(queue_timeout=30))
    assert starts == [0, 1, 2, 3, 1]
    assert turn.ok


async def test_a_call_that_waits_in_vain_for_its_next_attempt_ends_by_its_own_deadline_as_the_last_one_did():
    tools = ToolRegistry(timeout=2)

    @tools.tool(read_only=True, call_timeout=5, retry=Retry(attempts=2, initial=1, jitter=False))
    async def fails() -> None:
        raise TransientToolError("busy")

    @tools.tool(read_only=True)
    async def refuses() -> None:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(1000)

    started = anyio.current_time()
    turn = await run_tool_calls(message("fails", "refuses"), tools, limits=Limits(concurrency=1))
    assert [result.code for result in turn.results] == ["tool_error", "attempt"]
    assert anyio.current_time() - started == pytest.approx(5)


@pytest.mark.row("6.11")
async def test_calls_over_the_limit_of_a_turn_are_answered_and_not_run():
    most = [0]
    tools = ToolRegistry()
    tools.add(counting(most), name="counted")
    turn = await run_tool_calls(numbered("counted", 5), tools, limits=Limits(calls=3))
    assert [result.code for result in turn.results] == ["ok", "ok", "ok", "limit", "limit"]
    assert most == [3]
    assert len(turn.messages) == 5


async def test_arguments_over_the_limit_are_rejected():
    tools = ToolRegistry()

    @tools.tool
    async def echo(text: str) -> str:
        return text

    turn = await run_tool_calls(message(call("echo", {"text": "x" * 100})), tools, limits=Limits(argument_bytes=50))
    assert turn.results[0].code == "invalid_arguments"


async def test_abandoned_calls_of_one_tool_stop_new_starts_of_that_tool_alone():
    tools = ToolRegistry(timeout=1)

    @tools.tool(read_only=True)
    async def refuses() -> None:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(20)

    @tools.tool(read_only=True)
    async def fine() -> str:
        return "fine"

    async with ToolRuntime(tools) as runtime:
        sent = message(*[call("refuses", {}, f"c{n}") for n in range(3)])
        first = await runtime.run(sent)
        assert {result.code for result in first.results} == {"attempt"}
        assert runtime.statistics().abandoned == 3
        second = await runtime.run(message("refuses", "fine"))
        assert [result.code for result in second.results] == ["saturated", "ok"]
        await anyio.sleep(30)  # they have ended
        assert runtime.statistics().abandoned == 0
        third = await runtime.run(message("refuses"))
        assert third.results[0].code == "attempt"


async def test_abandoned_calls_in_all_stop_new_starts_of_every_tool():
    tools = ToolRegistry(timeout=1)

    async def refuses() -> None:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(20)

    for n in range(4):
        tools.add(refuses, name=f"tool{n}", read_only=True)
    async with ToolRuntime(tools, limits=Limits(abandoned=2)) as runtime:
        await runtime.run(message("tool0", "tool1"))
        turn = await runtime.run(message("tool2"))
    assert turn.results[0].code == "saturated"


@pytest.mark.row("10.1")
async def test_leaving_a_runtime_is_bounded_by_the_time_to_linger():
    tools = ToolRegistry(timeout=1)

    @tools.tool(read_only=True)
    async def refuses() -> None:
        while True:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(10_000)

    async with ToolRuntime(tools, limits=Limits(linger=7)) as runtime:
        await runtime.run(message("refuses"))
        left = anyio.current_time()
    assert anyio.current_time() - left <= 8.001
    assert runtime.statistics().abandoned == 0


async def test_leaving_a_runtime_stops_the_turns_that_still_run():
    tools = ToolRegistry(timeout=None)

    @tools.tool(read_only=True)
    async def hangs() -> None:
        await anyio.sleep_forever()

    async with anyio.create_task_group() as group:
        async with ToolRuntime(tools) as runtime:
            turn = runtime.open_turn(message("hangs"))
            group.start_soon(turn.run)
            await anyio.sleep(5)
            assert runtime.statistics().turns == 1
    assert turn.results[0].code == "cancelled"
    with pytest.raises(UsageError, match="closed"):
        runtime.open_turn(message("hangs"))


async def test_a_turn_that_was_opened_before_its_runtime_closed_runs_nothing_after():
    entered = []
    tools = ToolRegistry()

    @tools.tool
    async def tool() -> None:
        entered.append(1)

    async with ToolRuntime(tools) as runtime:
        turn = runtime.open_turn(message("tool"))
    with pytest.raises(UsageError, match="closed"):
        await turn.run()
    assert entered == []


async def test_a_limit_of_the_runtime_is_refused_for_one_turn():
    with pytest.raises(UsageError, match=r"Limits\.threads.*ToolRuntime"):
        await run_tool_calls(message("x"), ToolRegistry(), limits=Limits(threads=4))
