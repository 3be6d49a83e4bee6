"""The default log: structlog over the stdlib logger `everycall`. The only module that imports structlog.

Anomalies are warnings, an exception that a tool did not mean to raise is an error with its traceback (without locals),
the rest is debug. It never writes to stdout, and never touches structlog's configuration.
"""

import logging
from collections.abc import Callable

import structlog

from everycall.core.events import AttemptFailed, Event
from everycall.core.text import clean, one_line

MAX_FIELD = 2000
"""Characters of one text field in a log line."""

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
    shown = {key: one_line(value, MAX_FIELD) if isinstance(value, str) else value for key, value in fields.items()}
    level = _LEVELS[event.level]
    if isinstance(event, AttemptFailed):
        level = logging.DEBUG if event.expected else logging.ERROR
        shown["error"] = one_line(f"{event.error.type}: {event.error.message}", MAX_FIELD) if event.error else None
    write: Callable[..., object] = _logger.log
    write(level, name, **shown)
    if isinstance(event, AttemptFailed) and not event.expected and event.error is not None:
        # Indented, so that no line of a tool's own text can pass for a record of its own.
        lines = [f"  | {one}" for one in clean(event.error.traceback).splitlines()]
        logging.getLogger("everycall").error("traceback of %s:\n%s", shown["tool_name"], "\n".join(lines))
