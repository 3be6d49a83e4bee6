"""The result firewall: what a tool returned becomes what a model reads. Pure and synchronous.

1. Either an `Encoded` comes back or `CannotEncode` is raised, whatever the value does: its serialisers, iterators and
   descriptors may raise anything, `SystemExit` included.
2. A `str` stays as it is, `None` is `null`, content parts stay parts, everything else is JSON, encoded once. What comes
   back shares nothing that can change with the value.
3. Size is bounded before it is paid for. What is too long keeps its head and tail around a marker; what is over the
   hard cap is refused, and stops being read there. Code of the value that never returns cannot be bounded here; all
   that it may yield is.
4. Whatever was changed to make it fit is a note.

The common results, short text and small plain dicts and lists, take a short way. It gives the same bytes as the walk.
"""

from typing import Any, NamedTuple

from everycall.core.content import Content
from everycall.core.failures import message_for_model
from everycall.core.redaction import NOTHING_HIDDEN, Redactor
from everycall.core.text import type_name, without_surrogates
from everycall.turn.parts import encode_parts, is_part
from everycall.turn.refusal import CannotEncode as CannotEncode  # noqa: PLC0414 -- the name belongs to this interface
from everycall.turn.simple import simple_json
from everycall.turn.sink import MAX_DEPTH, SURROGATES, cut_text

TEXT_CUT = "the text was cut"
JSON_CUT = "the JSON text was cut"

_FEW = 1024
"""Values that the short way looks at before the walk takes over."""


class Encoded(NamedTuple):
    """What a model reads of a value.

    Attributes:
        content: the text, or the parts.
        notes: what was changed to make it fit, in words; empty as a rule.
    """

    content: Content
    notes: tuple[str, ...] = ()


def encode_value(value: object, max_bytes: int, redactor: Redactor = NOTHING_HIDDEN) -> Encoded:
    """Encode what a tool returned.

    Args:
        value: anything.
        max_bytes: bytes of UTF-8 of the text, or of all texts together. Images and files have the hard cap alone.
        redactor: hides secrets in what the value's own code raises.

    Raises:
        CannotEncode: the value cannot be sent; the message is for the model. The tool has run all the same.
    """
    kind = type(value)
    # An ASCII text has as many bytes as characters, and no surrogates.
    if kind is str and value.isascii() and len(value) <= max_bytes:  # type: ignore[attr-defined,arg-type]  # exact type
        return Encoded(value)  # type: ignore[arg-type]
    try:
        data = None if kind is str else simple_json(value, levels=MAX_DEPTH, nodes=_FEW, room=max_bytes)
        return _encoded(value, max_bytes) if data is None else Encoded(data.decode())
    except CannotEncode as refusal:
        refused = refusal
    except BaseException as error:  # noqa: BLE001 -- foreign code: its exception is the value's fault, not the call's
        refused = CannotEncode(f"reading it ({type_name(value)}) raised {message_for_model(error, redactor)}")
    # Raised here and bare, so that no context and no frame of the walk keeps the value alive; this one neither.
    try:
        raise refused.with_traceback(None)
    finally:
        del refused


def _encoded(value: Any, max_bytes: int) -> Encoded:
    if issubclass(type(value), str):
        return _text(value, max_bytes)
    if is_part(value):
        return Encoded(*encode_parts([value], max_bytes))
    if type(value) in (list, tuple) and value and is_part(value[0]):
        return Encoded(*encode_parts(value, max_bytes))
    from everycall.turn.walk import Walk  # noqa: PLC0415 -- half of pydantic, which most results never need

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
