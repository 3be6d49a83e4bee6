"""What can happen in a turn: a closed set of frozen facts in the past tense.

Observers receive them; nothing they do changes a turn. `name` is the word used in logs and docs; `level` says how the
default log treats the event; `to_dict()` gives plain JSON values.
"""

from dataclasses import dataclass, fields
from typing import ClassVar, Literal

from everycall.core.errors import Effect
from everycall.core.outcomes import Code, Failure, Status
from everycall.core.text import bounded, without_surrogates

Level = Literal["debug", "info", "warning", "error"]

MAX_TEXT = 4096
"""Characters of one text in `Event.to_dict`: as many as an id may have. A model may send names of any length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The base of all events.

    Attributes:
        turn_id: tells the turns of one process apart; the turn's key where it has one.
        at: seconds on the event loop's own clock.
    """

    name: ClassVar[str] = "event"
    level: ClassVar[Level] = "debug"

    turn_id: str
    at: float

    def to_dict(self) -> dict[str, object]:
        """Return the event as JSON values that can be encoded, with its name under `event`; long texts are cut."""
        values: dict[str, object] = {"event": f"everycall.{self.name}"}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Failure):
                value = {"type": value.type, "message": value.message, "traceback": value.traceback}
            values[field.name] = bounded(without_surrogates(value), MAX_TEXT) if isinstance(value, str) else value
        return values


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEvent(Event):
    """The base of the events of one call.

    Attributes:
        call_id: the id in the exchange.
        tool_name: the name as the model wrote it.
        position: index among the calls of the message.
    """

    call_id: str
    tool_name: str
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnOpened(Event):
    """A turn began to run."""

    name: ClassVar[str] = "turn_opened"
    calls: int
    dialect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnClosed(Event):
    """Every call of the turn has its result.

    *lag* is by how many seconds the latest deadline or back-off was acted on too late, because the event loop was busy
    or blocked.
    """

    name: ClassVar[str] = "turn_closed"
    calls: int
    duration: float
    lag: float
    stopped: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPlanned(CallEvent):
    """The call may run: its tool is known and its arguments are valid."""

    name: ClassVar[str] = "call_planned"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallQueued(CallEvent):
    """The call waits: *why* is `limit` (for a free place), `predecessor` (for a call in conflict) or `approval`."""

    name: ClassVar[str] = "call_queued"
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalDecided(CallEvent):
    """Somebody decided about a gated call: `approved`, `denied`, `deferred`; or nobody did: `timed_out`.

    *changed* says that the call runs with other arguments than the model's.
    """

    name: ClassVar[str] = "approval_decided"
    level: ClassVar[Level] = "info"
    decision: str
    changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted(CallEvent):
    """An attempt was started; *attempt* counts from 1."""

    name: ClassVar[str] = "attempt_started"
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFailed(CallEvent):
    """An attempt ended without a value.

    *expected* is true unless the tool raised something it did not mean to and no other attempt follows: that is
    somebody's bug, and the default log shows it with its traceback.
    """

    name: ClassVar[str] = "attempt_failed"
    level: ClassVar[Level] = "error"
    attempt: int
    code: Code
    error: Failure | None
    expected: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryScheduled(CallEvent):
    """The next attempt starts after *delay* seconds."""

    name: ClassVar[str] = "retry_scheduled"
    attempt: int
    delay: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryWithheld(CallEvent):
    """No attempt follows this one, although the policy of its tool allows one: too many retries of the tool failed."""

    name: ClassVar[str] = "retry_withheld"
    level: ClassVar[Level] = "warning"
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSettled(CallEvent):
    """The call has its result."""

    name: ClassVar[str] = "call_settled"
    status: Status
    code: Code
    effect: Effect
    attempts: int
    queued: float
    duration: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressReported(CallEvent):
    """The tool said how far it is."""

    name: ClassVar[str] = "progress_reported"
    done: float
    total: float | None
    message: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IdMinted(CallEvent):
    """The id was missing, empty, repeated or invalid, and was replaced on both sides of the exchange."""

    name: ClassVar[str] = "id_minted"
    level: ClassVar[Level] = "warning"
    sent_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEchoed(CallEvent):
    """The call repeats the one at position *of* (same id, name and arguments) and gets that one's outcome."""

    name: ClassVar[str] = "call_echoed"
    level: ClassVar[Level] = "warning"
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueCoerced(CallEvent):
    """Something was changed to make it fit: *where* is `arguments`, `result` or `content`, *what* says how."""

    name: ClassVar[str] = "value_coerced"
    level: ClassVar[Level] = "info"
    where: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRefused(CallEvent):
    """The tool was asked to stop, swallowed the request, and goes on."""

    name: ClassVar[str] = "cancel_refused"
    level: ClassVar[Level] = "warning"
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAbandoned(CallEvent):
    """The call was settled although its code still runs."""

    name: ClassVar[str] = "call_abandoned"
    level: ClassVar[Level] = "warning"
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LateResult(CallEvent):
    """An abandoned attempt ended. What it brought changes nothing any more."""

    name: ClassVar[str] = "late_result"
    level: ClassVar[Level] = "warning"
    attempt: int
    outcome: str  # returned, raised or stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class ForceStopped(CallEvent):
    """An abandoned attempt was ended against its will; *dropped* if it refused even that and is never resumed."""

    name: ClassVar[str] = "force_stopped"
    level: ClassVar[Level] = "error"
    attempt: int
    dropped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopBlocked(CallEvent):
    """The tool's code held up its event loop for *seconds*: at *line* of *file*, in *function*.

    Told when the loop is free again; the log has a line of its own from the moment it was noticed. What is measured
    begins when the watchdog first looked, so it is up to a quarter of `Limits.loop_blocked` too short.
    """

    name: ClassVar[str] = "loop_blocked"
    level: ClassVar[Level] = "warning"
    file: str
    line: int
    function: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultContained(Event):
    """Something beside the tools failed and was kept out of the turn: an observer, a hook, or this library itself."""

    name: ClassVar[str] = "fault_contained"
    level: ClassVar[Level] = "error"
    where: str
    error: Failure


AnyEvent = (
    TurnOpened
    | TurnClosed
    | CallPlanned
    | CallQueued
    | ApprovalDecided
    | AttemptStarted
    | AttemptFailed
    | RetryScheduled
    | RetryWithheld
    | CallSettled
    | ProgressReported
    | IdMinted
    | CallEchoed
    | ValueCoerced
    | CancelRefused
    | CallAbandoned
    | LateResult
    | ForceStopped
    | LoopBlocked
    | FaultContained
)
"""The closed set."""
