"""Every single fault, made in every recorded conversation, in every dialect: found, named rightly, mended."""

import pytest

from everycall.history import check, repair
from tests.history.conversations import DIALECTS, Calls, User, places, texts, wire
from tests.history.oracle import JUDGED, refusals
from tests.history.samples import (
    FAULTS,
    conversations,
    empties_result_id,
    exchanges_of_bfcl,
    inserts_user,
    invents_call_ids,
    loses_result_id,
    reuses_ids,
    swaps_ids_across_turns,
    swaps_ids_in_turn,
    swaps_order,
    tau,
    without_ids,
)

WITH_NAMES = ("openai-chat", "gemini", "ollama", "langchain")
"""Dialects whose results carry the tool's name, so that a swapped id shows."""

SEEN_OTHERWISE = {
    ("openai-responses", inserts_user): [set()],  # results may come at any later place
    ("openai-responses", invents_call_ids): [
        {"orphan_result", "missing_result"},
        {"duplicate_result", "missing_result"},
    ],
    ("ollama", empties_result_id): [set()],  # ids are optional, and the SDK drops them
    ("ollama", loses_result_id): [set()],
}


def every(mutation):
    """Yield each recorded conversation with one fault, at places that differ from one to the next."""
    for number, events in enumerate(conversations()):
        yield mutation(events, number * 7 + 3)


def test_the_recorded_conversations_are_clean():
    assert len(tau()) == 50
    assert len(exchanges_of_bfcl()) == 100
    for history in [*tau(), *exchanges_of_bfcl()]:
        assert check(history) == []
        assert check(history, "openai-chat") == []
        mended = repair(history)
        assert mended.edits == ()
        assert all(new is old for new, old in zip(mended.messages, history, strict=True))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_history_in_order_is_clean_and_comes_back_as_the_same_objects(dialect):
    for events in conversations():
        history = wire(dialect, events)
        assert check(history) == [], "the dialect is told from the messages"
        mended = repair(history)
        assert mended.edits == ()
        assert len(mended.messages) == len(history)
        assert all(new is old for new, old in zip(mended.messages, history, strict=True))


@pytest.mark.parametrize("mutation", FAULTS, ids=lambda mutation: mutation.__name__)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_single_fault_is_named_and_mended(dialect, mutation):
    expected = SEEN_OTHERWISE.get((dialect, mutation), [FAULTS[mutation]])
    for events in every(mutation):
        history = wire(dialect, events)
        found = check(history, dialect)
        assert {finding.kind for finding in found} in expected
        assert all(0 <= finding.position < len(history) for finding in found)
        assert_mended(dialect, history)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_swapped_ids_in_one_turn_show_where_results_carry_names(dialect):
    shown = 0
    for events in every(swaps_ids_in_turn):
        history = wire(dialect, events)
        kinds = {finding.kind for finding in check(history, dialect)}
        assert kinds in ([set(), {"mismatched_name"}] if dialect in WITH_NAMES else [set()])
        shown += bool(kinds)
        assert_mended(dialect, history)
    assert (shown == 80) == (dialect in WITH_NAMES)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_ids_swapped_across_turns_are_found_and_mended(dialect):
    changed = 0
    for before, events in zip(conversations(), every(swaps_ids_across_turns), strict=True):
        history = wire(dialect, events)
        kinds = {finding.kind for finding in check(history, dialect)}
        assert kinds <= {"mismatched_name", "result_before_call", "interleaved_message"}
        assert bool(kinds) == (events != before)
        changed += bool(kinds)
        assert_mended(dialect, history)
    assert changed == 40


@pytest.mark.parametrize("dialect", WITH_NAMES)
def test_swapped_ids_are_put_right_and_not_the_names(dialect):
    for before, events in zip(conversations(), every(swaps_ids_in_turn), strict=True):
        assert repair(wire(dialect, events), dialect).messages == wire(dialect, before) or not check(
            wire(dialect, events), dialect
        )


@pytest.mark.parametrize("harmless", [swaps_order, reuses_ids], ids=lambda mutation: mutation.__name__)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_is_no_fault_is_not_found(dialect, harmless):
    for events in every(harmless):
        history = wire(dialect, events)
        assert check(history, dialect) == []
        assert all(new is old for new, old in zip(repair(history, dialect).messages, history, strict=True))


@pytest.mark.parametrize("dialect", ["gemini", "ollama"])
def test_without_ids_order_pairs_and_a_swap_of_two_tools_is_put_right(dialect):
    swapped = 0
    for before, events in zip(conversations(), every(swaps_order), strict=True):
        assert check(wire(dialect, without_ids(before)), dialect) == []
        history = wire(dialect, without_ids(events))
        found = check(history, dialect)
        if found:
            swapped += 1
            assert {finding.kind for finding in found} == {"mismatched_name"}
            assert repair(history, dialect).messages == wire(dialect, without_ids(before))
        assert_mended(dialect, history)
    assert swapped == 80


@pytest.mark.parametrize("dialect", DIALECTS)
def test_calls_at_the_end_may_wait_only_if_that_is_allowed(dialect):
    events = next(events for events in conversations() if len(events[places(events, Calls)[-1]].calls) > 1)
    last = places(events, Calls)[-1]
    for waiting in (events[: last + 1], events[: last + 2]):
        history = wire(dialect, waiting)
        assert {finding.kind for finding in check(history, dialect)} == {"missing_result"}
        assert check(history, dialect, allow_open=True) == []
        assert check([*history, *wire(dialect, [User("Well?")])], dialect, allow_open=True) != []


def assert_mended(dialect, history):
    """What holds of every repair."""
    before = repr(history)
    mended = repair(history, dialect)
    assert repr(history) == before, "the input is not changed"
    assert check(mended.messages, dialect) == []
    assert bool(mended.edits) == bool(check(history, dialect))
    again = repair(mended.messages, dialect)
    assert again.edits == ()
    assert all(new is old for new, old in zip(again.messages, mended.messages, strict=True))
    kept = texts([mended.messages, [edit.dropped for edit in mended.edits]])
    assert_no_text_lost(texts(history), kept, mended.edits)
    if dialect in JUDGED:
        assert refusals(dialect, mended.messages) == []


def assert_no_text_lost(before, after, edits):
    """Every text is still there, except ids and names that an edit says were rewritten."""
    lost = set(before) - set(after)
    said = " ".join(edit.message for edit in edits if edit.kind == "rewritten")
    assert all(repr(text) in said for text in lost), lost
