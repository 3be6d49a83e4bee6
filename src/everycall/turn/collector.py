"""The result collector: one slot per call position, each written once.

1. A slot per position, never per id: ids repeat, are empty, are missing. Positions do not.
2. A slot is sealed by a synchronous function; the first writer wins.
3. The value is encoded in the seal, once: what a tool does to it later changes nothing.
   Its share of what the turn may send is known then: an equal part, and what the calls sealed before have left over.
4. Nothing that can fail stands between an outcome and its slot. Observers are told afterwards.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from everycall.core.calls import ToolCall
from everycall.core.content import Content, text_size
from everycall.core.events import CallSettled, ValueCoerced
from everycall.core.failures import failure_of
from everycall.core.outcomes import MIN_ENVELOPE, STATUS_OF, ToolResult, error_envelope, success
from everycall.core.policy import DEFAULT_RESULT_BYTES
from everycall.core.redaction import NOTHING_HIDDEN, Redactor
from everycall.core.text import without_surrogates
from everycall.turn.emit import Emitter
from everycall.turn.encode import JSON_CUT, TEXT_CUT, CannotEncode, Encoded, encode_value
from everycall.turn.hiding import without_secrets
from everycall.turn.judge import Outcome
from everycall.turn.parts import LEFT_OUT
from everycall.turn.sink import cut_text

Explain = Callable[[ToolResult], str]

NO_ECHOES: Mapping[int, list[int]] = MappingProxyType({})

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
        has_parts: whether any result is more than text.
        on_write: called after each slot is written, if somebody follows; must not fail.
    """

    __slots__ = (
        "_calls",
        "_echoes",
        "_emit",
        "_explain",
        "_left",
        "_max_bytes",
        "has_parts",
        "on_write",
        "open",
        "order",
        "results",
    )

    def __init__(
        self,
        calls: Sequence[ToolCall],
        echoes: Mapping[int, list[int]],
        emit: Emitter,
        explain: Explain | None,
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
        self.has_parts = False
        self._max_bytes = self._left = max_bytes

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
        if outcome.code == "ok":
            return self.seal_value(
                position,
                outcome.value,
                late=outcome.late,
                max_bytes=max_bytes,
                attempts=attempts,
                queued=queued,
                duration=duration,
            )
        if self.results[position] is not None:
            return ()
        result = unsuccessful(self._calls[position], outcome, attempts=attempts, queued=queued, duration=duration)
        emit, room = self._emit, self._room(position)
        self._write(
            position,
            explained(result, outcome.message, self._explain, emit.fault, max_bytes=room, redactor=emit.redactor),
        )
        return ()

    def seal_value(
        self,
        position: int,
        value: object,
        *,
        late: bool = False,
        max_bytes: int,
        attempts: int,
        queued: float = 0.0,
        duration: float,
    ) -> tuple[str, ...]:
        """Write the result of a call whose code returned *value*; see `seal`."""
        if self.results[position] is not None:
            return ()
        redactor = self._emit.redactor
        content: Content
        notes: tuple[str, ...] = ()
        if (
            type(value) is str
            and len(value) <= MIN_ENVELOPE
            and len(value) <= max_bytes
            and value.isascii()
            and not redactor.hides_results
        ):
            content = value  # as `encode_value` has it, without the way there; every result has this much room
        else:
            room = self._room(position)
            encoded = _encoded(value, min(max_bytes, room), redactor)
            if isinstance(encoded, Outcome):
                refused = encoded._replace(late=late)
                return self.seal(position, refused, attempts=attempts, queued=queued, duration=duration)
            content, notes = encoded
            if room < max_bytes and TURN_CUT.keys() & set(notes):
                notes = tuple([TURN_CUT.get(note, note) for note in notes])
        call = self._calls[position]
        result = success(
            call.call_id, call.name, content, value, attempts=attempts, queued=queued, duration=duration, late=late
        )
        self._write(position, result)
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
        share = max(MIN_ENVELOPE, self._max_bytes // len(self._calls))
        places = 1 + len(self._echoes.get(position, ()))
        return max(share, (self._left - share * (self.open - places)) // places)

    def _write(self, position: int, result: ToolResult) -> None:
        """Fill the slot of a call, and those of its echoes."""
        content = result.content
        self.has_parts = self.has_parts or type(content) is not str
        size = len(content) if type(content) is str and content.isascii() else text_size(content)
        self.results[position] = result
        self.open -= 1  # at once: no interrupt comes between a result and its count
        self._left -= size
        self.order.append(position)
        if self.on_write is not None:
            self.on_write()
        if self._echoes:
            for echo in self._echoes.get(position, ()):
                self._write(echo, replace(result, call_id=self._calls[echo].call_id))

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


def unsuccessful(
    call: ToolCall, outcome: Outcome, *, attempts: int = 0, queued: float = 0.0, duration: float = 0.0
) -> ToolResult:
    """Return the result of a call that did not succeed, as yet without the text that the model reads."""
    return ToolResult(
        call_id=call.call_id,
        tool_name=call.name,
        status=STATUS_OF[outcome.code],
        code=outcome.code,
        effect=outcome.effect,
        content="",
        error=outcome.error,
        attempts=attempts,
        queued=queued,
        duration=duration,
        late=outcome.late,
        retryable=outcome.retryable,
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


def _encoded(value: object, max_bytes: int, redactor: Redactor) -> Encoded | Outcome:
    """Return what a model reads of *value*; the outcome of its call if that cannot be sent."""
    try:
        encoded = encode_value(value, max_bytes, redactor)
        if redactor.hides_results:
            encoded = without_secrets(encoded, redactor, max_bytes, is_json=not issubclass(type(value), str))
    except CannotEncode as refusal:
        return Outcome("invalid_result", "done", str(refusal))
    except Exception as error:  # noqa: BLE001 -- a fault of the encoder is ours: the call still gets its one result
        failure = failure_of(error, redactor=redactor)
        return Outcome("internal_error", "done", "The tool ran, but its result could not be encoded.", error=failure)
    return encoded
