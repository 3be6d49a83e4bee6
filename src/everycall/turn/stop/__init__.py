"""Root tasks: how the code of an async tool is started, asked to stop, and in the end stopped against its will.

This package is the only place that knows how an event loop works inside. Why it exists:

1. A task group waits for its children, so a tool that refuses cancellation would hold the turn. Each attempt is
   therefore a *root task* (an asyncio task, a trio system task) that nobody waits for; the engine waits for its report.
2. `asyncio.run` and `trio.run` do not return while a task lives. So a root task must be stoppable by force. A coroutine
   only advances when somebody calls `send` or `throw`; a *driver* between the loop and the tool's coroutine is that
   somebody.

The ladder: `stop` cancels the scope around the tool (level cancellation: shields are honoured); `abandon` says that
nobody waits any more; `kill` answers the tool's next wait, and the waits after that, with `ForceStop`; a coroutine that
survives `FORCED_THROWS` of them is never resumed again. A tool that swallows more than `REFUSALS` cancellations, or one
after it was abandoned, is killed at once: it would keep a core busy, or its loop from closing.
"""

import asyncio
import sys

from everycall.turn.stop.on_asyncio import AsyncioBackend
from everycall.turn.stop.on_trio import TrioBackend
from everycall.turn.stop.under_way import tool_under_way

__all__ = ["AsyncioBackend", "TrioBackend", "backend_of_running_loop", "running_loop", "tool_under_way"]


def backend_of_running_loop() -> AsyncioBackend | TrioBackend:
    """Return a view of the loop that runs this code.

    Raises:
        RuntimeError: no event loop is running here.
    """
    return TrioBackend() if _in_trio() else AsyncioBackend()


def running_loop() -> object:
    """Return what stands for the loop that runs this code: hashable, and gone when the loop is.

    Raises:
        RuntimeError: no event loop is running here.
    """
    return sys.modules["trio"].lowlevel.current_trio_token() if _in_trio() else asyncio.get_running_loop()


def _in_trio() -> bool:
    trio = sys.modules.get("trio")
    return trio is not None and trio.lowlevel.in_trio_task()
