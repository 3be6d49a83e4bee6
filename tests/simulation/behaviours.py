"""What simulated tools do: one table. A tool that runs on the loop is an async function, one in a thread a generator.

Each gets its `SimulatedCall` and its `ToolContext`. `seconds` of the call is how long it takes; None stands for the
default value, by which the checker knows the call again.
"""

import asyncio
import contextvars
from collections.abc import Callable
from dataclasses import dataclass

import anyio

from everycall import ToolError, ToolRegistry, TransientToolError, run_tool_calls
from tests.messages import call, message
from tests.simulation import values
from tests.simulation.loops import spend
from tests.simulation.thread_behaviours import THREAD_BEHAVIOURS

FOR_EVER = 1e6
VARIABLE = contextvars.ContextVar("variable", default="nobody's")
OK, TOO_LATE, FAILS = {"ok"}, {"attempt", "call"}, {"tool_error"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """One kind of tool.

    Attributes:
        run: what it does.
        codes: with which its call may end when nobody stops the turn and nothing else fails.
        in_thread: it is a sync tool.
        says_none: it declares `effect="none"`, so that even an unsafe tool may be repeated.
        never_unwound: its frames stay for ever once it had to be stopped by force.
        only: the backend it can run on; "" for both.
        tidy: it leaves nothing behind, no task and no cycle.
        asks: it cannot do without its context.
        shows: whether the content that the model reads is right; None for the default value.
    """

    run: Callable
    codes: frozenset
    in_thread: bool = False
    says_none: bool = False
    never_unwound: bool = False
    only: str = ""
    tidy: bool = True
    asks: bool = False
    shows: Callable | None = None

    def fits(self, backend):
        """Return whether it can run there."""
        return self.only in ("", backend)


class OwnBase(BaseException):
    pass


class HostileText(Exception):
    def __str__(self):
        raise SystemExit("from __str__")


async def takes(seconds):
    """Wait for so long; what takes no time does not wait."""
    if seconds:
        await anyio.sleep(seconds)


# --- it returns ---------------------------------------------------------------------------------------


async def returns(one, _context):
    await takes(one.seconds)


async def returns_at_once(_one, _context):
    pass


async def yields_and_returns(_one, _context):
    await anyio.sleep(0)


async def blocks_the_loop(one, context):
    context.deps.world.spent += 0.3
    spend(0.3)
    await takes(one.seconds)


async def reports_progress(one, context):
    for done in range(3):
        context.report_progress(done, 3, "on the way")
        one.reports += 1
        await anyio.sleep(one.seconds / 4)


async def asks_for_the_time_left(one, context):
    before = context.remaining()
    await takes(one.seconds)
    after = context.remaining()
    if not context.cancelled and not (0 <= after <= before - one.seconds + 0.01 and before < 1.0 + 1e-6):
        one.faults.append("wrong time left")


async def sets_a_variable(one, context):
    VARIABLE.set(f"{context.call_id}'s")
    await takes(one.seconds)
    if VARIABLE.get() != f"{context.call_id}'s":
        one.faults.append("another call's variable")


async def runs_a_turn_of_its_own(_one, _context):
    turn = await run_tool_calls(message(call("inner", {}, "i1"), call("nobody", {}, "i2")), INNER)
    return [result.code for result in turn.results]


# --- it does not come back, or not when it is told to ----------------------------------------------------


async def hangs(_one, _context):
    await anyio.sleep(FOR_EVER)


async def swallows_once(_one, _context):
    try:
        await anyio.sleep(FOR_EVER)
    except anyio.get_cancelled_exc_class():
        pass


async def swallows_and_waits_again(one, _context):
    try:
        await anyio.sleep(FOR_EVER)
    except anyio.get_cancelled_exc_class():
        await anyio.sleep(max(one.seconds, 0.01))  # a wait for nothing is not cancelled again in time


async def swallows_cancellations(_one, _context):
    while True:
        try:
            await anyio.sleep(FOR_EVER)
        except anyio.get_cancelled_exc_class():
            pass


async def swallows_everything(_one, _context):
    while True:
        try:
            await anyio.sleep(FOR_EVER)
        except BaseException:
            pass


async def refuses_natively(_one, _context):
    while True:
        try:
            await asyncio.sleep(FOR_EVER)
        except asyncio.CancelledError:
            asyncio.current_task().uncancel()


async def shields(_one, _context):
    with anyio.CancelScope(shield=True):
        await anyio.sleep(FOR_EVER)


async def shields_its_clean_up(one, _context):
    try:
        await anyio.sleep(FOR_EVER)
    finally:
        with anyio.CancelScope(shield=True):
            await takes(one.seconds)


async def cleans_up_in_the_grace(_one, _context):
    try:
        await anyio.sleep(FOR_EVER)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(0.1)


async def returns_in_the_grace(_one, _context):
    with anyio.CancelScope(shield=True):
        await anyio.sleep(1.1)


async def returns_after_the_grace(_one, _context):
    with anyio.CancelScope(shield=True):
        await anyio.sleep(1.6)


async def clean_up_raises(_one, _context):
    try:
        await anyio.sleep(FOR_EVER)
    finally:
        raise RuntimeError("clean-up")


async def hangs_once_then_returns(one, _context):
    await anyio.sleep(FOR_EVER if len(one.visits) < 2 else one.seconds)


async def cancels_itself(one, _context):
    await takes(one.seconds)
    asyncio.current_task().cancel()
    await anyio.sleep(FOR_EVER)


# --- groups and scopes ------------------------------------------------------------------------------------


async def group_that_fails(one, _context):
    async def bad():
        await takes(one.seconds)
        raise KeyError("child")

    async with anyio.create_task_group() as group:
        group.start_soon(bad)
        await anyio.sleep(FOR_EVER)


async def groups_within_groups(one, _context):
    async def nest(depth):
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep, FOR_EVER)
            if depth:
                group.start_soon(nest, depth - 1)
            else:
                await takes(one.seconds)
                raise ValueError("innermost")

    await nest(3)


async def group_that_hangs(one, _context):
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.sleep, FOR_EVER)
        group.start_soon(anyio.sleep, one.seconds)


async def scope_of_its_own(one, _context):
    with anyio.move_on_after(one.seconds):
        await anyio.sleep(FOR_EVER)


async def leaves_a_scope_open(one, _context):
    anyio.CancelScope(deadline=anyio.current_time() + one.seconds).__enter__()


async def leaves_a_scope_open_and_waits(one, _context):
    anyio.CancelScope(deadline=anyio.current_time() + one.seconds / 2).__enter__()
    await takes(one.seconds)


async def leaves_a_group_open(_one, _context):
    await anyio.create_task_group().__aenter__()


# --- it raises --------------------------------------------------------------------------------------------


def raises(make):
    async def behaviour(one, _context):
        await takes(one.seconds)
        raise make()

    return behaviour


async def fails_then_returns(one, _context):
    await takes(one.seconds)
    if len(one.visits) < 3:
        raise TransientToolError("busy", effect="none")


async def raises_at_once(_one, _context):
    raise ValueError("at once")


async def raises_what_it_keeps(one, _context):
    await takes(one.seconds)
    one.kept = ValueError("kept")
    raise one.kept


async def raises_with_an_odd_text(one, _context):
    await takes(one.seconds)
    raise HostileText


def gives(make):
    """A tool that returns a value of the kind that *make* makes, and remembers it."""

    async def behaviour(one, _context):
        await takes(one.seconds)
        one.kept = value = make()
        return value

    return behaviour


def _row(run, codes, **more):
    return Behaviour(run=run, codes=frozenset(codes), **more)


def _busy(**more):
    return lambda: TransientToolError("busy", effect="none", **more)


BEHAVIOURS = {
    "returns": _row(returns, OK),
    "returns at once": _row(returns_at_once, OK),
    "yields and returns": _row(yields_and_returns, OK),
    "blocks the loop": _row(blocks_the_loop, OK | TOO_LATE),
    "reports progress": _row(reports_progress, OK, asks=True),
    "asks for the time left": _row(asks_for_the_time_left, OK, asks=True),
    "sets a variable": _row(sets_a_variable, OK),
    "runs a turn of its own": _row(runs_a_turn_of_its_own, OK, shows=lambda text: text == '["ok","unknown_tool"]'),
    "hangs": _row(hangs, TOO_LATE),
    "swallows once": _row(swallows_once, OK),
    "swallows and waits again": _row(swallows_and_waits_again, TOO_LATE),
    "swallows cancellations": _row(swallows_cancellations, TOO_LATE, tidy=False),
    "swallows everything": _row(swallows_everything, TOO_LATE, never_unwound=True, tidy=False),
    "refuses natively": _row(refuses_natively, TOO_LATE, only="asyncio", tidy=False),
    "shields": _row(shields, TOO_LATE, tidy=False),
    "shields its clean-up": _row(shields_its_clean_up, TOO_LATE, tidy=False),
    "cleans up in the grace": _row(cleans_up_in_the_grace, TOO_LATE),
    "returns in the grace": _row(returns_in_the_grace, OK),
    "returns after the grace": _row(returns_after_the_grace, TOO_LATE, tidy=False),
    "clean-up raises": _row(clean_up_raises, TOO_LATE),
    "hangs once, then returns": _row(hangs_once_then_returns, OK | TOO_LATE),
    "cancels itself": _row(cancels_itself, FAILS, only="asyncio", tidy=False),
    "group that fails": _row(group_that_fails, FAILS, tidy=False),
    "groups within groups": _row(groups_within_groups, FAILS, tidy=False),
    "group that hangs": _row(group_that_hangs, TOO_LATE, tidy=False),
    "scope of its own": _row(scope_of_its_own, OK),
    "leaves a scope open": _row(leaves_a_scope_open, OK, tidy=False),
    "leaves a scope open and waits": _row(leaves_a_scope_open_and_waits, OK | FAILS | TOO_LATE, tidy=False),
    "leaves a group open": _row(leaves_a_group_open, OK, tidy=False),
    "raises": _row(raises(lambda: ValueError("x")), FAILS),
    "raises at once": _row(raises_at_once, FAILS),
    "raises what it keeps": _row(raises_what_it_keeps, FAILS),
    "raises on purpose": _row(raises(lambda: ToolError("no", effect="none")), FAILS, says_none=True),
    "raises a group": _row(raises(lambda: ExceptionGroup("g", [ValueError(1), KeyError(2)])), FAILS, tidy=False),
    "raises CancelledError": _row(raises(lambda: asyncio.CancelledError("own")), FAILS),
    "raises TimeoutError": _row(raises(lambda: TimeoutError("own")), FAILS | {"call"}),
    "raises SystemExit": _row(raises(lambda: SystemExit(2)), FAILS),
    "raises GeneratorExit": _row(raises(GeneratorExit), FAILS),
    "raises StopIteration": _row(raises(StopIteration), FAILS),
    "raises KeyboardInterrupt": _row(raises(lambda: KeyboardInterrupt("own")), FAILS),
    "raises RecursionError": _row(raises(RecursionError), FAILS),
    "raises its own base": _row(raises(lambda: OwnBase("x")), FAILS),
    "raises with an odd text": _row(raises_with_an_odd_text, FAILS),
    "is busy for ever": _row(raises(_busy()), FAILS | {"call"}, says_none=True),
    "is busy for a while": _row(raises(_busy(retry_after=0.4)), FAILS | {"call"}, says_none=True),
    "is busy for longer than it has": _row(raises(_busy(retry_after=60.0)), FAILS, says_none=True),
    "is busy, then returns": _row(fails_then_returns, OK | FAILS | {"call"}, says_none=True),
    **{f"gives {kind}": _row(gives(row.make), row.codes, shows=row.shows) for kind, row in values.VALUES.items()},
    **{
        f"thread {kind}": _row(*row, in_thread=True, tidy=False, says_none="busy" in kind)
        for kind, row in THREAD_BEHAVIOURS.items()
    },
}

INNER = ToolRegistry(timeout=0.5)


@INNER.tool(read_only=True)
async def inner() -> str:
    await anyio.sleep(0.1)
    return "inner"
