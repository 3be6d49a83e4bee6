"""The turn: one assistant message, its calls, and exactly one result for each."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Protocol

import anyio
import anyio.lowlevel

from everycall.core.calls import ParsedMessage, ToolCall
from everycall.core.decisions import Decision, PendingCall
from everycall.core.errors import UsageError
from everycall.core.outcomes import Code, ToolResult
from everycall.ports import Dialect, Observer, Rendered
from everycall.turn.arrangement import schedule_of, scheduled_calls
from everycall.turn.collector import Collector, Explain, explained, unsuccessful
from everycall.turn.judge import Outcome, rejected
from everycall.turn.plan import Echo, Kept, Plan, Rejected
from everycall.turn.resources import Resources
from everycall.turn.resumption import pending_calls, require_decisions, require_undecided, resumed_plans
from everycall.turn.run import run_turn
from everycall.turn.running import RunningTurns
from everycall.turn.schedule import Schedule, ScheduledCall
from everycall.turn.slot import TurnOptions
from everycall.turn.supervise import NOT_STARTED


class TurnPlan(NamedTuple):
    """All that is decided about a turn before anything runs.

    Attributes:
        dialect: reads and writes the provider's shape.
        parsed: the message, its calls with ids assigned.
        plans: one decision per call.
        options: what the caller asked.
        explain: replaces the text of a result that is no success; may be None.
        schedule: which call waits for which; None if no tool says what it touches or needs consent.
        plain: every call may start at once, and there is nothing to tell of any.
    """

    dialect: Dialect
    parsed: ParsedMessage
    plans: Sequence[Plan]
    options: TurnOptions
    explain: Explain | None
    schedule: Schedule | None = None
    plain: bool = False


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


class Driver(Protocol):
    """What brings the calls of a turn to their ends."""

    @property
    def deferred(self) -> Mapping[int, str]:
        """Why a call waits for a decision, by position."""
        ...

    @property
    def lag(self) -> float:
        """By how many seconds the latest deadline was acted on too late."""
        ...

    async def run(self) -> None:
        """Run until every slot is sealed.

        Raises:
            BaseException: whatever cancelled the caller from outside; every slot is sealed first.
        """
        ...

    def stop(self, code: Code) -> None:
        """End the turn: ask what runs to stop, answer what does not. On the loop."""
        ...

    def stopped_at(self, position: int, code: Code) -> Outcome | None:
        """Return the outcome of a call if the turn stopped now and nobody waited for it; None if not known here."""
        ...


class Turn:
    """One turn. Made by `open_turn` or `ToolRuntime.open_turn`, never by hand.

    `await turn.run()` runs it; after that every property is final. Before, and while it runs, the properties show what
    stopping now would give, and seal nothing. An empty turn (a message without calls) is falsy.
    """

    # How each turn begins; here, because setting them one by one takes longer than running a call.
    _state: Literal["open", "running", "done"] = "open"
    _collector: Collector | None = None
    _driver: Driver | None = None
    _post: Callable[[Callable[[], object]], bool] | None = None
    _cancelled: str | None = None
    _changed: anyio.Event | None = None  # made when somebody follows `settled`
    _final: tuple[ToolResult, ...] | None = None
    _decided: frozenset[str] = frozenset()  # calls that a later turn has taken up
    _takes_up: "tuple[Turn | None, frozenset[str]]" = (None, frozenset())  # the turn it goes on from, and which of them
    _rendered: Rendered | None = None

    def __init__(
        self, plan: TurnPlan, surroundings: Callable[[], Surroundings], running: "RunningTurns | None" = None
    ) -> None:
        self._plan = plan
        self._running = running  # the turns that a runtime has to end when it closes
        self._surroundings = surroundings
        self._notes = _NO_NOTES if plan.plain else _notes_of(plan.plans)

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
        if self._driver is not None and self._post is not None:
            driver = self._driver
            self._post(lambda: driver.stop("cancelled"))

    async def settled(self) -> AsyncIterator[ToolResult]:
        """Give each result as it is settled, in order of completion; ends when the turn is done.

        It only follows: somebody else has to run the turn, such as `group.start_soon(turn.run)`.
        """
        given = 0
        while True:
            settled = self._settled_from(given)
            for result in settled:
                yield result
            given += len(settled)
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
        if not self._plan.parsed.calls:
            return []
        rendered = self._rendered or self._render()
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

    def _begin(self, collector: Collector, driver: Driver, post: Callable[[Callable[[], object]], bool]) -> None:
        self._state = "running"
        self._collector, self._driver, self._post = collector, driver, post
        if self._changed is not None:  # somebody follows already
            collector.on_write = self._wake_followers
        if self._cancelled is not None:
            driver.stop("cancelled")

    def _finish(self, deferred: Mapping[int, str] | None = None) -> None:
        if self._running is not None:
            self._running.leave(self)
        collector = self._collector
        if collector is not None:
            results = collector.results
            if collector.open:
                results = [one or self._as_it_stands(at) for at, one in enumerate(results)]
            self._final = tuple(results)  # type: ignore[arg-type]  # none is None any more
            collector.on_write = None
        self._state = "done"
        if deferred:
            self._notes = {**self._notes, **deferred}
        self._driver = self._post = None
        if self._changed is not None:
            self._wake_followers()

    def __len__(self) -> int:
        return len(self.calls)

    def __iter__(self) -> Iterator[ToolResult]:
        return iter(self.results)

    def __reversed__(self) -> Iterator[ToolResult]:
        return reversed(self.results)

    def __contains__(self, call: object) -> bool:
        if isinstance(call, ToolResult):
            return any(result is call for result in self.results)
        return self._position(call) is not None

    def __getitem__(self, call_id: str) -> ToolResult:
        position = self._position(call_id)
        if position is not None:
            return self.results[position]
        if isinstance(call_id, str):
            raise KeyError(call_id)
        raise TypeError("a turn is asked for the id of a call; for a position ask its results: turn.results[0]")

    def __repr__(self) -> str:
        words = ", ".join(result.code for result in self.results[:8])
        more = ", ..." if len(self) > 8 else ""
        return f"<Turn {self._state}: {len(self)} calls{': ' + words + more if words else ''}>"

    # --- inside ---------------------------------------------------------------------------------------

    def _position(self, call_id: object) -> int | None:
        """Return where the call of that id stands: the one in the exchange, else the one that was sent."""
        for ids in ([call.call_id for call in self.calls], [call.sent_id for call in self.calls]):
            if call_id in ids:
                return ids.index(call_id)  # type: ignore[arg-type]  # it is one of them
        return None

    def _settled_from(self, first: int) -> list[ToolResult]:
        """Return the results in order of completion, without the *first* ones."""
        if self._collector is None:
            return []
        results = self._collector.results
        return [result for at in self._collector.order[first:] if (result := results[at]) is not None]

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
        results = self.results if self._final is None else self._final
        rendered = self._plan.dialect.render(self._plan.parsed, results)
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
        return explained(
            unsuccessful(self.calls[position], outcome),
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
        outcome = self._driver.stopped_at(position, "cancelled") if self._driver is not None else None
        return outcome or rejected("not_started", NOT_STARTED)


_NO_NOTES: Mapping[int, str] = MappingProxyType({})


def _notes_of(plans: Sequence[Plan]) -> Mapping[int, str]:
    """Return what was said of the calls that wait for a decision, by position."""
    return {one.call.position: one.note or "" for one in plans if type(one) is Kept}
