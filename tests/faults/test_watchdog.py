"""Row 1.14: a tool that blocks its event loop is named, while it still does. Real time: nothing else blocks a loop."""

import logging
import threading
import time
from pathlib import Path

import anyio
import pytest

from everycall import Limits, ToolRegistry, ToolRuntime, UsageError
from everycall.turn import watchdog
from tests.messages import message

pytestmark = pytest.mark.real
SOON, BLOCK, WAIT = 0.1, 0.6, 20.0
HERE = __file__
SOURCE = Path(HERE).read_text("utf-8").splitlines()


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param


def block(seconds):
    """Hold up the thread."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        threading.Event().wait(0.01)


async def run(tools, *names, loop_blocked=SOON):
    events = []
    async with ToolRuntime(tools, limits=Limits(loop_blocked=loop_blocked), observers=[events.append]) as runtime:
        turn = await runtime.run(message(*names))
        await anyio.sleep(0.05)
    return turn, [event for event in events if event.name == "loop_blocked"]


@pytest.mark.row("1.14")
async def test_file_line_and_function_of_a_tool_that_blocks_its_loop_are_told(caplog):
    tools = ToolRegistry()
    seen = []

    @tools.tool
    async def blocks() -> str:
        await anyio.sleep(0)
        block(BLOCK)
        seen.extend(record.getMessage() for record in caplog.records)
        return "value"

    @tools.tool
    async def fine() -> str:
        await anyio.sleep(0.01)
        return "fine"

    with caplog.at_level(logging.WARNING, "everycall"):
        turn, told = await run(tools, "blocks", "fine")
    assert [result.content for result in turn.results] == ["value", "fine"]
    [event] = told
    assert (event.file, event.function, event.tool_name) == (HERE, "block", "blocks")
    assert BLOCK / 2 < event.seconds < WAIT
    [warning] = [text for text in seen if "has blocked its event loop" in text]  # while it still did
    assert "tool blocks" in warning
    assert f"{HERE}:{event.line} in block" in warning


@pytest.mark.row("1.14")
async def test_the_line_of_the_tool_is_shown_where_a_library_blocks(caplog):
    tools = ToolRegistry()

    @tools.tool
    async def blocks() -> None:
        threading.Event().wait(BLOCK)  # the line of the tool

    _, told = await run(tools, "blocks")
    [line] = [at for at, text in enumerate(SOURCE, start=1) if text.endswith("# the line of the tool")]
    assert [(event.file, event.line) for event in told] == [(HERE, line)]
    assert told[0].function.endswith("blocks")


async def test_a_tool_that_computes_between_waits_is_not_accused():
    tools = ToolRegistry()

    @tools.tool
    async def computes() -> None:
        for _ in range(20):
            block(SOON / 4)
            await anyio.sleep(0)

    _, told = await run(tools, "computes", loop_blocked=SOON * 2)
    assert told == []


async def test_a_block_is_told_once_and_the_next_one_again():
    tools = ToolRegistry()

    @tools.tool
    async def blocks_twice() -> None:
        block(BLOCK)
        await anyio.sleep(0)
        block(BLOCK)

    _, told = await run(tools, "blocks_twice")
    assert [event.name for event in told] == ["loop_blocked"] * 2


async def test_a_tool_under_middleware_is_named():
    async def through(_call, proceed):
        return await proceed()

    tools = ToolRegistry(middleware=[through])

    @tools.tool
    async def blocks() -> None:
        block(BLOCK)

    _, told = await run(tools, "blocks")
    assert [(event.tool_name, event.function) for event in told] == [("blocks", "block")]


async def test_a_sync_tool_blocks_nobody():
    tools = ToolRegistry()

    @tools.tool
    def blocks() -> None:
        block(BLOCK)

    _, told = await run(tools, "blocks")
    assert told == []


async def test_nobody_looks_if_that_was_asked_for(caplog):
    tools = ToolRegistry()

    @tools.tool
    async def blocks() -> None:
        block(BLOCK)

    with caplog.at_level(logging.WARNING, "everycall"):
        _, told = await run(tools, "blocks", loop_blocked=None)
    assert told == []
    assert caplog.records == []


async def test_what_a_model_is_told_holds_no_path():
    tools = ToolRegistry(timeout=0.2)

    @tools.tool(read_only=True)
    async def blocks() -> None:
        block(BLOCK)
        await anyio.sleep(WAIT)

    turn, told = await run(tools, "blocks")
    assert told
    assert turn.results[0].code == "attempt"
    assert HERE not in turn.results[0].content


async def test_the_thread_ends_when_no_turn_has_run_for_a_while_and_comes_back(monkeypatch):
    monkeypatch.setattr(watchdog, "IDLE_SECONDS", 0.0)
    monkeypatch.setattr(watchdog, "_watchdog", watchdog.Watchdog())
    tools = ToolRegistry()

    @tools.tool
    async def blocks() -> None:
        block(BLOCK)

    for _ in range(2):
        _, told = await run(tools, "blocks")
        assert len(told) == 1
        with anyio.fail_after(WAIT):
            while watchdog._watchdog._runs:  # noqa: ASYNC110 -- a thread cannot set an event of this loop
                await anyio.sleep(0.01)


def test_how_long_a_loop_may_be_blocked_is_checked():
    with pytest.raises(UsageError, match=r"Limits\.loop_blocked"):
        Limits(loop_blocked=0)
