"""Signs of life: they move the idle time and no other bound. An async generator gives one with each value."""

import anyio
import pytest

from everycall import Retry, ToolContext, ToolRegistry, UsageError, run_tool_calls
from tests.messages import call, envelope, message


async def test_progress_moves_the_idle_time():
    tools = ToolRegistry()

    @tools.tool(idle_timeout=2)
    async def beats(context: ToolContext) -> str:
        for at in range(10):
            await anyio.sleep(1.5)
            context.report_progress(at, 10)
        return "done"

    turn = await run_tool_calls(message("beats"), tools)
    assert turn.ok
    assert turn.results[0].duration == pytest.approx(15, abs=0.01)


async def test_a_tool_without_a_sign_of_life_is_stopped_after_the_idle_time():
    tools = ToolRegistry()

    @tools.tool(idle_timeout=2, read_only=True)
    async def falls_silent(context: ToolContext) -> None:
        await anyio.sleep(1)
        context.report_progress(1)
        await anyio.sleep_forever()

    began = anyio.current_time()
    turn = await run_tool_calls(message("falls_silent"), tools)
    assert (turn.results[0].status, turn.results[0].code, turn.results[0].effect) == ("timeout", "idle", "none")
    assert "2 s" in envelope(turn.results[0])["message"]
    assert anyio.current_time() - began == pytest.approx(3, abs=0.01)


async def test_progress_never_moves_the_hard_timeout():
    tools = ToolRegistry()

    @tools.tool(idle_timeout=2, timeout=7)
    async def for_ever(context: ToolContext) -> None:
        while True:
            await anyio.sleep(1)
            context.report_progress(1)

    began = anyio.current_time()
    turn = await run_tool_calls(message("for_ever"), tools)
    assert turn.results[0].code == "attempt"
    assert anyio.current_time() - began == pytest.approx(7, abs=0.01)


async def test_an_idle_attempt_of_a_safe_tool_is_followed_by_another():
    tries = []
    tools = ToolRegistry()

    @tools.tool(idle_timeout=2, idempotent=True, retry=Retry(attempts=2, initial=1, jitter=False))
    async def once_silent() -> str:
        tries.append(anyio.current_time())
        if len(tries) == 1:
            await anyio.sleep_forever()
        return "done"

    turn = await run_tool_calls(message("once_silent"), tools)
    assert (turn.results[0].code, turn.results[0].attempts) == ("ok", 2)


@pytest.mark.parametrize("wrong", [0, -1, float("nan"), "2", 30, 31])
def test_a_wrong_idle_timeout_is_refused(wrong):
    with pytest.raises(UsageError, match="idle_timeout"):
        ToolRegistry().add(lambda: None, name="x", idle_timeout=wrong)


# --- async generators ------------------------------------------------------------------------------------------


def counting(**options):
    tools = ToolRegistry()

    @tools.tool(**options)
    async def count(upto: int):
        """Count."""
        for one in range(1, upto + 1):
            await anyio.sleep(1)
            yield f"step {one}\x1b[31m"

    return tools


async def test_each_value_of_an_async_generator_is_progress_and_the_last_is_the_result():
    events = []
    sent = message(call("count", {"upto": 3}))
    turn = await run_tool_calls(sent, counting(), observers=(events.append,))
    assert turn.results[0].value == "step 3\x1b[31m"
    told = [(one.done, one.total, one.message) for one in events if one.name == "progress_reported"]
    assert told == [(1, None, "step 1"), (2, None, "step 2"), (3, None, "step 3")]


async def test_an_async_generator_without_a_value_gives_null():
    turn = await run_tool_calls(message(call("count", {"upto": 0})), counting())
    assert (turn.results[0].value, turn.results[0].content) == (None, "null")


async def test_the_values_of_an_async_generator_move_its_idle_time():
    turn = await run_tool_calls(message(call("count", {"upto": 10})), counting(idle_timeout=1.5))
    assert turn.ok


async def test_an_async_generator_is_closed_when_its_time_is_up():
    closed = []
    tools = ToolRegistry()

    @tools.tool(timeout=2)
    async def endless():
        try:
            while True:
                await anyio.sleep(0.5)
                yield 1
        finally:
            closed.append(True)

    turn = await run_tool_calls(message("endless"), tools)
    assert turn.results[0].code == "attempt"
    assert closed == [True]


async def test_an_error_in_an_async_generator_is_the_error_of_the_call():
    tools = ToolRegistry()

    @tools.tool
    async def fails():
        yield 1
        raise ValueError("after one")

    turn = await run_tool_calls(message("fails"), tools)
    assert turn.results[0].code == "tool_error"
    assert "after one" in turn.results[0].content


async def test_an_async_generator_works_under_middleware():
    async def shout(call, proceed):
        return str(await proceed()).upper()

    tools = ToolRegistry(middleware=[shout])

    @tools.tool
    async def words():
        yield "one"
        yield "two"

    assert (await run_tool_calls(message("words"), tools)).results[0].value == "TWO"
