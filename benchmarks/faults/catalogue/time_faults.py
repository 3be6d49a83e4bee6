"""Tools that take their time, refuse to stop, or hold up others; and a program that wants to stop."""

import asyncio
import contextlib
import time

from benchmarks.faults.catalogue.well import many_bad, one_bad
from benchmarks.faults.shapes import Fault

GROUP = "Time"
_LONG = 3_600
_BLOCKED = 6


async def hang() -> str:
    """Never return."""
    await asyncio.sleep(_LONG)
    return "never"


async def swallow_once() -> str:
    """Ignore the first request to stop, and work on for three seconds."""
    try:
        await asyncio.sleep(_LONG)
    except asyncio.CancelledError:
        await asyncio.sleep(3)
    return "finished at last"


async def swallow_always() -> str:
    """Ignore every request to stop."""
    while True:
        with contextlib.suppress(BaseException):
            await asyncio.sleep(0.2)


async def slow_clean_up() -> str:
    """Take four seconds to clean up, shielded."""
    try:
        await asyncio.sleep(_LONG)
    finally:
        await asyncio.shield(asyncio.sleep(4))
    return "never"


async def failing_clean_up() -> str:
    """Fail to clean up."""
    try:
        await asyncio.sleep(_LONG)
    finally:
        raise ValueError("the clean-up broke")


async def block_loop() -> str:
    """Hold up the event loop."""
    time.sleep(4)  # noqa: ASYNC251, TID251 -- the fault
    return "done blocking"


def hang_in_thread() -> str:
    """Hold a thread."""
    time.sleep(_BLOCKED)  # noqa: TID251
    return "finished at last"


def slow_in_thread(number: int) -> str:
    """Take a moment, from a thread."""
    time.sleep(0.3)  # noqa: TID251
    return f"slept {number}"


def stuck_in_thread(number: int) -> str:
    """Hold one of many threads."""
    time.sleep(_BLOCKED)  # noqa: TID251
    return f"finished at last {number}"


async def own_timeout() -> str:
    """Give up on something of its own, long before its time is over."""
    await asyncio.sleep(0.05)
    raise TimeoutError("the database gave up after 50 ms")


async def brisk(number: int) -> str:
    """Take a moment."""
    await asyncio.sleep(0.2)
    return f"brisk {number}"


FAULTS = (
    Fault(name="hang", about="never returns", group=GROUP, tools=(hang,), calls=one_bad("hang")),
    Fault(
        name="swallow-once",
        about="ignores one cancellation and returns three seconds later",
        group=GROUP,
        tools=(swallow_once,),
        calls=one_bad("swallow_once", expected="either", token="finished at last"),
    ),
    Fault(
        name="swallow-always",
        about="ignores every cancellation",
        group=GROUP,
        tools=(swallow_always,),
        calls=one_bad("swallow_always"),
    ),
    Fault(
        name="slow-clean-up",
        about="cleans up for four seconds, shielded",
        group=GROUP,
        tools=(slow_clean_up,),
        calls=one_bad("slow_clean_up"),
    ),
    Fault(
        name="failing-clean-up",
        about="raises while it is cancelled",
        group=GROUP,
        tools=(failing_clean_up,),
        calls=one_bad("failing_clean_up"),
    ),
    Fault(
        name="blocked-loop",
        about="async, but blocks the event loop for four seconds",
        group=GROUP,
        tools=(block_loop,),
        calls=one_bad("block_loop", expected="either"),
    ),
    Fault(
        name="sync-hang",
        about="sync, and holds its thread for six seconds",
        group=GROUP,
        tools=(hang_in_thread,),
        calls=one_bad("hang_in_thread", expected="either", token="finished at last"),
    ),
    Fault(
        name="sync-stuck-x40",
        about="forty sync calls hold their threads for six seconds",
        group=GROUP,
        tools=(stuck_in_thread,),
        calls=many_bad("stuck_in_thread", 40, expected="either", token="finished at last"),
    ),
    Fault(
        name="sync-slow-x80",
        about="eighty sync calls of 0.3 s each",
        group=GROUP,
        tools=(slow_in_thread,),
        calls=many_bad("slow_in_thread", 80, expected="success", token="slept"),
    ),
    Fault(
        name="async-x200",
        about="two hundred calls in one message",
        group=GROUP,
        tools=(brisk,),
        calls=many_bad("brisk", 200, expected="success", token="brisk"),
    ),
    Fault(
        name="own-timeout-error",
        about="raises a TimeoutError of its own after 50 ms",
        group=GROUP,
        tools=(own_timeout,),
        calls=one_bad("own_timeout"),
        lie=r"(?i)(after|within) 1(\.0+)? ?s",
    ),
    Fault(
        name="outer-cancel",
        about="the program cancels the turn while one tool hangs",
        group=GROUP,
        tools=(hang,),
        calls=one_bad("hang"),
        stop_after=0.7,
    ),
    Fault(
        name="outer-cancel-refused",
        about="the program cancels the turn, and one tool ignores it",
        group=GROUP,
        tools=(swallow_always,),
        calls=one_bad("swallow_always"),
        stop_after=0.7,
    ),
)
