"""The result collector: one slot per call position, each written once.

1. A slot per position, never per id: ids repeat, are empty, are missing. Positions do not.
2. A slot is sealed by a synchronous function; the first writer wins.
3. The value is encoded in the seal, once: what a tool does to it later changes nothing.
   Its share of what the turn may send is known then: an equal part, and what the calls sealed before have left over.
4. Nothing that can fail stands between an outcome and its slot. Observers are told afterwards.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from everycall.core.calls import ToolCall
from everycall.core.content import Content
from everycall.core.events import CallSettled, ValueCoerced
from everycall.core.failures import failure_of
from everycall.core.outcomes import MIN_ENVELOPE, STATUS_OF, ToolResult, error_envelope
from everycall.core.redaction import NOTHING_HIDDEN, Redactor
from everycall.core.text import without_surrogates
from everycall.turn.emit import Emitter
from everycall.turn.encode import JSON_CUT, TEXT_CUT, CannotEncode, encode_value
from everycall.turn.hiding import text_size, without_secrets
from everycall.turn.judge import Outcome
from everycall.turn.parts import LEFT_OUT
from everycall.turn.sink import cut_text

Explain = Callable[[ToolResult], str]

DEFAULT_RESULT_BYTES = 256 * 1024
"""Bytes of one result that reach the model, where no tool says otherwise (research: bounds, D.2)."""

TURN_CUT = {note: f"{note}: the results of the turn are too large together" for note in (TEXT_CUT, JSON_CUT, LEFT_OUT)}
"""What a cut is called that the tool's own bound did not ask for."""


class Collector:
    """Holds the results of one turn.

    Args:
        calls: of the message, in order.
        echoes: position of a call that repeats another, to the position of that other.
        emit: tells the observers.
        explain: replaces the text of a result that is no success; may be None.
        max_bytes: bytes of text of all results together; each may have `MIN_ENVELOPE` all the same.

    Attributes:
        results: by position; None while the slot is open.
        order: positions in order of completion.
        open: how many slots are.
        on_write: called after each slot is written, if somebody follows; must not fail.
    """

    __slots__ = ("_calls", "_echoes", "_emit", "_explain", "_left", "_share", "on_write", "open", "order", "results")

    def __init__(
        self,
        calls: Sequence[ToolCall],
        echoes: dict[int, list[int]],
        emit: Emitter,
        explain: Explain | None,
        *,
        max_bytes: int,
    ) -> None:
        self._calls = calls
        self._echoes = echoes
        self._emit = emit
        self._explain = explain
        self.on_write: Callable[[], None] | None = None
        self.results: list[ToolResult | None] = [None] * len(calls)
        self.order: list[int] = []
        self.open = len(calls)
        self._left = max_bytes
        self._share = max(MIN_ENVELOPE, max_bytes // max(1, len(calls)))

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
        room = self._room(position)
        if outcome.code == "ok":
            outcome, content, notes = _encoded(outcome, min(max_bytes, room), self._emit.redactor)
            if room < max_bytes and TURN_CUT.keys() & set(notes):
                notes = tuple([TURN_CUT.get(note, note) for note in notes])
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
            result = explained(
                result, outcome.message, self._explain, self._emit.fault, max_bytes=room, redactor=self._emit.redactor
            )
        self._write(position, result)
        for echo in self._echoes.get(position, ()):
            self._write(echo, replace(result, call_id=self._calls[echo].call_id))
        return notes

    def keep(self, position: int, result: ToolResult) -> None:
        """Write a result that the call has had before this turn."""
        if self.results[position] is None:
            self._write(position, result)

    def _room(self, position: int) -> int:
        """Return how many bytes the result of the call at *position* may have: its share, and what others left over.

        What it leaves is enough for the shares of all calls that are still open, so that the order in which calls end
        can take nothing from any of them but a part of the surplus.
        """
        places = 1 + len(self._echoes.get(position, ())) if self._echoes else 1
        return max(self._share, (self._left - self._share * (self.open - places)) // places)

    def _write(self, position: int, result: ToolResult) -> None:
        self.results[position] = result
        content = result.content
        self._left -= len(content) if type(content) is str and content.isascii() else text_size(content)
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
    result: ToolResult,
    message: str,
    explain: Explain | None,
    fault: Callable[[str, BaseException], None],
    *,
    max_bytes: int = DEFAULT_RESULT_BYTES,
    redactor: Redactor = NOTHING_HIDDEN,
) -> ToolResult:
    """Return *result*, which is no success, with the text that the model reads.

    Args:
        result: without content.
        message: what happened, in one or two sentences.
        explain: may replace the text; if it fails, the default stands.
        fault: told when it fails.
        max_bytes: bytes of the text.
        redactor: hides registered secrets in what *explain* says.
    """
    text = error_envelope(
        code=result.code, effect=result.effect, message=message, retryable=result.retryable, max_bytes=max_bytes
    )
    result = replace(result, content=text)
    if explain is None:
        return result
    try:
        told = explain(result)
        if type(told) is not str or not told:
            raise TypeError(f"explain must return a text that is not empty, not {type(told).__name__}")  # noqa: TRY301
        told = redactor.hide_registered(without_surrogates(told))
        if text_size(told) > min(max_bytes, DEFAULT_RESULT_BYTES):
            told = cut_text(told, min(max_bytes, DEFAULT_RESULT_BYTES))
    except BaseException as error:  # noqa: BLE001 -- a hook of the user's
        fault("explain", error)
        return result
    return replace(result, content=told)


def _encoded(outcome: Outcome, max_bytes: int, redactor: Redactor) -> tuple[Outcome, Content, tuple[str, ...]]:
    """Return the outcome, its content, and what was changed to encode it; another outcome if that cannot be."""
    try:
        encoded = encode_value(outcome.value, max_bytes, redactor)
        if redactor.hides_results:
            is_json = not issubclass(type(outcome.value), str)
            encoded = without_secrets(encoded, redactor, max_bytes, is_json=is_json)
    except CannotEncode as refusal:
        return Outcome("invalid_result", "done", str(refusal), late=outcome.late), "", ()
    except Exception as error:  # noqa: BLE001 -- a fault of the encoder is ours: the call still gets its one result
        message = "The tool ran, but its result could not be encoded."
        failure = failure_of(error, redactor=redactor)
        return Outcome("internal_error", "done", message, error=failure, late=outcome.late), "", ()
    return outcome, encoded.content, encoded.notes
