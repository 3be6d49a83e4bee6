"""Which result belongs to which call: order, ids, echoes, cut-off messages, and the exchange."""

import json

import anyio
import pytest

from everycall import MessageError, Redaction, ToolRegistry, UsageError, open_turn, run_tool_calls
from tests.messages import call, message, numbered


@pytest.fixture
def tools():
    registry = ToolRegistry()
    registry.ran = []

    @registry.tool
    async def echo(n: int = 0) -> int:
        registry.ran.append(n)
        await anyio.sleep(1 / (n + 1))
        return n

    return registry


async def test_results_come_in_the_order_of_the_calls_whoever_ends_first(tools):
    turn = await run_tool_calls(numbered("echo", 5), tools)
    assert [result.value for result in turn.results] == [0, 1, 2, 3, 4]
    assert turn.exchange == [
        turn.assistant_message,
        *[{"role": "tool", "tool_call_id": f"c{n}", "content": str(n)} for n in range(5)],
    ]
    assert turn.ok
    assert not turn.ids_changed


async def test_a_message_without_calls_gives_a_falsy_turn_and_an_empty_exchange(tools):
    turn = await run_tool_calls({"role": "assistant", "content": "hello"}, tools)
    assert not turn
    assert turn.done
    assert (turn.results, turn.messages, turn.exchange, turn.ok) == ((), [], [], True)


async def test_the_input_message_goes_back_as_the_same_object_when_no_id_changed(tools):
    sent = message("echo")
    turn = await run_tool_calls(sent, tools)
    assert turn.assistant_message is sent


@pytest.mark.parametrize("bad_id", [None, ""])
@pytest.mark.row("6.8")
async def test_a_missing_or_empty_id_is_minted_on_both_sides_of_the_exchange(tools, bad_id):
    sent = message(call("echo", {"n": 1}, bad_id), call("echo", {"n": 2}, "good"), call("echo", {"n": 3}, bad_id))
    turn = await run_tool_calls(sent, tools)
    inside = [one["id"] for one in turn.assistant_message["tool_calls"]]
    outside = [one["tool_call_id"] for one in turn.messages]
    assert inside == outside
    assert len(set(inside)) == 3
    assert all(inside)
    assert inside[1] == "good"
    assert turn.ids_changed
    assert [result.value for result in turn.results] == [1, 2, 3]


async def test_minted_ids_are_the_same_in_a_replay_and_differ_between_turns(tools):
    sent = message(call("echo", {"n": 1}, None))
    ids = [(await run_tool_calls(sent, tools, key=key)).results[0].call_id for key in ("a", "a", "b")]
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.row("6.7")
async def test_a_repeated_id_with_other_arguments_runs_both_and_the_later_one_gets_a_minted_id(tools):
    sent = message(call("echo", {"n": 1}, "same"), call("echo", {"n": 2}, "same"))
    turn = await run_tool_calls(sent, tools)
    assert sorted(tools.ran) == [1, 2]
    assert turn.results[0].call_id == "same" != turn.results[1].call_id
    assert turn["same"].value == 1
    assert turn[turn.results[1].call_id].value == 2


async def test_a_repeated_call_with_the_same_id_and_arguments_runs_once_and_answers_both(tools):
    sent = message(call("echo", {"n": 4}, "same"), call("echo", {"n": 4}, "same"), call("echo", {"n": 5}, "x"))
    turn = await run_tool_calls(sent, tools)
    assert sorted(tools.ran) == [4, 5]
    assert [result.value for result in turn.results] == [4, 4, 5]
    assert len({m["tool_call_id"] for m in turn.messages}) == 3


@pytest.mark.row("6.16")
async def test_the_same_call_twice_under_two_ids_runs_twice(tools):
    turn = await run_tool_calls(message(call("echo", {"n": 4}, "a"), call("echo", {"n": 4}, "b")), tools)
    assert tools.ran == [4, 4]
    assert turn.ok


@pytest.mark.row("6.14")
async def test_the_calls_of_a_message_that_was_cut_off_are_answered_and_not_run(tools):
    turn = await run_tool_calls(numbered("echo", 2), tools, finish_reason="length")
    assert [result.code for result in turn.results] == ["unfinished_message"] * 2
    assert tools.ran == []
    assert len(turn.exchange) == 3


async def test_a_turn_knows_its_results_by_the_id_as_sent(tools):
    turn = await run_tool_calls(message(call("echo", {}, "a")), tools)
    assert turn["a"].ok
    assert "a" in turn
    assert "b" not in turn
    assert [] not in turn
    with pytest.raises(TypeError, match=r"turn\.results\[0\]"):
        turn[0]
    with pytest.raises(KeyError, match="b"):
        turn["b"]


async def test_a_turn_is_iterated_over_its_results_in_the_order_of_the_message(tools):
    turn = open_turn(numbered("echo", 2), tools)
    assert [result.code for result in turn] == ["not_started"] * 2  # what stopping now would give
    await turn.run()
    assert list(turn) == list(turn.results)
    assert [result.call_id for result in turn] == ["c0", "c1"]
    assert [result.call_id for result in reversed(turn)] == ["c1", "c0"]
    assert all(result in turn for result in turn.results)
    assert open_turn(numbered("echo", 2), tools).results[0] not in turn


@pytest.mark.row("5.11")
async def test_the_value_is_encoded_when_the_call_is_sealed():
    tools = ToolRegistry()
    shared = {"n": 1}

    @tools.tool
    async def shares() -> dict:
        return shared

    @tools.tool
    async def spoils() -> None:
        await anyio.sleep(1)
        shared["n"] = 2

    turn = await run_tool_calls(message("shares", "spoils"), tools)
    assert turn["call_shares"].content == '{"n":1}'


class Unwilling(dict):
    def __repr__(self):
        raise ValueError("from __repr__")


@pytest.mark.parametrize(
    "value", [Unwilling(secret="s3cret"), {"n": 10**5000}, ["s3cret"] * 100_000], ids=["unwilling", "endless", "huge"]
)
async def test_a_result_is_shown_by_what_the_model_reads_whatever_its_value_is(value):
    tools = ToolRegistry(redact=Redaction(secrets=("s3cret",)))
    tools.add(lambda: value, name="gives", executor="task", max_result_bytes=2000)
    (result,) = (await run_tool_calls(message("gives"), tools)).results
    assert result.value is value
    assert repr(result.content) in repr(result)
    assert "s3cret" not in repr(result)
    assert len(repr(result)) < 3000


@pytest.mark.parametrize(
    "not_a_message",
    ["text", None, 7, b"bytes", [], {}, {"role": "user", "content": "hi"}, [{"role": "user"}, {"role": "assistant"}]],
)
async def test_what_is_no_assistant_message_is_one_clear_error(tools, not_a_message):
    with pytest.raises(MessageError) as caught:
        await run_tool_calls(not_a_message, tools)
    assert "\n" not in str(caught.value)


class Raises:
    role = "assistant"

    @property
    def tool_calls(self):
        raise ValueError("of its own")


async def test_a_message_whose_own_code_raises_is_one_clear_error(tools):
    with pytest.raises(MessageError, match="The message cannot be read: to read it raised ValueError: of its own"):
        await run_tool_calls(Raises(), tools)


async def test_a_message_without_a_role_is_told_so_where_its_dialect_is_given(tools):
    with pytest.raises(MessageError, match=r"in the dialect openai-chat, got a dict .* without a role"):
        await run_tool_calls({"tool_calls": []}, tools, dialect="openai-chat")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"registry": [1]}, "registry must be a ToolRegistry"),
        ({"turn_timeout": float("nan")}, "turn_timeout"),
        ({"turn_timeout": -1}, "turn_timeout"),
        ({"turn_timeout": 0}, "turn_timeout"),
        ({"turn_timeout": "5"}, "turn_timeout"),
        ({"limits": {"calls": 1}}, "limits must be a Limits"),
        ({"dialect": "no-such"}, "openai-chat"),
        ({"dialect": 7}, "dialect"),
        ({"key": ""}, "key"),
        ({"key": 7}, "key"),
        ({"observers": print}, "observers"),
        ({"observers": [1]}, "observers"),
        ({"finish_reason": 3}, "finish_reason"),
    ],
)
async def test_a_wrong_argument_is_one_clear_error_and_nothing_is_run(tools, arguments, says):
    given = dict(arguments)
    registry = given.pop("registry", tools)
    with pytest.raises(UsageError, match=says):
        open_turn(message("echo"), registry, **given)
    assert tools.ran == []


async def test_two_fetches_of_which_one_is_forbidden_give_two_tool_messages_after_the_assistant_message():
    class HTTPStatusError(Exception):
        status_code = 403

    tools = ToolRegistry()

    @tools.tool(read_only=True)
    async def fetch(url: str) -> str:
        if "private" in url:
            raise HTTPStatusError("403 Forbidden")
        return "200 OK"

    sent = message(call("fetch", {"url": "/public"}, "a"), call("fetch", {"url": "/private"}, "b"))
    turn = await run_tool_calls(sent, tools)
    assert [m["role"] for m in turn.exchange] == ["assistant", "tool", "tool"]
    assert [m["tool_call_id"] for m in turn.messages] == ["a", "b"]
    assert turn["b"].status == "error"
    assert "403" in turn["b"].content


async def test_what_has_no_utf8_form_never_reaches_the_exchange():
    sent = message(call("nothing", {}, "id\ud800"), call("nothing", {}, "good"))
    tools = ToolRegistry(explain=lambda _: "half a pair: \ud800")
    events = []
    turn = await run_tool_calls(sent, tools, observers=[events.append])
    json.dumps([m["tool_call_id"] + m["content"] for m in turn.messages], ensure_ascii=False).encode()
    json.dumps([event.to_dict() for event in events], ensure_ascii=False).encode()
    assert turn.ids_changed


async def test_explain_may_replace_the_text_and_a_broken_one_does_not():
    for explain, expected in [(lambda result: f"<{result.code}>", "<unknown_tool>"), (lambda _: 1 / 0, "error")]:
        turn = await run_tool_calls(message("nothing"), ToolRegistry(explain=explain))
        assert expected in turn.results[0].content


@pytest.mark.parametrize("sent", [{}, {"b": {}}, {"b": []}, [{}], [], None, "x:{y}[", 1e308, 10**400, True])
async def test_every_kind_of_argument_reaches_the_tool_as_it_was_sent(sent):
    tools = ToolRegistry()
    tools.add(lambda **given: seen.append(given), name="look", executor="task", parameters={"type": "object"})
    seen = []
    turn = await run_tool_calls(message(call("look", {"a": sent})), tools)
    assert turn.ok
    assert seen == [{"a": sent}]
