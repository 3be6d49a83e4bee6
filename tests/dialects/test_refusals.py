"""What is said of the wrong things that people pass most often, and of pieces of a stream."""

import asyncio
import json

import pytest

from everycall.core.errors import MessageError
from everycall.dialects import DIALECT_NAMES, detect, dialect_named
from tests.dialects.samples import Call, message, read, render, response, sdk_response

WHOLE = {"index": 0, "id": "a", "type": "function", "function": {"name": "wipe", "arguments": ""}}
LATER = {"index": 0, "id": None, "type": None, "function": {"name": None, "arguments": '{"pa'}}
BARE = {"index": 0, "function": {"arguments": '{"pa'}}


def chunk_of(*entries, role="assistant", content=None):
    from openai.types.chat import ChatCompletionChunk

    delta = {"role": role, "content": content, "tool_calls": list(entries)}
    return ChatCompletionChunk.model_validate(
        {
            "id": "x",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": None}],
        }
    )


def refused(sample, dialect=None):
    with pytest.raises(MessageError) as caught:
        (dialect_named(dialect) if dialect else detect(sample)).parse(sample)
    return str(caught.value)


@pytest.mark.parametrize("dialect", [None, "openai-chat"])
@pytest.mark.parametrize("entry", [WHOLE, LATER])
@pytest.mark.parametrize("role", ["assistant", None])
def test_a_piece_of_an_openai_stream_is_named_whatever_is_taken_out_of_the_chunk(role, entry, dialect):
    chunk = chunk_of(entry, role=role)
    choice = chunk.choices[0]
    for piece in (chunk, choice, choice.delta, chunk.model_dump(), choice.model_dump()):
        assert refused(piece, dialect).startswith("This is a chunk of a stream, not a whole message: assemble")
    assert "assemble them first" in refused([chunk])


def test_a_piece_of_text_is_refused_like_a_piece_of_a_call():
    assert "chunk of a stream" in refused(chunk_of(content="hi").choices[0].delta)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_the_delta_of_litellm_is_refused():
    utils = pytest.importorskip("litellm.types.utils")
    delta = utils.Delta(role="assistant", tool_calls=[WHOLE])
    for piece in (delta, utils.StreamingChoices(delta=delta)):
        assert "chunk of a stream" in refused(piece)


@pytest.mark.parametrize("entry", [LATER, BARE])
@pytest.mark.parametrize("role", ["assistant", None])
def test_the_dump_of_a_later_piece_is_refused(role, entry):
    assert "chunk of a stream" in refused({"role": role, "content": None, "tool_calls": [entry]})


@pytest.mark.parametrize(
    "sample",
    [
        {"role": "assistant", "content": "", "tool_calls": [{**WHOLE, "index": 3}]},
        {"role": "assistant", "content": "", "tool_calls": [{"index": 0, "id": "a", "function": WHOLE["function"]}]},
        {"choices": [{"index": 0, "message": {"role": "assistant", "content": None, "tool_calls": [WHOLE]}}]},
    ],
)
def test_an_index_alone_makes_no_piece_of_a_stream(sample):
    assert [call.name for call in detect(sample).parse(sample).calls] == ["wipe"]


def test_what_the_openai_sdk_puts_together_from_a_stream_is_read():
    from openai.lib.streaming.chat import ChatCompletionStreamState

    state = ChatCompletionStreamState()
    state.handle_chunk(chunk_of(WHOLE))
    state.handle_chunk(chunk_of({"index": 0, "function": {"arguments": '{"path": "/tmp"}'}}, role=None))
    end = chunk_of(role=None)
    end.choices[0].finish_reason = "tool_calls"
    state.handle_chunk(end)
    whole = state.get_final_completion().choices[0].message
    assert whole.tool_calls[0].index == 0
    for sample in (whole, whole.model_dump()):
        assert detect(sample).parse(sample).calls[0].arguments == '{"path": "/tmp"}'


def test_collected_pieces_of_calls_in_a_message_of_the_users_own_are_read():
    entry = chunk_of(WHOLE).choices[0].delta.tool_calls[0]
    entry.function.arguments += '{"path": "/tmp"}'
    sample = {"role": "assistant", "content": None, "tool_calls": [entry]}
    assert detect(sample).parse(sample).calls[0].arguments == '{"path": "/tmp"}'


EVENTS = {
    "anthropic": {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": ""}},
    "responses": {"type": "response.function_call_arguments.delta", "delta": "{", "item_id": "fc_1"},
}


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_an_event_of_a_stream_is_named(event):
    assert "chunk of a stream" in refused(event)


def lc_chunk(text, **fields):
    from langchain_core.messages import AIMessageChunk

    return AIMessageChunk(
        content="", tool_call_chunks=[{"name": "wipe", "args": text, "id": "c", "index": 0}], **fields
    )


@pytest.mark.parametrize("text", ["", '{"path": "/tmp"', "null"])
def test_a_langchain_chunk_from_the_middle_of_a_stream_is_refused(text):
    from langchain_core.messages import message_to_dict

    chunk = lc_chunk(text)
    for piece in (chunk, chunk.model_dump(), message_to_dict(chunk)):
        assert "assemble the chunks first, the empty last one too" in refused(piece)


def streamed(text, *, finish=None):
    """The events of a model whose integration, as most do, leaves the last chunk to LangChain."""
    from langchain_core.language_models.chat_models import BaseChatModel
    from langchain_core.messages import AIMessageChunk
    from langchain_core.outputs import ChatGenerationChunk

    class Model(BaseChatModel):
        @property
        def _llm_type(self):
            return "made up"

        def _generate(self, *_args, **_options):
            raise NotImplementedError

        def _stream(self, *_args, **_options):
            metadata = {"finish_reason": finish} if finish else {}
            for chunk in (lc_chunk(text), AIMessageChunk(content="", response_metadata=metadata)):
                yield ChatGenerationChunk(message=chunk)

    return Model()


@pytest.mark.parametrize("text", ["", '{"path": "/tmp"}'])
def test_the_sum_of_all_langchain_chunks_is_read(text):
    chunks = list(streamed(text).stream("hi"))
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert [call.name for call in detect(whole).parse(whole).calls] == ["wipe"]


@pytest.mark.parametrize(("text", "finish"), [("", "tool_calls"), ('{"path": "/tmp"}', None)])
def test_the_sum_that_langchain_hands_to_its_callbacks_is_read_though_no_last_chunk_is_in_it(text, finish):
    async def events():
        return [event async for event in streamed(text, finish=finish).astream_events("hi", version="v2")]

    whole = asyncio.run(events())[-1]["data"]["output"]
    assert whole.chunk_position is None
    assert [call.name for call in detect(whole).parse(whole).calls] == ["wipe"]


def test_a_langchain_chunk_of_a_version_without_a_position_is_read():
    sample = {"type": "AIMessageChunk", "content": "", "tool_calls": message("langchain")["tool_calls"]}
    assert len(detect({**sample, "tool_call_chunks": [{"args": ""}]}).parse(sample).calls) == 2


CALLS, BLOCKS = "the calls of a message", "the blocks of a message's content"
PIECES = {
    "the calls of openai": (lambda: message("openai-chat")["tool_calls"], CALLS),
    "the calls of langchain": (lambda: message("langchain")["tool_calls"], CALLS),
    "the calls of openai's sdk": (lambda: sdk_response("openai-chat").choices[0].message.tool_calls, CALLS),
    "the calls of google's sdk": (lambda: sdk_response("gemini").function_calls, CALLS),
    "a custom call": (lambda: [{"type": "custom", "custom": {"name": "f", "input": "x"}}], CALLS),
    "anthropic's content": (lambda: message("anthropic")["content"], BLOCKS),
    "anthropic's content of its sdk": (lambda: sdk_response("anthropic").content, BLOCKS),
    "anthropic's text": (lambda: [{"type": "text", "text": "hi"}], BLOCKS),
    "bedrock's content": (lambda: message("bedrock")["content"], BLOCKS),
    "gemini's parts": (lambda: message("gemini")["parts"], BLOCKS),
    "gemini's parts of its sdk": (lambda: sdk_response("gemini").candidates[0].content.parts, BLOCKS),
    "choices": (lambda: response("openai-chat")["choices"], "the choices of a response"),
    "choices of openai's sdk": (lambda: sdk_response("openai-chat").choices, "the choices of a response"),
    "candidates": (lambda: response("gemini")["candidates"], "the candidates of a response"),
    "candidates of google's sdk": (lambda: sdk_response("gemini").candidates, "the candidates of a response"),
}


@pytest.mark.parametrize(("make", "words"), PIECES.values(), ids=PIECES)
def test_a_list_out_of_a_message_is_named_and_the_message_asked_for(make, words):
    said = refused(make())
    assert f", {words}: pass the message that holds them, or the response." in said
    assert "history" not in said


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: message("openai-chat")["tool_calls"][0], CALLS),
        (lambda: sdk_response("gemini").function_calls[0], CALLS),
        (lambda: sdk_response("anthropic").content[-1], BLOCKS),
    ],
)
def test_one_call_or_block_is_named_too(make, words):
    assert f", one of {words}: pass the message that holds it" in refused(make())


def langchain_history():
    from langchain_core.messages import AIMessage, HumanMessage

    return [HumanMessage("hi"), AIMessage("hello")]


HISTORIES = {
    "of dicts": lambda: [{"role": "user", "content": [{"type": "text", "text": "hi"}]}, message("anthropic")],
    "of one": lambda: [message("openai-chat")],
    "of langchain": langchain_history,
    "of langchain, stored": lambda: [{"type": "human", "data": {"content": "hi"}}],
}


@pytest.mark.parametrize("make", HISTORIES.values(), ids=HISTORIES)
def test_a_history_is_still_called_a_history(make):
    assert "pass the last message alone, not the history." in refused(make())


@pytest.mark.parametrize("cause", [ValueError("x"), print, json, [ValueError("x")]])
def test_what_only_looks_like_a_call_is_not_called_one(cause):
    assert CALLS not in refused(cause)


@pytest.mark.parametrize("text", ['{"role": "assistant"}', " \n[1]", b"{}", bytearray(b'{"a": 1}')])
def test_json_that_nobody_has_decoded_is_told_to_be_decoded(text):
    assert refused(text).endswith("decode it first: json.loads(...).")


@pytest.mark.parametrize("text", ["hello", "", b"", b"\xff", "x" * 100_000])
def test_the_text_of_a_message_is_not_called_json(text):
    assert refused(text).endswith("pass the message itself, not its text.")


@pytest.mark.parametrize("dialect", [None, "langchain"])
def test_another_speakers_langchain_message_is_refused_by_its_role(dialect):
    from langchain_core.messages import (
        HumanMessage,
        HumanMessageChunk,
        SystemMessage,
        ToolMessage,
        message_to_dict,
    )

    spoken = {
        "human": HumanMessage("hi"),
        "tool": ToolMessage("x", tool_call_id="c"),
        "system": SystemMessage("be good"),
    }
    for role, sample in spoken.items():
        for shape in (sample, sample.model_dump(), message_to_dict(sample)):
            assert refused(shape, dialect) == f"Expected an assistant message, got one of the role '{role}'."
    assert "role 'human'" in refused(HumanMessageChunk(content="hi"), dialect)


@pytest.mark.parametrize("sample", [{"role": "a\u202eb\nc\u3164" * 50}, {"a\u202eb\nc\u3164" * 50: 1}])
def test_what_an_error_repeats_is_one_short_line_without_hidden_characters(sample):
    said = refused(sample)
    assert r"ab\nc" in said
    assert len(said) < 300
    assert said.isprintable()
    assert "\u3164" not in said


def test_an_object_of_a_class_with_a_strange_name_is_refused_in_one_short_line():
    said = refused(type("Odd\n\u202e" + "x" * 5000, (), {})())
    assert said.isprintable()
    assert len(said) < 400


@pytest.mark.parametrize("make", [response, sdk_response])
def test_one_candidate_of_gemini_is_read_like_the_response(make):
    whole = make("gemini", cut=True)
    candidate = (whole["candidates"] if isinstance(whole, dict) else whole.candidates)[0]
    assert detect(candidate).name == "gemini"
    parsed, expected = (dialect_named("gemini").parse(sample) for sample in (candidate, whole))
    assert parsed == expected
    assert parsed.cut_off


def test_a_candidate_without_content_has_no_calls_and_says_why():
    from google.genai.types import Candidate

    sample = {"finishReason": "MALFORMED_FUNCTION_CALL"}
    for candidate in (sample, Candidate.model_validate(sample), Candidate.model_validate(sample).model_dump()):
        parsed = detect(candidate).parse(candidate)
        assert (parsed.calls, parsed.finish, parsed.cut_off) == ((), "MALFORMED_FUNCTION_CALL", True)


@pytest.mark.parametrize("name", [name for name in DIALECT_NAMES if name != "bedrock"])
def test_a_response_that_was_dumped_as_the_guides_say_gives_an_exchange_of_plain_json(name):
    sent = (Call("call_A1", "f", {"a": None}),)
    dumped = sdk_response(name, sent).model_dump(mode="json", exclude_none=True)
    assert detect(dumped).name == name
    parsed = read(name, dumped)
    (call,) = parsed.calls
    arguments = call.arguments if not isinstance(call.arguments, str) else json.loads(call.arguments)
    assert arguments == {"a": None}
    rendered = render(name, dumped)
    exchange = [rendered.assistant_message, *rendered.messages]
    assert json.loads(json.dumps(exchange)) == exchange
