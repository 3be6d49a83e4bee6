"""The rule books, without HTTP: what a provider accepts passes, and every rule is broken by a literal that shows it."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everycall.core.errors import UsageError
from everycall.testing import Seen, violations
from everycall.testing.provider.protocols import PROTOCOLS
from everycall.testing.provider.rulebook import MAX_SHOWN
from tests.testing.fake_provider_cases import (
    BROKEN,
    NEEDS_MEMORY,
    REASONING,
    THINKING,
    VALID,
    answers,
    asks,
    call,
    chat,
    claude,
    fc,
    fr,
    gemini,
    model,
    output,
    responses,
    result,
    told,
    user,
    uses,
)


@pytest.mark.parametrize(("protocol", "body"), [pytest.param(p, b, id=f"{p}: {name}") for p, name, b in VALID])
def test_a_history_that_the_provider_accepts_breaks_no_rule(protocol, body):
    assert violations(protocol, body) == []


@pytest.mark.parametrize(("protocol", "rule", "body"), [pytest.param(*one, id=f"{one[0]}: {one[1]}") for one in BROKEN])
def test_a_broken_history_is_named_by_its_rule(protocol, rule, body):
    assert rule in [violation.rule for violation in violations(protocol, body)]


def test_every_rule_of_every_book_is_shown_by_a_case():
    shown = {(protocol, rule) for protocol, rule, _ in BROKEN} | NEEDS_MEMORY
    assert shown == {(name, rule) for name, protocol in PROTOCOLS.items() for rule in protocol.rules}


@pytest.mark.parametrize(
    ("protocol", "body", "place", "text"),
    [
        (
            "openai-chat",
            chat(asks("call_1", "call_2"), told("call_1")),
            "messages.[3].role",
            (
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
                "'tool_call_id'. The following tool_call_ids did not have response messages: call_2"
            ),
        ),
        (
            "openai-chat",
            chat(asks("a"), told("a"), told("a")),
            "messages.[3].tool_call_id",
            "Invalid parameter: Duplicate value for 'tool_call_id' of 'a', in messages[2] and messages[3].",
        ),
        ("openai-responses", responses(call("call_1")), "input", "No tool output found for function call call_1."),
        (
            "openai-responses",
            responses(output("call_1")),
            "input[1].call_id",
            "No tool call found for function call output with call_id call_1.",
        ),
        (
            "anthropic",
            claude(uses("toolu_1"), user({"type": "text", "text": "hi"})),
            "messages.1",
            (
                "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1. Each "
                "`tool_use` block must have a corresponding `tool_result` block in the next message."
            ),
        ),
        (
            "anthropic",
            claude(uses("a"), user(result("a"), result("a"))),
            "messages.2.content.1",
            (
                "messages.2.content.1: each tool_use must have a single result. Found multiple `tool_result` blocks "
                "with id: a"
            ),
        ),
        (
            "gemini",
            gemini(model(fc()), answers(fr(), fr())),
            "contents[2]",
            (
                "Please ensure that the number of function response parts is equal to the number of function call "
                "parts of the function call turn."
            ),
        ),
    ],
)
def test_a_violation_carries_the_place_and_the_words_of_the_provider(protocol, body, place, text):
    (violation,) = violations(protocol, body)
    assert (violation.place, str(violation), violation.quoted) == (place, text, True)


def test_words_that_nobody_has_published_are_marked_as_ours():
    (violation,) = violations("gemini", gemini(model(fc("1")), answers(fr("2"))))
    assert not violation.quoted


def test_chat_wants_reasoning_content_back_where_the_server_has_sent_it():
    body = chat(asks("a"), told("a"))
    assert violations("openai-chat", body) == []
    assert [one.rule for one in violations("openai-chat", body, Seen(thinking=True))] == ["lost_thinking"]
    kept = chat({**asks("a"), "reasoning_content": ""}, told("a"))
    assert violations("openai-chat", kept, Seen(thinking=True)) == []


THOUGHT = {**asks("a"), "reasoning_content": "Hm."}


@pytest.mark.parametrize(
    ("replies", "messages", "asked_for"),
    [
        pytest.param([THOUGHT, asks("b")], [asks("a"), told("a"), asks("b"), told("b")], [1], id="its own turn only"),
        pytest.param([THOUGHT], [THOUGHT, told("a"), asks("b"), told("b")], [], id="a turn made elsewhere"),
        pytest.param([asks("b")], [asks("b"), told("b")], [], id="a turn without"),
        pytest.param([THOUGHT], [asks("a", "x"), told("a"), told("x")], [1], id="one id of two was made anew"),
        pytest.param([THOUGHT, asks("a")], [THOUGHT, told("a"), asks("a"), told("a")], [], id="an id used again"),
        pytest.param([THOUGHT, asks("a")], [asks("a"), told("a")], [], id="the oldest turn was forgotten"),
        pytest.param([asks("a"), THOUGHT], [asks("a"), told("a")], [1], id="the oldest turn of one id was forgotten"),
        pytest.param([{**THOUGHT, **asks("")}], [asks("made"), told("made")], [1], id="an id made for a call without"),
        pytest.param([{**THOUGHT, **asks("")}], [asks("x", name="g"), told("x")], [], id="no id and another tool"),
        pytest.param([THOUGHT, asks("")], [asks("a"), told("a")], [1], id="an id goes before a name"),
    ],
)
def test_chat_wants_reasoning_content_back_with_the_replies_that_carried_it(replies, messages, asked_for):
    found = violations("openai-chat", chat(*messages), Seen(replies=tuple(replies)))
    assert [(one.rule, one.place) for one in found] == [
        ("lost_thinking", f"messages[{index}].reasoning_content") for index in asked_for
    ]


def test_gemini_2_wants_the_thought_signature_back_with_the_contents_that_carried_thinking():
    thought = {"role": "model", "parts": [{"text": "Hm.", "thought": True}, {"functionCall": fc("1")}]}
    seen = Seen(model="gemini-2.5-flash", replies=(thought, model(fc("2"))))
    body = gemini(model(fc("1")), answers(fr("1")), model(fc("2")), answers(fr("2")))
    assert [one.place for one in violations("gemini", body, seen)] == ["contents[1].parts[0]"]
    without_ids = Seen(replies=({**thought, "parts": [thought["parts"][0], {"functionCall": fc()}]}, model(fc())))
    body = gemini(model(fc()), answers(fr()), model(fc()), answers(fr()))
    assert [one.place for one in violations("gemini", body, without_ids)] == ["contents[1].parts[0]"]


def test_responses_wants_the_reasoning_item_that_a_call_was_made_with():
    seen = Seen(reasoning={"fc_1": "rs_1"})
    lost = responses(call("a", id="fc_1"), output("a"))
    assert [one.rule for one in violations("openai-responses", lost, seen)] == ["lost_thinking"]
    kept = responses(REASONING, call("a", id="fc_1"), output("a"))
    without_ids = responses(call("a"), output("a"))
    assert violations("openai-responses", kept, seen) == violations("openai-responses", without_ids, seen) == []


def test_responses_pairs_with_the_items_that_the_server_has_kept():
    only_output = {"model": "m", "input": [output("a")]}
    assert violations("openai-responses", only_output, Seen(earlier=(call("a"),))) == []


def test_anthropic_refuses_a_signature_that_it_has_not_made():
    body = claude(uses("a", before=[THINKING]), user(result("a")))
    assert violations("anthropic", body, Seen(signatures=frozenset({"c2ln"}))) == []
    assert [one.rule for one in violations("anthropic", body, Seen(signatures=frozenset({"b3Ro"})))] == [
        "changed_thinking"
    ]


def test_gemini_3_wants_the_thought_signature_on_the_first_call_of_each_content_of_the_current_turn():
    seen = Seen(model="gemini-3-pro")
    unsigned = model(fc("1"), fc("2"))
    signed = {**unsigned, "parts": [{**unsigned["parts"][0], "thoughtSignature": "c2ln"}, unsigned["parts"][1]]}
    results = answers(fr("1"), fr("2"))
    assert violations("gemini", gemini(signed, results), seen) == []
    assert [one.rule for one in violations("gemini", gemini(unsigned, results), seen)] == ["lost_thinking"]
    assert [one.rule for one in violations("gemini", gemini(signed, results, unsigned, results), seen)] == [
        "lost_thinking"
    ]
    asked_again = gemini(
        unsigned, results, model(fc("1")), answers(fr("1")), {"role": "user", "parts": [{"text": "x"}]}
    )
    assert violations("gemini", asked_again, seen) == []
    assert violations("gemini", gemini(unsigned, results), Seen(model="gemini-2.5-flash")) == []


def test_an_unknown_protocol_is_answered_with_the_ones_there_are():
    with pytest.raises(UsageError, match="openai-chat, openai-responses, anthropic, gemini, ollama"):
        violations("bedrock", {})


@pytest.mark.parametrize(
    ("protocol", "cure"),
    [
        ("openai-chat", "{'model': 'm', 'messages': [...]}"),
        ("openai-responses", "{'model': 'm', 'input': [...]}"),
        ("gemini", "{'model': 'm', 'contents': [...]}"),
    ],
)
def test_a_conversation_in_place_of_a_request_is_answered_with_the_request_it_belongs_in(protocol, cure):
    with pytest.raises(UsageError, match=re.escape(f"is an object, not list: violations('{protocol}', {cure})")):
        violations(protocol, [])


def test_what_a_request_holds_is_shown_bounded_and_printable():
    (violation,) = violations("openai-responses", responses(output("\x1b[31m" + "x" * 50)))
    assert "\x1b" not in violation.text
    (long,) = violations("anthropic", claude(user(result("y" * 10_000))))
    assert len(long.text) < 10 * MAX_SHOWN


def test_ten_missing_ids_are_listed_and_the_rest_is_counted():
    (violation,) = violations("openai-chat", chat(asks(*(f"c{number}" for number in range(12)))))
    assert violation.text.endswith("c9 and 2 more")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)


def _damaged(draw, value):
    """Return *value* with some of its parts replaced by arbitrary JSON."""
    if draw(st.integers(0, 12)) == 0:
        return draw(JSON)
    if isinstance(value, dict):
        return {key: _damaged(draw, inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_damaged(draw, inner) for inner in value]
    return value


@settings(max_examples=400)
@given(st.data())
def test_no_damage_to_a_request_makes_a_rule_book_fail(data):
    protocol, _, body = data.draw(st.sampled_from([*VALID, *BROKEN]))
    damaged = _damaged(data.draw, json.loads(json.dumps(body)))
    if isinstance(damaged, dict):
        assert all(one.text and one.rule for one in violations(protocol, damaged))
