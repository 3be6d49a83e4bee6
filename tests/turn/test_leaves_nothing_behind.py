"""A turn that is over keeps nothing alive: no cycle for the collector, no value of a tool, no frame, no context."""

import gc
import weakref

import anyio
import pytest

from everycall import ToolRegistry, run_tool_calls
from tests.messages import call, message


class Value:
    pass


@pytest.fixture
def tools():
    registry = ToolRegistry()
    registry.values = []

    @registry.tool
    async def returns() -> str:
        local = Value()
        registry.values.append(weakref.ref(local))
        await anyio.sleep(0.001)
        return "x"

    @registry.tool
    async def raises() -> str:
        local = Value()
        registry.values.append(weakref.ref(local))
        error = ValueError("x")
        error.attached = local
        raise error

    @registry.tool
    async def gives_an_object() -> list:
        local = Value()
        registry.values.append(weakref.ref(local))
        return [local]

    return registry


async def test_a_turn_is_freed_as_soon_as_it_is_dropped_without_the_garbage_collector(tools):
    sent = message(*[call(name, {}, f"{name}{n}") for n in range(5) for name in ("returns", "raises")])
    await run_tool_calls(sent, tools)
    await anyio.sleep(0.01)
    gc.collect()
    gc.disable()
    try:
        turn = await run_tool_calls(sent, tools)
        assert len(turn.exchange) == 11
        await anyio.sleep(0.01)
        gone = weakref.ref(turn)
        del turn
        assert gone() is None
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        ours = [kept for kept in gc.garbage if type(kept).__module__.startswith("everycall")]
        assert ours == []
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


@pytest.mark.row("2.11")
async def test_nothing_of_a_tool_that_failed_is_reachable_from_its_result(tools):
    turn = await run_tool_calls(message("raises", "gives_an_object"), tools)
    await anyio.sleep(0.01)
    gc.collect()
    assert [result.status for result in turn.results] == ["error", "error"]
    assert [reference() for reference in tools.values] == [None, None]
