"""Lays text out for a terminal of any width. Pure: what is shown is a list of lines, what shows them is elsewhere.

A line is a list of pieces; a piece is a text and the name of a style (`""` for none). Texts are one line each, and
escaped (`core.text.one_line`) where they are not ours.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

Piece = tuple[str, str]
Line = list[Piece]

_GAP = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column.

    Attributes:
        title: its head.
        right: its texts are aligned to the right.
        optional: it is left out where the terminal is too narrow for all columns, the last one first.
    """

    title: str
    right: bool = False
    optional: bool = False


def cells(text: str) -> int:
    """Return how many cells of a terminal *text* takes: wide East Asian characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(one) else 1 + (unicodedata.east_asian_width(one) in "WF") for one in text)


def table(columns: Sequence[Column], rows: Sequence[Sequence[Piece]], width: int) -> list[Line]:
    """Return *rows* under heads; where no table fits, each row as a few lines of its own.

    Args:
        columns: at least one.
        rows: one piece per column.
        width: cells of the terminal.
    """
    widths = [max([cells(column.title), *(cells(row[at][0]) for row in rows)]) for at, column in enumerate(columns)]
    shown = _fitting(columns, widths, width)
    if not shown:
        return [line for row in rows for line in _record(columns, row, width)]
    head = [(column.title, "bold") for column in columns]
    return [
        [piece for at in shown for piece in _aligned(row[at], columns[at], widths[at], last=at == shown[-1])]
        for row in (head, *rows)
    ]


def _fitting(columns: Sequence[Column], widths: Sequence[int], width: int) -> list[int]:
    """Return which columns fit; none if even the required ones do not."""
    shown = list(range(len(columns)))
    while sum(widths[at] + _GAP for at in shown) - _GAP > width:
        optional = [at for at in shown if columns[at].optional]
        if not optional:
            return []
        shown.remove(optional[-1])
    return shown


def _aligned(piece: Piece, column: Column, width: int, *, last: bool) -> Line:
    blank = " " * (width - cells(piece[0]))
    if column.right:
        return [(blank, ""), piece, ("" if last else " " * _GAP, "")]
    return [piece, ("" if last else blank + " " * _GAP, "")]


def _record(columns: Sequence[Column], row: Sequence[Piece], width: int) -> list[Line]:
    """Return one row as lines: its first two texts, then the others behind their titles, wrapped between them."""
    lines: list[Line] = [[row[0], (" ", ""), *row[1:2]]]
    room = 0
    for column, piece in list(zip(columns, row, strict=True))[2:]:
        if not piece[0]:
            continue
        label = f"{column.title} "
        needed = cells(label) + cells(piece[0]) + _GAP
        if needed > room:
            lines.append([(" " * _GAP, "")])
            room = width - _GAP
        lines[-1] += [(" " * _GAP, ""), (label, "dim"), piece]
        room -= needed
    return lines
