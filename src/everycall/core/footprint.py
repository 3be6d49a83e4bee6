"""What a call touches, and which calls may therefore not run side by side. Pure.

1. A key is a path: `file:a` covers `file:a/b`. It is read as a scheme (before the first colon) and segments (between
   slashes); empty segments and `.` mean nothing, `..` takes one back, so `file:a/../b` and `file:b` are one key.
2. Two calls conflict when one writes what the other reads or writes, or when one of them is exclusive.
3. What cannot be known is taken for more, never for less: too many keys, or a key too long or too deep, cover
   everything they might. A needless wait costs time; a missed conflict costs data.
"""

from collections.abc import Iterable
from typing import NamedTuple

Key = tuple[str, ...]
"""A scheme and segments; a key covers every key that begins with it, so `()` covers all."""

MAX_KEYS = 1000
"""Keys of one call, above which it counts as touching everything."""
MAX_KEY = 4096
"""Characters of one key that are read; a longer one covers all that begins like it."""
MAX_SEGMENTS = 32
"""Segments of one key; a deeper one covers all below its first ones. An order pays for each segment, also in memory."""


class Footprint(NamedTuple):
    """What one call touches.

    Attributes:
        reads: keys it looks at.
        writes: keys it changes.
        exclusive: it runs alone: nothing that came before or comes after it may run beside it.
        across_turns: its keys count across the turns of a runtime.
    """

    reads: tuple[Key, ...] = ()
    writes: tuple[Key, ...] = ()
    exclusive: bool = False
    across_turns: bool = False


def key_of(text: str) -> Key:
    """Return *text* as a key.

    `..` that leads out of the scheme (`file:../x`) gives the key of the whole scheme: where it leads is not known here.
    Of more than `MAX_SEGMENTS` segments the first are kept, once every `..` has taken its one back.

    Example:
        >>> key_of("file:/srv/./notes/../a.txt")
        ('file', 'srv', 'a.txt')
        >>> key_of("file:../secret")
        ('file',)
    """
    if len(text) > MAX_KEY:
        text = text[:MAX_KEY].rpartition("/")[0] or text[:MAX_KEY].partition(":")[0] + ":"
    scheme, colon, path = text.partition(":")
    if not colon:
        scheme, path = "", text
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if not segments:
                return (scheme,)
            segments.pop()
        elif segment not in ("", "."):
            segments.append(segment)
    return (scheme, *segments[:MAX_SEGMENTS])


def keys_of(texts: Iterable[str]) -> tuple[Key, ...]:
    """Return the keys of *texts*, each once, in order; too many become the one that covers all."""
    keys: dict[Key, None] = {}
    for text in texts:
        keys[key_of(text)] = None
        if len(keys) > MAX_KEYS:
            return ((),)
    return tuple(keys)


def conflict(one: Footprint | None, other: Footprint | None) -> bool:
    """Return whether two calls may not run side by side. None is the footprint of a call that says nothing."""
    if (one is not None and one.exclusive) or (other is not None and other.exclusive):
        return True
    if one is None or other is None:
        return False
    return _meet(one.writes, other.writes) or _meet(one.writes, other.reads) or _meet(one.reads, other.writes)


def covers(outer: Key, inner: Key) -> bool:
    """Return whether *outer* is *inner* or one of its ancestors."""
    return inner[: len(outer)] == outer


def _meet(some: tuple[Key, ...], others: tuple[Key, ...]) -> bool:
    return any(covers(a, b) or covers(b, a) for a in some for b in others)
