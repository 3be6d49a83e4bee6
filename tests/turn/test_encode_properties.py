"""Any value gives valid JSON or a refusal, bounded, and the same each time."""

import collections
import datetime as dt
import decimal
import json
import math
import uuid

from hypothesis import given, settings
from hypothesis import strategies as st

from everycall.core.content import File, Image, Text
from everycall.turn.encode import JSON_CUT, TEXT_CUT, CannotEncode, encode_value

any_text = st.text(st.characters(categories=["L", "P", "Cc", "Cs", "So"]), max_size=20)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=40,
)
keys = (
    any_text | st.integers() | st.floats() | st.booleans() | st.none() | st.binary(max_size=5)
    | st.tuples(st.integers()) | st.sampled_from(["1", "null", "1#2", "<X>", "NaN"])
)  # fmt: skip
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(4200, 4400).map(lambda digits: 10**digits)
    | st.floats()
    | any_text
    | st.binary(max_size=30)
    | st.dates()
    | st.timedeltas()
    | st.uuids()
    | st.decimals()
    | st.fractions()
    | st.complex_numbers()
    | st.sampled_from([object(), int, ValueError("x"), Text("part"), range(5), Image(data=b"x"), File(data=b"x")]),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.lists(inner, max_size=5).map(tuple)
        | st.lists(inner, max_size=5).map(collections.deque)
        | st.dictionaries(keys, inner, max_size=5)
        | st.dictionaries(keys, inner, max_size=5).map(collections.UserDict)
        | st.dictionaries(keys, inner, max_size=5).map(collections.OrderedDict)
    ),
    max_leaves=40,
)


def refused_or_encoded(value, limit):
    try:
        return encode_value(value, limit)
    except CannotEncode as refusal:
        return str(refusal)


def no_repeats(pairs):
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def no_constants(word):
    raise AssertionError(word)


@settings(max_examples=400)
@given(anything, st.sampled_from([10_000, 300, 60, 5]))
def test_any_value_gives_valid_text_within_the_limit_or_a_refusal(value, limit):
    result = refused_or_encoded(value, limit)
    assert result == refused_or_encoded(value, limit)
    if isinstance(result, str):
        assert len(result) < 1000
        return
    content = result.content
    if isinstance(content, tuple):
        assert sum(len(part.text.encode()) for part in content if isinstance(part, Text)) <= limit
        return
    assert len(content.encode()) <= limit
    if not isinstance(value, str) and JSON_CUT not in result.notes:
        json.loads(content, object_pairs_hook=no_repeats, parse_constant=no_constants)


@given(plain)
def test_a_plain_value_comes_back_as_it_was(value):
    result = encode_value(value, 1 << 20)
    assert result.notes == ()
    if isinstance(value, str):
        assert result.content == value
    else:
        assert json.loads(result.content) == value
        assert result.content == encode_value([value, uuid.UUID(int=0)], 1 << 20).content[1:-40]


@given(st.text(st.characters(), max_size=300), st.integers(1, 300))
def test_a_text_is_whole_or_its_head_and_tail_are(text, limit):
    result = encode_value(text, limit)
    assert len(result.content.encode()) <= limit
    valid = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if TEXT_CUT not in result.notes:
        assert result.content == valid
    else:
        assert len(valid.encode()) > limit or valid != text


@given(st.floats() | st.decimals(allow_nan=True), st.booleans())
def test_every_number_is_said(number, within):
    text = encode_value([number] if within else number, 1000).content
    value = json.loads(text, parse_constant=no_constants)
    value = value[0] if within else value
    if isinstance(number, float) and math.isfinite(number):
        assert value == number
    else:
        assert isinstance(value, str)
        if isinstance(number, decimal.Decimal):
            assert value == str(number)


@given(
    st.sets(st.text(max_size=5)) | st.frozensets(st.integers()) | st.sets(st.binary(max_size=3)) | st.sets(st.dates())
)
def test_a_set_is_written_in_order(members):
    expected = encode_value(sorted(members), 1 << 20).content
    assert encode_value(members, 1 << 20).content == expected
    assert encode_value({"k": members, "d": dt.date(2026, 1, 2)}, 1 << 20).content == (
        f'{{"k":{expected},"d":"2026-01-02"}}'
    )
