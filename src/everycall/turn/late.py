"""What abandoned calls bring in the end: the results they would have had. A runtime keeps the last of them."""

from collections import deque
from typing import NamedTuple

from everycall.core.outcomes import ToolResult
from everycall.ports import AttemptEnd, Backend, Raised, Returned
from everycall.turn.attempts import Attempt
from everycall.turn.collector import Collector
from everycall.turn.emit import Emitter
from everycall.turn.judge import Outcome, judge_raise

KEPT = 64
"""Late results that a runtime keeps, the oldest dropped first; each is bounded as any result of its tool is."""


class Late(NamedTuple):
    """What came after its call was settled.

    Attributes:
        turn_id: of its turn: its key, where it has one.
        result: what the call would have been answered with; `late` is true. The turn keeps the answer it gave.
    """

    turn_id: str
    result: ToolResult


class LateResults:
    """The last `KEPT` late results of a runtime."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: deque[Late] = deque(maxlen=KEPT)

    def all(self) -> tuple[Late, ...]:
        """Return them, the oldest first."""
        return tuple(self._kept)

    def add(self, attempt: Attempt, end: AttemptEnd, emit: Emitter, backend: Backend) -> None:
        """Keep what an abandoned attempt has brought, if it has brought anything.

        Args:
            attempt: whose code has ended.
            end: how.
            emit: of its turn.
            backend: knows the time, and what is raised in code that is cancelled: that brings nothing.
        """
        slot = attempt.slot
        if isinstance(end, Returned):
            outcome = Outcome("ok", "done", value=end.value, late=True)
        elif isinstance(end, Raised) and not isinstance(end.error, backend.cancelled):
            outcome = judge_raise(end.error, slot.tool, attempt.redactor).outcome._replace(late=True)
        else:
            return
        collector = Collector((slot.call,), {}, emit, None, max_bytes=slot.tool.max_result_bytes)
        collector.seal(
            0,
            outcome,
            max_bytes=slot.tool.max_result_bytes,
            attempts=attempt.number,
            queued=slot.queued,
            duration=0.0 if slot.started is None else backend.now() - slot.started,
        )
        result = collector.results[0]
        if result is not None:
            self._kept.append(Late(emit.turn_id, result))
