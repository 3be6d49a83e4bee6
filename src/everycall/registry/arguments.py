"""The arguments of one call as strict JSON text, or a refusal. Pure.

1. What comes out is the text of one JSON object that every parser reads alike: no key twice, finite numbers, at most
   `MAX_DEPTH` levels, valid Unicode. A policy that looks at it and the tool that gets it see the same values.
2. Nothing is guessed. Absent, empty and `null` mean `{}`; a byte order mark and one code fence around the whole are
   dropped and noted; everything else is as sent, or refused.
3. The size is checked before anything is parsed. The exact checks are linear, and only run when cheap ones cannot
   tell: most arguments cost one parse.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple, NoReturn

from pydantic_core import from_json, to_json

from everycall.core.making import new_tuple
from everycall.core.text import one_line, type_name

MAX_DEPTH = 64
"""Levels of objects and arrays, the outermost being the first (research: bounds, D.2)."""

_WHITESPACE = " \t\n\r"
_BYTE_ORDER_MARK = "\ufeff"
_OPENING_FENCE = re.compile(r"```[A-Za-z0-9_+-]{0,20}[ \t]*(?:\r?\n|(?=\{))")
_MAX_SHOWN = 64  # characters of a key that an error message repeats

# A number is finite when fewer than 100 digits stand before its point and its exponent has at most two: 1e100 * 1e99 is
# far below the largest float. Whatever these two find is looked at exactly. With the lookbehind each run of
# digits is looked at once.
_LONG_EXPONENT = re.compile(r"[eE]\+?[0-9]{3}")
_LONG_NUMBER = re.compile(r"(?<![0-9])[0-9]{100}")

_LARGE = 1e300
"""A number below this in amount is within all bounds."""

_CURES: Final = {
    "EOF while parsing": "The text ends before the object does: send all of it.",
    "trailing characters": "Send one JSON object and nothing after it.",
    "trailing comma": "Leave out the last comma.",
    "key must be a string": "Keys and text need double quotes.",
    "control character": r"Write line breaks and tabs inside text as \n and \t.",
    "hex escape": r"An escape such as \ud83d needs its second half.",
}
"""What the parser says -> what the model should do."""


class ArgumentsRefused(Exception):  # noqa: N818 - a decision about a message, not a failure of the program
    """The arguments do not fit; *message* tells the model where and why, and never repeats a value.

    *foreign* says that words of a validator of the tool's author are among it.
    """

    def __init__(self, message: str, *, foreign: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.foreign = foreign


class ReadArguments(NamedTuple):
    """Arguments that could be read.

    Attributes:
        text: the text of one JSON object.
        notes: what was dropped on the way, one sentence each.
    """

    text: str
    notes: tuple[str, ...] = ()


_NO_ARGUMENTS = ReadArguments("{}")


def read_arguments(raw: str | Mapping[str, object] | None, *, max_bytes: int) -> ReadArguments:
    """Return *raw* as the text of one strict JSON object.

    Args:
        raw: JSON text or a mapping, as sent; None if absent.
        max_bytes: most bytes of the text in UTF-8; a mapping counts by the text it becomes.

    Raises:
        ArgumentsRefused: it is too large, not JSON, not an object, or holds what parsers disagree about.
    """
    if isinstance(raw, str):
        text = raw
    elif raw is None:
        return _NO_ARGUMENTS
    elif isinstance(raw, Mapping):
        text = _encoded(raw, max_bytes)
    else:
        raise ArgumentsRefused(f"The arguments must be a JSON object, not {_kind_of(raw)}.")
    if len(text) * 4 > max_bytes:  # a character has at most 4 bytes; the exact count is only needed near the bound
        _require_size(text, max_bytes)
    return _read_text(text)


def canonical(text: str) -> str:
    """Return JSON *text* in one spelling: neither the order of keys nor white space matters."""
    return json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))


def _require_size(text: str, max_bytes: int) -> None:
    size = len(text)
    if size <= max_bytes and not text.isascii():
        size = len(text.encode("utf-8", "surrogatepass"))
    if size > max_bytes:
        raise _too_large(max_bytes)


def _too_large(max_bytes: int) -> ArgumentsRefused:
    return ArgumentsRefused(f"The arguments are too large: more than {max_bytes} bytes. Send less in one call.")


def _read_text(text: str, *, wrapped: bool = True) -> ReadArguments:
    try:
        value = from_json(text, allow_inf_nan=False, cache_strings="keys")
    except (ValueError, TypeError) as error:
        return _read_wrapped(text, error, wrapped=wrapped)
    if value is None:
        return _NO_ARGUMENTS
    if not isinstance(value, dict):
        raise ArgumentsRefused(_not_an_object(value))
    if _is_flat(text, value):
        return new_tuple(ReadArguments, (text, ()))
    deep = len(text) > MAX_DEPTH and text.count("{") + text.count("[") > MAX_DEPTH
    if (
        deep
        or text.count(":") != len(value)
        or _LONG_EXPONENT.search(text) is not None
        or (len(text) > 100 and _LONG_NUMBER.search(text) is not None)
    ):
        _check_exactly(text, value, deep=deep)
    return ReadArguments(text)


def _is_flat(text: str, value: dict[str, object]) -> bool:
    """Return whether *text*, read as *value*, needs no further look: no key twice, no depth, no large number."""
    # Every key is followed by one colon, so as many colons as top-level keys means: no key twice, no inner keys.
    if text.count(":") != len(value) or "[" in text:
        return False
    for one in value.values():  # noqa: SIM110 -- a generator takes twice as long
        if (type(one) is float or type(one) is int) and not -_LARGE < one < _LARGE:
            return False
    return True


def _read_wrapped(text: str, error: Exception, *, wrapped: bool) -> ReadArguments:
    bare = text.strip(_WHITESPACE)
    if not bare:
        return _NO_ARGUMENTS
    notes = []
    if wrapped and bare.startswith(_BYTE_ORDER_MARK):
        bare = bare.removeprefix(_BYTE_ORDER_MARK).strip(_WHITESPACE)
        notes.append("A byte order mark before the arguments was dropped.")
    opening = _OPENING_FENCE.match(bare) if wrapped else None
    if opening is not None and bare.endswith("```") and len(bare) >= opening.end() + 3:
        bare = bare[opening.end() : -3]
        notes.append("A code fence around the arguments was dropped.")
    if not notes:
        raise ArgumentsRefused(_not_json(error)) from None
    return ReadArguments(_read_text(bare, wrapped=False).text, tuple(notes))


def _not_json(error: Exception) -> str:
    if isinstance(error, TypeError):  # the parser's word for text that has no UTF-8 form
        return "The arguments are not valid JSON: they hold half of a surrogate pair, which is not valid Unicode."
    said = one_line(str(error), 200)
    cures = [cure for words, cure in _CURES.items() if words in said]
    return " ".join([f"The arguments are not valid JSON: {said}.", *cures])


def _not_an_object(value: object) -> str:
    if isinstance(value, str) and value.lstrip().startswith(("{", '"')):
        return "The arguments are a string that holds JSON: they were encoded twice. Send the JSON object itself."
    return f"The arguments must be a JSON object, not {_kind_of(value)}."


def _kind_of(value: object) -> str:
    kinds = {bool: "true or false", int: "a number", float: "a number", str: "a string", list: "an array"}
    return kinds.get(type(value)) or f"a value of type {type_name(value)}"


# --- exact checks ------------------------------------------------------------------------------------------------


def _check_exactly(text: str, value: dict[str, object], *, deep: bool) -> None:
    """Refuse depth, repeated keys and numbers beyond all bounds. *text* is valid JSON already."""
    if deep and _depth_exceeds(value, MAX_DEPTH):
        raise ArgumentsRefused(f"The arguments are nested too deeply: more than {MAX_DEPTH} levels.")
    try:
        _EXACT.decode(text)
    except (ValueError, RecursionError) as error:  # a number or a depth that this interpreter does not take
        raise ArgumentsRefused("The arguments hold a number or a nesting beyond the bounds of JSON here.") from error


def _depth_exceeds(value: dict[str, object], limit: int) -> bool:
    level: list[object] = [value]
    for _ in range(limit):
        level = [inner for outer in level for inner in _contents(outer) if isinstance(inner, dict | list)]
        if not level:
            return False
    return True


def _contents(value: object) -> Iterable[object]:
    return value.values() if isinstance(value, Mapping) else value if isinstance(value, Sequence) else ()


def _each_key_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    known = dict(pairs)
    if len(known) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ArgumentsRefused(f"The key {_shown(twice)} appears twice in one object. Send each key once.")
    return known


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        _refuse_number()
    return value


def _refuse_number() -> NoReturn:
    raise ArgumentsRefused("The arguments hold a number that is not finite. Send numbers that fit a 64-bit float.")


_EXACT = json.JSONDecoder(object_pairs_hook=_each_key_once, parse_float=_finite)


def _shown(key: str) -> str:
    return json.dumps(one_line(key, _MAX_SHOWN), ensure_ascii=False)


# --- mappings ----------------------------------------------------------------------------------------------------


def _encoded(mapping: Mapping[str, object], max_bytes: int) -> str:
    """Return the JSON text of arguments that a client has parsed already."""
    try:
        _require_bounded(mapping, max_bytes)
        return to_json(mapping, fallback=plain).decode()
    except ArgumentsRefused:
        raise
    except Exception as error:  # a client's own mapping is foreign code
        raise ArgumentsRefused(f"The arguments cannot be written as JSON ({type_name(error)}).") from error


def plain(value: object) -> object:
    """Return a mapping or sequence of some client's own type as dict or list."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"not a JSON value: {type(value).__name__}")


def _require_bounded(mapping: Mapping[str, object], max_bytes: int) -> None:
    """Walk *mapping*, without recursion, only as far as its bounds: it may be endless, or hold itself."""
    left = max_bytes
    level: list[object] = [mapping]
    for _ in range(MAX_DEPTH + 1):
        inner: list[object] = []
        for value in level:
            left -= _least_bytes(value)
            if left < 0:
                raise _too_large(max_bytes)
            if not isinstance(value, str | bytes | bytearray):
                inner.extend(_contents(value))
        if not inner:
            return
        level = inner
    raise ArgumentsRefused(f"The arguments are nested too deeply: more than {MAX_DEPTH} levels.")


def _least_bytes(value: object) -> int:
    """Return how many bytes the JSON of *value* has at least, without its contents."""
    if isinstance(value, str):
        return len(value) + 2
    if isinstance(value, float) and not math.isfinite(value):
        _refuse_number()
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise ArgumentsRefused("The arguments hold a key that is not text. JSON objects have text as keys.")
        return 2 + sum(map(len, value))
    return 1
