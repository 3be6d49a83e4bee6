"""Google ADK: `InMemoryRunner` with a `BaseLlm` of one's own."""

import base64
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from google.adk.agents import LlmAgent, RunConfig
from google.adk.agents.run_config import ToolThreadPoolConfig
from google.adk.models import BaseLlm, LlmRequest, LlmResponse
from google.adk.plugins import ReflectAndRetryToolPlugin
from google.adk.runners import InMemoryRunner
from google.genai import types

from benchmarks.faults.shapes import Fault, Item, Message, Say, Script, Tool

_WHO = {"user_id": "user", "session_id": "1"}


class ScriptedLlm(BaseLlm):
    """The scripted model."""

    script: Any

    async def generate_content_async(
        self,
        llm_request: LlmRequest,
        stream: bool = False,  # noqa: ARG002
    ) -> AsyncGenerator[LlmResponse, None]:
        """Yield the next message."""
        yield as_response(self.script.answer(read(llm_request.contents)))


async def open_conversation(tools: Sequence[Tool], script: Script, fault: Fault) -> Say:
    """Return a session.

    Raises:
        NotExpressibleError: the message has arguments that Gemini has no way to send.
    """
    for call in fault.calls:
        call.values()
    agent = LlmAgent(name="agent", model=ScriptedLlm(model="scripted", script=script), tools=list(tools))
    plugin = ReflectAndRetryToolPlugin(throw_exception_if_retry_exceeded=False)
    runner = InMemoryRunner(agent, plugins=[plugin])
    await runner.session_service.create_session(app_name=runner.app_name, **_WHO)
    config = RunConfig(tool_thread_pool_config=ToolThreadPoolConfig(max_workers=16))
    said = types.Content(role="user", parts=[types.Part(text="go on")])

    async def say() -> None:
        async for _ in runner.run_async(**_WHO, new_message=said, run_config=config):
            pass

    return say


def as_response(message: Message) -> LlmResponse:
    """Return *message* as Gemini sends it: arguments are an object, an id is optional."""
    if not message.calls:
        return LlmResponse(content=types.Content(role="model", parts=[types.Part(text="done")]))
    parts = [
        types.Part(function_call=types.FunctionCall(id=one.call_id, name=one.name, args=one.values()))
        for one in message.calls
    ]
    reason = types.FinishReason.MAX_TOKENS if message.cut_off else types.FinishReason.STOP
    return LlmResponse(content=types.Content(role="model", parts=parts), finish_reason=reason)


def read(contents: Sequence[types.Content]) -> list[Item]:
    """Return contents as items. Where Gemini pairs by order, calls and results without an id are numbered alike."""
    items: list[Item] = []
    calls = results = 0
    for content in contents:
        for part in content.parts or ():
            if part.function_call:
                calls += 1
                call_id = part.function_call.id or f"position {calls}"
                items.append(Item(kind="call", call_id=call_id, content=part.function_call.args))
            elif part.function_response:
                results += 1
                call_id = part.function_response.id or f"position {results}"
                sent = _wire(part.function_response.response)
                items.append(Item(kind="result", call_id=call_id, content=sent, escapes=True))
            elif content.role == "user":
                items.append(Item(kind="text"))
    return items


def _wire(value: Any) -> Any:
    """Return a response as the client of Gemini encodes it: bytes become text, the rest has to be JSON."""
    if isinstance(value, bytes):
        return base64.urlsafe_b64encode(value).decode("ascii")
    if isinstance(value, dict):
        return value if _holds_itself(value) else {key: _wire(one) for key, one in value.items()}
    return value


def _holds_itself(value: dict[Any, Any]) -> bool:
    return any(one is value for one in value.values())
