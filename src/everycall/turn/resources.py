"""What the turns of one runtime share: the loop, the executors, the gates, and what was abandoned."""

import os
from collections.abc import Callable, Mapping

from everycall.core.policy import Limits
from everycall.ports import Backend, Executor
from everycall.registry.tool import Tool
from everycall.turn.abandoned import Abandoned
from everycall.turn.gates import Gate, RateGate
from everycall.turn.late import LateResults
from everycall.turn.retry import UNIFORM, RetryBudget
from everycall.turn.schedule import Order
from everycall.turn.watchdog import LoopWatch


class Resources:
    """Shared by the turns of one runtime, on one loop.

    Args:
        backend: the loop.
        executors: by the name that tools use.
        limits: the per-runtime fields count.
        uniform: draws the jitter of back-offs.
    """

    def __init__(
        self,
        backend: Backend,
        executors: Mapping[str, Executor],
        limits: Limits,
        uniform: Callable[[float, float], float] = UNIFORM,
    ) -> None:
        self.backend = backend
        self.executors = executors
        self.limits = limits
        self.uniform = uniform
        self.threads = Gate(limits.threads)
        self.abandoned = Abandoned(backend, limits, self.threads)
        self.order = Order()
        self.watch = LoopWatch(backend, limits.loop_blocked)
        self.processes = Gate(limits.processes or os.cpu_count() or 1)
        self._of_executor: dict[str, tuple[Gate, ...]] = {"thread": (self.threads,), "process": (self.processes,)}
        self.everyone: Gate | None = None
        if limits.runtime_concurrency is not None:
            self.everyone = Gate(limits.runtime_concurrency)
        self._of_tool: dict[Tool, tuple[Gate, ...]] = {}
        self._retries: dict[Tool, RetryBudget] = {}
        self.late: LateResults | None = None  # kept for who can ask for them

    def gates_of(self, tool: Tool) -> tuple[Gate, ...]:
        """Return the gates that every attempt of *tool* must pass."""
        shared = self._of_executor.get(tool.executor, ())
        if tool.max_concurrency is None and tool.rate is None:
            return shared if self.everyone is None else (self.everyone, *shared)
        own = self._of_tool.get(tool)
        if own is None:
            own = self._of_tool[tool] = self._own_gates(tool)
        return (*own, *shared) if self.everyone is None else (*own, self.everyone, *shared)

    def may_retry(self, tool: Tool) -> bool:
        """Return whether another retry of *tool* is within `Limits.failed_retries`, and pay for it."""
        if self.limits.failed_retries is None:
            return True
        budget = self._retries.get(tool)
        if budget is None:
            budget = self._retries[tool] = RetryBudget(self.limits.failed_retries, self.backend.now)
        return budget.spend()

    def retried_well(self, tool: Tool, retries: int) -> None:
        """Note that a call of *tool* succeeded after so many retries."""
        if tool in self._retries:
            self._retries[tool].give_back(retries)

    def own_gates(self) -> Mapping[Tool, tuple[Gate, ...]]:
        """Return the gates of the tools that have some of their own and were called."""
        return self._of_tool

    def _own_gates(self, tool: Tool) -> tuple[Gate, ...]:
        gates: list[Gate] = []
        if tool.max_concurrency is not None:
            gates.append(Gate(tool.max_concurrency))
        if tool.rate is not None:
            gates.append(RateGate(tool.rate, self.backend.now))
        return tuple(gates)
