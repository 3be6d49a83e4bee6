"""Looks into messages of any shape: their leaves, what changed in them, and single faults put into them.

1. Shapes are foreign: mappings, lists, dataclasses and SDK objects are all walked the same way, by their fields.
2. Nothing here changes what it looks at. All walks are bounded.
"""

import copy
import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from itertools import islice
from typing import Any, NamedTuple

Path = tuple[object, ...]
Leaves = list[tuple[Path, object]]
"""Every value that holds no other, with the way to it, in the order of the wire."""

MOST_VALUES = 100_000
"""Values that are looked at: a message may refer to itself."""
MOST_PLACES = 200
"""Places of one message into which faults are put."""

JUNK: tuple[object, ...] = (
    None,
    True,
    0,
    7,
    2.5,
    float("nan"),
    "",
    "text",
    b"bytes",
    (),
    (None,),
    {},
    {"": ""},
    {7: 7},
    [None],
    [[]],
    [7, "text"],
    [[[[[[[[]]]]]]]],
    set(),
    object(),
    object,
    len,
    range(3),
    ValueError("an exception"),
    {"error": {"type": "overloaded", "message": "Try again."}},
    {"role": None},
    {"role": 7, "content": "text"},
    {"role": "system", "content": "text"},
    {"role": "user", "content": "text"},
    {"role": "tool", "content": "text", "tool_call_id": "call_1"},
    {"messages": [{"role": "user", "content": "text"}]},
    [{"role": "user", "content": "text"}, {"role": "assistant", "content": "text"}],
    {"choices": 7},
    {"output": 7},
)
"""What is no assistant message in any dialect."""

HALF: tuple[object, ...] = ({"choices": []}, {"candidates": []}, {"message": {}})
"""Responses without a message: some dialect may know the shape, and none can read it."""

FAULTS: tuple[object, ...] = (None, "", " ", "text", 7, True, 0.5, [], {}, [7], ["text"], [None], [{}], {"text": 7})
"""What is put in the place of each value of a message. A place may be left out as well."""


class Place(NamedTuple):
    """A value somewhere in a message."""

    path: Path
    value: object


class _Nothing:
    def __repr__(self) -> str:
        return "nothing"


NOTHING = _Nothing()
"""Stands for a place that is left out."""

_PLAIN = (str, bytes, int, float, type(None), type, Enum)


def fields_of(value: object) -> list[tuple[object, object]]:
    """Return what *value* holds, by key or index; empty for a leaf."""
    if isinstance(value, _PLAIN):
        return []
    if isinstance(value, Mapping):
        return list(value.items())
    if isinstance(value, list | tuple):
        return list(enumerate(value))
    if callable(value):
        return []
    if dataclasses.is_dataclass(value):
        return [(one.name, getattr(value, one.name, None)) for one in dataclasses.fields(value)]
    named = dict(getattr(value, "__dict__", None) or {})
    named.update(getattr(value, "__pydantic_extra__", None) or {})  # what an SDK does not know, but keeps
    return list(named.items())


def leaves(value: object) -> Leaves:
    """Return the leaves of *value*. An empty list or mapping is one, too."""
    found: Leaves = []
    waiting: list[tuple[Path, object]] = [((), value)]
    for _ in range(MOST_VALUES):
        if not waiting:
            break
        path, one = waiting.pop()
        held = fields_of(one)
        if not held:
            found.append((path, one))
        waiting += [((*path, key), child) for key, child in reversed(held)]
    return found


def picture(value: object) -> list[tuple[Path, str, object]]:
    """Return *value* as something that can be compared later: what is changed in place shows."""
    return [(path, type(leaf).__name__, _comparable(leaf)) for path, leaf in leaves(value)]


def _comparable(leaf: object) -> object:
    return repr(leaf) if isinstance(leaf, str | bytes | int | float | None | list | tuple | dict) else None


def shown_path(path: Path) -> str:
    """Return *path* as it is written in Python, for a sentence."""
    return "".join(f"[{key!r}]" for key in path)


def texts(found: Leaves) -> Iterator[tuple[Path, str]]:
    """Return those leaves that are text."""
    return ((path, leaf) for path, leaf in found if isinstance(leaf, str))


def places_of(found: Leaves, marker: str) -> list[Path]:
    """Return the ways to the texts that contain *marker*."""
    return [path for path, text in texts(found) if marker in text]


def holds(found: Leaves, wanted: object) -> bool:
    """Return whether *wanted* itself is a leaf."""
    return any(type(leaf) is type(wanted) and leaf == wanted for _, leaf in found)


def below(found: Leaves, path: Path) -> Leaves:
    """Return the leaves at and below *path*."""
    return [(where, leaf) for where, leaf in found if where[: len(path)] == path]


def own_part(path: Path, others: Iterable[Path]) -> Path:
    """Return the way to the largest part that holds *path* and none of the *others*."""
    shared = [sum(1 for _ in _common(path, other)) for other in others]
    return path[: max(shared) + 1] if shared else ()


def _common(one: Path, other: Path) -> Iterator[object]:
    for a, b in zip(one, other, strict=False):
        if a != b:
            return
        yield a


def faulty(message: object, ids: Iterable[str]) -> Iterator[tuple[Place, object, object]]:
    """Return *message* with one fault in it, again and again: the place, what stands there, the whole.

    Every value is replaced by each of `FAULTS`, and by each of *ids* where it is a text; and it is left out. Only what
    is made of dicts and lists is taken apart: an SDK's own objects check themselves.
    """
    known = tuple(ids)
    for place in islice(_places(message), MOST_PLACES):
        for fault in (*FAULTS, *(known if isinstance(place.value, str) else ())):
            yield place, fault, _with(message, place.path, [copy.deepcopy(fault)])
        yield place, NOTHING, _with(message, place.path, [])


def _places(message: object) -> Iterator[Place]:
    waiting: list[tuple[Path, object]] = [((), message)]
    for path, one in waiting:
        if path:
            yield Place(path, one)
        held = list(one.items()) if type(one) is dict else list(enumerate(one)) if type(one) is list else []
        waiting += [((*path, key), child) for key, child in held]


def _with(value: Any, path: Path, new: list[object]) -> Any:
    """Return a copy of *value* in which *new*, one value or none, stands at *path*."""
    key: Any = path[0]
    placed = [_with(value[key], path[1:], new)] if path[1:] else new
    if isinstance(value, list):
        return [*value[:key], *placed, *value[key + 1 :]]
    if placed:
        return {**value, key: placed[0]}
    return {name: child for name, child in value.items() if name != key}
