"""Runs one call in a worker: finds the function, binds the arguments, calls it, and tells how it ended."""

import importlib
import inspect
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from types import AsyncGeneratorType
from typing import Any

from everycall.core.errors import UsageError
from everycall.executors.process import launch
from everycall.registry.context import ToolContext, last_of
from everycall.registry.registry import ToolRegistry
from everycall.registry.tool import Tool
from everycall.worker.account import of_error, of_value
from everycall.worker.guard import bound_cpu, bound_memory, is_spent
from everycall.worker.line import Line

_NO_DEPS = (
    "deps live in the process that runs the turn, and this tool runs in a process of its own: make what it needs where "
    "the tool is defined, or run it as a thread"
)


class WorkerContext(ToolContext[Any]):
    """The context of a tool that runs in a process of its own: all of it but `deps`."""

    __slots__ = ()

    @property
    def deps(self) -> Any:
        """Nothing crosses a process but JSON.

        Raises:
            UsageError: always.
        """
        raise UsageError(_NO_DEPS)

    @deps.setter
    def deps(self, value: Any) -> None:
        """Forget it: what a context is made with, and there is none."""


class Calls:
    """Runs the calls of one worker, and remembers their tools.

    Args:
        line: to the host.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self._tools: dict[tuple[object, ...], Tool] = {}

    def run(self, request: Mapping[str, Any]) -> None:
        """Run one call, and tell how it ended."""
        line, retry_on = self._line, request["retry_on"]
        if request["path"] is not None:
            sys.path[:] = request["path"]
            importlib.invalidate_caches()
        bound_memory(request["memory_bytes"])
        try:
            tool = self._tool_of(request)
            bound = tool.bind(request["arguments"])
        except BaseException as error:  # noqa: BLE001 -- whatever a module does when it is imported
            line.send(of_error(error, retry_on, effect="none", spent=True))
            return
        context = self._context_of(request["context"])
        line.send({"started": True})
        bound_cpu(request["cpu_seconds"])
        try:
            value = tool.call(bound, context)
            if type(value) is AsyncGeneratorType or isinstance(value, Awaitable):
                stopped, value = self._awaited(value, request["backend"])
                if stopped:
                    line.send({"end": "cancelled", "spent": False})
                    return
            told = of_value(line.call, value, spent=is_spent(request["memory_bytes"]))
        except BaseException as error:  # noqa: BLE001 -- whatever a tool raises ends this call and nothing else
            line.send(of_error(error, retry_on, spent=is_spent(request["memory_bytes"])))
            return
        finally:
            bound_cpu(None)
        line.send_text(told)

    def _tool_of(self, request: Mapping[str, Any]) -> Tool:
        parameters = request["parameters"]
        key = (request["tool"], request["module"], request["qualname"], repr(parameters))
        tool = self._tools.get(key)
        if tool is None:
            function = _found(request["module"], request["qualname"])
            options: Any = {} if parameters is None else {"parameters": parameters}
            tool = self._tools[key] = ToolRegistry().add(function, name=request["tool"], **options)
        return tool

    def _context_of(self, facts: Mapping[str, Any] | None) -> ToolContext[Any] | None:
        if facts is None:
            return None
        line, call, left = self._line, self._line.call, facts["remaining"]
        ends = None if left is None else time.monotonic() + left

        def report(done: float, total: float | None, message: str | None) -> None:
            if line.call == call:  # else a thread that the call left behind
                self._report(done, total, message)

        return WorkerContext(
            call_id=facts["call_id"],
            tool_name=facts["tool_name"],
            attempt=facts["attempt"],
            deps=None,
            idempotency_key=lambda: str(facts["idempotency_key"]),
            remaining=lambda: None if ends is None else max(0.0, ends - time.monotonic()),
            cancelled=lambda: line.call != call or line.asked_to_stop,
            report=report,
        )

    def _awaited(self, value: Any, backend: str) -> tuple[bool, object]:
        """Return whether *value* was stopped as it was asked to, and what it gave."""
        import anyio  # noqa: PLC0415 -- an event loop, which a sync tool does not need

        from everycall.turn.stop import backend_of_running_loop  # noqa: PLC0415 -- as above

        async def main() -> tuple[bool, object]:
            post = backend_of_running_loop().post
            with anyio.CancelScope() as scope:
                self._line.when_asked_to_stop(lambda: post(scope.cancel))
                return False, await (last_of(value, self._report) if type(value) is AsyncGeneratorType else value)
            return True, None

        try:
            return anyio.run(main, backend=backend)
        finally:
            self._line.when_asked_to_stop(lambda: None)

    def _report(self, done: float, total: float | None, message: str | None) -> None:
        self._line.send({"progress": [done, total, message]})


def _found(module: str, qualname: str) -> Callable[..., Any]:
    launch.loading = True
    try:
        one: Any = importlib.import_module(module)
    finally:
        launch.loading = False
    for part in qualname.split("."):
        one = inspect.getattr_static(one, part) if isinstance(one, type) else getattr(one, part)
        if isinstance(one, staticmethod):
            one = one.__func__
    if not callable(one):
        raise TypeError(f"{module}.{qualname} cannot be called")
    return one  # type: ignore[no-any-return]
