"""Drives the planned calls of one turn to their seals: one heap of deadlines, one wait, no task of its own per call.

1. The caller's own task is the supervisor. It sleeps until something is due or every slot is sealed; all else happens
   in synchronous calls from the attempts. It waits for slots, never for tasks.
2. Attempt n + 1 starts only after attempt n has really ended.
3. Stopping is a ladder: asked to stop, a grace, sealed and abandoned. A second cancellation from outside skips the
   grace.
4. A slot is written before anybody is told.
"""

import contextvars
import threading
from collections.abc import Sequence

import anyio
import anyio.lowlevel

from everycall.core.elsewhere import EndedAsAskedError
from everycall.core.events import (
    AttemptStarted,
    CallAbandoned,
    CancelRefused,
    ForceStopped,
    LateResult,
    RetryScheduled,
    RetryWithheld,
)
from everycall.core.outcomes import Code
from everycall.ports import AttemptEnd, NotEntered, Raised, Returned, Stopped
from everycall.turn.admission import Admission, give_back
from everycall.turn.attempts import Attempt
from everycall.turn.clearance import Clearance, Ways
from everycall.turn.collector import Collector
from everycall.turn.deadlines import Deadlines
from everycall.turn.emit import Emitter
from everycall.turn.gates import Gate
from everycall.turn.judge import Judged, Outcome, judge_raise, judge_stop, judge_stop_in_back_off, rejected
from everycall.turn.nested import Nest
from everycall.turn.plan import Planned
from everycall.turn.resources import Resources
from everycall.turn.retry import FailedAttempt, delay_before_next
from everycall.turn.schedule import Schedule
from everycall.turn.shared import Shared
from everycall.turn.slot import Slot, TurnOptions
from everycall.turn.telling import how_it_ended, tell_failed
from everycall.turn.timers import Timers

NOT_STARTED = "The turn was stopped before this call was started."


class Supervisor:
    """Runs the planned calls of one turn.

    Args:
        planned: the calls that may run, in order.
        collector: takes the outcomes.
        resources: what the turns of a runtime share.
        options: of this turn.
        emit: tells the observers.
        nest: where the turn runs.
        schedule: who waits for whom; None if no tool says what it touches or needs consent.
        host_context: of the caller; None for the one that this is made in.
    """

    def __init__(
        self,
        planned: Sequence[Planned],
        collector: Collector,
        resources: Resources,
        options: TurnOptions,
        emit: Emitter,
        *,
        nest: Nest,
        schedule: Schedule | None = None,
        host_context: contextvars.Context | None = None,
    ) -> None:
        self.collector = collector
        self.resources = resources
        self.options = options
        self.emit = emit
        self.host_context = contextvars.copy_context() if host_context is None else host_context
        self.thread = threading.get_ident()  # the loop's
        self.entering = threading.Lock()  # a worker thread enters a tool while the loop may be stopping it
        self.shared = Shared(options.key)
        self._now = resources.backend.now
        self._timers = Timers(resources.backend)
        self.deadlines = Deadlines(resources.backend, self._timers, self._stop_attempt)
        self._stop_code: Code | None = None
        limits = options.limits
        self._admission: Admission | None = None  # made when a call has a gate to pass, or a cap to respect
        self._turn_gate = (Gate(limits.concurrency),) if limits.concurrency is not None else ()
        self._nest = nest
        self.slots: dict[int, Slot] = {}
        for one in planned:
            self.expect(one)
        self.deferred: dict[int, str] = {}  # why a call waits for a decision, by position
        self._clearance: Clearance | None = None
        if schedule is not None:
            ways = Ways(self._ask, self._seal)
            self._clearance = Clearance(
                schedule, options, resources, self._timers, emit, ways=ways, deferred=self.deferred
            )

    # --- the host's side ------------------------------------------------------------------------------

    def expect(self, planned: Planned) -> Slot:
        """Take on a call that has not begun; return its slot."""
        slot = self.slots[planned.call.position] = self._new_slot(planned)
        return slot

    def _new_slot(self, planned: Planned) -> Slot:
        gates = self._nest.gates(self._turn_gate + self.resources.gates_of(planned.tool))
        return Slot(planned, gates, self.options.limits, self._nest)

    def adopt(self, planned: Planned, started: float | None) -> Attempt:
        """Take on a call whose first attempt is under way; return that attempt.

        Args:
            planned: the call.
            started: when its code was entered, on the loop's clock; None if it has not been.
        """
        slot = self._new_slot(planned)
        slot.attempts = 1
        slot.attempt = attempt = Attempt(self, slot, 1, planned.bound, self.host_context)
        if started is not None:
            attempt.entered = True
            self.deadlines.start_clock(attempt, started)
        self.slots[planned.call.position] = slot  # last: who is interrupted before has changed nothing
        return attempt

    async def run(self, *, begun: bool = False, raised: BaseException | None = None) -> None:
        """Run until every slot is sealed.

        Args:
            begun: the calls have been begun already; see `straight`.
            raised: what interrupted that from outside; None if nothing has.

        Raises:
            BaseException: *raised*, or whatever cancelled the caller from outside; every slot is sealed first.
        """
        try:
            if raised is not None:
                raise raised  # noqa: TRY301 -- what follows is the same as if it were raised here
            if not begun:
                if self.resources.backend.is_cancelled():
                    await anyio.lowlevel.checkpoint_if_cancelled()
                self._begin()
            if not self.collector.open and self.resources.backend.holds_up(self._now()):
                await anyio.lowlevel.checkpoint()
            await self._timers.run_until(self._all_sealed)
        except Exception as error:  # noqa: BLE001 -- a fault of this library: each call still gets its one result
            self._seal_rest("internal_error")
            self.emit.fault("the supervisor of a turn", error)
        except BaseException:
            self.stop("cancelled")
            try:
                with anyio.CancelScope(shield=True):
                    await self._timers.run_until(self._all_sealed)
            finally:
                self._seal_rest("cancelled")
            raise
        finally:
            self._timers.clear()
            self.deadlines.close()
            if self._admission is not None:
                self._admission.close()
            self._admission = self._clearance = None  # they call back into this object: no cycle for the collector

    @property
    def lag(self) -> float:
        """By how many seconds the latest deadline was acted on too late."""
        return self._timers.lag

    def _all_sealed(self) -> bool:
        return not self.collector.open

    def start_clock(self, now: float) -> None:
        """Count the time of the turn from *now* on, on the loop's clock."""
        if self.options.turn_timeout is not None:
            self.deadlines.turn = now + self.options.turn_timeout
            self._timers.at(self.deadlines.turn, self.stop, "turn")

    def _begin(self) -> None:
        self.start_clock(self._now())
        if self.options.turn_timeout == 0:
            self.stop("turn")  # the call around this turn has no time left
        if self._clearance is not None:
            self._clearance.begin(self.slots.values())
            return
        for slot in self.slots.values():
            self._ask(slot)

    # --- attempts -------------------------------------------------------------------------------------

    def _ask(self, slot: Slot) -> None:
        """Start the next attempt of a call, now or when it may."""
        if slot.sealed or self._stop_code is not None:
            return  # the turn was stopped before it began, or is being stopped
        if not slot.gates and not self.resources.abandoned.any:
            self._start(slot)
            return
        if self._admission is None:
            wait = self.options.limits.queue_timeout
            self._admission = Admission(
                self.resources, self._timers, wait, self.emit, start=self._start, refuse=self._seal
            )
        self._admission.ask(slot)

    def _start(self, slot: Slot) -> None:
        if slot.failed is not None and self.deadlines.passed(slot):  # while the loop was blocked
            give_back(slot)
            self._seal(slot, slot.failed)
            return
        slot.attempts += 1
        bound = slot.first_bound if slot.attempts == 1 else slot.tool.bind(slot.text)
        slot.attempt = attempt = Attempt(self, slot, slot.attempts, bound, self.host_context.copy())
        if self.emit.routine:
            self.emit.call(AttemptStarted, slot.call, attempt=attempt.number)
        attempt.start()

    # --- what the attempts say ------------------------------------------------------------------------

    def attempt_ended(self, attempt: Attempt, end: AttemptEnd) -> None:
        """Take note of how *attempt* really ended: the code that ran is over."""
        slot = attempt.slot
        slot.attempt = None
        give_back(slot)
        if not slot.sealed:
            if isinstance(end, Returned):
                self._seal(slot, Outcome("ok", "done", "", end.value, None, attempt.stop_code is not None))
            else:
                self._settle_or_retry(slot, attempt, end)
        if attempt.number > 1 and isinstance(end, Returned):
            self.resources.retried_well(slot.tool, attempt.number - 1)
        if attempt.abandoned:
            self.resources.abandoned.discard(attempt)
            if self.resources.late is not None:
                self.resources.late.add(attempt, end, self.emit, self.resources.backend)
            self.emit.call(LateResult, slot.call, attempt=attempt.number, outcome=how_it_ended(end))
        if isinstance(end, Stopped):
            self.emit.call(ForceStopped, slot.call, attempt=attempt.number, dropped=end.dropped)

    def attempt_confused_us(self, attempt: Attempt, error: BaseException) -> None:
        """Contain a fault of this library in judging *attempt*: its call is answered, its siblings go on."""
        if not attempt.slot.sealed:
            self._seal(attempt.slot, judge_stop("internal_error", attempt.slot.tool, None))
        self.emit.fault("the end of an attempt", error)

    def _settle_or_retry(self, slot: Slot, attempt: Attempt, end: AttemptEnd) -> None:
        code = attempt.stop_code
        if isinstance(end, NotEntered):
            self._seal(slot, self.stopped_now(slot, code or "cancelled"))
        elif not attempt.entered:
            slot.attempts -= 1
            no_thread = rejected("saturated", "The call could not be started: no thread or process could be had.")
            self._seal(slot, slot.failed or no_thread)  # a call that has run ends as its last attempt did
        elif isinstance(end, Raised) and code is None:
            self._attempt_failed(slot, attempt, judge_raise(end.error, slot.tool, attempt.redactor))
        else:
            error = end.error if isinstance(end, Raised) else None
            if isinstance(error, (self.resources.backend.cancelled, EndedAsAskedError)):
                error = None  # it ended as it was asked to
            outcome = judge_stop(
                code or "attempt", slot.tool, attempt.stop_seconds, error=error, redactor=attempt.redactor
            )
            # Code that had to be stopped by force was never unwound: nothing may run beside what it left behind.
            may_repeat = code in ("attempt", "idle") and slot.tool.safe_to_repeat and isinstance(end, Raised)
            self._attempt_failed(slot, attempt, Judged(outcome, transient=may_repeat))

    def _attempt_failed(self, slot: Slot, attempt: Attempt, judged: Judged) -> None:
        delay = self._back_off(slot, attempt, judged)
        if delay is None:
            self._seal(slot, judged.outcome, failed=attempt)
        else:
            slot.failed = judged.outcome
            self._timers.at(self._now() + delay, self._ask, slot)
            tell_failed(self.emit, attempt, judged.outcome, expected=True)
            self.emit.call(RetryScheduled, slot.call, attempt=attempt.number + 1, delay=delay)

    def _back_off(self, slot: Slot, attempt: Attempt, judged: Judged) -> float | None:
        if self._stop_code is not None:
            return None
        failed = FailedAttempt(
            number=attempt.number,
            transient=judged.transient,
            safe=slot.tool.safe_to_repeat,
            declared_none=judged.declared_none,
            retry_after=judged.retry_after,
            time_left=self.deadlines.time_left(slot),
        )
        delay = delay_before_next(failed, slot.tool.retry, self.resources.uniform)
        if delay is not None and not self.resources.may_retry(slot.tool):
            self.emit.call(RetryWithheld, slot.call, attempt=attempt.number)
            return None
        return delay

    def attempt_refused(self, attempt: Attempt) -> None:
        """Take note that the tool swallowed its cancellation and goes on."""
        self.emit.call(CancelRefused, attempt.slot.call, attempt=attempt.number)

    # --- what time says -------------------------------------------------------------------------------

    def _grace_over(self, attempt: Attempt) -> None:
        if not attempt.ended and not attempt.slot.sealed:
            self._abandon(attempt)

    # --- stopping -------------------------------------------------------------------------------------

    def stop(self, code: Code) -> None:
        """End the turn: ask what runs to stop, answer what does not. The first code counts."""
        if self._stop_code is not None:
            return
        self._stop_code = code
        for slot in self.slots.values():
            if slot.sealed:
                continue
            if slot.attempt is None:
                self._seal(slot, self.stopped_now(slot, code))
            elif slot.attempt.stop_code is None:
                self._stop_attempt(slot.attempt, code, self.options.turn_timeout)

    def stopped_at(self, position: int, code: Code) -> Outcome | None:
        """Return the outcome of a call if the turn stopped now and nobody waited for it; None if not known here."""
        slot = self.slots.get(position)
        return None if slot is None else self.stopped_now(slot, code)

    def stopped_now(self, slot: Slot, code: Code) -> Outcome:
        """Return the outcome of an unsealed slot if the turn stopped now and nobody waited for it."""
        attempt = slot.attempt
        if attempt is not None and attempt.entered:
            seconds = attempt.stop_seconds or self.options.turn_timeout
            return judge_stop(attempt.stop_code or code, slot.tool, seconds)
        if slot.failed is not None:
            return judge_stop_in_back_off(code, slot.failed)
        return rejected("not_started", NOT_STARTED)

    def _stop_attempt(self, attempt: Attempt, code: Code, seconds: float | None) -> None:
        with self.entering:
            attempt.stop_code = code
            attempt.stop_seconds = seconds
        if attempt.entered:
            self._timers.at(self._now() + attempt.slot.grace, self._grace_over, attempt)
        else:
            attempt.slot.attempts -= 1  # it was on its way and will not begin
            self._seal(attempt.slot, self.stopped_now(attempt.slot, code))
        if attempt.running is not None:
            attempt.running.stop()

    def _abandon(self, attempt: Attempt) -> None:
        attempt.abandoned = True
        self._seal(attempt.slot, self.stopped_now(attempt.slot, "cancelled"), failed=attempt)
        self.emit.call(CallAbandoned, attempt.slot.call, attempt=attempt.number)
        self.resources.abandoned.add(attempt)

    def _seal_rest(self, code: Code) -> None:
        """Leave no slot open, whatever happened."""
        self._stop_code = self._stop_code or code
        for slot in self.slots.values():
            if slot.sealed:
                continue
            attempt = slot.attempt
            if attempt is not None and attempt.stop_code is None:
                self._stop_attempt(attempt, code, None)
            if slot.sealed:
                continue
            if attempt is not None:
                self._abandon(attempt)
            else:
                self._seal(slot, self.stopped_now(slot, code))

    def _seal(self, slot: Slot, outcome: Outcome, *, failed: Attempt | None = None) -> None:
        slot.sealed = True
        if slot.waiter is not None:
            slot.waiter.gone = True
            slot.waiter = None
        now = self._now()
        if slot.waits_since is not None:
            slot.wait_ends(now)
        try:
            notes = self.collector.seal(
                slot.call.position,
                outcome,
                max_bytes=slot.tool.max_result_bytes,
                attempts=slot.attempts,
                queued=slot.queued,
                duration=now - slot.started if slot.started is not None else 0.0,
            )
        finally:  # a fault of ours, or an interrupt, may have left it open for whoever contains that
            slot.sealed = self.collector.results[slot.call.position] is not None
        if not self.collector.open:
            self._timers.wake()
        if failed is not None:
            tell_failed(self.emit, failed, outcome, expected=False)
        if notes or self.emit.routine:
            self.collector.announce(slot.call.position, notes)
        if self._clearance is not None:
            result = self.collector.results[slot.call.position]  # the value may have turned out not to be sendable
            self._clearance.settled(slot, ok=result is not None and result.ok)
