"""How a call can end: a closed set of two levels, and the text that a model reads for anything but success.

`status` is what most programs branch on, `code` is the precise reason, `effect` is what a model and a recovery need.
The table `STATUS_OF` is the whole vocabulary; nothing else may be put into a result.
"""

import json
from dataclasses import dataclass, field
from typing import Literal

from everycall.core.content import Content
from everycall.core.errors import Effect
from everycall.core.making import unlocked
from everycall.core.text import MAX_ERROR_TEXT, bounded

Status = Literal["success", "error", "timeout", "rejected", "interrupted"]
Code = Literal[
    "ok",
    "tool_error",
    "invalid_result",
    "crashed",
    "internal_error",
    "attempt",
    "call",
    "turn",
    "idle",
    "invalid_arguments",
    "unknown_tool",
    "denied",
    "deferred",
    "limit",
    "queue_timeout",
    "saturated",
    "unfinished_message",
    "predecessor_failed",
    "journal_unavailable",
    "not_started",
    "cancelled",
    "in_doubt",
]

STATUS_OF: dict[Code, Status] = {
    "ok": "success",
    "tool_error": "error",  # the tool raised
    "invalid_result": "error",  # it ran, but its value cannot be sent
    "crashed": "error",  # its worker died
    "internal_error": "error",  # a fault of this library
    "attempt": "timeout",
    "call": "timeout",
    "turn": "timeout",
    "idle": "timeout",
    "invalid_arguments": "rejected",
    "unknown_tool": "rejected",
    "denied": "rejected",
    "deferred": "rejected",
    "limit": "rejected",
    "queue_timeout": "rejected",
    "saturated": "rejected",
    "unfinished_message": "rejected",  # the model's output was cut off
    "predecessor_failed": "rejected",
    "journal_unavailable": "rejected",
    "not_started": "rejected",  # the turn was stopped first
    "cancelled": "interrupted",
    "in_doubt": "interrupted",  # a crash: a start is on record and no end
}


@dataclass(frozen=True, slots=True)
class Failure:
    """What a tool raised, as text alone: no exception object, no frames, no secrets kept alive. Never sent.

    Attributes:
        type: the qualified name of the exception's type.
        message: its text, bounded.
        traceback: the formatted traceback without locals, bounded; `""` if there is none.
    """

    type: str
    message: str
    traceback: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """The one and only result of one call.

    Attributes:
        call_id: the id in the exchange.
        tool_name: the name as the model wrote it.
        status: one of five words; what most programs branch on.
        code: the precise reason.
        effect: whether anything changed: `none`, `done` or `unknown`.
        content: what the model reads: text, or parts.
        value: what the tool returned, on success; else None. No part of the `repr`: it may be huge, or refuse.
        error: what the tool raised, if it did.
        attempts: attempts that were started.
        queued: seconds spent waiting for a free place.
        duration: seconds from the start of the first attempt to the end of the call, back-off included.
        late: it finished after its deadline but inside the grace, and counts.
        retryable: the cause may pass, and repeating is safe as far as this library can know.
    """

    call_id: str
    tool_name: str
    status: Status
    code: Code
    effect: Effect
    content: Content
    value: object = field(default=None, repr=False)
    error: Failure | None = None
    attempts: int = 0
    queued: float = 0.0
    duration: float = 0.0
    late: bool = False
    retryable: bool = False

    @property
    def ok(self) -> bool:
        """Whether the call succeeded."""
        return self.status == "success"


_Unlocked = unlocked(ToolResult)


def success(
    call_id: str,
    tool_name: str,
    content: Content,
    value: object,
    *,
    attempts: int,
    queued: float,
    duration: float,
    late: bool,
) -> ToolResult:
    """Return the result of a call that succeeded; see `ToolResult`."""
    made = _Unlocked()
    made.call_id = call_id
    made.tool_name = tool_name
    made.status = "success"
    made.code = "ok"
    made.effect = "done"
    made.content = content
    made.value = value
    made.error = None
    made.attempts = attempts
    made.queued = queued
    made.duration = duration
    made.late = late
    made.retryable = False
    made.__class__ = ToolResult
    return made  # type: ignore[no-any-return]


MIN_ENVELOPE = 512
"""Bytes that hold an envelope with a useful message, whatever has to be escaped in it."""


def error_envelope(*, code: Code, effect: Effect, message: str, retryable: bool, max_bytes: int | None = None) -> str:
    """Return the small JSON object that a model reads for anything but success: the same in every dialect.

    Args:
        code: of the outcome.
        effect: of the outcome.
        message: at most 2,000 characters of it are told.
        retryable: of the outcome.
        max_bytes: bytes of the whole, at least `MIN_ENVELOPE`; the message is cut to fit. None for no bound.
    """
    limit = MAX_ERROR_TEXT
    while True:
        error = {
            "status": STATUS_OF[code],
            "code": code,
            "effect": effect,
            "message": bounded(message, limit),
            "retryable": retryable,
        }
        text = json.dumps({"error": error}, ensure_ascii=False)
        if max_bytes is None or limit <= _LEAST_TOLD or len(text) * 4 <= max_bytes:
            return text
        size = len(text.encode("utf-8", "surrogatepass"))
        if size <= max_bytes:
            return text
        limit = max(_LEAST_TOLD, min(limit, len(message)) // 2)


_LEAST_TOLD = 60  # characters: with six bytes for each, and the rest, below MIN_ENVELOPE
