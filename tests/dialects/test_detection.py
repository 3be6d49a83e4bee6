"""Which dialect a message is in, and what is said of what is none."""

from types import SimpleNamespace

import pytest

from everycall.core.errors import MessageError, UsageError
from everycall.dialects import DIALECT_NAMES, detect, dialect_named
from tests.dialects.samples import FINISH, message, response, sdk_response

SHAPES = {"message": message, "response": response, "sdk": sdk_response}


def test_there_are_eight_dialects_and_each_knows_its_name():
    assert len(DIALECT_NAMES) == 8
    assert [dialect_named(name).name for name in DIALECT_NAMES] == list(DIALECT_NAMES)
    assert set(FINISH) == set(DIALECT_NAMES)


@pytest.mark.parametrize("name", ["openai", "", None, 3, "OPENAI-CHAT"])
def test_an_unknown_dialect_is_refused_with_the_names(name):
    with pytest.raises(UsageError, match="openai-chat, openai-responses, anthropic"):
        dialect_named(name)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_exactly_one_dialect_detects_a_message_with_calls(name, shape):
    sample = SHAPES[shape](name)
    assert detect(sample).name == name
    assert [other for other in DIALECT_NAMES if dialect_named(other).detect(sample)] == [name]


@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_a_response_without_calls_is_detected_and_has_none(name):
    sample = response(name, ())
    assert detect(sample).name == name
    assert dialect_named(name).parse(sample).calls == ()


@pytest.mark.parametrize(
    ("sample", "name"),
    [
        ({"role": "assistant", "content": "hi"}, "openai-chat"),
        ({"role": "assistant", "content": [{"type": "text", "text": "hi"}]}, "openai-chat"),
        ({"role": "assistant", "content": "hi", "tool_calls": None}, "openai-chat"),
        ({"role": "assistant", "content": "hi", "tool_calls": []}, "openai-chat"),
        ({"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}, "openai-chat"),
        ({"role": "assistant", "tool_plan": "p", "content": "hi"}, "cohere"),
        ({"role": "assistant", "content": [{"text": "hi"}]}, "bedrock"),
        ({"role": "assistant", "content": "hi", "stop_reason": "end_turn"}, "anthropic"),
        ({"role": "model", "parts": [{"text": "hi"}]}, "gemini"),
        (
            [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hi"}]}],
            "openai-responses",
        ),
        ({"type": "ai", "content": "hi"}, "langchain"),
        ({"message": {"role": "assistant", "content": "hi"}, "done": True}, "ollama"),
        ({"message": {"role": "assistant", "content": "hi"}, "finish_reason": "COMPLETE"}, "cohere"),
        ({"message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop", "index": 0}, "openai-chat"),
        ({"candidates": [{"content": {"role": "model", "parts": [{"text": "hi"}]}}]}, "gemini"),
        ({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}, "openai-responses"),
    ],
)
def test_plain_answers_and_near_shapes_go_where_the_rule_says(sample, name):
    assert detect(sample).name == name


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        ({"function": {"name": "f", "arguments": {}}}, "ollama"),
        ({"type": "function", "function": {"name": "f", "arguments": {}}}, "openai-chat"),
        ({"function": {"name": "f", "arguments": "{}"}}, "openai-chat"),
        ({"name": "f", "args": {}, "id": "x"}, "langchain"),
    ],
)
def test_ties_between_shapes_with_tool_calls_are_settled_by_the_first_readable_entry(entry, name):
    assert detect({"role": "assistant", "content": "", "tool_calls": [None, entry]}).name == name


NO_MESSAGES = {
    "nothing": (None, "got None"),
    "text": ("get_weather", "got a str: pass the message itself"),
    "bytes": (b"{}", r"got a bytes: decode it first: json\.loads"),
    "number": (7, "got an int"),
    "a history": ([{"role": "user", "content": "hi"}, message("openai-chat")], "not the history"),
    "a history of items": ([*message("openai-responses"), {"type": "function_call_output"}], "not the history"),
    "an empty list": ([], "not the history"),
    "a request": ({"model": "m", "messages": [{"role": "user", "content": "x"}]}, "last message alone"),
    "a user message": ({"role": "user", "content": "hi"}, "role 'user'"),
    "a result": ({"role": "tool", "tool_call_id": "c", "content": "x"}, "role 'tool'"),
    "another dict": ({"foo": 1, "bar": "secret value"}, r"keys 'foo', 'bar'"),
    "an empty dict": ({}, "an empty dict"),
    "another object": (SimpleNamespace(foo=1), "types.SimpleNamespace"),
}


@pytest.mark.parametrize(("sample", "words"), NO_MESSAGES.values(), ids=NO_MESSAGES)
def test_what_is_no_message_is_refused_with_one_clear_sentence(sample, words):
    with pytest.raises(MessageError, match=words) as caught:
        detect(sample)
    assert "secret value" not in str(caught.value)
    for name in DIALECT_NAMES:
        if sample == [] and name == "openai-responses":
            continue  # the output of a response may be empty
        with pytest.raises(MessageError):
            dialect_named(name).parse(sample)


def test_a_forgotten_await_is_named():
    async def call():
        return None

    pending = call()
    with pytest.raises(MessageError, match="await the client's call"):
        detect(pending)
    pending.close()


@pytest.mark.row("6.15")
def test_a_piece_of_a_stream_is_named():
    chunk = {"choices": [{"index": 0, "delta": {"tool_calls": []}, "finish_reason": None}]}
    with pytest.raises(MessageError, match="stream"):
        detect(chunk).parse(chunk)


def test_a_long_key_or_role_is_not_shown_in_full():
    with pytest.raises(MessageError) as caught:
        detect({"x" * 5000: 1})
    assert len(str(caught.value)) < 400
    with pytest.raises(MessageError) as caught:
        detect({"role": "r" * 5000, "content": ""})
    assert len(str(caught.value)) < 400
