"""Reading arguments: strict JSON text of one object comes out, or a refusal."""

import collections
import contextlib
import json
import math
import time
from types import MappingProxyType

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from everycall.registry.arguments import MAX_DEPTH, ArgumentsRefused, ReadArguments, read_arguments
from tests.growth import assert_grows_within

MAX = 1 << 20


def read(raw, max_bytes=MAX):
    return read_arguments(raw, max_bytes=max_bytes)


def refused(raw, max_bytes=MAX):
    with pytest.raises(ArgumentsRefused) as caught:
        read(raw, max_bytes)
    return caught.value.message


@pytest.mark.parametrize("raw", [None, "", "  \n", "null", " null ", "{}", {}, "```json\n\n```"])
def test_no_arguments_in_any_spelling_are_an_empty_object(raw):
    assert json.loads(read(raw).text) == {}


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "b": "x"}',
        ' {"a": {"b": [1, {"c": null}]}}\n',
        '{"url": "https://example.com:80/a?b=1e999"}',
        '{"a": {"k": 1}, "b": {"k": 2}}',
        '{"a": 1e308, "b": -1.5E+10, "c": 1e-999}',
        '{"half": "\\ud83d\\ude00", "quoted": "\\"NaN\\""}',
        '{"": 0, "a b": 0, "é": "ü"}',
        '{"n": ' + "9" * 4300 + "}",
        '{"n": ' + "9" * 308 + ".5}",
    ],
)
def test_an_object_comes_out_as_it_was_sent(text):
    assert read(text) == ReadArguments(text, ())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1', "ends before"),
        ('{"a": "x', "ends before"),
        ('{"a": 1} and more', "nothing after it"),
        ('{"a": 1}{"b": 2}', "nothing after it"),
        ('{"a": 1,}', "last comma"),
        ("{'a': 1}", "double quotes"),
        ("{a: 1}", "double quotes"),
        ('{"a": "x\ny"}', "line breaks"),
        ('{"a": "\\ud800"}', "second half"),
        ('{"a": "\ud800"}', "surrogate"),
        ('{"a": NaN}', "line 1 column 7"),
        ('{"a": -Infinity}', "line 1 column"),
        ('{"a": 01}', "line 1 column"),
        ('{"a": 1e999}', "not finite"),
        ('{"a": [-1e0400]}', "not finite"),
        ('{"a": ' + "9" * 400 + ".0}", "not finite"),
        ('{"a": ' + "9" * 250 + "e99}", "not finite"),
        ('{"a": ' + "9" * 4301 + "}", "out of range"),
        ('{"a": 1, "a": 2}', '"a" appears twice'),
        ('{"a": 1, "\\u0061": 1}', '"a" appears twice'),
        ('{"x": [{"b": 1, "b": 1}]}', '"b" appears twice'),
        ('{"a": {"b": 1}, "a": 2}', '"a" appears twice'),
        ("[1, 2]", "not an array"),
        ("3", "not a number"),
        ("3.5", "not a number"),
        ("true", "not true or false"),
        ('"text"', "not a string"),
        ('"{\\"a\\": 1}"', "encoded twice"),
        ('{"a": ' + "[" * 64 + "]" * 64 + "}", "nested too deeply"),
        ("[" * 100_000, "recursion"),
        ("Sure! {}", "line 1"),
        ("\xa0", "line 1"),
    ],
)
@pytest.mark.row("6.1", "6.2", "6.3")
def test_what_parsers_disagree_about_or_nobody_meant_is_refused(text, words):
    assert words in refused(text)


@pytest.mark.row("6.4")
def test_sixty_four_levels_are_read_and_sixty_five_are_not():
    def nested(levels):
        return '{"a": ' + "[" * (levels - 1) + "]" * (levels - 1) + "}"

    assert MAX_DEPTH == 64
    assert read(nested(64)).text == nested(64)
    assert "nested too deeply" in refused(nested(65))
    wide = '{"a": [' + ",".join(["[{}]"] * 200) + "]}"
    assert read(wide).text == wide


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ('```json\n{"a": 1}\n```', '{"a": 1}'),
        ('```\r\n{"a": 1}```  ', '{"a": 1}'),
        ('```{"a": "```"}```', '{"a": "```"}'),
        ('```JSON {"a": 1}```', '{"a": 1}'),
    ],
)
def test_one_code_fence_around_the_whole_is_dropped_and_noted(raw, text):
    found = read(raw)
    assert found.text.strip() == text
    assert len(found.notes) == 1
    assert "code fence" in found.notes[0]


@pytest.mark.parametrize(
    "raw",
    [
        "```json\n```json\n{}\n```\n```",
        "```json\n{}",
        "```true```",
        "```",
        "``````",
        'x ```{"a": 1}```',
        "```json\n[1]\n```",
    ],
)
def test_anything_but_one_whole_fence_is_refused(raw):
    refused(raw)


def test_a_byte_order_mark_is_dropped_and_noted():
    assert read('\ufeff{"a": 1}') == ReadArguments('{"a": 1}', ("A byte order mark before the arguments was dropped.",))
    assert len(read('\ufeff ```json\n{"a": 1}\n```').notes) == 2
    refused('\ufeff\ufeff{"a": 1}')


def test_a_message_says_where_and_never_repeats_a_value():
    message = refused('{\n  "password": "hunter2" "x"}')
    assert "line 2 column" in message
    for text in ('{"a": hunter2}', '{"a": "hunter2\n"}', '"hunter2"', "hunter2", '{"a": "hunter2", "a": "hunter2"}'):
        assert "hunter2" not in refused(text)


def test_a_key_in_a_message_is_cut_and_cleaned():
    key = "k\x1b[31m" + "x" * 1000
    message = refused(json.dumps({key: 1})[:-1] + ", " + json.dumps(key) + ": 2}")
    assert "twice" in message
    assert "\x1b" not in message
    assert len(message) < 200


def test_the_bound_counts_bytes_of_utf_8():
    assert read('{"a":"éé"}', 12).text
    assert "too large" in refused('{"a":"éé"}', 11)
    assert read('{"a":"xx"}', 10).text
    assert "too large: more than 9 bytes" in refused('{"a":"xx"}', 9)


@pytest.mark.row("6.5")
def test_what_is_too_large_is_never_parsed(monkeypatch):
    monkeypatch.setattr("everycall.registry.arguments.from_json", None)
    monkeypatch.setattr("everycall.registry.arguments.to_json", None)
    refused("[" * 2000, 1000)
    refused({"a": "x" * 2000}, 1000)


class TestMappings:
    """Some clients have parsed the arguments already."""

    def test_a_mapping_becomes_its_json(self):
        value = {"a": 1, "b": [True, None, {"c": "ü"}], "d": 1.5}
        assert json.loads(read(value).text) == value
        assert json.loads(read(MappingProxyType({"a": MappingProxyType({"b": 1})})).text) == {"a": {"b": 1}}
        assert json.loads(read({"a": collections.deque([1])}).text) == {"a": [1]}

    @pytest.mark.parametrize(
        ("value", "words"),
        [
            ({"a": math.nan}, "not finite"),
            ({"a": [-math.inf]}, "not finite"),
            ({"a": "\ud800"}, "cannot be written"),
            ({"a": object()}, "cannot be written"),
            ({1: "a", "1": "b"}, "not text"),
            ({"a": {None: 1}}, "not text"),
            ({"a": 10**5000}, "number"),
        ],
    )
    def test_what_json_cannot_hold_is_refused(self, value, words):
        message = refused(value)
        assert words in message

    def test_a_mapping_is_bounded_before_it_is_encoded(self):
        assert "too large" in refused({"a": ["x" * 100] * 100}, 5000)
        assert read({"a": "xxx"}, 11).text == '{"a":"xxx"}'
        assert "too large" in refused({"a": "xxx"}, 10)

    def test_a_mapping_that_holds_itself_is_refused(self):
        value = {}
        value["a"] = value
        assert "nested too deeply" in refused(value)
        deep = {}
        for _ in range(100_000):
            deep = {"a": deep}
        assert "nested too deeply" in refused(deep)

    def test_references_that_multiply_cost_no_more_than_the_bound(self):
        bomb = ["x"]
        for _ in range(60):
            bomb = [bomb] * 10
        start = time.perf_counter()
        assert "too large" in refused({"a": bomb}, 10_000)
        assert time.perf_counter() - start < 5

    def test_a_mapping_whose_methods_raise_is_refused(self):
        class Broken(collections.UserDict):
            def __iter__(self):
                raise RuntimeError("boom")

        refused({"a": Broken(x=1)})
        refused(Broken(x=1))


@pytest.mark.parametrize("raw", [b"{}", [1], 3, object(), True])
def test_any_other_kind_is_refused(raw):
    assert "must be a JSON object" in refused(raw)


# --- against the standard library ---------------------------------------------------------------------------------


class BadError(Exception):
    pass


def strictly(text):  # noqa: C901
    """Return what *text* means, or raise `BadError`: the same rules, written plainly and slowly."""

    def once(pairs):
        if len(dict(pairs)) != len(pairs):
            raise BadError
        return dict(pairs)

    def finite(number):
        if not math.isfinite(float(number)):
            raise BadError
        return float(number)

    def never(_):
        raise BadError

    def check(value, depth):
        if depth > 64:
            raise BadError
        for one in value.values() if isinstance(value, dict) else value:
            if isinstance(one, dict | list):
                check(one, depth + 1)

    try:
        text.encode()
        value = json.loads(text, object_pairs_hook=once, parse_float=finite, parse_constant=never)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise BadError from error
    if not isinstance(value, dict):
        raise BadError
    check(value, 1)
    return value


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=15,
)
fragments = st.lists(
    st.sampled_from(
        ["{", "}", "[", "]", ":", ",", '"a"', '"b"', '"\\u0061"', '":"', "1", "-0", "1e5", "1e999", "9e99", "1e-400"]  # noqa: RUF005
        + ["NaN", "Infinity", "null", "true", '"\\ud800"', '"\ud800"', '"\\ud83d\\ude00"', " ", "\n", "9" * 300, ".0"]
        + ['{"a":1}', '{"a":', '"a":1', "\x00", "é", "'", "01"]
    ),
    max_size=12,
).map("".join)


@given(st.dictionaries(st.text(max_size=4), json_values, max_size=5), st.booleans(), st.sampled_from([None, 1]))
def test_every_object_survives(value, ascii_only, indent):
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert json.loads(read(text).text) == value
    assert json.loads(read(value).text) == value


@settings(max_examples=400)
@given(
    fragments
    | st.text(max_size=12)
    | fragments.map(lambda text: '{"a":' + text + "}")
    | st.dictionaries(st.text(max_size=4), json_values, max_size=5).map(json.dumps)
)
@example('{"a": {}}')
@example('{"a": {"b": 1}, "c": {}}')
@example('{"a": 1e999}')
@example('{"a": -1e999}')
@example('{"a": 1, "a": 2}')
@example('{"a": ":", "a": 2, "b": 1}')
@example('{"a": ' + "9" * 400 + "}")
@example('{"a": ' + "9" * 5000 + "}")
@example('{"a": "\\ud800"}')
@example('{"query": "paris", "limit": 3, "exact": true, "since": null, "ratio": 0.5}')
def test_text_is_accepted_exactly_when_the_slow_rules_accept_it(text):
    try:
        found = read(text)
    except ArgumentsRefused:
        with pytest.raises(BadError):
            strictly(text)
        return
    if found.notes or text.strip(" \t\n\r") in ("", "null"):
        strictly(found.text)
    else:
        assert found.text == text
        assert read(found.text) == found
        strictly(text)


@given(st.none() | st.integers() | st.dictionaries(st.text() | st.integers(), json_values | st.floats()))
def test_nothing_but_a_refusal_is_ever_raised(raw):
    try:
        text = read(raw).text
    except ArgumentsRefused:
        return
    strictly(text)


ATTACKS = {
    "digits": lambda n: '{"a": "' + ("9" * 99 + "x") * (n // 100) + '"}',
    "run": lambda n: '{"a": "' + "9" * n + '"}',
    "exponents": lambda n: '{"a": "' + "e9" * (n // 2) + '"}',
    "quotes": lambda n: '{"a": "' + '\\"' * (n // 2) + '"}',
    "keys": lambda n: "{" + ",".join(f'"{k}":0' for k in range(n // 8)) + "}",
    "objects": lambda n: '{"a":[' + ",".join(["{}"] * (n // 3)) + "]}",
    "fences": lambda n: "```" + "`" * n,
    "blanks": lambda n: " " * n + "x",
    "unclosed": lambda n: '{"a":' * (n // 5),
    "numbers": lambda n: '{"a":[' + ",".join(["9" * 4000] * (n // 4000)) + "]}",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_text_takes_more_than_linear_time(attack):
    def judge(text):
        with contextlib.suppress(ArgumentsRefused):
            read(text, 1 << 22)

    # Sixteen times the text: linear work takes 16 times as long, quadratic 256 times.
    assert_grows_within(100, judge, ATTACKS[attack](1 << 16), ATTACKS[attack](1 << 20))
