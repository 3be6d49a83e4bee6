"""Calls that are begun at once: over before the loop passes if they never wait, and like any other if they do."""

import asyncio
import contextvars
import gc
import threading

import anyio
import pytest

from everycall import (
    Limits,
    ToolContext,
    ToolRegistry,
    ToolRuntime,
    TransientToolError,
    open_turn,
    run_tool_calls,
    run_tool_calls_sync,
)
from everycall.turn import run
from everycall.turn import straight as way
from everycall.turn.collector import Collector
from everycall.turn.stop import first_step, on_asyncio, scopes
from everycall.turn.straight import FirstTry, Straight
from everycall.turn.supervise import Supervisor
from tests.messages import call, message, numbered

VARIABLE = contextvars.ContextVar("variable", default="unset")
on_asyncio_alone = pytest.mark.parametrize(
    "anyio_backend", [pytest.param("asyncio", id="asyncio")], indirect=True
)  # trio makes no step but in its own passes


def codes(turn):
    return [result.code for result in turn.results]


def tools_of(*functions, **options):
    tools = ToolRegistry()
    for function in functions:
        tools.add(function, **options)
    return tools


async def quick(n: int = 0) -> str:
    return "done"


async def raises_at_once() -> None:
    raise ValueError("at once")


@pytest.fixture
def begun(monkeypatch):
    """The names of the tools whose calls were begun at once."""
    names = []

    def first_try(the_way, planned):
        names.append(planned.tool.name)
        return FirstTry(the_way, planned)

    monkeypatch.setattr(way, "FirstTry", first_try)
    return names


@on_asyncio_alone
async def test_calls_that_never_wait_are_over_before_the_loop_passes(begun):
    tools, passed = tools_of(quick), []
    await run_tool_calls(message("quick"), tools)  # the first turn of a loop lets it pass
    asyncio.get_running_loop().call_soon(passed.append, True)
    turn = await run_tool_calls(numbered("quick", 3), tools)
    assert passed == []
    assert codes(turn) == ["ok"] * 3
    assert len(begun) == 4


@on_asyncio_alone
async def test_turns_that_never_wait_let_the_loop_pass_in_the_end(monkeypatch):
    tools, passed = tools_of(quick), []
    monkeypatch.setattr(on_asyncio, "MAX_HELD", 0.0)
    for turn in (1, 2, 3):
        asyncio.get_running_loop().call_soon(passed.append, turn)
        await run_tool_calls(message("quick"), tools)
    assert passed == [1, 2, 3]


@on_asyncio_alone
@pytest.mark.parametrize("limits", [Limits(), Limits(concurrency=5)])
async def test_only_calls_that_have_nothing_to_wait_for_are_begun_at_once(begun, limits):
    tools = tools_of(quick)
    tools.add(quick, name="limited", max_concurrency=2)
    tools.add(quick, name="exclusive", exclusive=True)
    tools.add(lambda: "done", name="in_a_thread", executor="task")
    for name in ("limited", "exclusive"):
        assert codes(await run_tool_calls(message(name, "quick"), tools)) == ["ok", "ok"]
    assert codes(await run_tool_calls(message("quick"), tools, limits=limits)) == ["ok"]
    assert codes(await run_tool_calls(message("quick"), tools, observers=[lambda _: None])) == ["ok"]
    assert begun == (["quick"] if limits == Limits() else [])


@on_asyncio_alone
async def test_a_loop_with_a_task_factory_of_its_own_makes_every_task_by_it(begun):
    made = []

    def factory(loop, coroutine, **options):
        made.append(asyncio.Task(coroutine, loop=loop, **options))
        return made[-1]

    asyncio.get_running_loop().set_task_factory(factory)
    assert codes(await run_tool_calls(message("quick"), tools_of(quick))) == ["ok"]
    assert begun == []
    assert [task.get_name() for task in made] == ["quick"]


@on_asyncio_alone
async def test_a_tool_runs_in_a_task_of_its_own_before_and_after_its_first_wait():
    tasks = []

    async def looks() -> str:
        tasks.append(asyncio.current_task())
        await asyncio.sleep(0)
        tasks.append(asyncio.current_task())
        return "done"

    host = asyncio.current_task()
    assert codes(await run_tool_calls(message("looks"), tools_of(looks))) == ["ok"]
    assert asyncio.current_task() is host
    assert tasks[0] is tasks[1] is not host
    assert tasks[0].get_name() == "looks"


@on_asyncio_alone
async def test_a_step_that_the_loop_did_not_give_away_is_made_in_its_next_pass(monkeypatch):
    real = first_step.task_to_begin

    def interrupted(body, loop, name, context):
        task = real(body, loop, name, context)
        loop.call_soon_threadsafe(lambda: None)  # as a thread may do in between
        return task

    monkeypatch.setattr(on_asyncio, "task_to_begin", interrupted)

    async def waits() -> str:
        await anyio.sleep(1)
        return "done"

    assert codes(
        await run_tool_calls(message("quick", "waits", call("quick", call_id="c")), tools_of(quick, waits))
    ) == [
        "ok",
        "ok",
        "ok",
    ]


# --- from the first wait on, nothing differs ---------------------------------------------------------------------


async def in_no_scope():
    await anyio.sleep_forever()


async def in_a_scope():
    with anyio.move_on_after(1000):
        await anyio.sleep_forever()


async def in_scopes():
    with anyio.CancelScope(), anyio.move_on_after(1000), anyio.fail_after(900):
        await anyio.sleep_forever()


async def in_a_group():
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.sleep_forever)
        await anyio.sleep_forever()


async def in_a_group_that_waits():
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.sleep_forever)


@pytest.mark.parametrize("hangs", [in_no_scope, in_a_scope, in_scopes, in_a_group, in_a_group_that_waits])
async def test_a_tool_that_waits_is_stopped_in_time_whatever_it_has_entered_before(hangs):
    before = anyio.current_time()
    turn = await run_tool_calls(message("hangs", "quick"), tools_of(quick) | tools_of(hangs, name="hangs", timeout=2))
    assert codes(turn) == ["attempt", "ok"]
    assert anyio.current_time() - before == pytest.approx(2, abs=0.01)
    assert turn["call_hangs"].duration == pytest.approx(2, abs=0.01)


@pytest.mark.parametrize("hangs", [in_no_scope, in_scopes, in_a_group])
async def test_an_outer_cancellation_reaches_a_tool_whatever_it_has_entered_before(hangs):
    turn = open_turn(message("hangs", "quick"), tools_of(quick) | tools_of(hangs, name="hangs"))
    with anyio.move_on_after(3) as scope:
        await turn.run()
    assert scope.cancelled_caught
    assert codes(turn) == ["cancelled", "ok"]


async def test_a_scope_that_a_tool_enters_before_it_waits_is_its_own():
    async def moves_on() -> str:
        with anyio.move_on_after(1) as scope:
            await anyio.sleep_forever()
        after = anyio.current_time()
        with anyio.move_on_after(1):
            await anyio.sleep_forever()
        return f"{scope.cancelled_caught} {anyio.current_time() - after:.0f}"

    turn = await run_tool_calls(message("moves_on"), tools_of(moves_on, timeout=10))
    assert turn.results[0].value == "True 1"


async def test_a_shield_that_a_tool_raises_before_it_waits_is_honoured():
    async def saves() -> str:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(2.5)
        return "saved"

    turn = await run_tool_calls(message("saves"), tools_of(saves, timeout=2, read_only=True))
    assert (turn.results[0].code, turn.results[0].late) == ("ok", True)


@on_asyncio_alone
async def test_asyncio_s_own_timeouts_and_groups_work_from_the_first_step_on():
    async def times_out() -> str:
        try:
            async with asyncio.timeout(1):
                await asyncio.sleep(1000)
        except TimeoutError:
            return "timed out"
        return "never"

    async def gathers() -> int:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(asyncio.sleep(1, number)) for number in (1, 2)]
        return sum(task.result() for task in tasks)

    turn = await run_tool_calls(message("times_out", "gathers"), tools_of(times_out, gathers))
    assert [result.value for result in turn.results] == ["timed out", 3]


async def test_the_time_of_a_turn_counts_for_calls_that_were_begun_at_once():
    turn = await run_tool_calls(message("in_no_scope", "quick"), tools_of(in_no_scope, quick), turn_timeout=4)
    assert codes(turn) == ["turn", "ok"]


async def test_what_fails_at_once_and_may_be_repeated_is_tried_again():
    tries = []

    async def flaky() -> str:
        tries.append(len(tries))
        if len(tries) < 3:
            raise TransientToolError("busy")
        return "done"

    from everycall import Retry

    turn = await run_tool_calls(
        message("flaky", "quick"), tools_of(quick) | tools_of(flaky, read_only=True, retry=Retry())
    )
    assert codes(turn) == ["ok", "ok"]
    assert turn["call_flaky"].attempts == len(tries) == 3


async def test_calls_that_are_begun_at_once_see_the_caller_s_context_and_change_their_own():
    seen = []

    async def changes(n: int) -> None:
        seen.append(VARIABLE.get())
        VARIABLE.set(f"by {n}")
        if n % 2:
            await anyio.sleep(1)
        assert VARIABLE.get() == f"by {n}"

    VARIABLE.set("the caller's")
    turn = await run_tool_calls(numbered("changes", 4), tools_of(changes))
    assert turn.ok
    assert seen == ["the caller's"] * 4
    assert VARIABLE.get() == "the caller's"


async def test_a_tool_that_asks_for_its_context_has_it_at_once():
    async def looks(context: ToolContext) -> str:
        context.report_progress(1, 2)
        return f"{context.tool_name} {context.attempt} {context.remaining():.0f}"

    turn = await run_tool_calls(message("looks"), tools_of(looks, timeout=7))
    assert turn.results[0].value == "looks 1 7"


async def test_a_turn_that_a_tool_runs_before_it_waits_has_the_time_of_its_call():
    async def asks(context: ToolContext) -> float:
        return context.remaining()

    inner = tools_of(asks, timeout=100)

    async def runs() -> float:
        return (await run_tool_calls(message("asks"), inner)).results[0].value

    turn = await run_tool_calls(message("runs"), tools_of(runs, timeout=5))
    assert turn.results[0].value == pytest.approx(5, abs=0.01)


@pytest.mark.parametrize("ends", ["at once", "later", "by a cancellation of its own"])
async def test_code_that_a_call_has_left_behind_runs_turns_of_its_own(ends):
    finished = []
    inner, own = tools_of(quick), message("leaves_behind", "in_no_scope")

    async def leaves_behind() -> str:
        async def later():
            await anyio.sleep(1)
            finished.append(codes(await run_tool_calls(message("quick"), inner, limits=Limits(depth=1))))
            finished.append(codes(await runtime.run(own, key="k")))  # it may wait for the turn that it was in

        group.start_soon(later)
        if ends == "later":
            await anyio.sleep(0.5)
        if ends == "by a cancellation of its own":
            raise asyncio.CancelledError
        return "done"

    tools = tools_of(leaves_behind, in_no_scope, timeout=3)
    ended = ["tool_error" if ends == "by a cancellation of its own" else "ok", "attempt"]
    async with ToolRuntime(tools) as runtime, anyio.create_task_group() as group:
        assert codes(await runtime.run(own, key="k")) == ended
    assert finished == [["ok"], ended]


async def test_an_async_generator_gives_its_last_value():
    async def counts():
        yield 1
        yield 2

    assert (await run_tool_calls(message("counts"), tools_of(counts))).results[0].value == 2


async def test_a_tool_that_presses_the_stop_button_stops_its_siblings_and_not_itself():
    async def stops() -> str:
        turn.cancel()
        return "pressed"

    turn = open_turn(message("in_no_scope", "stops", "quick"), tools_of(in_no_scope, stops, quick))
    await turn.run()
    assert codes(turn) == ["cancelled", "ok", "ok"]


async def test_a_tool_that_looks_at_its_turn_sees_what_stopping_now_would_give():
    seen = []

    async def looks() -> str:
        seen.extend(codes(turn))
        return "done"

    turn = open_turn(message("looks", "quick"), tools_of(looks, quick))
    await turn.run()
    assert seen[0] == "cancelled"
    assert seen[1] in ("not_started", "ok")  # trio begins them in whatever order
    assert turn.ok


# --- what goes wrong in between -----------------------------------------------------------------------------------


@on_asyncio_alone
@pytest.mark.parametrize(
    ("error", "raised", "code"), [(KeyboardInterrupt, True, "not_started"), (RuntimeError, False, "not_started")]
)
async def test_an_interrupt_between_two_beginnings_leaves_a_result_for_every_call(monkeypatch, error, raised, code):
    real = on_asyncio.AsyncioBackend.start_at_once
    begun = []

    def breaks(backend, work, report, host):
        begun.append(work.tool_name)
        if len(begun) == 3:
            raise error
        return real(backend, work, report, host)

    monkeypatch.setattr(on_asyncio.AsyncioBackend, "start_at_once", breaks)
    turn = open_turn(
        message("quick", "in_no_scope", call("quick", call_id="c"), call("quick", call_id="d")),
        tools_of(quick, in_no_scope),
    )
    if raised:
        with pytest.raises(error):
            await turn.run()
    else:
        await turn.run()
    assert turn.done
    assert codes(turn) == ["ok", "cancelled" if raised else "internal_error", code, code]


@on_asyncio_alone
async def test_a_fault_of_ours_in_the_seal_is_that_calls_alone(monkeypatch, caplog):
    real = way.Collector.seal_value

    def breaks(collector, position, *arguments, **options):
        if position == 0:
            raise RuntimeError("a fault of ours")
        return real(collector, position, *arguments, **options)

    monkeypatch.setattr(way.Collector, "seal_value", breaks)
    turn = await run_tool_calls(numbered("quick", 2), tools_of(quick))
    assert codes(turn) == ["internal_error", "ok"]
    assert "RuntimeError: a fault of ours" in caplog.text


@on_asyncio_alone
async def test_a_fault_of_ours_in_taking_over_is_that_calls_alone(monkeypatch):
    real, failed = Supervisor.adopt, []

    def breaks(supervisor, planned, started):
        if planned.call.position == 0 and not failed:
            failed.append(True)
            raise RecursionError
        return real(supervisor, planned, started)

    monkeypatch.setattr(Supervisor, "adopt", breaks)
    tools = tools_of(quick, raises_at_once, timeout=2)
    assert codes(await run_tool_calls(message("raises_at_once", "quick"), tools)) == ["internal_error", "ok"]
    assert failed == [True]


@on_asyncio_alone
async def test_an_end_that_nobody_could_be_told_is_a_fault_of_that_call_alone(monkeypatch):
    real, lost = FirstTry.report, []

    def breaks(first, end):
        if first.call.position == 0:
            raise MemoryError
        real(first, end)

    monkeypatch.setattr(FirstTry, "report", breaks)
    asyncio.get_running_loop().set_exception_handler(lambda _, context: lost.append(context["exception"]))
    with anyio.fail_after(20):
        assert codes(await run_tool_calls(numbered("quick", 2), tools_of(quick))) == ["internal_error", "ok"]
    gc.collect()
    assert [type(error) for error in lost] == [MemoryError]


@on_asyncio_alone
async def test_a_call_that_is_answered_because_its_beginning_was_interrupted_never_begins(monkeypatch):
    ran = []

    async def runs() -> None:
        ran.append(True)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(on_asyncio, "begin", interrupted)  # its task is made, and has not made its first step
    monkeypatch.setattr(on_asyncio, "task_to_begin", lambda body, loop, name, context: loop.create_task(body))
    turn = open_turn(message("runs", "quick"), tools_of(runs, quick))
    with pytest.raises(KeyboardInterrupt):
        await turn.run()
    await anyio.sleep(1)
    assert codes(turn) == ["not_started", "not_started"]
    assert ran == []


@on_asyncio_alone
async def test_what_has_begun_is_never_said_not_to_have_even_if_nothing_can_be_stopped_any_more(monkeypatch):
    def breaks(_):
        raise MemoryError

    monkeypatch.setattr(Straight, "rest", breaks)
    turn = open_turn(message("in_no_scope", "quick"), tools_of(in_no_scope, quick))
    with pytest.raises(MemoryError):
        await turn.run()
    assert [(result.code, result.effect) for result in turn.results] == [("cancelled", "unknown"), ("ok", "done")]


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"], indirect=True)
async def test_a_fault_of_ours_in_a_supervised_seal_is_that_calls_alone_too(monkeypatch):
    real, failed = Collector.seal, []

    def breaks(collector, position, *arguments, **options):
        if position == 0 and not failed:
            failed.append(True)
            raise MemoryError
        return real(collector, position, *arguments, **options)

    monkeypatch.setattr(Collector, "seal", breaks)
    with anyio.fail_after(20):
        turn = await run_tool_calls(numbered("quick", 2), tools_of(quick), observers=[lambda _: None])
    assert codes(turn) == ["internal_error", "ok"]


@pytest.mark.parametrize("watched", [False, True])
async def test_a_turn_that_cannot_be_set_up_does_not_count_as_running(monkeypatch, watched):
    def breaks(*_, **__):
        raise MemoryError

    async with ToolRuntime(tools_of(quick), observers=[lambda _: None] * watched) as runtime:
        monkeypatch.setattr(run, "Collector", breaks)
        with pytest.raises(MemoryError):
            await runtime.run(message("quick"), key="k")
        monkeypatch.undo()
        assert runtime.statistics().turns == 0
        assert (await runtime.run(message("quick"), key="k")).ok


@pytest.mark.parametrize("watched", [False, True])
async def test_a_result_that_is_written_is_counted_whatever_interrupts_what_follows(monkeypatch, watched):
    class Order(list):
        def append(self, position):
            if position == 0 and not self:
                super().append(position)
                raise MemoryError
            super().append(position)

    def made(*arguments, **options):
        collector = Collector(*arguments, **options)
        collector.order = Order()
        return collector

    monkeypatch.setattr(run, "Collector", made)
    with anyio.fail_after(20):
        turn = await run_tool_calls(numbered("quick", 2), tools_of(quick), observers=[lambda _: None] * watched)
    assert codes(turn) == ["ok", "ok"]


# --- nothing of the host's --------------------------------------------------------------------------------------------


async def test_a_tool_does_not_see_the_exception_that_its_host_is_handling():
    async def reraises() -> None:
        raise  # noqa: PLE0704 -- there is nothing to raise again

    handled = None
    try:
        raise ConnectionError("the provider is down")
    except ConnectionError as error:
        turn = await run_tool_calls(message("reraises"), tools_of(reraises))
        handled = error
    assert handled.__traceback__ is not None
    assert "No active exception" in turn.results[0].content


async def test_a_thread_of_a_tool_that_has_not_waited_runs_turns_and_changes_nothing(monkeypatch):
    made_in, inner = [], tools_of(quick)
    real = Straight.supervising

    def supervising(the_way):
        made_in.append(threading.get_ident())
        return real(the_way)

    async def asks_a_thread() -> list:
        found, context = [], contextvars.copy_context()

        def in_thread():
            found.extend(codes(context.run(run_tool_calls_sync, message("quick"), inner)))

        thread = threading.Thread(target=in_thread, daemon=True)
        thread.start()
        thread.join(20)
        return found

    monkeypatch.setattr(Straight, "supervising", supervising)
    turn = await run_tool_calls(message("asks_a_thread", "quick"), tools_of(asks_a_thread, quick))
    assert [result.value for result in turn.results] == [["ok"], "done"]
    assert set(made_in) <= {threading.get_ident()}


@on_asyncio_alone
async def test_a_loop_that_makes_its_tasks_itself_makes_every_task(begun):
    loop, made = asyncio.get_running_loop(), []
    real = loop.create_task

    def create_task(coroutine, **options):
        made.append(options.get("name"))
        return real(coroutine, **options)

    loop.create_task = create_task  # as a subclass would have it
    assert codes(await run_tool_calls(message("quick"), tools_of(quick))) == ["ok"]
    assert "quick" in made
    assert begun == []


@on_asyncio_alone
async def test_a_loop_whose_queue_somebody_has_taken_over_makes_the_steps_itself():
    loop = asyncio.get_running_loop()
    tools, real = tools_of(quick), loop.call_soon
    await run_tool_calls(message("quick"), tools)
    loop.call_soon = lambda callback, *arguments, context=None: loop.call_later(
        0, real, callback, *arguments, context=context
    )
    assert codes(await run_tool_calls(numbered("quick", 2), tools)) == ["ok", "ok"]


@on_asyncio_alone
async def test_a_scope_that_a_tool_leaves_open_is_told_and_not_kept(caplog):
    async def leaves_open() -> str:
        anyio.CancelScope().__enter__()
        return "done"

    known = scopes.known_scopes()
    before = len(known._states)
    turn = await run_tool_calls(message("leaves_open", "quick"), tools_of(leaves_open, quick))
    await anyio.sleep(1)
    assert codes(turn) == ["ok", "ok"]
    assert "left open" in caplog.text
    assert len(known._states) <= before


@on_asyncio_alone
@pytest.mark.parametrize("hangs", [in_no_scope, in_scopes])
async def test_with_an_anyio_that_is_built_otherwise_the_scope_is_entered_before_the_code(monkeypatch, hangs):
    monkeypatch.setattr(scopes, "_PARTS", ("_no_such_part",))
    turn = await run_tool_calls(message("hangs", "quick"), tools_of(quick) | tools_of(hangs, name="hangs", timeout=2))
    assert codes(turn) == ["attempt", "ok"]


@on_asyncio_alone
async def test_a_thread_that_posts_all_the_time_takes_no_step_away():
    tools, loop, stop = tools_of(quick), asyncio.get_running_loop(), threading.Event()

    def post():
        while not stop.is_set():
            loop.call_soon_threadsafe(lambda: None)

    thread = threading.Thread(target=post, daemon=True)
    thread.start()
    try:
        for _ in range(200):
            assert codes(await run_tool_calls(numbered("quick", 3), tools)) == ["ok"] * 3
    finally:
        stop.set()
        thread.join(10)
