"""Run the fuzzer: `python -m tests.fuzz --seconds 600 --seed 1`.

A plain loop of mutations over recorded inputs; every case has a time limit. A case that fails is printed with the
command that plays it again. Where atheris is installed, `--atheris TARGET` hands the texts to its coverage-guided
engine instead.
"""

import argparse
import collections
import random
import signal
import sys
import time
import traceback

from tests.fuzz.targets import TARGETS

CASE_SECONDS = 5
"""Of the processor: a case that takes longer counts as a failure. The largest inputs here take some milliseconds."""


class TooSlow(BaseException):
    """Not an `Exception`, so that nothing under test can take it for its own."""


def _alarm(*_):
    raise TooSlow


def play(name, number):
    """Play case *number* of a target; the same input each time. Returns what became of it."""
    seeds, change, judge = TARGETS[name]
    rng = random.Random(f"{name}:{number}")
    given = seeds()
    case = change(rng, given[rng.randrange(len(given))])
    return judge(case)


def run(seconds, seed, names, *, tell=print):
    """Play cases from *seed* on, all targets in turn, for *seconds*. Returns how many, and the failures."""
    for name in names:
        TARGETS[name][0]()  # seeds are read before the clock starts
    outcomes = {name: collections.Counter() for name in names}
    failures = []
    slowest = dict.fromkeys(names, 0.0)
    signal.signal(signal.SIGPROF, _alarm)
    ends = time.monotonic() + seconds
    number = seed
    while time.monotonic() < ends:
        for name in names:
            began = time.process_time()
            signal.setitimer(signal.ITIMER_PROF, CASE_SECONDS)
            try:
                outcome = play(name, number)
            except BaseException as error:
                signal.setitimer(signal.ITIMER_PROF, 0)
                if isinstance(error, KeyboardInterrupt):
                    raise
                outcome = "FAILED"
                failures.append((name, number))
                tell(f"python -m tests.fuzz --only {name} --play {number}\n{traceback.format_exc(limit=-4)}")
            signal.setitimer(signal.ITIMER_PROF, 0)
            outcomes[name][outcome] += 1
            slowest[name] = max(slowest[name], time.process_time() - began)
        number += 1
    return outcomes, failures, slowest


def _with_atheris(name):
    import atheris

    seeds, _, judge = TARGETS[name]
    if not all(isinstance(one, str) for one in seeds()):
        sys.exit(f"--atheris takes a target of texts, such as arguments or texts, not {name}")
    atheris.instrument_all()
    atheris.Setup(sys.argv[:1], lambda data: judge(data.decode("utf-8", "replace")))
    atheris.Fuzz()


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0, help="number of the first case")
    parser.add_argument("--only", choices=list(TARGETS), help="one target")
    parser.add_argument("--play", type=int, metavar="CASE", help="play one case of --only again")
    parser.add_argument("--atheris", choices=list(TARGETS), metavar="TARGET", help="use atheris, if it is installed")
    arguments = parser.parse_args()
    if arguments.atheris:
        _with_atheris(arguments.atheris)
    names = [arguments.only] if arguments.only else list(TARGETS)
    if arguments.play is not None:
        print(play(names[0], arguments.play))
        return 0
    outcomes, failures, slowest = run(arguments.seconds, arguments.seed, names)
    for name in names:
        told = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(outcomes[name].items()))
        print(f"{name}: {sum(outcomes[name].values()):,} cases ({told}); slowest {slowest[name] * 1000:.0f} ms")
    print(f"{len(failures)} failures; seed {arguments.seed}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
