"""Finds or makes an interpreter for each contender: they cannot all live in one environment."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.faults.contenders import CONTENDERS, OURS

REQUIREMENTS = Path(__file__).parent / "requirements"
_INSTALL = 900
"""Seconds for one installation."""
_IMPORT = 90


def interpreters(
    names: Sequence[str], folder: Path | None, tell: Callable[[str], object]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the interpreter of each contender, and why the others have none.

    Args:
        names: of the contenders.
        folder: where their virtual environments are, or are made; None for the current environment alone.
        tell: receives one line for each that is made.
    """
    found: dict[str, str] = {}
    missing: dict[str, str] = {}
    for name in names:
        python = sys.executable if folder is None or name == OURS else str(folder / name / "bin" / "python")
        why = _why_not(name, python)
        if why and folder is not None and name != OURS:
            tell(f"installing {name}")
            why = _install(name, folder / name) or _why_not(name, python)
        if why:
            missing[name] = why
        else:
            found[name] = python
    return found, missing


def _why_not(name: str, python: str) -> str:
    """Return why *name* cannot be imported by *python*; empty if it can."""
    if not Path(python).exists():
        return "no virtual environment"
    return _last_line([python, "-c", f"import {CONTENDERS[name].imports}"], _IMPORT)


def _install(name: str, folder: Path) -> str:
    """Make a virtual environment with *name* in it; return what went wrong, or nothing."""
    requirements = str(REQUIREMENTS / f"{name}.txt")
    return _last_line([sys.executable, "-m", "venv", str(folder)], _INSTALL) or _last_line(
        [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--upgrade", "-r", requirements], _INSTALL
    )


def _last_line(command: Sequence[str], seconds: int) -> str:
    """Run *command*; return the last line of its complaint, or nothing if it succeeded."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    return said[-1] if done.returncode else ""
