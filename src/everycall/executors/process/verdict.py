"""What the end of an attempt in a worker means. Pure; nothing that a worker says is taken as it comes."""

import base64
import binascii
import signal
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, get_args

from everycall.core.content import File, Image, Part, Text
from everycall.core.elsewhere import EndedAsAskedError, Told, error_of
from everycall.core.errors import Effect
from everycall.core.failures import MAX_TRACEBACK_BYTES
from everycall.core.outcomes import Failure
from everycall.core.text import MAX_ERROR_TEXT, bounded, clean, one_line, shown, without_surrogates
from everycall.executors.process.channel import BrokenFrameError
from everycall.ports import AttemptEnd, Raised, Returned

MAX_NOTES = 20
"""Notes on what was changed to encode a value that are told."""
_MAX_NOTE = 200
MAX_WAIT = 1e9
"""Seconds of a wait that another side may ask for; more is a mistake."""
_EFFECTS = frozenset(get_args(Effect))


class Verdict(NamedTuple):
    """How an attempt ended, and whether its worker may take another call."""

    end: AttemptEnd
    reusable: bool


def verdict_of(message: Mapping[str, Any]) -> Verdict:
    """Return what the last message of a call means.

    Raises:
        BrokenFrameError: it means nothing.
    """
    kind = message.get("end")
    read = _ENDS.get(kind) if isinstance(kind, str) else None
    if read is None:
        raise BrokenFrameError("It sent a message that means nothing.")
    return Verdict(read(message), message.get("spent") is False)


def crash(code: int, printed: bytes, *, started: bool, cpu_seconds: int | None = None) -> AttemptEnd:
    """Return the end of an attempt whose process died.

    Args:
        code: its exit code; `-signal` if a signal ended it.
        printed: the end of what it printed.
        started: the tool's code was entered.
        cpu_seconds: the bound of its CPU time.
    """
    cause = _signal_name(-code) if code < 0 else f"exit code {code}"
    if cause == "SIGXCPU" and cpu_seconds is not None:
        what = f"The tool used more CPU time than the {cpu_seconds} s it may."
    else:
        what = f"The process that ran the tool {'was ended by' if code < 0 else 'ended with'} {cause}."
    return _crashed(what, cause, printed, started=started, transient=cause != "SIGXCPU")


def broken(reason: str, printed: bytes, *, started: bool) -> AttemptEnd:
    """Return the end of an attempt whose worker had to be killed because it broke the rules of the channel."""
    what = f"The process that ran the tool was killed: it broke its channel. {reason}"
    return _crashed(what, "broken channel", printed, started=started, transient=False)


def killed(printed: bytes) -> AttemptEnd:
    """Return the end of an attempt that was killed because it did not stop when it was asked to."""
    return _crashed("The process that ran the tool was killed.", "SIGKILL", printed, started=True, transient=True)


def _crashed(what: str, cause: str, printed: bytes, *, started: bool, transient: bool) -> AttemptEnd:
    tail = clean(printed.decode("utf-8", "replace")).strip()
    tail = tail.encode()[-MAX_TRACEBACK_BYTES:].decode("utf-8", "ignore")
    failure = Failure("WorkerCrashed", cause, tail)
    effect: Effect | None = None if started else "none"
    return Raised(error_of(Told(code="crashed", failure=failure, message=what, transient=transient, effect=effect)))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _returned(message: Mapping[str, Any]) -> AttemptEnd:
    notes = message.get("notes")
    if type(notes) is not list or not all(type(one) is str for one in notes):
        raise BrokenFrameError("It sent a value with notes that are none.")
    told = tuple([one_line(one, _MAX_NOTE) for one in notes[:MAX_NOTES]])
    if "json" in message:
        return Returned(message["json"], told)
    if type(message.get("text")) is str:
        return Returned(without_surrogates(message["text"]), told)
    return Returned(_parts(message.get("parts"), single=message.get("single") is True), told)


def _parts(given: object, *, single: bool) -> object:
    if type(given) is not list or not given:
        raise BrokenFrameError("It sent a value that is none.")
    parts = tuple([_part(one) for one in given])
    return parts[0] if single and len(parts) == 1 else parts


def _part(given: object) -> Part:
    kind = _PARTS.get(given.get("part", "")) if type(given) is dict and type(given.get("part", "")) is str else None
    if kind is None or type(given) is not dict:
        raise BrokenFrameError("It sent a content part that is none.")
    fields = {name: given[name] for name in given if name != "part"}
    try:
        if fields.get("data") is not None:
            fields["data"] = base64.b64decode(fields["data"], validate=True)
        return kind(**fields)  # what the fields hold is checked where the value is encoded
    except (TypeError, ValueError, binascii.Error):
        raise BrokenFrameError("It sent a content part that is none.") from None


_PARTS: Mapping[str, type[Text] | type[Image] | type[File]] = {"text": Text, "image": Image, "file": File}


def _raised(message: Mapping[str, Any]) -> AttemptEnd:
    effect, wait = message.get("effect"), message.get("retry_after")
    trace = shown(_text(message, "traceback"), 2 * MAX_TRACEBACK_BYTES).encode()[-MAX_TRACEBACK_BYTES:]
    failure = Failure(
        one_line(_text(message, "type"), _MAX_NOTE) or "Exception",
        shown(_text(message, "message"), MAX_ERROR_TEXT),
        trace.decode("utf-8", "ignore"),
    )
    line, on_purpose = _text(message, "line"), message.get("on_purpose") is True
    told = Told(
        code="tool_error",
        failure=failure,
        # An author's own words are not changed; all others were cleaned before they were sent, if the worker is honest.
        message=bounded(without_surrogates(line), MAX_ERROR_TEXT) if on_purpose else shown(line, MAX_ERROR_TEXT),
        on_purpose=on_purpose,
        transient=message.get("transient") is True,
        effect=effect if isinstance(effect, str) and effect in _EFFECTS else None,  # type: ignore[arg-type]
        retry_after=_seconds(wait),
    )
    return Raised(error_of(told))


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_WAIT:
        return None
    return float(value)


def _text(message: Mapping[str, Any], name: str) -> str:
    value = message.get(name)
    if type(value) is not str:
        raise BrokenFrameError("It sent an error that is none.")
    return value


def _unsendable(message: Mapping[str, Any]) -> AttemptEnd:
    line = shown(_text(message, "message"), MAX_ERROR_TEXT)
    failure = Failure("CannotEncode", line)
    return Raised(error_of(Told(code="invalid_result", failure=failure, message=line, effect="done")))


_ENDS: Mapping[str, Callable[[Mapping[str, Any]], AttemptEnd]] = {
    "value": _returned,
    "raise": _raised,
    "unsendable": _unsendable,
    "cancelled": lambda _: Raised(EndedAsAskedError()),
}
"""What the last message of a call is, and how it is read."""
