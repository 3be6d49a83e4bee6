"""Every step of a call can be followed by its id, and no observer can harm a turn."""

import json
import logging

import anyio
import pytest

from everycall import Image, Limits, Retry, ToolContext, ToolRegistry, ToolRuntime, TransientToolError, run_tool_calls
from tests.messages import call, message


def names(events, call_id):
    return [event.name for event in events if getattr(event, "call_id", None) == call_id]


async def test_every_step_of_a_call_that_is_retried_is_told_in_order():
    events = []
    tools = ToolRegistry()
    tries = []

    @tools.tool(read_only=True, retry=Retry(initial=1, jitter=False))
    async def flaky() -> str:
        tries.append(1)
        if len(tries) < 2:
            raise TransientToolError("busy")
        return "ok"

    await run_tool_calls(message("flaky"), tools, observers=[events.append], key="turn 1")
    assert names(events, "call_flaky") == [
        "call_planned",
        "attempt_started",
        "attempt_failed",
        "retry_scheduled",
        "attempt_started",
        "call_settled",
    ]
    assert (events[0].name, events[-1].name) == ("turn_opened", "turn_closed")
    assert {event.turn_id for event in events} == {"turn 1"}
    json.dumps([event.to_dict() for event in events])


async def test_a_tool_that_refuses_to_stop_is_told_as_refused_abandoned_forced_and_late():
    events = []
    tools = ToolRegistry(timeout=1)

    @tools.tool(read_only=True)
    async def refuses() -> None:
        while True:
            try:
                with anyio.CancelScope(shield=True):
                    await anyio.sleep(1)
                await anyio.sleep(0)
            except BaseException:
                pass

    async with ToolRuntime(tools, observers=[events.append], limits=Limits(cancel_grace=5, linger=20)) as runtime:
        await runtime.run(message("refuses"))
    told = names(events, "call_refuses")
    assert told[:2] == ["call_planned", "attempt_started"]
    for name in ("cancel_refused", "attempt_failed", "call_settled", "call_abandoned", "force_stopped", "late_result"):
        assert told.count(name) == 1, (name, told)
    assert told.index("call_settled") < told.index("call_abandoned") < told.index("late_result")


@pytest.mark.row("1.23")
async def test_a_late_value_is_told_and_changes_nothing():
    events = []
    tools = ToolRegistry(timeout=1)

    @tools.tool(read_only=True)
    async def late() -> str:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(10)
        return "too late"

    async with ToolRuntime(tools, observers=[events.append]) as runtime:
        turn = await runtime.run(message("late"))
        await anyio.sleep(20)
    assert turn.results[0].code == "attempt"
    [event] = [event for event in events if event.name == "late_result"]
    assert event.outcome == "returned"


async def test_minted_ids_echoes_and_coerced_values_are_told():
    events = []
    tools = ToolRegistry()

    @tools.tool
    async def gives(n: int) -> float:
        return float("nan")

    sent = message(call("gives", {"n": "5"}, ""), call("gives", {"n": 1}, "a"), call("gives", {"n": 1}, "a"))
    turn = await run_tool_calls(sent, tools, observers=[events.append])
    first = turn.results[0].call_id
    assert "id_minted" in names(events, first)
    assert [event.where for event in events if event.name == "value_coerced" and event.call_id == first] == [
        "arguments",
        "result",
    ]
    assert "call_echoed" in names(events, turn.results[2].call_id)


@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(1), KeyboardInterrupt()])
@pytest.mark.row("10.7")
async def test_an_observer_that_raises_changes_nothing_and_is_told_to_the_others(error):
    events = []

    def broken(event):
        raise error

    tools = ToolRegistry()

    @tools.tool
    async def fine() -> str:
        return "fine"

    turn = await run_tool_calls(message("fine"), tools, observers=[broken, events.append])
    assert turn.ok
    assert "fault_contained" in [event.name for event in events]
    assert "call_settled" in [event.name for event in events]


async def test_an_image_that_the_provider_cannot_take_becomes_text_and_that_is_told():
    events = []
    tools = ToolRegistry()

    @tools.tool
    async def draw() -> Image:
        return Image(data=b"png", media_type="image/png")

    turn = await run_tool_calls(message("draw"), tools, observers=[events.append])
    assert turn.ok
    assert isinstance(turn.messages[0]["content"], str)
    assert [event.where for event in events if event.name == "value_coerced"] == ["content"]


async def test_progress_is_told():
    events = []
    tools = ToolRegistry()

    @tools.tool
    async def works(ctx: ToolContext) -> None:
        ctx.report_progress(1, 2, "half")
        await anyio.sleep(1)

    await run_tool_calls(message("works"), tools, observers=[events.append])
    told = [event.name for event in events]
    assert told.index("progress_reported") < told.index("call_settled")
    [event] = [event for event in events if event.name == "progress_reported"]
    assert (event.done, event.total, event.message) == (1, 2, "half")


class TestTheDefaultLog:
    async def test_shows_an_exception_that_no_tool_meant_to_raise_with_its_traceback(self, caplog):
        tools = ToolRegistry()

        @tools.tool
        async def buggy() -> None:
            secret = "hunter2"  # noqa: F841 -- a local must not be shown
            raise ZeroDivisionError("oops")

        with caplog.at_level(logging.INFO, "everycall"):
            await run_tool_calls(message("buggy"), tools)
        errors = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert errors
        assert "ZeroDivisionError" in caplog.text
        assert "in buggy" in caplog.text
        assert caplog.text.count("hunter2") <= 1  # the source line, as in any traceback; never the value of a local

    async def test_warns_of_abandoned_calls_and_is_silent_about_the_rest(self, caplog):
        tools = ToolRegistry(timeout=1)

        @tools.tool(read_only=True)
        async def refuses() -> None:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(10)

        @tools.tool
        async def fine() -> str:
            return "fine"

        with caplog.at_level(logging.INFO, "everycall"):
            await run_tool_calls(message("refuses", "fine"), tools)
        assert "everycall.call_abandoned" in caplog.text
        assert "call_fine" not in caplog.text

    @pytest.mark.row("11.5")
    async def test_shows_what_is_wrong_at_the_level_that_python_starts_with(self, caplog):
        tools = ToolRegistry(timeout=1)

        @tools.tool
        async def buggy() -> None:
            raise ZeroDivisionError("oops\nINFO forged")

        @tools.tool(read_only=True)
        async def refuses() -> None:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(10)

        with caplog.at_level(logging.WARNING, "everycall"):
            await run_tool_calls(message("buggy", "refuses"), tools)
        assert "ZeroDivisionError" in caplog.text
        assert "everycall.call_abandoned" in caplog.text
        assert not any(line.startswith("INFO forged") for line in caplog.text.splitlines())
        assert "on_asyncio.py" not in caplog.text  # the tool's frames, not ours

    async def test_writes_every_event_at_debug_and_nothing_to_stdout(self, caplog, capsys):
        tools = ToolRegistry()

        @tools.tool
        async def fine() -> str:
            return "fine"

        with caplog.at_level(logging.DEBUG, "everycall"):
            await run_tool_calls(message("fine"), tools)
        assert "everycall.call_settled" in caplog.text
        assert capsys.readouterr().out == ""

    async def test_does_not_touch_the_configuration_of_structlog(self):
        import structlog

        before = structlog.get_config()
        await run_tool_calls(message("nothing"), ToolRegistry())
        assert structlog.get_config() == before
