"""Whether a worker process can find a function: by the name of its module, and its own name there.

Checked when a tool is registered. A decorator runs before the name is bound, so what the name will stand for is not
looked at: the worker calls what it then stands for.
"""

import sys
from collections.abc import Callable
from types import ModuleType

from everycall.core.errors import UsageError

_CURE = "define it with `def` at the top level of a module, and register that"


def require_importable(function: Callable[..., object], tool: str) -> None:
    """Refuse a function that another process could not import.

    Raises:
        UsageError: it cannot; the message shows the cure.
    """
    of = f"executor of tool {tool!r} cannot be 'process'"
    if sys.platform == "win32":
        raise UsageError(f"{of} on Windows, which has no process groups and limits as it needs: leave it out")
    if not sys.executable:
        raise UsageError(f"{of}: this program has no Python interpreter (sys.executable) that could be started")
    reason = _reason(function)
    if reason is not None:
        raise UsageError(f"{of}: {reason}. A worker finds a function by the name of its module: {_CURE}")
    module = getattr(function, "__module__", None)
    if module == "__main__":
        raise UsageError(
            f"{of}: its function is in the program's main file, which a worker would have to run as a whole. Move it "
            "to a module of its own, and import it from there"
        )
    known = sys.modules.get(module) if isinstance(module, str) else None
    if getattr(known, "__spec__", None) is None:
        raise UsageError(f"{of}: its module {module!r} was not imported by name. Put it into a module that can be")


def _reason(function: Callable[..., object]) -> str | None:
    name = getattr(function, "__qualname__", None)
    owner = getattr(function, "__self__", None)
    if owner is not None and not isinstance(owner, ModuleType):  # a builtin function belongs to its module
        return "it is a method of an object, which stays in this process"
    if not isinstance(name, str):
        return f"{function!r} is no function with a name of its own"
    if "<lambda>" in name:
        return "it is a lambda"
    if "<locals>" in name:
        return f"it is defined inside another function ({name})"
    return None
