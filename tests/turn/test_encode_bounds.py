"""Size is bounded before it is paid for."""

import contextlib
import datetime as dt
import json
import time
import tracemalloc

import pytest

from everycall.core.content import File, Image, Text
from everycall.turn.encode import CannotEncode, encode_value
from everycall.turn.simple import simple_json
from everycall.turn.sink import HARD_CAP

LIMIT = 256 << 10


def peak_of(value, limit=LIMIT):
    """Return what came back or was refused, and the most memory in bytes that it took."""
    tracemalloc.start()
    try:
        try:
            result = encode_value(value, limit)
        except CannotEncode as refusal:
            result = refusal
        return result, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("letter", ["x", "é", "€", "😀"])
@pytest.mark.parametrize("size", [20_000_000, 300_000])
@pytest.mark.row("5.8")
def test_a_huge_text_costs_no_more_than_the_limit(letter, size):
    value = letter * size
    result, peak = peak_of(value)
    assert len(result.content.encode()) <= LIMIT
    assert result.notes == ("the text was cut",)
    assert result.content[:10] == result.content[-10:] == letter * 10
    assert peak < 10 * LIMIT


@pytest.mark.parametrize("limit", [1, 2, 3, 10, 40, 41, 42, 43, 44, 50, 100, 1000])
@pytest.mark.parametrize("text", ["x" * 5000, "é" * 5000, "😀€é" * 2000, "\ud800" * 5000, "\ud83d\ude00" * 3000])
def test_a_cut_text_fits_and_is_cut_between_characters(limit, text):
    content = encode_value(text, limit).content
    assert len(content.encode()) <= limit
    assert len(content.encode()) > limit - 8
    assert set(content) <= set(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")) | set(
        "\n[.0123456789 bytescharlfou]"
    )


def test_the_marker_counts_what_is_missing():
    ascii_text = encode_value("a" * 5000 + "b" * 5000, 1000).content
    head, tail = ascii_text.split("\n[... ")[0], ascii_text.split(" ...]\n")[1]
    assert set(head) == {"a"}
    assert set(tail) == {"b"}
    assert f"[... {10_000 - len(head) - len(tail)} bytes left out ...]" in ascii_text
    other = encode_value("é" * 10_000, 1000).content
    assert f"[... {10_000 - other.count('é')} characters left out ...]" in other


def test_a_text_of_exactly_the_limit_is_whole():
    for text in ("x" * 100, "é" * 50, "😀" * 25):
        assert encode_value(text, 100).content == text
        assert encode_value(text, 99).notes == ("the text was cut",)
    for value, text in (([1, 2], "[1,2]"), ([dt.date(2026, 1, 2)], '["2026-01-02"]')):
        assert encode_value(value, len(text)).content == text
        assert encode_value(value, len(text) - 1).notes == ("the JSON text was cut",)


@pytest.mark.parametrize("limit", [1, 20, 45, 60, 1000])
@pytest.mark.parametrize(
    "value",
    [
        list(range(100_000)),
        {str(n): "é" for n in range(50_000)},
        [dt.date(2026, 1, 2)] * 5000,
        ["😀" * 5000],
        [{}] * 9000,
    ],
)
def test_long_json_keeps_its_head_and_tail(value, limit):
    encoded = encode_value(value, limit)
    whole = encode_value(value, HARD_CAP).content
    assert len(encoded.content.encode()) <= limit
    assert encoded.notes == ("the JSON text was cut",)
    head, _, rest = encoded.content.partition("\n[... ")
    assert whole.startswith(head)
    if rest:
        count, _, tail = rest.partition(" bytes left out ...]\n")
        assert whole.endswith(tail)
        assert int(count) == len(whole.encode()) - len(head.encode()) - len(tail.encode())


def doubled(levels):
    value = [1] * 10
    for _ in range(levels):
        value = [value] * 10
    return value


BYTES, VALUES = "larger than 16 MiB", "more than 250,000 values"


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: list(range(4_000_000)), BYTES),
        (lambda: {str(n): n for n in range(1_200_000)}, BYTES),
        (lambda: ["x" * (17 << 20)], BYTES),
        (lambda: {"x" * (17 << 20): 1}, BYTES),
        (lambda: {1: "x" * (17 << 20)}, BYTES),
        (lambda: [dt.date(2026, 1, 2), *["é" * 100_000] * 200], BYTES),
        (lambda: set(range(400_000)), VALUES),
        (lambda: [dt.date(2026, 1, 2)] * 400_000, VALUES),
        (lambda: doubled(40), BYTES),
        (lambda: range(10**12), VALUES),
    ],
    ids=["list", "dict", "text", "key", "text-under-int", "texts", "set", "dates", "shared", "range"],
)
def test_what_is_over_a_cap_is_refused_at_little_cost(make, why):
    value = make()
    result, peak = peak_of(value)
    assert isinstance(result, CannotEncode)
    assert why in str(result)
    assert peak < 8 << 20  # a few times the limit, and far below the cap


def test_a_large_value_below_the_cap_is_cut_at_little_cost():
    result, peak = peak_of([{"id": n, "name": "somebody"} for n in range(100_000)])
    assert result.notes == ("the JSON text was cut",)
    assert peak < 8 << 20


def test_only_what_may_be_sent_is_read_of_large_bytes():
    result, peak = peak_of({"raw": b"x" * (64 << 20)})
    assert json.loads(result.content) == {"raw": {"base64": None, "size": 64 << 20}}
    assert result.notes == ("bytes too large to be of use were left out",)
    assert peak < 1 << 20


def test_data_of_parts_is_bounded_by_the_hard_cap_together():
    half = b"x" * (HARD_CAP // 2)
    assert len(encode_value([Image(data=half), File(data=half)], 100).content) == 2
    with pytest.raises(CannotEncode, match="larger than 16 MiB"):
        encode_value([Image(data=half), File(data=half), File(data=b"x")], 100)


def test_texts_of_parts_are_bounded_together():
    encoded = encode_value([Text("a" * 60), Image(data=b"x"), Text("é" * 60), Text("c")], 100)
    texts = [part.text for part in encoded.content if isinstance(part, Text)]
    assert sum(len(text.encode()) for text in texts) <= 100
    assert texts[0] == "a" * 60
    assert encoded.notes == ("text parts were cut",)
    result, peak = peak_of([Text("x" * 50_000_000)])
    assert len(result.content[0].text) <= LIMIT
    assert peak < 10 * LIMIT


def test_looking_for_plain_values_in_vain_is_bounded(monkeypatch):
    """A tree whose every branch ends in something that is not plain is not searched again on each level."""
    from everycall.turn import simple, walk

    looked = []
    original = simple._is_simple

    def counted(value, levels, nodes, room):
        looked.append(levels)
        return original(value, levels, nodes, room)

    monkeypatch.setattr(simple, "_is_simple", counted)
    value = [dt.date(2026, 1, 2)]
    for _ in range(11):
        value = [value, value]
    encode_value(value, LIMIT)
    assert len([levels for levels in looked if levels > 1]) <= walk._MAX_FAILURES + 1
    assert len(looked) > walk._MAX_FAILURES + 1


def nested(value, levels):
    for _ in range(levels):
        value = [value]
    return value


def seconds_of(value):
    """Return the time of the processor that it takes to write *value*, or to refuse it."""
    began = time.process_time()
    try:
        encode_value(value, LIMIT)
    except CannotEncode:
        pass
    return time.process_time() - began


@pytest.mark.parametrize("around", [["\n" * (12 << 20)], ["\n" * (6 << 20), "\ud800"]], ids=["too-long", "surrogate"])
def test_a_huge_text_within_many_lists_is_not_written_again_for_each(around):
    assert seconds_of(nested(around, 61)) < 0.6  # once takes a tenth of that


def test_what_is_tried_in_vain_is_given_back_by_success():
    from everycall.turn.walk import Walk

    walk = Walk(LIMIT)
    walk.text_of([[dt.date(2026, 1, 2)]] * 20 + [{"text": "x" * 100}] * 5120)
    assert walk._nodes < 600  # the neighbours of the dates are written one by one, all others in runs


def test_large_numbers_are_written_out_up_to_a_budget():
    number = (1 << 65_000) - 1
    written = json.loads(encode_value([number] * 800, HARD_CAP).content)
    assert written[:16] == [written[0]] * 16
    assert len(written[0]) == 19_567
    assert written[16:] == ["<int of about 19567 digits>"] * 784
    assert seconds_of([number] * 800) < 0.6


def test_numbers_that_are_not_written_out_take_nothing_from_those_that_are():
    written = json.loads(encode_value([1 << 1_000_000] * 100 + [10**5000] * 100, HARD_CAP).content)
    assert written[100:] == [f"1{'0' * 5000}"] * 100


def test_a_huge_text_within_many_lists_is_not_tried_whole_at_each_of_them(monkeypatch):
    tried = []

    def counted(value, *, levels, nodes, room):
        tried.append(room)
        return simple_json(value, levels=levels, nodes=nodes, room=room)

    monkeypatch.setattr("everycall.turn.walk.simple_json", counted)
    value = "\n" * (12 << 20)  # twice as much when it is escaped
    for _ in range(60):
        value = [value]
    with contextlib.suppress(CannotEncode):
        encode_value(value, HARD_CAP)
    assert len(tried) >= 60
    assert sum(tried) < 4 << 20
