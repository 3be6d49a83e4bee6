"""Middleware runs inside the attempt; what it raises or delays counts as the tool's."""

import anyio
import pytest

from everycall import Retry, ToolContext, ToolRegistry, TransientToolError, run_tool_calls
from tests.messages import call, envelope, message


def registry(*middleware, **options):
    tools = ToolRegistry(middleware=middleware, **options)
    tools.ran = []

    @tools.tool(read_only=True)
    async def double(n: int) -> int:
        tools.ran.append(n)
        return 2 * n

    return tools


async def test_middleware_wraps_the_tool_outermost_first_and_may_change_its_value():
    order = []

    def layer(name):
        async def middleware(call, proceed):
            order.append(name)
            value = await proceed()
            order.append(name)
            return value + 1

        return middleware

    turn = await run_tool_calls(message(call("double", {"n": 5})), registry(layer("outer"), layer("inner")))
    assert turn.results[0].value == 12
    assert order == ["outer", "inner", "inner", "outer"]


async def test_middleware_sees_the_call_and_changed_arguments_are_validated_again():
    seen = []

    async def middleware(call, proceed):
        seen.append((call.tool_name, call.call_id, call.attempt, dict(call.arguments)))
        return await proceed(arguments={"n": call.arguments["n"] * 10})

    tools = registry(middleware)
    turn = await run_tool_calls(message(call("double", {"n": 5})), tools)
    assert turn.results[0].value == 100
    assert seen == [("double", "call_double", 1, {"n": 5})]

    async def spoils(call, proceed):
        return await proceed(arguments={"n": "many"})

    tools = registry(spoils)
    turn = await run_tool_calls(message(call("double", {"n": 5})), tools)
    assert turn.results[0].status == "error"
    assert tools.ran == []


async def test_middleware_need_not_call_the_tool():
    async def cached(call, proceed):
        return "from the cache"

    tools = registry(cached)
    turn = await run_tool_calls(message(call("double", {"n": 5})), tools)
    assert turn.results[0].content == "from the cache"
    assert tools.ran == []


async def test_what_middleware_raises_counts_as_the_tools_and_may_be_retried():
    tries = []

    async def flaky(call, proceed):
        tries.append(call.attempt)
        if call.attempt == 1:
            raise TransientToolError("not yet")
        return await proceed()

    turn = await run_tool_calls(
        message(call("double", {"n": 5})), registry(flaky, retry=Retry(initial=1, jitter=False))
    )
    assert turn.results[0].value == 10
    assert tries == [1, 2]


async def test_the_time_of_middleware_counts_as_the_tools():
    async def slow(call, proceed):
        await anyio.sleep(100)
        return await proceed()

    tools = registry(slow, timeout=5)
    turn = await run_tool_calls(message(call("double", {"n": 5})), tools)
    assert turn.results[0].code == "attempt"
    assert envelope(turn.results[0])["effect"] == "none"
    assert tools.ran == []


async def test_a_tool_under_middleware_still_gets_its_context():
    async def through(call, proceed):
        return await proceed()

    tools = ToolRegistry(middleware=[through])

    @tools.tool
    async def who(ctx: ToolContext[str]) -> str:
        return ctx.deps

    turn = await run_tool_calls(message("who"), tools, deps="me")
    assert turn.results[0].content == "me"


@pytest.mark.parametrize("bad", [1, "text", [1]])
async def test_middleware_that_is_no_function_is_a_usage_error(bad):
    from everycall import UsageError

    with pytest.raises(UsageError):
        ToolRegistry(middleware=[bad])
