"""What a tool can learn about its own call, and what it can say while it runs.

Synchronous, and readable from any thread: a context holds facts and four callables, no loop and no lock.
"""

import math
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Generic

from everycall.core.errors import UsageError
from everycall.core.redaction import MAX_WORDS
from everycall.core.text import one_line, without_surrogates

if TYPE_CHECKING:
    from typing_extensions import TypeVar  # the default lets `ToolContext` stand alone under strict checkers

    Deps = TypeVar("Deps", default=Any)
    Deps_contra = TypeVar("Deps_contra", default=Any, contravariant=True)
else:
    from typing import TypeVar

    Deps = TypeVar("Deps")
    Deps_contra = TypeVar("Deps_contra", contravariant=True)

MAX_PROGRESS_MESSAGE = 1000
"""Characters of a progress message that are kept."""
_MAX_SHOWN = 200  # characters of a name or an id, which are a model's words


class ToolContext(Generic[Deps]):
    """The call that a tool is answering. A parameter of this type receives it, and is left out of the tool's schema.

    Args:
        call_id: the id in the exchange.
        tool_name: the name as the model wrote it.
        attempt: which attempt this is, from 1.
        deps: what the caller of the turn passed as `deps=`.
        idempotency_key: gives the key of this call; asked at most when it is first read.
        remaining: gives the seconds left, or None.
        cancelled: says whether the attempt was asked to stop.
        report: receives progress: what is done, the total, a message that is not yet redacted, cleaned or short.

    Attributes:
        call_id: the id in the exchange.
        tool_name: the name as the model wrote it.
        attempt: which attempt this is, from 1.
        deps: what the caller of the turn passed as `deps=`.

    Example:
        >>> def charge(amount: int, ctx: ToolContext) -> str:
        ...     return f"charged {amount} under {ctx.idempotency_key}"
        >>> charge(5, ToolContext.for_tests(idempotency_key="key-1"))
        'charged 5 under key-1'
    """

    __slots__ = ("_cancelled", "_key", "_make_key", "_remaining", "_report", "attempt", "call_id", "deps", "tool_name")

    def __init__(
        self,
        *,
        call_id: str,
        tool_name: str,
        attempt: int,
        deps: Deps,
        idempotency_key: Callable[[], str],
        remaining: Callable[[], float | None],
        cancelled: Callable[[], bool],
        report: Callable[[float, float | None, str | None], None],
    ) -> None:
        self.call_id = call_id
        self.tool_name = tool_name
        self.attempt = attempt
        self.deps = deps
        self._make_key = idempotency_key
        self._key: str | None = None
        self._remaining = remaining
        self._cancelled = cancelled
        self._report = report

    @classmethod
    def for_tests(  # noqa: D417 - the rest is described above
        cls,
        *,
        deps: Any = None,
        call_id: str = "call_1",
        tool_name: str = "tool",
        attempt: int = 1,
        idempotency_key: str = "test-key",
        remaining: float | None = None,
        cancelled: bool = False,
        report: Callable[[float, float | None, str | None], None] = lambda _done, _total, _message: None,
    ) -> "ToolContext[Any]":
        """Return a context for calling a tool directly, without a turn.

        Args:
            deps: what the tool expects to find as `deps`.
            remaining: seconds left, the same at every question.
            cancelled: whether the attempt was asked to stop.
            report: receives what the tool reports; by default it goes nowhere.
        """
        return cls(
            call_id=call_id,
            tool_name=tool_name,
            attempt=attempt,
            deps=deps,
            idempotency_key=lambda: idempotency_key,
            remaining=lambda: remaining,
            cancelled=lambda: cancelled,
            report=lambda done, total, message: report(
                done, total, None if message is None else one_line(message, MAX_PROGRESS_MESSAGE)
            ),
        )

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt of this call, and on its replay if the turn has a key: for a service's check."""
        if self._key is None:
            # Two threads may both ask: both get the same answer, because it is computed from the call alone.
            self._key = self._make_key()
        return self._key

    @property
    def cancelled(self) -> bool:
        """Whether the attempt was asked to stop. A long sync tool looks here: a thread cannot be interrupted."""
        return self._cancelled()

    def remaining(self) -> float | None:
        """Return the seconds until this attempt, or its call, runs out of time; None if it has no bound."""
        return self._remaining()

    def report_progress(self, done: float, total: float | None = None, message: str | None = None) -> None:
        """Say how far the tool is. Observers receive it as an event; the model does not.

        Args:
            done: in any unit.
            total: in the same unit; None if it is not known.
            message: for a person; its first 1000 characters are kept.

        Raises:
            UsageError: *done* or *total* is not a finite number, or *message* is not text.
        """
        if message is not None and not isinstance(message, str):
            raise UsageError(f"report_progress(message=...) takes text, not {message!r}")
        # Who receives it cuts it to size: no half of a secret may be left.
        told = None if message is None else _kept(message)
        self._report(_finite("done", done), None if total is None else _finite("total", total), told)

    def __repr__(self) -> str:
        name, call_id = one_line(str(self.tool_name), _MAX_SHOWN), one_line(str(self.call_id), _MAX_SHOWN)
        return f"<ToolContext {name} {call_id} attempt {self.attempt}>"


async def last_of(
    values: AsyncGenerator[object, None], report: Callable[[float, float | None, str | None], None]
) -> object:
    """Run an async generator, which is a tool whose values are progress: return the last one, report each."""
    last: object = None
    count = 0
    async with aclosing(values):
        async for last in values:
            count += 1
            report(float(count), None, _words_of(last))
    return last


def _words_of(value: object) -> str | None:
    """Return a value as a message of progress, not yet redacted; None if it has no words."""
    if not isinstance(value, str | int | float):
        return None
    try:
        return _kept(str(value))
    except Exception:  # noqa: BLE001 -- an integer of too many digits, or a subclass: no reason for the call to fail
        return None


def _kept(message: str) -> str:
    """Return as much of *message* as it takes to redact what is shown of it, as UTF-8 can hold it.

    What is cut here keeps its length, so that the cut is seen where it is redacted.
    """
    if len(message) <= MAX_WORDS:
        return without_surrogates(message)
    return message[:MAX_WORDS].encode("utf-8", "replace").decode()


def _finite(name: str, value: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise UsageError(f"report_progress({name}=...) takes a finite number, not {value!r}")
    return number
