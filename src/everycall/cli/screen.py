"""What lines are shown on: plain text anywhere, colours and a live view on a terminal where `rich` is installed.

`rich` is given `Text` objects alone, never `str`, in which it would look for markup.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from everycall.cli.table import Line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

UNKNOWN_SIZE = (100, 24)
"""Cells of a line, and lines, where the output is no terminal or does not tell."""
_FRAMES = 8  # pictures of the live view per second


class Screen:
    """Plain text.

    Args:
        out: where it goes.
    """

    is_live = False
    """Whether what happens can be shown in place. Elsewhere each change is a line of its own."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    @property
    def width(self) -> int:
        """Cells of a line, as of now."""
        return _size_of(self._out).columns

    def show(self, *lines: Line) -> None:
        """Show *lines* at once."""
        for line in lines:
            self._out.write("".join(text for text, _ in line).rstrip() + "\n")
        self._out.flush()

    @contextmanager
    def live(self, picture: Callable[[int], list[Line]]) -> Iterator[None]:  # noqa: ARG002 - there is no place for it
        """Show *picture*, a function of how many lines there are room for, again and again while the block runs."""
        yield


class RichScreen(Screen):
    """A terminal, drawn by `rich`."""

    is_live = True

    def __init__(self, out: TextIO, console: "Console") -> None:
        super().__init__(out)
        self._console = console

    def show(self, *lines: Line) -> None:
        """Show *lines* at once."""
        self._measure()
        for line in lines:
            self._console.print(_rich_text([line]), soft_wrap=True)

    @contextmanager
    def live(self, picture: Callable[[int], list[Line]]) -> Iterator[None]:
        """Show *picture* in place; it is gone when the block ends."""
        from rich.live import Live  # noqa: PLC0415 - an optional dependency, imported where it is used

        def drawn() -> "Text":
            self._measure()
            return _rich_text(picture(max(1, self._console.height - 2)))

        # What tools print is shown above the picture if stderr is this terminal too; else it goes to stderr as always.
        above = sys.stderr.isatty()
        with Live(
            get_renderable=drawn,
            console=self._console,
            refresh_per_second=_FRAMES,
            transient=True,
            redirect_stdout=above,
            redirect_stderr=above,
        ):
            yield

    def _measure(self) -> None:
        """Tell `rich` how large the terminal is: it would ask the standard descriptors, which lead elsewhere now."""
        self._console.width, self._console.height = _size_of(self._out)


def screen_on(out: TextIO) -> Screen:
    """Return the best screen for *out*."""
    if out.isatty() and os.environ.get("TERM") != "dumb":
        try:
            from rich.console import Console  # noqa: PLC0415 - an optional dependency, imported where it is used

            return RichScreen(out, Console(file=out))
        except ImportError:
            pass
    return Screen(out)


def _size_of(out: TextIO) -> os.terminal_size:
    """Return the size of the terminal that *out* is. `shutil` would ask descriptor 1, which leads to stderr now."""
    try:
        columns, lines = os.get_terminal_size(out.fileno())
    except (OSError, ValueError, AttributeError):  # it is no terminal, or has no descriptor
        columns, lines = 0, 0
    return os.terminal_size(
        (_stated("COLUMNS") or columns or UNKNOWN_SIZE[0], _stated("LINES") or lines or UNKNOWN_SIZE[1])
    )


def _stated(variable: str) -> int:
    stated = os.environ.get(variable, "")
    return int(stated) if stated.isdecimal() and len(stated) < 6 else 0


def _rich_text(lines: list[Line]) -> "Text":
    from rich.text import Text  # noqa: PLC0415 - an optional dependency, imported where it is used

    text = Text("\n", no_wrap=True, overflow="ellipsis").join(Text.assemble(*line) for line in lines)
    text.no_wrap, text.overflow = True, "ellipsis"
    return text
