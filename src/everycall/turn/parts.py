"""Content parts that a tool returned: checked field by field, bounded, rebuilt.

1. A value is content if it is a part, or a list or tuple of nothing but parts.
2. What leaves here has exact types, bytes that cannot change any more, a media type and an address of strict form.
3. All bytes together stay below the hard cap; all texts together stay within the wanted size.
"""

import re
from typing import Any

from everycall.core.content import Content, File, Image, Part, Text
from everycall.core.text import one_line, type_name, without_surrogates
from everycall.turn.refusal import CannotEncode
from everycall.turn.sink import HARD_CAP, cut_text, too_big

MAX_PARTS = 1000
"""Parts of one result; every part costs the provider and us, however small it is."""

PARTS = (Text, Image, File)

_NAME = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_MEDIA_TYPE = re.compile(f"{_NAME}/{_NAME}")
"""Type and subtype as RFC 6838, section 4.2, restricts their names; parameters are not part of what providers take."""
_URL = re.compile(r"https?://[!-~]{1,8184}", re.IGNORECASE)
"""An absolute http address in ASCII, as RFC 3986 has it; 8 KiB is what servers commonly take (RFC 9112, section 3)."""

LEFT_OUT = "text parts were cut"


def is_part(value: object) -> bool:
    """Whether *value* is a content part; asks its type alone."""
    return issubclass(type(value), PARTS)


def encode_parts(values: list[Any] | tuple[Any, ...], max_bytes: int) -> tuple[Content, tuple[str, ...]]:
    """Return the parts as they may be sent, and what was changed.

    Args:
        values: the parts, at least one.
        max_bytes: bytes of UTF-8 of all texts together.

    Raises:
        CannotEncode: something else is among them, a field is wrong, or there is too much.
    """
    if len(values) > MAX_PARTS:
        raise CannotEncode(f"it has {len(values)} content parts, and at most {MAX_PARTS} can be sent")
    parts: list[Part] = []
    texts, data = max_bytes, HARD_CAP
    notes: dict[str, None] = {}
    for value in tuple(values):
        if not is_part(value):
            raise CannotEncode(
                f"a list with content parts also holds a value of type {type_name(value)}. "
                "Return parts only, with every other value as Text(...)"
            )
        if issubclass(type(value), Text):
            part = _text(value, texts, notes)
            texts -= len(part.text.encode())
            parts += [part] if part.text else []
            continue
        checked = _media(value, data)
        data -= len(checked.data or b"")
        parts.append(checked)
    return tuple(parts) or "", tuple(notes)


def _text(value: Text, room: int, notes: dict[str, None]) -> Text:
    text = value.text
    if not issubclass(type(text), str):
        raise CannotEncode(f"its Text holds a value of type {type_name(text)}. Give it a str")
    if str.__len__(text) > room:
        notes[LEFT_OUT] = None
        return Text(cut_text(text, room))
    exact = without_surrogates(str.__str__(text))
    if len(exact.encode()) <= room:
        return Text(exact)
    notes[LEFT_OUT] = None
    return Text(cut_text(exact, room))


def _media(value: Image | File, room: int) -> Image | File:
    kind: type[Image | File] = Image if issubclass(type(value), Image) else File
    data, url, media_type = value.data, value.url, value.media_type
    media_type = str.__str__(media_type) if issubclass(type(media_type), str) else ""
    if not _MEDIA_TYPE.fullmatch(media_type[:300]) or (kind is Image and not media_type.lower().startswith("image/")):
        example = "image/png" if kind is Image else "application/pdf"
        raise CannotEncode(f'the media type of its {kind.__name__} is not valid. Use one such as "{example}"')
    if data is not None:
        data, url = _bytes_of(data, room, kind.__name__), None
    elif not issubclass(type(url), str) or not _URL.fullmatch(str.__str__(url)):
        raise CannotEncode(
            f"its {kind.__name__} has neither bytes nor an http address. Use {kind.__name__}(data=...), "
            f'or {kind.__name__}(url="https://..."), percent-encoded'
        )
    else:
        url = str.__str__(url)
    if kind is Image:
        return Image(data=data, url=url, media_type=media_type)
    name = value.name  # type: ignore[union-attr]  # a File
    shown = one_line(str.__str__(name), 255) if issubclass(type(name), str) else ""
    return File(data=data, url=url, media_type=media_type, name=shown or "file")


def _bytes_of(data: Any, room: int, kind: str) -> bytes:
    if not issubclass(type(data), bytes | bytearray | memoryview):
        raise CannotEncode(f"the data of its {kind} is of type {type_name(data)}. Give it bytes")
    view = memoryview(data)
    if view.nbytes > room:
        raise too_big()
    if not view.nbytes:
        raise CannotEncode(f"its {kind} has no bytes")
    return data if type(data) is bytes else bytes(view)
