"""Names of the members of one JSON object: text, valid, and each only once.

A key that is a `str` keeps its name. Any other gets the text that stands for it (`1` is `"1"`, `None` is `"null"`),
with `#2`, `#3` behind it where that name is taken: two members with one name would be one member to whoever reads them.
"""

import math
from enum import Enum
from itertools import islice
from typing import Any

from everycall.core.text import type_name, without_surrogates
from everycall.turn.sink import too_big

MAX_NAME = 200
"""Characters of a name that is made here."""

_CONSTANTS: dict[Any, str] = {None: "null", True: "true", False: "false"}
_BRACKETS: dict[type, tuple[str, str]] = {tuple: ("(", ")"), frozenset: ("{", "}")}
_MAX_BITS = 512
_MAX_MEMBERS = 16
_ENOUGH = 2 * MAX_NAME + 2  # characters from which a name is sure to be cut: two surrogates may become one character
_MAX_DEPTH = 3


class Keys:
    """Gives the names of one object.

    Args:
        source: the dict whose keys they are: its own `str` keys are never given away. None for any other mapping.
    """

    __slots__ = ("_given", "_source")

    def __init__(self, source: dict[Any, Any] | None) -> None:
        self._source = source
        self._given: dict[str, int] = {}

    def name(self, key: Any, room: int) -> tuple[str, bool]:
        """Return the name for *key*, and whether it is another than *key* itself.

        Raises:
            CannotEncode: it is a text longer than *room*.
        """
        kind = type(key)
        # A subclass that hashes and compares as a str cannot stand beside an equal str in one dict.
        if kind is str or (issubclass(kind, str) and kind.__hash__ is str.__hash__ and kind.__eq__ is str.__eq__):
            if str.__len__(key) > room:
                raise too_big()
            exact = str.__str__(key)
            text = without_surrogates(exact)
            if text is exact and self._is_free_to_keep(text):
                return text, False
        else:
            text = without_surrogates(text_of(key))[:MAX_NAME]
        return self._free(text), True

    def _is_free_to_keep(self, text: str) -> bool:
        if self._source is not None:
            return True  # its str keys are all different, and `_free` gives none of them away
        if text in self._given:
            return False
        self._given[text] = 2
        return True

    def _free(self, text: str) -> str:
        number = self._given.get(text, 1)
        name = text if number == 1 else f"{text}#{number}"
        while name in self._given or (self._source is not None and name in self._source):
            number += 1
            name = f"{text}#{number}"
        self._given[text] = number + 1
        self._given.setdefault(name, 2)
        return name


def text_of(key: Any, depth: int = 0) -> str:
    """Return the text that stands for a key that is no plain `str`. Never raises; the same in every run."""
    kind = type(key)
    if key is None or kind is bool:
        return _CONSTANTS[key]
    if kind in _BRACKETS and depth < _MAX_DEPTH:
        return _bracketed(key, depth, *_BRACKETS[kind])
    if kind is bytes:
        return repr(key[:MAX_NAME])
    if kind is float and not math.isfinite(key):
        return "NaN" if key != key else "Infinity" if key > 0 else "-Infinity"  # noqa: PLR0124
    try:
        return _foreign_text(key, kind, depth)
    except BaseException:  # noqa: BLE001 -- foreign code: the value is worth more than the name of its key
        return f"<{type_name(key)}>"


def _bracketed(key: Any, depth: int, opening: str, closing: str) -> str:
    """Return the texts of the members, no more of them than a name needs: they may hold as many others each."""
    texts: list[str] = []
    length = 0
    for member in islice(key, _MAX_MEMBERS):
        texts.append(text_of(member, depth + 1))
        length += len(texts[-1]) + 2
        if length > _ENOUGH:
            break
    return f"{opening}{', '.join(texts)}{closing}"


def _foreign_text(key: Any, kind: type, depth: int) -> str:
    if issubclass(kind, str):
        return str.__getitem__(key, slice(0, MAX_NAME))
    if issubclass(kind, Enum) and depth < _MAX_DEPTH:
        return text_of(key.value, depth + 1)
    if issubclass(kind, int) and int.bit_length(key) > _MAX_BITS:
        return f"<{type_name(key)}>"
    if kind in _BRACKETS or (kind.__str__ is object.__str__ and kind.__repr__ is object.__repr__):
        return f"<{type_name(key)}>"  # not the address that object's own repr shows: it differs from run to run
    text = str(key)
    return str.__getitem__(text, slice(0, MAX_NAME))
