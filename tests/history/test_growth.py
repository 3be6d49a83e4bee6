"""Growth of the single steps over a history, where a whole `check` or `repair` would cover a step's cost."""

import pytest

from everycall.history.mending import Mended, _decide_ids, mend
from everycall.history.pairing import Pairing, pair
from everycall.history.repair import _Builder
from everycall.history.scanning import scan_history
from tests.growth import assert_grows_within
from tests.messages import call, message

USER = {"role": "user", "content": "x"}


def _item(call_id):
    return {"type": "function_call", "call_id": call_id, "name": "f", "arguments": "{}"}


def _output(call_id):
    return {"type": "function_call_output", "call_id": call_id, "output": "x"}


def _paired(messages):
    scanned = scan_history(messages, None)
    return scanned, pair(scanned.items, scanned.history.RULES)


def test_telling_orphans_from_second_results_is_linear_in_turns_and_results():
    def make(n):
        answered = [item for one in range(n) for item in (_item(f"c{one}"), _output(f"c{one}"))]
        return _paired(answered + [_output(f"z{one}") for one in range(n)])[1]

    def judge(pairing):
        fresh = Pairing(turns=pairing.turns, results=pairing.results, rules=pairing.rules)
        assert not any(fresh.is_second(placed) for placed in fresh.results if placed.slot is None)

    assert_grows_within(9, judge, make(600), make(2400))


def test_making_the_results_of_a_turn_of_many_items_is_linear(monkeypatch):
    monkeypatch.setattr(_Builder, "_render", lambda _builder, _position, calls, _results: [None] * len(calls))

    def make(n):
        scanned, pairing = _paired([_item(f"c{one}") for one in range(n)])
        return scanned, pairing, [mend(turn, pairing, scanned.id_rule, {}) for turn in pairing.turns]

    assert_grows_within(9, lambda case: _Builder(*case), make(800), make(3200))


def test_giving_calls_without_ids_those_of_their_results_is_linear():
    def make(n):
        messages = [USER, message(*[call("f", {}, "")] * n)]
        scanned, pairing = _paired([*messages, *[{"role": "tool", "tool_call_id": f"r{one}"} for one in range(n)]])
        return pairing.turns[0], pairing.rules, scanned.id_rule

    assert_grows_within(9, lambda case: _decide_ids(*case, Mended()), make(2500), make(10_000))


@pytest.mark.parametrize(("call_id", "second"), [("a", True), ("b", False), ("c", False), ("", False)])
def test_a_result_is_a_second_one_only_behind_the_first_call_of_its_id(call_id, second):
    _, pairing = _paired([_item("a"), _output("a"), USER, _output(call_id), _item("b"), _output("b")])
    # pairing may have given it to the later call: what is asked is about the turn that it stands behind
    placed = next(one for one in pairing.results if one.position == 3)
    assert pairing.is_second(placed) is second
