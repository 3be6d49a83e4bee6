"""Outer cancellation, the Stop button, and what a stopped turn still says."""

import asyncio

import anyio
import pytest

from everycall import Limits, ToolRegistry, UsageError, open_turn, run_tool_calls
from tests.messages import call, message, numbered

GRACE = Limits(cancel_grace=1, unsafe_cancel_grace=2)


@pytest.fixture
def tools():
    registry = ToolRegistry()

    @registry.tool(read_only=True)
    async def quick() -> str:
        return "done"

    @registry.tool(read_only=True)
    async def reads() -> str:
        await anyio.sleep_forever()
        return "never"

    @registry.tool
    async def writes() -> str:
        await anyio.sleep_forever()
        return "never"

    @registry.tool
    async def saves_at_the_end() -> str:
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            return "saved"
        return "never"

    @registry.tool
    async def refuses() -> str:
        while True:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(10_000)

    @registry.tool(max_concurrency=1, read_only=True)
    async def one_at_a_time(n: int) -> int:
        await anyio.sleep_forever()
        return n

    return registry


def codes(turn):
    return [result.code for result in turn.results]


@pytest.mark.row("1.18")
async def test_an_outer_cancellation_seals_every_call_and_goes_on(tools):
    turn = open_turn(message("quick", "reads", "writes", "saves_at_the_end"), tools, limits=GRACE)
    with anyio.move_on_after(5) as scope:
        await turn.run()
    assert scope.cancelled_caught
    assert turn.done
    assert codes(turn) == ["ok", "cancelled", "cancelled", "ok"]
    assert [result.effect for result in turn.results] == ["done", "none", "unknown", "done"]
    assert len(turn.messages) == 4


async def test_an_outer_cancellation_waits_no_longer_than_the_grace_for_a_tool_that_refuses(tools):
    turn = open_turn(message("quick", "refuses"), tools, limits=GRACE)
    started = anyio.current_time()
    with anyio.move_on_after(5):
        await turn.run()
    assert anyio.current_time() - started == pytest.approx(7)
    assert codes(turn) == ["ok", "cancelled"]


@pytest.mark.row("1.21")
async def test_a_turn_that_is_cancelled_before_it_starts_enters_no_tool():
    entered = []
    registry = ToolRegistry()

    @registry.tool
    async def tool() -> None:
        entered.append(1)

    turn = open_turn(message("tool"), registry)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await turn.run()
    assert scope.cancelled_caught
    assert codes(turn) == ["not_started"]
    assert entered == []


async def test_calls_that_wait_for_a_place_are_not_started_when_the_turn_is_cancelled(tools):
    turn = open_turn(numbered("one_at_a_time", 3), tools, limits=GRACE)
    with anyio.move_on_after(1):
        await turn.run()
    assert codes(turn) == ["cancelled", "not_started", "not_started"]


async def test_the_stop_button_ends_the_turn_and_returns(tools):
    turn = open_turn(message("quick", "reads", "refuses"), tools, limits=GRACE)
    async with anyio.create_task_group() as group:
        group.start_soon(turn.run)
        await anyio.sleep(3)
        turn.cancel("the user pressed Stop")
    assert turn.done
    assert codes(turn) == ["ok", "cancelled", "cancelled"]


async def test_a_turn_that_is_stopped_before_it_runs_runs_nothing(tools):
    turn = open_turn(message("quick"), tools)
    turn.cancel()
    assert await turn.run() is turn
    assert codes(turn) == ["not_started"]


@pytest.mark.parametrize("kind", ["quick", "hangs", "swallows", "waits for a place", "in a thread"])
async def test_a_turn_that_is_stopped_before_it_runs_enters_no_tool_of_any_kind(kind):
    entered = []
    registry = ToolRegistry()

    async def quick() -> None:
        entered.append(1)

    async def hangs() -> None:
        entered.append(1)
        await anyio.sleep_forever()

    async def swallows() -> None:
        entered.append(1)
        while True:
            try:
                await anyio.sleep_forever()
            except BaseException:
                pass

    def in_a_thread() -> None:
        entered.append(1)

    tool = {
        "quick": quick,
        "hangs": hangs,
        "swallows": swallows,
        "waits for a place": quick,
        "in a thread": in_a_thread,
    }
    registry.add(tool[kind], name="tool", max_concurrency=1 if kind == "waits for a place" else None)
    turn = open_turn(message(*[call("tool", {}, f"c{n}") for n in range(3)]), registry)
    turn.cancel()
    await turn.run()
    await anyio.sleep(1)
    assert entered == []
    assert codes(turn) == ["not_started"] * 3


async def test_the_turn_timeout_ends_what_runs_and_what_waits(tools):
    turn = await run_tool_calls(message("quick", "reads", "refuses"), tools, turn_timeout=4, limits=GRACE)
    assert codes(turn) == ["ok", "turn", "turn"]
    assert "4 s" in turn.results[1].content


async def test_the_turn_timeout_bounds_the_turn_by_itself_plus_the_grace(tools):
    started = anyio.current_time()
    await run_tool_calls(message("refuses"), tools, turn_timeout=4, limits=GRACE)
    assert anyio.current_time() - started == pytest.approx(6)


async def test_a_running_turn_shows_what_stopping_now_would_give_and_seals_nothing(tools):
    turn = open_turn(message("quick", "writes", "reads"), tools, limits=GRACE)
    assert codes(turn) == ["not_started"] * 3
    async with anyio.create_task_group() as group:
        group.start_soon(turn.run)
        await anyio.sleep(1)
        assert not turn.done
        assert codes(turn) == ["ok", "cancelled", "cancelled"]
        assert len(turn.exchange) == 4
        turn.cancel()


async def test_results_are_followed_in_order_of_completion():
    registry = ToolRegistry()

    @registry.tool
    async def waits(n: int) -> int:
        await anyio.sleep(10 - n)
        return n

    turn = open_turn(numbered("waits", 3), registry)
    seen = []
    async with anyio.create_task_group() as group:

        async def follow():
            async for result in turn.settled():
                seen.append(result.value)

        group.start_soon(follow)
        await anyio.sleep(0.1)
        group.start_soon(turn.run)
    assert seen == [2, 1, 0]
    assert [result.value for result in turn.results] == [0, 1, 2]


async def test_a_turn_runs_once(tools):
    turn = open_turn(message("reads"), tools, limits=GRACE)
    async with anyio.create_task_group() as group:
        group.start_soon(turn.run)
        await anyio.sleep(1)
        with pytest.raises(UsageError, match="running already"):
            await turn.run()
        turn.cancel()
    assert await turn.run() is turn


class TestNativeCancellation:
    """`asyncio.Task.cancel`, which no anyio shield holds back."""

    @pytest.fixture(autouse=True)
    def _asyncio_alone(self, anyio_backend_name):
        if anyio_backend_name != "asyncio":
            pytest.skip("native cancellation is asyncio's")

    @pytest.mark.row("1.19")
    async def test_once_waits_for_the_grace(self, tools):
        turn = open_turn(message("quick", "refuses", "saves_at_the_end"), tools, limits=GRACE)
        host = asyncio.ensure_future(turn.run())
        await anyio.sleep(1)
        started = anyio.current_time()
        host.cancel()
        with pytest.raises(asyncio.CancelledError):
            await host
        assert anyio.current_time() - started == pytest.approx(2)
        assert codes(turn) == ["ok", "cancelled", "ok"]

    async def test_twice_seals_at_once(self, tools):
        turn = open_turn(message("quick", "refuses"), tools, limits=GRACE)
        host = asyncio.ensure_future(turn.run())
        await anyio.sleep(1)
        started = anyio.current_time()
        host.cancel()
        await anyio.sleep(0.5)
        host.cancel()
        with pytest.raises(asyncio.CancelledError):
            await host
        assert anyio.current_time() - started == pytest.approx(0.5)
        assert turn.done
        assert codes(turn) == ["ok", "cancelled"]

    async def test_by_asyncio_timeout_raises_timeout_error(self, tools):
        turn = open_turn(message("quick", "reads"), tools, limits=GRACE)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3):
                await turn.run()
        assert codes(turn) == ["ok", "cancelled"]


async def test_a_thousand_calls_of_which_a_third_misbehave_end_by_the_bound():
    registry = ToolRegistry(timeout=10)

    @registry.tool(read_only=True)
    async def mixed(n: int) -> int:
        if n % 9 == 0:
            raise ValueError(n)
        if n % 9 == 1:
            await anyio.sleep_forever()
        if n % 9 == 2:
            while True:
                try:
                    await anyio.sleep_forever()
                except BaseException:
                    pass
        await anyio.sleep(n % 7)
        return n

    started = anyio.current_time()
    turn = await run_tool_calls(numbered("mixed", 1000), registry, limits=GRACE)
    assert anyio.current_time() - started <= 11.001
    assert [result.call_id for result in turn.results] == [f"c{n}" for n in range(1000)]
    expected = {0: "tool_error", 1: "attempt", 2: "attempt"}
    assert [result.code for result in turn.results] == [expected.get(n % 9, "ok") for n in range(1000)]
