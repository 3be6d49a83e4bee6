"""Runs one turn to its end, and shows it: what `everycall run` and `everycall demo` have in common."""

import anyio

from everycall.cli.answer import as_text
from everycall.cli.progress import NAME_WIDTH, STYLES, Progress
from everycall.cli.screen import Screen
from everycall.cli.table import Column, Line, Piece, table
from everycall.core.errors import InfrastructureError
from everycall.core.outcomes import ToolResult
from everycall.core.text import bounded, one_line
from everycall.turn.turn import Turn

MAX_SHOWN = 4000
"""Characters of one message that are shown beside a table; `--output json` has them all."""

_COLUMNS = (
    Column(title="#", right=True),
    Column(title="tool"),
    Column(title="status"),
    Column(title="code"),
    Column(title="effect"),
    Column(title="attempts", right=True),
    Column(title="time", right=True),
    Column(title="call id", optional=True),
)


def run_to_end(turn: Turn, screen: Screen, progress: Progress) -> bool:
    """Run *turn* on an event loop of its own, which is closed afterwards with whatever still runs on it.

    Args:
        turn: with `progress.observe` among its observers.
        screen: shows the progress, if it can show it in place.
        progress: of this turn.

    Returns:
        Whether the turn ended by itself: False after Ctrl-C. Then too every call has its result.

    Raises:
        InfrastructureError: no event loop can be started here. Nothing was run.
    """
    try:
        with screen.live(progress.picture):
            _run(turn)
    except KeyboardInterrupt:
        return False
    return True


def _run(turn: Turn) -> None:
    try:
        anyio.run(turn.run)
    except OSError as error:  # what tools raise is in their results: this is of the system's descriptors
        raise InfrastructureError(f"an event loop cannot be started here: {error.strerror or error}") from error


def turn_lines(turn: Turn, progress: Progress, width: int) -> list[Line]:
    """Return the results of *turn* as a table, what there is to remark, and the exchange as it goes back."""
    if not turn.calls:
        return [[("The message has no calls: there is nothing to answer.", "")]]
    sent = [[(bounded(as_text(message), MAX_SHOWN), "")] for message in turn.exchange]
    rows = [_row(at, result) for at, result in enumerate(turn.results, 1)]
    return [
        *table(_COLUMNS, rows, width),
        *[[(remark, "yellow")] for remark in progress.remarks],
        [],
        [("The exchange, as it goes back to the provider:", "bold")],
        *sent,
        [],
    ]


def _row(number: int, result: ToolResult) -> list[Piece]:
    style = STYLES[result.status]
    return [
        (str(number), "dim"),
        (one_line(result.tool_name, NAME_WIDTH) or "(no name)", "bold"),
        (result.status, style),
        (result.code, style),
        (result.effect, ""),
        (str(result.attempts), ""),
        (f"{result.duration:.2f} s", ""),
        (one_line(result.call_id, 40), "dim"),
    ]


def count(number: int, noun: str) -> str:
    """Return such as `1 call` or `9 calls`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
