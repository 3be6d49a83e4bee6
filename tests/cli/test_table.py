"""Tables for terminals of any width."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycall.cli.table import Column, cells, table

COLUMNS = (
    Column(title="#", right=True),
    Column(title="tool"),
    Column(title="time", right=True),
    Column(title="first", optional=True),
    Column(title="second", optional=True),
)


def row(*texts):
    return [(text, "") for text in texts]


ROWS = [row("1", "weather", "0.5 s", "aaaa", "bbbbbb"), row("10", "x", "12.0 s", "a", "b")]


def text_of(lines):
    return ["".join(text for text, _ in line).rstrip() for line in lines]


def test_columns_are_aligned_under_their_heads():
    assert text_of(table(COLUMNS, ROWS, 80)) == [
        " #  tool       time  first  second",
        " 1  weather   0.5 s  aaaa   bbbbbb",
        "10  x        12.0 s  a      b",
    ]


def test_the_last_optional_column_goes_first_where_it_is_narrow():
    assert text_of(table(COLUMNS, ROWS, 34))[0] == " #  tool       time  first  second"
    assert text_of(table(COLUMNS, ROWS, 33))[0] == " #  tool       time  first"
    assert text_of(table(COLUMNS, ROWS, 25))[0] == " #  tool       time"


def test_where_no_table_fits_each_row_is_a_record_with_everything():
    assert text_of(table(COLUMNS, ROWS, 18)) == [
        "1 weather",
        "    time 0.5 s",
        "    first aaaa",
        "    second bbbbbb",
        "10 x",
        "    time 12.0 s",
        "    first a",
        "    second b",
    ]


def test_a_record_takes_as_few_lines_as_fit():
    narrow = [Column(title="a"), Column(title="b"), *(Column(title=title) for title in "cdef")]
    assert text_of(table(narrow, [row("1", "x" * 20, "33", "", "55", "66")], 16)) == [
        "1 xxxxxxxxxxxxxxxxxxxx",
        "    c 33  e 55",
        "    f 66",
    ]
    assert text_of(table(narrow, [row("1", "x" * 20, "33", "", "55", "66")], 13))[1:] == [
        "    c 33",
        "    e 55",
        "    f 66",
    ]


def test_wide_characters_take_two_cells_and_combining_ones_none():
    assert cells("東京") == 4
    assert cells("e\u0301") == 1
    lines = text_of(table(COLUMNS[1:4], [row("東京", "1 s", "x"), row("abcd", "2 s", "y")], 80))
    assert lines[1:] == ["東京   1 s  x", "abcd   2 s  y"]


texts = st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), max_size=12)


@given(st.lists(st.tuples(texts, texts, texts, texts, texts), max_size=5), st.integers(50, 120))
def test_no_required_text_is_ever_lost_and_no_table_is_too_wide(values, width):
    lines = text_of(table(COLUMNS, [row(*value) for value in values], width))
    shown = "\n".join(lines)
    assert all(text in shown for value in values for text in value[:3])
    assert all(cells(line) <= width for line in lines)


@pytest.mark.parametrize("width", [0, 1, 10])
def test_an_absurd_width_loses_nothing(width):
    shown = " ".join(text_of(table(COLUMNS, ROWS, width)))
    assert all(text in shown for one in ROWS for text, _ in one)
