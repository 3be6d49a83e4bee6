"""Plain calls, as far as they come without waiting; a call that waits is handed to a supervisor.

1. Nearly all that a turn builds is for calls that wait, fail, queue or are stopped. A call whose code returns at its
   first step needs none of it: it is entered, it returns, it is sealed.
2. Whatever else happens, an `Attempt` is made on the spot and takes over, as if it had been there from the start. So
   every rule of attempts stands where it always does, and nothing is decided twice.
3. Between two calls nothing else runs, neither timers nor a stop; what is asked meanwhile comes after the last one.
"""

import contextvars
import sys
from collections.abc import Mapping, Sequence
from types import AsyncGeneratorType, MappingProxyType

import anyio.lowlevel

from everycall.core.calls import ToolCall
from everycall.core.errors import InfrastructureError
from everycall.core.events import LoopBlocked
from everycall.core.outcomes import Code
from everycall.ports import AttemptEnd, Returned, Running
from everycall.registry.tool import Tool
from everycall.turn.attempts import Attempt, source_of
from everycall.turn.collector import Collector
from everycall.turn.deadlines import bounds_of
from everycall.turn.emit import Emitter
from everycall.turn.gates import Gate
from everycall.turn.judge import Outcome, judge_stop
from everycall.turn.nested import INSIDE, Nest
from everycall.turn.plan import Planned
from everycall.turn.policies import Policies
from everycall.turn.resources import Resources
from everycall.turn.slot import TurnOptions
from everycall.turn.supervise import Supervisor
from everycall.turn.timers import NEVER


def host_of(resources: Resources, options: TurnOptions) -> object | None:
    """Return the task that runs the turn, if plain calls have nothing to wait for: nor need they for the loop, then.

    A host that handles an exception would show it to code that runs on its own stack: a bare `raise` would raise it.
    """
    if (
        resources.abandoned.any
        or resources.everyone is not None
        or options.limits.concurrency is not None
        or INSIDE.get() is not None
        or sys.exception() is not None
    ):
        return None
    return resources.backend.host_at_once()


class Straight:
    """Brings the calls of one turn to their ends, each of which may start at once. Satisfies `turn.Driver`.

    Args:
        planned: the calls, in order.
        collector: takes their outcomes.
        resources: what the turns of a runtime share.
        options: of this turn.
        emit: tells the observers.
        opened: when the turn began, on the loop's clock.
        host: what `host_of` has returned.

    Attributes:
        supervisor: of the calls that did not come to their end at once; None if there is none.
    """

    __slots__ = (
        "_begun",
        "_context",
        "_current",
        "_host",
        "_opened",
        "_options",
        "_planned",
        "_raised",
        "collector",
        "emit",
        "now",
        "resources",
        "supervisor",
    )

    deferred: Mapping[int, str] = MappingProxyType({})
    """No call of such a turn needs consent."""

    def __init__(  # noqa: PLR0917 -- one for each turn: names would cost 1 % of it
        self,
        planned: Sequence[Planned],
        collector: Collector,
        resources: Resources,
        options: TurnOptions,
        emit: Emitter,
        opened: float,
        host: object,
    ) -> None:
        self._planned = planned
        self._host = host
        self._begun = False
        self._raised: BaseException | None = None  # by what the beginning was interrupted from outside
        self._current: FirstTry | None = None
        self.resources = resources
        self._options = options
        self._context = contextvars.copy_context()  # the caller's
        self.collector = collector
        self.emit = emit
        self.now = resources.backend.now
        self._opened = opened
        self.supervisor: Supervisor | None = None

    def begin(self) -> bool:
        """Begin every call. Returns whether `run` is to be awaited: calls go on, or others shall use the loop."""
        backend, host = self.resources.backend, self._host
        if self.supervisor is not None:
            return True  # stopped before it began
        self._begun = True
        start = backend.start_at_once
        try:
            for one in self._planned:
                self._current = first = FirstTry(self, one)
                running = start(first, first.report, host)
                if not first.over:
                    first.goes_on_as(running)
            self._current = None
        except BaseException as error:  # noqa: BLE001 -- the supervisor raises it again when every slot is sealed
            self._raised = error
            return True
        return self.collector.open > 0 or self.supervisor is not None or backend.holds_up(self.now())

    async def run(self) -> None:
        """Run until every slot is sealed.

        Raises:
            BaseException: whatever cancelled the caller from outside; every slot is sealed first.
        """
        raised, self._raised = self._raised, None
        try:
            if not self._begun:
                await self.rest().run()
            elif self.collector.open or self.supervisor is not None:
                await self.rest().run(begun=True, raised=raised)
            elif raised is not None:
                raise raised
            else:
                await anyio.lowlevel.checkpoint()
        finally:
            raised = None  # its traceback holds this frame: no cycle for the collector

    def rest(self) -> Supervisor:
        """Return the supervisor of all calls that are not sealed: those that were not begun, too."""
        supervisor = self.supervising()
        if self._current is not None and not self._current.over:
            self._current.taken_over()  # its beginning was interrupted from outside
        for one in self._planned:
            if self.collector.results[one.call.position] is None and one.call.position not in supervisor.slots:
                supervisor.expect(one)
        return supervisor

    def remaining(self, tool: Tool, started: float) -> float | None:
        """Return the seconds that a first attempt has which began then, never below 0; None for no bound."""
        of_turn = self._options.turn_timeout
        ends = min(*bounds_of(tool, started), NEVER if of_turn is None else self._opened + of_turn)
        return None if ends == NEVER else max(0.0, ends - self.now())

    def supervising(self) -> Supervisor:
        """Return the supervisor; it is made when it is first needed."""
        if self.supervisor is None:
            resources = self.resources
            self.supervisor = Supervisor(
                (),
                self.collector,
                resources,
                self._options,
                self.emit,
                nest=Nest(resources, None),
                host_context=self._context,
            )
            self.supervisor.start_clock(self._opened)
        return self.supervisor

    @property
    def lag(self) -> float:
        """See `Supervisor.lag`."""
        return 0.0 if self.supervisor is None else self.supervisor.lag

    def stop(self, code: Code) -> None:
        """See `Supervisor.stop`. Never called while calls begin: it is posted, or comes before."""
        if self.collector.open:
            self.rest().stop(code)

    def stopped_at(self, position: int, code: Code) -> Outcome | None:
        """See `Supervisor.stopped_at`."""
        if self.supervisor is not None and position in self.supervisor.slots:
            return self.supervisor.stopped_at(position, code)
        first = self._current
        entered = first is not None and first.call.position == position and first.started is not None
        return judge_stop(code, self._planned[position].tool, None) if entered else None


class FirstTry:
    """The first attempt of a call until it has to be more than that. Satisfies `ports.Work` and `nested.Inside`.

    Args:
        way: on which it goes.
        planned: the call.

    Attributes:
        tool_name: the tool's name.
        context: in which its code is to run; gone when it does, for it holds this object then.
        started: when its code was entered, on the loop's clock; None before.
        over: whether its code has ended.
    """

    __slots__ = ("_attempt", "_emit", "_resources", "_way", "context", "over", "planned", "started", "tool_name")

    policies: Policies | None = None
    """A plain call touches nothing."""

    def __init__(self, way: Straight, planned: Planned) -> None:
        self._way: Straight | None = way  # until it is over: code that the tool has left behind may hold this for long
        self._emit = way.emit
        self._resources = way.resources
        self._attempt: Attempt | None = None  # what has taken over
        self.planned = planned
        self.tool_name = planned.tool.name
        self.started: float | None = None
        self.over = False
        self.context = contextvars.copy_context()

    def taken_over(self) -> Attempt:
        """Return the attempt that goes on from here; it is made when it is first needed. On the loop."""
        if self._attempt is None:
            way = self._way
            assert way is not None, "a call that is over is not taken over"  # noqa: S101
            self._attempt = way.supervising().adopt(self.planned, self.started)
        return self._attempt

    def goes_on_as(self, running: Running | None) -> None:
        """Take note of what runs it, now that its first step is made or left to the loop.

        Args:
            running: None if its code has ended. If no attempt has heard how, that could not even be reported.
        """
        if running is not None:
            self.taken_over().goes_on_as(running)
        elif self._attempt is None and self._way is not None:
            self._answer(self._way, InfrastructureError("the end of a call was not reported"))

    def report(self, end: AttemptEnd) -> None:
        """Receive how the attempt ended; on the loop, once."""
        way = self._way
        assert way is not None, "a call ends once"  # noqa: S101
        try:
            if self._attempt is None and type(end) is Returned:
                self._seal(way, end.value)
                self.over = True
            else:
                attempt = self.taken_over()
                attempt.report(end)
                self.over = attempt.ended
        except BaseException as error:  # noqa: BLE001 -- a fault of this library: see `Attempt.report`
            self._answer(way, error)
        if self.over:
            self._way = self._attempt = None

    def _answer(self, way: Straight, fault: BaseException) -> None:
        """Seal the call although *fault*, one of this library, leaves unknown what became of it."""
        if self._attempt is not None:
            self._attempt.confused(fault)
        else:
            tool = self.planned.tool
            outcome = judge_stop("internal_error", tool, None)
            way.collector.seal(self.call.position, outcome, max_bytes=tool.max_result_bytes, attempts=1)
            self._emit.fault("the first attempt of a call", fault)
        self.over = True

    def _seal(self, way: Straight, value: object) -> None:
        call, tool = self.planned.call, self.planned.tool
        notes = way.collector.seal_value(
            call.position,
            value,
            max_bytes=tool.max_result_bytes,
            attempts=1,
            duration=way.now() - (self.started or 0.0),
        )
        if notes:
            way.collector.announce(call.position, notes)

    # --- nested.Inside: looked at from any thread ---

    @property
    def call(self) -> ToolCall:
        """See `nested.Inside.call`."""
        return self.planned.call

    @property
    def nest(self) -> Nest:
        """See `nested.Inside.nest`: such a turn runs within no other."""
        return Nest(self._resources, None)

    @property
    def runs(self) -> bool:
        """See `nested.Inside.runs`."""
        attempt = self._attempt
        return not self.over and (attempt is None or not attempt.ended)

    def remaining(self) -> float | None:
        """See `nested.Inside.remaining`."""
        attempt, way, started = self._attempt, self._way, self.started
        if attempt is not None:
            return attempt.remaining()
        return None if way is None or started is None else way.remaining(self.planned.tool, started)

    def lends(self, gate: Gate) -> Gate | None:  # noqa: ARG002 -- see below
        """See `nested.Inside.lends`: a plain call has no place anywhere."""
        return None

    # --- ports.Work ---

    @property
    def source(self) -> str | None:
        """See `ports.Work.source`."""
        return source_of(self.planned.tool)

    def enter(self) -> bool:
        """See `ports.Work.enter`."""
        if self._attempt is not None:
            return self._attempt.enter()
        way = self._way
        assert way is not None, "a call begins once"  # noqa: S101
        self.started = way.now()
        INSIDE.set(self)
        del self.context
        return True

    def waits(self) -> None:
        """See `ports.Work.waits`."""
        self.taken_over().waits()

    def invoke(self) -> object:
        """See `ports.Work.invoke`."""
        tool = self.planned.tool
        if tool.context_name is not None:
            return self.taken_over().invoke()
        args, kwargs, _ = self.planned.bound
        value = tool.function(*args, **kwargs)
        return self.taken_over().one_value(value) if type(value) is AsyncGeneratorType else value

    def refused(self) -> None:
        """See `ports.Work.refused`."""
        self.taken_over().refused()

    def leaked(self, error: BaseException) -> None:
        """See `ports.Work.leaked`."""
        self.taken_over().leaked(error)

    def blocked(self, file: str, line: int, function: str, *, seconds: float) -> None:
        """See `ports.Work.blocked`."""
        self._emit.call(LoopBlocked, self.call, file=file, line=line, function=function, seconds=seconds)
