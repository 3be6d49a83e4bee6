"""Tools that return what is hard to send."""

import asyncio
from collections.abc import Iterator
from typing import Any

from benchmarks.faults.catalogue.well import one_bad
from benchmarks.faults.shapes import Fault, Tool

GROUP = "Values"


async def return_none() -> Any:
    """Return nothing."""
    return None


async def return_empty() -> Any:
    """Return no text."""
    return ""


async def return_nan() -> Any:
    """Return numbers that JSON has no word for."""
    return {"value": float("nan"), "most": float("inf")}


async def return_surrogate() -> Any:
    """Return text that UTF-8 cannot hold: half of a pair, as a cut-off string leaves it."""
    return "half of a pair: \ud83d"


async def return_bytes() -> Any:
    """Return bytes that are no text."""
    return b"\xff\xfe\x00\x01"


async def return_cycle() -> Any:
    """Return what contains itself."""
    value: dict[str, Any] = {"name": "cycle"}
    value["self"] = value
    return value


async def return_deep() -> Any:
    """Return a list in a list, five thousand times."""
    value: list[Any] = []
    for _ in range(5_000):
        value = [value]
    return value


async def return_huge() -> Any:
    """Return 50 MB of text."""
    return "x" * 50_000_000


async def _later() -> str:
    await asyncio.sleep(0.01)
    return "awaited at last"


def return_coroutine() -> Any:
    """Return a coroutine that somebody has to await."""
    return _later()


def return_generator() -> Any:
    """Return a generator that somebody has to read."""

    def rows() -> Iterator[str]:
        yield "first row"
        yield "last row"

    return rows()


async def return_odd_keys() -> Any:
    """Return keys that are not text, and two that are the same as text."""
    return {1: "one", "1": "uno", (2, 3): "pair"}


async def return_object() -> Any:
    """Return an object of a class of its own."""
    return object()


class _Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("cannot be shown")

    __repr__ = __str__


async def return_unprintable() -> Any:
    """Return what cannot be shown."""
    return _Unprintable()


async def return_big_number() -> Any:
    """Return a number of six thousand digits."""
    return {"value": 10**6_000}


async def return_error_object() -> Any:
    """Return an exception instead of raising it."""
    return ValueError("no such customer")


async def return_shared() -> Any:
    """Return a list that goes on growing."""
    rows = ["first"]
    asyncio.get_running_loop().call_later(0.15, rows.append, "ADDED LATER")
    return rows


_RETURNING: tuple[tuple[str, str, Tool], ...] = (
    ("none", "returns None", return_none),
    ("empty", "returns an empty string", return_empty),
    ("nan", "returns NaN and infinity", return_nan),
    ("surrogate", "returns half of a surrogate pair", return_surrogate),
    ("bytes", "returns bytes that are no text", return_bytes),
    ("cycle", "returns a dict that contains itself", return_cycle),
    ("deep", "returns 5,000 nested lists", return_deep),
    ("huge", "returns 50 MB of text", return_huge),
    ("odd-keys", "returns a dict with keys that are not text", return_odd_keys),
    ("object", "returns a plain object", return_object),
    ("unprintable", "returns an object whose str() raises", return_unprintable),
    ("big-number", "returns a number of 6,000 digits", return_big_number),
)

FAULTS = (
    *(
        Fault(name=name, about=about, group=GROUP, tools=(tool,), calls=one_bad(tool.__name__, expected="either"))
        for name, about, tool in _RETURNING
    ),
    Fault(
        name="coroutine",
        about="sync, and returns a coroutine; an answer without its value is no success",
        group=GROUP,
        tools=(return_coroutine,),
        calls=one_bad("return_coroutine", expected="either", token="awaited at last"),
    ),
    Fault(
        name="generator",
        about="returns a generator; an answer without its rows is no success",
        group=GROUP,
        tools=(return_generator,),
        calls=one_bad("return_generator", expected="either", token="last row"),
    ),
    Fault(
        name="returned-error",
        about="returns an exception object",
        group=GROUP,
        tools=(return_error_object,),
        calls=one_bad("return_error_object", expected="either"),
    ),
    Fault(
        name="changed-later",
        about="returns a list and adds to it while a sibling runs",
        group=GROUP,
        tools=(return_shared,),
        calls=one_bad("return_shared", expected="success", token="first"),
        lie="ADDED LATER",
    ),
)
