"""JSON as the command line takes it: from a file or the standard input, UTF-8, and strict."""

import errno
import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import IO, NoReturn


class NotJson(Exception):  # noqa: N818 - a decision about a file, not a failure of the program
    """What the bytes are instead, to go on after "it is": `not UTF-8, at byte 3`.

    Attributes:
        second_at: the line where a second value begins, if that is all that is wrong.
    """

    def __init__(self, what: str, *, second_at: int | None = None) -> None:
        super().__init__(what)
        self.second_at = second_at


def opened(path: str) -> "nullcontext[IO[bytes]] | IO[bytes]":
    """Open the file at *path*; `-` is the standard input, as it is now, which stays open.

    Raises:
        OSError: there is no such file, or it cannot be read; the standard input is closed.
    """
    if not path:  # pathlib would take it for the current directory
        raise FileNotFoundError(errno.ENOENT, "the name of the file is empty")
    if path != "-":
        return Path(path).open("rb")
    if sys.stdin is None:  # it was closed by whoever started this
        raise OSError(errno.EBADF, "it is closed")
    return nullcontext(sys.stdin.buffer)


def named(path: str) -> str:
    """Return *path* as it is called in a sentence."""
    return "the standard input" if path == "-" else path or "''"


def decoded(raw: bytes) -> object:
    """Return what the JSON in *raw* says; a byte order mark before it is left out.

    Raises:
        NotJson: it is no strict JSON in UTF-8.
    """
    try:
        return json.loads(raw.decode("utf-8-sig"), parse_constant=_refuse)
    except UnicodeDecodeError as error:
        raise NotJson(f"not UTF-8, at byte {error.start}") from error
    except json.JSONDecodeError as error:
        second_at = error.lineno if error.msg == "Extra data" else None
        what = f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        raise NotJson(what, second_at=second_at) from error
    except RecursionError as error:
        raise NotJson("nested too deeply") from error
    except ValueError as error:  # Python refuses whole numbers of more than 4,300 digits
        raise NotJson("not JSON: it has a number that is none, or that is far too long") from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)  # NaN and Infinity, which JSON does not have and Python would read
