"""A tool that blocks the loop is late; a sibling that was in time is not made late by it."""

import time

import anyio
import pytest

from everycall import Limits, Retry, ToolRegistry, TransientToolError, run_tool_calls
from tests.messages import call, message


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param  # the real clock: a blocked loop is about real time


@pytest.mark.row("1.14")
async def test_a_sibling_that_was_in_time_keeps_its_result_after_a_blocked_loop():
    tools = ToolRegistry(timeout=0.3)

    @tools.tool
    async def blocks() -> None:
        time.sleep(0.6)  # noqa: ASYNC251, TID251 -- that is the fault

    @tools.tool
    async def well(n: int) -> int:
        await anyio.sleep(0.1)
        return n

    for attempt in range(8):
        calls = [call("well", {"n": n}, f"c{n}") for n in range(3)]
        calls.insert(attempt % 4, call("blocks", {}, "b"))
        with anyio.fail_after(20):
            turn = await run_tool_calls(message(*calls), tools)
        assert [turn[f"c{n}"].value for n in range(3)] == [0, 1, 2]


@pytest.mark.parametrize("concurrency", [None, 2])
async def test_no_retry_begins_after_the_time_of_its_call_although_the_loop_was_blocked_meanwhile(concurrency):
    tools = ToolRegistry()
    starts, failed = [], anyio.Event()

    @tools.tool(idempotent=True, timeout=1, call_timeout=1, retry=Retry(initial=0.7, maximum=0.7, jitter=False))
    async def fails() -> None:
        starts.append(anyio.current_time())
        failed.set()
        raise TransientToolError("busy")

    @tools.tool
    async def blocks() -> None:
        await failed.wait()
        time.sleep(1.5)  # noqa: ASYNC251, TID251 -- that is the fault

    sent = message(call("fails", {}, "f"), call("blocks", {}, "b"))
    with anyio.fail_after(20):
        turn = await run_tool_calls(sent, tools, limits=Limits(concurrency=concurrency))
    result = turn["f"]
    assert (len(starts), result.code, result.attempts) == (1, "tool_error", 1)
    assert "busy" in result.content
    assert turn["b"].ok
