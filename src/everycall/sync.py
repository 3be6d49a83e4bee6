"""For a program without an event loop: one long-lived loop per process, in a daemon thread.

Clients that are shared between turns (connection pools) belong to one loop; a loop per turn would break them.
"""

import os
import threading
from collections.abc import Mapping, Sequence

import anyio
import anyio.from_thread

from everycall._api import open_turn
from everycall.core.decisions import Decision
from everycall.core.errors import InfrastructureError, UsageError
from everycall.core.policy import Limits
from everycall.opening import require_turn
from everycall.ports import Dialect, Observer
from everycall.registry import ToolRegistry
from everycall.registry.context import Deps
from everycall.turn.consent import Approver
from everycall.turn.stop import running_loop
from everycall.turn.turn import Turn


def run_tool_calls_sync(
    assistant_msg: object,
    registry: ToolRegistry[Deps],
    *,
    key: str | None = None,
    dialect: str | Dialect | None = None,
    finish_reason: str | None = None,
    deps: Deps | None = None,
    turn_timeout: float | None = None,
    limits: Limits | None = None,
    approve: Approver | None = None,
    observers: Sequence[Observer] = (),
) -> Turn:
    """Do what `run_tool_calls` does, and wait for it. The arguments are the same.

    Ctrl-C stops the turn, gives every call its result, and then raises KeyboardInterrupt; a second one raises at once.

    Raises:
        UsageError: an argument is wrong, or an event loop runs in this thread: there, `await run_tool_calls(...)`.
        MessageError: the message or its list of calls cannot be read.
    """
    _refuse_running_loop()
    turn = open_turn(
        assistant_msg,
        registry,
        key=key,
        dialect=dialect,
        finish_reason=finish_reason,
        deps=deps,
        turn_timeout=turn_timeout,
        limits=limits,
        approve=approve,
        observers=observers,
    )
    return _run(turn)


def resume_sync(turn: Turn, decisions: Mapping[str, Decision]) -> Turn:
    """Do what `resume` does, for a turn of `run_tool_calls_sync`, and wait for it.

    Raises:
        UsageError: *turn* is not done, no such call waits, it was decided before, or an event loop runs in this thread.
    """
    _refuse_running_loop()
    return _run(require_turn(turn).resumed(decisions))


def _run(turn: Turn) -> Turn:
    """Run *turn* on the background loop, and wait for it."""
    running = _portal().start_task_soon(turn.run)
    try:
        return running.result()
    except KeyboardInterrupt:
        turn.cancel("interrupted")
        running.result()
        raise


def _refuse_running_loop() -> None:
    try:
        running_loop()
    except RuntimeError:
        return
    raise UsageError(
        "an event loop runs in this thread: write `await run_tool_calls(...)` instead of run_tool_calls_sync(...), and "
        "`await resume(...)` instead of resume_sync(...)"
    )


class _BackgroundLoop:
    """An asyncio loop in a daemon thread, and the portal into it."""

    def __init__(self) -> None:
        self._ready = threading.Event()
        self._portal: anyio.from_thread.BlockingPortal | None = None
        threading.Thread(target=anyio.run, args=(self._serve,), name="everycall-loop", daemon=True).start()

    async def _serve(self) -> None:
        async with anyio.from_thread.BlockingPortal() as portal:
            self._portal = portal
            self._ready.set()
            await portal.sleep_until_stopped()

    def portal(self) -> anyio.from_thread.BlockingPortal:
        if not self._ready.wait(timeout=30) or self._portal is None:
            raise InfrastructureError("the background event loop did not start within 30 s")
        return self._portal


_lock = threading.Lock()
_loops: dict[int, _BackgroundLoop] = {}
"""By process: a forked child has the object, but not the thread."""


def _portal() -> anyio.from_thread.BlockingPortal:
    with _lock:
        loop = _loops.get(os.getpid())
        if loop is None:
            _loops.clear()
            loop = _loops[os.getpid()] = _BackgroundLoop()
    return loop.portal()
