"""How long does it take to check and to repair a long history, and does it grow linearly?

Run it as `python -m benchmarks.history`: a table, then one JSON object per line. Each figure is the best of several
runs.
The goal is a `check` of 10,000 messages in less than 0.25 s.
"""

import gc
import json
import platform
import sys
import time
from collections.abc import Callable

from everycall.history import check, exchanges, repair, rewrite_ids, trim

LENGTHS = (1_000, 10_000, 50_000)
RUNS = 3
GOAL = 0.25
GOAL_LENGTH = 10_000


def openai_history(messages: int, *, broken: bool = False) -> list[object]:
    """Return a history of about *messages* messages: exchanges of three calls, now and then a word in between."""
    history: list[object] = [{"role": "user", "content": "Begin."}]
    turn = 0
    while len(history) < messages:
        ids = [f"call_{turn}_{number}" for number in range(3)]
        calls = [{"id": i, "type": "function", "function": {"name": "look", "arguments": '{"n": 1}'}} for i in ids]
        results = [{"role": "tool", "tool_call_id": i, "content": "a result of some length " * 8} for i in ids]
        if broken and turn % 10 == 0:
            results.pop()
        history += [{"role": "assistant", "content": "", "tool_calls": calls}, *results]
        if turn % 5 == 4:
            history += [{"role": "assistant", "content": "So far."}, {"role": "user", "content": "Go on."}]
        turn += 1
    return history


def anthropic_history(messages: int) -> list[object]:
    """Return the same as Anthropic has it."""
    history: list[object] = [{"role": "user", "content": "Begin."}]
    turn = 0
    while len(history) < messages:
        ids = [f"toolu_{turn}_{number}" for number in range(3)]
        calls = [{"type": "tool_use", "id": i, "name": "look", "input": {"n": 1}} for i in ids]
        results = [{"type": "tool_result", "tool_use_id": i, "content": "a result of some length " * 8} for i in ids]
        history += [{"role": "assistant", "content": calls}, {"role": "user", "content": results}]
        turn += 1
    return history


def without_collector(work: Callable[[list[object]], object], history: list[object]) -> object:
    """Run *work* while the garbage collector rests: its passes over all live objects are what is not linear."""
    gc.disable()
    try:
        return work(history)
    finally:
        gc.enable()


CASES: dict[str, tuple[Callable[[int], list[object]], Callable[[list[object]], object]]] = {
    "check, openai-chat": (openai_history, check),
    "the same, collector paused": (openai_history, lambda history: without_collector(check, history)),
    "check, anthropic": (anthropic_history, check),
    "check, every tenth exchange broken": (lambda n: openai_history(n, broken=True), check),
    "repair, nothing to do": (openai_history, repair),
    "repair, every tenth exchange broken": (lambda n: openai_history(n, broken=True), repair),
    "exchanges": (openai_history, exchanges),
    "trim to 100": (openai_history, lambda history: trim(history, keep=100)),
    "rewrite_ids to strict9": (openai_history, lambda history: rewrite_ids(history, None, "strict9")),
}


def best(work: Callable[[list[object]], object], history: list[object]) -> float:
    """Return the seconds of the fastest of several runs."""
    times = []
    for _ in range(RUNS):
        gc.collect()
        started = time.perf_counter()
        work(history)
        times.append(time.perf_counter() - started)
    return min(times)


def main() -> int:
    """Measure, print, and return 1 if the goal is missed."""
    rows = []
    print(f"{'seconds for a history of':<38}" + "".join(f"{length:>10,}" for length in LENGTHS) + "   per message")
    for name, (make, work) in CASES.items():
        seconds = {length: best(work, make(length)) for length in LENGTHS}
        each = seconds[LENGTHS[-1]] / LENGTHS[-1]
        print(f"{name:<38}" + "".join(f"{value:>10.4f}" for value in seconds.values()) + f"   {each * 1e6:.1f} us")
        rows.append({"benchmark": name, "seconds": seconds, "microseconds_per_message": round(each * 1e6, 2)})
    reached = rows[0]["seconds"][GOAL_LENGTH] < GOAL  # type: ignore[index]
    print(f"goal: check of {GOAL_LENGTH:,} messages in {GOAL} s: {'reached' if reached else 'MISSED'}")
    for row in rows:
        print(json.dumps({**row, "python": platform.python_version(), "runs": RUNS}))
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
