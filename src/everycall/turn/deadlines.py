"""When the attempts of a turn are asked to stop: their own time, their call's, their turn's, and the time of silence.

1. An attempt's time starts when its code is entered, and it is watched from its first wait on: code that never waits
   cannot be stopped anyway.
2. Progress moves the time of silence and no other bound.
3. After a blocked loop, everything is due at once. A step of a tool that was due before its deadline goes first.
"""

from collections.abc import Callable

from everycall.core.outcomes import Code
from everycall.ports import Backend
from everycall.registry.tool import Tool
from everycall.turn.attempts import Attempt
from everycall.turn.slot import Slot
from everycall.turn.timers import NEVER, Timers, after_what_is_due

LAG = 0.05
"""Seconds by which a deadline is acted on too late before that is taken for a blocked loop, not for a busy one."""


def bounds_of(tool: Tool, started: float) -> tuple[float, float]:
    """Return when an attempt is out of time, and when its call is, both having started at *started*."""
    return (
        NEVER if tool.timeout is None else started + tool.timeout,
        NEVER if tool.call_timeout is None else started + tool.call_timeout,
    )


Stop = Callable[[Attempt, Code, float | None], None]


def _nobody(_attempt: Attempt, _code: Code, _seconds: float | None) -> None:
    """Stands for a turn that is over."""


class Deadlines:
    """The deadlines of one turn.

    Args:
        backend: of the turn's loop.
        timers: calls back when something is due.
        stop: asks an attempt to stop; gets the code and the bound in seconds.
    """

    __slots__ = ("_backend", "_now", "_stop", "_timers", "turn")

    def __init__(self, backend: Backend, timers: Timers, stop: Stop) -> None:
        self._backend = backend
        self._now = backend.now
        self._timers = timers
        self._stop = stop
        self.turn = NEVER  # on the loop's clock

    def close(self) -> None:
        """Let go of the turn, which is over: no cycle for the collector."""
        self._stop = _nobody

    def start_clock(self, attempt: Attempt, now: float | None = None) -> None:
        """Fix the deadline of *attempt*: its code begins now, or began at that moment of the loop's clock."""
        slot, tool = attempt.slot, attempt.slot.tool
        now = self._now() if now is None else now
        own, of_call = bounds_of(tool, now)
        if slot.started is None:
            slot.started, slot.deadline = now, of_call
        if own <= slot.deadline:
            attempt.deadline = own
        else:
            attempt.deadline_of, attempt.deadline = "call", slot.deadline
        if tool.idle_timeout is not None:
            attempt.idle_at = now + tool.idle_timeout

    def watch(self, attempt: Attempt) -> None:
        """See to it that *attempt* is stopped when its time is up: its code waits, so it may not come back."""
        if attempt.deadline < self.turn:
            self._timers.at(attempt.deadline, self._timed_out, attempt)
        if attempt.idle_at != NEVER:
            self._timers.at(attempt.idle_at, self._fell_silent, attempt)

    def progressed(self, attempt: Attempt) -> None:
        """Take note of a sign of life."""
        if attempt.idle_at != NEVER:
            attempt.idle_at = self._now() + (attempt.slot.tool.idle_timeout or 0.0)

    def remaining(self, attempt: Attempt) -> float | None:
        """Return the seconds until *attempt* is asked to stop, never below 0; None for no bound. From any thread."""
        if attempt.stop_code is not None:
            return 0.0
        ends = min(attempt.deadline, self.turn)
        return max(0.0, ends - self._now()) if ends != NEVER else None

    def passed(self, slot: Slot) -> bool:
        """Return whether the time of a call, for all its attempts, is up."""
        return slot.deadline <= self._now()

    def time_left(self, slot: Slot) -> float | None:
        """Return the seconds that a call has for its next attempts, back-off included; None for no bound."""
        ends = min(slot.deadline, self.turn)
        return ends - self._now() if ends != NEVER else None

    def _timed_out(self, attempt: Attempt) -> None:
        if self._now() - attempt.deadline > LAG:  # the loop was blocked: what had come in time before goes first
            after_what_is_due(self._backend, lambda: self._is_out_of_time(attempt))
        else:
            self._is_out_of_time(attempt)

    def _is_out_of_time(self, attempt: Attempt) -> None:
        if not _settled(attempt):
            tool, code = attempt.slot.tool, attempt.deadline_of
            self._stop(attempt, code, tool.timeout if code == "attempt" else tool.call_timeout)

    def _fell_silent(self, attempt: Attempt) -> None:
        if self._is_silent(attempt):  # if the loop was blocked, a step of the tool may be due as well: it goes first
            after_what_is_due(self._backend, lambda: self._stays_silent(attempt))

    def _stays_silent(self, attempt: Attempt) -> None:
        if self._is_silent(attempt):
            self._stop(attempt, "idle", attempt.slot.tool.idle_timeout)

    def _is_silent(self, attempt: Attempt) -> bool:
        """Return whether the time of silence of *attempt* is up; if not, look again when it is."""
        if _settled(attempt):
            return False
        if attempt.idle_at > self._now():
            self._timers.at(attempt.idle_at, self._fell_silent, attempt)
            return False
        return True


def _settled(attempt: Attempt) -> bool:
    return attempt.ended or attempt.slot.sealed or attempt.stop_code is not None
