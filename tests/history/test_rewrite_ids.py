"""Making the ids of one provider fit another."""

import json

import pytest

from everycall.core.errors import UsageError
from everycall.history import check, rewrite_ids
from tests.history.conversations import DIALECTS, Call, Calls, Res, Say, User, wire
from tests.history.samples import conversations


def talk(*ids):
    """One turn per id."""
    events = [User("Hi")]
    for number, call_id in enumerate(ids):
        events += [Calls((Call(call_id, "f", (("n", number),)),)), Res(call_id, "f", str(number))]
    return [*events, Say("Done.")]


def ids_of(history):
    return [one["id"] for message in history for one in message.get("tool_calls", ())]


@pytest.mark.parametrize("target", ["strict9", "safe", "mistral", *DIALECTS])
def test_both_sides_of_every_exchange_agree(target):
    for events in conversations()[::10]:
        history = wire("openai-chat", events)
        rewritten = rewrite_ids(history, "openai-chat", target)
        assert check(rewritten) == []
        assert len(rewritten) == len(history)
        strict = target in ("strict9", "mistral")
        assert all(
            one.isascii() and (len(one) == 9 and one.isalnum() if strict else len(one) <= 40)
            for one in ids_of(rewritten)
        )


def test_ids_that_fit_stay_and_so_do_their_messages():
    history = wire("openai-chat", talk("call_1", "call_2"))
    rewritten = rewrite_ids(history, None, "safe")
    assert all(new is old for new, old in zip(rewritten, history, strict=True))


def test_ids_are_hashed_and_never_cut_or_mended():
    # what others have mapped to one: a.b and a:b, equal first nine, equal last nine
    pairs = [
        ("a.b", "a:b"),
        ("tooluse_k1xxxxx", "tooluse_k2xxxxx"),
        ("functions.get_weather:0", "functions.set_weather:0"),
    ]
    for target in ("strict9", "safe"):
        for one, other in pairs:
            first, second = ids_of(rewrite_ids(wire("openai-chat", talk(one, other)), None, target))
            assert first != second
    assert ids_of(rewrite_ids(wire("openai-chat", talk("a.b")), None, "strict9")) == ["9bQxDUWbt"]


def test_an_id_that_came_again_in_a_later_turn_gets_one_of_its_own():
    first, second, third = ids_of(rewrite_ids(wire("openai-chat", talk("call_0", "call_0", "call_0")), None, "safe"))
    assert first == "call_0"
    assert len({first, second, third}) == 3


def test_the_id_of_a_call_does_not_depend_on_what_comes_later():
    short = wire("openai-chat", talk("a:1", "b:2"))
    long = wire("openai-chat", talk("a:1", "b:2", "c:3"))
    assert ids_of(rewrite_ids(long, None, "safe"))[:2] == ids_of(rewrite_ids(short, None, "safe"))


def test_composite_ids_are_split_at_their_joint():
    signed = "call_abc__thought__" + "x+/=" * 100
    assert ids_of(rewrite_ids(wire("openai-chat", talk("call_x|fc_y", signed)), None, "safe")) == ["call_x", "call_abc"]
    colliding = ids_of(rewrite_ids(wire("openai-chat", talk("call_x|fc_1", "call_x|fc_2", "call_x")), None, "safe"))
    assert len(set(colliding)) == 3
    assert colliding[2] == "call_x", "the id that fits as it is keeps its name"


def test_absent_ids_are_minted_for_a_provider_that_wants_them_and_left_out_for_one_that_does_not():
    history = wire("gemini", talk(None, None))
    assert rewrite_ids(history, None, "gemini") == history
    rewritten = rewrite_ids(history, None, "openai-chat")
    assert check(rewritten) == []
    minted = [
        part["functionCall"]["id"] for message in rewritten for part in message["parts"] if "functionCall" in part
    ]
    assert len(set(minted)) == 2


def test_a_result_without_a_call_stays_one():
    history = [*wire("openai-chat", talk("a:b")), {"role": "tool", "tool_call_id": "x:y", "content": "stray"}]
    rewritten = rewrite_ids(history, None, "safe")
    assert [finding.kind for finding in check(rewritten)] == ["orphan_result"]
    assert json.dumps(rewritten[-1]) != json.dumps(history[-1])


def test_an_unknown_target_is_refused_with_those_that_there_are():
    with pytest.raises(UsageError, match=r"strict9.*safe"):
        rewrite_ids([], None, "short")
