"""How events reach the observers: built only if somebody listens, after the fact, and isolated."""

from collections.abc import Callable, Sequence
from typing import Any

from everycall.core.calls import ToolCall
from everycall.core.events import CallEvent, Event, FaultContained
from everycall.core.failures import failure_of
from everycall.core.outcomes import Failure
from everycall.core.redaction import NOTHING_HIDDEN, Redactor
from everycall.ports import Observer


class Emitter:
    """Tells the observers of one turn what happened.

    Args:
        turn_id: goes into every event: the turn's key, or else its number.
        observers: called in order; what one raises is contained and told to the others.
        now: the loop's clock.
        routine: whether events of level `debug` are wanted by anyone; without it they are not even built.
        redactor: hides secrets in the texts of errors.
    """

    __slots__ = ("_now", "_observers", "_turn_id", "redactor", "routine")

    def __init__(
        self,
        turn_id: str | int,
        observers: Sequence[Observer],
        now: Callable[[], float],
        routine: bool,
        redactor: Redactor = NOTHING_HIDDEN,
    ) -> None:
        self._turn_id = turn_id
        self.routine = routine
        self.redactor = redactor
        self._observers = observers
        self._now = now

    @property
    def turn_id(self) -> str:
        """What names the turn in its events."""
        return self._turn_id if isinstance(self._turn_id, str) else f"turn-{self._turn_id}"

    def turn(self, kind: type[Event], **facts: Any) -> None:
        """Emit an event of the turn."""
        if self.routine or kind.level != "debug":
            self._send(kind(turn_id=self.turn_id, at=self._now(), **facts))

    def call(self, kind: type[CallEvent], call: ToolCall, **facts: Any) -> None:
        """Emit an event of one call."""
        if self.routine or kind.level != "debug":
            self._send(
                kind(
                    turn_id=self.turn_id,
                    at=self._now(),
                    call_id=call.call_id,
                    tool_name=call.name,
                    position=call.position,
                    **facts,
                )
            )

    def fault(self, where: str, error: BaseException) -> None:
        """Say that something beside the tools failed and was contained."""
        self.turn(FaultContained, where=where, error=failure_of(error, redactor=self.redactor))

    def _send(self, event: Event) -> None:
        broken: list[Failure] = []  # not the exceptions: each would hold this frame, and so itself and the turn
        for observer in self._observers:
            try:
                observer(event)
            except BaseException as error:  # noqa: BLE001 -- an observer cannot influence the turn
                broken.append(failure_of(error, redactor=self.redactor))
        if broken and not isinstance(event, FaultContained):
            for failure in broken:
                self.turn(FaultContained, where="observer", error=failure)
