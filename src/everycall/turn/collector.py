"""The result collector: one slot per call position, each written once.

1. A slot per position, never per id: ids repeat, are empty, are missing. Positions do not.
2. A slot is sealed by a synchronous function; the first writer wins.
3. The value is encoded in the seal: what a tool does to it later changes nothing.
4. Nothing that can fail stands between an outcome and its slot. Observers are told afterwards.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from everycall.core.calls import ToolCall
from everycall.core.content import Content
from everycall.core.events import CallSettled, ValueCoerced
from everycall.core.failures import failure_of
from everycall.core.outcomes import STATUS_OF, ToolResult, bounded, error_envelope
from everycall.core.text import without_surrogates
from everycall.turn.emit import Emitter
from everycall.turn.encode import CannotEncode, encode_value
from everycall.turn.judge import Outcome

Explain = Callable[[ToolResult], str]

DEFAULT_RESULT_BYTES = 256 * 1024
"""Bytes of one result that reach the model, where no tool says otherwise (research: bounds, D.2)."""


class Collector:
    """Holds the results of one turn.

    Args:
        calls: of the message, in order.
        echoes: position of a call that repeats another, to the position of that other.
        emit: tells the observers.
        explain: replaces the text of a result that is no success; may be None.
        on_write: called after each slot is written; must not fail. Take it away when the turn is done.
    """

    __slots__ = ("_calls", "_echoes", "_emit", "_explain", "on_write", "open", "order", "results")

    def __init__(
        self,
        calls: Sequence[ToolCall],
        echoes: dict[int, list[int]],
        emit: Emitter,
        explain: Explain | None,
        on_write: Callable[[], None],
    ) -> None:
        self._calls = calls
        self._echoes = echoes
        self._emit = emit
        self._explain = explain
        self.on_write: Callable[[], None] | None = on_write
        self.results: list[ToolResult | None] = [None] * len(calls)
        self.order: list[int] = []
        self.open = len(calls)

    def seal(
        self,
        position: int,
        outcome: Outcome,
        *,
        max_bytes: int = DEFAULT_RESULT_BYTES,
        attempts: int = 0,
        queued: float = 0.0,
        duration: float = 0.0,
    ) -> tuple[str, ...]:
        """Write the one and only result of the call at *position*, and of its echoes; what is sealed stays.

        Returns:
            What was changed to encode the value; for `announce`.
        """
        if self.results[position] is not None:
            return ()
        notes: tuple[str, ...] = ()
        content: Content = ""
        if outcome.code == "ok":
            outcome, content, notes = _encoded(outcome, max_bytes)
        call = self._calls[position]
        result = ToolResult(
            call_id=call.call_id,
            tool_name=call.name,
            status=STATUS_OF[outcome.code],
            code=outcome.code,
            effect=outcome.effect,
            content=content,
            value=outcome.value,
            error=outcome.error,
            attempts=attempts,
            queued=queued,
            duration=duration,
            late=outcome.late,
            retryable=outcome.retryable,
        )
        if outcome.code != "ok":
            result = explained(result, outcome.message, self._explain, self._emit.fault)
        self._write(position, result)
        for echo in self._echoes.get(position, ()):
            self._write(echo, replace(result, call_id=self._calls[echo].call_id))
        return notes

    def _write(self, position: int, result: ToolResult) -> None:
        self.results[position] = result
        self.order.append(position)
        self.open -= 1
        if self.on_write is not None:
            self.on_write()

    def announce(self, position: int, notes: tuple[str, ...] = ()) -> None:
        """Tell the observers that the call at *position*, and its echoes, are settled."""
        for note in notes:
            self._emit.call(ValueCoerced, self._calls[position], where="result", what=note)
        if self._emit.routine:
            for settled in (position, *self._echoes.get(position, ())):
                self._announce_one(settled)

    def _announce_one(self, position: int) -> None:
        result = self.results[position]
        if result is not None:
            self._emit.call(
                CallSettled,
                self._calls[position],
                status=result.status,
                code=result.code,
                effect=result.effect,
                attempts=result.attempts,
                queued=result.queued,
                duration=result.duration,
            )


def explained(
    result: ToolResult, message: str, explain: Explain | None, fault: Callable[[str, BaseException], None]
) -> ToolResult:
    """Return *result*, which is no success, with the text that the model reads.

    Args:
        result: without content.
        message: what happened, in one or two sentences.
        explain: may replace the text; if it fails, the default stands.
        fault: told when it fails.
    """
    text = error_envelope(code=result.code, effect=result.effect, message=message, retryable=result.retryable)
    result = replace(result, content=text)
    if explain is None:
        return result
    try:
        told = explain(result)
        if type(told) is not str or not told:
            raise TypeError(f"explain must return a text that is not empty, not {type(told).__name__}")  # noqa: TRY301
        told = bounded(without_surrogates(told), DEFAULT_RESULT_BYTES)
    except BaseException as error:  # noqa: BLE001 -- a hook of the user's
        fault("explain", error)
        return result
    return replace(result, content=told)


def _encoded(outcome: Outcome, max_bytes: int) -> tuple[Outcome, Content, tuple[str, ...]]:
    """Return the outcome, its content, and what was changed to encode it; another outcome if that cannot be."""
    try:
        encoded = encode_value(outcome.value, max_bytes)
    except CannotEncode as refusal:
        return Outcome("invalid_result", "done", str(refusal), late=outcome.late), "", ()
    except Exception as error:  # noqa: BLE001 -- a fault of the encoder is ours: the call still gets its one result
        message = "The tool ran, but its result could not be encoded."
        return Outcome("internal_error", "done", message, error=failure_of(error), late=outcome.late), "", ()
    return outcome, encoded.content, encoded.notes
