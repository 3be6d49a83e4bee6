"""Row 7.6: tools that run turns of their own."""

import anyio
import pytest

from everycall import Approve, Limits, ToolRegistry, ToolRuntime, run_tool_calls
from tests.messages import call, message, numbered


def runtime_of(tools, **limits):
    return ToolRuntime(tools, limits=Limits(**limits))


@pytest.mark.row("7.6")
async def test_an_inner_turn_ends_by_the_deadline_of_the_call_around_it():
    inner = []
    tools = ToolRegistry()

    @tools.tool(read_only=True, timeout=100)
    async def long() -> None:
        await anyio.sleep_forever()

    @tools.tool(read_only=True, timeout=5)
    async def outer() -> str:
        try:
            with anyio.CancelScope(shield=True):
                inner.append(await run_tool_calls(message("long"), tools))
        finally:
            ended.append(anyio.current_time())
        return "outer"

    ended = []
    started = anyio.current_time()
    await run_tool_calls(message("outer"), tools)
    assert inner[0].results[0].code == "turn"
    assert ended[0] - started == pytest.approx(5)


async def test_a_sooner_bound_of_the_inner_turn_holds():
    inner = []
    tools = ToolRegistry()

    @tools.tool(read_only=True)
    async def long() -> None:
        await anyio.sleep_forever()

    @tools.tool(read_only=True, timeout=50)
    async def outer() -> None:
        inner.append(await run_tool_calls(message("long"), tools, turn_timeout=2))

    started = anyio.current_time()
    turn = await run_tool_calls(message("outer"), tools)
    assert turn.ok
    assert "2 s" in inner[0].results[0].content
    assert anyio.current_time() - started == pytest.approx(2)


async def test_an_inner_turn_of_a_call_without_time_starts_nothing():
    started, inner = [], []
    tools = ToolRegistry()

    @tools.tool
    async def starts() -> None:
        started.append(1)

    @tools.tool(read_only=True, timeout=1)
    async def outer() -> None:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(1.5)
            inner.append(await run_tool_calls(message("starts"), tools))

    await run_tool_calls(message("outer"), tools)
    assert inner[0].results[0].code == "not_started"
    assert started == []


async def test_a_turn_that_a_call_left_behind_is_a_turn_of_its_own():
    turns = []
    tools = ToolRegistry()

    @tools.tool(read_only=True, timeout=100)
    async def long() -> str:
        await anyio.sleep(50)
        return "done"

    async with anyio.create_task_group() as group:

        async def agent():
            await anyio.sleep(5)
            turns.append(await run_tool_calls(message("long"), tools))

        @tools.tool(read_only=True, timeout=10)
        async def starts_an_agent() -> None:
            await anyio.sleep(0)
            # in the context of the tool, in a group that is not
            group.start_soon(agent)

        await run_tool_calls(message("starts_an_agent"), tools)
    assert turns[0].results[0].content == "done"


@pytest.mark.parametrize("limit", ["runtime_concurrency", "max_concurrency"])
async def test_calls_of_inner_turns_do_not_wait_for_the_places_of_the_calls_around_them(limit):
    tools = ToolRegistry(timeout=None)
    limits = {"runtime_concurrency": 2} if limit == "runtime_concurrency" else {}

    @tools.tool(read_only=True, max_concurrency=2 if limit == "max_concurrency" else None)
    async def descends(n: int) -> int:
        await anyio.sleep(1)
        if not n:
            return 0
        inner = await runtime.run(message(*[call("descends", {"n": n - 1}, f"c{i}") for i in range(2)]))
        return 1 + max(result.value for result in inner.results)

    async with runtime_of(tools, queue_timeout=1000, **limits) as runtime:
        with anyio.fail_after(500):
            turn = await runtime.run(message(call("descends", {"n": 3}, "a"), call("descends", {"n": 3}, "b")))
        assert [result.value for result in turn.results] == [3, 3]
        if limit == "runtime_concurrency":
            assert runtime.statistics().calls_running == 0


async def test_a_lent_place_is_used_by_one_call_at_a_time():
    busy, most = [], []
    tools = ToolRegistry(timeout=None)

    @tools.tool
    async def works(n: int) -> None:
        busy.append(n)
        most.append(len(busy))
        await anyio.sleep(1)
        busy.remove(n)

    @tools.tool
    async def outer() -> None:
        inner = await runtime.run(numbered("works", 6))
        assert inner.ok

    async with runtime_of(tools, runtime_concurrency=3, queue_timeout=None) as runtime:
        started = anyio.current_time()
        turn = await runtime.run(message("outer"))
        assert turn.ok
        assert max(most) == 3  # two places that are free, and the one of the call that waits
        assert anyio.current_time() - started == pytest.approx(2)


async def test_others_keep_their_turn_at_a_gate_whose_place_is_lent():
    order = []
    tools = ToolRegistry(timeout=None)

    @tools.tool
    async def works(n: int) -> None:
        await anyio.sleep(1)
        order.append(n)

    @tools.tool
    async def outer() -> None:
        await anyio.sleep(1)
        await runtime.run(numbered("works", 20))

    async with runtime_of(tools, runtime_concurrency=2, queue_timeout=None) as runtime:
        async with anyio.create_task_group() as group:
            group.start_soon(runtime.run, message("outer"))
            await anyio.sleep(1.5)
            group.start_soon(runtime.run, message(call("works", {"n": 99}, "other")))
        assert order.index(99) < 8
        assert runtime.statistics().calls_running == 0


async def test_turns_nested_too_deep_are_refused_call_by_call():
    deepest = []
    tools = ToolRegistry(timeout=None)

    @tools.tool
    async def again(n: int) -> int:
        inner = await run_tool_calls(message(call("again", {"n": n + 1})), tools)
        if inner.results[0].code != "ok":
            deepest.append((n, inner.results[0].code, inner.results[0].effect))
            return n
        return inner.results[0].value

    turn = await run_tool_calls(message(call("again", {"n": 1})), tools)
    assert deepest == [(8, "limit", "none")]
    assert turn.results[0].value == 8


async def test_how_deep_turns_may_be_nested_is_a_limit():
    codes = []
    tools = ToolRegistry()

    @tools.tool
    async def outer() -> None:
        inner = await run_tool_calls(message("outer", "nobody"), tools, limits=Limits(depth=1))
        codes.extend(result.code for result in inner.results)

    await run_tool_calls(message("outer"), tools)
    assert codes == ["limit", "unknown_tool"]


@pytest.mark.parametrize("beside", [1, 2])
async def test_turns_beside_each_other_are_not_within_each_other(beside):
    tools = ToolRegistry()

    @tools.tool
    async def leaf() -> str:
        return "leaf"

    for _ in range(20):
        turn = await run_tool_calls(message("leaf"), tools, limits=Limits(depth=1))
        assert turn.ok


async def test_a_call_inside_touches_what_the_call_around_it_touches_on_its_behalf():
    order = []
    tools = ToolRegistry(timeout=100)

    @tools.tool(writes="file:a", scope="runtime")
    async def writes(who: str) -> None:
        await anyio.sleep(1)
        order.append(who)

    @tools.tool(writes="file:a", scope="runtime")
    async def outer() -> None:
        await runtime.run(message(call("writes", {"who": "inside"}), call("writes", {"who": "inside too"}, "two")))

    async with runtime_of(tools) as runtime, anyio.create_task_group() as group:
        group.start_soon(runtime.run, message("outer"))
        await anyio.sleep(0.5)
        group.start_soon(runtime.run, message(call("writes", {"who": "another turn"})))
    assert order == ["inside", "inside too", "another turn"]


async def test_a_place_is_lent_through_the_calls_between():
    tools = ToolRegistry(timeout=None)

    @tools.tool(max_concurrency=1)
    async def one(n: int) -> int:
        return 0 if n == 0 else (await runtime.run(message(call("other", {"n": n})))).results[0].value + 1

    @tools.tool(max_concurrency=1)
    async def other(n: int) -> int:
        return (await runtime.run(message(call("one", {"n": n - 1})))).results[0].value + 1

    async with runtime_of(tools, queue_timeout=1000) as runtime:
        with anyio.fail_after(500):
            turn = await runtime.run(message(call("one", {"n": 3})))
    assert turn.results[0].value == 6


async def test_turns_that_calls_leave_behind_one_after_the_other_are_not_nested():
    codes = []
    tools = ToolRegistry()

    async with anyio.create_task_group() as group:

        async def agent(n):
            await anyio.sleep(1)
            turn = await run_tool_calls(message(call("goes_on", {"n": n})), tools)
            codes.append(turn.results[0].code)

        @tools.tool
        async def goes_on(n: int) -> None:
            if n:
                group.start_soon(agent, n - 1)

        group.start_soon(agent, 20)
    assert codes == ["ok"] * 21


async def test_a_call_whose_arguments_were_edited_touches_what_the_new_ones_say_on_behalf_of_calls_inside():
    """What the old ones touched could not be said, so the call stood alone; calls inside would wait for it."""
    tools = ToolRegistry(timeout=5)

    def key(arguments: dict) -> str:
        return "file:" + {"b": "b"}[arguments["path"]]

    @tools.tool(writes=key, scope="runtime", needs_approval=True)
    async def outer(path: str) -> str:
        turn = await runtime.run(message(call("inner", {"path": path}, "i")))
        return turn.results[0].code

    @tools.tool(writes="file:{path}", scope="runtime")
    async def inner(path: str) -> str:
        return path

    async def edit(_) -> Approve:
        return Approve(arguments={"path": "b"})

    async with ToolRuntime(tools, approve=edit) as runtime:
        turn = await runtime.run(message(call("outer", {"path": "bad"}, "o")))
    assert turn["o"].value == "ok"
