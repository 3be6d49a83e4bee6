"""The real SDK clients, the strict fake provider, and `run_tool_calls` between them: whatever the tools do, no 400.

Parallel calls that succeed, fail, hang and do not exist; a turn that is cancelled; a conversation that is stored as
JSON, loaded, checked, repaired and gone on with. The naive loop of `test_fake_provider_sdks.py` gets its 400 from the
same provider.
"""

import json

import anyio
import pytest

from everycall import Limits, ToolRegistry, check, open_turn, repair, run_tool_calls
from everycall.testing import AssistantTurn, Call
from tests.testing.sdk_loops import LOOPS

pytestmark = pytest.mark.real
DONE = AssistantTurn(text="Oslo is colder.")
MIXED = AssistantTurn(
    calls=[
        Call("get_weather", {"city": "Oslo"}),
        Call("get_weather", {"city": "nowhere"}),
        Call("get_weather", {"city": "slow"}),
        Call("get_wether", {"city": "Rome"}),
        Call("get_weather", {"town": "Rome"}),
        Call("get_weather", {"city": "Rome"}),
    ]
)
CODES = ["ok", "tool_error", "attempt", "unknown_tool", "invalid_arguments", "ok"]
DIALECTS = {name: name.removeprefix("litellm-") if name.startswith("litellm-openai") else name for name in LOOPS}


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def tools():
    registry = ToolRegistry(timeout=0.2)

    @registry.tool(read_only=True)
    async def get_weather(city: str) -> str:
        """The weather of a city."""
        if city == "nowhere":
            raise LookupError("no such city")
        if city == "slow":
            await anyio.sleep(60)
        return f"{len(city)} C"

    return registry


@pytest.mark.parametrize("name", LOOPS)
async def test_a_turn_with_every_kind_of_failure_is_accepted(name, provider_for, tools):
    provider = provider_for([MIXED, MIXED, DONE])
    with LOOPS[name](provider) as loop:
        history = list(loop.history)
        for _ in range(2):
            response = loop.ask(history)
            turn = await run_tool_calls(response, tools)
            assert [result.code for result in turn.results] == CODES
            history += turn.exchange
        response = loop.ask(history)
        assert not await run_tool_calls(response, tools)
        assert loop.text(response) == "Oslo is colder."
    assert [str(rejection) for rejection in provider.rejections] == []


@pytest.mark.parametrize("name", LOOPS)
async def test_a_turn_that_was_cancelled_half_way_is_accepted(name, provider_for, tools):
    provider = provider_for([MIXED, DONE])
    with LOOPS[name](provider) as loop:
        history = list(loop.history)
        turn = open_turn(loop.ask(history), tools, limits=Limits(cancel_grace=0.1))
        with anyio.move_on_after(0.05):
            await turn.run()
        assert [result.code for result in turn.results] == ["ok", "tool_error", "cancelled", *CODES[3:]]
        history += turn.exchange
        assert loop.text(loop.ask(history)) == "Oslo is colder."
    assert [str(rejection) for rejection in provider.rejections] == []


@pytest.mark.parametrize("name", LOOPS)
async def test_a_cut_off_of_the_script_is_one_in_every_protocol(name, provider_for, tools):
    provider = provider_for([AssistantTurn(calls=[Call("get_weather", {"city": "Oslo"})], finish="length")])
    with LOOPS[name](provider) as loop:
        (result,) = await run_tool_calls(loop.ask(list(loop.history)), tools)
    assert result.code == "unfinished_message"


def stored(message):
    """A message as it comes back from a store that holds JSON."""

    def plain(value):
        return value.model_dump(mode="json", exclude_none=True, by_alias=True)

    return json.loads(json.dumps(message, default=plain))


@pytest.mark.parametrize("name", ["openai-chat", "openai-responses", "anthropic", "gemini", "ollama", "litellm-openai"])
async def test_a_stored_conversation_that_lost_a_result_is_found_mended_and_accepted(name, provider_for, tools):
    provider = provider_for([MIXED, DONE])
    dialect = "openai-chat" if name == "litellm-openai" else name
    with LOOPS[name](provider) as loop:
        history = list(loop.history)
        turn = await run_tool_calls(loop.ask(history), tools)
        loaded = [stored(message) for message in [*history, *turn.exchange]]
        assert check(loaded, dialect) == []
        broken = lose_the_last_result(loaded)
        assert {finding.kind for finding in check(broken, dialect)} == {"missing_result"}
        mended = repair(broken, dialect)
        assert check(mended.messages, dialect) == []
        assert loop.text(loop.ask(mended.messages)) == "Oslo is colder."
    assert [str(rejection) for rejection in provider.rejections] == []


def lose_the_last_result(messages):
    last = messages[-1]
    for field in ("content", "parts"):
        if isinstance(last.get(field), list):
            return [*messages[:-1], {**last, field: last[field][:-1]}]
    return messages[:-1]
