"""The form for programs without an event loop."""

import os
import signal
import threading

import anyio
import pytest

from everycall import Approve, Defer, Limits, ToolRegistry, UsageError, resume_sync, run_tool_calls_sync
from tests.messages import call, message

pytestmark = pytest.mark.real


def test_turns_share_one_background_loop():
    import asyncio

    tools = ToolRegistry()
    loops = set()

    @tools.tool
    async def where() -> str:
        loops.add(asyncio.get_running_loop())
        return "here"

    for _ in range(3):
        assert run_tool_calls_sync(message("where"), tools).ok
    assert len(loops) == 1


@pytest.mark.row("10.5")
async def test_inside_a_running_loop_it_is_a_usage_error():
    with pytest.raises(UsageError, match="await run_tool_calls"):
        run_tool_calls_sync(message("x"), ToolRegistry())


@pytest.mark.row("4.12")
def test_ctrl_c_stops_the_turn_gives_every_call_its_result_and_then_raises():
    tools = ToolRegistry()
    settled = []

    @tools.tool(read_only=True)
    async def hangs() -> None:
        await anyio.sleep_forever()

    def watch(event):
        if event.name == "attempt_started":
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        if event.name == "call_settled":
            settled.append(event.code)

    with pytest.raises(KeyboardInterrupt):
        run_tool_calls_sync(message("hangs"), tools, observers=[watch], limits=Limits(cancel_grace=1))
    assert settled == ["cancelled"]


def test_a_deferred_call_is_resumed_without_an_event_loop():
    tools = ToolRegistry()
    ran = []

    @tools.tool(needs_approval=True)
    def delete(path: str) -> str:
        ran.append(path)
        return path

    async def later(_request):
        return Defer("ask")

    turn = run_tool_calls_sync(message(call("delete", {"path": "a"}, "c0")), tools, approve=later)
    assert [one.call_id for one in turn.pending] == ["c0"]
    again = resume_sync(turn, {"c0": Approve()})
    assert (again.results[0].value, ran) == ("a", ["a"])
    with pytest.raises(UsageError, match="decided already"):
        resume_sync(turn, {"c0": Approve()})
    with pytest.raises(UsageError, match="takes a Turn"):
        resume_sync("turn", {"c0": Approve()})
