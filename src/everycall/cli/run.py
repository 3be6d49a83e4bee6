"""`everycall run`: the calls of one stored message, run with your tools."""

import argparse
import sys
from typing import Any

from everycall._api import open_turn
from everycall.cli.answer import as_text, turn_as_json
from everycall.cli.exits import DONE, FOUND, INTERRUPTED
from everycall.cli.load import load_registry
from everycall.cli.message import read_message
from everycall.cli.progress import Progress
from everycall.cli.screen import Screen, screen_on
from everycall.cli.streams import answer_stream, encoding_of
from everycall.cli.table import Line
from everycall.cli.turns import count, run_to_end, turn_lines
from everycall.dialects import DIALECT_NAMES
from everycall.registry import ToolRegistry
from everycall.turn.turn import Turn


def add_commands(subparsers: Any) -> None:
    """Add `run` to a command line (see `everycall.cli`)."""
    parser = subparsers.add_parser(
        "run",
        help="run the tool calls of one assistant message",
        description="Run every tool call of one assistant message, or of one whole response, at once. Print one result "
        "per call, and the exchange: the messages that belong in the next request.",
        epilog="Exit codes: 0 every call was answered; 1 with --strict, if a call did not succeed; 2 unusable input, "
        "nothing was run; 74 the answer cannot be written, tools may have run; 130 Ctrl-C: every call has a result all "
        "the same, and they are printed.",
    )
    parser.add_argument(
        "message", metavar="MESSAGE.json", help="a file with the message as JSON; - is the standard input"
    )
    parser.add_argument(
        "--tools",
        required=True,
        metavar="MODULE:REGISTRY",
        help="the registry, such as my_app.tools:registry; the module is imported, the current directory comes first",
    )
    parser.add_argument(
        "--output",
        choices=("json", "table"),
        help='json prints {"results": [...], "exchange": [...]}; by default a table on a terminal, json elsewhere',
    )
    parser.add_argument(
        "--dialect", metavar="NAME", help=f"told from the message if absent: {', '.join(DIALECT_NAMES)}"
    )
    parser.add_argument("--key", help="names this turn: makes idempotency keys and minted ids reproducible")
    parser.add_argument("--turn-timeout", type=float, metavar="S", help="seconds for the whole turn")
    parser.add_argument("--strict", action="store_true", help="exit with 1 unless every call succeeded")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Carry out `everycall run`.

    Raises:
        MessageError: the message cannot be used. Nothing was run.
        UsageError: the registry or an option cannot be used. Nothing was run.
    """
    with answer_stream() as out:
        message = read_message(args.message)
        progress = Progress()
        options = {"key": args.key, "dialect": args.dialect, "turn_timeout": args.turn_timeout}
        # Importing the tools runs their module: what is wrong with the message or an option is found out before.
        open_turn(message, ToolRegistry(), **options)
        tools = load_registry(args.tools, asked_by="--tools")
        turn = open_turn(message, tools, **options, observers=[progress.observe])
        is_table = (args.output or ("table" if out.isatty() else "json")) == "table"
        screen = screen_on(out) if is_table else Screen(out)
        finished = run_to_end(turn, screen, progress)
        if is_table:
            screen.show(*turn_lines(turn, progress, screen.width), _summary(turn, finished=finished))
        else:
            out.write(as_text(turn_as_json(turn), indent=2, encoding=encoding_of(out)) + "\n")
            sys.stderr.writelines(f"everycall: {remark}\n" for remark in progress.remarks)
    if not finished:
        sys.stderr.write("everycall: interrupted; every call has a result\n")
        return INTERRUPTED
    return FOUND if args.strict and not turn.ok else DONE


def _summary(turn: Turn, *, finished: bool) -> Line:
    succeeded = sum(result.ok for result in turn.results)
    return [(f"{count(len(turn), 'call')}, {succeeded} succeeded{'' if finished else '; interrupted'}.", "bold")]
