"""The turns that run in one runtime: one at a time for each key."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from everycall.core.errors import MessageError, UsageError
from everycall.core.text import one_line
from everycall.turn.nested import is_within

if TYPE_CHECKING:
    from everycall.turn.turn import Turn


class RunningTurns:
    """The turns of a runtime between their start and their end."""

    def __init__(self) -> None:
        self._turns: dict[Turn, None] = {}  # in the order of their start: what is stopped together is stopped in order
        self._by_key: dict[str, Turn] = {}

    def enter(self, turn: "Turn") -> None:
        """Note that *turn* starts.

        Raises:
            MessageError: another one of its key runs.
        """
        if turn.key is not None:
            if turn.key in self._by_key:
                raise MessageError(
                    f"a turn with key {one_line(turn.key, 100)!r} runs already, and a key names one turn at a time: "
                    "wait for it, or give this one a key of its own"
                )
            self._by_key[turn.key] = turn
        self._turns[turn] = None

    def same_as(self, turn: "Turn") -> "Turn | None":
        """Return the turn of the same key that runs the same message; None if no turn of that key runs.

        Raises:
            MessageError: it runs another message.
            UsageError: this code is a part of it, and would wait for itself.
        """
        other = self._by_key.get(turn.key) if turn.key is not None else None
        if other is not None and not _same_message(turn, other):
            raise MessageError(
                f"a turn with key {one_line(other.key or '', 100)!r} runs another message, and a key names one turn "
                "at a time: wait for it, or give this one a key of its own"
            )
        if other is not None and is_within(other.calls):
            raise UsageError(
                f"a tool of the turn with key {one_line(other.key or '', 100)!r} cannot run that turn again: it would "
                "wait for itself; give the inner turn a key of its own"
            )
        return other

    def leave(self, turn: "Turn") -> None:
        """Note that *turn* has ended."""
        self._turns.pop(turn, None)
        if turn.key is not None and self._by_key.get(turn.key) is turn:
            del self._by_key[turn.key]

    def __iter__(self) -> "Iterator[Turn]":
        return iter(self._turns)

    def __len__(self) -> int:
        return len(self._turns)


def _same_message(one: "Turn", other: "Turn") -> bool:
    """Return whether two turns have the same calls: ids as sent, names, arguments, in the same order."""
    facts = [[(call.sent_id, call.name, call.arguments) for call in turn.calls] for turn in (one, other)]
    return facts[0] == facts[1]
