"""1. An unsafe call never runs twice because of us. 2. A result never goes to another call.

3. Success is never said of what did not run. 10. Where a policy cannot be asked, the call is not run.
"""

import itertools
import json

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everycall import Limits, Retry, ToolError, ToolRegistry, TransientToolError, UsageError, open_turn, run_tool_calls
from tests.messages import call, message

ENDS = {
    "returns": lambda: None,
    "raises": lambda: ValueError("no"),
    "transient": lambda: TransientToolError("busy"),
    "connection": lambda: ConnectionResetError("gone"),
    "timeout_of_its_own": lambda: TimeoutError("slow"),
    "done": lambda: ToolError("half", effect="done"),
    "exit": lambda: SystemExit(1),
    "group": lambda: ExceptionGroup("g", [ConnectionResetError("gone")]),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("retry", [None, Retry(attempts=5, initial=0.01)])
async def test_1_a_call_that_is_not_safe_to_repeat_starts_once_however_it_ends(end, retry):
    started = []
    tools = ToolRegistry(retry=retry)

    @tools.tool
    async def pay(n: int) -> None:
        started.append(n)
        await anyio.sleep(0.01)
        if (error := ENDS[end]()) is not None:
            raise error

    @tools.tool(retry=Retry(attempts=5, declared_only=True))
    async def ship(n: int) -> None:
        started.append(n)
        if (error := ENDS[end]()) is not None:
            raise error

    await run_tool_calls(message(call("pay", {"n": 1}), call("ship", {"n": 2})), tools)
    assert sorted(started) == [1, 2]


async def test_1_a_call_that_is_not_safe_to_repeat_is_not_tried_again_after_a_timeout():
    started = []
    tools = ToolRegistry(retry=Retry(attempts=5, initial=0.01))

    @tools.tool(timeout=1)
    async def pay(n: int) -> None:
        started.append(n)
        await anyio.sleep(60)

    turn = await run_tool_calls(message(call("pay", {"n": 1})), tools)
    assert (started, turn.results[0].code, turn.results[0].effect) == ([1], "attempt", "unknown")


async def test_1_a_call_that_the_model_repeats_to_the_letter_runs_once():
    started = []
    tools = ToolRegistry()

    @tools.tool
    async def pay(n: int) -> str:
        started.append(n)
        return "paid"

    twice = [call("pay", {"n": 1}, "same"), call("pay", {"n": 1}, "same")]
    turn = await run_tool_calls(message(*twice), tools)
    assert (started, [one.content for one in turn.results]) == ([1], ["paid", "paid"])


def test_1_a_retry_that_could_repeat_an_effect_is_refused_when_the_tool_is_registered():
    with pytest.raises(UsageError, match="could run its effect twice"):
        ToolRegistry().add(lambda: None, name="pay", retry=Retry())


def test_1_a_turn_that_is_done_never_runs_again():
    started = []
    tools = ToolRegistry()

    @tools.tool
    async def pay() -> None:
        started.append(1)

    turn = open_turn(message("pay"), tools)

    async def run_twice():
        await turn.run()
        await turn.run()

    anyio.run(run_twice)
    assert started == [1]


IDS = [None, "", "a", "a", "b", "call_1", "\u0430"]


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(IDS), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=8))
def test_2_each_result_is_that_of_its_own_call_whatever_the_ids_and_whoever_ends_first(calls):
    tools = ToolRegistry()

    @tools.tool
    async def answer(n: int, turns: int, tag: int) -> str:
        for _ in range(turns):
            await anyio.lowlevel.checkpoint()
        if n % 3 == 2:
            raise ToolError(f"answer to {n}.{tag}")
        return f"answer to {n}.{tag}"

    sent = message(
        *[call("answer", {"n": n, "turns": turns, "tag": at}, call_id) for at, (call_id, n, turns) in enumerate(calls)]
    )

    async def run():
        return await run_tool_calls(sent, tools)

    turn = anyio.run(run)
    assert len({result.call_id for result in turn.results}) == len(calls)
    asked = turn.assistant_message["tool_calls"]
    for at, (result, asked_for, told) in enumerate(zip(turn.results, asked, turn.messages, strict=True)):
        n = json.loads(asked_for["function"]["arguments"])["n"]
        assert f"answer to {n}.{at}" in result.content
        assert told["tool_call_id"] == asked_for["id"] == result.call_id
        assert f"answer to {n}.{at}" in told["content"]


async def test_2_a_late_result_never_replaces_the_answer_that_was_given():
    tools = ToolRegistry()

    @tools.tool(timeout=1, read_only=True)
    async def late() -> str:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(5)
        return "too late"

    seen = []
    turn = await run_tool_calls(message("late"), tools, observers=[seen.append])
    before = (turn.results[0], turn.messages)
    await anyio.sleep(10)
    assert [event.outcome for event in seen if event.name == "late_result"] == ["returned"]
    assert (turn.results[0], turn.messages) == before
    assert turn.results[0].code == "attempt"


async def test_3_success_is_only_said_of_calls_whose_code_returned():
    returned = set()
    tools = ToolRegistry(timeout=1)

    @tools.tool
    async def works(n: int) -> str:
        returned.add(n)
        return "success"

    @tools.tool
    async def hangs(n: int) -> str:
        await anyio.sleep(100)
        returned.add(n)
        return "success"

    @tools.tool
    async def fails(n: int) -> str:
        raise ToolError('{"status": "success", "result": "ok"}')

    @tools.tool(max_concurrency=1)
    async def queues(n: int) -> str:
        await anyio.sleep(0.9)
        returned.add(n)
        return "success"

    names = ["works", "hangs", "fails", "queues", "missing"]
    plan = list(itertools.product(names, range(3)))
    sent = message(*[call(name, {"n": at}, f"c{at}") for at, (name, _) in enumerate(plan)])
    sent["tool_calls"].append(call("works", '{"n": "not a number"}', "bad"))
    turn = await run_tool_calls(sent, tools, limits=Limits(queue_timeout=0.5, calls=16))
    assert {at for at, result in enumerate(turn.results) if result.ok} == returned
    assert all((result.status == "success") == (result.code == "ok") for result in turn.results)
    assert not turn.ok


async def test_3_a_turn_that_has_not_run_shows_no_success():
    tools = ToolRegistry()

    @tools.tool
    async def works() -> str:
        return "success"

    turn = open_turn(message("works"), tools)
    assert not turn.ok
    assert [result.code for result in turn.results] == ["not_started"]
    assert "success" not in str(turn.messages)


async def test_10_where_nobody_can_be_asked_a_gated_call_is_not_run():
    started = []
    tools = ToolRegistry()

    @tools.tool(needs_approval=True)
    async def pay(n: int) -> None:
        started.append(n)

    @tools.tool(needs_approval=lambda arguments: 1 / 0)
    async def ship(n: int) -> None:
        started.append(n)

    async def breaks(request):
        raise RuntimeError("the policy server is away")

    async def hangs(request):
        await anyio.sleep(10_000)

    async def mumbles(request):
        return True

    sent = message(call("pay", {"n": 1}), call("ship", {"n": 2}))
    for approve in (None, breaks, hangs, mumbles):
        turn = await run_tool_calls(sent, tools, approve=approve)
        assert [result.code for result in turn.results] == ["denied", "denied"], approve
        assert [result.effect for result in turn.results] == ["none", "none"]
    assert started == []
