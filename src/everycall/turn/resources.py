"""What the turns of one runtime share: the loop, the executors, the gates, and what was abandoned."""

from collections.abc import Callable, Mapping

from everycall.core.policy import Limits
from everycall.ports import Backend, Executor
from everycall.registry.tool import Tool
from everycall.turn.abandoned import Abandoned
from everycall.turn.gates import Gate
from everycall.turn.retry import UNIFORM


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
        self._per_tool: dict[Tool, Gate] = {}

    def gates_of(self, tool: Tool) -> tuple[Gate, ...]:
        """Return the gates that every attempt of *tool* must pass."""
        if tool.max_concurrency is None:
            return (self.threads,) if tool.executor == "thread" else ()
        gate = self._per_tool.get(tool)
        if gate is None:
            gate = self._per_tool[tool] = Gate(tool.max_concurrency)
        return (gate, self.threads) if tool.executor == "thread" else (gate,)
