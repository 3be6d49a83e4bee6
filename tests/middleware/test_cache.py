"""The cache of docs/howto/middleware-cache.md: one run for equal reads of a turn, and no harm done by any of them."""

import anyio
import pytest
from pydantic import SecretStr

from everycall import Limits, Rate, Retry, ToolContext, ToolRegistry, TransientToolError, open_turn, run_tool_calls
from tests.messages import call, message
from tests.middleware.pages import names_of

cached = names_of("middleware-cache.md")["cached"]


def asking(name, *arguments):
    return message(*[call(name, one, f"c{number}") for number, one in enumerate(arguments)])


def registry(**options):
    tools = ToolRegistry(middleware=[cached], **options)
    tools.ran = []

    @tools.tool(read_only=True)
    async def read(key: str, secret: SecretStr | None = None) -> list:
        tools.ran.append(key)
        await anyio.sleep(5)
        return [key, len(tools.ran), secret and secret.get_secret_value()]

    return tools


async def test_equal_calls_share_one_run_at_the_same_time_and_different_ones_do_not_wait():
    tools = registry()
    started = anyio.current_time()
    turn = await run_tool_calls(asking("read", *[{"key": "a"}] * 50, '{ "key":"a" }', {"key": "b"}), tools)
    assert anyio.current_time() - started == 5
    assert sorted(tools.ran) == ["a", "b"]
    assert {one.value[0] for one in turn.results[:-1]} == {"a"}
    assert len({one.content for one in turn.results[:-1]}) == 1
    assert turn.ok


async def test_different_secrets_are_different_arguments():
    tools = registry()
    turn = await run_tool_calls(asking("read", {"key": "a", "secret": "x"}, {"key": "a", "secret": "y"}), tools)
    assert {one.value[2] for one in turn.results} == {"x", "y"}


async def test_a_call_that_comes_later_in_the_turn_gets_the_value_at_once():
    tools = ToolRegistry(middleware=[cached])
    ran = []

    @tools.tool(read_only=True, max_concurrency=1)
    async def once() -> None:
        ran.append(1)
        await anyio.sleep(3)

    started = anyio.current_time()
    turn = await run_tool_calls(asking("once", *[{}] * 4), tools)
    assert anyio.current_time() - started == 3
    assert ran == [1]
    assert turn.ok


async def test_the_next_turn_asks_anew():
    tools = registry()
    for _ in range(2):
        await run_tool_calls(asking("read", {"key": "a"}), tools)
    assert tools.ran == ["a", "a"]


async def test_two_turns_at_once_share_nothing():
    tools = ToolRegistry(middleware=[cached])

    @tools.tool(read_only=True)
    async def whose(ctx: ToolContext[str]) -> str:
        await anyio.sleep(1)
        return ctx.deps

    turns = [open_turn(message("whose"), tools, deps=user) for user in ("ada", "bob")]
    async with anyio.create_task_group() as group:
        for turn in turns:
            group.start_soon(turn.run)
    assert [turn.results[0].value for turn in turns] == ["ada", "bob"]


async def test_a_failure_is_not_shared_and_those_that_wait_try_themselves():
    tools = ToolRegistry(middleware=[cached])
    ran = []

    @tools.tool(read_only=True)
    async def flaky() -> int:
        ran.append(anyio.current_time())
        await anyio.sleep(1)
        if len(ran) == 1:
            raise ValueError("a bad moment")
        return len(ran)

    turn = await run_tool_calls(asking("flaky", {}, {}, {}), tools)
    assert sorted(one.code for one in turn.results) == ["ok", "ok", "tool_error"]
    assert [one.value for one in turn.results if one.ok] == [2, 2]
    assert len(ran) == 2


async def test_a_retry_after_a_failure_runs_again():
    tools = ToolRegistry(middleware=[cached], retry=Retry(initial=1, jitter=False))
    ran = []

    @tools.tool(read_only=True)
    async def flaky() -> int:
        ran.append(1)
        if len(ran) < 3:
            raise TransientToolError("busy")
        return len(ran)

    turn = await run_tool_calls(message("flaky"), tools)
    assert turn.results[0].value == 3


async def test_a_leader_whose_time_is_up_does_not_poison_those_that_wait():
    tools = ToolRegistry(middleware=[cached])
    ran = []

    @tools.tool(read_only=True, timeout=10, rate=Rate(calls=1, period=4))
    async def read() -> str:
        ran.append(anyio.current_time() - started)
        if len(ran) == 1:
            await anyio.sleep_forever()
        return "read"

    started = anyio.current_time()
    turn = await run_tool_calls(asking("read", {}, {}, {}), tools)  # they start at 0, 4 and 8
    assert sorted(one.code for one in turn.results) == ["attempt", "ok", "ok"]
    assert ran == [0, 10]
    assert anyio.current_time() - started == 10


async def test_those_that_wait_for_one_that_never_ends_have_their_own_time():
    tools = ToolRegistry(middleware=[cached])

    @tools.tool(read_only=True, timeout=10)
    async def read() -> str:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(1000)

    started = anyio.current_time()
    turn = await run_tool_calls(asking("read", {}, {}), tools, limits=Limits(cancel_grace=1))
    assert [one.code for one in turn.results] == ["attempt"] * 2
    assert anyio.current_time() - started <= 11


@pytest.mark.parametrize("kind", ["returns", "raises"])
async def test_what_may_have_changed_something_empties_the_cache(kind):
    tools = ToolRegistry(middleware=[cached])
    store = {"x": 1}

    @tools.tool(read_only=True, reads="x")
    async def read() -> int:
        return store["x"]

    @tools.tool(writes="x")
    async def write() -> None:
        store["x"] += 1
        await anyio.sleep(1)
        if kind == "raises":
            raise ValueError("half done")

    turn = await run_tool_calls(
        message(call("read", {}, "a"), call("write", {}, "b"), call("read", {}, "c"), call("read", {}, "d")), tools
    )
    assert [one.value for one in turn.results if one.tool_name == "read"] == [1, 2, 2]


async def test_a_tool_that_changes_something_is_run_for_each_call():
    tools = ToolRegistry(middleware=[cached])
    ran = []

    @tools.tool
    async def add() -> int:
        ran.append(1)
        return len(ran)

    await run_tool_calls(asking("add", {}, {}), tools)
    assert len(ran) == 2
