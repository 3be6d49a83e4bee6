"""Growth: four times the input never takes much more than four times as long."""

import itertools

import pytest

from everycall import check, repair, rewrite_ids
from everycall.core.calls import ToolCall
from everycall.core.errors import EverycallError
from everycall.core.ids import ANY_ID, assign_ids
from everycall.dialects.chat import without_empty_keys
from everycall.registry.arguments import ArgumentsRefused, read_arguments
from everycall.turn.encode import CannotEncode, encode_value
from tests.fuzz import targets
from tests.growth import assert_grows_within, times_as_long
from tests.messages import call, message


def _arguments(raw):
    try:
        read_arguments(raw, max_bytes=1 << 30)
    except ArgumentsRefused:
        return


def _message(sent):
    try:
        targets._answer(
            targets.plan_turn(
                sent,
                targets._TOOLS,
                key="k",
                dialect=None,
                finish_reason=None,
                deps=None,
                turn_timeout=None,
                limits=targets.DEFAULT_LIMITS,
            )
        )
    except EverycallError:
        return


def _encode(value):
    try:
        encode_value(value, 1 << 20)
    except CannotEncode:
        return


def _history(messages):
    try:
        check(messages)
        repair(messages)
    except EverycallError:
        return


def _rewritten(messages):
    rewrite_ids(messages, None, "safe")


def _ids(calls):
    assign_ids(calls, ANY_ID)


def _calls(n, **options):
    return message(*[call("add", {"n": one}, **{"call_id": f"c{one}", **options}) for one in range(n)])


def _result(call_id):
    return {"role": "tool", "tool_call_id": call_id, "content": "x"}


def _one_turn(n, call_id):
    return [{"role": "user", "content": "x"}, _calls(n, call_id=call_id), *[_result(call_id)] * n]


def _one_call_in_each_turn(n, call_id):
    turn = {"role": "user", "content": "x"}, _calls(1, call_id=call_id), _result(call_id)
    return [one for _ in range(n) for one in turn]


def _calls_with_chosen_ids(n):
    """Every id that would be minted for the last call is taken by another one, and its arguments are long."""
    arguments = "x" * 50 * n
    chosen = [ANY_ID.mint(None, n, None, "f", arguments, salt) for salt in range(n)]
    calls = [ToolCall(position=at, sent_id=one, name="f", arguments="{}") for at, one in enumerate(chosen)]
    return (*calls, ToolCall(position=n, sent_id=None, name="f", arguments=arguments))


def _calls_without_id(n):
    return tuple(ToolCall(position=one, sent_id="", name="f", arguments="{}") for one in range(n))


GROWS = {
    "arguments of many keys": (_arguments, lambda n: "{" + ",".join(f'"k{one}":{one}' for one in range(n)) + "}", 4000),
    "arguments of one key again and again": (_arguments, lambda n: "{" + ",".join(['"a":1'] * n) + "}", 8000),
    "arguments of long numbers": (_arguments, lambda n: '{"a":[' + ",".join(["9" * 99] * n) + "]}", 2000),
    "arguments of one long number": (_arguments, lambda n: '{"a":' + "9" * n + "}", 2000),
    "arguments of exponents": (_arguments, lambda n: '{"a":[' + ",".join(["1e300"] * n) + "]}", 8000),
    "arguments of brackets": (_arguments, lambda n: '{"a":' + "[" * n, 40_000),
    "arguments of escapes": (_arguments, lambda n: '{"a":"' + "\\u00e9" * n + '"}', 20_000),
    "arguments of white space": (_arguments, lambda n: " " * n + "{}" + " " * n, 200_000),
    "arguments of fences": (_arguments, lambda n: "```json\n" * n, 20_000),
    "arguments of wide objects": (_arguments, lambda n: '{"a":[' + ",".join(['{"b":{"c":1}}'] * n) + "]}", 4000),
    "mappings": (_arguments, lambda n: {"a": [{"b": one} for one in range(n)]}, 4000),
    "messages of calls": (_message, _calls, 300),
    "messages of calls without ids": (_message, lambda n: _calls(n, call_id=None), 300),
    "messages of calls of one id": (_message, lambda n: _calls(n, call_id="same"), 300),
    "messages of one call again and again": (_message, lambda n: message(*[call("add", {"n": 1}, "same")] * n), 300),
    "messages of unknown tools": (
        _message,
        lambda n: message(*[call(f"x{one}", {}, f"c{one}") for one in range(n)]),
        300,
    ),
    "messages of unreadable calls": (
        _message,
        lambda n: {"role": "assistant", "content": None, "tool_calls": [1] * n},
        300,
    ),
    "messages with a long text": (_message, lambda n: {"role": "assistant", "content": "x" * n}, 1_000_000),
    "messages of keys that say nothing": (
        without_empty_keys,
        lambda n: {**message("add"), **{f"k{one}": None for one in range(n)}},
        2000,
    ),
    "values of many rows": (_encode, lambda n: [{"a": one, "b": str(one)} for one in range(n)], 3000),
    "values of many odd rows": (_encode, lambda n: [{"a": one, "b": {1, 2}} for one in range(n)], 1000),
    "values of keys that collide": (
        _encode,
        lambda n: {**dict.fromkeys(range(n), 1), **{str(one): 1 for one in range(n)}},
        1000,
    ),
    "values of one long text": (_encode, lambda n: {"a": "é\ud800" * n}, 50_000),
    "values of big numbers": (_encode, lambda n: [10**4000] * n, 40),
    "histories": (
        _history,
        lambda n: [m for one in range(n) for m in ({"role": "user", "content": "x"}, _calls(3))],
        60,
    ),
    "histories of one id": (
        _history,
        lambda n: [m for _ in range(n) for m in (_calls(2, call_id="same"), _result("same"))],
        60,
    ),
    "histories of one id in one turn, rewritten": (_rewritten, lambda n: _one_turn(n, "same"), 100),
    "histories of one id in every turn, rewritten": (_rewritten, lambda n: _one_call_in_each_turn(n, "call_0"), 100),
    "ids that are empty": (_ids, _calls_without_id, 2000),
    "ids that would be minted": (_ids, _calls_with_chosen_ids, 300),
    "texts": (targets.redact, lambda n: "password=x token: y Bearer zzz ://a:b@ sk-" * n, 100),
}


@pytest.mark.parametrize("name", GROWS)
def test_four_times_the_input_takes_less_than_nine_times_as_long(name):
    """Twice and twice again, each less than three times; a quadratic cost is 16 times."""
    judge, make, size = GROWS[name]
    assert_grows_within(9, judge, make(size), make(4 * size))


class _Costs:
    """Work that moves a clock of its own: by so much for each size."""

    def __init__(self, cost):
        self.cost, self.now = cost, 0.0

    def __call__(self, size):
        self.now += self.cost(size)

    def clock(self):
        return self.now


@pytest.mark.parametrize(("power", "times"), [(1, 4), (2, 16), (3, 64)])
def test_the_measure_of_growth_says_how_many_times_as_long(power, times):
    work = _Costs(lambda size: 0.001 * size**power)
    assert times_as_long(work, 10, 40, work.clock) == pytest.approx(times)
    with pytest.raises(AssertionError, match=f"{times}.0 times as long; {times - 1} is the bound"):
        assert_grows_within(times - 1, work, 10, 40, work.clock)
    assert_grows_within(times + 1, work, 10, 40, work.clock)


def test_the_measure_of_growth_is_not_misled_by_a_machine_that_is_busy_most_of_the_time():
    tries = itertools.count()
    work = _Costs(lambda size: 0.001 * size * (1 if next(tries) in (20, 27) else 10 if size > 10 else 1))
    assert_grows_within(5, work, 10, 40, work.clock)


def test_the_measure_of_growth_does_not_count_what_is_below_the_clock():
    work = _Costs(lambda size: 1e-9 * size**3)
    assert_grows_within(5, work, 10, 40, work.clock)
