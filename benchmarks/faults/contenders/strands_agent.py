"""Strands Agents: an `Agent` with a `Model` of one's own."""

import json
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from strands import Agent, tool
from strands.models import Model

from benchmarks.faults.shapes import Fault, Item, Message, Say, Script, Tool


class ScriptedModel(Model):
    """The scripted model."""

    def __init__(self, script: Script) -> None:
        self._script = script

    def update_config(self, **model_config: Any) -> None:
        """Ignore it: there is nothing to configure."""

    def get_config(self) -> dict[str, Any]:
        """Return no options."""
        return {}

    def structured_output(self, *facts: Any, **options: Any) -> Any:
        """Refuse: nobody asks."""
        raise NotImplementedError

    async def stream(self, messages: Any, *rest: Any, **options: Any) -> AsyncGenerator[Any, None]:  # noqa: ARG002
        """Yield the next message in pieces, as every model of this library does."""
        message = self._script.answer(read(messages))
        yield {"messageStart": {"role": "assistant"}}
        for event in _blocks(message):
            yield event
        reason = "max_tokens" if message.cut_off else "tool_use" if message.calls else "end_turn"
        yield {"messageStop": {"stopReason": reason}}


def _blocks(message: Message) -> list[Any]:
    if not message.calls:
        return [
            {"contentBlockStart": {"start": {}}},
            {"contentBlockDelta": {"delta": {"text": "done"}}},
            {"contentBlockStop": {}},
        ]
    events: list[Any] = []
    for one in message.calls:
        start = {"name": one.name, "toolUseId": one.call_id}  # None too: its model for OpenAI passes on what it gets
        events += [
            {"contentBlockStart": {"start": {"toolUse": start}}},
            {"contentBlockDelta": {"delta": {"toolUse": {"input": one.arguments}}}},
            {"contentBlockStop": {}},
        ]
    return events


async def open_conversation(tools: Sequence[Tool], script: Script, fault: Fault) -> Say:  # noqa: ARG001
    """Return an agent: it keeps its messages."""
    agent = Agent(model=ScriptedModel(script), tools=[tool(one) for one in tools], callback_handler=None)

    async def say() -> None:
        await agent.invoke_async("go on")

    return say


def read(messages: Sequence[Any]) -> list[Item]:
    """Return messages of Bedrock's Converse as items; the client of Bedrock writes JSON escapes."""
    items: list[Item] = []
    for message in messages:
        for block in message["content"]:
            if "toolUse" in block:
                used = block["toolUse"]
                items.append(Item(kind="call", call_id=used.get("toolUseId"), content=used["input"]))
            elif "toolResult" in block:
                result = block["toolResult"]
                text = "".join(_text(part) for part in result["content"])
                failed = result["status"] == "error"
                call_id = result.get("toolUseId")
                items.append(Item(kind="result", call_id=call_id, content=text, failed=failed, escapes=True))
            elif message["role"] == "user":
                items.append(Item(kind="text"))
            elif "tool use was incomplete" in block.get("text", ""):  # what it writes in place of calls cut off
                items.append(Item(kind="withdrawn"))
    return items


def _text(part: Any) -> str:
    return part["text"] if "text" in part else json.dumps(part.get("json"))
