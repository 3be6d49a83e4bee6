"""A folder with a module of tools and a message, and `main` run in it."""

import io
import json
import sys
from contextlib import nullcontext, redirect_stdout
from dataclasses import dataclass

import pytest

from everycall.cli import main
from tests.messages import call, message

TOOLS = '''
"""Tools for the tests of the command line."""
from everycall import Image, ToolRegistry

registry = ToolRegistry(timeout=5)
not_a_registry = 3

class Shop:
    registry = registry

@registry.tool(read_only=True)
async def greet(name: str, shout: bool = False) -> str:
    """Greets somebody.

    At length.
    """
    return f"Hello, {name}"

@registry.tool
async def fail() -> None:
    """Fails."""
    raise ValueError("bad \\x1b[31mday\\x1b[0m [bold]not markup[/bold]")

@registry.tool(idempotent=True)
def chat() -> dict:
    """Prints what it should not."""
    print("noise")
    return {"n": 1, "nan": float("nan")}

@registry.tool
async def digits() -> str:
    """Text that could be a number."""
    return "123"

@registry.tool
async def draw() -> list:
    """Draws."""
    return [Image(data=b"\\x89PNG", media_type="image/png")]

@registry.tool
async def long() -> list:
    """Talks too much."""
    return list(range(100_000))
'''


@dataclass
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


class Terminal(io.StringIO):
    """A standard output that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current directory; what is imported from it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setenv("COLUMNS", "100")
    before = set(sys.modules)
    (tmp_path / "my_tools.py").write_text(TOOLS)
    (tmp_path / "message.json").write_text(json.dumps(message(call("greet", {"name": "Ada"}))))
    yield tmp_path
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in sys.modules[name].__file__:
            del sys.modules[name]


@pytest.fixture
def everycall(capsys):
    """Run a command in this process."""

    def run(*words, terminal=None):
        with nullcontext() if terminal is None else redirect_stdout(terminal):
            code = main([str(word) for word in words])
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return run


@pytest.fixture
def run_message(folder, everycall):
    """Run `everycall run` on a message with the tools of the folder."""

    def run(value, *words, terminal=None):
        text = value if isinstance(value, str) else json.dumps(value)
        (folder / "given.json").write_text(text)
        return everycall("run", "given.json", "--tools", "my_tools:registry", *words, terminal=terminal)

    return run


@pytest.fixture
def terminal(monkeypatch):
    """A terminal, for `everycall(..., terminal=terminal)`; it keeps what was shown on it."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal()
