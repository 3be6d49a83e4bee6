"""What simulated tools do. Each is an async function of its `SimulatedCall` and a duration in virtual seconds."""

import asyncio

import anyio

from everycall import ToolError, TransientToolError

FOR_EVER = 1e6


class OwnBase(BaseException):
    pass


async def returns(_call, seconds):
    await anyio.sleep(seconds)


async def returns_at_once(_call, _seconds):
    pass


async def hangs(_call, _seconds):
    await anyio.sleep(FOR_EVER)


async def swallows_once(_call, _seconds):
    try:
        await anyio.sleep(FOR_EVER)
    except anyio.get_cancelled_exc_class():
        pass


async def swallows_cancellations(_call, _seconds):
    while True:
        try:
            await anyio.sleep(FOR_EVER)
        except anyio.get_cancelled_exc_class():
            pass


async def swallows_everything(_call, _seconds):
    while True:
        try:
            await anyio.sleep(FOR_EVER)
        except BaseException:
            pass


async def shields(_call, _seconds):
    with anyio.CancelScope(shield=True):
        await anyio.sleep(FOR_EVER)


async def shields_its_clean_up(_call, seconds):
    try:
        await anyio.sleep(FOR_EVER)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(seconds)


async def clean_up_raises(_call, _seconds):
    try:
        await anyio.sleep(FOR_EVER)
    finally:
        raise RuntimeError("clean-up")


async def group_that_fails(_call, seconds):
    async def bad():
        await anyio.sleep(seconds)
        raise KeyError("child")

    async with anyio.create_task_group() as group:
        group.start_soon(bad)
        await anyio.sleep(FOR_EVER)


async def group_that_hangs(_call, seconds):
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.sleep, FOR_EVER)
        group.start_soon(anyio.sleep, seconds)


async def leaves_a_scope_open(_call, seconds):
    anyio.CancelScope(deadline=anyio.current_time() + seconds).__enter__()


async def leaves_a_group_open(_call, _seconds):
    await anyio.create_task_group().__aenter__()


def raises(make):
    async def behaviour(_call, seconds):
        await anyio.sleep(seconds)
        raise make()

    return behaviour


async def fails_then_returns(call, seconds):
    await anyio.sleep(seconds)
    if call.starts < 3:
        raise TransientToolError("busy", effect="none")


# name -> (what it does, the codes it may end with when nobody stops the turn)
BEHAVIOURS = {
    "returns": (returns, {"ok"}),
    "returns at once": (returns_at_once, {"ok"}),
    "hangs": (hangs, {"attempt", "call"}),
    "swallows once": (swallows_once, {"ok"}),
    "swallows cancellations": (swallows_cancellations, {"attempt", "call"}),
    "swallows everything": (swallows_everything, {"attempt", "call"}),
    "shields": (shields, {"attempt", "call"}),
    "shields its clean-up": (shields_its_clean_up, {"attempt", "call"}),
    "clean-up raises": (clean_up_raises, {"attempt", "call"}),
    "group that fails": (group_that_fails, {"tool_error"}),
    "group that hangs": (group_that_hangs, {"attempt", "call"}),
    "leaves a scope open": (leaves_a_scope_open, {"ok"}),
    "leaves a group open": (leaves_a_group_open, {"ok"}),
    "raises": (raises(lambda: ValueError("x")), {"tool_error"}),
    "raises on purpose": (raises(lambda: ToolError("no", effect="none")), {"tool_error"}),
    "raises a group": (raises(lambda: ExceptionGroup("g", [ValueError(1), KeyError(2)])), {"tool_error"}),
    "raises CancelledError": (raises(lambda: asyncio.CancelledError("own")), {"tool_error"}),
    "raises TimeoutError": (raises(lambda: TimeoutError("own")), {"tool_error", "call"}),
    "raises SystemExit": (raises(lambda: SystemExit(2)), {"tool_error"}),
    "raises GeneratorExit": (raises(GeneratorExit), {"tool_error"}),
    "raises its own base": (raises(lambda: OwnBase("x")), {"tool_error"}),
    "is busy for ever": (raises(lambda: TransientToolError("busy", effect="none")), {"tool_error", "call"}),
    "is busy, then returns": (fails_then_returns, {"ok", "tool_error", "call"}),
}
