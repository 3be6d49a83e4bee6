"""Middleware runs inside the attempt; what it raises or delays counts as the tool's."""

import anyio
import pytest
from pydantic import BaseModel, Field, SecretStr

from everycall import Retry, ToolContext, ToolError, ToolRegistry, TransientToolError, run_tool_calls
from tests.messages import call, envelope, message


def registry(*middleware, **options):
    tools = ToolRegistry(middleware=middleware, **options)
    tools.ran = []

    @tools.tool(read_only=True)
    async def double(n: int) -> int:
        tools.ran.append(n)
        return 2 * n

    return tools


async def test_middleware_wraps_the_tool_outermost_first_and_may_change_its_value():
    order = []

    def layer(name):
        async def middleware(call, proceed):
            order.append(name)
            value = await proceed()
            order.append(name)
            return value + 1

        return middleware

    turn = await run_tool_calls(message(call("double", {"n": 5})), registry(layer("outer"), layer("inner")))
    assert turn.results[0].value == 12
    assert order == ["outer", "inner", "inner", "outer"]


async def test_middleware_sees_the_call_and_changed_arguments_are_validated_again():
    seen = []

    async def middleware(call, proceed):
        seen.append((call.tool_name, call.call_id, call.attempt, dict(call.arguments)))
        return await proceed(arguments={"n": call.arguments["n"] * 10})

    tools = registry(middleware)
    turn = await run_tool_calls(message(call("double", {"n": 5})), tools)
    assert turn.results[0].value == 100
    assert seen == [("double", "call_double", 1, {"n": 5})]

    async def spoils(call, proceed):
        return await proceed(arguments={"n": "many"})

    tools = registry(spoils)
    turn = await run_tool_calls(message(call("double", {"n": 5})), tools)
    assert turn.results[0].code == "tool_error"
    assert tools.ran == []


def writer(*middleware):
    tools = ToolRegistry(middleware=middleware)
    tools.written = []

    @tools.tool
    async def write(n: int) -> int:
        tools.written.append(n)
        return n

    return tools


async def test_changed_arguments_that_do_not_fit_have_changed_nothing_if_the_tool_has_not_run():
    async def spoils(call, proceed):
        return await proceed(arguments={"n": "SECRET"})

    tools = writer(spoils)
    turn = await run_tool_calls(message(call("write", {"n": 5})), tools)
    result = turn.results[0]
    assert (result.status, result.code, result.effect, result.retryable) == ("error", "tool_error", "none", False)
    assert envelope(result)["message"].startswith(
        "Code around the tool changed the arguments. The arguments do not fit"
    )
    assert "SECRET" not in result.content
    assert tools.written == []


async def test_changed_arguments_that_do_not_fit_after_the_tool_has_run_leave_its_effect_unknown():
    async def twice(call, proceed):
        await proceed()
        return await proceed(arguments={})

    tools = writer(twice)
    turn = await run_tool_calls(message(call("write", {"n": 5})), tools)
    assert (turn.results[0].code, turn.results[0].effect) == ("tool_error", "unknown")
    assert tools.written == [5]


async def test_middleware_may_catch_that_its_arguments_do_not_fit():
    async def tries(call, proceed):
        try:
            return await proceed(arguments={"n": None})
        except ToolError:
            return await proceed()

    turn = await run_tool_calls(message(call("write", {"n": 5})), writer(tries))
    assert turn.results[0].value == 5


async def test_arguments_that_hold_a_secret_may_be_passed_on():
    received = []

    async def changes(call, proceed):
        return await proceed(arguments={**call.arguments, "n": 2})

    class Login(BaseModel):
        user: str
        token: SecretStr = Field(alias="Token")

    tools = ToolRegistry(middleware=[changes])

    @tools.tool
    async def sign_in(login: Login, extra: list[SecretStr], n: int) -> None:
        received.extend([login.token.get_secret_value(), extra[0].get_secret_value(), n])

    given = {"login": {"user": "ada", "Token": "open sesame"}, "extra": ["another"], "n": 1}
    turn = await run_tool_calls(message(call("sign_in", given)), tools)
    assert turn.ok
    assert received == ["open sesame", "another", 2]


async def test_all_middleware_of_a_turn_shares_one_dict_that_is_gone_with_the_turn():
    states = []

    async def counts(call, proceed):
        states.append(call.turn_state)
        call.turn_state[counts] = call.turn_state.get(counts, 0) + 1
        return await proceed()

    async def reads(call, proceed):
        await proceed()
        return call.turn_state[counts]

    tools = registry(counts, reads)
    for _ in range(2):
        turn = await run_tool_calls(message(call("double", {"n": 5}), call("double", {"n": 6}, "b")), tools)
        assert max(one.value for one in turn.results) == 2
    assert states[0] is states[1]
    assert states[2] is states[3]
    assert states[0] is not states[2]


async def test_middleware_knows_its_turn_and_the_arguments_in_one_spelling():
    seen, told = [], []

    async def middleware(call, proceed):
        seen.append((call.turn_id, call.text, call.canonical_arguments))
        return await proceed()

    async def changes(call, proceed):
        return await proceed(arguments={"n": 7})

    tools = registry(middleware, changes, middleware)
    sent = {"id": "c", "type": "function", "function": {"name": "double", "arguments": '{ "n" : 5 }'}}
    await run_tool_calls(message(sent), tools, observers=[told.append])
    assert [(text, canonical) for _, text, canonical in seen] == [('{ "n" : 5 }', '{"n":5}'), ('{"n":7}', '{"n":7}')]
    assert {turn_id for turn_id, _, _ in seen} == {told[0].turn_id}


async def test_middleware_that_does_not_await_what_it_passes_on_has_it_awaited():
    ran = []

    async def forgets(_call, proceed):
        return proceed()

    tools = ToolRegistry(middleware=[forgets, forgets])
    tools.add(lambda: ran.append(1) or "value", name="t", executor="task")
    turn = await run_tool_calls(message("t"), tools)
    assert (turn.results[0].value, ran) == ("value", [1])


async def test_middleware_need_not_call_the_tool():
    async def cached(call, proceed):
        return "from the cache"

    tools = registry(cached)
    turn = await run_tool_calls(message(call("double", {"n": 5})), tools)
    assert turn.results[0].content == "from the cache"
    assert tools.ran == []


async def test_what_middleware_raises_counts_as_the_tools_and_may_be_retried():
    tries = []

    async def flaky(call, proceed):
        tries.append(call.attempt)
        if call.attempt == 1:
            raise TransientToolError("not yet")
        return await proceed()

    turn = await run_tool_calls(
        message(call("double", {"n": 5})), registry(flaky, retry=Retry(initial=1, jitter=False))
    )
    assert turn.results[0].value == 10
    assert tries == [1, 2]


async def test_the_time_of_middleware_counts_as_the_tools():
    async def slow(call, proceed):
        await anyio.sleep(100)
        return await proceed()

    tools = registry(slow, timeout=5)
    turn = await run_tool_calls(message(call("double", {"n": 5})), tools)
    assert turn.results[0].code == "attempt"
    assert envelope(turn.results[0])["effect"] == "none"
    assert tools.ran == []


async def test_a_tool_under_middleware_still_gets_its_context():
    async def through(call, proceed):
        return await proceed()

    tools = ToolRegistry(middleware=[through])

    @tools.tool
    async def who(ctx: ToolContext[str]) -> str:
        return ctx.deps

    turn = await run_tool_calls(message("who"), tools, deps="me")
    assert turn.results[0].content == "me"


@pytest.mark.parametrize("bad", [1, "text", [1]])
async def test_middleware_that_is_no_function_is_a_usage_error(bad):
    from everycall import UsageError

    with pytest.raises(UsageError):
        ToolRegistry(middleware=[bad])
