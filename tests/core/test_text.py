"""Foreign text made safe to show."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycall.core.text import MAX_ERROR_TEXT, clean, name_of, one_line, said, shown, type_name, without_surrogates
from tests.growth import assert_grows_within


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain text, ~!", "plain text, ~!"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("naïve 日本 😀", "naïve 日本 😀"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x9b31mred", "red"),
        ("\x1b]8;;http://evil\x07link\x1b]8;;\x07", "link"),
        ("\x1b]0;title\x1b\\after", "after"),
        ("\x1bPdcs\x1b\\after", "after"),
        ("\x1b]0;unfinished and the rest", "0;unfinished and the rest"),
        ("\x1b[unfinished", "nfinished"),
        ("bell\x07 nul\x00 del\x7f c1\x80", "bell nul del c1"),
        ("over\rwritten", "over\nwritten"),
        ("dos\r\nline", "dos\nline"),
        ("para\u2029line\u2028next\x85last", "para\nline\nnext\nlast"),
        ("user\u202egnp.exe", "usergnp.exe"),
        ("\u2066isolate\u2069", "isolate"),
        ("zero\u200bwidth\u200d\ufeff", "zerowidth"),
        ("tags\U000e0041\U000e007f", "tags"),
        ("variation\ufe0f\U000e0100", "variation"),
        ("soft\xadhyphen", "softhyphen"),
        ("lone \ud800 surrogate", "lone \ufffd surrogate"),
        ("pair \ud83d\ude00", "pair 😀"),
    ],
)
def test_what_hides_or_moves_is_removed(text, expected):
    assert clean(text) == expected


@given(st.text(st.characters(categories=["Cc", "Cf", "Cs", "L", "P"]) | st.sampled_from("\x1b[]\x07\\m\r\n\x9b0;")))
def test_cleaning_twice_changes_nothing_more(text):
    once = clean(text)
    assert clean(once) == once
    once.encode()
    assert all(char in "\n\t" or char >= " " for char in once)
    assert "\x1b" not in once


INTRODUCERS = ["\x1b]", "\x1bP", "\x1bX", "\x1b^", "\x1b_", "\x90", "\x98", "\x9d", "\x9e", "\x9f"]
"""Of strings: OSC, DCS, SOS, PM and APC, as two characters and as one (ECMA-48, 5.3 and 5.6)."""


@pytest.mark.parametrize(
    "unit", [*INTRODUCERS, *[one + "x" for one in INTRODUCERS], "\x1b[", "\x1b[1;", "\x9b", "\x9b1;"]
)
def test_unfinished_sequences_cost_linear_time(unit):
    """Sixteen times the text takes less than 60 times as long; it was quadratic once, 256 times."""
    assert_grows_within(60, clean, unit * 1000, unit * 16_000)


@pytest.mark.parametrize("end", ["\x07", "\x1b\\", "\x9c"])
@pytest.mark.parametrize("begin", INTRODUCERS)
def test_a_string_for_the_terminal_is_removed_and_an_unfinished_one_costs_its_introducer_alone(begin, end):
    assert clean(f"a{begin}0;title{end}b") == "ab"
    assert clean(f"a{begin}0;title") == "a0;title"
    assert clean(f"a{begin}lost{begin}0;title{end}b") == "alostb"


@given(st.text(st.characters(categories=["Cs", "Lo", "So"])))
def test_text_without_surrogates_can_be_encoded_and_is_itself_where_it_could(text):
    result = without_surrogates(text)
    result.encode()
    try:
        text.encode()
    except UnicodeEncodeError:
        assert result != text
    else:
        assert result is text


@pytest.mark.parametrize("size", [0, 1, 2, 3, 10, 199, 200, 201, 5000])
@pytest.mark.parametrize("unit", ["x", "\n", "\t", "\u200b", "é"])
def test_one_line_is_one_line_and_never_longer_than_its_limit(size, unit):
    line = one_line(unit * size, 200)
    assert len(line) <= 200
    assert "\n" not in line
    assert "\t" not in line


def test_one_line_shows_breaks_and_says_that_it_was_cut():
    assert one_line("a\nb\tc", 20) == "a\\nb\\tc"
    assert one_line("x" * 21, 20) == "x" * 17 + "..."
    assert one_line("x" * 21, 2) == ".."
    assert one_line("x", 0) == ""


def test_long_text_says_how_much_is_missing():
    assert shown("x" * 30, 30) == "x" * 30
    text = shown("x" * 10_000, 100)
    assert len(text) <= 100
    assert text.endswith("... [9900 more characters]")


class RefusingError(Exception):
    def __init__(self, failure):
        self.failure = failure
        self.calls = 0

    def __str__(self):
        self.calls += 1
        if isinstance(self.failure, type):
            raise self.failure
        return self.failure


def safe_text(error):
    return shown(said(error), MAX_ERROR_TEXT) or type_name(error)


@pytest.mark.parametrize(
    "failure", [ValueError, SystemExit, KeyboardInterrupt, GeneratorExit, RecursionError, MemoryError]
)
def test_an_error_that_cannot_say_what_it_is_gets_its_types_name(failure):
    error = RefusingError(failure)
    assert safe_text(error) == "RefusingError"
    assert error.calls == 1


@pytest.mark.parametrize("text", [5, b"bytes", None, ""])
def test_an_error_without_text_gets_its_types_name(text):
    assert safe_text(RefusingError(text)) == "RefusingError"


class Liar(str):
    __slots__ = ()

    def __len__(self):
        return 0

    def __getitem__(self, key):
        raise SystemExit

    def isascii(self):
        raise SystemExit


def test_a_text_that_lies_about_itself_is_read_past_its_lies():
    assert safe_text(RefusingError(Liar("the truth"))) == "the truth"


def test_a_huge_text_costs_its_limit():
    text = safe_text(ValueError("x" * 50_000_000))
    assert len(text) <= 2000
    assert text.endswith(" more characters]")


def test_an_ordinary_error_says_what_it_says():
    assert safe_text(ValueError("wrong \x1b[31mvalue")) == "wrong value"
    assert safe_text(KeyError("name")) == "'name'"
    assert safe_text(socket.gaierror(-2, "unknown")) == "[Errno -2] unknown"


def test_the_name_of_a_type_is_read_past_its_metaclass():
    class Meta(type):
        @property
        def __name__(cls):
            raise SystemExit

        def __getattribute__(cls, name):
            raise SystemExit

    kind = Meta("Hostile", (Exception,), {})
    assert type_name(kind()) == "Hostile"
    assert type_name(ValueError()) == "ValueError"
    assert type_name(ValueError(), qualified=True) == "ValueError"
    assert name_of(type("a\nb\x1b[31m" + "c" * 500, (), {})).startswith("a\\nbccc")
    assert len(name_of(type("c" * 500, (), {}))) <= 200
    assert name_of(type("X", (), {"__module__": 5}), qualified=True) == "X"
    assert name_of(type("X", (), {"__module__": "a.b"}), qualified=True) == "a.b.X"
