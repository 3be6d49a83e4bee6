"""A tool that blocks the loop is late; a sibling that was in time is not made late by it."""

import time

import anyio
import pytest

from everycall import ToolRegistry, run_tool_calls
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
