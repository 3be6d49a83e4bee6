"""The standard streams of a command: the answer alone goes to the standard output, everything else to stderr."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import TextIO

_STDOUT, _STDERR = 1, 2


@contextmanager
def answer_stream() -> Iterator[TextIO]:
    """Give the standard output for the answer alone: what tools and their child processes write goes to stderr.

    What its encoding cannot hold is written as an escape instead of failing. All of it is written when the block ends.

    Raises:
        OSError: nothing can be written there. It is raised before the block, where that can be known, or in it.
    """
    out = sys.stdout
    with _kept_apart(out) if _is_descriptor_1(out) else nullcontext(_escaping(out)) as answer:
        with redirect_stdout(sys.stderr):
            yield answer
        answer.flush()


def encoding_of(out: TextIO) -> str:
    """Return the name of the encoding in which *out* is written."""
    return getattr(out, "encoding", None) or "utf-8"


@contextmanager
def always_stderr() -> Iterator[None]:
    """See that there is a `sys.stderr`: where it was closed, what is said there goes nowhere.

    `print` takes None for the standard output, and complaints have no place in an answer.
    """
    if sys.stderr is not None:
        yield
        return
    with Path(os.devnull).open("w") as nowhere, redirect_stderr(nowhere):
        yield


def discard_output() -> None:
    """Send what is still in the buffer nowhere: the interpreter would complain when it flushes at exit."""
    with suppress(OSError):  # a stream in memory has no descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _is_descriptor_1(out: TextIO) -> bool:
    """Return whether *out* writes where child processes do; a stream that somebody put in its place does not."""
    try:
        return out.fileno() == _STDOUT
    except (OSError, ValueError, AttributeError):
        return False


def _escaping(out: TextIO) -> TextIO:
    reconfigure = getattr(out, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
    return out


@contextmanager
def _kept_apart(out: TextIO) -> Iterator[TextIO]:
    """Give a stream of its own to where descriptor 1 leads, and let descriptor 1 lead to stderr meanwhile."""
    out.flush()
    os.write(_STDOUT, b"")  # fails on what is open for reading only, and on a full device: then no tool shall run
    _fill_closed_descriptors()
    answer = os.fdopen(os.dup(_STDOUT), "w", encoding=encoding_of(out), errors="backslashreplace")
    os.dup2(_STDERR, _STDOUT)
    try:
        yield answer
    finally:
        _flush_stray_output(out)
        os.dup2(answer.fileno(), _STDOUT)
        with suppress(OSError):  # it was told when the answer was flushed; what is left of it is dropped
            answer.close()


def _fill_closed_descriptors() -> None:
    """Open the standard descriptors that are closed, to nowhere: else a copy of another one takes their number."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        pass
    os.close(number)


def _flush_stray_output(out: TextIO) -> None:
    """Write what has gone into the buffers of descriptor 1, Python's and C's, while it leads to stderr."""
    with suppress(OSError, ValueError):
        out.flush()
    import ctypes  # noqa: PLC0415 - for this alone; most commands run no tools

    # Windows has several C libraries, and none of them by this name.
    with suppress(OSError, ValueError, AttributeError, TypeError):
        library = ctypes.CDLL(None)
        name = "__stdoutp" if sys.platform == "darwin" else "stdout"
        library.fflush(ctypes.c_void_p.in_dll(library, name))
