"""The rules for one call: what its script and the world allow as its result."""

from everycall.core.outcomes import STATUS_OF
from tests.simulation.behaviours import BEHAVIOURS
from tests.simulation.policies import DECISIONS, POLICIES, waits_for_others
from tests.simulation.script import AROUND, CALL_TIMEOUT, GRACE, MOST_BYTES, QUEUE, SENT, TIMEOUT
from tests.simulation.stops import STOPS

SLACK = 0.15
MOST_EXPLAINED = 256 * 1024
NEVER_BEGINS = ("scope before", "button before")
"""Not "native before": a task that cancels itself hears of it at its next wait, and by then the calls have begun."""


def rules_of_call(record, position, one, result):
    """Yield what is wrong with the result of a call, in a few words."""
    if one.sent == "echo":
        yield from _of_echo(record, position, one, result)
        return
    yield from _of_vocabulary(record, one, result)
    yield from _of_effect(record, one, result)
    yield from _of_attempts(record, one, result)
    yield from _of_time(record, one, result)
    if result.code not in _codes(record, position, one, result):
        yield "I4: wrong code"
    yield from one.faults


def _of_echo(record, position, one, result):
    first = record.results[position - 1]
    if one.visits:
        yield "a repeated call was run"
    if (result.code, result.effect, result.content) != (first.code, first.effect, first.content):
        yield "an echo with a result of its own"


def _of_vocabulary(record, one, result):
    if STATUS_OF[result.code] != result.status:
        yield "status and code differ"
    if not result.content and one.kind != "gives an empty text":
        yield "empty"
    if len(str(result.content).encode("utf-8", "replace")) > (MOST_BYTES if result.ok else MOST_EXPLAINED):
        yield "I19: too long"
    if not result.ok:
        explained = record.explain == "explains"
        if explained != (result.content == f"explained: {result.code}"):
            yield "not explained"
        elif record.explain in ("", "raises", "raises SystemExit", "gives no text") and (
            not result.content.startswith('{"error":') or f'"{result.code}"' not in result.content
        ):
            yield "no envelope"
    elif one.around == "answers for it" or (one.kind == "runs a turn of its own" and (record.spent or result.late)):
        return  # an inner turn that has no time left gives no value, but it may still say so in the grace of its call
    elif not _shows(record, one, result):
        yield "I6: another call's value, or a changed one"


def _shows(record, one, result):
    shows = BEHAVIOURS[one.kind].shows
    if shows is not None:
        return shows(result.content)
    return result.value == {"turn": record.name, "call": record.calls.index(one)} and str(result.value["call"]) in str(
        result.content
    )


def _of_effect(record, one, result):
    returned = any(visit.how == "returned" for visit in one.visits)
    if result.status == "success":
        if result.effect != "done":
            yield "success, but not done"
        if not returned and one.around != "answers for it":
            yield "I6: success without effect"
    elif result.code == "invalid_result":
        if not returned or result.effect != "done":
            yield "invalid_result of what did not run"
    elif one.visits and result.effect == "none" and one.safe != "read_only" and not BEHAVIOURS[one.kind].says_none:
        yield "I5, I8: none, but run"
    elif not one.visits and result.effect != "none" and not record.wrapped:
        yield "effect without a run"
    if result.status == "rejected" and one.visits:
        yield "I13: rejected, but run"


def _of_attempts(record, one, result):
    behaviour = BEHAVIOURS[one.kind]
    if result.status != "rejected" and not one.visits and not record.wrapped:
        yield "never run"
    if record.wrapped:
        if result.attempts < len(one.visits):
            yield "attempts"
    elif result.attempts != len(one.visits) and not (
        behaviour.in_thread and result.code in ("saturated", "tool_error")
    ):
        yield "attempts"
    if len(one.visits) > one.attempts:
        yield "I15: too many attempts"
    if one.safe == "unsafe" and len(one.visits) > 1 and not behaviour.says_none:
        yield "I7: unsafe run twice"
    if len({visit.key for visit in one.visits}) > 1:
        yield "another idempotency key"
    idle = POLICIES[one.policy].idle is not None  # it may have been stopped before it said when to come again
    for before, after in zip(one.visits, one.visits[1:], strict=False):
        if before.ended is None or before.ended > after.began:
            yield "I14: attempts overlap"
        elif one.kind == "is busy for a while" and not idle and after.began - before.ended < 0.4 - 1e-6:
            yield "I15: Retry-After was not kept"


def _of_time(record, one, result):
    stopped_at = record.stopped_at
    if stopped_at is not None and any(visit.began > stopped_at + 0.02 + record.spent for visit in one.visits):
        yield "I13: started after the stop"
    if record.stop in NEVER_BEGINS and (one.visits or result.status != "rejected"):
        yield "I13: started although the turn was stopped before"
    if result.queued < 0 or result.duration < 0 or max(result.queued, result.duration) > record.took + 0.001:
        yield "wrong times"
    waits = not one.visits and not record.wrapped and not waits_for_others(record)
    if waits and result.queued > QUEUE + SLACK + record.spent:
        yield "I9: waited too long for a place"
    if result.duration > CALL_TIMEOUT + GRACE + SLACK + record.spent:
        yield "I9: took longer than its call may"
    if not one.visits:
        return
    first = one.visits[0].began
    if result.code == "attempt" and result.attempts == 1 and result.duration < TIMEOUT - 0.03:
        yield "stopped before its time"
    ran = result.duration - result.queued  # it may have waited for a place for a second attempt
    if result.code == "attempt" and result.attempts == 1 and ran > TIMEOUT + GRACE + SLACK + record.spent:
        yield "I9: stopped after its time"
    if one.visits[-1].began > first + CALL_TIMEOUT + SLACK:
        yield "I9: started after the time of the call"
    ended = one.visits[-1].ended or 0
    if (
        result.late
        and not one.around
        and ended - one.visits[-1].began < TIMEOUT - 0.03 - record.spent
        and ended - first < CALL_TIMEOUT - 0.03 - record.spent
        and stopped_at is None
        and POLICIES[one.policy].idle is None
    ):
        yield "late before its time"


def _codes(record, position, one, result):
    """Return the codes with which the call may have ended."""
    if record.cut_off:
        return {"unfinished_message"}
    if position >= record.most_calls:
        return {"limit"}
    refused = SENT[one.sent]
    if refused is not None:
        return {refused}
    codes = set(BEHAVIOURS[one.kind].codes) | set(AROUND[one.around]) | set(POLICIES[one.policy].codes)
    if POLICIES[one.policy].gated and DECISIONS[one.decision] is not None:
        codes = {DECISIONS[one.decision]}
    world = record.world
    if _may_wait(record, one) and (result.queued > QUEUE - 0.01 or world.at_once):
        codes.add("queue_timeout")
    if record.spent > 0.03:
        codes |= {"attempt", "call"}  # somebody blocked the loop
        if POLICIES[one.policy].gated:
            codes.add("denied")  # the approver was not heard in time
        if BEHAVIOURS[one.kind].in_thread:
            codes.add("not_started")  # its time was over before its thread could begin
    if record.stop == "native twice" and record.stopped_at is not None:
        codes |= {"attempt", "call"}  # the second cancellation ended the grace of an attempt that was being stopped
    in_thread = BEHAVIOURS[one.kind].in_thread
    if in_thread or world.ever_given_up or world.turns > 1 or not record.watched:
        codes.add("saturated")
    if in_thread and record.wrapped:
        codes.add("tool_error")  # no thread for what a middleware runs
    if record.stopped_at is not None and record.took >= record.stopped_at - record.began - 0.02:
        codes |= {STOPS[record.stop].code, "not_started"}
    return codes


def _may_wait(record, one):
    world = record.world
    return (
        record.limit is not None
        or world.runtime_concurrency is not None
        or POLICIES[one.policy].waits
        or (BEHAVIOURS[one.kind].in_thread and world.threads < 128)
    )
