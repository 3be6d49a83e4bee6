"""What is sent back: ids on both sides, companions byte for byte, error flags, empty text, pictures and files."""

import base64
import copy
import dataclasses
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from everycall.core.content import File, Image, Text
from everycall.dialects import DIALECT_NAMES, dialect_named
from tests.dialects.samples import (
    TWO,
    Call,
    call_ids,
    failure,
    message,
    read,
    render,
    response,
    result_ids,
    result_texts,
    sdk_response,
    success,
)

OPTIONAL_IDS = ("gemini", "ollama")


@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_a_message_that_the_provider_accepts_goes_back_as_it_is(name):
    sample = message(name)
    sent_back = render(name, sample).assistant_message
    if name == "openai-responses":
        assert len(sent_back) == len(sample)
        assert all(one is other for one, other in zip(sent_back, sample, strict=True))
    else:
        assert sent_back is sample


@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_results_answer_the_calls_in_order_under_their_ids(name):
    rendered = render(name, message(name), lambda call: success(call, f"result {call.position}"))
    assert result_ids(name, rendered.messages) == ["call_A1", "call_B2"]
    texts = [json.dumps(text) for text in result_texts(name, rendered.messages)]
    assert ["result 0" in texts[0], "result 1" in texts[1]] == [True, True]
    assert rendered.replaced == ()


@pytest.mark.parametrize("name", ["anthropic", "gemini", "bedrock"])
def test_all_results_stand_in_one_user_message(name):
    rendered = render(name, message(name))
    (only,) = rendered.messages
    assert only["role"] == "user"


@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_a_message_without_calls_is_answered_by_nothing(name):
    assert render(name, response(name, ())).messages == []


TROUBLED = {
    "missing": (Call(None, "f", {"a": 1}), Call("ok", "f", {"a": 1})),
    "empty": (Call("", "f", {"a": 1}), Call("ok", "f", {"a": 1})),
    "repeated": (Call("x1", "f", {"a": 1}), Call("x1", "f", {"a": 2}), Call("x1", "g", {})),
    "all missing": (Call(None, "f", {}), Call(None, "f", {})),
    "too long": (Call("i" * 5000, "f", {}), Call("ok", "f", {})),
    "not text": (Call(7, "f", {}), Call("ok", "f", {})),
}


@pytest.mark.parametrize("trouble", TROUBLED)
@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_an_id_that_cannot_stay_is_minted_on_both_sides(name, trouble):
    calls = TROUBLED[trouble]
    sample = message(name, calls)
    before = copy.deepcopy(sample)
    rendered = render(name, sample)
    ids = call_ids(name, rendered.assistant_message)
    assert ids == result_ids(name, rendered.messages)
    assert sample == before
    if name in OPTIONAL_IDS and trouble in {"missing", "empty", "all missing", "not text"}:
        assert ids == [call.id if call.id == "ok" else None for call in calls]  # stays absent, on both sides
        return
    assert len(set(ids)) == len(ids)
    assert all(dialect_named(name).id_rule.accepts(one) for one in ids)
    if trouble == "repeated":
        assert ids[0] == "x1"


@pytest.mark.parametrize("name", ["anthropic", "bedrock"])
@pytest.mark.parametrize("bad", ["a b", "call|fc", "ä"])
def test_an_id_that_the_provider_refuses_is_minted_on_both_sides(name, bad):
    rendered = render(name, message(name, (Call(bad, "f", {}), TWO[0])))
    ids = call_ids(name, rendered.assistant_message)
    assert ids == result_ids(name, rendered.messages)
    assert ids[0] != bad
    assert ids[1] == "call_A1"


def test_the_null_id_that_mistral_fills_in_is_minted():
    rendered = render("openai-chat", message("openai-chat", (Call("null", "f", {}),)))
    (minted,) = call_ids("openai-chat", rendered.assistant_message)
    assert len(minted) == 9
    assert minted.isalnum()


def without_ids(value):
    """The message with every id of a call blanked, to compare all the rest."""
    if isinstance(value, list):
        return [without_ids(one) for one in value]
    if not isinstance(value, dict):
        return value
    is_call = value.get("type") in {"tool_use", "function", "tool_call", "function_call"} or not value.get("type")
    keys = {"id", "call_id", "toolUseId"} if is_call else set()
    return {key: without_ids(one) for key, one in value.items() if key not in keys}


@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_nothing_but_ids_is_rewritten(name):
    sample = message(name, (Call("x1", "f", {"a": [1, {"b": None}]}), Call("x1", "g", {})))
    if name in {"openai-chat", "ollama", "cohere"}:
        sample |= {"reasoning_content": "r ", "provider_specific_fields": {"t": ["s"]}}
        sample["tool_calls"][1]["extra_content"] = {"google": {"thought_signature": "c2ln"}}
    sent_back = render(name, sample).assistant_message
    assert call_ids(name, sent_back) != call_ids(name, sample)
    assert json.dumps(without_ids(sent_back)) == json.dumps(without_ids(sample))


@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_an_sdk_object_is_never_changed_and_its_ids_are_renamed_in_a_copy(name):
    sample = sdk_response(name, (Call("x1", "f", {"a": 1}), Call("x1", "g", {})))
    dump = sample.model_dump if hasattr(sample, "model_dump") else lambda: copy.deepcopy(sample)
    before = dump()
    parsed = read(name, sample)
    rendered = dialect_named(name).render(parsed, [success(call) for call in parsed.calls])
    assert dump() == before
    again = dialect_named(name).parse(rendered.assistant_message)
    assert [call.name for call in again.calls] == ["f", "g"]
    if name != "ollama":  # its SDK drops ids
        assert [call.sent_id for call in again.calls] == [call.call_id for call in parsed.calls]
        assert again.calls[0].sent_id == "x1"


UNREADABLE = [Call("a", None, {"x": 1}), Call("b", "f", [1]), Call("c", "f", 7), Call(None, None, None)]


@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_a_call_that_cannot_be_read_goes_back_in_a_form_that_the_provider_accepts(name):
    sample = message(name, (*UNREADABLE, TWO[0]))
    rendered = render(name, sample)
    again = dialect_named(name).parse(rendered.assistant_message)
    assert [call.defect for call in again.calls] == [None] * 5
    assert again.calls[0].name == "unreadable_call"
    assert again.calls[1].name == "f"
    assert [call.sent_id for call in again.calls] == result_ids(name, rendered.messages)
    assert again.calls[4].arguments == dialect_named(name).parse(sample).calls[4].arguments


@pytest.mark.parametrize("name", ["openai-chat", "cohere", "ollama", "langchain"])
@pytest.mark.parametrize("entry", [None, 3, {}, []])
def test_an_entry_that_is_no_call_becomes_one_that_can_be_answered(name, entry):
    sample = message(name)
    sample["tool_calls"].insert(1, entry)
    rendered = render(name, sample)
    again = dialect_named(name).parse(rendered.assistant_message)
    assert [call.defect for call in again.calls] == [None] * 3
    assert [call.sent_id for call in again.calls] == result_ids(name, rendered.messages)
    assert sample["tool_calls"][1] is entry


@pytest.mark.parametrize("name", ["anthropic", "bedrock"])
def test_arguments_that_are_null_go_back_as_the_object_they_mean(name):
    rendered = render(name, message(name, (Call("a", "f", None),)))
    assert dialect_named(name).parse(rendered.assistant_message).calls[0].arguments == {}


def test_keys_that_say_nothing_are_left_out_of_a_chat_message_and_content_stays():
    idle = {"function_call": None, "audio": None, "refusal": None, "annotations": []}
    sample = {**message("openai-chat"), **idle, "reasoning_content": ""}
    sent_back = render("openai-chat", sample).assistant_message
    assert sent_back == {**message("openai-chat"), "reasoning_content": ""}
    assert sent_back["content"] is None
    assert sample.keys() >= idle.keys()


def test_an_anthropic_response_goes_back_as_role_and_content_alone():
    sample = response("anthropic")
    sent_back = render("anthropic", sample).assistant_message
    assert sent_back == {"role": "assistant", "content": sample["content"]}
    assert sent_back["content"] is sample["content"]


def test_a_custom_call_without_a_name_keeps_its_input():
    entry = {"id": "c", "type": "custom", "custom": {"name": None, "input": "print(1)"}}
    sent_back = render("openai-chat", {"role": "assistant", "content": None, "tool_calls": [entry]}).assistant_message
    assert sent_back["tool_calls"] == [
        {"id": "c", "type": "custom", "custom": {"name": "unreadable_call", "input": "print(1)"}}
    ]


FLAGS = {
    "anthropic": lambda m: [block.get("is_error", False) for block in m[0]["content"]],
    "bedrock": lambda m: [block["toolResult"].get("status") == "error" for block in m[0]["content"]],
    "gemini": lambda m: ["error" in part["functionResponse"]["response"] for part in m[0]["parts"]],
    "langchain": lambda m: [one["status"] == "error" for one in m],
}


@pytest.mark.parametrize("name", FLAGS)
def test_a_failure_is_flagged_where_the_provider_has_a_flag(name):
    rendered = render(name, message(name), lambda call: failure(call) if call.position else success(call))
    assert FLAGS[name](rendered.messages) == [False, True]


@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_a_failure_says_so_in_what_the_model_reads(name):
    rendered = render(name, message(name), failure)
    for text in result_texts(name, rendered.messages):
        assert "no such city" in json.dumps(text)


NOT_EMPTY = ("anthropic", "bedrock", "cohere", "langchain")


@pytest.mark.parametrize("empty", ["", "  \n", (), (Text(""), Text(" "))])
@pytest.mark.parametrize("make", [success, failure])
@pytest.mark.parametrize("name", NOT_EMPTY)
@pytest.mark.row("5.13")
def test_empty_text_becomes_no_output_where_it_is_refused(name, make, empty):
    rendered = render(name, message(name), lambda call: make(call, empty))
    for text in result_texts(name, rendered.messages):
        assert text in ("(no output)", [{"text": "(no output)"}])


@pytest.mark.parametrize("name", [name for name in DIALECT_NAMES if name not in NOT_EMPTY])
def test_empty_text_stays_empty_where_it_is_accepted(name):
    rendered = render(name, message(name), lambda call: success(call, ""))
    assert result_texts(name, rendered.messages)[0] in ("", {"result": ""})


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("21 C", {"result": "21 C"}),
        ('{"t": 21, "u": [1.5]}', {"t": 21, "u": [1.5]}),
        ("{}", {}),
        ("[1]", {"result": "[1]"}),
        ("null", {"result": "null"}),
        ("{not json", {"result": "{not json"}),
        ('{"a": NaN}', {"result": '{"a": NaN}'}),
        ('{"a": 1e999}', {"result": '{"a": 1e999}'}),
        ('{"a":' * 9000, {"result": '{"a":' * 9000}),
        ((Text('{"t": 1}'),), {"t": 1}),
        ((Text("a"), Text("b")), {"result": "a\nb"}),
    ],
)
def test_gemini_gets_an_object_always(content, expected):
    rendered = render("gemini", message("gemini"), lambda call: success(call, content))
    assert result_texts("gemini", rendered.messages)[0] == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [("boom", {"error": "boom"}), ('{"error": {"x": 1}}', {"error": {"x": 1}}), ('{"a": 1}', {"error": '{"a": 1}'})],
)
def test_a_gemini_failure_always_stands_under_error(content, expected):
    rendered = render("gemini", message("gemini"), lambda call: failure(call, content))
    assert result_texts("gemini", rendered.messages)[0] == expected


def test_a_gemini_answer_repeats_the_name_of_its_call():
    (content,) = render("gemini", message("gemini")).messages
    assert [part["functionResponse"]["name"] for part in content["parts"]] == ["get_weather", "get_time"]


def test_a_streamed_vertex_field_is_not_sent_back():
    part = {
        "functionCall": {"name": "f", "args": {}, "partialArgs": [], "willContinue": False},
        "thoughtSignature": "s",
    }
    sent_back = render("gemini", {"role": "model", "parts": [part]}).assistant_message
    assert sent_back["parts"] == [{"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "s"}]
    assert "partialArgs" in part["functionCall"]


def test_an_ollama_answer_names_its_tool():
    rendered = render("ollama", message("ollama"))
    assert [one["tool_name"] for one in rendered.messages] == ["get_weather", "get_time"]


def test_the_old_function_call_is_answered_by_name():
    sample = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}
    rendered = render("openai-chat", sample)
    assert rendered.assistant_message is sample
    assert rendered.messages == [{"role": "function", "name": "f", "content": "ok"}]


def test_an_unreadable_old_function_call_is_mended():
    sample = {"role": "assistant", "content": None, "function_call": {"arguments": 7}}
    rendered = render("openai-chat", sample)
    assert rendered.assistant_message["function_call"] == {"name": "unreadable_call", "arguments": "{}"}
    assert rendered.messages[0]["name"] == "unreadable_call"


def test_an_anthropic_toolset_is_named_in_its_answers():
    sample = message("anthropic")
    sample["content"][-1]["toolset_name"] = "browser"
    (user,) = render("anthropic", sample).messages
    assert [block.get("toolset_name") for block in user["content"]] == [None, "browser"]


PNG = b"\x89PNG\r\n\x1a\n\xff\xfe"
PDF = b"%PDF-1.7 \xff"
B64 = base64.b64encode(PNG).decode()
PICTURE = (Text("see"), Image(data=PNG))

PICTURES = {
    "openai-responses": [
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "image_url": f"data:image/png;base64,{B64}"},
    ],
    "anthropic": [
        {"type": "text", "text": "see"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": B64}},
    ],
    "gemini": {"result": "see"},
    "bedrock": [{"text": "see"}, {"image": {"format": "png", "source": {"bytes": PNG}}}],
    "ollama": "see",
    "langchain": [{"type": "text", "text": "see"}, {"type": "image", "mime_type": "image/png", "base64": B64}],
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_goes_where_the_provider_takes_it(name):
    rendered = render(name, message(name), lambda call: success(call, PICTURE))
    assert result_texts(name, rendered.messages)[0] == PICTURES[name]
    assert rendered.replaced == ()
    if name == "gemini":
        answer = rendered.messages[0]["parts"][0]["functionResponse"]
        assert answer["parts"] == [{"inlineData": {"mimeType": "image/png", "data": B64}}]
    if name == "ollama":
        assert rendered.messages[0]["images"] == [B64]


@pytest.mark.parametrize("name", ["openai-chat", "cohere"])
@pytest.mark.row("5.14")
def test_a_picture_that_cannot_be_sent_becomes_words_and_is_reported(name):
    rendered = render(name, message(name), lambda call: success(call, PICTURE if call.position else "x"))
    assert rendered.replaced == (1,)
    text = result_texts(name, rendered.messages)[1]
    assert text.startswith("see\n[image: image/png, 10 bytes")


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("anthropic", Image(data=b"x", media_type="image/tiff")),
        ("anthropic", File(data=b"x", media_type="application/zip")),
        ("anthropic", Image()),
        ("bedrock", Image(url="https://x/y.png")),
        ("bedrock", File(data=b"x", media_type="application/zip")),
        ("ollama", Image(url="https://x/y.png")),
        ("ollama", File(data=b"x", media_type="application/pdf")),
        ("openai-responses", Image()),
        ("gemini", Image()),
        ("langchain", Image()),
    ],
)
def test_what_a_provider_cannot_take_becomes_words_and_is_reported(name, part):
    rendered = render(name, message(name), lambda call: success(call, (Text("see"), part)))
    assert rendered.replaced == (0, 1)
    assert "[image" in json.dumps(result_texts(name, rendered.messages)[0]) or isinstance(part, File)


def test_an_anthropic_error_holds_text_only():
    rendered = render("anthropic", message("anthropic"), lambda call: failure(call, PICTURE))
    (first, _) = rendered.messages[0]["content"]
    assert isinstance(first["content"], str)
    assert rendered.replaced == (0, 1)


ADDRESSES = {
    "openai-responses": {"type": "input_image", "image_url": "https://x/y.png"},
    "anthropic": {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
    "langchain": {"type": "image", "mime_type": "image/png", "url": "https://x/y.png"},
}


@pytest.mark.parametrize("name", ADDRESSES)
def test_a_picture_may_be_an_address(name):
    rendered = render(name, message(name), lambda call: success(call, (Image(url="https://x/y.png"),)))
    assert result_texts(name, rendered.messages)[0] == [ADDRESSES[name]]


PDF64 = base64.b64encode(PDF).decode()
DOCUMENT = File(data=PDF, media_type="application/pdf", name="a/b: report_1.pdf")
DOCUMENTS = {
    "openai-responses": {
        "type": "input_file",
        "filename": "a/b: report_1.pdf",
        "file_data": f"data:application/pdf;base64,{PDF64}",
    },
    "anthropic": {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": PDF64},
        "title": "a/b: report_1.pdf",
    },
    "bedrock": {"document": {"format": "pdf", "source": {"bytes": PDF}, "name": "a b report 1 pdf"}},
    "langchain": {
        "type": "file",
        "mime_type": "application/pdf",
        "filename": "a/b: report_1.pdf",
        "base64": PDF64,
    },
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_file_goes_where_the_provider_takes_it(name):
    rendered = render(name, message(name), lambda call: success(call, (DOCUMENT,)))
    assert result_texts(name, rendered.messages)[0] == [DOCUMENTS[name]]
    assert rendered.replaced == ()


def test_a_text_file_is_shown_as_text_where_files_are_not_taken():
    note = File(data="ä b".encode(), media_type="text/plain", name="n.txt")
    rendered = render("openai-chat", message("openai-chat"), lambda call: success(call, (note,)))
    assert result_texts("openai-chat", rendered.messages)[0] == "[file 'n.txt']\nä b"
    assert rendered.replaced == (0, 1)


def test_a_wrong_number_of_results_is_an_error_of_ours():
    for name in DIALECT_NAMES:
        parsed = read(name, message(name))
        with pytest.raises(ValueError, match="zip"):
            dialect_named(name).render(parsed, [success(parsed.calls[0])])


@pytest.mark.parametrize("name", DIALECT_NAMES)
@given(word=st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,63}", fullmatch=True))
@example(word="null")
@example(word="a" * 64)
def test_a_rule_that_takes_words_at_a_glance_takes_those_that_its_pattern_takes(name, word):
    rule = dialect_named(name).id_rule
    assert rule.accepts(word) == dataclasses.replace(rule, takes_words=False).accepts(word)
