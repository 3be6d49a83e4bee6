"""Looks into messages of any shape: their leaves, what changed in them, and single faults put into them.

1. Shapes are foreign: mappings, lists, dataclasses and SDK objects are all walked the same way, by their fields.
2. Nothing here changes what it looks at. All walks are bounded.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from typing import Any

Path = tuple[object, ...]
Leaves = list[tuple[Path, object]]
"""Every value that holds no other, with the way to it, in the order of the wire."""

MOST_LEAVES = 100_000
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
    {"choices": []},
    {"choices": 7},
    {"candidates": []},
    {"output": 7},
)
"""What is no assistant message in any dialect."""

FAULTS: tuple[object, ...] = (None, "", " ", "text", 7, True, 0.5, [], {}, [7], ["text"], [None], [{}], {"text": 7})
"""What is put in the place of each value of a message. A place may be removed as well."""


def fields_of(value: object) -> list[tuple[object, object]]:
    """Return what *value* holds, by key or index; empty for a leaf."""
    if isinstance(value, Mapping):
        return list(value.items())
    if isinstance(value, list | tuple):
        return list(enumerate(value))
    if isinstance(value, type | Enum) or callable(value):
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
    while waiting and len(found) < MOST_LEAVES:
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


def faulty(message: object, ids: Iterable[str]) -> Iterator[tuple[str, object]]:
    """Return *message* with one fault in it, again and again; each with the words that say where.

    Every value is replaced by each of `FAULTS`, and by each of *ids* where it is a text; and it is left out. Only what
    is made of dicts and lists is taken apart: an SDK's own objects check themselves.
    """
    for path, value in list(_places(message))[:MOST_PLACES]:
        where = "".join(f"[{key!r}]" for key in path)
        for fault in (*FAULTS, *(ids if isinstance(value, str) else ())):
            yield f"the message with {fault!r} at {where}", _with(message, path, lambda _, new=fault: [new])
        yield f"the message without {where}", _with(message, path, lambda _: [])


def _places(message: object) -> Iterator[tuple[Path, object]]:
    waiting: list[tuple[Path, object]] = [((), message)]
    while waiting:
        path, one = waiting.pop(0)
        held = list(one.items()) if type(one) is dict else list(enumerate(one)) if type(one) is list else []
        if path:
            yield path, one
        waiting += [((*path, key), child) for key, child in held]


def _with(value: Any, path: Path, change: Callable[[Any], list[object]]) -> Any:
    """Return a copy of *value* in which what is at *path* is replaced by what *change* gives: one value, or none."""
    key, rest = path[0], path[1:]
    if not rest:
        new = change(value[key])
    else:
        new = [_with(value[key], rest, change)]
    if isinstance(value, dict):
        changed = {name: child for name, child in value.items() if name != key}
        # in the old place: the order of a dict is part of the wire
        return {name: (new[0] if name == key else value[name]) for name in value if name != key or new} or changed
    return [*value[:key], *new, *value[key + 1 :]]
