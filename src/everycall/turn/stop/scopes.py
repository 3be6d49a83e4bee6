"""anyio's cancel scopes on asyncio, from inside: what a task has entered, and how to put one more scope around it all.

The scope by which an attempt is cancelled costs as much as the rest of its task, and code that never waits has no use
for it. So it is entered at the first wait; by then the code may have entered scopes of its own, and ours goes around
them, as if it had been there first.

Inside knowledge, all of it here: anyio keeps the innermost scope of each task in `_task_states`, and scopes know their
parent and their children. If another anyio does not, there is no `Scopes`, and the scope is entered before the code.
"""

import asyncio
import sys
from collections.abc import MutableMapping
from typing import Any

import anyio

_PARTS = ("_parent_scope", "_child_scopes", "_tasks")


class Scopes:
    """The cancel scopes of the tasks of this process.

    Args:
        states: anyio's own: by task, what it knows of it.
    """

    __slots__ = ("_states",)

    def __init__(self, states: MutableMapping["asyncio.Task[Any]", Any]) -> None:
        self._states = states

    def innermost(self, task: "asyncio.Task[Any]") -> Any:
        """Return the scope that *task* has entered last of those that it has not left; None if there is none."""
        state = self._states.get(task)
        return None if state is None else state.cancel_scope

    def are_cancelled(self, task: "asyncio.Task[Any]") -> bool:
        """Return whether a scope that *task* is in is cancelled, and no shield is between."""
        scope = self.innermost(task)
        while scope is not None:
            if scope.cancel_called:
                return True
            scope = None if scope.shield else scope._parent_scope  # noqa: SLF001 -- see above
        return False

    def enter_around(self, scope: Any, task: "asyncio.Task[Any]") -> None:
        """Enter *scope* in *task*, which runs this code, as the outermost of all scopes that it is in.

        Args:
            scope: a `CancelScope` of anyio that was not entered yet.
            task: the current one.
        """
        innermost = outermost = self.innermost(task)
        if innermost is None:
            scope.__enter__()
            return
        while outermost._parent_scope is not None:  # noqa: SLF001
            outermost = outermost._parent_scope  # noqa: SLF001
        state = self._states[task]
        state.cancel_scope = None
        scope.__enter__()
        state.cancel_scope = innermost
        scope._tasks.discard(task)  # noqa: SLF001 -- a task belongs to its innermost scope
        scope._child_scopes.add(outermost)  # noqa: SLF001
        outermost._parent_scope = scope  # noqa: SLF001

    def forget(self, task: "asyncio.Task[Any]") -> None:
        """Let go of the scopes that *task* has left open.

        anyio finds a task's innermost scope by the task, and that scope holds the task: neither would ever be freed.
        """
        self._states.pop(task, None)


def known_scopes() -> Scopes | None:
    """Return the scopes of this process; None if this anyio is not built as this module takes it to be."""
    scope = anyio.CancelScope()  # on asyncio, this imports the module below
    states = getattr(sys.modules.get("anyio._backends._asyncio"), "_task_states", None)
    if not isinstance(states, MutableMapping) or not all(hasattr(scope, part) for part in _PARTS):
        return None
    return Scopes(states)
