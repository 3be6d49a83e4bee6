"""Every exception of this package, by whose fault it is.

A failing tool is never one of the first four: it is a result. The last two are what a tool raises on purpose.
"""

from typing import Literal

Effect = Literal["none", "done", "unknown"]
"""What a call changed: nothing, all it meant to, or nobody knows."""


class EverycallError(Exception):
    """The base of all exceptions that reach the caller."""


class UsageError(EverycallError):
    """Your program asked for something that cannot be; the message shows the cure."""


class MessageError(EverycallError):
    """The message of the model, or the history, cannot be read. Nothing was run."""


class InfrastructureError(EverycallError):
    """The world failed: a worker, a journal, a closed event loop."""


class ToolError(Exception):
    """Raised by a tool to answer the model in its own words. Permanent: it is not retried.

    Args:
        message: for the model, as written.
        effect: what the tool changed before it failed, if it knows: `"none"`, `"done"` or `"unknown"`.
    """

    def __init__(self, message: str, *, effect: Effect | None = None) -> None:
        if effect not in (None, "none", "done", "unknown"):
            raise UsageError(f"effect must be 'none', 'done' or 'unknown', not {effect!r}")
        super().__init__(message)
        self.message = str(message)
        self.effect = effect


class TransientToolError(ToolError):
    """Raised by a tool for a failure that may pass: retried where repeating is safe.

    Args:
        message: for the model, as written.
        effect: what the tool changed before it failed, if it knows.
        retry_after: seconds to wait before the next attempt, if the other side named a time; or the text of its
            `Retry-After` header (RFC 9110, section 10.2.3: seconds or a date). Anything else counts as None.
    """

    def __init__(self, message: str, *, effect: Effect | None = None, retry_after: float | str | None = None) -> None:
        super().__init__(message, effect=effect)
        self.retry_after = retry_after
