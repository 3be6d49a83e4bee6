"""The default log: structlog over the stdlib logger `everycall`. The only module that imports structlog.

Anomalies are warnings, an exception that a tool did not mean to raise is an error with its traceback (without locals),
the rest is debug. It never writes to stdout, and never touches structlog's configuration. A record has at most 8 KiB.
"""

import logging
from collections.abc import Callable

import structlog

from everycall.core.events import AttemptFailed, CallEvent, Event
from everycall.core.text import clean, one_line, utf8_size

MAX_FIELD = 2000
"""Characters of one text field in a log line."""
MAX_RECORD = 8 << 10
"""Bytes of one record (research: bounds, D.2, log event)."""
_SHORT_FIELD = 200
"""Characters of one text field where the fields together would be too long: eight fit, whatever the script."""
_ROOM_FOR_NAMES = 1 << 10
"""Bytes of a record that are not the texts of its fields."""

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

_logger = structlog.wrap_logger(
    logging.getLogger("everycall"),
    processors=[
        structlog.stdlib.filter_by_level,
        structlog.processors.KeyValueRenderer(key_order=["event"], sort_keys=True),
    ],
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)


def log(event: Event) -> None:
    """Write *event* to the logger `everycall`."""
    fields = event.to_dict()
    name = str(fields.pop("event"))
    error = getattr(event, "error", None)
    if "error" in fields:
        fields["error"] = f"{error.type}: {error.message}" if error is not None else None
    level = _LEVELS[event.level]
    if isinstance(event, AttemptFailed) and event.expected:
        level, error = logging.DEBUG, None
    write: Callable[..., object] = _logger.log
    write(level, name, **_bounded(fields))
    if error is not None and error.traceback:
        # Indented, so that no line of a tool's own text can pass for a record of its own.
        lines = [f"  | {one}" for one in clean(error.traceback).splitlines()]
        of = event.tool_name if isinstance(event, CallEvent) else fields.get("where", "")
        logging.getLogger("everycall").log(
            level, "traceback of %s:\n%s", one_line(str(of), _SHORT_FIELD), _end_of(lines)
        )


def _bounded(fields: dict[str, object]) -> dict[str, object]:
    """Return *fields* with each text in one line, cut so that the whole record stays within its bound."""
    for longest in (MAX_FIELD, _SHORT_FIELD):
        shown = {key: one_line(value, longest) if isinstance(value, str) else value for key, value in fields.items()}
        if sum(utf8_size(repr(value)) for value in shown.values()) <= MAX_RECORD - _ROOM_FOR_NAMES:
            break
    return shown


def _end_of(lines: list[str]) -> str:
    """Return the last of *lines* that fit into one record: the end of a traceback tells most."""
    room = MAX_RECORD - _ROOM_FOR_NAMES
    kept: list[str] = []
    for line in reversed(lines):
        room -= utf8_size(line) + 1
        if room < 0:
            kept.append("  | [...]")
            break
        kept.append(line)
    return "\n".join(reversed(kept))
