"""The message that every contender gets, the tools that it calls, and what a right answer is.

All tools take one int and one str and return that str. They sleep by asyncio and by `time`, not by anyio, so that no
contender pays for another's library.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from benchmarks.dispatch.questions import IDEAL

Tool = Callable[..., Any]
RunTurn = Callable[[dict[str, Any]], Awaitable[list[Any]]]
"""What a contender offers: from the raw assistant message to that message and the messages that answer it."""
Contender = Callable[[Mapping[str, Tool]], RunTurn]


async def no_op(number: int, text: str) -> str:  # noqa: ARG001
    """Return *text* at once."""
    return text


async def yielding(number: int, text: str) -> str:  # noqa: ARG001
    """Return *text* after the shortest wait there is."""
    await asyncio.sleep(0)
    return text


async def sleeping(number: int, text: str) -> str:  # noqa: ARG001
    """Return *text* after a while."""
    await asyncio.sleep(IDEAL)
    return text


def blocking(number: int, text: str) -> str:  # noqa: ARG001
    """Return *text* after a while in which the thread can do nothing else."""
    time.sleep(IDEAL)  # noqa: TID251 -- to block a thread is the point
    return text


TOOLS: Mapping[str, Tool] = {"no_op": no_op, "yielding": yielding, "sleeping": sleeping, "blocking": blocking}


def message(tool: str, calls: int) -> dict[str, Any]:
    """Return an assistant message of OpenAI Chat with *calls* calls of *tool*, all different."""
    made = [
        {
            "id": f"call_{number:05}",
            "type": "function",
            "function": {"name": tool, "arguments": json.dumps({"number": number, "text": _text(number)})},
        }
        for number in range(calls)
    ]
    return {"role": "assistant", "content": None, "tool_calls": made}


def require_answered(asked: dict[str, Any], exchange: list[Any]) -> None:
    """Check that *exchange* is the message and, in order, the right result of each of its calls.

    Raises:
        ValueError: it is not; what this contender does is not worth measuring.
    """
    wanted = [
        {"role": "tool", "tool_call_id": call["id"], "content": _text(number)}
        for number, call in enumerate(asked["tool_calls"])
    ]
    if exchange[:1] != [asked]:
        raise ValueError("the exchange does not begin with the assistant message")
    if exchange[1:] != wanted:
        wrong = next((got for got, right in zip(exchange[1:], wanted, strict=False) if got != right), None)
        raise ValueError(f"{len(exchange) - 1} results for {len(wanted)} calls; the first wrong one: {wrong}")


def _text(number: int) -> str:
    return f"result {number}"
