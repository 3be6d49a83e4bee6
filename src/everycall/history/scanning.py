"""Opens a history: bounds it before anything is paid for, picks the dialect, reads it into items.

1. Whatever is wrong with the history as a whole is one `MessageError` with one sentence; nothing else gets out.
2. The bounds are generous: they stop what no provider would take.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from everycall.core.errors import MessageError
from everycall.core.history import Message
from everycall.core.ids import IdRule
from everycall.dialects import dialect_of
from everycall.history.detect import detect_history
from everycall.ports import Dialect, FullDialect, HistoryDialect

MAX_DEPTH = 64
"""Levels of lists and objects within one message; the same bound as for the arguments of a call (design, section 5)."""
MAX_CHARACTERS = 32 * 1024 * 1024
"""Characters of all texts of one history: the largest request that Anthropic takes is 32 MB, others take less."""
MAX_VALUES = 10_000_000
"""Lists, objects and texts of one history: a history can be small and yet refer to one part many times over."""

PARTS = ("name", "id_rule", "parse", "render", "RULES", "scan", "write")
"""What an object must have to be taken for a dialect here: the others of `FullDialect` no history needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """A history, read.

    Attributes:
        items: one per message, in order.
        dialect: what renders results and names the rule of ids.
        history: what scans and writes.
    """

    items: list[Message]
    dialect: Dialect
    history: HistoryDialect

    @property
    def id_rule(self) -> IdRule:
        """What the provider takes as the id of a call."""
        return self.dialect.id_rule


def scan_history(messages: object, dialect: str | FullDialect | None) -> Scanned:
    """Read *messages*.

    Args:
        messages: a list of messages (or items), as they would be sent.
        dialect: a dialect's name, or a dialect of the caller's own; None to tell it from the messages.

    Raises:
        MessageError: it is no history, or not one of this dialect.
        UsageError: there is no dialect of this name, or the object lacks a part.
    """
    history = require_history(messages)
    chosen = detect_history(history) if dialect is None else dialect
    spoken = dialect_of(chosen, *PARTS)
    reader = history_dialect(chosen) if isinstance(chosen, str) else chosen
    return Scanned(items=reader.scan(history), dialect=spoken, history=reader)


def history_dialect(name: str) -> HistoryDialect:
    """Return the module that scans and writes histories of the dialect *name*, which must be a known one."""
    return cast(HistoryDialect, importlib.import_module(f"everycall.dialects.{name.replace('-', '_')}.history"))


def require_history(messages: object) -> list[object]:
    """Return *messages* as a list of its own, once it is sure to be within the bounds.

    Raises:
        MessageError: it is not a list of messages, or it is too deep or too large.
    """
    if not isinstance(messages, list | tuple):
        raise MessageError(f"A history is a list of messages, not {_a(messages)}.{_cure(messages)}")
    budget = _Budget()
    for index, message in enumerate(messages):
        if message is None or isinstance(message, str | bytes | int | float | list | tuple | set):
            raise MessageError(f"Message {index} is {_a(message)}, not a message.")
        budget.take(index, message)
    return list(messages)


def _a(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


def _cure(messages: object) -> str:
    if isinstance(messages, Mapping):
        return " Pass the list that it holds, such as history['messages']." if "messages" in messages else ""
    return " Decode it first, such as with json.loads." if isinstance(messages, str | bytes) else ""


class _Budget:
    """Counts what a history holds, without recursion."""

    def __init__(self) -> None:
        self._characters = 0
        self._values = 0

    def take(self, index: int, message: object) -> None:
        """Count one message.

        Raises:
            MessageError: it is nested too deeply, or the history has become too large.
        """
        level = [message]
        depth = 0
        while level:
            if depth > MAX_DEPTH:
                raise MessageError(f"Message {index} is nested deeper than {MAX_DEPTH} levels.")
            below: list[object] = []
            for value in level:
                if isinstance(value, str):
                    self._characters += len(value)
                elif isinstance(value, dict):
                    below += value.values()
                elif isinstance(value, list | tuple):
                    below += value
                elif isinstance(value, bytes):
                    self._characters += len(value)
            self._values += len(below) + 1
            if self._values > MAX_VALUES or self._characters > MAX_CHARACTERS:
                raise MessageError(
                    f"The history is too large: by message {index} it holds more than {MAX_CHARACTERS // 1024**2} Mi "
                    f"characters or {MAX_VALUES:,} values; no provider takes that much."
                )
            level = below
            depth += 1
