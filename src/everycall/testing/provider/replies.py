"""One scripted turn in each provider's own shape. Pure; the same turn at the same place gives the same bytes."""

import base64
import hashlib
import json
import string
from collections.abc import Mapping
from typing import Any

from everycall.testing.provider.finish import translated
from everycall.testing.provider.rules.gemini import signs
from everycall.testing.provider.script import NO_ID, AssistantTurn, Call

Payload = dict[str, Any]

_CREATED = 1_767_225_600
"""Seconds since 1970 at which every reply was made: 2026-01-01T00:00:00Z."""

_ALPHABET = string.ascii_letters + string.digits


def chat_completion(turn: AssistantTurn, index: int, model: str) -> Payload:
    """Return the turn as a response of `/chat/completions`."""
    message: Payload = {"role": "assistant", "content": turn.text, "refusal": None, "annotations": []}
    if turn.thinking is not None:
        message["reasoning_content"] = turn.thinking
    if turn.calls:
        message["tool_calls"] = [
            _with_id(
                "id",
                _call_id(call, "call_", 24, index, position),
                {"type": "function", "function": {"name": call.name, "arguments": _as_text(call.arguments)}},
            )
            for position, call in enumerate(turn.calls)
        ]
    return {
        "id": _made("chatcmpl-", 29, index),
        "object": "chat.completion",
        "created": _CREATED,
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": message,
                "logprobs": None,
                "finish_reason": translated("openai-chat", turn.finish) or ("tool_calls" if turn.calls else "stop"),
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }


def response(turn: AssistantTurn, index: int, model: str) -> Payload:
    """Return the turn as a response of `/responses`. A `finish` other than `completed` makes it incomplete."""
    finish = translated("openai-responses", turn.finish) or "completed"
    status = "completed" if finish == "completed" else "incomplete"
    output: list[Payload] = []
    if turn.thinking is not None:
        summary = [{"type": "summary_text", "text": turn.thinking}]
        output.append({"type": "reasoning", "id": _made("rs_", 48, index), "summary": summary})
    if turn.text is not None:
        content = [{"type": "output_text", "text": turn.text, "annotations": [], "logprobs": []}]
        item = {"type": "message", "id": _made("msg_", 48, index), "role": "assistant", "content": content}
        output.append({**item, "status": status})
    for position, call in enumerate(turn.calls):
        item = {"type": "function_call", "id": _made("fc_", 48, index, position), "name": call.name}
        item |= {"arguments": _as_text(call.arguments), "status": status}
        output.append(_with_id("call_id", _call_id(call, "call_", 24, index, position), item))
    return {
        "id": _made("resp_", 48, index),
        "object": "response",
        "created_at": _CREATED,
        "status": status,
        "error": None,
        "incomplete_details": None if status == "completed" else {"reason": finish},
        "instructions": None,
        "metadata": {},
        "model": model,
        "output": output,
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": {
            "input_tokens": 1,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 1,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 2,
        },
    }


def message(turn: AssistantTurn, index: int, model: str) -> Payload:
    """Return the turn as a response of `/v1/messages`."""
    content: list[Payload] = []
    if turn.thinking is not None:
        content.append({"type": "thinking", "thinking": turn.thinking, "signature": _signature(turn.thinking, index)})
    if turn.text is not None:
        content.append({"type": "text", "text": turn.text})
    for position, call in enumerate(turn.calls):
        block = {"type": "tool_use", "name": call.name, "input": _as_object(call.arguments)}
        content.append(_with_id("id", _call_id(call, "toolu_01", 22, index, position), block))
    return {
        "id": _made("msg_01", 22, index),
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": translated("anthropic", turn.finish) or ("tool_use" if turn.calls else "end_turn"),
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }


def generated_content(turn: AssistantTurn, index: int, model: str) -> Payload:
    """Return the turn as a response of `:generateContent`. A signature is on the first call, or on the text."""
    parts: list[Payload] = [] if turn.text is None else [{"text": turn.text}]
    for position, call in enumerate(turn.calls):
        made = {"name": call.name, "args": _as_object(call.arguments)}
        parts.append({"functionCall": _with_id("id", _call_id(call, "", 8, index, position), made)})
    if parts and (turn.thinking is not None or signs(model)):
        signed = next((part for part in parts if "functionCall" in part), parts[0])
        signed["thoughtSignature"] = _signature(turn.thinking or "", index)
    if turn.thinking is not None:
        parts.insert(0, {"text": turn.thinking, "thought": True})
    finish = translated("gemini", turn.finish) or "STOP"
    return {
        "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": finish, "index": 0}],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2},
        "modelVersion": model,
        "responseId": _made("", 22, index),
    }


def ollama_chat(turn: AssistantTurn, index: int, model: str) -> Payload:
    """Return the turn as a response of `/api/chat`."""
    said: Payload = {"role": "assistant", "content": turn.text or ""}
    if turn.thinking is not None:
        said["thinking"] = turn.thinking
    if turn.calls:
        said["tool_calls"] = [
            _with_id(
                "id",
                _call_id(call, "call_", 8, index, position),
                {"function": {"name": call.name, "arguments": _as_object(call.arguments)}},
            )
            for position, call in enumerate(turn.calls)
        ]
    counts = {"total_duration": 1, "load_duration": 1, "prompt_eval_count": 1, "prompt_eval_duration": 1}
    return {
        "model": model,
        "created_at": "2026-01-01T00:00:00Z",
        "message": said,
        "done": True,
        "done_reason": translated("ollama", turn.finish) or "stop",
        **counts,
        "eval_count": 1,
        "eval_duration": 1,
    }


def _with_id(name: str, call_id: str | None, item: Payload) -> Payload:
    return item if call_id is None else {name: call_id, **item}


def _call_id(call: Call, prefix: str, length: int, index: int, position: int) -> str | None:
    if call.id is NO_ID:
        return None
    return call.id if isinstance(call.id, str) else _made(prefix, length, index, position)


def _made(prefix: str, length: int, *facts: object) -> str:
    """Return an id as the provider makes them, the same for the same *facts*."""
    digest = hashlib.sha512(repr((prefix, *facts)).encode()).digest()
    return prefix + "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:length])


def _signature(thinking: str, index: int) -> str:
    return base64.b64encode(hashlib.sha256(f"{index}:{thinking}".encode()).digest()).decode()


def _as_text(arguments: Mapping[str, object] | str) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


def _as_object(arguments: Mapping[str, object] | str) -> object:
    """Return the object that *arguments* are, or their text if it holds none."""
    if not isinstance(arguments, str):
        return arguments
    try:
        value = json.loads(arguments)
    except ValueError:
        return arguments
    return value if isinstance(value, dict) else arguments
