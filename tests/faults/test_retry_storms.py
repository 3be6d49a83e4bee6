"""Part 8 of the fault model: what the tests of retries leave open."""

import anyio
import pytest

from everycall import Limits, Retry, ToolRegistry, ToolRuntime, TransientToolError, UsageError, run_tool_calls
from tests.messages import message, numbered

ONCE_MORE = Retry(attempts=2, initial=0.01, jitter=False)


@pytest.mark.row("8.1")
@pytest.mark.parametrize("wrong", [BaseException, KeyboardInterrupt, SystemExit, (ValueError, GeneratorExit)])
def test_a_policy_cannot_ask_to_retry_what_is_no_exception(wrong):
    with pytest.raises(UsageError, match=r"Retry\.on"):
        Retry(on=wrong)


@pytest.mark.row("8.1")
@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), GeneratorExit()])
async def test_what_is_no_exception_is_never_tried_again(error):
    tries = []
    tools = ToolRegistry()

    @tools.tool(read_only=True, retry=Retry(on=(Exception,)))
    async def bad() -> None:
        tries.append(1)
        raise error

    await run_tool_calls(message("bad"), tools)
    assert tries == [1]


@pytest.mark.row("8.5")
async def test_retries_that_fail_are_used_up_over_all_turns_and_are_forgiven_with_time():
    tries, events = [], []
    tools = ToolRegistry()

    @tools.tool(read_only=True, retry=ONCE_MORE)
    async def down(n: int) -> None:
        tries.append(n)
        raise TransientToolError("down")

    async with ToolRuntime(tools, limits=Limits(failed_retries=10), observers=[events.append]) as runtime:
        for _ in range(4):
            await runtime.run(numbered("down", 5))
        assert len(tries) == 20 + 10
        assert [event.name for event in events].count("retry_withheld") == 10
        assert [event.name for event in events].count("retry_scheduled") == 10
        await anyio.sleep(3)
        await runtime.run(numbered("down", 5))
    assert len(tries) == 30 + 5 + 3


@pytest.mark.row("8.5")
async def test_a_tool_that_recovers_is_never_held_back():
    tries = {}
    tools = ToolRegistry()

    @tools.tool(read_only=True, retry=ONCE_MORE)
    async def flaky(n: int) -> str:
        tries[n] = tries.get(n, 0) + 1
        if tries[n] % 2:
            raise TransientToolError("once")
        return "ok"

    async with ToolRuntime(tools, limits=Limits(failed_retries=5)) as runtime:
        for _ in range(50):
            turn = await runtime.run(numbered("flaky", 5))
            assert turn.ok


@pytest.mark.row("8.5")
async def test_one_tool_that_is_down_does_not_use_up_the_retries_of_another():
    tools = ToolRegistry()
    tries = []

    @tools.tool(read_only=True, retry=ONCE_MORE)
    async def down(n: int) -> None:
        raise TransientToolError("down")

    @tools.tool(read_only=True, retry=ONCE_MORE)
    async def other() -> None:
        tries.append(1)
        raise TransientToolError("down")

    async with ToolRuntime(tools, limits=Limits(failed_retries=3)) as runtime:
        await runtime.run(numbered("down", 20))
        await runtime.run(message("other"))
    assert len(tries) == 2


async def test_no_bound_on_failed_retries_is_no_bound():
    tries = []
    tools = ToolRegistry()

    @tools.tool(read_only=True, retry=ONCE_MORE)
    async def down(n: int) -> None:
        tries.append(n)
        raise TransientToolError("down")

    async with ToolRuntime(tools, limits=Limits(failed_retries=None)) as runtime:
        await runtime.run(numbered("down", 300))
    assert len(tries) == 600
