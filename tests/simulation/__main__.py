"""Run many simulated turns: `python -m tests.simulation --turns 5000 --seed 1`."""

import argparse
import itertools
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from tests.simulation import exhaustive
from tests.simulation.mutant_table import MUTANTS
from tests.simulation.mutants import found_out
from tests.simulation.run import Found, chunk, quiet, simulate
from tests.simulation.twins import differences

BACKENDS = ("asyncio", "trio")
CHUNK = 5000
"""Turns of one process."""


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--turns", type=int, default=5000, help="turns per backend")
    parser.add_argument("--seed", type=int, default=0, help="the first seed; each loop of 50 turns takes the next 50")
    parser.add_argument("--backend", choices=BACKENDS, help="only this one")
    parser.add_argument("--jobs", type=int, default=1, help="processes, each of which plays 5000 turns and ends")
    parser.add_argument("--show", action="store_true", help="print the script and the record of turns that are wrong")
    parser.add_argument(
        "--mutants", action="store_true", help="break the engine in every way of the table, and find out"
    )
    parser.add_argument("--exhaustive", action="store_true", help="every order of events of up to three calls")
    parser.add_argument(
        "--twins",
        type=int,
        metavar="N",
        help="N turns on both backends, with nobody looking on, and without one of their calls",
    )
    arguments = parser.parse_args()
    backends = [arguments.backend] if arguments.backend else BACKENDS
    if arguments.mutants:
        return _mutants()
    if arguments.exhaustive:
        return _exhaustive(backends)
    if arguments.twins:
        return _twins(arguments.twins, arguments.seed)
    if arguments.jobs > 1:
        return _in_processes(backends, arguments)
    return _turns(backends, arguments)


def _in_processes(backends, arguments):
    """Play the turns in processes that end: what hostile tools leave behind in one slows the rest down."""
    bad = 0
    for backend in backends:
        began, total = time.monotonic(), Found()
        chunks = range(arguments.seed, arguments.seed + arguments.turns, CHUNK)
        counts = [min(CHUNK, arguments.seed + arguments.turns - start) for start in chunks]
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(arguments.jobs, mp_context=spawn, max_tasks_per_child=1) as pool:
            for found, digest in pool.map(chunk, itertools.repeat(backend), counts, chunks):
                for name, value in found.items():
                    setattr(total, name, getattr(total, name) + value)
                total.hash.update(digest.encode())
        bad += total.violations
        rate = total.turns / (time.monotonic() - began)
        print(f"{backend}: {total.as_text()}; {rate:.0f} turns/s; digest {total.digest}", flush=True)
    return 1 if bad else 0


def _turns(backends, arguments):
    bad = 0
    for backend in backends:
        began = time.process_time()
        found = simulate(backend, arguments.turns, arguments.seed, show=arguments.show)
        rate = found.turns / (time.process_time() - began)
        bad += found.violations
        print(f"{backend}: {found.as_text()}; {rate:.0f} turns/s of CPU; digest {found.digest}", flush=True)
    return 1 if bad else 0


def _mutants():
    alive = 0
    for mutant in MUTANTS:
        began = time.process_time()
        how = found_out(mutant)
        alive += how is None
        print(f"{mutant.breaks:72} {how or 'NOT FOUND OUT'} ({time.process_time() - began:.1f} s)", flush=True)
    print(f"{len(MUTANTS)} broken engines, {alive} not found out")
    return 1 if alive else 0


def _exhaustive(backends):
    bad = 0
    for backend in backends:
        count, wrong = exhaustive.run(backend)
        bad += len(wrong)
        print(*wrong[:20], sep="\n", end="\n" if wrong else "")
        print(f"{backend}: {count:,} orders of events, {len(wrong)} wrong", flush=True)
    return 1 if bad else 0


def _twins(count, seed):
    wrong = [line for number in range(seed, seed + count) for line in differences(number)]
    print(*wrong, sep="\n", end="\n" if wrong else "")
    print(f"{count} turns played four times, {len(wrong)} differences")
    return 1 if wrong else 0


if __name__ == "__main__":
    quiet()
    sys.exit(main())
