"""What a tool learns about its call."""

import math

import pytest

from everycall.core.errors import UsageError
from everycall.core.redaction import MAX_WORDS
from everycall.registry import ToolContext


def context_of(**changed):
    facts = {
        "call_id": "call_1",
        "tool_name": "pay",
        "attempt": 2,
        "deps": {"db": 1},
        "idempotency_key": lambda: "key",
        "remaining": lambda: 3.5,
        "cancelled": lambda: False,
        "report": lambda done, total, message: None,
    }
    return ToolContext(**{**facts, **changed})


def test_facts_are_read_as_given():
    context = context_of()
    assert (context.call_id, context.tool_name, context.attempt, context.deps) == ("call_1", "pay", 2, {"db": 1})
    assert (context.idempotency_key, context.remaining(), context.cancelled) == ("key", 3.5, False)
    assert repr(context) == "<ToolContext pay call_1 attempt 2>"


def test_the_key_is_made_when_it_is_first_read_and_only_then():
    made = []

    def make():
        made.append(1)
        return f"key-{len(made)}"

    context = context_of(idempotency_key=make)
    assert made == []
    assert context.idempotency_key == context.idempotency_key == "key-1"


def test_time_and_cancellation_are_asked_each_time():
    times, stops = iter([2.0, 1.0, None]), iter([False, True])
    context = context_of(remaining=lambda: next(times), cancelled=lambda: next(stops))
    assert [context.remaining(), context.remaining(), context.remaining()] == [2.0, 1.0, None]
    assert [context.cancelled, context.cancelled] == [False, True]


def test_progress_is_reported_as_finite_numbers_and_bounded_text():
    seen = []
    context = ToolContext.for_tests(report=lambda *facts: seen.append(facts))
    context.report_progress(1)
    context.report_progress(2, total=4, message="half\x1b[31m\n" + "x" * 5000)
    assert seen[0] == (1.0, None, None)
    assert seen[1][:2] == (2.0, 4.0)
    assert seen[1][2].startswith("half\\nxxx")
    assert len(seen[1][2]) == 1000


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((math.nan,), "done=..."),
        (("x",), "done=..."),
        ((1, math.inf), "total=..."),
        ((10**400,), "done=..."),
        ((1, 2, 3), "takes text"),
    ],
)
def test_progress_that_is_no_progress_is_refused(args, words):
    seen = []
    context = context_of(report=lambda *facts: seen.append(facts))
    with pytest.raises(UsageError, match=words):
        context.report_progress(*args)
    assert seen == []


def test_a_context_for_tests_needs_nothing_and_takes_anything():
    context = ToolContext.for_tests()
    context.report_progress(1)
    assert (context.deps, context.attempt, context.remaining(), context.cancelled) == (None, 1, None, False)
    seen = []
    context = ToolContext.for_tests(
        deps=3, remaining=1.5, cancelled=True, idempotency_key="k", report=lambda *a: seen.append(a)
    )
    context.report_progress(1, 2, "x")
    assert (context.deps, context.remaining(), context.cancelled, context.idempotency_key) == (3, 1.5, True, "k")
    assert seen == [(1.0, 2.0, "x")]


def test_a_context_has_no_room_for_other_attributes():
    with pytest.raises(AttributeError):
        ToolContext.for_tests().other = 1


def test_a_context_shows_no_control_characters_of_a_model():
    context = context_of(call_id="\x1b[31mred\n2026 ERROR forged\u202e" + "x" * 500, tool_name="f\x1b]0;t\x07")
    assert repr(context).startswith("<ToolContext f red\\n2026 ERROR forgedxxx")
    assert len(repr(context)) < 250


@pytest.mark.parametrize(
    "message", ["\ud83d\ude00" * 50_000, "\ud83d" * 10, "x" * 200_000], ids=["long", "short", "huge"]
)
def test_as_much_of_a_message_is_handed_on_as_its_redaction_needs_and_can_be_encoded(message):
    seen = []
    context_of(report=lambda *facts: seen.append(facts)).report_progress(1, message=message)
    assert len(seen[0][2].encode()) < 300_000
    assert len(seen[0][2]) == min(len(message), MAX_WORDS)
