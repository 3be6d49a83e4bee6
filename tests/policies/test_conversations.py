"""Many conversations in one runtime: one turn of each at a time, and nothing of one is seen in another."""

import contextvars

import anyio
import pytest

from everycall import Approve, MessageError, ToolContext, ToolRegistry, ToolRuntime, UsageError
from tests.messages import call, message

who = contextvars.ContextVar("who", default="nobody")


def slow_tools(ran):
    tools = ToolRegistry()

    @tools.tool
    async def slow(n: int) -> int:
        ran.append(n)
        await anyio.sleep(1)
        return n

    return tools


def asks(n):
    return message(call("slow", {"n": n}, "c0"))


async def test_the_same_message_asked_again_meanwhile_joins_the_turn_that_runs():
    ran, turns = [], []
    async with ToolRuntime(slow_tools(ran)) as runtime:

        async def ask(after):
            await anyio.sleep(after)
            turns.append(await runtime.run(asks(1), key="k"))

        async with anyio.create_task_group() as group:
            for after in (0, 0.1, 0.5):
                group.start_soon(ask, after)
    assert ran == [1]
    assert turns[0] is turns[1] is turns[2]
    assert turns[0].ok


async def test_another_message_of_a_key_is_refused_while_one_runs():
    ran = []
    async with ToolRuntime(slow_tools(ran)) as runtime, anyio.create_task_group() as group:
        group.start_soon(lambda: runtime.run(asks(1), key="k"))
        await anyio.sleep(0.5)
        with pytest.raises(MessageError, match="'k' runs another message"):
            await runtime.run(asks(2), key="k")
        with pytest.raises(MessageError, match="'k' runs already"):
            await runtime.open_turn(asks(1), key="k").run()
        await runtime.run(asks(3), key="other")
    assert ran == [1, 3]


@pytest.mark.parametrize("name", ["asks_itself", "asks_through_another"])
async def test_a_tool_that_asks_for_its_own_turn_is_told_so_and_does_not_wait_for_itself(name):
    tools, asked = ToolRegistry(), message(name)

    @tools.tool
    async def asks_itself() -> str:
        with pytest.raises(UsageError, match="'k' cannot run that turn again: it would wait for itself"):
            await runtime.run(asked, key="k")
        return "told so"

    @tools.tool
    async def asks_through_another() -> str:
        return (await runtime.run(message("asks_itself"), key="another")).results[0].content

    began = anyio.current_time()
    async with ToolRuntime(tools) as runtime:
        turn = await runtime.run(asked, key="k")
    assert turn.results[0].content == "told so"
    assert anyio.current_time() == pytest.approx(began, abs=0.1)


async def test_a_key_is_free_again_when_its_turn_has_ended_in_whatever_way():
    ran = []
    async with ToolRuntime(slow_tools(ran)) as runtime:
        with anyio.move_on_after(0.5):
            await runtime.run(asks(1), key="k")
        assert (await runtime.run(asks(2), key="k")).ok
        assert runtime.statistics().turns == 0
    assert ran == [1, 2]


async def test_who_joins_and_leaves_does_not_stop_the_turn():
    ran, turns = [], []
    async with ToolRuntime(slow_tools(ran)) as runtime, anyio.create_task_group() as group:

        async def first():
            turns.append(await runtime.run(asks(1), key="k"))

        group.start_soon(first)
        await anyio.sleep(0.1)
        with anyio.move_on_after(0.1):
            await runtime.run(asks(1), key="k")
    assert turns[0].ok


async def test_if_the_first_is_cancelled_whoever_joined_gets_what_there_is():
    ran, turns = [], []
    async with ToolRuntime(slow_tools(ran)) as runtime, anyio.create_task_group() as group:
        stop = anyio.CancelScope()

        async def first():
            with stop:
                await runtime.run(asks(1), key="k")

        async def second():
            turns.append(await runtime.run(asks(1), key="k"))

        group.start_soon(first)
        await anyio.sleep(0.1)
        group.start_soon(second)
        await anyio.sleep(0.1)
        stop.cancel()
    assert turns[0].results[0].code == "cancelled"


async def test_nothing_of_one_of_a_thousand_conversations_is_seen_in_another():
    tools, events, asked = ToolRegistry(), [], {}

    @tools.tool(needs_approval=lambda arguments: arguments["n"] % 10 == 0, writes="own:{n}", scope="runtime")
    async def whoami(n: int, context: ToolContext[str]) -> list:
        await anyio.sleep(n % 7)
        return [n, who.get(), context.deps, context.idempotency_key]

    async def approve(request):
        asked[request.key] = (request.arguments["n"], request.deps)
        await anyio.sleep(1)
        return Approve(digest=request.digest)

    turns = {}
    async with ToolRuntime(tools, approve=approve, observers=(events.append,)) as runtime:

        async def converse(number):
            who.set(f"user-{number}")
            sent = message(*[call("whoami", {"n": number}, f"id-{number}-{one}") for one in range(2)])
            turns[number] = await runtime.run(sent, key=f"key-{number}", deps=f"deps-{number}")

        async with anyio.create_task_group() as group:
            for number in range(1000):
                group.start_soon(converse, number)
    keys = set()
    for number, turn in turns.items():
        assert [result.call_id for result in turn.results] == [f"id-{number}-0", f"id-{number}-1"]
        for result in turn.results:
            assert result.value[:3] == [number, f"user-{number}", f"deps-{number}"]
            keys.add(result.value[3])
        assert str(turn.exchange).count(f"user-{number}'") + str(turn.exchange).count(f'user-{number}"') >= 2
    assert len(keys) == 2000
    assert asked == {f"key-{n}": (n, f"deps-{n}") for n in range(0, 1000, 10)}
    for event in events:
        if hasattr(event, "call_id"):
            assert event.turn_id.removeprefix("key-") == event.call_id.split("-")[1]
    assert who.get() == "nobody"
