"""The short way: values so plain that compiled code may write them in one call.

Plain means: exact `dict` (with exact `str` keys), `list`, `tuple`, `str`, `bool`, `None`, `int` of 64 bits and finite
`float`. Such values hold no foreign code and need no rule of the walk; what is looked at here is bounded all the same.
"""

from typing import Any

from pydantic_core import PydanticSerializationError, to_json


def simple_json(value: Any, *, levels: int, nodes: int, room: int) -> bytes | None:
    """Return the JSON text of a plain value as UTF-8; None if it is not plain, or over a bound.

    Args:
        value: anything.
        levels: arrays and objects that may lie within each other.
        nodes: values that are looked at.
        room: bytes of the text.
    """
    box = value if type(value) in (dict, list, tuple) else (value,)
    if not _is_simple(box, levels, nodes, room):
        return None
    try:
        data = to_json(value)
    except PydanticSerializationError:  # a lone surrogate
        return None
    return data if len(data) <= room else None


def _is_simple(value: Any, levels: int, nodes: int, room: int) -> bool:  # noqa: C901 -- unrolled: every call pays for it
    """Whether *value*, a container, is plain. *room* is held against the characters: bytes are never fewer."""
    level = [value]
    while level:
        if not levels:
            return False
        levels -= 1
        below: list[Any] = []
        for box in level:
            nodes -= len(box)
            if nodes < 0:
                return False
            items = box
            if type(box) is dict:
                items = box.values()
                for key in box:
                    if type(key) is not str:
                        return False
                    room -= len(key)
            for item in items:
                kind = type(item)
                if kind is str:
                    room -= len(item)
                elif kind is dict or kind is list or kind is tuple:
                    below.append(item)
                elif not (
                    (kind is int and -0x8000_0000_0000_0000 <= item < 0x8000_0000_0000_0000)
                    or kind is bool
                    or item is None
                    or (kind is float and item - item == 0.0)  # finite
                ):
                    return False
        level = below
    return room >= 0
