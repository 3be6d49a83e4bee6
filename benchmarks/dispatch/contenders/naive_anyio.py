"""The reference: anyio and pydantic as a careful user joins them.

A task group, a deadline for each call, validated arguments. One failing tool still loses the results of all others,
and a deadline raises instead of answering.
"""

import functools
import inspect
from collections.abc import Mapping
from typing import Any

import anyio
import anyio.to_thread
from pydantic import TypeAdapter
from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

from benchmarks.dispatch.tools import RunTurn, Tool

TIMEOUT = 30
"""Seconds for one call: the default of a tool in everycall."""


class Arguments(TypedDict):
    """What every tool of this benchmark takes."""

    number: int
    text: str


ARGUMENTS = TypeAdapter(Arguments)  # built once: building one takes longer than a whole small turn


def contender(tools: Mapping[str, Tool]) -> RunTurn:
    """Return the loop of somebody who has lost a result before."""
    is_async = {name: inspect.iscoroutinefunction(function) for name, function in tools.items()}

    async def run_call(call: dict[str, Any], position: int, results: list[Any]) -> None:
        name = call["function"]["name"]
        arguments = ARGUMENTS.validate_json(call["function"]["arguments"])
        with anyio.fail_after(TIMEOUT):
            if is_async[name]:
                content = await tools[name](**arguments)
            else:
                content = await anyio.to_thread.run_sync(functools.partial(tools[name], **arguments))
        results[position] = {"role": "tool", "tool_call_id": call["id"], "content": content}

    async def run_turn(message: dict[str, Any]) -> list[Any]:
        calls = message["tool_calls"]
        results: list[Any] = [None] * len(calls)
        async with anyio.create_task_group() as group:
            for position, call in enumerate(calls):
                group.start_soon(run_call, call, position, results)
        return [message, *results]

    return run_turn
