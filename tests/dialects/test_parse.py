"""What is read out of a message: the same calls in every shape, and nothing that is not ours."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everycall import ToolRegistry, run_tool_calls_sync
from everycall.core.errors import MessageError
from everycall.dialects import DIALECT_NAMES, detect, dialect_named
from tests.dialects.samples import FINISH, TWO, Call, message, read, response, sdk_response, success

OBJECTS = ("ollama", "anthropic", "gemini", "bedrock", "langchain")
"""Dialects whose arguments are objects; the others have them as text."""
HAVE_NO_IDS_IN_SDK = ("ollama",)


def facts(calls):
    return [
        (
            call.position,
            call.sent_id,
            call.name,
            dict(call.arguments) if not isinstance(call.arguments, str) else json.loads(call.arguments),
        )
        for call in calls
    ]


@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_message_response_and_sdk_object_give_the_same_calls(name):
    expected = [(position, call.id, call.name, call.arguments) for position, call in enumerate(TWO)]
    for make in (message, response, sdk_response):
        parsed = dialect_named(name).parse(make(name))
        if make is sdk_response and name in HAVE_NO_IDS_IN_SDK:
            expected = [(position, None, *rest) for position, _, *rest in expected]
        assert facts(parsed.calls) == expected, make
        assert all(call.call_id in ("", call.sent_id) for call in parsed.calls)
        assert all(call.defect is None and call.kind == "function" for call in parsed.calls)
        assert not parsed.cut_off


@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_arguments_are_carried_as_sent(name):
    for call, sent in zip(dialect_named(name).parse(message(name)).calls, TWO, strict=True):
        assert call.arguments == (sent.arguments if name in OBJECTS else json.dumps(sent.arguments))


def test_broken_argument_text_is_carried_byte_for_byte():
    for text in ("", "{", "```json\n{}\n```", '"{}"', "\ud800"):
        for name in ("openai-chat", "openai-responses", "cohere"):
            sample = message(name, (Call("c", "f", text),))
            assert dialect_named(name).parse(sample).calls[0].arguments == text


@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_parsing_changes_nothing_in_the_message(name):
    sample = response(name)
    before = copy.deepcopy(sample)
    dialect_named(name).parse(sample)
    assert sample == before


@pytest.mark.parametrize("make", [response, sdk_response])
@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_a_message_that_was_cut_off_says_so(name, make):
    whole, cut = (dialect_named(name).parse(make(name, cut=cut)) for cut in (False, True))
    assert (whole.finish, whole.cut_off) == (FINISH[name][0], False)
    assert (cut.finish, cut.cut_off) == (FINISH[name][1], True)
    assert len(cut.calls) == 2


@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_finish_reason_overrides_what_the_message_says(name):
    spoken = dialect_named(name)
    assert spoken.parse(message(name), finish_reason=FINISH[name][1]).cut_off
    assert not spoken.parse(response(name, cut=True), finish_reason=FINISH[name][0]).cut_off


CUT_WORDS = [
    ("openai-chat", "content_filter"),
    ("openai-chat", "model_length"),
    ("anthropic", "model_context_window_exceeded"),
    ("anthropic", "refusal"),
    ("anthropic", "pause_turn"),
    ("gemini", "MALFORMED_FUNCTION_CALL"),
    ("gemini", "SAFETY"),
    ("bedrock", "malformed_tool_use"),
    ("bedrock", "guardrail_intervened"),
    ("cohere", "ERROR"),
    ("openai-responses", "failed"),
    ("openai-responses", "max_output_tokens"),
    ("langchain", "max_tokens"),
    ("langchain", "MAX_TOKENS"),
]
WHOLE_WORDS = [
    ("openai-chat", "stop"),
    ("anthropic", "end_turn"),
    ("gemini", "STOP"),
    ("bedrock", "end_turn"),
    ("ollama", "stop"),
]


@pytest.mark.parametrize(("name", "word", "cut"), [(*c, True) for c in CUT_WORDS] + [(*w, False) for w in WHOLE_WORDS])
def test_the_table_decides_which_words_mean_cut_off(name, word, cut):
    parsed = dialect_named(name).parse(message(name), finish_reason=word)
    assert parsed.cut_off is cut
    assert len(parsed.calls) == 2  # whether there are calls is decided by the calls


def test_one_incomplete_item_makes_a_list_of_items_cut_off():
    items = message("openai-responses")
    items[-1]["status"] = "incomplete"
    assert dialect_named("openai-responses").parse(items).cut_off


def test_the_state_of_a_servers_own_item_does_not_make_a_message_cut_off():
    items = [{"type": "web_search_call", "id": "ws_1", "status": "failed"}, *message("openai-responses")]
    assert not dialect_named("openai-responses").parse(items).cut_off


@pytest.mark.parametrize("name", DIALECT_NAMES)
@pytest.mark.parametrize("bad_id", [7, 1.5, ["x"], {"a": 1}, True])
def test_an_id_that_is_not_text_counts_as_missing(name, bad_id):
    parsed = dialect_named(name).parse(message(name, (Call(bad_id, "f", {}), TWO[0])))
    assert [call.sent_id for call in parsed.calls] == [None, "call_A1"]


@pytest.mark.parametrize("name", DIALECT_NAMES)
@pytest.mark.parametrize("bad_name", [None, "", 7, ["f"], {"x": 1}])
def test_a_call_without_a_readable_name_is_a_call_with_a_defect(name, bad_name):
    parsed = dialect_named(name).parse(message(name, (Call("a", bad_name, {"x": 1}), TWO[0])))
    assert [call.defect is None for call in parsed.calls] == [False, True]
    assert parsed.calls[0].name == ""
    assert parsed.calls[0].sent_id == "a"
    assert "names no tool" in parsed.calls[0].defect


@pytest.mark.parametrize("name", DIALECT_NAMES)
@pytest.mark.parametrize("arguments", [[1], 7, True, 1.5])
def test_arguments_of_a_wrong_type_are_a_defect_and_the_others_are_read(name, arguments):
    parsed = dialect_named(name).parse(message(name, (Call("a", "f", arguments), TWO[0])))
    assert [call.defect is None for call in parsed.calls] == [False, True]
    assert parsed.calls[0].arguments is None
    assert "arguments are" in parsed.calls[0].defect


@pytest.mark.parametrize("name", ["anthropic", "gemini", "bedrock", "ollama"])
def test_text_where_arguments_are_objects_is_a_defect(name):
    parsed = dialect_named(name).parse(message(name, (Call("a", "f", "{}"), TWO[0])))
    assert [call.defect is None for call in parsed.calls] == [False, True]


@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_absent_arguments_are_none(name):
    parsed = dialect_named(name).parse(message(name, (Call("a", "f", None), TWO[0])))
    assert parsed.calls[0].arguments is None
    assert parsed.calls[0].defect is None


@pytest.mark.parametrize("name", ["openai-chat", "cohere", "ollama", "langchain"])
@pytest.mark.parametrize("entry", [None, 3, "call", [], {}, {"type": "function"}, {"function": None, "id": "x"}])
def test_an_entry_that_is_no_call_is_a_call_with_a_defect(name, entry):
    sample = message(name)
    sample["tool_calls"].insert(1, entry)
    parsed = dialect_named(name).parse(sample)
    assert [call.position for call in parsed.calls] == [0, 1, 2]
    assert [call.defect is None for call in parsed.calls] == [True, False, True]
    assert parsed.calls[1].defect.startswith("This call cannot be read: ")


LISTS = {
    "openai-chat": {"role": "assistant", "content": None, "tool_calls": "[]"},
    "cohere": {"role": "assistant", "tool_plan": "", "tool_calls": {"id": 1}},
    "ollama": {"message": {"role": "assistant", "tool_calls": "f()"}, "done": True},
    "langchain": {"type": "ai", "content": "", "tool_calls": "f()"},
    "anthropic": {"type": "message", "role": "assistant", "content": {"type": "tool_use"}, "stop_reason": "tool_use"},
    "gemini": {"candidates": [{"content": {"role": "model", "parts": {"functionCall": {}}}}]},
    "bedrock": {"output": {"message": {"role": "assistant", "content": {"toolUse": {}}}}},
    "openai-responses": {"object": "response", "output": "none"},
}


@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_a_list_of_calls_that_is_no_list_is_refused(name):
    sample = LISTS[name]
    assert detect(sample).name == name
    with pytest.raises(MessageError, match="not a list"):
        dialect_named(name).parse(sample)


@pytest.mark.parametrize(
    "sample",
    [
        {"choices": []},
        {"choices": None, "role": "assistant"},
        {"choices": [{"message": None}]},
        {"choices": [None]},
        {"choices": [{"message": "hi"}]},
        {"choices": [{"message": {"role": "user", "content": "hi"}}]},
        {"candidates": []},
        {"candidates": None, "promptFeedback": {"blockReason": "SAFETY"}},
    ],
)
def test_a_response_without_a_message_is_refused(sample):
    with pytest.raises(MessageError):
        detect(sample).parse(sample)


@pytest.mark.parametrize(
    ("sample", "cure"),
    [
        ({"choices": [{"message": message("openai-chat")}] * 2}, r"response\.choices\[0\]\.message"),
        ({"candidates": [{"content": message("gemini")}] * 2}, r"response\.candidates\[0\]\.content"),
    ],
)
def test_a_response_with_several_choices_is_refused_with_the_cure(sample, cure):
    with pytest.raises(MessageError, match=cure):
        detect(sample).parse(sample)


def test_a_blocked_gemini_candidate_without_content_has_no_calls():
    parsed = dialect_named("gemini").parse({"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}]})
    assert (parsed.calls, parsed.cut_off) == ((), True)


NEAR = {("openai-chat", "ollama"), ("openai-chat", "cohere"), ("cohere", "openai-chat")}
"""(asked for, in fact): so near to each other that the caller's word decides."""


@pytest.mark.parametrize("asked", DIALECT_NAMES)
@pytest.mark.parametrize("actual", DIALECT_NAMES)
def test_another_providers_message_is_refused_with_the_right_dialect(asked, actual):
    for make in (message, response, sdk_response):
        sample = make(actual)
        if asked == actual or (asked, actual) in NEAR:
            assert len(dialect_named(asked).parse(sample).calls) == 2
            continue
        with pytest.raises(MessageError, match=f'dialect="{actual}"'):
            dialect_named(asked).parse(sample)


@pytest.mark.parametrize(
    "asked", [name for name in DIALECT_NAMES if name in {"anthropic", "openai-chat", "cohere", "ollama"}]
)
def test_a_plain_answer_is_read_by_every_dialect_that_has_that_shape(asked):
    assert dialect_named(asked).parse({"role": "assistant", "content": "hi"}).calls == ()


PROVIDER_RUN = {
    "openai-responses": [
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        {"type": "mcp_call", "id": "mcp_1", "name": "f", "arguments": "{}", "server_label": "s"},
        {"type": "tool_search_call", "execution": "server", "call_id": None, "arguments": {}},
        {
            "type": "shell_call",
            "call_id": "s1",
            "action": {"commands": []},
            "environment": {"type": "container_reference"},
        },
        {"type": "shell_call", "call_id": "s2", "action": {"commands": []}},
        {"type": "shell_call_output", "call_id": "s2", "output": []},
        {"type": "program", "call_id": "p1", "id": "prog_1", "code": "", "fingerprint": "x"},
    ],
    "anthropic": [
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
        {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "f", "server_name": "s", "input": {}},
    ],
    "gemini": [{"toolCall": {"toolType": "GOOGLE_SEARCH_WEB", "id": "t1"}}, {"executableCode": {"code": "1"}}],
    "bedrock": [{"toolUse": {"toolUseId": "s1", "name": "search", "input": {}, "type": "server_tool_use"}}],
}


@pytest.mark.parametrize("name", PROVIDER_RUN)
def test_calls_that_the_provider_runs_are_not_ours(name):
    sample = message(name)
    where = sample if isinstance(sample, list) else sample[{"gemini": "parts"}.get(name, "content")]
    where[1:1] = PROVIDER_RUN[name]
    where.extend(PROVIDER_RUN[name])
    assert detect(sample).name == name
    parsed = dialect_named(name).parse(sample)
    assert [(call.position, call.sent_id) for call in parsed.calls] == [(0, "call_A1"), (1, "call_B2")]


def test_the_old_function_call_is_read_as_one_call_without_an_id():
    sample = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": '{"a": 1}'}}
    (call,) = dialect_named("openai-chat").parse(sample).calls
    assert (call.sent_id, call.name, call.arguments, call.kind) == (None, "f", '{"a": 1}', "legacy_function")


def test_a_custom_call_carries_its_text_as_one_argument():
    sample = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "run", "input": "print(1)"}}],
    }
    (call,) = dialect_named("openai-chat").parse(sample).calls
    assert (call.name, call.arguments, call.kind) == ("run", {"input": "print(1)"}, "custom")


def test_invalid_tool_calls_of_langchain_are_calls_after_the_valid_ones():
    sample = message("langchain")
    sample["invalid_tool_calls"] = [
        {"name": "f", "args": "{oops", "id": "x", "error": "bad", "type": "invalid_tool_call"}
    ]
    parsed = dialect_named("langchain").parse(sample)
    assert [(call.sent_id, call.kind) for call in parsed.calls] == [
        ("call_A1", "function"),
        ("call_B2", "function"),
        ("x", "invalid"),
    ]
    assert parsed.calls[2].arguments == "{oops"


def test_a_vertex_call_that_will_continue_is_a_defect():
    sample = {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}, "willContinue": True}}]}
    assert "cut off" in dialect_named("gemini").parse(sample).calls[0].defect


def test_snake_case_gemini_dicts_are_read_too():
    sample = {"role": "model", "parts": [{"function_call": {"name": "f", "args": {"a": 1}, "id": "x"}}]}
    assert facts(detect(sample).parse(sample).calls) == [(0, "x", "f", {"a": 1})]


@pytest.mark.parametrize("name", ["gemini", "ollama"])
def test_an_empty_id_counts_as_absent_where_ids_are_optional(name):
    parsed = dialect_named(name).parse(message(name, (Call("", "f", {}), Call(None, "f", {}))))
    assert [call.sent_id for call in parsed.calls] == [None, None]


KEYS = st.sampled_from(
    """role content tool_calls function_call id type function name arguments custom input choices message delta done
    finish_reason done_reason candidates parts functionCall function_call args output stopReason toolUse toolUseId
    status
    object call_id action operation environment execution stop_reason tool_plan invalid_tool_calls response_metadata
    tool_use async caller willContinue incomplete_details""".split()  # noqa: SIM905 - a table of words
)
WORDS = st.sampled_from(
    """assistant model user tool function custom tool_use server_tool_use ai message response function_call shell_call
    apply_patch_call computer_call tool_search_call local_shell_call custom_tool_call reasoning client f {} length
    """.split()  # noqa: SIM905 - a table of words
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=5)
JSON_LIKE = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=25
)


@st.composite
def damaged(draw):
    """A real message in which one random place holds a random value."""
    sample = copy.deepcopy(draw(st.sampled_from([message, response]))(draw(st.sampled_from(DIALECT_NAMES))))
    place = sample
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or not place[key] or draw(st.booleans()):
            break
        place = place[key]
    place[key] = draw(JSON_LIKE)
    return sample


@settings(max_examples=300)
@given(sample=JSON_LIKE | damaged())
def test_parse_of_anything_gives_calls_or_a_message_error(sample):
    before = copy.deepcopy(sample)
    for name in DIALECT_NAMES:
        spoken = dialect_named(name)
        spoken.detect(sample)
        try:
            parsed = spoken.parse(sample)
        except MessageError:
            continue
        for position, call in enumerate(parsed.calls):
            assert call.position == position
            assert isinstance(call.name, str)
            assert call.name or call.defect
    assert repr(sample) == repr(before)  # repr: a NaN is not equal to itself


@settings(max_examples=400)
@given(sample=damaged() | JSON_LIKE)
def test_whatever_can_be_read_can_be_answered_and_read_again(sample):
    before = repr(sample)
    for name in DIALECT_NAMES:
        spoken = dialect_named(name)
        try:
            parsed = read(name, sample)
        except MessageError:
            continue
        rendered = spoken.render(parsed, [success(call) for call in parsed.calls])
        assert repr(sample) == before
        if not parsed.calls:
            assert rendered.messages == []
            continue
        sent_back = rendered.assistant_message
        again = spoken.parse({"object": "response", "output": sent_back} if isinstance(sent_back, list) else sent_back)
        assert [call.kind for call in again.calls] == [call.kind for call in parsed.calls]
        assert all(
            call.defect is None for call in again.calls if call.kind in {"function", "custom", "legacy_function"}
        )
        ids = [call.sent_id for call in again.calls]
        if name in {"gemini", "ollama"}:
            assert ids == [None if call.sent_id is None else call.call_id for call in parsed.calls]
        elif again.calls[0].kind != "legacy_function":
            assert ids == [call.call_id for call in parsed.calls]


class Odd(str):
    """Text of a client's own that cannot be looked up, compared or measured."""

    __slots__ = ()

    def _fails(self, *_):
        raise RuntimeError("foreign code")

    __hash__ = __eq__ = __len__ = __bool__ = _fails


class Items(dict):
    def items(self):
        raise RuntimeError("foreign code")


ODD_CALLS = {
    "id": lambda: (Odd("c"), "f", "{}"),
    "name": lambda: ("c", Odd("f"), "{}"),
    "arguments": lambda: ("c", "f", Odd("{}")),
    "items": lambda: ("", "f", Items(a=1)),
    "items without a name": lambda: ("c", "", Items(a=1)),
    "keys without a name": lambda: ("c", "", {(1, 2): 3}),
}


@pytest.mark.parametrize("odd", ODD_CALLS)
def test_text_and_mappings_of_a_clients_own_get_their_one_result_and_an_exchange(odd):
    tools = ToolRegistry()
    tools.add(lambda: 1, name="f", executor="task")
    call_id, name, arguments = ODD_CALLS[odd]()
    function = {"name": name, "arguments": arguments}
    turn = run_tool_calls_sync(
        {"role": "assistant", "tool_calls": [{"id": call_id, "type": "function", "function": function}]}, tools
    )
    assert [result.code for result in turn] == ["ok" if odd in ("id", "name", "arguments") else "invalid_arguments"]
    assert len(turn.exchange) == 2
