"""What tests with real threads and processes share."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def program():
    """Runs a program in a process of its own; gives its lines of output, its exit status and what it complained of."""

    def run(text, *arguments, timeout=25):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", PRELUDE + textwrap.dedent(text), *arguments],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            cwd=ROOT,
        )
        return done.stdout.splitlines(), done.returncode, done.stderr

    return run


PRELUDE = """
import asyncio, os, signal, sys, threading, time
import anyio
from everycall import *
from tests.messages import call, message

tools = ToolRegistry()
backend = sys.argv[1]
"""
