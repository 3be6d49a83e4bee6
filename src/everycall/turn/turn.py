"""The turn: one assistant message, its calls, and exactly one result for each."""

import itertools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import anyio
import anyio.lowlevel

from everycall.core.calls import ParsedMessage, ToolCall
from everycall.core.decisions import Decision, PendingCall
from everycall.core.errors import UsageError
from everycall.core.events import IdMinted, TurnClosed, TurnOpened
from everycall.core.outcomes import STATUS_OF, ToolResult
from everycall.ports import Dialect, Observer, Rendered
from everycall.turn.arrangement import echoes_of, schedule_of, scheduled_calls
from everycall.turn.collector import Collector, Explain, explained
from everycall.turn.emit import Emitter
from everycall.turn.judge import Outcome, rejected
from everycall.turn.nested import Nest
from everycall.turn.plan import Echo, Kept, Plan, Planned, Rejected
from everycall.turn.resources import Resources
from everycall.turn.resumption import pending_calls, require_decisions, require_undecided, resumed_plans
from everycall.turn.running import RunningTurns
from everycall.turn.schedule import Schedule, ScheduledCall
from everycall.turn.slot import TurnOptions
from everycall.turn.supervise import NOT_STARTED, Supervisor
from everycall.turn.telling import tell_planned, tell_replaced

_turn_numbers = itertools.count(1)


class TurnPlan(NamedTuple):
    """All that is decided about a turn before anything runs.

    Attributes:
        dialect: reads and writes the provider's shape.
        parsed: the message, its calls with ids assigned.
        plans: one decision per call.
        options: what the caller asked.
        explain: replaces the text of a result that is no success; may be None.
        schedule: which call waits for which; None if none waits for any.
    """

    dialect: Dialect
    parsed: ParsedMessage
    plans: Sequence[Plan]
    options: TurnOptions
    explain: Explain | None
    schedule: Schedule | None = None


class Surroundings(NamedTuple):
    """Where a turn runs: known only when it does.

    Attributes:
        resources: what the turns of a runtime share.
        observers: who is told.
        routine: whether events of level `debug` are wanted.
    """

    resources: Resources
    observers: Sequence[Observer]
    routine: bool


class Turn:
    """One turn. Made by `open_turn` or `ToolRuntime.open_turn`, never by hand.

    `await turn.run()` runs it; after that every property is final. Before, and while it runs, the properties show what
    stopping now would give, and seal nothing. An empty turn (a message without calls) is falsy.
    """

    def __init__(
        self, plan: TurnPlan, surroundings: Callable[[], Surroundings], running: "RunningTurns | None" = None
    ) -> None:
        self._plan = plan
        self._running = running  # the turns that a runtime has to end when it closes
        self._surroundings = surroundings
        self._state: Literal["open", "running", "done"] = "open"
        self._collector: Collector | None = None
        self._supervisor: Supervisor | None = None
        self._post: Callable[[Callable[[], object]], bool] | None = None
        self._cancelled: str | None = None
        self._changed: anyio.Event | None = None  # made when somebody follows `settled`
        self._final: tuple[ToolResult, ...] | None = None
        self._notes = {one.call.position: one.note or "" for one in plan.plans if type(one) is Kept}
        self._decided: frozenset[str] = frozenset()  # calls that a later turn has taken up
        self._takes_up: tuple[Turn | None, frozenset[str]] = (None, frozenset())  # the turn it goes on from, and which
        self._rendered: Rendered | None = None

    # --- running --------------------------------------------------------------------------------------

    async def run(self) -> "Turn":
        """Run every call of the turn and return this turn, done. A turn that is done is returned as it is.

        Raises:
            UsageError: the turn is running already.
            BaseException: a cancellation or interrupt from outside, after every call has its result here.
        """
        if self._state == "done":
            await anyio.lowlevel.checkpoint()
            return self
        if self._state == "running":
            raise UsageError("this turn is running already; await the first run() instead of calling it twice")
        await run_turn(self)
        return self

    def cancel(self, reason: str = "cancelled") -> None:
        """End the turn, as a Stop button does: `run` returns with a result for every call. From any thread.

        Args:
            reason: for the log.
        """
        if self._state == "done" or self._cancelled is not None:
            return
        self._cancelled = reason
        if self._supervisor is not None and self._post is not None:
            supervisor = self._supervisor
            self._post(lambda: supervisor.stop("cancelled"))

    async def settled(self) -> AsyncIterator[ToolResult]:
        """Give each result as it is settled, in order of completion; ends when the turn is done.

        It only follows: somebody else has to run the turn, such as `group.start_soon(turn.run)`.
        """
        given = 0
        while True:
            settled = self._in_order()
            for result in settled[given:]:
                yield result
            given = len(settled)
            if self._state == "done" and given == len(self):
                return
            await self._next_change()

    async def wait_done(self) -> None:
        """Wait until the turn, which runs elsewhere, is done."""
        while self._state != "done":
            await self._next_change()

    # --- what it holds --------------------------------------------------------------------------------

    @property
    def key(self) -> str | None:
        """What names the turn; None if its caller did not."""
        return self._plan.options.key

    @property
    def done(self) -> bool:
        """Whether every call has its final result."""
        return self._state == "done"

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The calls of the message, with their ids in the exchange."""
        return self._plan.parsed.calls

    @property
    def results(self) -> tuple[ToolResult, ...]:
        """One result per call, in the order of the calls."""
        if self._final is not None:
            return self._final
        return tuple([self._as_it_stands(call.position) for call in self.calls])

    @property
    def messages(self) -> list[Any]:
        """The result messages in the dialect of the input, ready to send."""
        return list(self._render().messages)

    @property
    def assistant_message(self) -> Any:
        """What belongs in the next request: the input's own object where the provider accepts it, ids made valid."""
        return self._render().assistant_message

    @property
    def exchange(self) -> list[Any]:
        """The assistant message (or its items), then the results: append it. Empty for a turn without calls."""
        if not self.calls:
            return []
        rendered = self._render()
        own = rendered.assistant_message
        return [*(own if isinstance(own, list) else [own]), *rendered.messages]

    @property
    def ids_changed(self) -> bool:
        """Whether an id was minted, so that the assistant message in your history must be this turn's."""
        return any(self._plan.dialect.id_rule.changed(call) for call in self.calls)

    @property
    def ok(self) -> bool:
        """Whether every call succeeded."""
        return all(result.ok for result in self.results)

    @property
    def pending(self) -> tuple[PendingCall, ...]:
        """The calls that were deferred and wait for a decision: `resume(turn, {call_id: Approve()})`."""
        return tuple(
            one
            for one in pending_calls(self._plan.plans, self.results, self._notes)
            if one.call_id not in self._decided
        )

    @property
    def schedule(self) -> tuple[ScheduledCall, ...]:
        """Who waits for whom, one entry per call that may run; the same before, while and after the turn runs."""
        return scheduled_calls(self._plan.plans, self._plan.schedule)

    def resumed(self, decisions: Mapping[str, Decision]) -> "Turn":
        """Return the turn that goes on from this one, not yet run; see `resume`.

        Raises:
            UsageError: this turn is not done, or a decision is wrong.
        """
        if self._state != "done":
            raise UsageError("only a turn that is done can be resumed: await run() first")
        plan = self._plan
        waiting = pending_calls(plan.plans, self.results, self._notes)
        checked = require_decisions(decisions, waiting, self._decided)
        plans = resumed_plans(plan.plans, self.results, self._notes, checked, plan.options.limits)
        later = Turn(plan._replace(plans=plans, schedule=schedule_of(plans)), self._surroundings, self._running)
        later._takes_up = (self, frozenset(checked))
        return later

    def _enter(self) -> None:
        """Begin to count as running.

        Raises:
            UsageError: a call that this turn was to take up has been taken up by another.
            MessageError: another turn of its key runs.
        """
        earlier, decided = self._takes_up
        if earlier is not None:
            require_undecided(decided, earlier._decided)  # noqa: SLF001
        if self._running is not None:
            self._running.enter(self)
        if earlier is not None:
            earlier._decided |= decided  # noqa: SLF001
            self._takes_up = (None, decided)  # an old turn is not kept alive by those that go on from it

    def _begin(
        self, collector: Collector, supervisor: Supervisor, post: Callable[[Callable[[], object]], bool]
    ) -> None:
        self._state = "running"
        self._collector, self._supervisor, self._post = collector, supervisor, post
        if self._changed is not None:  # somebody follows already
            collector.on_write = self._wake_followers
        if self._cancelled is not None:
            supervisor.stop("cancelled")

    def _finish(self) -> None:
        if self._running is not None:
            self._running.leave(self)
        results = self._collector.results if self._collector is not None else []
        self._final = tuple([one or self._as_it_stands(at) for at, one in enumerate(results)])
        self._state = "done"
        if self._supervisor is not None:
            self._notes.update(self._supervisor.deferred)
        self._supervisor = self._post = None
        if self._collector is not None:
            self._collector.on_write = None
        self._wake_followers()

    def __len__(self) -> int:
        return len(self.calls)

    def __getitem__(self, call_id: str) -> ToolResult:
        for call in self.calls:
            if call.call_id == call_id:
                return self.results[call.position]
        for call in self.calls:
            if call.sent_id == call_id:
                return self.results[call.position]
        raise KeyError(call_id)

    def __repr__(self) -> str:
        words = ", ".join(result.code for result in self.results[:8])
        more = ", ..." if len(self) > 8 else ""
        return f"<Turn {self._state}: {len(self)} calls{': ' + words + more if words else ''}>"

    # --- inside ---------------------------------------------------------------------------------------

    def _in_order(self) -> list[ToolResult]:
        if self._collector is None:
            return []
        results = self._collector.results
        return [result for at in self._collector.order if (result := results[at]) is not None]

    async def _next_change(self) -> None:
        """Wait until something may have happened."""
        if self._changed is None:
            self._changed = anyio.Event()
            if self._collector is not None:
                self._collector.on_write = self._wake_followers
        await self._changed.wait()

    def _wake_followers(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    def _render(self) -> Rendered:
        if self._rendered is not None:
            return self._rendered
        rendered = self._plan.dialect.render(self._plan.parsed, self.results)
        if self._state == "done":
            self._rendered = rendered
        return rendered

    def _as_it_stands(self, position: int) -> ToolResult:
        """Return the result of a call, or what stopping now would give."""
        if self._collector is not None:
            result = self._collector.results[position]
            if result is not None:
                return result
        plan = self._plan.plans[position]
        if type(plan) is Kept:
            return plan.result
        outcome = self._if_stopped(position)
        call = self.calls[position]
        result = ToolResult(
            call_id=call.call_id,
            tool_name=call.name,
            status=STATUS_OF[outcome.code],
            code=outcome.code,
            effect=outcome.effect,
            content="",
            error=outcome.error,
            retryable=outcome.retryable,
        )
        return explained(
            result,
            outcome.message,
            self._plan.explain,
            lambda _where, _error: None,
            redactor=self._plan.options.redactor,
        )

    def _if_stopped(self, position: int) -> Outcome:
        match self._plan.plans[position]:
            case Rejected(_, code, message):
                return rejected(code, message)
            case Echo(_, of):
                return self._if_stopped(of)
            case Planned() if self._supervisor is not None:
                return self._supervisor.stopped_now(self._supervisor.slots[position], "cancelled")
        return rejected("not_started", NOT_STARTED)


async def run_turn(turn: Turn) -> None:
    """Run *turn*: what was planned is driven to its seals; what was refused is answered; everybody is told.

    Raises:
        BaseException: a cancellation from outside, after every slot is sealed.
    """
    plan, (resources, observers, routine) = turn._plan, turn._surroundings()  # noqa: SLF001 -- the turn's own function
    turn._enter()  # noqa: SLF001
    now = resources.backend.now
    opened, nest = now(), Nest(resources)
    if nest.around is not None:
        plan = plan._replace(plans=nest.plans(plan.plans, plan.options), options=nest.options(plan.options))
    name = plan.options.key or f"turn-{next(_turn_numbers)}"
    emit = Emitter(name, observers, now, routine=routine, redactor=plan.options.redactor)
    collector = Collector(
        plan.parsed.calls,
        echoes_of(plan.plans),
        emit,
        plan.explain,
        max_bytes=plan.options.limits.turn_result_bytes,
    )
    planned = [one for one in plan.plans if type(one) is Planned]
    supervisor = Supervisor(planned, collector, resources, plan.options, emit, nest=nest, schedule=plan.schedule)
    turn._begin(collector, supervisor, resources.backend.post)  # noqa: SLF001
    emit.turn(TurnOpened, calls=len(plan.plans), dialect=plan.dialect.name)
    for one in plan.plans:
        if type(one) is Rejected:
            collector.seal(one.call.position, rejected(one.code, one.message))
        elif type(one) is Kept:
            collector.keep(one.call.position, one.result)
        if one.call.call_id != one.call.sent_id and plan.dialect.id_rule.changed(one.call):
            emit.call(IdMinted, one.call, sent_id=one.call.sent_id)
        if routine or not (type(one) is Planned and one.as_sent):
            tell_planned(one, emit, collector)
    resources.watch.turn_begins()
    try:
        await supervisor.run()
    finally:
        resources.watch.turn_ends()
        turn._finish()  # noqa: SLF001
        if any(type(result.content) is tuple for result in turn.results):
            tell_replaced(turn._render, turn.calls, emit)  # noqa: SLF001
        duration, stopped = now() - opened, turn._cancelled  # noqa: SLF001
        emit.turn(TurnClosed, calls=len(plan.plans), duration=duration, lag=supervisor.lag, stopped=stopped)
