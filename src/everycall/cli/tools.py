"""`everycall tools`: what a provider is told of a registry's tools."""

import argparse
from collections.abc import Iterable, Mapping
from typing import Any

from everycall.cli.answer import as_text
from everycall.cli.exits import DONE
from everycall.cli.load import load_registry
from everycall.cli.progress import NAME_WIDTH
from everycall.cli.screen import screen_on
from everycall.cli.streams import answer_stream, encoding_of
from everycall.cli.table import Column, Line, Piece, table
from everycall.core.text import one_line
from everycall.dialects import DIALECT_NAMES, dialect_named
from everycall.registry.tool import Tool

_COLUMNS = (
    Column(title="tool"),
    Column(title="parameters"),
    Column(title="repeating", optional=True),
    Column(title="timeout", right=True, optional=True),
    Column(title="description", optional=True),
)
_MAX_PARAMETERS = 60
_MAX_DESCRIPTION = 80


def add_commands(subparsers: Any) -> None:
    """Add `tools` to a command line (see `everycall.cli`)."""
    parser = subparsers.add_parser(
        "tools",
        help="show the definitions of a registry's tools",
        description="Show what a provider is told of a registry's tools: a table, or JSON for the request's tools=.",
    )
    parser.add_argument(
        "registry", metavar="MODULE:REGISTRY", help="such as my_app.tools:registry; the current directory comes first"
    )
    parser.add_argument(
        "--dialect", default="openai-chat", metavar="NAME", help=f"openai-chat by default; {', '.join(DIALECT_NAMES)}"
    )
    parser.add_argument("--output", choices=("json", "table"), help="by default a table on a terminal, json elsewhere")
    parser.set_defaults(run=show_tools)


def show_tools(args: argparse.Namespace) -> int:
    """Carry out `everycall tools`.

    Raises:
        UsageError: there is no such registry or dialect, or the dialect cannot hold the name of a tool.
    """
    with answer_stream() as out:
        dialect_named(args.dialect)  # importing the tools runs their module: a wrong name is found out before
        registry = load_registry(args.registry, asked_by="tools")
        definitions = registry.definitions(args.dialect)
        if (args.output or ("table" if out.isatty() else "json")) == "json":
            out.write(as_text(definitions, indent=2, encoding=encoding_of(out)) + "\n")
        else:
            screen = screen_on(out)
            screen.show(*_lines(registry, screen.width))
    return DONE


def _lines(tools: Iterable[Tool], width: int) -> list[Line]:
    rows = [_row(tool) for tool in tools]
    if not rows:
        return [[("The registry has no tools.", "")]]
    return [*table(_COLUMNS, rows, width), [], [("* required", "dim")]]


def _row(tool: Tool) -> list[Piece]:
    safe = "read-only" if tool.read_only else "idempotent" if tool.idempotent else "not safe"
    return [
        (one_line(tool.name, NAME_WIDTH), "bold"),
        (one_line(_parameters(tool.parameters), _MAX_PARAMETERS) or "-", ""),
        (safe, "green" if tool.safe_to_repeat else "yellow"),
        ("none" if tool.timeout is None else f"{tool.timeout:g} s", ""),
        (one_line(tool.description.strip().partition("\n")[0], _MAX_DESCRIPTION), "dim"),
    ]


def _parameters(schema: Mapping[str, object]) -> str:
    """Return the names of the parameters, the required ones with a star."""
    properties, required = schema.get("properties"), schema.get("required")
    if not isinstance(properties, Mapping):
        return ""
    starred = required if isinstance(required, list | tuple) else ()
    return ", ".join(f"{name}{'*' if name in starred else ''}" for name in properties)
