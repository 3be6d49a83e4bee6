"""chuk-tool-processor: `ToolProcessor.process` with the dict of OpenAI, and results appended by their ids."""

import json
from collections.abc import Sequence
from typing import Any

from chuk_tool_processor import ToolProcessor
from chuk_tool_processor.registry import ToolRegistryProvider
from chuk_tool_processor.registry.auto_register import register_fn_tool

from benchmarks.faults.contenders.openai_shape import as_message, read
from benchmarks.faults.shapes import Fault, Say, Script, Tool
from benchmarks.faults.terms import TIMEOUT


async def open_conversation(tools: Sequence[Tool], script: Script, fault: Fault) -> Say:  # noqa: ARG001
    """Return the usual loop: ask the model, process its calls, append one message per result."""
    await ToolRegistryProvider.reset()
    for tool in tools:
        await register_fn_tool(tool)
    processor = ToolProcessor(default_timeout=TIMEOUT)
    await processor.initialize()
    history: list[dict[str, Any]] = []

    async def say() -> None:
        history.append({"role": "user", "content": "go on"})
        while True:
            message = as_message(script.answer(read(history)))
            history.append(message)
            if "tool_calls" not in message:
                return
            results = await processor.process(message, return_order="submission")
            history.extend(_answers(message["tool_calls"], results))

    return say


def _answers(calls: Sequence[dict[str, Any]], results: Sequence[Any]) -> list[dict[str, Any]]:
    """Return one message per result. Without a `call_id` of the model's, a result answers the call at its position."""
    known = {call.get("id") for call in calls}
    made = []
    for position, result in enumerate(results):
        by_position = calls[position].get("id") if len(results) == len(calls) else result.call_id
        call_id = result.call_id if result.call_id in known else by_position
        content = {"error": result.error} if result.error else result.result
        made.append({"role": "tool", "tool_call_id": call_id, "content": _text(content), "failed": bool(result.error)})
    return made


def _text(value: Any) -> str:
    """Return *value* as a careful program would put it into a message: how, is left to it by the library."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        pass
    try:
        return str(value)
    except Exception as error:
        return f"error: the result cannot be shown ({type(error).__name__})"
