"""The tools that are well, and the message in which they stand around one that is not."""

import asyncio
import contextvars
import json
import time

from benchmarks.faults import world
from benchmarks.faults.shapes import Call, Expected

MARK: contextvars.ContextVar[str] = contextvars.ContextVar("MARK", default="clean")
"""Set by one tool, and never to be seen by another."""


async def well(text: str) -> str:
    """Answer soon."""
    await asyncio.sleep(0.05)
    return f"well {text}"


async def well_slow(text: str) -> str:
    """Answer after most others have gone wrong."""
    await asyncio.sleep(0.4)
    if MARK.get() != "clean":
        world.note("effect", name="seen by a sibling")
    return f"well {text}"


def well_sync(text: str) -> str:
    """Answer soon, from a thread."""
    time.sleep(0.05)  # noqa: TID251 -- to block a thread is the point
    return f"well {text}"


WELL = (well, well_slow, well_sync)


def well_call(call_id: str, name: str = "well") -> Call:
    """Return a call that succeeds."""
    return Call(
        call_id=call_id,
        name=name,
        arguments=json.dumps({"text": call_id}),
        expected="success",
        token=f"well {call_id}",
        well=True,
    )


def one_bad(
    name: str, arguments: str = "{}", *, expected: Expected = "failure", token: str = ""
) -> tuple[Call, Call, Call]:
    """Return three calls, the one in the middle at fault."""
    bad = Call(call_id="call_2", name=name, arguments=arguments, expected=expected, token=token)
    return (well_call("call_1"), bad, well_call("call_3", "well_slow"))


def many_bad(name: str, count: int, *, expected: Expected = "failure", token: str = "") -> tuple[Call, ...]:
    """Return *count* calls of the tool at fault between two that are well. Each gets its own number."""
    bad = [
        Call(
            call_id=f"call_{number}",
            name=name,
            arguments=json.dumps({"number": number}),
            expected=expected,
            token=token and f"{token} {number}",
        )
        for number in range(2, count + 2)
    ]
    return (well_call("call_1"), *bad, well_call(f"call_{count + 2}", "well_slow"))
