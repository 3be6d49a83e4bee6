"""What lines are shown on: plain text anywhere, colours and a live view on a terminal where `rich` is installed.

`rich` is given `Text` objects alone, never `str`, in which it would look for markup.
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, TextIO

from everycall.cli.table import Line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

UNKNOWN_WIDTH = 100
"""Cells of a line, where the output is no terminal."""
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
        self.width = shutil.get_terminal_size((UNKNOWN_WIDTH, 24)).columns

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
        self.width = console.width

    def show(self, *lines: Line) -> None:
        """Show *lines* at once."""
        for line in lines:
            self._console.print(_rich_text([line]), soft_wrap=True)

    @contextmanager
    def live(self, picture: Callable[[int], list[Line]]) -> Iterator[None]:
        """Show *picture* in place; it is gone when the block ends."""
        from rich.live import Live  # noqa: PLC0415 - an optional dependency, imported where it is used

        def drawn() -> "Text":
            return _rich_text(picture(max(1, self._console.height - 2)))

        with Live(get_renderable=drawn, console=self._console, refresh_per_second=_FRAMES, transient=True):
            yield


def screen_on(out: TextIO) -> Screen:
    """Return the best screen for *out*."""
    if out.isatty() and os.environ.get("TERM") != "dumb":
        try:
            from rich.console import Console  # noqa: PLC0415 - an optional dependency, imported where it is used

            return RichScreen(out, Console(file=out))
        except ImportError:
            pass
    return Screen(out)


@contextmanager
def answer_stream() -> Iterator[TextIO]:
    """Give the standard output for the answer alone: what tools print meanwhile goes to stderr.

    What its encoding cannot hold is written as an escape instead of failing.
    """
    out = sys.stdout
    reconfigure = getattr(out, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
    with redirect_stdout(sys.stderr):
        yield out


def encoding_of(out: TextIO) -> str:
    """Return the name of the encoding in which *out* is written."""
    return getattr(out, "encoding", None) or "utf-8"


def _rich_text(lines: list[Line]) -> "Text":
    from rich.text import Text  # noqa: PLC0415 - an optional dependency, imported where it is used

    text = Text("\n", no_wrap=True, overflow="ellipsis").join(Text.assemble(*line) for line in lines)
    text.no_wrap, text.overflow = True, "ellipsis"
    return text
