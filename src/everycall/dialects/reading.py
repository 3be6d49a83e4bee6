"""Defensive reading of what a provider sent: dicts and SDK objects alike.

1. A field that is absent, or that belongs to something that has no fields, is None. Nothing raises for a wrong shape.
2. Nothing that came in is changed: `changed` gives a copy of the same kind.
3. No SDK is imported: an object is known by its fields.
"""

import copy
import dataclasses
from collections.abc import Mapping
from enum import Enum
from typing import Any

from everycall.core.calls import ToolCall
from everycall.core.text import one_line, type_name

STAND_IN = "unreadable_call"
"""The name that is sent back for a call that names no tool: providers require one."""

UNSET = frozenset({"Unset", "NotGiven", "Omit"})
"""Classes by which SDKs mark a field that was never set: those of mistralai, openai and anthropic."""

_NO_FIELDS = (str, bytes, bytearray, int, float, complex, list, tuple, set, frozenset, type(None), type)


def read(source: object, name: str) -> Any:
    """Return the field *name* of a mapping or an object; None if there is no such field."""
    if isinstance(source, dict):
        return source.get(name)
    if isinstance(source, _NO_FIELDS):
        return None
    if isinstance(source, Mapping):
        return source.get(name)
    value = getattr(source, name, None)
    return None if type(value).__name__ in UNSET else value


def has(source: object, name: str) -> bool:
    """Return whether *source* has a field *name*, be it null."""
    if isinstance(source, dict):
        return name in source
    if isinstance(source, _NO_FIELDS):
        return False
    return name in source if isinstance(source, Mapping) else hasattr(source, name)


def has_fields(source: object) -> bool:
    """Return whether *source* is a mapping or an object, rather than a text, a number or a list."""
    return isinstance(source, dict) or not isinstance(source, _NO_FIELDS)


def is_list(source: object) -> bool:
    """Return whether *source* is a list or a tuple."""
    return isinstance(source, list | tuple)


def read_list(source: object, name: str) -> list[Any]:
    """Return the field *name* as a list; empty if it is absent or anything else."""
    value = read(source, name)
    return list(value) if is_list(value) else []


def word(value: object) -> str | None:
    """Return a text or an enumeration's text; None for anything else."""
    if isinstance(value, Enum):
        value = value.value
    return value if isinstance(value, str) else None


def changed(source: Any, name: str, value: object) -> Any:
    """Return a shallow copy of *source*, of the same kind, with one field replaced."""
    if isinstance(source, Mapping):
        return {**source, name: value}
    if callable(getattr(source, "model_copy", None)):  # every SDK named here but botocore's is built on pydantic
        return source.model_copy(update={name: value})
    if dataclasses.is_dataclass(source) and not isinstance(source, type):
        return dataclasses.replace(source, **{name: value})
    try:
        clone = copy.copy(source)
        setattr(clone, name, value)
    except Exception:  # noqa: BLE001 -- a foreign object that cannot be copied or changed: its fields are what counts
        return {**plain(source), name: value}
    return clone


def without(source: Any, name: str) -> Any:
    """Return *source* without the field *name*; itself if the field is absent or null."""
    if read(source, name) is None:
        return source
    if isinstance(source, Mapping):
        return {key: value for key, value in source.items() if key != name}
    return changed(source, name, None)


def plain(source: Any) -> dict[str, Any]:
    """Return *source* as a dict of JSON values, without the fields that the provider did not send."""
    if isinstance(source, Mapping):
        return dict(source)
    if callable(getattr(source, "model_dump", None)):
        return dict(source.model_dump(mode="json", by_alias=True, exclude_unset=True, warnings=False))
    if dataclasses.is_dataclass(source) and not isinstance(source, type):
        return {one.name: getattr(source, one.name, None) for one in dataclasses.fields(source)}
    return dict(getattr(source, "__dict__", {}))  # an object with slots alone has nothing that could be sent back


def kind_of(value: object) -> str:
    """Return what *value* is, in a few words for an error message. Never what it holds."""
    if value is None:
        return "None"
    if isinstance(value, Mapping):
        keys = [key if isinstance(key, str) else type_name(key) for key in list(value)[:6]]
        shown = ", ".join([f"'{one_line(key, 40)}'" for key in keys])
        return f"a dict with the keys {shown}" if keys else "an empty dict"
    if is_list(value):
        return f"a list of {len(value)}"  # type: ignore[arg-type]
    name = type_name(value, qualified=True)
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def read_call(
    position: int,
    *,
    sent_id: object,
    name: object,
    arguments: object,
    kind: str = "function",
    may_stay_open: bool = False,
) -> ToolCall:
    """Build a call from what its entry holds, whatever the types: what does not fit becomes a `defect`.

    Args:
        position: index among the calls of the message.
        sent_id: the id as sent; kept if it is text.
        name: the tool's name as sent; must be text that is not empty.
        arguments: text, a mapping or None; anything else is a defect.
        kind: the dialect's own word for the kind of call.
        may_stay_open: the provider accepts the history without an answer to this call.
    """
    defect = None
    known = _exact(name)
    if not known:
        known, defect = "", unreadable("it names no tool")
    if isinstance(arguments, str):
        arguments = _exact(arguments)
    elif not isinstance(arguments, Mapping | None):
        defect = defect or unreadable(f"its arguments are {kind_of(arguments)}, not a JSON object")
        arguments = None
    return ToolCall(
        position=position,
        sent_id=_exact(sent_id),
        name=known,
        arguments=arguments,
        kind=kind,
        defect=defect,
        may_stay_open=may_stay_open,
    )


def unreadable_call(position: int, entry: object, *, sent_id: object = None, kind: str = "function") -> ToolCall:
    """Build the call that stands for an entry in which nothing can be read."""
    return ToolCall(
        position=position,
        sent_id=_exact(sent_id),
        name="",
        arguments=None,
        kind=kind,
        defect=unreadable(f"its entry is {kind_of(entry)}, not a call"),
    )


def _exact(text: object) -> str | None:
    """Return *text* as an exact `str`: a subclass may hash, compare or measure itself as it likes. None for no text."""
    return str.__str__(text) if isinstance(text, str) else None


def unreadable(reason: str) -> str:
    """Return the sentence that a model reads for an entry that cannot be read."""
    return f"This call cannot be read: {reason}."
