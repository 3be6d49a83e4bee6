"""Microsoft Agent Framework: an `Agent` over a chat client of one's own, composed as its real clients are."""

from collections.abc import Awaitable, Sequence
from typing import Any

from agent_framework import (
    Agent,
    BaseChatClient,
    ChatMiddlewareLayer,
    ChatResponse,
    Content,
    FunctionInvocationLayer,
    tool,
)
from agent_framework import (
    Message as AgentMessage,
)

from benchmarks.faults.shapes import Fault, Item, Message, Say, Script, Tool


class ScriptedClient(FunctionInvocationLayer[Any], ChatMiddlewareLayer[Any], BaseChatClient[Any]):
    """The scripted model."""

    def __init__(self, script: Script, **options: Any) -> None:
        super().__init__(**options)
        self._script = script

    def _inner_get_response(self, *, messages: Sequence[Any], **options: Any) -> Awaitable[ChatResponse[Any]]:  # noqa: ARG002
        async def answer() -> ChatResponse[Any]:
            return as_response(self._script.answer(read(messages)))

        return answer()


async def open_conversation(tools: Sequence[Tool], script: Script, fault: Fault) -> Say:  # noqa: ARG001
    """Return a session."""
    client = ScriptedClient(
        script,
        function_invocation_configuration={"max_consecutive_errors_per_request": 10},
    )
    agent = Agent(client=client, tools=[tool(one) for one in tools])
    session = agent.create_session()

    async def say() -> None:
        await agent.run("go on", session=session)

    return say


def as_response(message: Message) -> ChatResponse[Any]:
    """Return *message* as a response of a chat client."""
    contents: list[Any] = [
        Content.from_function_call(one.call_id, one.name, arguments=one.arguments)  # type: ignore[arg-type]
        for one in message.calls
    ]
    reason = "length" if message.cut_off else "tool_calls" if message.calls else "stop"
    said = AgentMessage(role="assistant", contents=contents or ["done"])
    return ChatResponse(messages=[said], finish_reason=reason)  # type: ignore[arg-type]


def read(messages: Sequence[Any]) -> list[Item]:
    """Return messages as items; a result that carries an exception is a failure."""
    items: list[Item] = []
    for message in messages:
        for content in message.contents:
            if content.type == "function_call":
                items.append(Item(kind="call", call_id=content.call_id, content=content.arguments))
            elif content.type == "function_result":
                failed = True if content.exception else None
                items.append(Item(kind="result", call_id=content.call_id, content=content.result, failed=failed))
            elif message.role == "user":
                items.append(Item(kind="text"))
    return items
