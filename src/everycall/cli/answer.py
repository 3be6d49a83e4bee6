"""A turn as plain JSON values, and JSON as text that is safe to show. Pure."""

import base64
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from everycall.core.content import File, Image, Part, Text
from everycall.core.outcomes import ToolResult
from everycall.turn.turn import Turn

_NOT_PLAIN = re.compile(r"[^\x20-\x7e\n]")


def turn_as_json(turn: Turn) -> dict[str, object]:
    """Return `{"results": [...], "exchange": [...]}`."""
    return {"results": [result_as_json(result) for result in turn.results], "exchange": turn.exchange}


def result_as_json(result: ToolResult) -> dict[str, object]:
    """Return every field of *result* as a JSON value.

    `value` is what the tool returned, as its result tells it to the model; the text of the result where that was cut.
    """
    error = None if result.error is None else asdict(result.error)
    fields = {name: getattr(result, name) for name in type(result).__dataclass_fields__}
    return {**fields, "content": _content(result), "value": _value(result), "error": error}


def as_text(value: object, *, indent: int | None = None, encoding: str = "utf-8") -> str:
    r"""Return *value* as JSON.

    What *encoding* cannot hold, what a terminal would obey, and what cannot be seen, is written as `\u....`: still the
    same JSON. Bytes, which some providers' SDKs take for images, are written in base64, as those SDKs send them.
    """
    text = json.dumps(value, ensure_ascii=False, indent=indent, default=_plain)
    return _NOT_PLAIN.sub(lambda match: _shown(match[0], encoding), text)


def _shown(character: str, encoding: str) -> str:
    if character.isprintable():
        with suppress(UnicodeEncodeError):
            character.encode(encoding)
            return character
    return json.dumps(character)[1:-1]


def _plain(value: object) -> object:
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} in an exchange")


def _content(result: ToolResult) -> object:
    if isinstance(result.content, str):
        return result.content
    return [_part(part) for part in result.content]


def _part(part: Part) -> dict[str, Any]:
    match part:
        case Text(text):
            return {"type": "text", "text": text}
        case Image() | File():
            kind = "image" if isinstance(part, Image) else "file"
            data = None if part.data is None else _plain(part.data)
            return {"type": kind, **asdict(part), "data": data}


def _value(result: ToolResult) -> object:
    if result.value is None or not isinstance(result.content, str):
        return None if result.value is None else _content(result)
    if issubclass(type(result.value), str):
        return result.content
    try:
        return json.loads(result.content)
    except (ValueError, RecursionError):  # the text was cut: it is no JSON any more
        return result.content
