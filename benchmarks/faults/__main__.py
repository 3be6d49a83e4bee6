"""The command line: `python -m benchmarks.faults`."""

import argparse
import datetime as dt
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from benchmarks.faults.catalogue import FAULTS
from benchmarks.faults.contenders import CONTENDERS
from benchmarks.faults.drive import run_all
from benchmarks.faults.page import to_html
from benchmarks.faults.report import Report, here
from benchmarks.faults.venvs import interpreters


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the matrix, or judge a stored run again, and show it.

    Returns:
        0; 2 if nothing could be asked, if a process did not even start, or if a file cannot be read or written.
    """
    asked = _parser().parse_args(arguments)
    try:
        report = _stored(asked.again) if asked.again else _run(asked)
        _store(report, asked.json)
        _require_started(report)
        _show(report, asked)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _run(asked: argparse.Namespace) -> Report:
    """Run what was asked for.

    Raises:
        ValueError: no contender is installed.
    """
    pythons, missing = interpreters(asked.contenders or list(CONTENDERS), asked.venvs, _tell)
    for name, why in missing.items():
        _tell(f"{name} is not asked: {why}")
    if not pythons:
        raise ValueError("no contender is installed here; give a folder for their environments with --venvs")
    records = run_all(pythons, asked.faults or list(FAULTS), jobs=asked.jobs, tell=_tell)
    date = dt.datetime.now(dt.UTC).date().isoformat()
    return Report(date=date, records=records, missing=missing, system=here())


def _stored(path: Path) -> Report:
    """Return the run stored at *path*.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no stored run.
    """
    try:
        return Report.from_dict(json.loads(path.read_text("utf-8")))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _require_started(report: Report) -> None:
    """Check that every process has begun.

    Raises:
        ValueError: one did not, which says nothing about its contender: there is no table then.
    """
    for one in report.broken:
        raise ValueError(f"{one.contender} did not start under {one.fault}: {one.complaint.splitlines()[-1]}")


def _store(report: Report, path: Path | None) -> None:
    """Write every fact, also of a run that gives no table: it was paid for, and can be looked at."""
    if path:
        path.write_text(json.dumps(report.to_dict()) + "\n", "utf-8")


def _show(report: Report, asked: argparse.Namespace) -> None:
    if asked.html:
        asked.html.write_text(to_html(report), "utf-8")
    if asked.markdown:
        asked.markdown.write_text(report.to_markdown() + "\n", "utf-8")
    else:
        print(report.to_markdown())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.faults", description="What becomes of a turn when something is at fault."
    )
    parser.add_argument(
        "--contenders", type=_names(CONTENDERS), metavar="A,B", help="some of: " + ", ".join(CONTENDERS)
    )
    parser.add_argument("--faults", type=_names(FAULTS), metavar="A,B", help="some of the rows; --list names them")
    parser.add_argument("--venvs", type=Path, metavar="DIR", help="where the contenders' environments are or are made")
    parser.add_argument("--jobs", type=int, choices=(1, 2, 3, 4), default=2, help="processes at once (default: 2)")
    parser.add_argument("--again", type=Path, metavar="FILE", help="judge a run stored with --json; nothing is run")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every fact of every process")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there and not to the output")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write one page with the reason of every ✗")
    parser.add_argument("--list", action=_List, nargs=0, help="name the faults and end")
    return parser


class _List(argparse.Action):
    """Prints the faults and ends, as `--help` does."""

    def __call__(self, parser: argparse.ArgumentParser, *facts: object) -> None:  # noqa: ARG002
        width = max(len(name) for name in FAULTS)
        for name, fault in FAULTS.items():
            print(f"{name:{width}}  {fault.about}")
        parser.exit()


def _names(known: Iterable[str]) -> Callable[[str], list[str]]:
    """Return what reads `a,b` as names out of *known*."""
    table = list(known)

    def names(text: str) -> list[str]:
        found = list(dict.fromkeys(one.strip() for one in text.split(",")))
        unknown = [one for one in found if one not in table]
        if unknown:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of: {', '.join(table)}")
        return found

    return names


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
