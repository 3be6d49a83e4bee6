"""What a worker process tells of a call that did not succeed in it, as exceptions of this side.

1. Facts alone: text, numbers, words of closed sets. No exception crosses a process as an exception.
2. What the tool raised on purpose is a `ToolError` here too, so that a middleware may catch it as such.
"""

from dataclasses import dataclass
from typing import Literal

from everycall.core.errors import Effect, ToolError, TransientToolError
from everycall.core.outcomes import Failure

ToldCode = Literal["tool_error", "invalid_result", "crashed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How an attempt failed in a worker.

    Attributes:
        code: it raised; its value cannot be sent; or its process died.
        failure: for the log; not yet redacted.
        message: for the model; not yet redacted.
        on_purpose: the tool raised a `ToolError`: the message is its author's words.
        transient: the cause may pass by itself.
        effect: what changed, if that is known.
        retry_after: seconds that the other side asked to wait, if it did.
    """

    code: ToldCode
    failure: Failure
    message: str
    on_purpose: bool = False
    transient: bool = False
    effect: Effect | None = None
    retry_after: float | None = None


class WorkerError(Exception):
    """A call failed in a worker process.

    Args:
        told: how.
    """

    def __init__(self, told: Told) -> None:
        Exception.__init__(self, told.message)
        self.told = told
        self.message = told.message
        self.effect = told.effect
        self.retry_after: float | str | None = told.retry_after


class WorkerToolError(WorkerError, ToolError):
    """A tool raised a `ToolError` in a worker process."""


class WorkerTransientError(WorkerError, TransientToolError):
    """A tool raised a `TransientToolError` in a worker process."""


class EndedAsAskedError(Exception):
    """A tool ended in a worker process because it was asked to stop."""


def error_of(told: Told) -> WorkerError:
    """Return what is raised on this side."""
    if not told.on_purpose:
        return WorkerError(told)
    return WorkerTransientError(told) if told.transient else WorkerToolError(told)
