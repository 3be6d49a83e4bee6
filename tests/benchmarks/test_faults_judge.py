"""The judge of the fault matrix: what makes each cell pass, fail, or not apply. Facts in, cells out."""

import pytest

from benchmarks.faults.catalogue import FAULTS
from benchmarks.faults.catalogue.well import one_bad, well_call
from benchmarks.faults.judge import CELLS, judge
from benchmarks.faults.shapes import Call, Fault, Item
from benchmarks.faults.terms import BOUND, MOST_CHARACTERS, PATIENCE
from benchmarks.faults.worker import as_sent, described

FAULT = Fault(name="made up", about="fails", group="Made up", tools=(), calls=one_bad("bad"))


def fault(**changes):
    return Fault(
        **{"name": "made up", "about": "fails", "group": "Made up", "tools": (), "calls": one_bad("bad"), **changes}
    )


def call(call_id, arguments=None):
    return {"kind": "call", "id": call_id, "arguments": arguments}


def result(call_id, text, *, failed=None, unsendable="", length=None):
    size = len(text) if length is None else length
    return {"kind": "result", "id": call_id, "text": text, "length": size, "unsendable": unsendable, "failed": failed}


CALLS = [call("call_1", {"text": "call_1"}), call("call_2", {}), call("call_3", {"text": "call_3"})]
BAD = result("call_2", "ValueError: no", failed=True)
GOOD = [result("call_1", "well call_1"), BAD, result("call_3", "well call_3")]
NEXT = [call("next_1"), call("next_2"), result("next_1", "well next_1"), result("next_2", "well next_2")]
TEXT = {"kind": "text", "id": None}


def facts(items=None, *, seconds=0.4, error="", phase="turn", following=None, next_seconds=0.1, more=()):
    """What a process writes down: a turn that was answered with *items*, and the healthy turn after it."""
    items = [*CALLS, *GOOD] if items is None else items
    after = NEXT if following is None else following
    return [
        {"what": "begun"},
        {"what": "request", "phase": "turn", "items": [TEXT]},
        *([{"what": "request", "phase": phase, "items": [TEXT, *items]}] if items != "none" else []),
        {"what": "ended", "phase": "turn", "seconds": seconds, "error": error},
        *more,
        {"what": "run", "phase": "next"},
        {"what": "request", "phase": "next", "items": [TEXT]},
        {"what": "request", "phase": "next", "items": [TEXT, *after]},
        {"what": "ended", "phase": "next", "seconds": next_seconds, "error": ""},
        {"what": "closed"},
    ]


def marks(row):
    return {name: cell.mark for name, cell in row.cells.items()}


def failing(row):
    return {name: cell.why for name, cell in row.cells.items() if cell.mark == "fail"}


def test_a_turn_with_one_honest_result_per_call_passes_every_cell():
    row = judge(FAULT, facts(), 0)
    assert marks(row) == dict.fromkeys(CELLS, "pass")
    assert row.whole


def test_the_results_may_stand_in_any_order():
    assert judge(FAULT, facts([*CALLS, *reversed(GOOD)]), 0).whole


@pytest.mark.parametrize(
    ("items", "why"),
    [
        ([*CALLS, *GOOD[:2]], "2 of 3 results"),
        ([*CALLS, *GOOD, result("call_1", "well call_1")], "1 results too many"),
        ([*CALLS, GOOD[0], result("call_9", "ValueError: no"), GOOD[2]], "2 of 3 results"),
        ([], "the calls are forgotten"),
        ([CALLS[0], CALLS[2], GOOD[0], GOOD[2]], "2 of 3 calls left"),
        ([CALLS[0], call("call_1"), CALLS[2], GOOD[0], result("call_1", "error"), GOOD[2]], "one id twice"),
        ([CALLS[0], call(""), CALLS[2], GOOD[0], result("", "error"), GOOD[2]], "a call without an id"),
        ([CALLS[0], call(None), CALLS[2], GOOD[0], result(None, "error"), GOOD[2]], "a call without an id"),
        ([*CALLS, TEXT, *GOOD], "text between calls and results"),
        ([*CALLS, GOOD[0], {**BAD, "unsendable": "UnicodeEncodeError"}, GOOD[2]], "cannot be sent: UnicodeEncodeError"),
        ("none", "the model was not asked again"),
    ],
)
def test_answered_fails_for_a_request_that_no_provider_can_pair_or_take(items, why):
    assert failing(judge(FAULT, facts(items), 0))["answered"] == why


@pytest.mark.parametrize(("second", "mark"), [("{}", "pass"), ('{"other": 1}', "fail")])
def test_a_call_that_repeats_another_one_id_and_all_may_be_taken_for_the_same(second, mark):
    twins = [Call(call_id="call_2", name="bad", arguments=arguments) for arguments in ("{}", second)]
    row = judge(fault(calls=(well_call("call_1"), *twins, well_call("call_3"))), facts(), 0)
    assert marks(row)["answered"] == mark
    assert marks(row)["honest"] == "pass"


def test_calls_that_were_taken_back_need_no_result_if_the_model_is_told():
    alone = fault(calls=(Call(call_id="call_2", name="bad"),))
    row = judge(alone, facts([{"kind": "withdrawn", "id": None}]), 0)
    assert row.whole
    assert failing(judge(alone, facts([]), 0)) == {"answered": "the calls are forgotten"}


def test_an_answer_in_the_run_after_an_exception_counts():
    row = judge(FAULT, facts(phase="go on", error="ValueError"), 0)
    assert row.whole
    assert row.note == "raised ValueError"


@pytest.mark.parametrize(
    "lost", [result("call_3", "Tool was interrupted."), result("call_3", "well call_3", failed=True)]
)
def test_a_sibling_without_its_real_result_is_lost(lost):
    row = judge(FAULT, facts([*CALLS, *GOOD[:2], lost]), 0)
    assert failing(row) == {"siblings": "1 of 2"}


def test_without_siblings_there_is_none_to_lose():
    alone = fault(calls=(Call(call_id="call_2", name="bad"),))
    assert marks(judge(alone, facts([CALLS[1], BAD]), 0))["siblings"] == "n/a"


def test_siblings_of_which_one_call_was_dropped_are_known_by_their_ids():
    row = judge(FAULT, facts([CALLS[0], CALLS[2], GOOD[0], GOOD[2]]), 0)
    assert failing(row) == {"answered": "2 of 3 calls left"}


@pytest.mark.parametrize(("seconds", "mark"), [(BOUND, "pass"), (BOUND + 0.01, "fail")])
def test_an_answer_is_late_above_the_bound(seconds, mark):
    assert marks(judge(FAULT, facts(seconds=seconds), 0))["on time"] == mark


@pytest.mark.parametrize(
    ("text", "flag", "mark"),
    [
        ("ValueError: no", True, "pass"),
        ("all is well", True, "pass"),
        ("The call timed out.", None, "pass"),
        ("An error occurred", False, "pass"),
        ("finished at last", None, "fail"),
        ("finished at last", False, "fail"),
    ],
)
def test_a_failure_is_honest_if_a_flag_or_a_word_says_so(text, flag, mark):
    row = judge(FAULT, facts([*CALLS, GOOD[0], result("call_2", text, failed=flag), GOOD[2]]), 0)
    assert marks(row)["honest"] == mark


@pytest.mark.parametrize(
    ("text", "flag", "honest", "kept"),
    [
        ("charged", None, "", True),
        ("charged", True, "", False),
        ("ValueError: no", None, "", False),
        ("nothing", None, "not what the tool returned", False),
    ],
)
def test_a_call_that_was_to_succeed_is_lost_if_told_as_a_failure_and_a_lie_if_told_as_something_else(
    text, flag, honest, kept
):
    well = fault(calls=one_bad("bad", expected="success", token="charged"))
    row = judge(well, facts([*CALLS, GOOD[0], result("call_2", text, failed=flag), GOOD[2]]), 0)
    assert row.cells["honest"].why == honest
    assert (row.cells["siblings"].mark == "pass") == kept


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1]])
def test_calls_in_another_order_are_known_by_their_ids(order):
    row = judge(FAULT, facts([*[CALLS[number] for number in order], *GOOD]), 0)
    assert row.whole


def test_where_ids_were_replaced_on_both_sides_calls_are_known_by_their_position():
    minted = [call("a"), call("b"), call("c")]
    results = [result("a", "well call_1"), result("b", "ValueError: no"), result("c", "well call_3")]
    assert judge(FAULT, facts([*minted, *results]), 0).whole


def test_a_value_that_never_came_to_be_is_no_success_but_may_be_a_failure():
    either = fault(calls=one_bad("bad", expected="either", token="awaited"))
    for text, mark in [("<coroutine>", "fail"), ("awaited", "pass"), ("TypeError: a coroutine", "pass")]:
        row = judge(either, facts([*CALLS, GOOD[0], result("call_2", text), GOOD[2]]), 0)
        assert marks(row)["honest"] == mark


def test_a_reason_that_is_not_so_is_a_lie_though_the_failure_is_told():
    lying = fault(lie="timed out after 1 s")
    row = judge(lying, facts([*CALLS, GOOD[0], result("call_2", "It timed out after 1 s", failed=True), GOOD[2]]), 0)
    assert failing(row) == {"honest": "says what was not so"}


def test_who_says_nothing_does_not_lie():
    assert marks(judge(FAULT, facts("none", error="ValueError"), 0))["honest"] == "n/a"


@pytest.mark.parametrize(
    ("changes", "taken", "why"),
    [
        ({"effects": {"charged": 1}}, {"more": [{"what": "effect", "name": "charged"}] * 2}, "charged: 2 times"),
        ({"never": "ValueError"}, {}, "told what it was not to tell"),
        ({"longest": 10}, {}, "a result of megabytes"),
        ({}, {"items": [CALLS[0], call("call_2", {"x": 1}), CALLS[2], *GOOD]}, "the call was changed"),
        ({}, {"following": NEXT[:3]}, "the next turn: 1 of 2 results"),
        ({}, {"following": []}, "the next turn: 0 of 2 results"),
        ({}, {"next_seconds": 4.0}, "the next turn took 4.0 s"),
    ],
)
def test_harm_is_named(changes, taken, why):
    assert failing(judge(fault(**changes), facts(**taken), 0)) == {"unharmed": why}


def test_an_effect_up_to_its_bound_is_no_harm():
    assert judge(fault(effects={"charged": 1}), facts(more=[{"what": "effect", "name": "charged"}]), 0).whole


@pytest.mark.parametrize(
    ("tail", "exit_code", "why"),
    [
        ([], None, f"no end within {PATIENCE:g} s"),
        ([], -11, "the process died: signal 11"),
        ([], 3, "the process ended: exit code 3"),
        ([{"what": "program ended", "error": "SystemExit"}], 0, "SystemExit ended the program"),
    ],
)
def test_a_turn_that_never_ended_fails_whatever_can_be_judged_and_says_how(tail, exit_code, why):
    row = judge(FAULT, [*facts()[:2], *tail], exit_code)
    assert failing(row) == {
        "answered": why,
        "siblings": "0 of 2",
        "on time": why,
        "unharmed": "nothing runs after it",
    }
    assert row.note == why


def test_a_turn_after_which_the_next_one_hangs_is_judged_but_not_unharmed():
    row = judge(FAULT, facts()[:6], None)
    assert failing(row) == {"unharmed": "the next turn did not end"}


def test_what_a_shape_cannot_say_is_not_judged():
    row = judge(FAULT, [{"what": "not expressible", "why": "no JSON"}], 0)
    assert set(marks(row).values()) == {"n/a"}
    assert not row.applies
    assert not row.whole


def test_what_cannot_be_encoded_cannot_be_sent():
    cycle = {}
    cycle["self"] = cycle
    assert as_sent("half \ud83d")[1] == "UnicodeEncodeError"
    assert as_sent({"value": float("nan")})[1] == "ValueError"
    assert as_sent(cycle)[1] == "ValueError"
    assert as_sent({"value": object()})[1] == "TypeError"
    assert as_sent("x" * (MOST_CHARACTERS + 1))[1] == "too long"
    assert as_sent("x" * MOST_CHARACTERS)[1] == ""
    assert as_sent("half \ud83d", escapes=True)[1] == ""
    assert as_sent({"half": "\ud83d"}, escapes=True) == ('{"half": "\\ud83d"}', "")
    assert as_sent({"value": "é"}) == ('{"value": "é"}', "")


def test_what_is_written_down_of_a_large_result_is_bounded():
    seen = described(Item(kind="result", call_id="call_1", content="a" * 10_000 + "z"))
    assert len(seen["text"]) < 5_000
    assert seen["text"].endswith("z")
    assert seen["length"] == 10_001


def test_there_are_at_least_forty_faults_and_each_is_told_apart():
    assert len(FAULTS) >= 40
    assert len({one.about for one in FAULTS.values()}) == len(FAULTS)
    for one in FAULTS.values():
        assert one.calls
        names = {tool.__name__ for tool in one.tools}
        assert names <= {call.name for call in one.calls}
        assert all(tool.__doc__ for tool in one.tools)


def test_every_fault_has_siblings_on_both_sides_except_where_the_message_is_the_fault():
    alone = {name for name, one in FAULTS.items() if not any(call.well for call in one.calls)}
    assert alone == {"malformed-alone", "cut-off"}
    for name in FAULTS.keys() - alone:
        calls = FAULTS[name].calls
        assert calls[0] == well_call("call_1")
        assert calls[-1].well
