"""pydantic-ai: an `Agent` with `FunctionModel`, its own test double for a model."""

from collections.abc import Sequence
from typing import Any

from pydantic_ai import Agent, ToolFailed, capture_run_messages
from pydantic_ai.capabilities import Hooks
from pydantic_ai.messages import (
    ModelMessage,
    ModelResponse,
    RetryPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models.function import AgentInfo, FunctionModel

from benchmarks.faults.shapes import Fault, Item, Message, Say, Script, Tool
from benchmarks.faults.terms import TIMEOUT


async def open_conversation(tools: Sequence[Tool], script: Script, fault: Fault) -> Say:  # noqa: ARG001
    """Return a conversation: the messages of each run are the history of the next."""

    async def model(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:  # noqa: ARG001
        return as_model_response(script.answer(read(messages)))

    hooks: Hooks[None] = Hooks()

    @hooks.on.tool_execute_error
    async def answer(ctx: Any, *, call: Any, tool_def: Any, args: Any, error: Exception) -> Any:  # noqa: ARG001
        raise ToolFailed(f"The tool failed: {type(error).__name__}") from error

    agent = Agent(
        FunctionModel(model), tools=list(tools), tool_timeout=TIMEOUT, retries={"tools": 5}, capabilities=[hooks]
    )
    history: list[ModelMessage] = []

    async def say() -> None:
        with capture_run_messages() as messages:
            try:
                await agent.run("go on", message_history=list(history))
            finally:
                history[:] = messages

    return say


def as_model_response(message: Message) -> ModelResponse:
    """Return *message* as a response of the model."""
    if not message.calls:
        return ModelResponse(parts=[TextPart("done")])
    parts = [
        ToolCallPart(one.name, one.arguments)
        if one.call_id is None
        else ToolCallPart(one.name, one.arguments, tool_call_id=one.call_id)
        for one in message.calls
    ]
    return ModelResponse(parts=parts, finish_reason="length" if message.cut_off else "tool_call")


def read(messages: Sequence[ModelMessage]) -> list[Item]:
    """Return the messages as items; `model_response_str` is what the library's own models send."""
    items: list[Item] = []
    for message in messages:
        for part in message.parts:
            if isinstance(part, ToolCallPart):
                items.append(Item(kind="call", call_id=part.tool_call_id, content=part.args))
            elif isinstance(part, ToolReturnPart):
                failed = part.outcome != "success"
                items.append(
                    Item(kind="result", call_id=part.tool_call_id, content=part.model_response_str(), failed=failed)
                )
            elif isinstance(part, RetryPromptPart):
                items.append(Item(kind="result", call_id=part.tool_call_id, content=part.model_response(), failed=True))
            elif isinstance(part, UserPromptPart):
                items.append(Item(kind="text"))
    return items
