"""Part 1 of the fault model: cancellations and deadlines, in exact virtual seconds."""

import asyncio

import anyio
import anyio.lowlevel
import pytest

from everycall import Limits, Retry, ToolRegistry, ToolRuntime, UsageError, open_turn, run_tool_calls
from tests.messages import message

TIMEOUT, GRACE, MOMENT = 10.0, 2.0, 0.01
LIMITS = Limits(cancel_grace=GRACE, unsafe_cancel_grace=GRACE)


def codes(turn):
    return [result.code for result in turn.results]


@pytest.mark.row("1.1", "1.23")
@pytest.mark.parametrize(
    ("ends_at", "code", "late"),
    [
        (TIMEOUT - MOMENT, "ok", False),
        (TIMEOUT + MOMENT, "ok", True),
        (TIMEOUT + GRACE - MOMENT, "ok", True),
        (TIMEOUT + GRACE + MOMENT, "attempt", False),
    ],
)
async def test_a_value_counts_until_the_grace_is_over_and_is_kept_apart_after_it(ends_at, code, late):
    tools = ToolRegistry(timeout=TIMEOUT)

    @tools.tool(read_only=True)
    async def tool() -> str:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(ends_at)
        return "value"

    async with ToolRuntime(tools, limits=LIMITS) as runtime:
        turn = await runtime.run(message("tool"), key="k")
        assert (codes(turn), turn.results[0].late) == ([code], late)
        await anyio.sleep(1)
        kept = runtime.late_results()
    if code == "ok":
        assert kept == ()
    else:
        assert [(one.turn_id, one.result.content, one.result.late) for one in kept] == [("k", "value", True)]
        assert kept[0].result.duration == pytest.approx(ends_at)
        assert turn.results[0].content != "value"


@pytest.mark.row("1.23")
async def test_a_late_failure_is_kept_as_the_failure_it_is_and_a_late_cancellation_is_nothing():
    tools = ToolRegistry(timeout=TIMEOUT)

    @tools.tool(read_only=True)
    async def fails() -> None:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(20)
        raise ValueError("too late")

    @tools.tool(read_only=True)
    async def ends() -> None:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(20)
        await anyio.sleep(1)

    async with ToolRuntime(tools, limits=LIMITS) as runtime:
        turn = await runtime.run(message("fails", "ends"))
        await anyio.sleep(20)
        [late] = runtime.late_results()
    assert codes(turn) == ["attempt", "attempt"]
    assert (late.result.call_id, late.result.code) == ("call_fails", "tool_error")


@pytest.mark.row("1.23")
async def test_only_the_last_late_results_are_kept():
    tools = ToolRegistry(timeout=1)

    @tools.tool(read_only=True)
    async def late(n: int) -> int:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(10 + n / 100)
        return n

    from tests.messages import numbered

    limits = Limits(cancel_grace=1, abandoned=1000, abandoned_per_tool=1000)
    async with ToolRuntime(tools, limits=limits) as runtime:
        await runtime.run(numbered("late", 100))
        await anyio.sleep(20)
        assert [one.result.value for one in runtime.late_results()] == list(range(36, 100))


@pytest.mark.row("1.2")
async def test_a_tool_that_swallows_a_native_cancellation_does_not_outlive_its_deadline(anyio_backend_name):
    if anyio_backend_name != "asyncio":
        pytest.skip("native cancellation is asyncio's")
    tools = ToolRegistry(timeout=TIMEOUT)

    @tools.tool(read_only=True)
    async def tool() -> None:
        asyncio.get_running_loop().call_later(1, asyncio.current_task().cancel)
        for _ in range(10_000):
            try:
                await asyncio.sleep(5)
            except asyncio.CancelledError:
                continue

    started = anyio.current_time()
    turn = await run_tool_calls(message("tool"), tools, limits=LIMITS)
    assert codes(turn) == ["attempt"]
    assert anyio.current_time() - started <= TIMEOUT + GRACE


@pytest.mark.row("1.5")
@pytest.mark.parametrize(("seconds", "ends_at"), [(1, 11), (2, 12), (4, 12)])
async def test_a_shielded_clean_up_goes_on_after_its_turn(seconds, ends_at):
    cleaned = []
    tools = ToolRegistry(timeout=TIMEOUT)

    @tools.tool(read_only=True)
    async def tool() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(seconds)
                cleaned.append(True)

    started = anyio.current_time()
    turn = await run_tool_calls(message("tool"), tools, limits=LIMITS)
    assert (codes(turn), anyio.current_time() - started) == (["attempt"], pytest.approx(ends_at))
    await anyio.sleep(10)
    assert cleaned == [True]


@pytest.mark.row("1.10")
async def test_a_tool_that_cancels_the_scope_of_its_host_cancels_the_turn_from_outside():
    tools = ToolRegistry()
    scope = anyio.CancelScope()

    @tools.tool
    async def tool() -> str:
        scope.cancel()
        await anyio.sleep(1)
        return "done"

    @tools.tool(read_only=True)
    async def hangs() -> None:
        await anyio.sleep_forever()

    turn = open_turn(message("tool", "hangs"), tools, limits=LIMITS)
    with scope:
        await turn.run()
    assert scope.cancelled_caught
    assert codes(turn) == ["cancelled", "cancelled"]


@pytest.mark.row("1.10")
async def test_a_tool_that_cancels_the_task_of_its_host_cancels_the_turn_from_outside(anyio_backend_name):
    if anyio_backend_name != "asyncio":
        pytest.skip("native cancellation is asyncio's")
    tools = ToolRegistry()
    host = []

    @tools.tool
    async def tool() -> str:
        host[0].cancel()
        return "done"

    @tools.tool(read_only=True)
    async def hangs() -> None:
        await anyio.sleep_forever()

    turn = open_turn(message("tool", "hangs"), tools, limits=LIMITS)
    host.append(asyncio.ensure_future(turn.run()))
    with pytest.raises(asyncio.CancelledError):
        await host[0]
    assert codes(turn) == ["ok", "cancelled"]


@pytest.mark.row("1.12")
async def test_a_deadline_that_a_tool_left_behind_reaches_no_other_attempt():
    tools = ToolRegistry()
    tries = []

    @tools.tool(read_only=True, retry=Retry(initial=1, jitter=False))
    async def tool() -> str:
        tries.append(anyio.CancelScope(deadline=anyio.current_time() + 3).__enter__())
        if len(tries) == 1:
            raise ConnectionError("once more")
        await anyio.sleep(2.5)  # past the deadline of the first attempt's scope
        return "second"

    @tools.tool
    async def sibling() -> str:
        await anyio.sleep(5)
        return "sibling"

    turn = await run_tool_calls(message("tool", "sibling"), tools)
    assert [result.content for result in turn.results] == ["second", "sibling"]


@pytest.mark.row("1.16")
async def test_a_value_of_a_tool_that_never_waits_counts_however_long_it_took(monkeypatch):
    tools = ToolRegistry(timeout=TIMEOUT)

    @tools.tool
    async def tool() -> str:
        return "value"

    turn = await run_tool_calls(message("tool"), tools, turn_timeout=1e-9)
    assert [(result.code, result.late) for result in turn.results] == [("ok", False)]


@pytest.mark.row("1.17")
@pytest.mark.parametrize("last", [TIMEOUT, TIMEOUT + GRACE])
async def test_a_value_in_the_instant_of_a_deadline_is_a_result_or_a_late_one_and_never_both(last):
    events = []
    tools = ToolRegistry(timeout=TIMEOUT)

    @tools.tool(read_only=True)
    async def tool() -> str:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(last)
        return "value"

    async with ToolRuntime(tools, limits=LIMITS, observers=[events.append]) as runtime:
        turn = await runtime.run(message("tool"))
        await anyio.sleep(1)
        late = len(runtime.late_results())
    assert turn.results[0].code in ("ok", "attempt")
    assert late == (turn.results[0].code == "attempt")
    assert [event.name for event in events].count("call_settled") == 1


@pytest.mark.row("1.19")
async def test_a_cancellation_during_the_shielded_wait_of_another_is_raised_once(anyio_backend_name):
    if anyio_backend_name != "asyncio":
        pytest.skip("native cancellation is asyncio's")
    tools = ToolRegistry()

    @tools.tool(read_only=True)
    async def shields() -> None:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(100)

    turn = open_turn(message("shields"), tools, limits=LIMITS)

    async def host():
        try:
            await turn.run()
        finally:
            await anyio.lowlevel.checkpoint()  # what cleans up after a turn is not cancelled again

    task = asyncio.ensure_future(host())
    await anyio.sleep(1)
    task.cancel()
    await anyio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert codes(turn) == ["cancelled"]


@pytest.mark.row("1.22")
@pytest.mark.parametrize("wrong", [0, -1, float("nan"), float("inf"), "10", True])
async def test_a_wrong_turn_timeout_is_refused_before_anything_runs(wrong):
    ran = []
    tools = ToolRegistry()
    tools.add(lambda: ran.append(1), name="tool")
    with pytest.raises(UsageError, match="turn_timeout"):
        await run_tool_calls(message("tool"), tools, turn_timeout=wrong)
    assert ran == []


@pytest.mark.row("10.9")
async def test_a_turn_says_by_how_much_its_deadlines_came_late(anyio_backend_name):
    events = []
    tools = ToolRegistry(timeout=1)

    @tools.tool(read_only=True)
    async def waits() -> None:
        await anyio.sleep_forever()

    @tools.tool(read_only=True)
    async def holds_up_the_loop() -> None:
        await anyio.sleep(0.5)
        if anyio_backend_name == "asyncio":
            asyncio.get_running_loop().virtual_now += 7.5
        else:
            import trio

            trio.lowlevel.current_clock().jump(7.5)

    await run_tool_calls(message("waits", "holds_up_the_loop"), tools, observers=[events.append])
    [closed] = [event for event in events if event.name == "turn_closed"]
    assert closed.lag == pytest.approx(7)
    await run_tool_calls(message("waits"), tools, observers=[events.append])
    assert events[-1].lag == pytest.approx(0)
