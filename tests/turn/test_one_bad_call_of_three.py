"""One call of three misbehaves; the other two keep their results, the turn ends on time, on asyncio and trio.

Rows of the fault model (reliability research, B.1) are named where a case is one.
"""

import asyncio
import math

import anyio
import pytest

from everycall import Limits, ToolError, ToolRegistry, TransientToolError, run_tool_calls
from tests.messages import call, envelope, message

TIMEOUT, GRACE = 10.0, 1.0


class BrokenText(Exception):
    def __str__(self):
        raise SystemExit(3)


class OwnBase(BaseException):
    pass


def raising(error):
    async def bad():
        await anyio.sleep(0.1)
        raise error

    return bad


async def hangs():
    await anyio.sleep_forever()


async def swallows_once_and_returns():
    try:
        await anyio.sleep_forever()
    except anyio.get_cancelled_exc_class():
        return "saved"


async def swallows_once_and_waits_again():
    try:
        await anyio.sleep_forever()
    except anyio.get_cancelled_exc_class():
        await anyio.sleep_forever()


async def swallows_for_ever():
    while True:
        try:
            await anyio.sleep_forever()
        except BaseException:
            pass


async def swallows_exceptions_for_ever_without_waiting_long():
    while True:
        try:
            await anyio.sleep(0.01)
        except BaseException:
            pass


async def waits_in_its_own_shield():
    with anyio.CancelScope(shield=True):
        await anyio.sleep(10_000)


async def shields_a_short_clean_up():
    try:
        await anyio.sleep_forever()
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(GRACE / 2)


async def shields_a_long_clean_up():
    try:
        await anyio.sleep_forever()
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(GRACE * 5)


async def clean_up_raises():
    try:
        await anyio.sleep_forever()
    finally:
        raise ValueError("in the clean-up")


async def leaves_a_scope_open():
    anyio.CancelScope().__enter__()
    return "kept"


async def leaves_a_task_group_open():
    await anyio.create_task_group().__aenter__()
    return "kept"


async def group_whose_child_hangs():
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.sleep_forever)


async def cancels_itself_natively():
    asyncio.current_task().cancel()
    await anyio.sleep(1)


async def returns_a_cycle():
    value = {}
    value["self"] = value
    return value


async def returns(value):
    return value


def giving(value):
    async def tool():
        return value

    return tool


# name -> (tool, status, code, seconds at which the turn ends)
ON_TIME, TOO_LATE, SOON = TIMEOUT, TIMEOUT + GRACE, 1.0
CASES = {
    "2.1 raises ValueError": (raising(ValueError("boom")), "error", "tool_error", SOON),
    "2.9 raises a group": (raising(ExceptionGroup("g", [ValueError("a"), KeyError("b")])), "error", "tool_error", SOON),
    "1.8 raises CancelledError": (raising(asyncio.CancelledError("own")), "error", "tool_error", SOON),
    "2.3 raises SystemExit": (raising(SystemExit(2)), "error", "tool_error", SOON),
    "2.2 raises KeyboardInterrupt": (raising(KeyboardInterrupt()), "error", "tool_error", SOON),
    "2.5 raises GeneratorExit": (raising(GeneratorExit()), "error", "tool_error", SOON),
    "2.7 raises StopIteration": (raising(StopIteration(1)), "error", "tool_error", SOON),
    "2.8 raises its own BaseException": (raising(OwnBase("x")), "error", "tool_error", SOON),
    "2.10 raises what has no text": (raising(BrokenText()), "error", "tool_error", SOON),
    "2.13 raises RecursionError": (raising(RecursionError()), "error", "tool_error", SOON),
    "1.7 raises its own TimeoutError": (raising(TimeoutError("own")), "error", "tool_error", SOON),
    "raises ToolError": (raising(ToolError("no such city")), "error", "tool_error", SOON),
    "hangs": (hangs, "timeout", "attempt", ON_TIME),
    "1.1 swallows once, returns": (swallows_once_and_returns, "success", "ok", ON_TIME),
    "1.2 swallows once, waits again": (swallows_once_and_waits_again, "timeout", "attempt", ON_TIME),
    "1.3 swallows for ever": (swallows_for_ever, "timeout", "attempt", TOO_LATE),
    "1.3 swallows for ever, short waits": (
        swallows_exceptions_for_ever_without_waiting_long,
        "timeout",
        "attempt",
        TOO_LATE,
    ),
    "1.4 waits in its own shield": (waits_in_its_own_shield, "timeout", "attempt", TOO_LATE),
    "1.5 short shielded clean-up": (shields_a_short_clean_up, "timeout", "attempt", TIMEOUT + GRACE / 2),
    "1.5 long shielded clean-up": (shields_a_long_clean_up, "timeout", "attempt", TOO_LATE),
    "1.6 clean-up raises": (clean_up_raises, "timeout", "attempt", ON_TIME),
    "1.11 leaves a scope open": (leaves_a_scope_open, "success", "ok", SOON),
    "1.13 leaves a task group open": (leaves_a_task_group_open, "success", "ok", SOON),
    "its own group hangs": (group_whose_child_hangs, "timeout", "attempt", ON_TIME),
    "5.4 returns a cycle": (returns_a_cycle, "success", "ok", SOON),
    "5.2 returns a lone surrogate": (giving("a\ud800b"), "success", "ok", SOON),
    "5.1 returns NaN": (giving({"x": math.nan}), "success", "ok", SOON),
    "5.8 returns 50 MB": (giving("x" * 50_000_000), "success", "ok", SOON),
    "5.3 returns bytes": (giving(b"\xff\x00"), "success", "ok", SOON),
    "5.10 returns a generator": (giving(iter([1])), "error", "invalid_result", SOON),
    "5.13 returns nothing": (giving(None), "success", "ok", SOON),
}


def registry_with(bad):
    tools = ToolRegistry(timeout=TIMEOUT)

    @tools.tool(read_only=True)
    async def first() -> str:
        return "one"

    @tools.tool(read_only=True)
    async def last() -> str:
        await anyio.sleep(0.2)
        return "three"

    tools.add(bad, name="bad", idempotent=True)
    return tools


@pytest.mark.parametrize("case", CASES)
@pytest.mark.row(
    "1.1",
    "1.2",
    "1.3",
    "1.4",
    "1.5",
    "1.6",
    "1.7",
    "1.8",
    "1.11",
    "1.13",
    "2.1",
    "2.2",
    "2.3",
    "2.5",
    "2.7",
    "2.8",
    "2.9",
    "2.10",
    "2.13",
    "5.1",
    "5.2",
    "5.3",
    "5.4",
    "5.8",
    "5.10",
    "5.13",
)
async def test_a_bad_call_ends_on_time_and_leaves_its_siblings_alone(case):
    bad, status, code, ends_at = CASES[case]
    started = anyio.current_time()
    with anyio.fail_after(100):
        turn = await run_tool_calls(
            message("first", "bad", "last"), registry_with(bad), limits=Limits(cancel_grace=GRACE)
        )
    took = anyio.current_time() - started
    assert [result.call_id for result in turn.results] == ["call_first", "call_bad", "call_last"]
    assert (turn.results[0].content, turn.results[2].content) == ("one", "three")
    assert (turn.results[1].status, turn.results[1].code) == (status, code)
    assert took <= ends_at + 0.001
    assert [m["tool_call_id"] for m in turn.messages] == ["call_first", "call_bad", "call_last"]
    assert all(isinstance(m["content"], str) and m["content"] for m in turn.messages)


@pytest.mark.row("1.9")
async def test_a_tool_that_cancels_its_own_asyncio_task_harms_itself_alone(anyio_backend_name):
    if anyio_backend_name != "asyncio":
        pytest.skip("native cancellation is asyncio's")
    turn = await run_tool_calls(message("first", "bad", "last"), registry_with(cancels_itself_natively))
    assert [result.status for result in turn.results] == ["success", "error", "success"]


MALFORMED = {
    "unknown tool": (call("no_such_tool", {}, "call_bad"), "unknown_tool"),
    "malformed JSON": (call("bad", '{"x": ', "call_bad"), "invalid_arguments"),
    "single quotes": (call("bad", "{'x': 1}", "call_bad"), "invalid_arguments"),
    "wrong type": (call("bad", {"x": "many"}, "call_bad"), "invalid_arguments"),
    "missing argument": (call("bad", {}, "call_bad"), "invalid_arguments"),
    "unknown argument": (call("bad", {"x": 1, "y": 2}, "call_bad"), "invalid_arguments"),
    "not an object": (call("bad", "[1]", "call_bad"), "invalid_arguments"),
    "an entry that is no call": ("BROKEN", "invalid_arguments"),
}


@pytest.mark.parametrize("case", MALFORMED)
@pytest.mark.row("6.1", "6.6", "6.10")
async def test_a_malformed_call_is_answered_and_never_run(case):
    entry, code = MALFORMED[case]
    ran = []

    async def bad(x: int) -> int:
        ran.append(x)
        return x

    sent = message("first", "last")
    sent["tool_calls"].insert(1, None if entry == "BROKEN" else entry)
    turn = await run_tool_calls(sent, registry_with(bad))
    assert [result.status for result in turn.results] == ["success", "rejected", "success"]
    assert turn.results[1].code == code
    assert turn.results[1].effect == "none"
    assert envelope(turn.results[1])["code"] == code
    assert ran == []
    assert len(turn.messages) == 3


async def test_a_transient_error_of_a_tool_that_is_not_safe_to_repeat_is_not_repeated():
    ran = []
    tools = ToolRegistry()

    @tools.tool
    async def pay() -> str:
        ran.append(1)
        raise TransientToolError("busy")

    turn = await run_tool_calls(message("pay"), tools)
    assert ran == [1]
    assert turn.results[0].effect == "unknown"
    assert envelope(turn.results[0])["retryable"] is False
