"""The same turn in every provider's shape: as a message, as a whole response, and as the SDK's own object.

`Call` is what every dialect must read out of them. Import of an SDK happens where its object is built.
"""

import json
from dataclasses import dataclass, replace

from everycall.core.calls import ParsedMessage
from everycall.core.ids import assign_ids
from everycall.core.outcomes import ToolResult, error_envelope
from everycall.dialects import dialect_named

CUT = "cut"
TEXT = "Looking."


@dataclass(frozen=True)
class Call:
    """What a sample holds."""

    id: object
    name: object
    arguments: object


TWO = (Call("call_A1", "get_weather", {"city": "Paris"}), Call("call_B2", "get_time", {"zone": "UTC", "n": [1, 2]}))

FINISH = {
    "openai-chat": ("tool_calls", "length"),
    "openai-responses": ("completed", "incomplete"),
    "anthropic": ("tool_use", "max_tokens"),
    "gemini": ("STOP", "MAX_TOKENS"),
    "bedrock": ("tool_use", "max_tokens"),
    "cohere": ("TOOL_CALL", "MAX_TOKENS"),
    "ollama": ("stop", "length"),
    "langchain": ("tool_calls", "length"),
}
"""Per dialect: the word above whole calls, and the one above cut ones."""


def text_of(arguments):
    """Arguments as JSON text, if they are a mapping."""
    return json.dumps(arguments) if isinstance(arguments, dict) else arguments


def with_id(fields, key, call_id):
    """Leave the id out if the sample has none."""
    return fields if call_id is None else {key: call_id, **fields}


def chat_entry(call, *, as_text=True, typed=True):
    arguments = text_of(call.arguments) if as_text else call.arguments
    entry = {"function": {"name": call.name, "arguments": arguments}}
    return with_id({"type": "function", **entry} if typed else entry, "id", call.id)


def message(dialect, calls=TWO):  # noqa: PLR0911 - one line per provider
    """The assistant message (or the list of items) alone, as a dict."""
    if dialect == "openai-chat":
        return {"role": "assistant", "content": None, "tool_calls": [chat_entry(call) for call in calls]}
    if dialect == "cohere":
        return {"role": "assistant", "tool_plan": TEXT, "tool_calls": [chat_entry(call) for call in calls]}
    if dialect == "ollama":
        entries = [chat_entry(call, as_text=False, typed=False) for call in calls]
        return {"role": "assistant", "content": TEXT, "tool_calls": entries}
    if dialect == "openai-responses":
        items = [{"type": "function_call", "name": c.name, "arguments": text_of(c.arguments)} for c in calls]
        items = [with_id(item, "call_id", call.id) for item, call in zip(items, calls, strict=True)]
        return [{"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x=="}, *items]
    if dialect == "anthropic":
        blocks = [{"type": "tool_use", "name": c.name, "input": c.arguments} for c in calls]
        blocks = [with_id(block, "id", call.id) for block, call in zip(blocks, calls, strict=True)]
        thinking = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
        return {"role": "assistant", "content": [thinking, {"type": "text", "text": TEXT}, *blocks]}
    if dialect == "gemini":
        parts = [{"functionCall": with_id({"name": c.name, "args": c.arguments}, "id", c.id)} for c in calls]
        return {"role": "model", "parts": [{"text": TEXT}, *({**part, "thoughtSignature": "c2ln"} for part in parts)]}
    if dialect == "bedrock":
        uses = [{"toolUse": with_id({"name": c.name, "input": c.arguments}, "toolUseId", c.id)} for c in calls]
        reasoning = {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "c2ln"}}}
        return {"role": "assistant", "content": [reasoning, {"text": TEXT}, *uses]}
    entries = [{"name": c.name, "args": c.arguments, "id": c.id, "type": "tool_call"} for c in calls]
    return {"type": "ai", "content": TEXT, "tool_calls": entries}


def response(dialect, calls=TWO, *, cut=False):  # noqa: PLR0911 - one line per provider
    """The whole response, as a dict."""
    inner, finish = message(dialect, calls), FINISH[dialect][cut]
    if dialect == "openai-chat":
        return {
            "id": "c1",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [{"index": 0, "finish_reason": finish, "message": inner}],
        }
    if dialect == "openai-responses":
        return {
            "id": "resp_1",
            "object": "response",
            "created_at": 1,
            "model": "m",
            "status": finish,
            "output": inner,
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
        }
    if dialect == "anthropic":
        usage = {"input_tokens": 1, "output_tokens": 1}
        return {"id": "msg_1", "type": "message", "model": "m", "stop_reason": finish, "usage": usage, **inner}
    if dialect == "gemini":
        return {"candidates": [{"content": inner, "finishReason": finish}]}
    if dialect == "bedrock":
        return {"output": {"message": inner}, "stopReason": finish, "usage": {}}
    if dialect == "cohere":
        return {"id": "c1", "finish_reason": finish, "message": inner}
    if dialect == "ollama":
        return {"model": "m", "done": True, "done_reason": finish, "message": inner}
    return {**inner, "response_metadata": {"finish_reason": finish}}


def sdk_response(dialect, calls=TWO, *, cut=False):  # noqa: PLR0911 - one line per provider
    """The whole response, as the SDK's own object; Bedrock's SDK has only dicts."""
    data = response(dialect, calls, cut=cut)
    if dialect == "openai-chat":
        from openai.types.chat import ChatCompletion

        return ChatCompletion.model_validate(data)
    if dialect == "openai-responses":
        from openai.types.responses import Response

        for index, item in enumerate(data["output"]):
            item.setdefault("id", f"fc_{index}")
        return Response.model_validate(data)
    if dialect == "anthropic":
        from anthropic.types import Message

        return Message.model_validate(data)
    if dialect == "gemini":
        from google.genai.types import GenerateContentResponse

        return GenerateContentResponse.model_validate(data)
    if dialect == "cohere":
        from cohere import V2ChatResponse

        return V2ChatResponse.model_validate(data)
    if dialect == "ollama":
        from ollama import ChatResponse

        return ChatResponse.model_validate(data)
    if dialect == "langchain":
        from langchain_core.messages import AIMessage

        return AIMessage(**{key: value for key, value in data.items() if key != "type"})
    return data


def read(dialect, source, *, key="k", **options) -> ParsedMessage:
    """Parse, and assign ids as the engine does."""
    spoken = dialect_named(dialect)
    parsed = spoken.parse(source, **options)
    return replace(parsed, calls=assign_ids(parsed.calls, spoken.id_rule, key))


def success(call, content="ok"):
    return ToolResult(
        call_id=call.call_id, tool_name=call.name, status="success", code="ok", effect="done", content=content
    )


def failure(call, content=None):
    text = error_envelope(code="tool_error", effect="unknown", message="no such city", retryable=False)
    return ToolResult(
        call_id=call.call_id,
        tool_name=call.name,
        status="error",
        code="tool_error",
        effect="unknown",
        content=text if content is None else content,
    )


def render(dialect, source, make=success):
    """Parse, assign ids, and render one result per call."""
    parsed = read(dialect, source)
    return dialect_named(dialect).render(parsed, [make(call) for call in parsed.calls])


def call_ids(dialect, assistant_message):
    """The ids of the calls in what is sent back, read without the library."""
    entries = {
        "openai-responses": lambda m: [i.get("call_id") for i in m if i["type"] == "function_call"],
        "anthropic": lambda m: [b["id"] for b in m["content"] if b["type"] == "tool_use"],
        "gemini": lambda m: [p["functionCall"].get("id") for p in m["parts"] if "functionCall" in p],
        "bedrock": lambda m: [b["toolUse"]["toolUseId"] for b in m["content"] if "toolUse" in b],
    }
    return entries.get(dialect, lambda m: [e.get("id") for e in m["tool_calls"]])(assistant_message)


def result_ids(dialect, messages):
    """The ids that the results answer, read without the library."""
    read_ids = {
        "openai-responses": lambda: [item["call_id"] for item in messages],
        "anthropic": lambda: [block["tool_use_id"] for block in messages[0]["content"]],
        "gemini": lambda: [part["functionResponse"].get("id") for part in messages[0]["parts"]],
        "bedrock": lambda: [block["toolResult"]["toolUseId"] for block in messages[0]["content"]],
    }
    return read_ids.get(dialect, lambda: [one.get("tool_call_id") for one in messages])()


def result_texts(dialect, messages):
    """What the model reads of each result, without the library."""
    read_texts = {
        "openai-responses": lambda: [item["output"] for item in messages],
        "anthropic": lambda: [block["content"] for block in messages[0]["content"]],
        "gemini": lambda: [part["functionResponse"]["response"] for part in messages[0]["parts"]],
        "bedrock": lambda: [block["toolResult"]["content"] for block in messages[0]["content"]],
    }
    return read_texts.get(dialect, lambda: [one["content"] for one in messages])()
