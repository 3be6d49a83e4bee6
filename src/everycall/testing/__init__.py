"""What a program that uses everycall, or an adapter for it, needs to test itself. Never imported by default."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from everycall.testing.conformance.histories import check_history_dialect
    from everycall.testing.conformance.turns import Sample, check_dialect
    from everycall.testing.conformance.verdict import BrokenRule, ConformanceError
    from everycall.testing.provider.fake import FakeProvider, Rejection
    from everycall.testing.provider.protocols import violations
    from everycall.testing.provider.rulebook import Seen, Violation
    from everycall.testing.provider.script import NO_ID, AssistantTurn, Call

__all__ = [
    "NO_ID",
    "AssistantTurn",
    "BrokenRule",
    "Call",
    "ConformanceError",
    "FakeProvider",
    "Rejection",
    "Sample",
    "Seen",
    "Violation",
    "check_dialect",
    "check_history_dialect",
    "violations",
]

_HOME = {
    "NO_ID": "provider.script",
    "AssistantTurn": "provider.script",
    "BrokenRule": "conformance.verdict",
    "Call": "provider.script",
    "ConformanceError": "conformance.verdict",
    "FakeProvider": "provider.fake",
    "Rejection": "provider.fake",
    "Sample": "conformance.turns",
    "Seen": "provider.rulebook",
    "Violation": "provider.rulebook",
    "check_dialect": "conformance.turns",
    "check_history_dialect": "conformance.histories",
    "violations": "provider.protocols",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
