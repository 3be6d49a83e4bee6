"""Decides whether recorded turns kept the promise. It knows the rules, not the code; I1 to I25 are the invariants."""

from everycall import check
from everycall.core.events import (
    AttemptFailed,
    AttemptStarted,
    CallAbandoned,
    CallSettled,
    ForceStopped,
    LateResult,
    ProgressReported,
    RetryScheduled,
)
from tests.simulation.behaviours import BEHAVIOURS
from tests.simulation.call_rules import rules_of_call
from tests.simulation.loops import PASS_COST
from tests.simulation.policies import APPROVAL, IDLE, POLICIES, in_conflict
from tests.simulation.script import CALL_TIMEOUT, GRACE, QUEUE, TIMEOUT
from tests.simulation.stops import STOPS
from tests.simulation.values import SECRET

SLACK = 0.15
"""Virtual seconds that the passes of a busy loop may add."""


def violations(record):
    """Return what the turn did wrong, a few words each; empty if it kept the promise."""
    wrong = []
    if not record.done:
        wrong.append("not done")
    if len(record.results) != len(record.calls):
        return [*wrong, "I1: lost or doubled"]
    for position, (one, result) in enumerate(zip(record.calls, record.results, strict=True)):
        found = rules_of_call(record, position, one, result)
        wrong += [f"{word}: {one.kind} ({one.safe}, {one.sent}) -> {result.code}" for word in found]
    for rule in (*RULES, *(policy.broken for policy in POLICIES.values())):
        wrong += rule(record)
    if record.watched:
        for rule in RULES_OF_EVENTS:
            wrong += rule(record)
    return wrong + record.world.faults


def violations_at_the_end(record):
    """Return what became of a turn afterwards that must not: I3, nothing late changes a result."""
    now = record.turn.results
    if len(now) != len(record.results) or any(a is not b for a, b in zip(now, record.results, strict=True)):
        yield "I3: results changed after the turn"


# --- the turn ---------------------------------------------------------------------------------------------


def ids_on_both_sides(record):
    """I1, I2: each result answers its own call, by an id that both sides have."""
    if not record.exchange:
        yield "I21: no exchange"
        return
    sent = [one["id"] for one in record.exchange[0]["tool_calls"]]
    answered = [one["tool_call_id"] for one in record.exchange[1:]]
    ids = [result.call_id for result in record.results]
    if not sent == answered == ids:
        yield "I2: the sides differ"
    for position, one in enumerate(record.calls):
        own = one.sent not in ("no id", "empty id", "repeated id", "echo")
        if own and ids[position] != f"c{position}":
            yield "I2: an id was changed"


def a_valid_exchange(record):
    """I21: no provider would refuse it."""
    if check([{"role": "user", "content": "x"}, *record.exchange], "openai-chat"):
        yield "I21: invalid exchange"


def in_time(record):
    """I9: the turn ends by its bound."""
    bound = _bound(record)
    if record.took > bound + SLACK + record.spent:
        yield f"I9: late: {record.took:.3f} > {bound:.3f}"


def re_raised(record):
    """I12: what cancels from outside comes out again, and nothing else does."""
    stop = STOPS[record.stop]
    if record.raised not in ("", stop.raises):
        yield f"I12: escaped: {record.raised}"
    slack = SLACK + record.spent  # a turn whose calls are over hears nothing of a stop while the loop is blocked
    stopped_long_before = record.stopped_at is not None and record.took > record.stopped_at - record.began + slack
    sure = stop.raises and record.stop != "button, then scope"
    if sure and stopped_long_before and not record.raised:
        yield "I12: a cancellation was swallowed"
    if record.raised and record.stopped_at is None:
        yield "I12: cancelled by nobody"


def within_the_limits(record):
    """I16: attempts that run at the same time."""
    world = record.world
    if record.limit is not None and record.most_alive > record.limit + world.never_unwound:
        yield "I16: over Limits.concurrency"
    if world.runtime_concurrency is not None and world.most_alive > world.runtime_concurrency + world.never_unwound:
        yield "I16: over Limits.runtime_concurrency"
    if world.most_in_threads > world.threads:
        yield "I16: over Limits.threads"


def the_host_is_untouched(record):
    """I24: the caller's context is as it was."""
    if record.host_changed:
        yield "I24: the host's context changed"


def no_secret_gets_out(record):
    """I20: what stands in a frame of a tool is read by nobody."""
    texts = [str(result.content) for result in record.results]
    texts += [result.error.traceback for result in record.results if result.error is not None]
    if any(SECRET in text for text in texts):
        yield "I20: a secret got out"


def followed_in_order(record):
    """Who follows the turn sees each result once, as it was settled."""
    if record.followed and record.done and sorted(map(id, record.follow)) != sorted(map(id, record.results)):
        yield "settled() gave other results"


RULES = (
    ids_on_both_sides,
    a_valid_exchange,
    in_time,
    re_raised,
    within_the_limits,
    the_host_is_untouched,
    no_secret_gets_out,
    followed_in_order,
)


def _bound(record):
    """Seconds within which the turn must have ended (design, section 1, rule 2)."""
    if record.stopped_at is not None:
        return max(0.0, record.stopped_at - record.began) + STOPS[record.stop].grace
    longest = CALL_TIMEOUT + GRACE
    waits = any(POLICIES[one.policy].waits for one in record.calls)
    if waits or record.limit is not None or record.world.runtime_concurrency is not None or record.world.threads < 128:
        longest += QUEUE
    if any(POLICIES[one.policy].shared for one in record.calls):
        longest *= 18  # calls of all turns that share a runtime
    elif in_conflict(record):
        longest *= len(record.calls)
    return longest + APPROVAL + GRACE


# --- its events -------------------------------------------------------------------------------------------


def settled_once(record):
    """I3: each call is settled once, and its event says what its result says."""
    told = [event for event in record.events if type(event) is CallSettled]
    if sorted(event.position for event in told) != list(range(len(record.calls))):
        yield "I3: not settled once each"
        return
    for event in told:
        result = record.results[event.position]
        if (event.code, event.effect, event.attempts) != (result.code, result.effect, result.attempts):
            yield "an event differs from its result"


def value_and_seal_in_one(record):
    """I10: a value that was returned before the call was settled is its result, and nothing comes in between."""
    settled = {event.position: event.at for event in record.events if type(event) is CallSettled}
    for position, one in enumerate(record.calls):
        at = settled.get(position)
        if at is None or one.around or one.sent == "echo":
            continue
        on_its_way = 0.05 + record.spent if BEHAVIOURS[one.kind].in_thread else 30 * PASS_COST
        for visit in one.visits:
            if visit.how != "returned" or visit.ended > at - on_its_way:
                continue
            if record.results[position].status != "success" and record.results[position].code != "invalid_result":
                yield "I10: a value was lost"
            elif at > visit.ended + SLACK + record.spent:
                yield "I10: settled long after the value was there"


def abandoned_is_told(record):
    """I18: whoever still runs when its call is settled is abandoned, and told; when it ends, that is told as well."""
    abandoned = {(event.position, event.attempt): event.at for event in record.events if type(event) is CallAbandoned}
    late = {(event.position, event.attempt): event.at for event in record.events if type(event) is LateResult}
    forced = {event.position for event in record.events if type(event) is ForceStopped}
    end = record.began + record.took
    for position, one in enumerate(record.calls):
        running = [visit for visit in one.visits if visit.ended is None or visit.ended > end + SLACK]
        if running and position not in forced and not any(at[0] == position for at in abandoned):
            yield "I18: abandoned and not told"
    if any(late[one] < abandoned.get(one, float("inf")) for one in late):
        yield "I18: late before it was abandoned"


def the_grace_is_given(record):
    """Nobody is abandoned before the grace has passed since the attempt was asked to stop."""
    if record.stop == "native twice":
        return
    for event in record.events:
        if type(event) is not CallAbandoned:
            continue
        one = record.calls[event.position]
        if one.around or not one.visits:
            continue
        visits = one.visits
        ends = [visits[-1].began + TIMEOUT, visits[0].began + CALL_TIMEOUT]
        ends.append(visits[-1].began + (POLICIES[one.policy].idle or TIMEOUT))
        if record.stopped_at is not None:
            ends.append(record.stopped_at)
        if event.at < min(ends) + GRACE - 0.05 - record.spent:
            yield "abandoned before the grace was over"


def progress_is_told(record):
    """What a tool reports is told, before its call is settled."""
    settled = set()
    told = [0] * len(record.calls)
    for event in record.events:
        if type(event) is CallSettled:
            settled.add(event.position)
        elif type(event) is ProgressReported:
            told[event.position] += 1
            if event.position in settled and record.results[event.position].ok:
                yield "progress after the end"
    for one, result, count in zip(record.calls, record.results, told, strict=True):
        if result.ok and one.sent != "echo" and one.reports > count:
            yield "progress was lost"


def back_off_is_kept(record):
    """I15: the next attempt comes when it was announced, and not before."""
    announced = {(event.position, event.attempt): event for event in record.events if type(event) is RetryScheduled}
    for event in record.events:
        if type(event) is AttemptStarted and event.attempt > 1:
            before = announced.get((event.position, event.attempt))
            if before is None or event.at < before.at + before.delay - 0.02:
                yield "I15: a retry that was not announced, or too early"


def silence_is_told_from_progress(record):
    """An attempt is stopped for its silence when it has been silent so long, and not before."""
    reported = {}
    # Who is abandoned was stopped a grace ago, and may have reported since.
    abandoned = {event.position for event in record.events if type(event) is CallAbandoned}
    for event in record.events:
        if type(event) is ProgressReported:
            reported[event.position] = event.at
        elif type(event) is AttemptFailed and event.code == "idle" and event.position not in abandoned:
            silent_since = reported.get(event.position, event.at - IDLE)
            if event.at < silent_since + IDLE - 0.01:
                yield "stopped for its silence soon after it had reported"
        elif type(event) is AttemptFailed and event.code == "attempt" and not record.spent:
            one = record.calls[event.position]
            if one.policy == "idle" and not one.reports:
                yield "its silence was not noticed"


RULES_OF_EVENTS = (
    settled_once,
    value_and_seal_in_one,
    abandoned_is_told,
    the_grace_is_given,
    progress_is_told,
    back_off_is_kept,
    silence_is_told_from_progress,
)
