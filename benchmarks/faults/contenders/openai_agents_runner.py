"""OpenAI Agents SDK: `Runner.run` with a `Model` of one's own and a session."""

import inspect
import json
from collections.abc import Sequence
from typing import Any

from agents import Agent, Model, ModelResponse, RunConfig, Runner, SQLiteSession, Usage, function_tool
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

from benchmarks.faults.shapes import Fault, Item, Message, NotExpressibleError, Say, Script, Tool
from benchmarks.faults.terms import TIMEOUT


class ScriptedModel(Model):
    """The scripted model."""

    def __init__(self, script: Script) -> None:
        self._script = script

    async def get_response(self, system_instructions: Any, input: Any, *rest: Any, **options: Any) -> ModelResponse:  # noqa: A002, ARG002
        """Return the next message."""
        items = input if isinstance(input, list) else [{"role": "user", "content": input}]
        return ModelResponse(output=as_output(self._script.answer(read(items))), usage=Usage(), response_id=None)

    def stream_response(self, *facts: Any, **options: Any) -> Any:
        """Refuse: the runner is not asked to stream."""
        raise NotImplementedError


async def open_conversation(tools: Sequence[Tool], script: Script, fault: Fault) -> Say:
    """Return a session.

    Raises:
        NotExpressibleError: the answer was cut off. The library's own model for Responses raises then; the interface
            for models has no word for it.
    """
    if fault.cut_off:
        raise NotExpressibleError("a message that was cut off")
    made = [
        function_tool(one, timeout=TIMEOUT) if inspect.iscoroutinefunction(one) else function_tool(one) for one in tools
    ]
    agent = Agent(name="agent", model=ScriptedModel(script), tools=list(made))
    config = RunConfig(tracing_disabled=True, tool_not_found_behavior="return_error_to_model")
    session = SQLiteSession("1")

    async def say() -> None:
        await Runner.run(agent, "go on", session=session, run_config=config)

    return say


def as_output(message: Message) -> list[Any]:
    """Return *message* as output items of the Responses API."""
    if not message.calls:
        text = ResponseOutputText(type="output_text", text="done", annotations=[])
        return [ResponseOutputMessage(id="msg_1", type="message", role="assistant", status="completed", content=[text])]
    return [
        ResponseFunctionToolCall.model_construct(
            type="function_call",
            id=f"fc_{number}",
            call_id=one.call_id,
            name=one.name,
            arguments=one.arguments,
            status="incomplete" if message.cut_off else "completed",
        )
        for number, one in enumerate(message.calls)
    ]


def read(entries: Sequence[Any]) -> list[Item]:
    """Return input items of the Responses API as items. Its results have no flag: their text has to say it."""
    items: list[Item] = []
    for one in entries:
        kind = one.get("type")
        if kind == "function_call":
            items.append(Item(kind="call", call_id=one.get("call_id"), content=one.get("arguments")))
        elif kind == "function_call_output":
            output = one["output"]
            text = output if isinstance(output, str) else json.dumps(output)
            items.append(Item(kind="result", call_id=one.get("call_id"), content=text))
        elif one.get("role") == "user":
            items.append(Item(kind="text"))
    return items
