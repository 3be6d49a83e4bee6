"""Attempts, back-off and deadlines, in exact virtual seconds."""

from itertools import pairwise

import anyio
import pytest

from everycall import Limits, Retry, ToolContext, ToolError, ToolRegistry, TransientToolError, open_turn, run_tool_calls
from everycall.turn import retry as retry_module
from tests.messages import call, envelope, message

STEADY = Retry(attempts=3, initial=2, jitter=False)


def failing(times, error, *, after=0.0):
    """A tool that fails so many times and then returns; `starts` has the times of its attempts."""
    starts = []

    async def flaky() -> str:
        starts.append(anyio.current_time())
        await anyio.sleep(after)
        if len(starts) <= times:
            raise error
        return "at last"

    return flaky, starts


async def test_a_transient_failure_of_a_safe_tool_is_tried_again_after_its_back_off():
    tools = ToolRegistry()
    flaky, starts = failing(2, TransientToolError("busy"))
    tools.add(flaky, name="flaky", read_only=True, retry=STEADY)
    turn = await run_tool_calls(message("flaky"), tools)
    assert (turn.results[0].content, turn.results[0].attempts) == ("at last", 3)
    assert [b - a for a, b in pairwise(starts)] == pytest.approx([2, 4])
    assert turn.results[0].duration == pytest.approx(6)


async def test_the_last_failure_settles_the_call_when_the_attempts_are_used_up():
    tools = ToolRegistry()
    flaky, starts = failing(9, TransientToolError("busy"))
    tools.add(flaky, name="flaky", read_only=True, retry=STEADY)
    turn = await run_tool_calls(message("flaky"), tools)
    assert len(starts) == turn.results[0].attempts == 3
    assert (turn.results[0].status, turn.results[0].code, turn.results[0].effect) == ("error", "tool_error", "none")
    assert envelope(turn.results[0])["message"] == "busy"
    assert envelope(turn.results[0])["retryable"] is True


@pytest.mark.parametrize("error", [ToolError("no"), ValueError("no"), PermissionError("no"), SystemExit(1)])
async def test_a_permanent_failure_is_not_tried_again(error):
    tools = ToolRegistry()
    flaky, starts = failing(9, error)
    tools.add(flaky, name="flaky", read_only=True, retry=STEADY)
    turn = await run_tool_calls(message("flaky"), tools)
    assert len(starts) == 1
    assert envelope(turn.results[0])["retryable"] is False


async def test_types_named_in_the_policy_count_as_transient():
    tools = ToolRegistry()
    flaky, starts = failing(1, KeyError("once"))
    tools.add(flaky, name="flaky", idempotent=True, retry=Retry(initial=1, jitter=False, on=(KeyError,)))
    turn = await run_tool_calls(message("flaky"), tools)
    assert turn.ok
    assert len(starts) == 2


@pytest.mark.row("8.8")
async def test_a_tool_that_is_not_safe_is_tried_again_only_if_the_error_says_that_nothing_happened():
    tools = ToolRegistry()
    unknown, unknown_starts = failing(9, TransientToolError("busy"))
    nothing, nothing_starts = failing(1, TransientToolError("busy", effect="none"))
    declared = Retry(attempts=3, initial=1, jitter=False, declared_only=True)
    tools.add(unknown, name="unknown", retry=declared)
    tools.add(nothing, name="nothing", retry=declared)
    turn = await run_tool_calls(message("unknown", "nothing"), tools)
    assert (len(unknown_starts), len(nothing_starts)) == (1, 2)
    assert [result.status for result in turn.results] == ["error", "success"]


@pytest.mark.row("8.4")
async def test_retry_after_is_waited_for_if_the_call_has_the_time():
    tools = ToolRegistry()
    flaky, starts = failing(1, TransientToolError("busy", retry_after=17))
    tools.add(flaky, name="flaky", read_only=True, retry=STEADY)
    turn = await run_tool_calls(message("flaky"), tools)
    assert turn.ok
    assert starts[1] - starts[0] == pytest.approx(17)


async def test_a_retry_after_beyond_the_call_settles_it_and_tells_the_model():
    tools = ToolRegistry()
    flaky, starts = failing(1, TransientToolError("busy", retry_after=3600))
    tools.add(flaky, name="flaky", read_only=True, retry=STEADY)
    started = anyio.current_time()
    turn = await run_tool_calls(message("flaky"), tools)
    assert anyio.current_time() == pytest.approx(started)
    assert len(starts) == 1
    assert "3600 s" in envelope(turn.results[0])["message"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"read_only": True}, "The bank is busy. Repeat it after 3600 s at the earliest."),
        ({}, "The bank is busy. It asked for a pause of 3600 s. It may have taken effect: check before repeating it."),
    ],
)
async def test_the_model_is_told_to_repeat_only_what_may_be_repeated(options, says):
    tools = ToolRegistry()
    flaky, _ = failing(1, TransientToolError("The bank is busy", retry_after=3600))
    tools.add(flaky, name="flaky", **options)
    told = envelope((await run_tool_calls(message("flaky"), tools)).results[0])
    assert (told["message"], told["retryable"]) == (says, "read_only" in options)


@pytest.mark.row("8.2", "8.3")
async def test_the_call_timeout_bounds_all_attempts_together():
    tools = ToolRegistry()

    @tools.tool(timeout=10, call_timeout=25, read_only=True, retry=Retry(attempts=9, initial=1, jitter=False))
    async def slow() -> None:
        await anyio.sleep_forever()

    started = anyio.current_time()
    turn = await run_tool_calls(message("slow"), tools)
    assert anyio.current_time() - started == pytest.approx(25)
    assert (turn.results[0].status, turn.results[0].code, turn.results[0].attempts) == ("timeout", "call", 3)
    assert "25 s" in envelope(turn.results[0])["message"]


@pytest.mark.row("8.3")
async def test_a_back_off_that_does_not_fit_is_not_begun():
    tools = ToolRegistry()
    flaky, starts = failing(9, TransientToolError("busy"), after=9)
    tools.add(flaky, name="flaky", timeout=10, call_timeout=10, read_only=True, retry=Retry(initial=2, jitter=False))
    started = anyio.current_time()
    turn = await run_tool_calls(message("flaky"), tools)
    assert anyio.current_time() - started == pytest.approx(9)
    assert (len(starts), turn.results[0].code) == (1, "tool_error")


async def test_a_timeout_is_tried_again_only_for_a_safe_tool_and_only_after_the_attempt_has_ended():
    alive, most = [0], [0]
    tools = ToolRegistry()

    @tools.tool(timeout=10, idempotent=True, retry=Retry(attempts=2, initial=1, jitter=False))
    async def slow() -> None:
        alive[0] += 1
        most[0] = max(most[0], alive[0])
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.5)
            alive[0] -= 1

    turn = await run_tool_calls(message("slow"), tools)
    assert (turn.results[0].code, turn.results[0].attempts) == ("attempt", 2)
    assert most == [1]


@pytest.mark.row("1.24")
async def test_no_attempt_follows_one_that_still_lives():
    starts = []
    tools = ToolRegistry()

    @tools.tool(timeout=10, idempotent=True, retry=Retry(attempts=5, initial=1, jitter=False))
    async def refuses() -> None:
        starts.append(1)
        with anyio.CancelScope(shield=True):
            await anyio.sleep(1000)

    turn = await run_tool_calls(message("refuses"), tools)
    assert starts == [1]
    assert (turn.results[0].code, turn.results[0].effect) == ("attempt", "unknown")


@pytest.mark.row("6.12")
async def test_each_attempt_has_arguments_and_a_context_of_its_own():
    seen = []
    tools = ToolRegistry()

    @tools.tool(idempotent=True, retry=Retry(initial=1, jitter=False))
    async def spoils(words: list[str], ctx: ToolContext) -> str:
        seen.append((list(words), ctx.attempt, ctx.idempotency_key))
        words.clear()
        if len(seen) < 3:
            raise TransientToolError("again")
        return "ok"

    turn = await run_tool_calls(message(call("spoils", {"words": ["a", "b"]})), tools)
    assert turn.ok
    assert [words for words, _, _ in seen] == [["a", "b"]] * 3
    assert [attempt for _, attempt, _ in seen] == [1, 2, 3]
    assert len({key for _, _, key in seen}) == 1


async def test_the_idempotency_key_follows_the_key_of_the_turn_and_the_arguments():
    keys = []
    tools = ToolRegistry()

    @tools.tool
    async def pay(amount: int, ctx: ToolContext) -> None:
        keys.append(ctx.idempotency_key)

    one, two = call("pay", '{"amount": 1}', "a"), call("pay", '{"amount":   1}', "a")
    for sent, key in [(one, "k"), (two, "k"), (one, "other"), (call("pay", {"amount": 2}, "a"), "k"), (one, None)]:
        await run_tool_calls(message(sent), tools, key=key)
    assert keys[0] == keys[1]
    assert len(set(keys)) == 4


@pytest.mark.row("1.25")
async def test_a_turn_that_is_stopped_during_back_off_keeps_what_the_last_attempt_did():
    tools = ToolRegistry()
    flaky, starts = failing(9, TransientToolError("busy"))
    tools.add(flaky, name="flaky", read_only=True, retry=Retry(initial=20, jitter=False))
    turn = open_turn(message("flaky"), tools)
    with anyio.move_on_after(5):
        await turn.run()
    assert len(starts) == 1
    assert (turn.results[0].status, turn.results[0].code, turn.results[0].effect) == (
        "interrupted",
        "cancelled",
        "none",
    )
    assert "busy" in turn.results[0].content


async def test_tenacity_is_not_entered_by_a_first_attempt_that_succeeds(monkeypatch):
    def entered(*_args, **_options):
        raise AssertionError("tenacity was entered")

    for name in ("RetryCallState", "stop_after_attempt", "wait_exponential"):
        monkeypatch.setattr(retry_module.tenacity, name, entered)
    tools = ToolRegistry()
    flaky, _ = failing(0, None)
    tools.add(flaky, name="flaky", read_only=True, retry=STEADY)
    assert (await run_tool_calls(message("flaky"), tools)).ok


@pytest.mark.row("8.6")
async def test_full_jitter_draws_between_nothing_and_the_computed_back_off():
    drawn = []

    def uniform(low, high):
        drawn.append((low, high))
        return high / 2

    failed = retry_module.FailedAttempt(
        number=2, transient=True, safe=True, declared_none=False, retry_after=None, time_left=None
    )
    delay = retry_module.delay_before_next(failed, Retry(initial=1, maximum=30), uniform)
    assert drawn == [(0.0, 2.0)]
    assert delay == 1.0


async def test_the_wait_for_a_place_is_reported_apart_and_does_not_count_as_the_tools_time():
    tools = ToolRegistry()

    @tools.tool(max_concurrency=1, timeout=10)
    async def serial(n: int) -> int:
        await anyio.sleep(8)
        return n

    sent = message(*[call("serial", {"n": n}, f"c{n}") for n in range(3)])
    turn = await run_tool_calls(sent, tools, limits=Limits(queue_timeout=60))
    assert turn.ok
    assert [result.queued for result in turn.results] == pytest.approx([0, 8, 16])
    assert [result.duration for result in turn.results] == pytest.approx([8, 8, 8])
