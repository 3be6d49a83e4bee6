"""`everycall check` and `everycall repair`: stored conversations on the command line.

Exit codes: 0 all is in order (or is now, for `repair`), 1 there are findings, 2 something could not be read, 74 the
output could not be written.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from everycall.cli.conversations import Conversation, Unusable, read_conversations
from everycall.cli.exits import DONE, FOUND, UNUSABLE, UNWRITTEN
from everycall.cli.places import first_text, show
from everycall.cli.reading import named
from everycall.core.errors import MessageError
from everycall.core.history import Edit, Finding
from everycall.core.text import one_line
from everycall.dialects import DIALECT_NAMES
from everycall.history.check import find
from everycall.history.pairing import pair
from everycall.history.repair import repair
from everycall.history.scanning import scan_history

_FORMATS = (
    "FILE holds a JSON list of messages, an object with such a list under 'messages' (or 'input', or 'contents'), or "
    "JSON lines with one of these per line. '-' is the standard input."
)
_LEAST_FOR_PROGRESS = 4 * 1024 * 1024
"""Bytes of a file below which a progress bar would only flicker."""


def add_commands(subparsers: Any) -> None:
    """Add `check` and `repair` to a command line.

    Args:
        subparsers: what `ArgumentParser.add_subparsers` returned. Each command sets `run`, a function of the parsed
            arguments that returns the exit code.
    """
    checks = subparsers.add_parser(
        "check",
        help="find what a provider would refuse in stored conversations",
        description=f"Find what a provider would refuse in stored conversations. {_FORMATS}",
        epilog="Exit codes: 0 clean, 1 findings, 2 something could not be read, 74 the output could not be written.",
    )
    checks.add_argument("files", nargs="+", metavar="FILE")
    checks.add_argument("--allow-open", action="store_true", help="calls at the end may still wait for their results")
    _add_common(checks, "print findings as text, or as one JSON object per conversation that has any and one summary")
    checks.set_defaults(run=run_check)
    repairs = subparsers.add_parser(
        "repair",
        help="mend stored conversations so that a provider takes them",
        description=f"Mend stored conversations so that a provider takes them. {_FORMATS}",
        epilog="The changes are listed on stderr. Exit codes: 0 the output is clean, 2 something could not be read, "
        "74 the output could not be written.",
    )
    repairs.add_argument("file", metavar="FILE")
    repairs.add_argument("-o", "--out", metavar="OUT", help="where to write; the standard output if absent")
    _add_common(repairs, "list the changes on stderr as text, or as one JSON object per conversation that has any")
    repairs.set_defaults(run=run_repair)


def _add_common(parser: argparse.ArgumentParser, output: str) -> None:
    parser.add_argument("--dialect", choices=DIALECT_NAMES, help="what the messages are in; told from them if absent")
    parser.add_argument("--output", choices=("text", "json"), default="text", help=output)


@dataclass(slots=True)
class _Tally:
    conversations: int = 0
    messages: int = 0
    with_findings: int = 0
    findings: int = 0
    unusable: int = 0

    def exit_code(self) -> int:
        if self.unusable:
            return UNUSABLE
        return FOUND if self.findings else DONE

    def __str__(self) -> str:
        checked = f"{_count(self.conversations, 'conversation')}, {_count(self.messages, 'message')}"
        found = f"{_count(self.findings, 'finding')} in {_count(self.with_findings, 'conversation')}"
        unread = f"; {self.unusable} could not be read" if self.unusable else ""
        return f"{checked}: {found if self.findings else 'no findings'}{unread}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def run_check(args: argparse.Namespace) -> int:
    """Carry out `everycall check`."""
    _escape_what_the_terminal_cannot_show()
    tally = _Tally()
    for path in args.files:
        for one in _conversations(path, tally):
            _check_one(one, args, tally)
    _print(json.dumps({"summary": asdict(tally)}) if args.output == "json" else str(tally))
    return tally.exit_code()


def _check_one(one: Conversation, args: argparse.Namespace, tally: _Tally) -> None:
    try:
        scanned = scan_history(one.history, args.dialect)
    except MessageError as error:
        _complain(tally, f"{one.where}: {error}")
        return
    pairing = pair(scanned.items, scanned.history.RULES)
    findings = find(scanned, pairing, allow_open=args.allow_open)
    tally.conversations += 1
    tally.messages += len(scanned.items)
    if not findings:
        return
    tally.with_findings += 1
    tally.findings += len(findings)
    dialect = scanned.history.RULES.dialect
    if args.output == "json":
        _print(_as_json(one.where, findings, "findings", dialect=dialect))
        return
    _print(f"{one_line(one.where, 300)}: {_count(len(findings), 'finding')} ({dialect})")
    for finding in findings:
        _print("\n".join(show(finding, scanned.items, pairing)))
    _print("")


def run_repair(args: argparse.Namespace) -> int:
    """Carry out `everycall repair`."""
    _escape_what_the_terminal_cannot_show()
    tally = _Tally()
    code = UNUSABLE
    try:
        with _written(args.out, tally) as out:
            for one in _conversations(args.file, tally):
                out.write(_repair_one(one, args))
    except OSError as error:
        if args.out is None:
            raise  # the standard output is the same for all commands
        code = UNWRITTEN
        _complain(tally, f"{named(args.out)}: {error.strerror}")
    except (MessageError, Unusable) as error:
        _complain(tally, str(error))
    if tally.unusable and args.out is not None:
        _print(f"everycall: nothing was written to {one_line(named(args.out), 300)}", sys.stderr)
    return code if tally.unusable else DONE


def _repair_one(one: Conversation, args: argparse.Namespace) -> bytes:
    """Return the mended conversation; the very bytes that were read if it is in order."""
    try:
        mended = repair(one.history, args.dialect)
    except MessageError as error:
        raise MessageError(f"{one.where}: {error}") from error
    if not mended.edits:
        return one.raw if one.raw.endswith(b"\n") else one.raw + b"\n"
    if args.output == "json":
        _print(_as_json(one.where, mended.edits, "edits"), sys.stderr)
    else:
        _print(f"{one_line(one.where, 300)}: {_count(len(mended.edits), 'change')}", sys.stderr)
        for edit in mended.edits:
            _print(f"  message {edit.position}: {edit.kind}: {one_line(edit.message, 300)}", sys.stderr)
            if edit.dropped is not None:
                _print(f"    it said: {one_line(first_text(edit.dropped), 1000)}", sys.stderr)
    return one.with_history(mended.messages)


def _as_json(where: str, facts: list[Finding] | tuple[Edit, ...], name: str, **more: str) -> str:
    return json.dumps({"conversation": where, **more, name: [asdict(fact) for fact in facts]}, default=str)


def _conversations(path: str, tally: _Tally) -> Iterator[Conversation]:
    """Yield what can be read, say what cannot."""
    with _progress(path) as advance:
        try:
            for one in read_conversations(path, advance):
                if isinstance(one, Unusable):
                    _complain(tally, str(one))
                else:
                    yield one
        except Unusable as error:
            _complain(tally, str(error))


@contextmanager
def _progress(path: str) -> Iterator[Callable[[int], None]]:
    """Show on a terminal how much of a large file has been read, if `rich` is installed; else show nothing."""
    size = 0
    with suppress(OSError):  # whoever opens it says what is wrong with it
        size = Path(path).stat().st_size if path != "-" and Path(path).is_file() else 0
    if size < _LEAST_FOR_PROGRESS or not sys.stderr.isatty():
        yield lambda _: None
        return
    try:
        from rich.console import Console  # noqa: PLC0415 - an optional dependency, imported where it is used
        from rich.progress import Progress  # noqa: PLC0415
    except ImportError:
        yield lambda _: None
        return
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(one_line(path, 60).replace("[", "\\["), total=size)
        yield lambda count: progress.advance(bar, count)


@contextmanager
def _written(path: str | None, tally: _Tally) -> Iterator[IO[bytes]]:
    """Open what is written to. A file appears whole, or not at all: not if anything could not be read.

    Raises:
        Unusable: there can be no file of this name.
        OSError: what is written does not arrive.
    """
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if not path or Path(path).is_dir():
        raise Unusable(f"{named(path)}: -o wants the name of a file.")
    try:
        descriptor, name = tempfile.mkstemp(dir=Path(path).resolve().parent, prefix=".everycall-")
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror}") from error
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        if not tally.unusable:
            draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _complain(tally: _Tally, text: str) -> None:
    tally.unusable += 1
    _print(f"everycall: {one_line(text, 600)}", sys.stderr)


def _print(text: str, stream: IO[str] | None = None) -> None:
    print(text, file=stream or sys.stdout)


def _escape_what_the_terminal_cannot_show() -> None:
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
