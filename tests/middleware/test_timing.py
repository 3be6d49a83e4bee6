"""The timing of docs/howto/middleware-timing.md counts each attempt once, by its end, in the right bucket."""

import anyio

from everycall import Retry, ToolRegistry, TransientToolError, open_turn, run_tool_calls
from tests.messages import call, message
from tests.middleware.pages import names_of

Timing = names_of("middleware-timing.md")["Timing"]


def registry(timing, **options):
    tools = ToolRegistry(middleware=[timing], **options)

    @tools.tool(read_only=True)
    async def wait(seconds: float) -> float:
        await anyio.sleep(seconds)
        return seconds

    @tools.tool(read_only=True)
    async def fail(seconds: float) -> None:
        await anyio.sleep(seconds)
        raise TransientToolError("busy")

    return tools


async def test_each_attempt_is_counted_in_the_bucket_of_its_time():
    timing = Timing(bounds=(1, 10))
    times = [0.5, 1, 1.5, 10, 11]
    turn = await run_tool_calls(
        message(*[call("wait", {"seconds": one}, f"c{one}") for one in times]), registry(timing)
    )
    assert turn.ok
    assert timing.counts == {("wait", "returned"): [2, 2, 1]}
    assert timing.seconds["wait", "returned"] == sum(times)


async def test_ends_are_told_apart_and_retries_are_counted():
    timing = Timing(bounds=(1, 10))
    tools = registry(timing, timeout=5, retry=Retry(attempts=3, initial=0.1, jitter=False))
    await run_tool_calls(message(call("fail", {"seconds": 2})), tools)
    assert timing.counts == {("fail", "raised"): [0, 3, 0]}
    await run_tool_calls(message(call("wait", {"seconds": 60})), tools)
    assert timing.counts["wait", "stopped"] == [0, 3, 0]
    assert timing.seconds["wait", "stopped"] == 15
    turn = open_turn(message(call("wait", {"seconds": 3})), tools)
    async with anyio.create_task_group() as group:
        group.start_soon(turn.run)
        await anyio.sleep(0.5)
        turn.cancel("stop")
    assert timing.counts["wait", "stopped"] == [1, 3, 0]


async def test_calls_that_never_ran_are_not_counted():
    timing = Timing()
    turn = await run_tool_calls(message("unknown", call("wait", {"seconds": "soon"})), registry(timing))
    assert {one.status for one in turn.results} == {"rejected"}
    assert timing.counts == {}
    assert str(timing) == ""
