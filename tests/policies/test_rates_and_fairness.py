"""How much at once, how often, and who comes first: on the virtual clock, to the second."""

import anyio
import pytest

from everycall import (
    Limits,
    Rate,
    Retry,
    ToolRegistry,
    ToolRuntime,
    TransientToolError,
    UsageError,
    open_turn,
    run_tool_calls,
)
from tests.messages import envelope, message, numbered


def stamping(starts, *, seconds=0.0, **options):
    tools = ToolRegistry()

    async def stamped(n: int) -> int:
        starts.append(round(anyio.current_time() - began, 3))
        await anyio.sleep(seconds)
        return n

    began = anyio.current_time()
    tools.add(stamped, **options)
    return tools


async def test_a_rate_spaces_the_starts_evenly_after_its_burst():
    starts = []
    tools = stamping(starts, rate=Rate(calls=2, period=1))
    turn = await run_tool_calls(numbered("stamped", 6), tools)
    assert turn.ok
    assert starts == pytest.approx([0, 0, 0.5, 1, 1.5, 2], abs=0.01)
    assert [round(result.queued, 1) for result in turn.results] == [0, 0, 0.5, 1, 1.5, 2]


async def test_a_burst_of_one_never_lets_two_start_together():
    starts = []
    tools = stamping(starts, rate=Rate(calls=10, period=1, burst=1), seconds=3)
    await run_tool_calls(numbered("stamped", 5), tools)
    assert starts == pytest.approx([0, 0.1, 0.2, 0.3, 0.4], abs=0.01)


async def test_starts_are_saved_up_again_in_a_pause_but_never_more_than_the_burst():
    starts = []
    tools = stamping(starts, rate=Rate(calls=1, period=1, burst=2))
    async with ToolRuntime(tools) as runtime:
        await runtime.run(numbered("stamped", 3))
        await anyio.sleep(100)
        starts.clear()
        await runtime.run(numbered("stamped", 3))
    assert starts == pytest.approx([101, 101, 102], abs=0.01)


async def test_a_rate_counts_across_the_turns_of_a_runtime():
    starts = []
    tools = stamping(starts, rate=Rate(calls=1, period=1))
    async with ToolRuntime(tools) as runtime, anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(runtime.run, numbered("stamped", 2))
    assert starts == pytest.approx([0, 1, 2, 3, 4, 5], abs=0.01)


async def test_a_call_that_its_rate_does_not_let_in_is_answered_in_time():
    tools = stamping([], rate=Rate(calls=1, period=100))
    began = anyio.current_time()
    turn = await run_tool_calls(numbered("stamped", 3), tools, limits=Limits(queue_timeout=5))
    assert [result.code for result in turn.results] == ["ok", "queue_timeout", "queue_timeout"]
    assert "1 times in 100 s" in envelope(turn.results[1])["message"]
    assert anyio.current_time() - began == pytest.approx(5, abs=0.01)


async def test_every_attempt_takes_a_start():
    tries = []
    tools = ToolRegistry()

    @tools.tool(read_only=True, rate=Rate(calls=1, period=10), retry=Retry(attempts=3, initial=0.1, jitter=False))
    async def busy() -> None:
        tries.append(anyio.current_time() - began)
        raise TransientToolError("busy")

    began = anyio.current_time()
    await run_tool_calls(message("busy"), tools)
    assert tries == pytest.approx([0, 10, 20], abs=0.01)


async def test_a_rate_and_other_limits_hold_together():
    running, most, starts = [0], [0], []
    tools = ToolRegistry()

    @tools.tool(rate=Rate(calls=10, period=1, burst=10), max_concurrency=3)
    async def limited(n: int) -> None:
        running[0] += 1
        most[0] = max(most[0], running[0])
        starts.append(anyio.current_time())
        await anyio.sleep(0.5)
        running[0] -= 1

    turn = await run_tool_calls(numbered("limited", 30), tools)
    assert turn.ok
    assert most == [3]
    for at in range(10, 30):
        assert starts[at] - starts[at - 10] >= 0


async def test_a_cancelled_turn_leaves_its_rate_to_the_others():
    starts = []
    tools = stamping(starts, rate=Rate(calls=1, period=1))
    async with ToolRuntime(tools) as runtime:
        first = runtime.open_turn(numbered("stamped", 20))
        async with anyio.create_task_group() as group:
            group.start_soon(first.run)
            await anyio.sleep(0.5)
            group.start_soon(runtime.run, numbered("stamped", 3))
            await anyio.sleep(1)
            first.cancel()
    assert len(starts) <= 6
    assert starts[-1] < 6


# --- fairness ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", ["runtime", "tool", "rate"])
async def test_a_turn_of_a_thousand_calls_does_not_starve_a_turn_of_one(limit):
    options = {"tool": {"max_concurrency": 10}, "rate": {"rate": Rate(calls=10, period=1)}, "runtime": {}}[limit]
    limits = Limits(runtime_concurrency=10 if limit == "runtime" else None, queue_timeout=None)
    tools = stamping([], seconds=1, timeout=None, **options)
    async with ToolRuntime(tools, limits=limits) as runtime:
        big = runtime.open_turn(numbered("stamped", 1000))
        async with anyio.create_task_group() as group:
            group.start_soon(big.run)
            await anyio.sleep(5.5)
            began = anyio.current_time()
            small = await runtime.run(numbered("stamped", 1))
            assert anyio.current_time() - began < 2.1
            assert small.ok
            big.cancel()


async def test_waiting_turns_are_served_in_rotation():
    served = []
    tools = ToolRegistry()

    @tools.tool(max_concurrency=1)
    async def slow(n: int) -> None:
        served.append(n)
        await anyio.sleep(1)

    def turn(*numbers):
        sent = numbered("slow", max(numbers) + 1)
        sent["tool_calls"] = [one for at, one in enumerate(sent["tool_calls"]) if at in numbers]
        return open_turn(sent, tools)

    async with ToolRuntime(tools), anyio.create_task_group() as group:
        group.start_soon(turn(0, 1, 2).run)
        await anyio.sleep(0.1)
        group.start_soon(turn(10, 11, 12).run)
        await anyio.sleep(0.1)
        group.start_soon(turn(20, 21, 22).run)
    assert served == [0, 1, 10, 20, 2, 11, 21, 12, 22]


# --- a limit per runtime, and what can be seen --------------------------------------------------------------------


async def test_runtime_concurrency_holds_over_all_turns_and_can_be_seen():
    running, most = [0], [0]
    tools = ToolRegistry()

    @tools.tool(rate=Rate(calls=100, period=1), max_concurrency=50)
    async def counted(n: int) -> None:
        running[0] += 1
        most[0] = max(most[0], running[0])
        await anyio.sleep(1)
        running[0] -= 1

    async with ToolRuntime(tools, limits=Limits(runtime_concurrency=4)) as runtime:
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(runtime.run, numbered("counted", 4))
            await anyio.sleep(0.5)
            seen = runtime.statistics()
        assert (seen.turns, seen.calls_running, seen.calls_waiting) == (5, 4, 16)
        tool = seen.tools["counted"]
        assert (tool.running, tool.waiting) == (4, 0)
        assert tool.starts_saved == pytest.approx(100, abs=1)
        after = runtime.statistics()
        assert (after.turns, after.calls_running, after.calls_waiting) == (0, 0, 0)
    assert most == [4]


async def test_statistics_of_a_runtime_without_limits_say_that_there_are_none():
    async with ToolRuntime(ToolRegistry()) as runtime:
        assert runtime.statistics().calls_running is None
        assert runtime.statistics().tools == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"calls": 0, "period": 1},
        {"calls": 1, "period": 0},
        {"calls": 1, "period": float("nan")},
        {"calls": 1.5, "period": 1},
        {"calls": 1, "period": 1, "burst": 0},
        {"calls": True, "period": 1},
    ],
)
def test_a_rate_of_nothing_is_refused(wrong):
    with pytest.raises(UsageError, match=r"Rate\."):
        Rate(**wrong)


def test_a_tool_takes_a_rate_and_nothing_else():
    with pytest.raises(UsageError, match=r"Rate\(calls=10, period=60\)"):
        ToolRegistry().add(lambda: None, name="x", rate=10)


def test_a_limit_of_a_runtime_cannot_be_given_to_one_turn():
    with pytest.raises(UsageError, match="runtime_concurrency"):
        open_turn(message("x"), ToolRegistry(), limits=Limits(runtime_concurrency=3))
