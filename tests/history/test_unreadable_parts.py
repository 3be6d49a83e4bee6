"""Calls and results that cannot be read, and ids on one side alone: found once, mended once, never an error."""

import pytest

from everycall.history import check, repair
from tests.history.conversations import Call, Calls, Res, Say, User, wire

TALK = [User("Hi"), Calls((Call("c1", "f"), Call("c2", "g"))), Res("c1", "f", "one"), Res("c2", "g", "two"), Say("So.")]


def mended(history, dialect):
    """The repaired history, once it is sure to be clean and to stay as it is."""
    repaired = repair(history, dialect).messages
    assert check(repaired, dialect) == []
    assert repair(repaired, dialect).edits == ()
    return repaired


@pytest.mark.parametrize("dialect", ["gemini", "ollama"])
def test_the_result_of_a_call_without_a_name_keeps_the_name_it_has(dialect):
    history = wire(dialect, TALK)
    calls = history[1]["parts"] if dialect == "gemini" else history[1]["tool_calls"]
    calls[:] = [{"functionCall": 7}] if dialect == "gemini" else [7]
    repaired = mended(history, dialect)
    assert "unreadable_call" in str(repaired[2])
    assert "No result of this call is on record" in str(repaired[2])


@pytest.mark.parametrize("junk", ["", "text", 7, [], [None]])
@pytest.mark.parametrize(("dialect", "key"), [("gemini", "functionResponse"), ("bedrock", "toolResult")])
def test_a_result_that_is_no_object_is_none(dialect, key, junk):
    history = wire(dialect, TALK)
    history[2]["parts" if dialect == "gemini" else "content"][0] = {key: junk}
    assert [finding.kind for finding in check(history, dialect)].count("missing_result") == 1
    assert {key: junk} in mended(history, dialect)[2]["parts" if dialect == "gemini" else "content"]
    assert "No result of this call is on record" in str(mended(history, dialect))


@pytest.mark.parametrize("call_id", [[], {}, [7]])
def test_an_output_whose_id_is_no_text_has_none(call_id):
    history = wire("openai-responses", TALK)
    output = next(item for item in history if item.get("type") == "function_call_output")
    output["call_id"] = call_id
    assert [finding.kind for finding in check(history, "openai-responses")] == ["invalid_id"]
    mended(history, "openai-responses")


def test_results_whose_ids_pair_nothing_are_put_in_order_at_once():
    calls = Calls((Call("a", "f"), Call(None, "f"), Call(None, "g")))
    history = wire(
        "gemini", [User("Hi"), calls, Res("a", "f", "1"), Res(None, "g", "3"), Res("b", "f", "2"), Say("So.")]
    )
    assert {finding.kind for finding in check(history, "gemini")} == {"invalid_id", "mismatched_name"}
    answers = [part["functionResponse"] for part in mended(history, "gemini")[2]["parts"]]
    assert [(one.get("id"), one["response"]["result"]) for one in answers] == [("a", "1"), (None, "2"), (None, "3")]
