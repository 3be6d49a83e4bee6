"""What a person, or a program for them, says about a call that needs consent."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from everycall.core.errors import UsageError

MAX_REASON = 2000
"""Characters of a reason or a note that are kept."""


def _require_words(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise UsageError(f"{name} must be text, not {value!r}")


@dataclass(frozen=True, slots=True)
class Approve:
    """The call may run.

    Attributes:
        arguments: run it with these instead, by name; they are validated like the model's. None: as they are.
        digest: of the arguments that were shown (`ApprovalRequest.digest`, `PendingCall.digest`). With it the approval
            holds for exactly those; for any others the call is denied. None: not checked.

    Raises:
        UsageError: a value is of the wrong kind.
    """

    arguments: Mapping[str, Any] | None = None
    digest: str | None = None

    def __post_init__(self) -> None:
        if self.arguments is not None and not isinstance(self.arguments, Mapping):
            raise UsageError(f"Approve.arguments must be a mapping by name, or None, not {self.arguments!r}")
        if self.digest is not None:
            _require_words("Approve.digest", self.digest)


@dataclass(frozen=True, slots=True)
class Deny:
    """The call is answered `rejected/denied` and not run.

    Attributes:
        reason: for the model.

    Raises:
        UsageError: *reason* is not text.
    """

    reason: str = ""

    def __post_init__(self) -> None:
        _require_words("Deny.reason", self.reason)


@dataclass(frozen=True, slots=True)
class Defer:
    """It is not decided now: the call is answered `rejected/deferred`, and `resume` can run it later.

    Attributes:
        note: for the model and for `Turn.pending`.

    Raises:
        UsageError: *note* is not text.
    """

    note: str = ""

    def __post_init__(self) -> None:
        _require_words("Defer.note", self.note)


Decision = Approve | Deny | Defer


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingCall:
    """A call of a turn that waits for a decision.

    Attributes:
        call_id: the id in the exchange; what `resume(turn, {call_id: ...})` takes.
        tool_name: the tool's name.
        arguments: as the model sent them, by name; a copy.
        digest: of the arguments, for `Approve(digest=...)`.
        note: what was said when it was deferred.
    """

    call_id: str
    tool_name: str
    arguments: Mapping[str, Any]
    digest: str
    note: str
