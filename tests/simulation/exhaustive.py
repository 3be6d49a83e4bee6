"""Every order of the events around the seal of up to three calls: finish, time-out, cancellation, second cancellation.

No randomness: an order with ties is a tuple of ranks, and all of them are tried. What must come out is computed here
from the ranks alone, in the words of the contract; where two events fall on one moment, either order is right.
"""

import asyncio
from functools import cache
from itertools import combinations_with_replacement, pairwise, permutations, product
from typing import NamedTuple

import anyio

from everycall import Limits, ToolContext, ToolRegistry, ToolRuntime
from tests.messages import call, message
from tests.simulation.loops import run_seeded

TIMEOUT, GRACE, GAP = 1.0, 0.25, 0.02
NEVER = 99
HOWS = {"asyncio": ("scope", "native", "button"), "trio": ("scope", "button")}
CASES_PER_LOOP = 100


class Call(NamedTuple):
    """A call: the rank of the moment at which it is done (or `NEVER`), and whether it refuses to be cancelled."""

    done: int
    refuses: bool


class Case(NamedTuple):
    """One order: who is done when, and when the turn is stopped.

    Attributes:
        calls: in the order of the message.
        timeout: the rank of the moment at which all attempts run out of time.
        stop: of the first cancellation; `NEVER` for none.
        again: of the second.
        how: `scope`, `native` or `button`.
    """

    calls: tuple[Call, ...]
    timeout: int
    stop: int
    again: int
    how: str


def cases(backend, most_calls=3):
    """Yield every case once: ranks without gaps, calls in a fixed order."""
    for how in HOWS[backend]:
        for count in range(1, most_calls + 1):
            yield from _of_count(count, how)


def _of_count(count, how):
    ranks = range(count + 3)
    seen = set()
    for calls in combinations_with_replacement([Call(*one) for one in product([*ranks, NEVER], [False, True])], count):
        for timeout, stop in product(ranks, [*ranks, NEVER]):
            agains = [rank for rank in ranks if rank >= stop] if how == "native" and stop != NEVER else []
            for again in [*agains, NEVER]:
                case = _dense(Case(calls, timeout, stop, again, how))
                if case not in seen:
                    seen.add(case)
                    yield case


def _dense(case):
    used = {one.done for one in case.calls} | {case.timeout, case.stop, case.again}
    rank = {old: new for new, old in enumerate(sorted(used - {NEVER}))} | {NEVER: NEVER}
    calls = tuple(sorted(Call(rank[one.done], one.refuses) for one in case.calls))
    return Case(calls, rank[case.timeout], rank[case.stop], rank[case.again], case.how)


# --- what must come out -------------------------------------------------------------------------------------


@cache
def allowed(one, timeout, stop, again):
    """Return the pairs of code and lateness with which a call may end."""
    found = set()
    moments = [("done", one.done), ("timeout", timeout), ("stop", stop), ("again", again)]
    for order in permutations(moments):
        if all(a[1] <= b[1] for a, b in pairwise(order)):
            found.add(_judged([name for name, rank in order if rank != NEVER], one.refuses))
    if again == stop != NEVER:
        found |= allowed(one, timeout, stop, NEVER)  # asyncio makes one cancellation of two in the same pass
    if one.done in (timeout, stop):
        found.add(("ok", True))  # its wait was over, and it was asked to stop before it could go on
    return found


def _judged(order, refuses):
    """Follow the events one by one, as the contract has them."""
    asked = None
    for event in order:
        match event:
            case "done":
                if asked is None:
                    return "ok", False
                if refuses:
                    return "ok", True  # in the grace: all events lie within it
                return asked, False
            case "timeout":
                asked = asked or "attempt"
            case "stop":
                asked = asked or "cancelled"
            case "again":
                if refuses:
                    return asked, False
    return asked, False


# --- how it is played -----------------------------------------------------------------------------------------


def _moment(case, rank):
    return TIMEOUT + (rank - case.timeout) * GAP if rank != NEVER else 1e6


TOOLS = ToolRegistry(timeout=TIMEOUT)
LIMITS = Limits(unsafe_cancel_grace=GRACE, linger=0.5, abandoned=10_000, abandoned_per_tool=10_000)


@TOOLS.tool
async def tool(n: int, context: ToolContext) -> int:
    one = context.deps.calls[n]
    with anyio.CancelScope(shield=one.refuses):
        await anyio.sleep(_moment(context.deps, one.done))
    return n


async def _play(runtime, case):
    calls = [call("tool", {"n": n}, f"c{n}") for n in range(len(case.calls))]
    turn = runtime.open_turn(message(*calls), deps=case)
    began = anyio.current_time()
    raised = await _DRIVE[case.how](turn, case)
    return turn, raised, anyio.current_time() - began


async def _by_scope(turn, case):
    with anyio.move_on_after(_moment(case, case.stop)) as scope:
        await turn.run()
    return scope.cancelled_caught


async def _by_button(turn, case):
    async with anyio.create_task_group() as group:

        async def press():
            await anyio.sleep(_moment(case, case.stop))
            turn.cancel()

        group.start_soon(press)
        await turn.run()
        group.cancel_scope.cancel()
    return False


async def _natively(turn, case):
    host = asyncio.ensure_future(turn.run())
    loop = asyncio.get_running_loop()
    timers = [loop.call_later(_moment(case, rank), host.cancel) for rank in (case.stop, case.again) if rank != NEVER]
    await asyncio.wait([host])
    for timer in timers:
        timer.cancel()
    return host.cancelled()


_DRIVE = {"scope": _by_scope, "button": _by_button, "native": _natively}


def wrong_with(case, turn, raised, took):
    """Return what came out that must not."""
    got = [(result.code, result.late) for result in turn.results]
    for one, result in zip(case.calls, got, strict=True):
        if result not in allowed(one, case.timeout, case.stop, case.again):
            yield f"{result} for {one}"
    if not turn.done or len(got) != len(case.calls):
        yield "not done"
    if took > TIMEOUT + (max(0, case.again if case.again != NEVER else 0) * GAP) + GRACE + 0.05:
        yield f"late: {took:.3f}"
    ends = max(_ends(one, case) for one in case.calls)
    if case.how != "button" and case.stop != NEVER:
        if raised and _moment(case, case.stop) > ends + 0.01:
            yield "cancelled after its end"
        if not raised and _moment(case, case.stop) < ends - 0.01:
            yield "a cancellation was swallowed"
    elif raised:
        yield "cancelled by nobody"


def _ends(one, case):
    """Return the last moment at which the call may be settled."""
    asked = min(_moment(case, case.timeout), _moment(case, case.stop))
    done = _moment(case, one.done)
    if done <= asked or not one.refuses:
        return min(done, asked)
    again = _moment(case, case.again) if case.again not in (NEVER, case.stop) else 1e9
    return min(done, asked + GRACE, again)


def run(backend, most_calls=3, *, every=1):
    """Try all cases, or one of *every* so many; return how many there were and what was wrong."""
    todo = list(cases(backend, most_calls))[::every]
    wrong = []

    async def some(part):
        async with ToolRuntime(TOOLS, limits=LIMITS) as runtime:
            for case in part:
                turn, raised, took = await _play(runtime, case)
                wrong.extend(f"{case}: {word}" for word in wrong_with(case, turn, raised, took))

    for start in range(0, len(todo), CASES_PER_LOOP):
        run_seeded(backend, start, some, todo[start : start + CASES_PER_LOOP])
    return len(todo), wrong
