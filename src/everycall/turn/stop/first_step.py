"""The first step of an asyncio task, made at once instead of in the loop's next pass.

A tool that finds its answer in a cache, or computes it, never waits: then its task is over when it would otherwise
begin, and its turn need not wait either. A tool that does wait goes on as any task does.

Python 3.12 has this as `eager_start`. On 3.11 the step that the loop was about to make is taken from its queue, which
is inside knowledge of the stock loop; on another loop nothing is done at once.
"""

import asyncio
import sys
from collections import deque
from collections.abc import Coroutine
from contextvars import Context
from types import FunctionType, MethodType
from typing import Any


def _makes_stock_tasks(loop: asyncio.AbstractEventLoop) -> bool:
    """Return whether nobody has put a `create_task` of their own, in Python, in the place of the loop's."""
    own = loop.create_task
    if isinstance(own, MethodType | FunctionType):
        return getattr(own, "__func__", None) is asyncio.BaseEventLoop.create_task
    return True


if sys.version_info >= (3, 12):

    def makes_first_steps(loop: asyncio.AbstractEventLoop) -> bool:
        """Return whether `task_to_begin` can be used on *loop*."""
        return _makes_stock_tasks(loop)

    def task_to_begin(
        body: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop, name: str, context: Context
    ) -> asyncio.Task[None]:
        """Return a task for *body*, which may have made its first step; `begin` is called next."""
        return asyncio.Task(body, loop=loop, name=name, context=context, eager_start=True)

    def begin(task: asyncio.Task[None], loop: asyncio.AbstractEventLoop, host: asyncio.Task[Any]) -> None:
        """See to it that *task* makes its first step, now if possible. *host*, which asks, goes on afterwards."""

else:
    from asyncio.tasks import _enter_task, _leave_task  # documented for authors of task classes ("Extending asyncio")

    def makes_first_steps(loop: asyncio.AbstractEventLoop) -> bool:
        """Return whether `task_to_begin` can be used on *loop*."""
        call_soon = getattr(loop.call_soon, "__func__", None)
        stock = call_soon is asyncio.BaseEventLoop.call_soon and type(getattr(loop, "_ready", None)) is deque
        return stock and _makes_stock_tasks(loop)

    def task_to_begin(
        body: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop, name: str, context: Context
    ) -> asyncio.Task[None]:
        """Return a task for *body*, which may have made its first step; `begin` is called next."""
        return asyncio.Task(body, loop=loop, name=name, context=context)

    def begin(task: asyncio.Task[None], loop: asyncio.AbstractEventLoop, host: asyncio.Task[Any]) -> None:
        """See to it that *task* makes its first step, now if possible. *host*, which asks, goes on afterwards."""
        ready: deque[asyncio.Handle] = loop._ready  # type: ignore[attr-defined]  # noqa: SLF001 -- see above
        step = ready.pop() if ready else None  # whoever has put a `call_soon` of their own there keeps it elsewhere
        if step is None:
            return
        if getattr(step._callback, "__self__", None) is not task:  # type: ignore[attr-defined]  # noqa: SLF001 -- a thread posted meanwhile
            ready.append(step)
            return
        try:
            _leave_task(loop, host)
            step._run()  # noqa: SLF001
        except BaseException:  # of a signal's handler, say; perhaps before the host was left
            if asyncio.current_task(loop) is None:
                _enter_task(loop, host)
            raise
        _enter_task(loop, host)
