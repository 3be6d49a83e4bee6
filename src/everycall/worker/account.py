"""What a worker tells of how a call ended: facts as JSON, decided where value and exception are at hand."""

import base64
import json
import math
import sys
from collections.abc import Sequence
from typing import Any, get_args

from everycall.core.content import Content, Part, Text
from everycall.core.errors import Effect, ToolError
from everycall.core.failures import cause_of, failure_of, message_for_model
from everycall.core.transient import is_transient, retry_after
from everycall.executors.process.channel import MAX_FRAME
from everycall.turn.encode import CannotEncode, encode_value
from everycall.turn.parts import is_part
from everycall.turn.sink import HARD_CAP

_ROOM = 4096  # bytes of a frame beside the value


def of_value(call: int | None, value: object, *, spent: bool) -> str:
    """Return the JSON that tells a value: encoded here by the rules of results, up to the hard cap."""
    try:
        content, notes = encode_value(value, HARD_CAP)
        text = _told(value, content)
        size = len(text.encode())
    except CannotEncode as refusal:
        return json.dumps({"call": call, "end": "unsendable", "message": str(refusal), "spent": spent})
    if size > MAX_FRAME - _ROOM:
        refused = CannotEncode(f"it is larger than {MAX_FRAME >> 20} MiB on its way out of its process. Return less")
        return json.dumps({"call": call, "end": "unsendable", "message": str(refused), "spent": spent})
    head = json.dumps({"call": call, "end": "value", "notes": list(notes), "spent": spent})
    return f"{head[:-1]}, {text}}}"


def _told(value: object, content: Content) -> str:
    """Return the field that holds the value. Text that `encode_value` made of anything but text is JSON already."""
    if not isinstance(content, str):
        single = json.dumps(is_part(value))
        return f'"single": {single}, "parts": {json.dumps([_part(one) for one in content])}'
    if issubclass(type(value), str) or is_part(value) or (type(value) in (list, tuple) and not content):
        return f'"text": {json.dumps(content, ensure_ascii=False)}'
    return f'"json": {content}'


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"part": "text", "text": part.text}
    data = None if part.data is None else base64.b64encode(part.data).decode()
    told = {"part": "image", "data": data, "url": part.url, "media_type": part.media_type}
    name = getattr(part, "name", None)
    return told if name is None else {**told, "part": "file", "name": name}


def of_error(
    error: BaseException, retry_on: Sequence[Sequence[str]], *, effect: Effect | None = None, spent: bool
) -> dict[str, Any]:
    """Return what is told of an exception.

    Args:
        error: what the tool raised.
        retry_on: module and qualified name of the types that are transient beside the known ones.
        effect: what changed, if that is known; else what a `ToolError` says.
        spent: the worker shall not be used again.
    """
    cause = cause_of(error)
    on_purpose = issubclass(type(cause), ToolError)
    failure = failure_of(error, traceback=not on_purpose)
    transient = is_transient(error, _types(retry_on))
    if on_purpose and effect is None:
        effect = _declared(cause)
    return {
        "end": "raise",
        "type": failure.type,
        "message": failure.message,
        "traceback": failure.traceback,
        "line": message_for_model(error),
        "on_purpose": on_purpose,
        "transient": transient,
        "effect": effect,
        "retry_after": _seconds(retry_after(error)) if transient else None,
        "spent": spent or issubclass(type(cause), MemoryError),
    }


def _declared(error: BaseException) -> Effect | None:
    try:
        effect = error.effect  # type: ignore[attr-defined]
    except BaseException:  # noqa: BLE001 -- a property of a subclass, foreign code
        return None
    return effect if type(effect) is str and effect in get_args(Effect) else None  # type: ignore[return-value]


def _seconds(wait: object) -> float | None:
    return float(wait) if type(wait) in (int, float) and math.isfinite(wait) else None  # type: ignore[arg-type]


def _types(names: Sequence[Sequence[str]]) -> tuple[type[Exception], ...]:
    """Return the types of *names* that this process has: one that was raised here was imported here."""
    found: list[type[Exception]] = []
    for module, qualname in names:
        one: object = sys.modules.get(module)
        for part in qualname.split("."):
            one = getattr(one, part, None)
        if isinstance(one, type) and issubclass(one, Exception):
            found.append(one)
    return tuple(found)
