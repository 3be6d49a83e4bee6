"""Follows a turn by its events: where each call is now, and a sentence for each thing that happened to it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from everycall.cli.table import Line, Piece
from everycall.core.events import (
    ApprovalDecided,
    AttemptFailed,
    AttemptStarted,
    CallAbandoned,
    CallEchoed,
    CallEvent,
    CallPlanned,
    CallQueued,
    CallSettled,
    CancelRefused,
    Event,
    ForceStopped,
    IdMinted,
    LoopBlocked,
    ProgressReported,
    RetryScheduled,
    RetryWithheld,
    TurnClosed,
    TurnOpened,
    ValueCoerced,
)
from everycall.core.outcomes import Status
from everycall.core.text import one_line

NAME_WIDTH = 32
"""Characters of a tool's name that are shown."""

STYLES: dict[Status, str] = {
    "success": "green",
    "error": "red",
    "timeout": "yellow",
    "rejected": "magenta",
    "interrupted": "yellow",
}


def _settled(event: CallSettled) -> str:
    return "success" if event.code == "ok" else f"{event.status}/{event.code}"


def _failed(event: AttemptFailed) -> str:
    why = event.error.message if event.error is not None else "no answer in time"
    return f"attempt {event.attempt} failed: {why}"


def _reported(event: ProgressReported) -> str:
    done = f"{event.done:g}" + (f" of {event.total:g}" if event.total is not None else "")
    return f"{done}{f': {event.message}' if event.message else ''}"


_WAITS = {
    "limit": "waits for a free place",
    "predecessor": "waits for a call in conflict",
    "approval": "waits for consent",
}

SENTENCES: dict[type[CallEvent], tuple[Callable[[Any], str], bool]] = {
    CallPlanned: (lambda _: "planned", False),
    CallEchoed: (lambda event: f"repeats call {event.of + 1}, and gets its outcome", True),
    CallQueued: (lambda event: _WAITS.get(event.why, "waits"), False),
    ApprovalDecided: (lambda event: event.decision.replace("_", " "), True),
    IdMinted: (lambda event: f"got an id of its own: {event.call_id}", True),
    AttemptStarted: (lambda event: f"attempt {event.attempt} runs", False),
    ProgressReported: (_reported, False),
    AttemptFailed: (_failed, True),
    RetryScheduled: (lambda event: f"attempt {event.attempt} follows in {event.delay:.2f} s", True),
    RetryWithheld: (lambda _: "is not tried again: too many retries of this tool have failed", True),
    LoopBlocked: (lambda event: f"held up all others for {event.seconds:.1f} s: {event.file}, line {event.line}", True),
    ValueCoerced: (lambda event: f"{event.where}: {event.what}", True),
    CallSettled: (_settled, True),
    CancelRefused: (lambda _: "was asked to stop, and goes on", True),
    CallAbandoned: (lambda _: "was given up: the turn does not wait for it any more", True),
    ForceStopped: (lambda _: "was stopped by force", True),
}
"""What each event says of its call, and whether that is worth a line where lines cannot be taken back."""


@dataclass(slots=True)
class _Place:
    """Where one call is."""

    name: str
    words: str = ""
    settled: Status | None = None
    seconds: float = 0.0


class Progress:
    """Where the calls of one turn are.

    Args:
        tell: receives a line for each thing that is worth one; None for nobody.

    Attributes:
        duration: seconds of the turn, once it is done.
        remarks: what a table of results does not show, in sentences: tools that did not stop when they were asked to.
    """

    def __init__(self, tell: Callable[[Line], None] | None = None) -> None:
        self._tell = tell
        self._places: dict[int, _Place] = {}
        self._opened = 0.0
        self._offset = 0.0  # from the event loop's clock to the one that a picture can read
        self.duration: float | None = None
        self.remarks: list[str] = []

    def observe(self, event: Event) -> None:
        """Take note of an event; an observer of the turn."""
        if isinstance(event, TurnOpened):
            self._opened = event.at
            self._offset = time.monotonic() - event.at
        elif isinstance(event, TurnClosed):
            self.duration = event.duration
        elif isinstance(event, CallEvent):
            self._observe_call(event)

    def _observe_call(self, event: CallEvent) -> None:
        place = self._places.setdefault(event.position, _Place(one_line(event.tool_name, NAME_WIDTH) or "(no name)"))
        if isinstance(event, CallAbandoned):
            self.remarks.append(f"{place.name} did not stop: its call was answered while it went on.")
        if isinstance(event, ForceStopped):
            self.remarks.append(f"{place.name} refused to stop: it was stopped by force.")
        words, is_told = SENTENCES.get(type(event), (None, False))
        if words is None:
            return
        said = one_line(words(event), 200)
        if isinstance(event, CallSettled):
            place.settled, place.seconds = event.status, event.duration
        if place.settled is None or isinstance(event, CallSettled):
            place.words = said
        if is_told and self._tell is not None:
            self._tell([self._clock(event.at), (f"{place.name}  ", "bold"), (said, _style(event))])

    def _clock(self, at: float) -> Piece:
        return f"{at - self._opened:6.2f} s  ", "dim"

    def picture(self, height: int) -> list[Line]:
        """Return where the calls are now in at most *height* lines, those that are not settled first if not all fit."""
        places = sorted(self._places.items())
        if len(places) > height:
            places = sorted(places, key=lambda item: item[1].settled is not None)[: height - 1]
        width = max((len(place.name) for _, place in places), default=0)
        lines = [self._row(place, width) for _, place in places]
        hidden = len(self._places) - len(lines)
        return [*lines, [(f"... and {hidden} more calls", "dim")]] if hidden else lines

    def _row(self, place: _Place, width: int) -> Line:
        elapsed = max(0.0, time.monotonic() - self._offset - self._opened)
        seconds = elapsed if place.settled is None else place.seconds
        style = "" if place.settled is None else STYLES[place.settled]
        return [
            (f"{place.name:{width}}  ", "bold"),
            (f"{seconds:5.1f} s  ", "dim"),
            (place.words, style),
        ]


def _style(event: CallEvent) -> str:
    return STYLES[event.status] if isinstance(event, CallSettled) else ""
