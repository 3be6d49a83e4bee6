"""The result firewall: what a tool returned becomes what a model reads. Pure and synchronous.

1. Either an `Encoded` comes back or `CannotEncode` is raised, whatever the value does: its serialisers, iterators and
   descriptors may raise anything, `SystemExit` included.
2. A `str` stays as it is, `None` is `null`, content parts stay parts, everything else is JSON, encoded once. What comes
   back shares nothing that can change with the value.
3. Size is bounded before it is paid for. What is too long keeps its head and tail around a marker; what is over the hard cap is refused, and stops being read
   there. Code of the value that never returns cannot be bounded here; all that it may yield is.
4. Whatever was changed to make it fit is a note.

The common results, short text and small plain dicts and lists, take a short way. It gives the same bytes as the walk.
"""

from dataclasses import dataclass
from typing import Any

from pydantic_core import PydanticSerializationError, to_json

from everycall.core.content import Content
from everycall.core.text import type_name, without_surrogates
from everycall.turn.parts import encode_parts, is_part
from everycall.turn.refusal import CannotEncode as CannotEncode  # noqa: PLC0414 -- the name belongs to this interface
from everycall.turn.sink import cut_text
from everycall.turn.walk import SURROGATES, Walk

TEXT_CUT = "the text was cut"
JSON_CUT = "the JSON text was cut"

_SMALL = 63
"""Values on the short way: so few that they cannot be deeper than the walk allows."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """What a model reads of a value.

    Attributes:
        content: the text, or the parts.
        notes: what was changed to make it fit, in words; empty as a rule.
    """

    content: Content
    notes: tuple[str, ...] = ()


def encode_value(value: object, max_bytes: int) -> Encoded:
    """Encode what a tool returned.

    Args:
        value: anything.
        max_bytes: bytes of UTF-8 of the text, or of all texts together. Images and files have the hard cap alone.

    Raises:
        CannotEncode: the value cannot be sent; the message is for the model. The tool has run all the same.
    """
    kind = type(value)
    # An ASCII text has as many bytes as characters, and no surrogates.
    if kind is str and value.isascii() and len(value) <= max_bytes:  # type: ignore[attr-defined,arg-type]  # exact type
        return Encoded(value)  # type: ignore[arg-type]
    try:
        if kind is dict or kind is list:
            data = _small(value, max_bytes)
            if data is not None:
                return Encoded(data.decode())
        return _encoded(value, max_bytes)
    except CannotEncode as refusal:
        refused = refusal
    except BaseException as error:  # noqa: BLE001 -- foreign code: its exception is the value's fault, not the call's
        refused = CannotEncode(f"its {type_name(value)} raised {type_name(error)} while it was read")
    # Raised here and bare, so that no context and no frame keeps the value alive.
    refused.__context__ = refused.__cause__ = None
    raise refused.with_traceback(None)


def _encoded(value: Any, max_bytes: int) -> Encoded:
    if value is None:
        return Encoded("null")
    if issubclass(type(value), str):
        return _text(value, max_bytes)
    if is_part(value):
        return Encoded(*encode_parts([value], max_bytes))
    if type(value) in (list, tuple) and value and is_part(value[0]):
        return Encoded(*encode_parts(value, max_bytes))
    walk = Walk(max_bytes)
    text, notes = walk.text_of(value)
    return Encoded(text, (*notes, JSON_CUT) if walk.is_cut else notes)


def _text(text: str, max_bytes: int) -> Encoded:
    if str.__len__(text) > max_bytes:
        return Encoded(cut_text(text, max_bytes), (TEXT_CUT,))
    exact = str.__str__(text)
    valid = without_surrogates(exact)
    notes = () if valid is exact else (SURROGATES,)
    if len(valid.encode()) <= max_bytes:
        return Encoded(valid, notes)
    return Encoded(cut_text(valid, max_bytes), (*notes, TEXT_CUT))


def _small(value: Any, max_bytes: int) -> bytes | None:  # noqa: C901 -- unrolled: nearly every call pays for it
    """Return the JSON text of a dict or list of few, exact and finite values; None for any other, or a longer text."""
    room, chars = _SMALL, max_bytes
    boxes = [value]
    for box in boxes:
        room -= len(box)
        if room < 0:
            return None
        items = box
        if type(box) is dict:
            items = box.values()
            for key in box:
                if type(key) is not str:
                    return None
                chars -= len(key)
        for item in items:
            kind = type(item)
            if kind is str:
                chars -= len(item)
            elif kind is dict or kind is list:
                boxes.append(item)
            elif not (
                (kind is int and -0x8000_0000_0000_0000 < item < 0x8000_0000_0000_0000)
                or kind is bool
                or item is None
                or (kind is float and item - item == 0.0)  # finite
            ):
                return None
    if chars < 0:
        return None
    try:
        data = to_json(value)
    except PydanticSerializationError:  # a lone surrogate
        return None
    return data if len(data) <= max_bytes else None
