"""What outlives a turn: limits, threads, the count of abandoned calls; and the hidden runtime of each loop."""

import logging
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Self

import anyio

from everycall.core.errors import UsageError
from everycall.core.events import Event
from everycall.core.policy import Limits
from everycall.executors.process import SHARED_WORKERS, ProcessExecutor, Workers
from everycall.executors.thread import ThreadExecutor
from everycall.opening import (
    DEFAULT_LIMITS,
    chosen_dialect,
    plan_turn,
    require_approver,
    require_limits,
    require_observers,
    require_registry,
)
from everycall.ports import Dialect, Executor, Observer
from everycall.registry import ToolRegistry
from everycall.registry.context import Deps_contra
from everycall.turn.consent import Approver
from everycall.turn.gates import Gate, RateGate
from everycall.turn.late import Late, LateResults
from everycall.turn.resources import Resources
from everycall.turn.running import RunningTurns
from everycall.turn.stop import backend_of_running_loop, running_loop
from everycall.turn.turn import Surroundings, Turn

_LOGGER = logging.getLogger("everycall")
_LOGGER.addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolStatistics:
    """What a runtime holds of one tool that has a limit of its own.

    Attributes:
        running: attempts that run, abandoned ones included; None if their number is not limited.
        waiting: calls that wait for a place, or for their rate.
        starts_saved: how many attempts its rate allows at once now; None if it has no rate.
    """

    running: int | None
    waiting: int
    starts_saved: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeStatistics:
    """What a runtime holds at one moment.

    Attributes:
        turns: turns that run.
        calls_running: attempts that run, abandoned ones included; None without `Limits.runtime_concurrency`.
        calls_waiting: calls that wait for a place of `Limits.runtime_concurrency`.
        threads_busy: threads that run a sync tool, abandoned ones included.
        threads_waiting: calls that wait for a thread.
        processes_busy: worker processes that run a tool.
        processes_waiting: calls that wait for a worker process.
        abandoned: calls that were settled although their code still runs.
        abandoned_in_all: how many there have ever been.
        tools: by name, each tool with a limit of its own that was called.
    """

    turns: int
    calls_running: int | None
    calls_waiting: int
    threads_busy: int
    threads_waiting: int
    processes_busy: int
    processes_waiting: int
    abandoned: int
    abandoned_in_all: int
    tools: Mapping[str, ToolStatistics]


class ToolRuntime(Generic[Deps_contra]):
    """Keeps limits, threads and the count of abandoned calls across turns, and ends what is left.

    Use it as `async with ToolRuntime(registry) as runtime:`. Leaving it stops the turns that still run and takes at
    most the grace plus `Limits.linger` plus two seconds.

    Args:
        registry: the tools.
        dialect: a dialect's name, or a dialect of your own; None to detect it from each message.
        deps: handed to the tools that ask for their context, unless a turn brings its own.
        limits: how much may happen at once.
        approve: async function, asked about each call whose tool `needs_approval`; without one such calls are denied.
        observers: functions that receive every event, synchronously, after the fact.

    Raises:
        UsageError: an argument is wrong.
    """

    def __init__(
        self,
        registry: ToolRegistry[Deps_contra],
        *,
        dialect: str | Dialect | None = None,
        deps: Deps_contra | None = None,
        limits: Limits | None = None,
        approve: Approver | None = None,
        observers: Sequence[Observer] = (),
    ) -> None:
        require_registry(registry)
        self._registry = registry
        self._dialect = None if dialect is None else chosen_dialect(dialect)
        self._deps = deps
        self._limits = require_limits(limits)
        self._approve = require_approver(approve)
        self._observers = require_observers(observers)
        self._resources: Resources | None = None
        self._loop: weakref.ref[object] | None = None  # on which it was entered; not kept alive by this
        self._running = RunningTurns()
        self._workers = Workers()
        self._closed = False

    async def __aenter__(self) -> Self:
        if self._resources is not None:
            raise UsageError("this ToolRuntime has been entered before; make a new one")
        self._resources = new_resources(self._limits, self._workers)
        self._loop = weakref.ref(running_loop())
        self._resources.late = LateResults()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closed = True
        resources = self._entered()
        # Bounded: the graces of the turns, then linger, a second for what was killed, and one for the workers.
        with anyio.CancelScope(shield=True):
            running = list(self._running)
            for turn in running:
                turn.cancel("the runtime is closing")
            for turn in running:
                await turn.wait_done()
            await resources.abandoned.drain()
            await self._end_workers()
        if len(resources.abandoned):
            _LOGGER.warning("%d calls still run after their runtime was closed", len(resources.abandoned))

    async def _end_workers(self) -> None:
        """End the worker processes; idle ones have a moment for what they do at their exit."""
        self._workers.close()
        with anyio.move_on_after(1.0):
            while self._workers.alive:  # noqa: ASYNC110 -- they end in threads that know of no loop
                await anyio.sleep(0.002)

    async def run(
        self,
        assistant_msg: object,
        *,
        key: str | None = None,
        deps: Deps_contra | None = None,
        turn_timeout: float | None = None,
        finish_reason: str | None = None,
    ) -> Turn:
        """Run every call of one assistant message; the arguments are those of `run_tool_calls`.

        One turn of a *key* runs at a time: asked for the same message again meanwhile, this waits for the turn that
        runs and returns it.

        Raises:
            UsageError: an argument is wrong; the runtime is not entered, or closed, or was entered on another event
                loop; or a tool asks for the turn of which it is a part.
            MessageError: the message cannot be read, or a turn of this *key* runs another message.
        """
        turn = self.open_turn(assistant_msg, key=key, deps=deps, turn_timeout=turn_timeout, finish_reason=finish_reason)
        same = self._running.same_as(turn)
        if same is None:
            return await turn.run()
        self._require_its_loop()
        await same.wait_done()
        return same

    def open_turn(
        self,
        assistant_msg: object,
        *,
        key: str | None = None,
        deps: Deps_contra | None = None,
        turn_timeout: float | None = None,
        finish_reason: str | None = None,
    ) -> Turn:
        """Plan one turn without running it; the arguments are those of `run_tool_calls`.

        Raises:
            UsageError: an argument is wrong, or the runtime is not entered, or closed.
            MessageError: the message or its list of calls cannot be read.
        """
        self._entered()
        if self._closed:
            raise UsageError("this ToolRuntime is closed")
        plan = plan_turn(
            assistant_msg,
            self._registry,
            key=key,
            dialect=self._dialect,
            finish_reason=finish_reason,
            deps=self._deps if deps is None else deps,
            turn_timeout=turn_timeout,
            limits=self._limits,
            approve=self._approve,
        )
        return Turn(plan, self._surroundings, self._running)

    def statistics(self) -> RuntimeStatistics:
        """Return what the runtime holds now."""
        resources = self._entered()
        everyone = resources.everyone
        return RuntimeStatistics(
            turns=len(self._running),
            calls_running=None if everyone is None else everyone.held,
            calls_waiting=0 if everyone is None else everyone.waiting,
            threads_busy=resources.threads.held,
            threads_waiting=resources.threads.waiting,
            processes_busy=resources.processes.held,
            processes_waiting=resources.processes.waiting,
            abandoned=len(resources.abandoned),
            abandoned_in_all=resources.abandoned.total,
            tools={tool.name: _statistics_of(gates) for tool, gates in resources.own_gates().items()},
        )

    def late_results(self) -> tuple[Late, ...]:
        """Return what abandoned calls have brought since, the oldest first; the last 64 of them."""
        late = self._entered().late
        return late.all() if late is not None else ()

    def _entered(self) -> Resources:
        if self._resources is None:
            raise UsageError("enter the runtime first: async with ToolRuntime(registry) as runtime: ...")
        return self._resources

    def _surroundings(self) -> Surroundings:
        if self._closed:
            raise UsageError("this ToolRuntime is closed: run the turn before you leave it")
        resources = self._entered()
        self._require_its_loop()
        return surroundings(resources, self._observers)

    def _require_its_loop(self) -> None:
        if self._loop is None or self._loop() is not running_loop():
            raise UsageError(
                "this ToolRuntime was entered on another event loop: use one for each loop, or hand the turn to that "
                "loop (asyncio.run_coroutine_threadsafe, anyio.from_thread.run)"
            )


def _statistics_of(gates: Sequence[Gate]) -> ToolStatistics:
    rates = [gate for gate in gates if isinstance(gate, RateGate)]
    places = [gate for gate in gates if not isinstance(gate, RateGate)]
    return ToolStatistics(
        running=places[0].held if places else None,
        waiting=sum(gate.waiting for gate in gates),
        starts_saved=rates[0].saved if rates else None,
    )


def new_resources(limits: Limits, workers: Workers) -> Resources:
    """Return what turns share, on the loop that runs this code."""
    backend = backend_of_running_loop()
    executors: dict[str, Executor] = {
        "task": backend,
        "thread": ThreadExecutor(backend.post),
        "process": ProcessExecutor(backend.post, workers),
    }
    return Resources(backend, executors, limits)


_hidden: "weakref.WeakKeyDictionary[object, Surroundings]" = weakref.WeakKeyDictionary()


def hidden_surroundings() -> Surroundings:
    """Return where a turn runs that was started without a ToolRuntime, and without observers."""
    loop = running_loop()
    found = _hidden.get(loop)
    if found is None:
        resources = new_resources(DEFAULT_LIMITS, SHARED_WORKERS)
        found = _hidden[loop] = Surroundings(resources, (_log,), routine=False)
    return found if not _LOGGER.isEnabledFor(logging.DEBUG) else found._replace(routine=True)


def hidden_resources() -> Resources:
    """Return what the turns of this loop share that were started without a ToolRuntime."""
    return hidden_surroundings().resources


def surroundings(resources: Resources, observers: tuple[Observer, ...]) -> Surroundings:
    """Return where a turn runs and who is told: the given observers, and the log."""
    routine = bool(observers) or _LOGGER.isEnabledFor(logging.DEBUG)
    return Surroundings(resources, (*observers, _log), routine)


_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def _log(event: Event) -> None:
    """Hand the event to the log; structlog is imported with the first one that is wanted."""
    if _LOGGER.isEnabledFor(_LEVELS[event.level]):
        from everycall.observers.log import log  # noqa: PLC0415 -- structlog costs more to import than a turn to run

        log(event)
