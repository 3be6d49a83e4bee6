"""What happened, written down where no crash can lose it: one JSON line per fact, each written by one system call.

The worker and the tools write; the process that started them reads. A fact is `{"what": ..., "at": seconds, ...}`.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT
_at: dict[str, int] = {}


def open_at(path: str) -> None:
    """Write facts to *path* from now on."""
    _at["file"] = os.open(path, _FLAGS, 0o600)


def note(what: str, **facts: Any) -> None:
    """Write one fact down. Without a file, nothing is written: a tool may be called outside of the matrix."""
    if "file" not in _at:
        return
    line = json.dumps({"what": what, "at": round(time.monotonic(), 3), **facts}, default=repr)
    os.write(_at["file"], line.encode("ascii") + b"\n")


def read(path: Path) -> list[dict[str, Any]]:
    """Return the facts at *path*; a last line that is cut off is left out."""
    if not path.exists():
        return []
    whole = path.read_bytes().split(b"\n")[:-1]
    return [json.loads(line) for line in whole]
