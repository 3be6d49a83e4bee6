"""What simulated tools return, beside a plain value: how the call must end, and what the model must read."""

from collections.abc import Callable
from dataclasses import dataclass

OK, REFUSED = {"ok"}, {"invalid_result"}
SECRET = "sk-canary-51e0b7f3c1d2"
"""Stands in a local variable, an argument of nobody and a traceback: no model and no observer may read it."""


@dataclass(frozen=True, slots=True)
class Value:
    """One kind of value.

    Attributes:
        make: makes one.
        codes: with which the call ends.
        shows: whether the text that the model reads is right.
    """

    make: Callable
    codes: set
    shows: Callable | None


class Unwilling:
    """A mapping whose every method raises what ends a process."""

    def keys(self):
        raise SystemExit(3)

    __iter__ = __len__ = __getitem__ = items = __repr__ = __str__ = keys


def _cycle():
    value = {"a": [1]}
    value["a"].append(value)
    return value


def _generator():
    yield 1


VALUES = {
    "nothing that JSON knows": Value(object, REFUSED, None),
    "an exception": Value(lambda: ValueError("returned"), REFUSED, None),
    "a generator": Value(_generator, REFUSED, None),
    "an unwilling value": Value(Unwilling, REFUSED, None),
    "a cycle": Value(_cycle, OK, lambda text: len(text) < 200),
    "a huge text": Value(lambda: "x" * 100_000, OK, lambda text: "left out" in text),
    "a huge list": Value(lambda: list(range(3000)), OK, lambda text: "left out" in text),
    "a lone surrogate": Value(lambda: {"text": "\ud800"}, OK, lambda text: text.encode() != b""),
    "an endless number": Value(lambda: [float("nan"), 10**5000], OK, lambda text: text.startswith("[")),
    "what changes afterwards": Value(lambda: {"list": [1, 2]}, OK, lambda text: text == '{"list":[1,2]}'),
    "an empty text": Value(str, OK, lambda text: text == ""),
    "a set": Value(lambda: {3, 1, 2}, OK, lambda text: text == "[1,2,3]"),
}
