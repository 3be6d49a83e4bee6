"""The command line: `python -m benchmarks.dispatch`."""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence

import anyio

from benchmarks.dispatch.drive import run_rounds
from benchmarks.dispatch.figures import figures
from benchmarks.dispatch.questions import QUICK_SIZES, SIZES, Samples, questions
from benchmarks.dispatch.report import Report, machine

LEAST = 0.05
"""Seconds of CPU time of one sample: some thousand times the resolution of the clock, and several collections."""
ABOUT = 5
"""Samples of CPU time per contender and round."""
QUICK_LEAST, QUICK_ABOUT = 0.005, 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print what was found.

    Returns:
        0; 1 if a target was missed and `--strict` was given; 2 if nothing could be measured.
    """
    asked = _parser().parse_args(arguments)
    sizes = sorted(set(asked.sizes or (QUICK_SIZES if asked.quick else SIZES)))
    rounds = asked.rounds or (1 if asked.quick else 7)
    wanted = questions(sizes=sizes, quick=asked.quick)

    least, about = (QUICK_LEAST, QUICK_ABOUT) if asked.quick else (LEAST, ABOUT)

    async def measure() -> list[Samples]:
        return await run_rounds(wanted, rounds=rounds, least=least, about=about, tell=_tell)

    where = machine()
    try:
        taken = anyio.run(measure)
    except (RuntimeError, TimeoutError, subprocess.CalledProcessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    report = Report(figures=figures(wanted, taken), rounds=taken, machine=where, quick=asked.quick)
    print(report.to_table(), file=sys.stderr if asked.json else sys.stdout)
    if asked.json:
        print(json.dumps(report.to_dict(), indent=2))
    return int(asked.strict and any(one.verdict == "MISSED" for one in report.figures))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.dispatch", description="What the dispatch of calls costs."
    )
    parser.add_argument("--rounds", type=_count, help="figures of each kind (default: 7, or 1 with --quick)")
    parser.add_argument(
        "--sizes", type=_count, nargs="+", metavar="N", help="calls of the no-op turns (default: 1 to 5000)"
    )
    parser.add_argument("--quick", action="store_true", help="small turns, short samples: shows that it runs")
    parser.add_argument("--json", action="store_true", help="JSON to standard output, the table to standard error")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a target is missed")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 10000")
    return int(text)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
