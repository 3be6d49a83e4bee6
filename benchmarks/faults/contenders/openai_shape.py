"""OpenAI Chat Completions as plain dicts, for contenders that take or give it."""

from collections.abc import Sequence
from typing import Any

from benchmarks.faults.shapes import Item, Message


def as_message(message: Message) -> dict[str, Any]:
    """Return *message* as an assistant message."""
    if not message.calls:
        return {"role": "assistant", "content": "done"}
    calls = [
        {"type": "function", "function": {"name": one.name, "arguments": one.arguments}}
        | ({} if one.call_id is None else {"id": one.call_id})
        for one in message.calls
    ]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def as_response(message: Message) -> dict[str, Any]:
    """Return *message* as a whole response."""
    reason = "length" if message.cut_off else "tool_calls" if message.calls else "stop"
    choice = {"index": 0, "message": as_message(message), "finish_reason": reason}
    return {"object": "chat.completion", "choices": [choice]}


def read(history: Sequence[dict[str, Any]]) -> list[Item]:
    """Return a history as items. `failed` is the flag that a library keeps beside the message, if it does."""
    items: list[Item] = []
    for one in history:
        if one["role"] == "tool":
            items.append(
                Item(kind="result", call_id=one["tool_call_id"], content=one["content"], failed=one.get("failed"))
            )
        elif one["role"] == "assistant":
            items += [
                Item(kind="call", call_id=call.get("id"), content=call["function"]["arguments"])
                for call in one.get("tool_calls") or ()
            ]
        else:
            items.append(Item(kind="text"))
    return items
