"""everycall with the defaults that a user gets."""

from collections.abc import Mapping
from typing import Any

from benchmarks.dispatch.tools import RunTurn, Tool
from everycall import ToolRegistry, run_tool_calls


def contender(tools: Mapping[str, Tool]) -> RunTurn:
    """Return one call of `run_tool_calls`, up to the exchange."""
    registry = ToolRegistry()
    for name, function in tools.items():
        registry.add(function, name=name)

    async def run_turn(message: dict[str, Any]) -> list[Any]:
        return (await run_tool_calls(message, registry)).exchange

    return run_turn
