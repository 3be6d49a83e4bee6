# ruff: noqa: T201 -- a command
"""`python -m tests.soak --turns 100000 --hostile 0.05`."""

import argparse
import json
import logging
import subprocess
import sys
import time
import warnings

from tests.soak.run import simulate
from tests.soak.samples import BOUNDS, Sample, grown, slopes


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--turns", type=int, default=100_000, help="turns per backend")
    parser.add_argument("--hostile", type=float, default=0.05, help="share of calls that are hostile")
    parser.add_argument("--samples", type=int, default=40, help="how often to look at the process")
    parser.add_argument("--backend", choices=["asyncio", "trio"], help="only this one, in this process")
    parser.add_argument("--json", action="store_true", help="print the samples as JSON")
    arguments = parser.parse_args()
    if arguments.backend:
        return _one(arguments)
    command = [sys.executable, "-m", "tests.soak", *sys.argv[1:]]
    backends = ("asyncio", "trio")
    return max([subprocess.run([*command, "--backend", one], check=False).returncode for one in backends])


def _one(arguments):
    began = time.perf_counter()
    count, samples = simulate(arguments.backend, arguments.turns, arguments.hostile, samples=arguments.samples)
    seconds = time.perf_counter() - began
    if arguments.json:
        print(json.dumps([one._asdict() for one in samples]))
        return 0
    print(
        f"{arguments.backend}: {count.turns:,} turns, {count.calls:,} calls, {count.hostile:,} hostile, "
        f"{count.cancelled:,} cancelled from outside, {count.stuck} that never end, "
        f"{count.turned_away} turned away at the cap, {count.wrong} wrong, {seconds:.0f} s"
    )
    _table(samples)
    bad = grown(samples)
    if bad:
        print(f"grows: {', '.join(bad)}")
    return 1 if bad or count.wrong else 0


def _table(samples):
    rate = slopes(samples)
    shown = samples[:: max(1, len(samples) // 8)]
    for title, row in [("after turns", Sample._fields[1:])] + [(f"{one.turns:,}", one[1:]) for one in shown]:
        print(
            f"{title:>16}"
            + "".join(f"{value if isinstance(value, str) else format(value, ',.0f'):>12}" for value in row)
        )
    print(f"{'per 1,000 turns':>16}" + "".join(f"{rate[name]:>12.2f}" for name in Sample._fields[1:]))
    print(f"{'bound':>16}" + "".join(f"{BOUNDS[name]:>12.2f}" for name in Sample._fields[1:]), flush=True)


if __name__ == "__main__":
    logging.getLogger("everycall").setLevel(logging.CRITICAL)
    warnings.simplefilter("ignore")
    sys.exit(main())
