"""Which message of a request is which reply of this server. Pure.

1. A message is the reply with which it shares the id of a call. A reply whose calls have no ids (its client had to make
   some) is known by the names of its calls.
2. Matched from the end, in the order of the replies: clients forget the oldest messages first, and an id that was used
   again is its latest reply's.
3. A message that no reply is known by was made elsewhere.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Message = Mapping[str, Any]
Calls = Sequence[tuple[str | None, str]]
"""Id and name of every call of a message."""


def replies_among(
    messages: Sequence[Message], replies: Sequence[Message], calls_of: Callable[[Message], Calls]
) -> Iterator[tuple[int, Message]]:
    """Yield the index of every message that is a reply of this server, and the reply as it was sent; latest first.

    Args:
        messages: the messages of the request, of the right shape.
        replies: the assistant messages that this server has sent, in order.
        calls_of: reads the calls of a message; empty for one without.
    """
    left = [calls_of(reply) for reply in replies]
    for index, message in reversed(list(enumerate(messages))):
        calls = calls_of(message)
        found = _latest(left, calls) if calls else None
        if found is not None:
            del left[found:]
            yield index, replies[found]


def _latest(left: Sequence[Calls], calls: Calls) -> int | None:
    """Return the place of the reply that *calls* are of: the one that shares an id, else one that has none."""
    latest_first = range(len(left) - 1, -1, -1)
    for place in latest_first:
        if _ids(calls) & _ids(left[place]):
            return place
    return next(
        (place for place in latest_first if _names(left[place]) == _names(calls) and not _ids(left[place])), None
    )


def _ids(calls: Calls) -> set[str]:
    return {call_id for call_id, _ in calls if call_id}


def _names(calls: Calls) -> list[str]:
    return [name for _, name in calls]
