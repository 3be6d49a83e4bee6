"""Tools that raise."""

import asyncio
import sys

from benchmarks.faults import world
from benchmarks.faults.catalogue.well import one_bad
from benchmarks.faults.shapes import Fault, Tool

GROUP = "Exceptions"
SECRET = "hunter2-a1b2c3"


async def raise_value_error() -> str:
    """Fail as most tools fail."""
    raise ValueError("no such customer")


async def raise_cancelled() -> str:
    """Raise the exception by which others are cancelled."""
    raise asyncio.CancelledError


async def cancel_itself() -> str:
    """Cancel the own task."""
    task = asyncio.current_task()
    if task is not None:
        task.cancel()
    await asyncio.sleep(0.01)
    return "not cancelled"


async def exit_async() -> str:
    """Leave, as a command-line program would."""
    sys.exit(2)


def exit_sync() -> str:
    """Leave from a thread: argparse does this for a wrong argument."""
    sys.exit(2)


async def exit_in_child() -> str:
    """Leave from a task of its own."""

    async def child() -> None:
        sys.exit(2)

    await asyncio.create_task(child())
    return "never"


async def raise_keyboard_interrupt() -> str:
    """Raise what Ctrl-C raises."""
    raise KeyboardInterrupt


async def raise_generator_exit() -> str:
    """Raise what ends generators."""
    raise GeneratorExit


def raise_generator_exit_sync() -> str:
    """Raise what ends generators, from a thread."""
    raise GeneratorExit


def raise_stop_iteration() -> str:
    """Ask an empty iterator for more, from a thread."""
    return str(next(iter(())))


async def raise_group() -> str:
    """Fail in two ways at once."""
    raise ExceptionGroup("two", [ValueError("one"), asyncio.QueueEmpty("two")])


class _OwnBaseError(BaseException):
    """Some libraries have one."""


async def raise_base_exception() -> str:
    """Raise what no `except Exception` sees."""
    raise _OwnBaseError("from a library")


class _UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("cannot be shown")

    __repr__ = __str__


async def raise_unprintable() -> str:
    """Raise what cannot be shown."""
    raise _UnprintableError


async def raise_huge() -> str:
    """Say too much about a failure: 20 MB."""
    raise ValueError("x" * 20_000_000)


async def raise_secret() -> str:
    """Tell a password with the failure."""
    raise ConnectionError(f"cannot connect to postgres://admin:{SECRET}@db.example/main")


async def raise_ansi() -> str:
    """Fail in colours, and ring the bell."""
    raise ValueError("\x1b[2J\x1b[31mred\x1b[0m\x07 no such customer")


async def recurse() -> str:
    """Never come to the end of it."""
    return await recurse()


async def charge_then_fail() -> str:
    """Take effect, and fail without saying so."""
    world.note("effect", name="charged")
    raise ConnectionError("connection reset by peer")


async def passing() -> str:
    """Fail once."""
    world.note("effect", name="tried")
    passing_tries.append(1)
    if len(passing_tries) == 1:
        raise ConnectionError("connection reset by peer")
    return "second time lucky"


passing_tries: list[int] = []

_RAISING: tuple[tuple[str, str, Tool], ...] = (
    ("value-error", "raises ValueError", raise_value_error),
    ("cancelled-error", "raises CancelledError itself", raise_cancelled),
    ("cancels-itself", "cancels its own task", cancel_itself),
    ("system-exit", "calls sys.exit", exit_async),
    ("system-exit-sync", "sync, and calls sys.exit", exit_sync),
    ("system-exit-child", "calls sys.exit in a task of its own", exit_in_child),
    ("keyboard-interrupt", "raises KeyboardInterrupt", raise_keyboard_interrupt),
    ("generator-exit", "raises GeneratorExit", raise_generator_exit),
    ("generator-exit-sync", "sync, and raises GeneratorExit", raise_generator_exit_sync),
    ("stop-iteration-sync", "sync, and raises StopIteration", raise_stop_iteration),
    ("exception-group", "raises an exception group", raise_group),
    ("base-exception", "raises a BaseException of its own", raise_base_exception),
    ("unprintable-error", "raises an exception whose str() raises", raise_unprintable),
    ("recursion", "recurses without end", recurse),
)

FAULTS = (
    *(
        Fault(name=name, about=about, group=GROUP, tools=(tool,), calls=one_bad(tool.__name__))
        for name, about, tool in _RAISING
    ),
    Fault(
        name="huge-error",
        about="raises with 20 MB of text",
        group=GROUP,
        tools=(raise_huge,),
        calls=one_bad("raise_huge"),
        longest=100_000,
    ),
    Fault(
        name="secret-in-error",
        about="raises with a password in a URL; the model is not to read it",
        group=GROUP,
        tools=(raise_secret,),
        calls=one_bad("raise_secret"),
        never=SECRET,
    ),
    Fault(
        name="ansi-in-error",
        about="raises with terminal escapes; the model is not to read them",
        group=GROUP,
        tools=(raise_ansi,),
        calls=one_bad("raise_ansi"),
        never=r"\x1b|\\u001b",
    ),
    Fault(
        name="effect-then-error",
        about="charges, then loses its connection; is not to charge twice",
        group=GROUP,
        tools=(charge_then_fail,),
        calls=one_bad("charge_then_fail"),
        effects={"charged": 1},
    ),
    Fault(
        name="passing-error",
        about="loses its connection once; safe to repeat",
        group=GROUP,
        tools=(passing,),
        calls=one_bad("passing", expected="either", token="second time lucky"),
        effects={"tried": 5},
        repeatable=True,
    ),
)
