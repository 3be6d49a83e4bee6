"""asyncio and nothing else: gather, `json.loads`, a direct call.

Nothing is validated, nothing has a deadline, and one failing tool loses the results of all others.
"""

import asyncio
import inspect
import json
from collections.abc import Mapping
from typing import Any

from benchmarks.dispatch.tools import RunTurn, Tool


def contender(tools: Mapping[str, Tool]) -> RunTurn:
    """Return the loop that most programs begin with."""
    is_async = {name: inspect.iscoroutinefunction(function) for name, function in tools.items()}

    async def run_call(call: dict[str, Any]) -> dict[str, Any]:
        name = call["function"]["name"]
        arguments = json.loads(call["function"]["arguments"])
        if is_async[name]:
            content = await tools[name](**arguments)
        else:
            content = await asyncio.to_thread(tools[name], **arguments)
        return {"role": "tool", "tool_call_id": call["id"], "content": content}

    async def run_turn(message: dict[str, Any]) -> list[Any]:
        return [message, *await asyncio.gather(*[run_call(call) for call in message["tool_calls"]])]

    return run_turn
