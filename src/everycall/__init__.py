"""Run every tool call of one assistant turn at once: exactly one result per call id.

The names below are the whole public face. They are imported when first used, so that `import everycall` costs little.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from everycall._api import open_turn, resume, run_tool_calls
    from everycall.core.content import File, Image, Text
    from everycall.core.decisions import Approve, Defer, Deny, PendingCall
    from everycall.core.errors import (
        EverycallError,
        InfrastructureError,
        MessageError,
        ToolError,
        TransientToolError,
        UsageError,
    )
    from everycall.core.history import Edit, Finding, Repair
    from everycall.core.outcomes import Failure, ToolResult
    from everycall.core.policy import Limits, Rate, Retry
    from everycall.core.redaction import Redaction
    from everycall.history import check, exchanges, repair, rewrite_ids, trim
    from everycall.registry import ToolContext, ToolRegistry
    from everycall.registry.middleware import MiddlewareCall, Proceed
    from everycall.runtime import ToolRuntime
    from everycall.sync import resume_sync, run_tool_calls_sync
    from everycall.turn.consent import ApprovalRequest
    from everycall.turn.turn import Turn

    __version__: str

_HOME = {
    "ApprovalRequest": "turn.consent",
    "Approve": "core.decisions",
    "Defer": "core.decisions",
    "Deny": "core.decisions",
    "EverycallError": "core.errors",
    "Edit": "core.history",
    "Failure": "core.outcomes",
    "File": "core.content",
    "Finding": "core.history",
    "Image": "core.content",
    "InfrastructureError": "core.errors",
    "Limits": "core.policy",
    "MessageError": "core.errors",
    "MiddlewareCall": "registry.middleware",
    "PendingCall": "core.decisions",
    "Proceed": "registry.middleware",
    "Rate": "core.policy",
    "Redaction": "core.redaction",
    "Repair": "core.history",
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
    "check": "history",
    "exchanges": "history",
    "open_turn": "_api",
    "repair": "history",
    "resume": "_api",
    "resume_sync": "sync",
    "rewrite_ids": "history",
    "run_tool_calls": "_api",
    "run_tool_calls_sync": "sync",
    "trim": "history",
}

__all__ = [
    "ApprovalRequest",
    "Approve",
    "Defer",
    "Deny",
    "Edit",
    "EverycallError",
    "Failure",
    "File",
    "Finding",
    "Image",
    "InfrastructureError",
    "Limits",
    "MessageError",
    "MiddlewareCall",
    "PendingCall",
    "Proceed",
    "Rate",
    "Redaction",
    "Repair",
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
    "check",
    "exchanges",
    "open_turn",
    "repair",
    "resume",
    "resume_sync",
    "rewrite_ids",
    "run_tool_calls",
    "run_tool_calls_sync",
    "trim",
]


if not TYPE_CHECKING:  # a checker that saw this would take any name for one of ours

    def __getattr__(name: str) -> Any:
        if name == "__version__":
            from importlib.metadata import version  # noqa: PLC0415 -- hardly ever asked for

            return version("everycall")
        if name not in _HOME:
            raise AttributeError(f"module 'everycall' has no attribute {name!r}")
        value = getattr(import_module(f"everycall.{_HOME[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
