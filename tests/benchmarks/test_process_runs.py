"""The benchmark of worker processes runs and says what it measured."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.real
def test_the_benchmark_of_processes_runs_and_prints_every_question():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.process", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=55,
        check=True,
    )
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [row["benchmark"] for row in rows] == [
        "first call of a worker process",
        "call in a warm worker process",
        "call in a warm thread",
    ]
    assert all(0 < row["asyncio"] < 60_000 and 0 < row["trio"] < 60_000 for row in rows)
