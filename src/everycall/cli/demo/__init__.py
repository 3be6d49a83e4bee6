"""`everycall demo`: one turn on a bad day, on this machine alone. No key, no network, a few seconds."""

import argparse
from collections.abc import Sequence
from typing import Any

from everycall._api import open_turn
from everycall.cli.answer import as_text, turn_as_json
from everycall.cli.demo.script import SCRIPT, demo_message
from everycall.cli.demo.server import DemoServer
from everycall.cli.demo.tools import demo_registry
from everycall.cli.exits import DONE, FOUND, INTERRUPTED
from everycall.cli.progress import Progress
from everycall.cli.screen import Screen, screen_on
from everycall.cli.streams import answer_stream, encoding_of
from everycall.cli.table import Line
from everycall.cli.turns import count, run_to_end, turn_lines
from everycall.core.errors import InfrastructureError
from everycall.core.history import Finding
from everycall.core.policy import Limits
from everycall.history import check
from everycall.turn.turn import Turn

LIMITS = Limits(cancel_grace=0.2, unsafe_cancel_grace=0.3)
"""Short, so that the demo is: real programs leave a stopped tool more time."""


def add_commands(subparsers: Any) -> None:
    """Add `demo` to a command line (see `everycall.cli`)."""
    parser = subparsers.add_parser(
        "demo",
        help="see one turn with good, failing, hanging and malformed calls",
        description="Run one turn on a bad day: nine calls, some of which fail, hang, refuse to stop, or make no "
        "sense. Starts a web server on 127.0.0.1; needs no key and no network, and takes about two seconds.",
        epilog="Exit codes: 0 every call has one result and the next request is valid; 1 if not; 74 the output cannot "
        "be written; 130 Ctrl-C.",
    )
    parser.add_argument("--output", choices=("json", "table"), default="table", help="table by default, in a pipe too")
    parser.set_defaults(run=run_demo)


def run_demo(args: argparse.Namespace) -> int:
    """Carry out `everycall demo`.

    Raises:
        InfrastructureError: no server can be started here.
    """
    with answer_stream() as out:
        is_table = args.output == "table"
        screen = screen_on(out) if is_table else Screen(out)
        if is_table:
            screen.show(*_prologue())
        turn, progress, finished = _play(screen, tell=is_table and not screen.is_live)
        findings = check([{"role": "user", "content": "Help!"}, *turn.exchange], "openai-chat")
        if is_table:
            screen.show(
                *([] if screen.is_live else [[]]),
                *turn_lines(turn, progress, screen.width),
                *_epilogue(turn, progress, findings),
            )
        else:
            out.write(as_text(turn_as_json(turn), indent=2, encoding=encoding_of(out)) + "\n")
    if not finished:
        return INTERRUPTED
    return FOUND if findings or len(turn.results) != len(SCRIPT) else DONE


def _play(screen: Screen, *, tell: bool) -> tuple[Turn, Progress, bool]:
    """Run the turn. Returns it, what was seen of it, and whether it ended by itself."""
    progress = Progress(screen.show if tell else None)
    try:
        server = DemoServer()
    except OSError as error:
        raise InfrastructureError(f"the demo needs a port on 127.0.0.1: {error.strerror or error}") from error
    with server:
        turn = open_turn(
            demo_message(), demo_registry(server.port), key="demo", limits=LIMITS, observers=[progress.observe]
        )
        finished = run_to_end(turn, screen, progress)
    return turn, progress, finished


def _prologue() -> list[Line]:
    width = max(len(name) for name, _, _ in SCRIPT)
    story: list[Line] = [[("  ", ""), (f"{name:{width}}  ", "bold"), (plot, "")] for name, _, plot in SCRIPT]
    return [
        [(f"The model asks for {count(len(SCRIPT), 'call')} at once. What awaits them:", "")],
        *story,
        [],
    ]


def _epilogue(turn: Turn, progress: Progress, findings: Sequence[Finding]) -> list[Line]:
    """Say what was promised, and whether it was kept."""
    lines: list[Line] = [[(f"message {finding.position}: {finding.message}", "red")] for finding in findings]
    seconds = f"{progress.duration:.1f} s" if progress.duration is not None else "a time that nobody measured"
    verdict = "the next request is NOT valid" if findings else "the next request is valid"
    counts = f"{count(len(turn), 'call')}, {count(len(turn.results), 'result')}, in {seconds}"
    return [*lines, [(f"{counts}: {verdict}.", "bold red" if findings else "bold green")]]
