"""Tools that leave something behind, or take something down."""

import asyncio
import ctypes
import os

from benchmarks.faults.catalogue.well import MARK, one_bad
from benchmarks.faults.shapes import Fault

GROUP = "The world around"


async def set_mark() -> str:
    """Set a context variable."""
    MARK.set("set by a tool")
    return "marked"


async def leak_timeout() -> str:
    """Enter a deadline and never leave it: it cancels whatever its task does next."""
    await asyncio.timeout(0.15).__aenter__()
    return "entered"


_kept: list[asyncio.Task[None]] = []


async def leak_task() -> str:
    """Leave a task behind that fails soon."""

    async def fail_later() -> None:
        await asyncio.sleep(0.1)
        raise ValueError("nobody is listening")

    _kept.append(asyncio.create_task(fail_later()))
    return "started"


async def clear_arguments(rows: list[str]) -> str:
    """Empty the list it was given."""
    count = len(rows)
    rows.clear()
    return f"cleared {count}"


async def stop_loop() -> str:
    """Stop the event loop of the program."""
    asyncio.get_running_loop().stop()
    await asyncio.sleep(0.01)
    return "stopped"


def exit_process() -> str:
    """End the process without a word."""
    os._exit(3)


def crash_process() -> str:
    """Read where nothing is."""
    return str(ctypes.string_at(0))


def close_stdout() -> str:
    """Close what the program prints to."""
    os.close(1)
    return "closed"


FAULTS = (
    Fault(
        name="context-variable",
        about="sets a context variable; no sibling and no caller is to see it",
        group=GROUP,
        tools=(set_mark,),
        calls=one_bad("set_mark", expected="success", token="marked"),
        effects={"seen by a sibling": 0, "seen by the caller": 0},
    ),
    Fault(
        name="leaked-deadline",
        about="enters asyncio.timeout and never leaves it",
        group=GROUP,
        tools=(leak_timeout,),
        calls=one_bad("leak_timeout", expected="either"),
    ),
    Fault(
        name="leaked-task",
        about="leaves a task behind that fails",
        group=GROUP,
        tools=(leak_task,),
        calls=one_bad("leak_task", expected="success", token="started"),
    ),
    Fault(
        name="changed-arguments",
        about="empties the list it was given; the next request is to show the call as it was",
        group=GROUP,
        tools=(clear_arguments,),
        calls=one_bad("clear_arguments", '{"rows": ["keep", "these"]}', expected="success", token="cleared 2"),
    ),
    Fault(
        name="stopped-loop",
        about="stops the event loop",
        group=GROUP,
        tools=(stop_loop,),
        calls=one_bad("stop_loop", expected="either"),
    ),
    Fault(
        name="closed-output",
        about="closes standard output",
        group=GROUP,
        tools=(close_stdout,),
        calls=one_bad("close_stdout", expected="success", token="closed"),
    ),
    Fault(
        name="process-exit",
        about="ends the process with os._exit",
        group=GROUP,
        tools=(exit_process,),
        calls=one_bad("exit_process"),
    ),
    Fault(
        name="segfault",
        about="crashes the process",
        group=GROUP,
        tools=(crash_process,),
        calls=one_bad("crash_process"),
    ),
)
