"""Parts 5 and 6 of the fault model: ids, sizes, and what changes while a turn runs."""

import unicodedata

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everycall import ToolRegistry, check, open_turn, run_tool_calls
from tests.messages import call, message, numbered


async def echo(n: int = 0) -> int:
    return n


def registry():
    tools = ToolRegistry()
    tools.add(echo, name="echo")
    return tools


HARD_IDS = ["", None, "\0", "\u202eevil", "a\nb", "x" * 3000, "\ud800", "\u200b", "call 1", "🙂", 7, ["list"], {}]


@pytest.mark.row("6.8")
@pytest.mark.parametrize("call_id", HARD_IDS, ids=lambda one: ascii(one)[:20])
async def test_a_strange_id_is_echoed_or_replaced_on_both_sides_and_never_lost(call_id):
    one, two = call("echo", {"n": 1}, "plain"), call("echo", {"n": 2}, "plain")
    two["id"] = call_id
    turn = await run_tool_calls(message(one, two), registry())
    assert [result.value for result in turn.results] == [1, 2]
    sent = [each["id"] for each in turn.assistant_message["tool_calls"]]
    assert [each["tool_call_id"] for each in turn.messages] == sent
    assert len(set(sent)) == 2
    assert check(turn.exchange, "openai-chat") == []


@pytest.mark.row("6.8")
@settings(max_examples=100)
@given(ids=st.lists(st.one_of(st.none(), st.text(max_size=20)), min_size=1, max_size=5))
def test_whatever_the_ids_are_both_sides_agree(ids):
    turn = open_turn(message(*[call("echo", {"n": n}, one) for n, one in enumerate(ids)]), registry())
    sent = [each["id"] for each in turn.assistant_message["tool_calls"]]
    assert [each["tool_call_id"] for each in turn.messages] == sent
    assert len(set(sent)) == len(ids)


@pytest.mark.row("6.9")
async def test_ids_that_look_the_same_are_two_ids():
    composed = unicodedata.normalize("NFC", "é")
    apart = unicodedata.normalize("NFD", "é")
    turn = await run_tool_calls(message(call("echo", {"n": 1}, composed), call("echo", {"n": 2}, apart)), registry())
    assert [each["tool_call_id"] for each in turn.messages] == [composed, apart]
    assert (turn[composed].value, turn[apart].value) == (1, 2)


@pytest.mark.row("6.11")
async def test_ten_thousand_calls_run_at_once_and_keep_their_order():
    tools = ToolRegistry()

    @tools.tool
    async def waits(n: int) -> int:
        await anyio.sleep(10 - n % 10)
        return n

    started = anyio.current_time()
    turn = await run_tool_calls(numbered("waits", 10_000), tools)
    assert [result.value for result in turn.results] == list(range(10_000))
    assert anyio.current_time() - started == pytest.approx(10)


@pytest.mark.row("6.13", "11.7")
async def test_what_a_tool_does_to_the_registry_and_the_message_does_not_reach_its_turn():
    tools = ToolRegistry()
    sent = message("meddles", call("victim", {"n": 5}, "v"))

    @tools.tool(max_concurrency=1)
    async def victim(n: int) -> int:
        return n

    @tools.tool
    async def meddles() -> str:
        sent["tool_calls"][1]["function"]["arguments"] = '{"n": 666}'
        tools._tools = {}
        tools.add(echo, name="late")
        return "done"

    turn = await run_tool_calls(sent, tools)
    assert [result.content for result in turn.results] == ["done", "5"]


@pytest.mark.row("5.12")
@pytest.mark.parametrize("case", ["an exception", "a result of ours", "a mock"])
async def test_an_odd_object_as_a_result_is_a_value_or_a_clear_refusal(case):
    from unittest.mock import Mock

    first = await run_tool_calls(message("echo"), registry())
    value = {"an exception": ValueError("x"), "a result of ours": first.results[0], "a mock": Mock()}[case]
    tools = ToolRegistry()
    tools.add(lambda: value, name="odd", executor="task")
    turn = await run_tool_calls(message("odd"), tools)
    assert turn.results[0].code in ("ok", "invalid_result")
    assert turn.results[0].effect == "done"
    assert isinstance(turn.messages[0]["content"], str)
