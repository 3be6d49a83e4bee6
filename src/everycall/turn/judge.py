"""What an ended attempt means: the outcome of its call. Pure.

1. A deadline is told from a tool's own TimeoutError by whether the attempt was stopped, never by the exception's type.
2. The effect of a failure is `none` for a read-only tool, what the error says if it says so, else `unknown`.
3. `retryable` is what the model is told: the cause may pass, and nothing happened or repeating is safe.
"""

from typing import NamedTuple

from everycall.core.elsewhere import Told, WorkerError
from everycall.core.errors import Effect, ToolError
from everycall.core.failures import cause_of, failure_of, message_for_model
from everycall.core.outcomes import Code, Failure
from everycall.core.redaction import Redactor
from everycall.core.transient import is_transient, retry_after
from everycall.registry.tool import Tool


class Outcome(NamedTuple):
    """How a call ended, before it is encoded."""

    code: Code
    effect: Effect
    message: str = ""
    value: object = None
    error: Failure | None = None
    late: bool = False
    retryable: bool = False


class Judged(NamedTuple):
    """An attempt that raised or was stopped: the outcome if no other follows, and what that is decided by."""

    outcome: Outcome
    transient: bool
    declared_none: bool = False
    retry_after: float | None = None


TRANSIENT_CODES: frozenset[Code] = frozenset(
    {
        "attempt",
        "call",
        "turn",
        "idle",
        "crashed",
        "limit",
        "queue_timeout",
        "saturated",
        "unfinished_message",
        "journal_unavailable",
        "not_started",
    }
)
"""Codes whose cause may pass by itself."""

_EFFECTS: frozenset[Effect] = frozenset({"none", "done", "unknown"})

MAY_HAVE_HAPPENED = " It may have taken effect: check before repeating it."


def rejected(code: Code, message: str) -> Outcome:
    """Return the outcome of a call whose code was never entered."""
    return Outcome(code, "none", message, retryable=code in TRANSIENT_CODES)


def judge_raise(error: BaseException, tool: Tool, redactor: Redactor | None = None) -> Judged:
    """Return what an exception means that the tool raised by itself.

    Args:
        error: what it raised.
        tool: the tool.
        redactor: hides the secrets of the call too; the tool's own if None.
    """
    redactor = redactor or tool.redactor
    cause = cause_of(error)
    told = _told(cause)
    if told is not None:
        return _judge_told(told, tool, redactor)
    on_purpose = issubclass(type(cause), ToolError)  # not isinstance: that reads what a hostile object says of itself
    declared = cause.effect if on_purpose and cause.effect in _EFFECTS else None  # type: ignore[attr-defined]
    effect: Effect = "none" if tool.read_only else declared or "unknown"
    transient = is_transient(error, tool.retry.on if tool.retry else ())
    wait = retry_after(error) if transient else None
    retryable = transient and (effect == "none" or tool.idempotent)
    outcome = Outcome(
        "tool_error",
        effect,
        _with_wait(message_for_model(error, redactor), wait, retryable=retryable),
        error=failure_of(error, traceback=not on_purpose, redactor=redactor),
        retryable=retryable,
    )
    return Judged(outcome, transient, declared == "none", wait)


def judge_stop(
    code: Code,
    tool: Tool,
    seconds: float | None,
    *,
    error: BaseException | None = None,
    redactor: Redactor | None = None,
) -> Outcome:
    """Return the outcome of a call that was stopped while its code ran.

    Args:
        code: which bound or wish stopped it.
        tool: the tool.
        seconds: the bound that passed, if it was one.
        error: what the code raised when it was stopped, if that was more than the cancellation.
        redactor: as in `judge_raise`.
    """
    effect: Effect = "none" if tool.read_only else "unknown"
    message = _STOPPED[code].format(seconds=f"{seconds:g}" if seconds is not None else "?")
    if effect == "unknown":
        message += MAY_HAVE_HAPPENED
    retryable = code in TRANSIENT_CODES and (effect == "none" or tool.idempotent)
    redactor = redactor or tool.redactor
    told = _told(error) if error else None
    failure = _redacted(told, redactor) if told else failure_of(error, redactor=redactor) if error else None
    return Outcome(code, effect, message, error=failure, retryable=retryable)


def _told(error: BaseException) -> Told | None:
    """Return what another process told of an error, if it came from there."""
    return error.told if isinstance(error, WorkerError) else None


def _judge_told(told: Told, tool: Tool, redactor: Redactor) -> Judged:
    """Return what the failure of an attempt in a worker means: decided by facts, as in `judge_raise`."""
    effect: Effect = told.effect or "unknown"
    if tool.read_only and told.code != "invalid_result":
        effect = "none"
    message = redactor.hide_registered(told.message) if told.on_purpose else redactor.hide(told.message)
    retryable = told.transient and (effect == "none" or tool.idempotent)
    message = _with_wait(message, told.retry_after if told.transient else None, retryable=retryable)
    if told.code == "crashed" and effect == "unknown":
        message += MAY_HAVE_HAPPENED
    outcome = Outcome(told.code, effect, message, error=_redacted(told, redactor), retryable=retryable)
    return Judged(outcome, told.transient, told.effect == "none", told.retry_after if told.transient else None)


def _redacted(told: Told, redactor: Redactor) -> Failure:
    failure = told.failure
    return Failure(failure.type, redactor.hide(failure.message), redactor.hide(failure.traceback))


def _with_wait(message: str, wait: float | None, *, retryable: bool) -> str:
    if wait is None:
        return message
    stop = "" if message.endswith((".", "!", "?")) else "."
    if retryable:
        return f"{message}{stop} Repeat it after {wait:g} s at the earliest."
    return f"{message}{stop} It asked for a pause of {wait:g} s.{MAY_HAVE_HAPPENED}"


def judge_stop_in_back_off(code: Code, failed: Outcome) -> Outcome:
    """Return the outcome of a call that was stopped between two attempts: what the last one did is what happened."""
    message = f"The turn ended before this call was tried again. The last attempt: {failed.message}"
    return failed._replace(code=code, message=message)


_STOPPED: dict[Code, str] = {
    "attempt": "No answer within {seconds} s.",
    "call": "No answer within {seconds} s, all attempts together.",
    "turn": "No answer before the turn ended, which has {seconds} s in all.",
    "idle": "No sign of progress for {seconds} s.",
    "cancelled": "The turn was stopped while this call was running.",
    "internal_error": "The library that runs the tools failed while this call was running.",
}
