"""The breaker of docs/howto/middleware-circuit-breaker.md opens, rests, tries once, and decides by the trial."""

import anyio
import pytest

from everycall import Retry, ToolError, ToolRegistry, TransientToolError, open_turn, run_tool_calls
from tests.messages import call, envelope, message
from tests.middleware.pages import names_of

CircuitBreaker = names_of("middleware-circuit-breaker.md")["CircuitBreaker"]


class Service:
    """A service, the tools that ask it, and what was asked of it."""

    def __init__(self, *, timeout=5, retry=None, **options):
        self.breaker = CircuitBreaker(**{"failures": 3, "period": 60, "rest": 30, **options})
        self.tools = ToolRegistry(middleware=[self.breaker], timeout=timeout, retry=retry)
        self.error = None
        self.seconds = 0
        self.asked = 0
        self.tools.add(self.ask, name="ask", idempotent=True)
        self.tools.add(self.ask, name="other")

    async def ask(self) -> str:
        self.asked += 1
        await anyio.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        return "answer"

    async def turn(self, *names):
        calls = [call(name, {}, f"c{number}") for number, name in enumerate(names or ("ask",))]
        return await run_tool_calls(message(*calls), self.tools)

    async def fails(self, times, error=None):
        self.error = error or ConnectionError("refused")
        for _ in range(times):
            await self.turn()


@pytest.fixture
def service():
    return Service()


async def test_it_opens_at_the_last_of_so_many_failures_and_then_asks_no_more(service):
    await service.fails(3)
    assert service.asked == 3
    turn = await service.turn()
    result = turn.results[0]
    assert (result.code, result.effect, result.retryable) == ("tool_error", "none", False)
    assert (
        envelope(result)["message"]
        == "ask has failed too often and is not called for now. Try again in 30 s, or do without."
    )
    assert service.asked == 3


async def test_each_tool_has_a_circuit_of_its_own(service):
    await service.fails(3)
    await service.turn("other")
    assert service.asked == 4


async def test_failures_that_are_long_ago_do_not_count(service):
    for _ in range(5):
        await service.fails(2)
        await anyio.sleep(61)
    assert service.asked == 10
    await service.fails(3)
    await service.turn()
    assert service.asked == 13


async def test_after_its_rest_one_call_tries_and_closes_it(service):
    await service.fails(3)
    service.error = None
    await anyio.sleep(29)
    assert (await service.turn()).results[0].effect == "none"
    await anyio.sleep(1)
    service.seconds = 2
    turn = await service.turn("ask", "ask", "ask")  # one tries; the others are not let through meanwhile
    assert sorted(one.code for one in turn.results) == ["ok", "tool_error", "tool_error"]
    assert service.asked == 4
    assert (await service.turn("ask", "ask")).ok


async def test_a_trial_that_fails_opens_it_again_at_once(service):
    await service.fails(3)
    await anyio.sleep(30)
    await service.fails(1)
    assert service.asked == 4
    await anyio.sleep(29)
    await service.turn()
    assert service.asked == 4
    await anyio.sleep(1)
    service.error = None
    assert (await service.turn()).ok
    await service.fails(2)
    assert service.asked == 7  # closed: it counts from the beginning


async def test_a_timeout_is_a_failure(service):
    service.seconds = 100
    await service.turn("ask", "ask", "ask")
    assert service.asked == 3
    service.seconds = 0
    assert (await service.turn()).results[0].effect == "none"
    assert service.asked == 3


async def test_an_error_on_purpose_is_none_and_a_transient_one_is(service):
    await service.fails(5, ToolError("no seat left"))
    assert service.asked == 5
    await service.fails(5, TransientToolError("busy"))
    assert service.asked == 8


async def test_a_trial_that_is_answered_with_a_no_closes_it(service):
    await service.fails(3)
    await anyio.sleep(30)
    await service.fails(1, ToolError("no seat left"))
    service.error = None
    assert (await service.turn("ask", "ask")).ok


async def test_a_turn_that_is_stopped_is_nobodys_failure(service):
    service.seconds = 4
    for _ in range(5):
        turn = open_turn(message("ask"), service.tools)
        async with anyio.create_task_group() as group:
            group.start_soon(turn.run)
            await anyio.sleep(1)
            turn.cancel("stop")
        assert turn.results[0].code == "cancelled"
    assert (await service.turn()).ok


async def test_a_trial_that_is_stopped_leaves_the_next_one_to_try(service):
    await service.fails(3)
    await anyio.sleep(30)
    service.error, service.seconds = None, 4
    turn = open_turn(message("ask"), service.tools)
    async with anyio.create_task_group() as group:
        group.start_soon(turn.run)
        await anyio.sleep(1)
        turn.cancel("stop")
    turn = await service.turn("ask", "ask")
    assert sorted(one.code for one in turn.results) == ["ok", "tool_error"]


async def test_what_started_before_it_opened_changes_nothing(service):
    service.seconds = 4
    slow = open_turn(message("ask"), service.tools)
    async with anyio.create_task_group() as group:
        group.start_soon(slow.run)
        await anyio.sleep(1)
        service.seconds = 0
        await service.fails(3)
        service.error = None
    assert slow.ok
    assert (await service.turn()).results[0].effect == "none"


async def test_it_ends_the_retries_of_a_call():
    service = Service(retry=Retry(attempts=9, initial=0.1, jitter=False))
    await service.fails(1, TransientToolError("busy"))
    assert service.asked == 3
