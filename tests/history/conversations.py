"""Conversations in no provider's shape, the shapes they take in each, and what can go wrong with them.

A conversation is a flat list of `User`, `Say`, `Calls` and `Res`. `wire` writes it as a provider would have it stored.
"""

import json
from dataclasses import dataclass, replace
from itertools import groupby

DIALECTS = ("openai-chat", "openai-responses", "anthropic", "gemini", "bedrock", "cohere", "ollama", "langchain")


@dataclass(frozen=True)
class User:
    text: str


@dataclass(frozen=True)
class Say:
    text: str


@dataclass(frozen=True)
class Call:
    id: str | None
    name: str
    args: tuple = ()


@dataclass(frozen=True)
class Calls:
    calls: tuple[Call, ...]
    text: str = ""


@dataclass(frozen=True)
class Res:
    id: str | None
    name: str
    text: str


def from_openai(messages):
    """Turn a recorded OpenAI Chat conversation into a neutral one (system messages are left out)."""
    events = []
    for message in messages:
        role = message["role"]
        if role == "user":
            events.append(User(message["content"]))
        elif role == "tool":
            events.append(Res(message["tool_call_id"], message["name"], message["content"]))
        elif role == "assistant" and message.get("tool_calls"):
            calls = tuple(
                Call(
                    one["id"], one["function"]["name"], tuple(sorted(json.loads(one["function"]["arguments"]).items()))
                )
                for one in message["tool_calls"]
            )
            events.append(Calls(calls, message["content"] or ""))
        elif role == "assistant":
            events.append(Say(message["content"]))
    return events


def wire(dialect, events):
    """Return *events* as *dialect* has them."""
    return _WIRE[dialect](events)


def _args(call):
    return dict(call.args)


def _with(key, value, fields):
    return fields if value is None else {key: value, **fields}


def _openai(events):
    messages = []
    for event in events:
        if isinstance(event, User):
            messages.append({"role": "user", "content": event.text})
        elif isinstance(event, Say):
            messages.append({"role": "assistant", "content": event.text})
        elif isinstance(event, Res):
            fields = {"role": "tool", "name": event.name, "content": event.text}
            messages.append(_with("tool_call_id", event.id, fields))
        else:
            calls = [
                _with("id", c.id, {"type": "function", "function": {"name": c.name, "arguments": json.dumps(_args(c))}})
                for c in event.calls
            ]
            messages.append({"role": "assistant", "content": event.text, "tool_calls": calls})
    return messages


def _cohere(events):
    messages = []
    for message in _openai(events):
        if message["role"] == "tool":
            message.pop("name")
        if "tool_calls" in message:
            message["tool_plan"] = message.pop("content") or "I will look."
        messages.append(message)
    return messages


def _ollama(events):
    messages = []
    for event, message in zip(events, _openai(events), strict=True):
        if isinstance(event, Res):
            message["tool_name"] = message.pop("name")
        if isinstance(event, Calls):
            message["tool_calls"] = [
                _with("id", c.id, {"function": {"name": c.name, "arguments": _args(c)}}) for c in event.calls
            ]
        messages.append(message)
    return messages


def _langchain(events):
    messages = []
    for event in events:
        if isinstance(event, User):
            messages.append({"type": "human", "content": event.text})
        elif isinstance(event, Say):
            messages.append({"type": "ai", "content": event.text, "tool_calls": []})
        elif isinstance(event, Res):
            messages.append(
                {
                    "type": "tool",
                    "content": event.text,
                    "tool_call_id": event.id,
                    "name": event.name,
                    "status": "success",
                }
            )
        else:
            calls = [{"name": c.name, "args": _args(c), "id": c.id, "type": "tool_call"} for c in event.calls]
            messages.append({"type": "ai", "content": event.text, "tool_calls": calls, "invalid_tool_calls": []})
    return messages


def _responses(events):
    items = []
    for number, event in enumerate(events):
        if isinstance(event, User):
            items.append({"role": "user", "content": event.text})
        elif isinstance(event, Say):
            content = [{"type": "output_text", "text": event.text, "annotations": []}]
            items.append({"type": "message", "role": "assistant", "content": content})
        elif isinstance(event, Res):
            items.append(_with("call_id", event.id, {"type": "function_call_output", "output": event.text}))
        else:
            items.append({"type": "reasoning", "id": f"rs_{number}", "summary": [], "encrypted_content": event.text})
            items += [
                _with("call_id", c.id, {"type": "function_call", "name": c.name, "arguments": json.dumps(_args(c))})
                for c in event.calls
            ]
    return items


def _grouped(events, user, say, calls, result):
    messages = []
    for is_result, group in groupby(events, lambda event: isinstance(event, Res)):
        if is_result:
            messages.append(result(list(group)))
            continue
        for event in group:
            messages.append({User: user, Say: say, Calls: calls}[type(event)](event))
    return messages


def _anthropic(events):
    def calls(event):
        text = [{"type": "text", "text": event.text}] if event.text else []
        uses = [_with("id", c.id, {"type": "tool_use", "name": c.name, "input": _args(c)}) for c in event.calls]
        return {"role": "assistant", "content": text + uses}

    def result(group):
        blocks = [_with("tool_use_id", one.id, {"type": "tool_result", "content": one.text}) for one in group]
        return {"role": "user", "content": blocks}

    return _grouped(
        events,
        lambda e: {"role": "user", "content": e.text},
        lambda e: {"role": "assistant", "content": [{"type": "text", "text": e.text}]},
        calls,
        result,
    )


def _bedrock(events):
    def calls(event):
        text = [{"text": event.text}] if event.text else []
        uses = [{"toolUse": _with("toolUseId", c.id, {"name": c.name, "input": _args(c)})} for c in event.calls]
        return {"role": "assistant", "content": text + uses}

    def result(group):
        return {
            "role": "user",
            "content": [
                {"toolResult": _with("toolUseId", one.id, {"content": [{"text": one.text or "(no output)"}]})}
                for one in group
            ],
        }

    return _grouped(
        events,
        lambda e: {"role": "user", "content": [{"text": e.text}]},
        lambda e: {"role": "assistant", "content": [{"text": e.text}]},
        calls,
        result,
    )


def _gemini(events):
    def calls(event):
        text = [{"text": event.text}] if event.text else []
        uses = [{"functionCall": _with("id", c.id, {"name": c.name, "args": _args(c)})} for c in event.calls]
        return {"role": "model", "parts": text + uses}

    def result(group):
        return {
            "role": "user",
            "parts": [
                {"functionResponse": _with("id", one.id, {"name": one.name, "response": {"result": one.text}})}
                for one in group
            ],
        }

    return _grouped(
        events,
        lambda e: {"role": "user", "parts": [{"text": e.text}]},
        lambda e: {"role": "model", "parts": [{"text": e.text}]},
        calls,
        result,
    )


_WIRE = {
    "openai-chat": _openai,
    "openai-responses": _responses,
    "anthropic": _anthropic,
    "gemini": _gemini,
    "bedrock": _bedrock,
    "cohere": _cohere,
    "ollama": _ollama,
    "langchain": _langchain,
}


def places(events, kind):
    return [index for index, event in enumerate(events) if isinstance(event, kind)]


def results_of(events, index):
    """Return the places of the results that answer the calls at *index*."""
    ids = {call.id for call in events[index].calls}
    found = []
    for place in range(index + 1, len(events)):
        if not isinstance(events[place], Res):
            break
        if events[place].id in ids:
            found.append(place)
    return found


def drop_result(events, place):
    return events[:place] + events[place + 1 :]


def duplicate_result(events, place):
    return [*events[: place + 1], events[place], *events[place + 1 :]]


def insert_user(events, place):
    """Put a user message right ahead of the result at *place*."""
    return [*events[:place], User("Are you still there?"), *events[place:]]


def move_before_call(events, calls, place):
    return [*events[:calls], events[place], *events[calls:place], *events[place + 1 :]]


def with_result_id(events, place, call_id):
    return [*events[:place], replace(events[place], id=call_id), *events[place + 1 :]]


def with_call_id(events, place, number, call_id):
    calls = list(events[place].calls)
    calls[number] = replace(calls[number], id=call_id)
    return [*events[:place], replace(events[place], calls=tuple(calls)), *events[place + 1 :]]


def swap_result_ids(events, one, other):
    first, second = events[one], events[other]
    return with_result_id(with_result_id(events, one, second.id), other, first.id)


def texts(messages):
    """Return every text anywhere in *messages*, sorted: what must not get lost."""
    found, waiting = [], list(messages)
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return sorted(found)
