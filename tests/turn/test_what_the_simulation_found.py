"""Faults of the engine that the simulation and the soak have found, each as the smallest program that shows it."""

import asyncio
import gc

import anyio
import pytest

from everycall import Limits, Retry, ToolRegistry, ToolRuntime, TransientToolError, open_turn, run_tool_calls, runtime
from everycall.executors import thread
from everycall.ports import Raised, Returned
from tests.messages import call, message, numbered

pytestmark = pytest.mark.filterwarnings("ignore")  # hostile tools leave scopes open


def tasks():
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:
        import trio

        return trio.lowlevel.current_statistics().tasks_living


class NoThreadTheSecondTime:
    """Threads of which the system has but one."""

    def __init__(self, post):
        self._post = post
        self._starts = 0

    def start(self, work, report):
        self._starts += 1
        error = RuntimeError("can't start new thread")
        if self._starts == 1:
            work.context.run(work.enter)
            error = TransientToolError("busy")
        self._post(lambda: report(Raised(error)))
        return self

    def stop(self):
        pass


async def test_a_call_that_has_run_says_so_when_there_is_no_thread_for_its_second_attempt(monkeypatch):
    monkeypatch.setattr(runtime, "ThreadExecutor", NoThreadTheSecondTime)
    tools = ToolRegistry()
    tools.add(lambda: None, name="charge", idempotent=True, retry=Retry(attempts=3, jitter=False))
    async with ToolRuntime(tools) as own:
        turn = await own.run(message("charge"))
    (result,) = turn.results
    assert (result.code, result.effect, result.attempts) == ("tool_error", "unknown", 1)


async def test_a_closed_runtime_leaves_no_task_behind_when_its_abandoned_calls_have_ended_before_their_linger():
    tools = ToolRegistry(timeout=1.0)

    @tools.tool
    async def refuses() -> None:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(3.0)

    before = tasks()
    async with ToolRuntime(tools, limits=Limits(unsafe_cancel_grace=0.5, linger=30.0)) as own:
        await own.run(message("refuses"))
        assert own.statistics().abandoned == 1
    await anyio.sleep(0.01)
    assert tasks() == before


OF_A_TURN = {"Turn", "Supervisor", "Collector", "Emitter", "Slot", "Attempt", "Admission"}


async def garbage_of(play):
    """Return the names of a turn's objects that only the garbage collector could free."""
    await play()
    await anyio.sleep(0.1)
    gc.collect()
    gc.disable()
    try:
        await play()
        await anyio.sleep(0.1)
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        return OF_A_TURN & {type(one).__name__ for one in gc.garbage}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def failing_observer(event):
    raise RuntimeError(event.name)


@pytest.fixture
def tools():
    registry = ToolRegistry(timeout=1.0)

    @registry.tool
    async def waits(n: int = 0) -> int:
        await anyio.sleep(0.01)
        return n

    @registry.tool
    async def gives_what_cannot_be_sent(n: int = 0) -> object:
        return object()

    @registry.tool
    async def fails(n: int = 0) -> None:
        raise ValueError(n)

    @registry.tool
    async def returns(n: int = 0) -> int:
        return n

    @registry.tool
    async def swallows(n: int = 0) -> int:
        try:
            await anyio.sleep(60)
        except anyio.get_cancelled_exc_class():
            return n

    @registry.tool
    async def fails_when_stopped(n: int = 0) -> None:
        try:
            await anyio.sleep(60)
        finally:
            raise ValueError(n)

    @registry.tool
    async def leaves_a_scope_open(n: int = 0) -> None:
        anyio.CancelScope().__enter__()

    return registry


@pytest.mark.parametrize(
    "name", ["waits", "returns", "fails", "gives_what_cannot_be_sent", "swallows", "fails_when_stopped"]
)
async def test_a_turn_leaves_no_cycle_whatever_its_tool_did(tools, name):
    async def play():
        await run_tool_calls(message(call(name, {"n": 1})), tools)

    assert await garbage_of(play) == set()


async def test_a_turn_of_calls_that_return_fail_and_wait_leaves_no_cycle(tools):
    async def play():
        await run_tool_calls(message("returns", "fails", "waits", "returns"), tools, turn_timeout=10)

    assert await garbage_of(play) == set()


async def test_a_turn_with_a_limit_leaves_no_cycle(tools):
    async def play():
        await run_tool_calls(numbered("waits", 3), tools, limits=Limits(concurrency=1))

    assert await garbage_of(play) == set()


async def test_a_turn_with_an_observer_that_fails_leaves_no_cycle(tools):
    async def play():
        await run_tool_calls(numbered("waits", 2), tools, observers=[failing_observer])

    assert await garbage_of(play) == set()


def slots():
    gc.collect()
    return sum(type(one).__name__ == "Slot" for one in gc.get_objects())


async def test_a_tool_that_leaves_a_scope_open_does_not_stay_in_memory(tools):
    before = slots()
    for _ in range(20):
        await run_tool_calls(numbered("leaves_a_scope_open", 5), tools)
    await anyio.sleep(0.1)
    assert slots() < before + 10


@pytest.mark.parametrize("safe", ["read_only", "idempotent"])
async def test_a_sync_tool_that_has_returned_a_coroutine_has_run_even_if_the_coroutine_is_never_begun(
    safe, monkeypatch
):
    begun = []

    def start(executor, work, report):
        work.enter()
        end = Returned(work.invoke())
        executor._post(lambda: (report(end), turn._driver.stop("cancelled")))  # the button, a moment after
        return thread._IN_THREAD

    monkeypatch.setattr(thread.ThreadExecutor, "start", start)
    tools = ToolRegistry()

    def in_two_parts():
        async def second():
            begun.append(True)

        return second()

    tools.add(in_two_parts, name="in_two_parts", **{safe: True})
    turn = open_turn(message("in_two_parts"), tools)
    await turn.run()
    assert begun == []
    assert (turn.results[0].code, turn.results[0].attempts) == ("cancelled", 1)
    assert turn.results[0].effect == ("none" if safe == "read_only" else "unknown")
