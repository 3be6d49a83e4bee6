"""What is no history is one clear error, whatever it is."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everycall.core.errors import MessageError, UsageError
from everycall.history import check, exchanges, repair, rewrite_ids, trim
from everycall.history.detect import detect_history
from tests.history.conversations import DIALECTS, Call, Calls, Res, Say, User, wire
from tests.history.samples import conversations

EVERY = [
    check,
    repair,
    exchanges,
    lambda history, dialect=None: trim(history, keep=2, dialect=dialect),
    lambda history, dialect=None: rewrite_ids(history, dialect, "safe"),
]


def nested(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


LOOP = []
LOOP.append(LOOP)
WIDE = ["x"]
for _ in range(40):
    WIDE = [WIDE] * 10

WRONG = {
    "None": (None, "A history is a list of messages, not None."),
    "a text": ('[{"role": "user"}]', "not a str. Decode it first, such as with json.loads."),
    "bytes": (b"\xff", "not a bytes. Decode it first"),
    "a request": ({"messages": []}, "Pass the list that it holds, such as history['messages']."),
    "a number": (3, "not a int."),
    "a generator": ((one for one in ()), "not a generator."),
    "texts": (["hello"], "Message 0 is a str, not a message."),
    "a list of lists": ([[{"role": "user"}]], "Message 0 is a list, not a message."),
    "a hole": ([{"role": "user", "content": "x"}, None], "Message 1 is None, not a message."),
    "an unknown role": ([{"role": "wizard"}], "Message 0 has the role 'wizard'; known are system, developer, user"),
    "a role that is a list": ([{"role": []}], "Message 0 has the role a list of 0"),
    "no role": ([{}], "Message 0 has the role None"),
    "calls that are a text": ([{"role": "assistant", "tool_calls": "f()"}], "Message 0: The message's tool_calls are"),
    "deep": ([{"role": "user", "content": nested(100_000)}], "Message 0 is nested deeper than 64 levels."),
    "endless": ([{"role": "user", "content": LOOP}], "Message 0 is nested deeper than 64 levels."),
    "wide": ([{"role": "user", "content": WIDE}], "too large"),
    "50 MB": (
        [{"role": "user", "content": "x" * 50_000_000}],
        "The history is too large: by message 0 it holds more than",
    ),
    "50 MB in pieces": ([{"role": "user", "content": "x" * 1_000_000}] * 50, "too large: by message 33"),
}


@pytest.mark.parametrize("function", EVERY)
@pytest.mark.parametrize("name", WRONG)
def test_each_is_refused_with_one_sentence(name, function):
    history, expected = WRONG[name]
    with pytest.raises(MessageError) as caught:
        function(history)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_an_unknown_dialect_is_refused_with_those_that_there_are():
    with pytest.raises(UsageError, match="openai-chat, openai-responses, anthropic"):
        check([], "openai")


def test_no_messages_are_no_fault():
    assert check([]) == []
    assert repair([]).messages == []
    assert repair(()).messages == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_dialect_is_told_from_the_messages(dialect):
    for events in conversations()[::5]:
        assert detect_history(wire(dialect, events)) == dialect


def test_plain_messages_are_taken_for_openai_chat():
    talk = [User("Hi"), Say("Hello"), User("Bye")]
    assert detect_history(wire("openai-chat", talk)) == "openai-chat"
    assert detect_history([]) == "openai-chat"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_history_of_another_dialect_is_an_error_or_findings_but_never_a_crash(dialect):
    events = [User("Hi"), Calls((Call("a", "f"), Call("b", "g"))), Res("a", "f", "1"), Say("Ok")]
    for other in DIALECTS:
        for function in EVERY:
            with suppress(MessageError):
                function(wire(other, events), dialect)


KEYS = st.sampled_from(
    [
        "role",
        "content",
        "tool_calls",
        "tool_call_id",
        "type",
        "id",
        "call_id",
        "name",
        "parts",
        "functionCall",
        "toolUse",
        "functionResponse",
        "toolResult",
        "function",
        "arguments",
        "output",
        "data",
        "tool_use_id",
        "function_call",
        "args",
    ]
)
WORDS = st.sampled_from(
    [
        "user",
        "assistant",
        "model",
        "tool",
        "ai",
        "human",
        "function",
        "tool_use",
        "tool_result",
        "function_call",
        "x",
        "",
        "function_call_output",
        "message",
        "reasoning",
        "shell_call",
        "shell_call_output",
        "text",
    ]
)
VALUES = st.recursive(
    st.one_of(WORDS, st.none(), st.booleans(), st.integers(), st.binary(max_size=2)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)


@settings(max_examples=400)
@given(
    history=st.lists(st.one_of(VALUES, st.dictionaries(KEYS, VALUES, max_size=5)), max_size=4),
    dialect=st.sampled_from([None, *DIALECTS]),
)
def test_anything_at_all_gives_an_answer_or_a_message_error(history, dialect):
    for function in EVERY:
        try:
            function(history, dialect)
        except MessageError:
            return
    assert check(repair(history, dialect).messages, dialect) == []
