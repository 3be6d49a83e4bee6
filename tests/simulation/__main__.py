"""Run many simulated turns: `python -m tests.simulation --turns 5000 --seed 1`."""

import argparse
import hashlib
import random
import sys
import time
from collections import Counter

from everycall import Limits
from everycall import open_turn as open_alone
from tests.simulation.checker import violations
from tests.simulation.loops import run_seeded
from tests.simulation.turns import GRACE, QUEUE, play, script

TURNS_PER_LOOP = 50


async def one_loop(seed, turns, backend, found, digest):
    """Play *turns* scripted turns in one loop, as a program would."""
    rng = random.Random(seed)
    limits = {"cancel_grace": GRACE, "unsafe_cancel_grace": GRACE, "queue_timeout": QUEUE}

    def open_turn(message, tools, record):
        options = {"turn_timeout": record.stop_after} if record.stop == "turn timeout" and record.stop_after > 0 else {}
        if rng.random() < 0.2:
            options["observers"] = [broken_observer]
        return open_alone(message, tools, limits=Limits(concurrency=record.limit, **limits), **options)

    for number in range(turns):
        record = script(rng)
        if backend == "trio" and record.stop.startswith("native"):
            record.stop = "scope"
        await play(record, open_turn)
        found["turns"] += 1
        found["calls"] += len(record.calls)
        found["faults"] += sum(one.kind not in ("returns", "returns at once") for one in record.calls)
        found["stops"] += record.stop != "none"
        facts = [(result.code, result.effect, result.attempts, round(result.duration, 6)) for result in record.results]
        digest.update(repr((seed, number, facts, round(record.took, 6), record.raised)).encode())
        for one in violations(record, backend):
            found["violations"] += 1
            print(f"seed {seed}, turn {number}, {backend}: {one}", file=sys.stderr)


def broken_observer(event):
    """An observer that always fails."""
    raise RuntimeError(event.name)


def simulate(backend, turns, seed):
    """Return the counts and the digest of so many turns from *seed* on."""
    found, digest = Counter(), hashlib.sha256()
    for start in range(0, turns, TURNS_PER_LOOP):
        run_seeded(
            backend, seed + start, one_loop, seed + start, min(TURNS_PER_LOOP, turns - start), backend, found, digest
        )
    return found, digest.hexdigest()[:16]


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--turns", type=int, default=5000, help="turns per backend")
    parser.add_argument("--seed", type=int, default=0, help="the first seed; each loop of 50 turns takes the next 50")
    parser.add_argument("--backend", choices=["asyncio", "trio"], help="only this one")
    arguments = parser.parse_args()
    bad = 0
    for backend in [arguments.backend] if arguments.backend else ["asyncio", "trio"]:
        began = time.perf_counter()
        found, digest = simulate(backend, arguments.turns, arguments.seed)
        rate = found["turns"] / (time.perf_counter() - began)
        bad += found["violations"]
        counts = ", ".join(f"{found[name]} {name}" for name in ("turns", "calls", "faults", "stops", "violations"))
        print(f"{backend}: {counts}; {rate:.0f} turns/s; digest {digest}", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    import logging

    logging.getLogger("everycall").setLevel(logging.CRITICAL)
    sys.exit(main())
