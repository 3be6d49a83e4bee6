"""What a worker owes its host and its machine: to end with the host, to leave no core, to stay within its bounds."""

import contextlib
import ctypes
import faulthandler
import os
import resource
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PAGE = 4096


def prepare(parent: int) -> None:
    """Make this process end with its host, and its output go out at once.

    Args:
        parent: the host's process id.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before that was said
        os._exit(0)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    with contextlib.suppress(OSError):  # where memory runs out, the system shall rather end this process than its host
        Path("/proc/self/oom_score_adj").write_text("500", "ascii")
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]
    faulthandler.enable(all_threads=False)  # a segmentation fault says where it was, into the captured output


def bound_memory(limit: int | None) -> None:
    """Bound the address space. The processes of one bound are kept apart, so it is never lifted."""
    if limit is not None:
        _lower(resource.RLIMIT_AS, limit)


def bound_cpu(seconds: int | None) -> None:
    """Bound the CPU time from now on, to whole seconds; None lifts the bound of the call before."""
    if seconds is None:
        _lower(resource.RLIMIT_CPU, resource.RLIM_INFINITY)
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    _lower(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + 1 + seconds)


def is_spent(limit: int | None) -> bool:
    """Return whether so much of the memory is taken that the next call could suffer for it."""
    if limit is None:
        return False
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    except (OSError, ValueError, MemoryError):
        return sys.platform == "linux"
    return pages * _PAGE > limit // 2


def _lower(what: int, soft: int) -> None:
    hard = resource.getrlimit(what)[1]
    if hard != resource.RLIM_INFINITY and (soft == resource.RLIM_INFINITY or soft > hard):
        soft = hard
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(what, (soft, hard))
