"""Where the calls of a turn are, told from its events alone."""

import re
import time
from contextlib import suppress

import anyio
import pytest

from everycall import Limits, ToolContext, ToolRegistry, run_tool_calls
from everycall.cli.progress import SENTENCES, STYLES, Progress
from everycall.core.events import AnyEvent, CallEvent, CallPlanned, CallSettled, LateResult, TurnOpened
from everycall.core.outcomes import STATUS_OF
from tests.messages import call, message, numbered


def text_of(lines):
    return ["".join(text for text, _ in line) for line in lines]


def test_every_event_of_a_call_has_a_sentence_or_is_left_out_on_purpose():
    of_calls = {event for event in AnyEvent.__args__ if issubclass(event, CallEvent)}
    silent = {event.__name__ for event in of_calls - set(SENTENCES)}
    assert silent == {"LateResult"}
    assert set(STYLES) == set(STATUS_OF.values())


def planned(position, name="tool", at=10.0):
    return CallPlanned(turn_id="t", at=at, call_id=f"c{position}", tool_name=name, position=position)


def settled(position, status="success", code="ok"):
    return CallSettled(
        turn_id="t",
        at=11.5,
        call_id=f"c{position}",
        tool_name="tool",
        position=position,
        status=status,
        code=code,
        effect="done",
        attempts=1,
        queued=0.0,
        duration=1.5,
    )


def opened(calls):
    return TurnOpened(turn_id="t", at=10.0, calls=calls, dialect="openai-chat")


def test_a_picture_never_has_more_lines_than_there_is_room_for_and_open_calls_come_first():
    progress = Progress()
    progress.observe(opened(100))
    for position in range(100):
        progress.observe(planned(position, f"tool{position}"))
        if position < 95:
            progress.observe(settled(position))
    lines = text_of(progress.picture(8))
    assert [line.split()[0] for line in lines[:5]] == ["tool95", "tool96", "tool97", "tool98", "tool99"]
    assert lines[-1] == "... and 93 more calls"
    assert len(lines) == 8
    assert len(progress.picture(100)) == 100
    assert text_of(progress.picture(1)) == ["... and 100 more calls"]


def test_a_settled_call_keeps_its_time_and_its_words_whatever_comes_late():
    progress = Progress()
    progress.observe(opened(1))
    progress.observe(planned(0))
    progress.observe(settled(0, "timeout", "attempt"))
    progress.observe(planned(0))
    progress.observe(
        LateResult(turn_id="t", at=99.0, call_id="c0", tool_name="tool", position=0, attempt=1, outcome="raised")
    )
    assert text_of(progress.picture(5)) == ["tool    1.5 s  timeout/attempt"]


def test_an_open_call_shows_the_time_that_has_passed():
    progress = Progress()
    progress.observe(opened(1))
    progress.observe(planned(0))
    before = time.monotonic()
    (line,) = text_of(progress.picture(5))
    shown = float(line.split()[1])
    assert shown <= time.monotonic() - before + 1


@pytest.mark.parametrize("name", ["\x1b[2Jx", "", "n" * 500])
def test_names_of_others_are_escaped_and_bounded(name):
    progress = Progress()
    progress.observe(opened(1))
    progress.observe(planned(0, name))
    (line,) = text_of(progress.picture(5))
    assert "\x1b" not in line
    assert len(line) < 60
    assert line.split()[0] in {"x", "(no", "n" * 29 + "..."}


async def test_a_turn_is_told_as_it_happens():
    tools = ToolRegistry(timeout=10)
    told = []

    @tools.tool(read_only=True)
    async def count(ctx: ToolContext) -> str:
        ctx.report_progress(1, 2, "half\nway")
        return "done"

    @tools.tool(read_only=True)
    async def stubborn() -> None:
        while True:
            with suppress(BaseException):
                await anyio.sleep(60)

    progress = Progress(lambda line: told.append("".join(text for text, _ in line)))
    limits = Limits(cancel_grace=1)
    calls = message(call("count", call_id=None), "stubborn", "stubborn")
    await run_tool_calls(calls, tools, limits=limits, observers=[progress.observe])
    text = "\n".join(told)
    assert re.search(r"count  got an id of its own: \w+\n", text)
    assert "  0.00 s  count  success" in text
    assert " 10.00 s  stubborn  was asked to stop, and goes on" in text
    assert text.count("goes on") == 1
    assert "  0.00 s  stubborn  repeats call 2, and gets its outcome" in text
    assert progress.duration is not None
    assert progress.remarks == ["stubborn refused to stop: it was stopped by force."]


async def test_calls_that_wait_are_seen_waiting():
    tools = ToolRegistry()
    seen = []

    @tools.tool(read_only=True)
    async def slow(n: int) -> int:
        await anyio.sleep(1)
        seen.append(text_of(progress.picture(9))[1])
        return n

    progress = Progress()
    await run_tool_calls(numbered("slow", 2), tools, limits=Limits(concurrency=1), observers=[progress.observe])
    assert "waits for a free place" in seen[0]
    assert "attempt 1 runs" in seen[1]
