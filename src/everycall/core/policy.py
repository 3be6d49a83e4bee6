"""Frozen policy values: how often, how long, how much. They decide nothing and hold no state."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

from everycall.core.errors import UsageError

DEFAULT_TIMEOUT = 30.0
"""Seconds of one attempt, unless the tool or the registry says otherwise (design, section 2)."""
DEFAULT_CALL_TIMEOUT = 120.0
"""Seconds of a whole call with its attempts and back-off; never less than the timeout of one attempt."""
DEFAULT_RESULT_BYTES = 256 * 1024
"""Bytes of one result that reach the model, unless the tool says otherwise (research: bounds, D.2)."""


def require_seconds(name: str, value: object, *, none_ok: bool = True) -> float | None:
    """Return *value* as seconds.

    Raises:
        UsageError: it is not a finite number above zero (or None, where that is allowed).
    """
    if value is None and none_ok:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(f"{name} must be seconds (a number above 0){' or None' if none_ok else ''}, not {value!r}")
    try:
        seconds = float(value)
    except OverflowError:  # a whole number that is larger than any float, and may be too long to be shown
        seconds = value = math.inf
    if not math.isfinite(seconds) or seconds <= 0:
        cure = "; write None for no limit" if none_ok else ""
        raise UsageError(f"{name} must be a finite number of seconds above 0, not {value!r}{cure}")
    return seconds


def require_count(name: str, value: object, *, none_ok: bool = False, least: int = 1) -> int | None:
    """Return *value* as a whole number that is at least *least*.

    Raises:
        UsageError: it is anything else.
    """
    if value is None and none_ok:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        kind = f"a whole number of at least {least}{' or None' if none_ok else ''}"
        raise UsageError(f"{name} must be {kind}, not {value!r}")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """When a failed attempt is followed by another: the cause must be transient, and repeating it safe.

    Attributes:
        attempts: attempts in all, the first included.
        initial: seconds before the second attempt; doubled from one attempt to the next.
        maximum: longest back-off in seconds.
        jitter: draw each back-off evenly between 0 and its computed value ("full jitter").
        on: exception types that count as transient beside the known ones. They never make repeating safe.
        declared_only: retry only errors that say `effect="none"`; for tools that are not safe to repeat.

    Raises:
        UsageError: a value is out of its range.
    """

    attempts: int = 3
    initial: float = 0.5
    maximum: float = 30.0
    jitter: bool = True
    on: tuple[type[Exception], ...] = ()
    declared_only: bool = False

    def __post_init__(self) -> None:
        require_count("Retry.attempts", self.attempts)
        require_seconds("Retry.initial", self.initial, none_ok=False)
        require_seconds("Retry.maximum", self.maximum, none_ok=False)
        if not isinstance(self.jitter, bool) or not isinstance(self.declared_only, bool):
            raise UsageError("Retry.jitter and Retry.declared_only must be True or False")
        kinds = (self.on,) if isinstance(self.on, type) else self.on
        if not isinstance(kinds, tuple | list) or not all(
            isinstance(k, type) and issubclass(k, Exception) for k in kinds
        ):
            raise UsageError(f"Retry.on must be exception types, such as (ConnectionError,), not {self.on!r}")
        object.__setattr__(self, "on", tuple(kinds))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How often a tool may be started: a bucket of *burst* starts, refilled evenly by *calls* per *period*.

    Every attempt takes one, because the service behind a tool counts requests. After a pause as many as *burst* start
    at once, so a period may see up to *burst* more than *calls*: say `burst=1` to space them evenly.

    Attributes:
        calls: starts per period.
        period: seconds.
        burst: starts that may be saved up; *calls* if None.

    Raises:
        UsageError: a value is out of its range.
    """

    calls: int
    period: float
    burst: int | None = None

    def __post_init__(self) -> None:
        require_count("Rate.calls", self.calls)
        require_seconds("Rate.period", self.period, none_ok=False)
        require_count("Rate.burst", self.burst, none_ok=True)


def _limit(default: float | None, check: Callable[..., Any], *, scope: str, **checks: Any) -> Any:
    return field(default=default, metadata={"check": check, "checks": checks, "scope": scope})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much may happen at once, and how long is waited. What is over a limit is answered, never raised.

    Attributes:
        calls: calls of one turn that are run; the rest is answered `rejected/limit`. Per turn.
        argument_bytes: bytes of one call's arguments. Per turn.
        turn_argument_bytes: bytes of the arguments of all calls of one turn; a call whose arguments do not fit into
            what the calls before it have left is answered `rejected/limit`. Per turn.
        turn_result_bytes: bytes of text of all results of one turn that reach the model. Each call is sure of an equal
            share, and of 512 bytes; what others leave over it may use too. Per turn.
        queue_timeout: seconds that a call waits for a free place before it is `rejected/queue_timeout`. Per turn.
        cancel_grace: seconds that a stopped attempt of a tool that is safe to repeat has to end. Per turn.
        unsafe_cancel_grace: the same for a tool that is not safe to repeat: its real result is worth a longer wait. Per
            turn.
        concurrency: attempts of one turn that run at the same time; None for no limit. Per turn.
        approval_timeout: seconds that an approver has for one call before that call is denied; None for no bound. Per
            turn.
        runtime_concurrency: attempts of all turns that run at the same time; None for no limit. Per runtime.
        threads: threads for sync tools. Per runtime.
        processes: worker processes that run a tool at the same time; None for as many as there are processors. Per
            runtime.
        linger: seconds that an abandoned attempt may go on before it is stopped by force. Per runtime.
        abandoned: abandoned attempts that still run, above which no new call starts. Per runtime.
        abandoned_per_tool: the same for one tool. Per runtime.
        depth: turns within turns, run by tools that run tools; calls of a deeper one are `rejected/limit`. Per turn.
        failed_retries: retries of one tool that may fail, over all turns, before it is tried once only; one is forgiven
            each second, and each that leads to a success. None for no bound. Per runtime.
        loop_blocked: seconds that a tool may hold up the event loop before it is named in the log; None for no watch.
            Per runtime.

    Raises:
        UsageError: a value is out of its range.
    """

    calls: int = _limit(10_000, require_count, scope="turn")
    argument_bytes: int = _limit(1 << 20, require_count, scope="turn")
    turn_argument_bytes: int = _limit(8 << 20, require_count, scope="turn")
    turn_result_bytes: int = _limit(2 << 20, require_count, scope="turn")
    queue_timeout: float | None = _limit(30.0, require_seconds, scope="turn")
    cancel_grace: float = _limit(1.0, require_seconds, scope="turn", none_ok=False)
    unsafe_cancel_grace: float = _limit(5.0, require_seconds, scope="turn", none_ok=False)
    concurrency: int | None = _limit(None, require_count, scope="turn", none_ok=True)
    approval_timeout: float | None = _limit(300.0, require_seconds, scope="turn")
    depth: int = _limit(8, require_count, scope="turn")
    runtime_concurrency: int | None = _limit(None, require_count, scope="runtime", none_ok=True)
    threads: int = _limit(128, require_count, scope="runtime")
    processes: int | None = _limit(None, require_count, scope="runtime", none_ok=True)
    linger: float = _limit(30.0, require_seconds, scope="runtime", none_ok=False)
    abandoned: int = _limit(32, require_count, scope="runtime")
    abandoned_per_tool: int = _limit(3, require_count, scope="runtime")
    failed_retries: int | None = _limit(100, require_count, scope="runtime", none_ok=True)
    loop_blocked: float | None = _limit(1.0, require_seconds, scope="runtime")

    def __post_init__(self) -> None:
        for one in fields(self):
            one.metadata["check"](f"Limits.{one.name}", getattr(self, one.name), **one.metadata["checks"])


def runtime_fields_set(limits: Limits) -> list[str]:
    """Return the names of the per-runtime fields of *limits* that differ from their defaults."""
    return [
        one.name
        for one in fields(limits)
        if one.metadata["scope"] == "runtime" and getattr(limits, one.name) != one.default
    ]
