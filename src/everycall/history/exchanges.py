"""Cuts a history where it may be cut: never between a call and its result."""

from collections.abc import Sequence

from everycall.core.errors import UsageError
from everycall.core.history import Message, Result
from everycall.core.policy import require_count
from everycall.history.pairing import pair
from everycall.history.scanning import Scanned, scan_history
from everycall.ports import FullDialect


def exchanges(messages: object, dialect: str | FullDialect | None = None) -> list[list[object]]:
    """Return the groups of messages that belong together: a message with calls, and all results that answer it.

    Args:
        messages: a list of messages or items.
        dialect: the provider's dialect by name, or one of your own; None to tell it from the messages.

    Returns:
        The groups, in order. Each message is in exactly one: one after the other they are the history again. A message
        without calls is a group of its own. Reasoning items are in the group of the item that they precede. Whatever
        stands between a call and its result is in their group.

    Raises:
        MessageError: *messages* cannot be read as a history.
        UsageError: there is no such dialect.
    """
    scanned = scan_history(messages, dialect)
    return [[item.source for item in scanned.items[start:end]] for start, end in _spans(scanned)]


def trim(messages: object, *, keep: int, dialect: str | FullDialect | None = None) -> list[object]:
    """Return the end of a history, cut between exchanges.

    Args:
        messages: a list of messages or items; it is not changed.
        keep: messages to keep at most, beside the system messages at the beginning, which always stay. One exchange is
            never split: if the last one alone is longer, it stays whole.
        dialect: the provider's dialect by name, or one of your own; None to tell it from the messages.

    Returns:
        A new list of the same objects. It begins (behind the system messages) with a message of the user if there is
        one: several providers refuse anything else. If none is near enough, the last one before the kept part is kept.

    Raises:
        MessageError: *messages* cannot be read as a history.
        UsageError: *keep* is not a whole number of at least 1, or there is no such dialect.
    """
    limit = require_count("keep", keep)
    if limit is None:
        raise UsageError("keep must be a whole number of at least 1")
    scanned = scan_history(messages, dialect)
    items = scanned.items
    head = next((index for index, item in enumerate(items) if item.role != "system"), len(items))
    if len(items) - head <= limit:
        return [item.source for item in items]
    starts = [begin for begin, _ in _spans(scanned) if begin >= head]
    start = _start(starts, len(items), limit)
    opening = [] if _is_user(items[start]) else _last_user(items, head, start)
    if opening:
        start = _start(starts, len(items), max(1, limit - 1))
        opening = [] if _is_user(items[start]) else _last_user(items, head, start)
    return [items[position].source for position in [*range(head), *opening, *range(start, len(items))]]


def _start(starts: Sequence[int], length: int, limit: int) -> int:
    """Return where the kept part begins: as many whole groups from the end as *limit* allows, at least one."""
    return next((begin for begin in starts if length - begin <= limit), starts[-1])


def _last_user(items: Sequence[Message], head: int, start: int) -> list[int]:
    """Return the position of the user's last word ahead of *start*; empty if there is none."""
    return next(([position] for position in range(start - 1, head - 1, -1) if _is_user(items[position])), [])


def _is_user(item: Message) -> bool:
    """Whether a message is the user's own word, and no carrier of results."""
    return item.role == "user" and not any(isinstance(part, Result) for part in item.body)


def _spans(scanned: Scanned) -> list[tuple[int, int]]:
    """Return the groups as ranges of positions, in order."""
    reach = list(range(len(scanned.items)))  # last position that must be in the group that begins here, or before it
    for turn in pair(scanned.items, scanned.history.RULES).turns:
        places = [slot.answer.position for slot in turn.slots if slot.answer is not None]
        first, last = min([turn.first, *places]), max([turn.last, *places])
        reach[first] = max(reach[first], last)
    for position, item in enumerate(scanned.items[:-1]):
        if item.role == "companion":
            reach[position] = max(reach[position], position + 1)
    spans = []
    start = end = 0
    for position, last in enumerate(reach):
        if position > end:
            spans.append((start, position))
            start = end = position
        end = max(end, last)
    return [*spans, (start, len(reach))] if reach else []
