"""Run every tool call of one assistant turn at once: exactly one result per call id.

The names below are the whole public face. They are imported when first used, so that `import everycall` costs little.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from everycall._api import open_turn, run_tool_calls
    from everycall.core.content import File, Image, Text
    from everycall.core.errors import (
        EverycallError,
        InfrastructureError,
        MessageError,
        ToolError,
        TransientToolError,
        UsageError,
    )
    from everycall.core.outcomes import Failure, ToolResult
    from everycall.core.policy import Limits, Retry
    from everycall.registry import ToolContext, ToolRegistry
    from everycall.runtime import ToolRuntime
    from everycall.sync import run_tool_calls_sync
    from everycall.turn.turn import Turn

_HOME = {
    "EverycallError": "core.errors",
    "Failure": "core.outcomes",
    "File": "core.content",
    "Image": "core.content",
    "InfrastructureError": "core.errors",
    "Limits": "core.policy",
    "MessageError": "core.errors",
    "Retry": "core.policy",
    "Text": "core.content",
    "ToolContext": "registry",
    "ToolError": "core.errors",
    "ToolRegistry": "registry",
    "ToolResult": "core.outcomes",
    "ToolRuntime": "runtime",
    "TransientToolError": "core.errors",
    "Turn": "turn.turn",
    "UsageError": "core.errors",
    "open_turn": "_api",
    "run_tool_calls": "_api",
    "run_tool_calls_sync": "sync",
}

__all__ = [
    "EverycallError",
    "Failure",
    "File",
    "Image",
    "InfrastructureError",
    "Limits",
    "MessageError",
    "Retry",
    "Text",
    "ToolContext",
    "ToolError",
    "ToolRegistry",
    "ToolResult",
    "ToolRuntime",
    "TransientToolError",
    "Turn",
    "UsageError",
    "open_turn",
    "run_tool_calls",
    "run_tool_calls_sync",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("everycall")
    if name not in _HOME:
        raise AttributeError(f"module 'everycall' has no attribute {name!r}")
    value = getattr(import_module(f"everycall.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
