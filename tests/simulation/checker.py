"""Decides whether a recorded turn kept the promise. It knows the rules, not the code."""

from everycall import check
from everycall.core.outcomes import STATUS_OF
from tests.simulation.behaviours import BEHAVIOURS
from tests.simulation.turns import GRACE, TIMEOUT

SLACK = 0.15
"""Virtual seconds that the passes of a busy loop may add."""
CALL_TIMEOUT = 5.0


def violations(record, backend):
    """Return what the turn did wrong, one word or two each; empty if it kept the promise."""
    wrong = []
    if not record.done:
        wrong.append("not done")
    if [result.call_id for result in record.results] != [f"c{n}" for n in range(len(record.calls))]:
        wrong.append("lost, doubled or out of order")
        return wrong
    stopped = record.stop != "none"
    for one, result in zip(record.calls, record.results, strict=True):
        wrong += [f"{word}: {one.kind} -> {result.code}" for word in _of_call(one, result, stopped=stopped)]
    wrong += _of_turn(record)
    return wrong


def _of_turn(record):
    wrong = []
    if record.took > _bound(record) + SLACK:
        wrong.append(f"late: {record.took:.3f} > {_bound(record):.3f}")
    if record.raised not in ("", "cancelled"):
        wrong.append(f"escaped: {record.raised}")
    if record.raised == "cancelled" and record.stop in ("none", "button", "turn timeout"):
        wrong.append("cancelled by nobody")
    if record.limit is not None and record.most_alive > record.limit + _dropped(record):
        wrong.append("over the limit")
    if check([{"role": "user", "content": "x"}, *record.exchange], "openai-chat"):
        wrong.append("invalid exchange")
    return wrong


def _dropped(record):
    """Calls that had to be dropped: their code never runs again, but their frames are never unwound either."""
    return sum(one.kind == "swallows everything" for one in record.calls)


def _of_call(one, result, *, stopped):
    if STATUS_OF[result.code] != result.status:
        yield "status"
    if not result.content:
        yield "empty"
    if result.status == "success" and not one.returned:
        yield "success without effect"
    if result.status == "rejected" and one.starts:
        yield "rejected but run"
    if result.status != "rejected" and not one.starts:
        yield "never run"
    if one.starts and result.effect == "none" and one.safe != "read_only" and not _declared(one):
        yield "none but run"
    if result.attempts != one.starts:
        yield "attempts"
    if one.starts > one.attempts:
        yield "too many attempts"
    if one.overlapped:
        yield "attempts overlap"
    if one.safe == "unsafe" and one.starts > 1 and not _declared(one):
        yield "unsafe run twice"
    if not stopped and result.code not in BEHAVIOURS[one.kind][1] | {"queue_timeout", "saturated"}:
        yield "wrong code"


def _declared(one):
    return one.kind in ("raises on purpose", "is busy for ever", "is busy, then returns")


def _bound(record):
    """Seconds within which the turn must have ended (design, section 1, rule 2)."""
    longest = CALL_TIMEOUT + GRACE
    if record.limit is not None:
        longest += 3.0  # the queue
    if record.stop == "none":
        return longest
    return record.stop_after + GRACE + (TIMEOUT if record.stop == "never" else 0)
