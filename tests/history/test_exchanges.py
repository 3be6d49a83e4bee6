"""Cutting a history where it may be cut."""

import pytest

from everycall.core.errors import UsageError
from everycall.history import check, exchanges, trim
from tests.history.conversations import DIALECTS, Call, Calls, Res, Say, User, wire
from tests.history.samples import conversations, tau

TALK = [
    User("one"),
    Calls((Call("a", "f"), Call("b", "g"))),
    Res("a", "f", "1"),
    Res("b", "g", "2"),
    Say("done"),
    User("two"),
    Calls((Call("c", "f"),)),
    Res("c", "f", "3"),
    Calls((Call("d", "f"),)),
    Res("d", "f", "4"),
    Say("done again"),
]
SYSTEM = {"role": "system", "content": "Be brief."}


def test_a_call_and_its_results_are_one_group_and_all_else_is_alone():
    assert [len(group) for group in exchanges(wire("openai-chat", TALK))] == [1, 3, 1, 1, 2, 2, 1]
    assert [len(group) for group in exchanges(wire("anthropic", TALK))] == [1, 2, 1, 1, 2, 2, 1]
    assert [len(group) for group in exchanges(wire("openai-responses", TALK))] == [1, 5, 1, 1, 3, 3, 1]
    assert exchanges([]) == []


def test_what_stands_between_a_call_and_its_result_is_in_their_group():
    talk = [User("x"), Calls((Call("a", "f"),)), User("y"), Res("a", "f", "1"), Say("z")]
    assert [len(group) for group in exchanges(wire("openai-chat", talk))] == [1, 3, 1]
    early = [User("x"), Res("a", "f", "1"), Calls((Call("a", "f"),)), Say("z")]
    assert [len(group) for group in exchanges(wire("openai-chat", early))] == [1, 2, 1]


def test_trim_keeps_whole_exchanges_from_the_end_and_begins_with_the_user():
    history = wire("openai-chat", TALK)
    assert trim(history, keep=6) == history[5:]
    assert trim(history, keep=11) == history
    assert trim(history, keep=10) == [history[0], *history[4:]], "the exchange of three goes, the user's word stays"


def test_trim_keeps_the_system_messages_at_the_beginning_and_the_last_word_of_the_user():
    history = [SYSTEM, *wire("openai-chat", TALK)]
    assert trim(history, keep=4) == [SYSTEM, history[6], *history[9:]]
    assert trim(history, keep=3) == [SYSTEM, history[6], history[11]]
    assert trim(history, keep=1) == [SYSTEM, history[6], history[11]]


def test_trim_never_splits_the_last_exchange():
    history = wire("openai-chat", TALK[:4])
    assert trim(history, keep=1) == history
    assert trim(history[1:], keep=1) == history[1:], "and goes without a user where there is none"


@pytest.mark.parametrize("keep", [0, -1, 1.5, None, True, "3"])
def test_keep_must_be_a_count(keep):
    with pytest.raises(UsageError, match="keep"):
        trim([SYSTEM], keep=keep)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_recorded_conversation_can_be_trimmed_to_any_length(dialect):
    for events in conversations()[:40:4]:
        history = wire(dialect, events)
        for keep in range(1, len(history) + 1, 3):
            kept = trim(history, keep=keep)
            assert check(kept, dialect) == []
            assert kept[-1] is history[-1]
            assert len(kept) <= max(keep, max(map(len, exchanges(history))) + 1)


def test_the_messages_are_the_same_objects():
    for group, again in zip(exchanges(tau()[0]), exchanges(tau()[0]), strict=True):
        assert all(one is other for one, other in zip(group, again, strict=True))
