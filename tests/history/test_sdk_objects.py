"""Histories that hold the SDKs' own objects, as loops leave them."""

import os
import warnings

import pytest

from everycall.history import check, exchanges, repair, rewrite_ids
from everycall.history.detect import detect_history


def openai_chat():
    from openai.types.chat import ChatCompletionMessage

    message = ChatCompletionMessage.model_validate(
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": call_id, "type": "function", "function": {"name": "f", "arguments": "{}"}} for call_id in "ab"
            ],
        }
    )
    answers = [{"role": "tool", "tool_call_id": call_id, "content": call_id} for call_id in "ab"]
    return [{"role": "user", "content": "Hi"}, message, *answers], "openai-chat"


def mistral():
    from mistralai.client.models import AssistantMessage, ToolMessage, UserMessage

    message = AssistantMessage.model_validate(
        {"content": "", "tool_calls": [{"id": i * 9, "function": {"name": "f", "arguments": "{}"}} for i in "ab"]}
    )
    answers = [ToolMessage(content=i, tool_call_id=i * 9, name="f") for i in "ab"]
    return [UserMessage(content="Hi"), message, *answers], "openai-chat"


def litellm():
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else it asks the network for its prices
    from litellm import Message

    calls = [{"id": i, "type": "function", "function": {"name": "f", "arguments": "{}"}} for i in "ab"]
    answers = [{"role": "tool", "tool_call_id": i, "content": i} for i in "ab"]
    return [{"role": "user", "content": "Hi"}, Message(content=None, tool_calls=calls), *answers], "openai-chat"


def openai_responses():
    from openai.types.responses import ResponseFunctionToolCall, ResponseReasoningItem

    items = [ResponseReasoningItem(id="rs_1", summary=[], type="reasoning")]
    items += [
        ResponseFunctionToolCall(id=f"fc_{i}", call_id=i, name="f", arguments="{}", type="function_call") for i in "ab"
    ]
    answers = [{"type": "function_call_output", "call_id": i, "output": i} for i in "ab"]
    return [{"role": "user", "content": "Hi"}, *items, *answers], "openai-responses"


def anthropic():
    from anthropic.types import Message, TextBlock, ToolUseBlock

    blocks = [TextBlock(type="text", text="Let me see.")]
    blocks += [ToolUseBlock(type="tool_use", id=i, name="f", input={}) for i in "ab"]
    message = Message.model_construct(
        id="msg_1", type="message", role="assistant", model="m", content=blocks, stop_reason="tool_use"
    )
    answer = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": i, "content": i} for i in "ab"]}
    return [{"role": "user", "content": "Hi"}, message, answer], "anthropic"


def anthropic_blocks():
    history, dialect = anthropic()
    return [history[0], {"role": "assistant", "content": history[1].content}, history[2]], dialect


def gemini():
    from google.genai import types

    calls = [types.Part(function_call=types.FunctionCall(name="f", args={}, id=i)) for i in "ab"]
    answers = [
        types.Part(function_response=types.FunctionResponse(id=i, name="f", response={"result": i})) for i in "ab"
    ]
    return [
        types.Content(role="user", parts=[types.Part(text="Hi")]),
        types.Content(role="model", parts=calls),
        types.Content(role="user", parts=answers),
    ], "gemini"


def cohere():
    from cohere import AssistantChatMessageV2, ToolCallV2, ToolCallV2Function, ToolChatMessageV2, UserChatMessageV2

    calls = [ToolCallV2(id=i, type="function", function=ToolCallV2Function(name="f", arguments="{}")) for i in "ab"]
    answers = [ToolChatMessageV2(tool_call_id=i, content=i) for i in "ab"]
    return [
        UserChatMessageV2(content="Hi"),
        AssistantChatMessageV2(tool_calls=calls, tool_plan="f"),
        *answers,
    ], "cohere"


def ollama():
    from ollama import Message

    calls = [Message.ToolCall(function=Message.ToolCall.Function(name=i, arguments={})) for i in "ab"]
    answers = [Message(role="tool", content=i, tool_name=i) for i in "ab"]
    return [Message(role="user", content="Hi"), Message(role="assistant", tool_calls=calls), *answers], "ollama"


def langchain():
    from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

    calls = [{"name": "f", "args": {}, "id": i, "type": "tool_call"} for i in "ab"]
    answers = [ToolMessage(content=i, tool_call_id=i) for i in "ab"]
    return [HumanMessage("Hi"), AIMessage(content="", tool_calls=calls), *answers], "langchain"


def langchain_stored():
    from langchain_core.messages import messages_to_dict

    return messages_to_dict(langchain()[0]), "langchain"


SDKS = [
    openai_chat,
    mistral,
    litellm,
    openai_responses,
    anthropic,
    anthropic_blocks,
    gemini,
    cohere,
    ollama,
    langchain,
    langchain_stored,
]


@pytest.fixture(params=SDKS, ids=lambda make: make.__name__)
def history_of(request):
    """A function that makes a fresh history of one SDK's objects, in order, with its dialect."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what SDKs say while they are imported is theirs
        request.param()

    def fresh():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return request.param()

    return fresh


def without_last_result(history, dialect):
    """Return the history without the result of its second call."""
    last = history[-1]
    if dialect == "anthropic":
        return [*history[:-1], {**last, "content": last["content"][:1]}]
    if dialect == "gemini":
        return [*history[:-1], last.model_copy(update={"parts": last.parts[:1]})]
    return history[:-1]


def test_objects_are_told_and_read_as_dicts_are(history_of):
    history, dialect = history_of()
    assert detect_history(history) == ("openai-chat" if dialect == "openai-chat" else dialect)
    assert check(history) == []
    mended = repair(history)
    assert all(new is old for new, old in zip(mended.messages, history, strict=True))
    assert max(len(group) for group in exchanges(history)) >= 2


def test_a_missing_result_is_found_and_put_in(history_of):
    history, dialect = history_of()
    broken = without_last_result(history, dialect)
    assert [finding.kind for finding in check(broken, dialect)] == ["missing_result"]
    mended = repair(broken, dialect)
    assert check(mended.messages, dialect) == []
    assert [edit.kind for edit in mended.edits] == ["inserted"]
    assert all(new is old for new, old in zip(mended.messages[:-1], history[:-1], strict=False))
    assert "in_doubt" in repr(mended.messages[-1])


def test_ids_are_rewritten_on_both_sides_of_a_copy(history_of):
    history, dialect = history_of()
    before = repr(history)
    rewritten = rewrite_ids(history, dialect, "strict9")
    assert repr(history) == before
    assert check(rewritten, dialect) == []
    fitting = "aaaaaaaaa" in before
    assert (rewritten == history) is (fitting or dialect == "ollama"), "Ollama's objects have no place for an id"


def test_langchain_gets_messages_of_its_own_kind():
    from langchain_core.messages import BaseMessage, ToolMessage, messages_from_dict

    history, _ = langchain()
    mended = repair(history[:-1]).messages
    assert all(isinstance(message, BaseMessage) for message in mended)
    assert isinstance(mended[-1], ToolMessage)
    assert (mended[-1].status, mended[-1].tool_call_id) == ("error", "b")
    stored = repair(langchain_stored()[0][:-1]).messages
    assert [type(message).__name__ for message in messages_from_dict(stored)] == [
        "HumanMessage",
        "AIMessage",
        "ToolMessage",
        "ToolMessage",
    ]


def test_google_takes_what_repair_returns():
    from google.genai import types
    from pydantic import TypeAdapter

    history, _ = gemini()
    mended = repair(without_last_result(history, "gemini")).messages
    read = TypeAdapter(list[types.Content]).validate_python(mended)
    assert [part.function_response.id for part in read[-1].parts] == ["a", "b"]
