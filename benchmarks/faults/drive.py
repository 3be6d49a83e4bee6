"""Runs each pair of contender and fault in a process of its own, and reads what it wrote down.

A process that makes no progress for `terms.PATIENCE` seconds is killed; its whole process group is, in any case. The
clock of a process starts when its contender is ready, so that no import is counted.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.faults import world
from benchmarks.faults.terms import PATIENCE, START

ROOT = Path(__file__).parents[2]
_POLL = 0.05
_STEPS = frozenset({"begun", "ended", "program ended", "not expressible", "closed"})
"""Facts that are progress: each starts the patience anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What became of one process.

    Attributes:
        contender: its name.
        fault: its name.
        facts: what the process wrote down, in order.
        exit_code: negative for a signal; None if we killed it.
        complaint: the end of its standard error, if it did not even start.
    """

    contender: str
    fault: str
    facts: list[dict[str, Any]]
    exit_code: int | None
    complaint: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        return {
            "contender": self.contender,
            "fault": self.fault,
            "facts": self.facts,
            "exit_code": self.exit_code,
            "complaint": self.complaint,
        }


def run_all(
    pythons: Mapping[str, str], faults: Sequence[str], *, jobs: int, tell: Callable[[str], object]
) -> list[Record]:
    """Run every fault against every contender.

    Args:
        pythons: the interpreter of each contender.
        faults: their names.
        jobs: processes at the same time. More than there are cores make everybody late.
        tell: receives one line of progress per contender and row of ten.

    Returns:
        One record for each pair.
    """
    pairs = [(contender, fault) for fault in faults for contender in pythons]
    with TemporaryDirectory() as folder, ThreadPoolExecutor(jobs) as pool:
        running = [
            pool.submit(_run_twice_at_most, contender, pythons[contender], fault, Path(folder))
            for contender, fault in pairs
        ]
        taken = []
        for number, one in enumerate(running, 1):
            taken.append(one.result())
            if number % 20 == 0 or number == len(running):
                tell(f"{number} of {len(running)}")
    return taken


def _run_twice_at_most(contender: str, python: str, fault: str, folder: Path) -> Record:
    """Run one pair, and once more if its process did not start: on a busy machine that says nothing about anybody."""
    record = run_one(contender, python, fault, folder)
    return run_one(contender, python, fault, folder) if record.complaint else record


def run_one(contender: str, python: str, fault: str, folder: Path) -> Record:
    """Run one fault against one contender, in a process group that does not outlive this call."""
    path, errors = folder / f"{contender}.{fault}.jsonl", folder / f"{contender}.{fault}.err"
    command = [python, "-m", "benchmarks.faults.worker", contender, fault, str(path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    with errors.open("wb") as stderr:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )
        try:
            exit_code = _wait(process, path)
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    facts = world.read(path)
    started = any(one["what"] in {"begun", "not expressible"} for one in facts)
    said = errors.read_bytes()[-2_000:].decode("utf-8", "replace").strip() or "it said nothing"
    path.unlink(missing_ok=True)
    errors.unlink()
    return Record(contender=contender, fault=fault, facts=facts, exit_code=exit_code, complaint="" if started else said)


def _wait(process: subprocess.Popen[bytes], path: Path) -> int | None:
    """Return the exit code of *process*; None if it made no progress for too long."""
    seen, until = 0, time.monotonic() + START
    while time.monotonic() < until:
        with suppress(subprocess.TimeoutExpired):
            return process.wait(_POLL)
        steps = sum(one["what"] in _STEPS for one in world.read(path))
        if steps > seen:
            seen, until = steps, time.monotonic() + PATIENCE
    return None
