"""Footprints at work: waits, failures, stops, limits, and turns that share a runtime."""

import anyio
import pytest

from everycall import (
    Approve,
    Deny,
    Limits,
    Retry,
    ToolError,
    ToolRegistry,
    ToolRuntime,
    TransientToolError,
    open_turn,
    run_tool_calls,
)
from tests.messages import call, envelope, message


def edits(*paths, name="edit"):
    return message(*[call(name, {"path": path}, f"c{at}") for at, path in enumerate(paths)])


def recorder(seconds=1.0, fails=()):
    log = []

    async def edit(path: str) -> str:
        log.append(f"+{path}")
        await anyio.sleep(seconds)
        log.append(f"-{path}")
        if path in fails:
            raise ToolError("no", effect="none")
        return path

    return edit, log


async def test_edits_of_one_file_run_in_order_and_those_of_another_beside_them():
    edit, log = recorder()
    tools = ToolRegistry()
    tools.add(edit, writes="file:{path}")
    began = anyio.current_time()
    turn = await run_tool_calls(edits("a", "b", "x/../a", "a/c"), tools)
    assert turn.ok
    assert anyio.current_time() - began == pytest.approx(3, abs=0.01)
    assert sorted(log[:4]) == ["+a", "+b", "-a", "-b"]
    assert log[4:] == ["+x/../a", "-x/../a", "+a/c", "-a/c"]
    assert [round(result.queued) for result in turn.results] == [0, 0, 1, 2]
    assert [round(result.duration) for result in turn.results] == [1, 1, 1, 1]


async def test_an_exclusive_call_is_a_barrier():
    edit, log = recorder()
    tools = ToolRegistry()
    tools.add(edit)
    tools.add(edit, name="alone", exclusive=True)
    sent = message(
        *[call(name, {"path": name + str(at)}, f"c{at}") for at, name in enumerate(["edit", "alone", "edit"])]
    )
    await run_tool_calls(sent, tools)
    assert log == ["+edit0", "-edit0", "+alone1", "-alone1", "+edit2", "-edit2"]


async def test_the_wait_is_told_and_explained():
    edit, _ = recorder()
    tools = ToolRegistry()
    tools.add(edit, writes="file:{path}")
    events = []
    turn = open_turn(edits("a", "a", "b"), tools, observers=(events.append,))
    explained = [(one.call_id, one.waits_for) for one in turn.schedule]
    assert explained == [("c0", ()), ("c1", ("c0",)), ("c2", ())]
    await turn.run()
    assert [(one.call_id, one.waits_for) for one in turn.schedule] == explained
    assert [(one.call_id, one.why) for one in events if one.name == "call_queued"] == [("c1", "predecessor")]


async def test_a_failed_predecessor_stops_only_who_says_so():
    for after, code in (("run", "ok"), ("skip", "predecessor_failed")):
        edit, log = recorder(fails={"a"})
        tools = ToolRegistry()
        tools.add(edit, writes="file:a", after_failure=after)
        turn = await run_tool_calls(edits("a", "b", "c"), tools)
        assert [result.code for result in turn.results] == ["tool_error", code, code]
        assert turn.results[1].effect == ("done" if after == "run" else "none")
        assert ("+b" in log) is (after == "run")


async def test_a_thousand_calls_are_skipped_one_after_the_other_without_a_deep_stack():
    edit, _ = recorder(fails={"p0"})
    tools = ToolRegistry()
    tools.add(edit, writes="all", after_failure="skip")
    turn = await run_tool_calls(edits(*[f"p{n}" for n in range(2000)]), tools)
    assert {result.code for result in turn.results[1:]} == {"predecessor_failed"}


async def test_a_retry_keeps_its_place():
    tries = []
    tools = ToolRegistry()

    @tools.tool(writes="x", idempotent=True, retry=Retry(attempts=2, initial=1, jitter=False))
    async def first() -> None:
        tries.append("first")
        if tries.count("first") == 1:
            raise TransientToolError("busy", effect="none")

    @tools.tool(writes="x")
    async def second() -> None:
        tries.append("second")

    assert (await run_tool_calls(message("first", "second"), tools)).ok
    assert tries == ["first", "first", "second"]


async def test_a_predecessor_that_times_out_lets_its_successor_go_on():
    tools = ToolRegistry()

    @tools.tool(writes="x", timeout=2)
    async def hangs() -> None:
        await anyio.sleep_forever()

    @tools.tool(writes="x")
    async def waits() -> str:
        return "done"

    began = anyio.current_time()
    turn = await run_tool_calls(message("hangs", "waits"), tools)
    assert [result.code for result in turn.results] == ["attempt", "ok"]
    assert anyio.current_time() - began == pytest.approx(2, abs=0.01)


async def test_a_waiting_call_holds_no_place():
    edit, log = recorder()
    tools = ToolRegistry()
    tools.add(edit, writes="file:{path}")
    began = anyio.current_time()
    turn = await run_tool_calls(edits("a", "a", "b", "c"), tools, limits=Limits(concurrency=2, queue_timeout=1.5))
    assert turn.ok
    assert anyio.current_time() - began == pytest.approx(2, abs=0.01)
    assert sorted(log[:2]) == ["+a", "+b"]


async def test_waiting_for_a_predecessor_does_not_use_up_the_queue_timeout():
    edit, _ = recorder(seconds=5)
    tools = ToolRegistry()
    tools.add(edit, writes="file:{path}", max_concurrency=8)
    assert (await run_tool_calls(edits("a", "a", "a"), tools, limits=Limits(queue_timeout=1))).ok


async def test_a_stopped_turn_starts_nobody_who_waited():
    edit, log = recorder(seconds=10)
    tools = ToolRegistry()
    tools.add(edit, writes="file:{path}", read_only=False, idempotent=True)
    turn = open_turn(edits("a", "a", "a"), tools)
    async with anyio.create_task_group() as group:
        group.start_soon(turn.run)
        await anyio.sleep(1)
        turn.cancel()
    assert [result.code for result in turn.results] == ["cancelled", "not_started", "not_started"]
    assert log == ["+a"]
    assert round(turn.results[1].queued) == 1


async def test_a_footprint_function_that_fails_makes_its_call_run_alone():
    edit, log = recorder()
    tools = ToolRegistry()

    def touches(arguments):
        raise RuntimeError("cannot tell")

    tools.add(edit, writes=touches)
    tools.add(edit, name="other")
    faults = []
    turn = await run_tool_calls(
        message(call("other", {"path": "x"}, "c0"), call("edit", {"path": "y"}, "c1")),
        tools,
        observers=(lambda event: faults.append(event) if event.name == "fault_contained" else None,),
    )
    assert turn.ok
    assert log == ["+x", "-x", "+y", "-y"]
    assert "cannot tell" in faults[0].error.message


async def test_a_footprint_function_cannot_change_the_arguments_of_the_call():
    tools = ToolRegistry()

    def touches(arguments):
        arguments["paths"].append("evil")
        return "x"

    @tools.tool(writes=touches)
    async def edit(paths: list[str]) -> list[str]:
        return paths

    turn = await run_tool_calls(message(call("edit", {"paths": ["a"]})), tools)
    assert turn.results[0].value == ["a"]


async def test_a_call_denied_before_its_turn_does_not_let_its_successor_overtake():
    edit, log = recorder(seconds=2)
    tools = ToolRegistry()
    tools.add(edit, writes="x")
    tools.add(edit, name="gated", writes="x", needs_approval=True)

    async def deny(_):
        return Deny()

    sent = message(*[call(name, {"path": str(at)}, f"c{at}") for at, name in enumerate(["edit", "gated", "edit"])])
    turn = await run_tool_calls(sent, tools, approve=deny)
    assert [result.code for result in turn.results] == ["ok", "denied", "ok"]
    assert log == ["+0", "-0", "+2", "-2"]


async def test_arguments_that_an_approver_changes_give_the_call_a_new_place_in_the_order():
    edit, log = recorder(seconds=2)
    tools = ToolRegistry()
    tools.add(edit, writes="file:{path}")
    tools.add(edit, name="gated", writes="file:{path}", needs_approval=True)

    async def other_file(_):
        return Approve({"path": "b"})

    sent = message(
        call("gated", {"path": "a"}, "c0"), call("edit", {"path": "a"}, "c1"), call("edit", {"path": "b"}, "c2")
    )
    turn = await run_tool_calls(sent, tools, approve=other_file)
    assert [result.value for result in turn.results] == ["b", "a", "b"]
    assert sorted(log[:2]) == ["+a", "+b"]
    assert log[2:] == ["-b", "-a", "+b", "-b"] or log[2:] == ["-a", "-b", "+b", "-b"]
    assert round(turn.results[0].queued) == 2


# --- across turns ------------------------------------------------------------------------------------------------


async def test_keys_of_scope_runtime_count_across_the_turns_of_a_runtime():
    edit, log = recorder(seconds=2)
    tools = ToolRegistry()
    tools.add(edit, writes="file:{path}", scope="runtime")
    tools.add(edit, name="own", writes="file:{path}")
    async with ToolRuntime(tools) as runtime:
        began = anyio.current_time()
        async with anyio.create_task_group() as group:
            group.start_soon(runtime.run, edits("a"))
            await anyio.sleep(0.5)
            group.start_soon(runtime.run, edits("a", "b"))
            group.start_soon(runtime.run, edits("a", name="own"))
        assert anyio.current_time() - began == pytest.approx(4, abs=0.01)
    assert log[:4] == ["+a", "+b", "+a", "-a"] or log[:4] == ["+a", "+a", "+b", "-a"]
    assert log.count("+a") == 3


async def test_two_turns_that_want_the_same_keys_in_opposite_order_do_not_lock_each_other_out():
    edit, _ = recorder(seconds=1)
    tools = ToolRegistry()
    tools.add(edit, writes="file:{path}", scope="runtime")
    async with ToolRuntime(tools) as runtime:
        began = anyio.current_time()
        async with anyio.create_task_group() as group:
            for paths in (("a", "b"), ("b", "a"), ("a", "b"), ("b", "a")):
                group.start_soon(runtime.run, edits(*paths))
        assert anyio.current_time() - began == pytest.approx(4, abs=0.01)


async def test_a_turn_that_is_stopped_frees_those_of_other_turns_that_waited_for_it():
    edit, log = recorder(seconds=100)
    tools = ToolRegistry(timeout=None)
    tools.add(edit, writes="x", scope="runtime", idempotent=True)
    tools.add(edit, name="quick", writes="x", scope="runtime")
    async with ToolRuntime(tools) as runtime:
        first = runtime.open_turn(edits("a", "a"))
        second = runtime.open_turn(edits("b", name="quick"))
        async with anyio.create_task_group() as group:
            group.start_soon(first.run)
            await anyio.sleep(1)
            group.start_soon(second.run)
            await anyio.sleep(1)
            first.cancel()
            await anyio.sleep(1)
            assert log == ["+a", "+b"]
            second.cancel()
    assert [result.code for result in first.results] == ["cancelled", "not_started"]


async def test_the_runtime_forgets_keys_that_nobody_holds():
    tools = ToolRegistry()
    tools.add(recorder(seconds=0.01)[0], name="edit", writes="file:{path}", scope="runtime")
    async with ToolRuntime(tools) as runtime:
        for number in range(50):
            assert (await runtime.run(edits(*[f"{number}/{n}" for n in range(20)]))).ok
        branches = runtime._resources.order._root.below["file"].below
        assert len(branches) < 20


async def test_a_skipped_call_says_so_to_the_model():
    edit, _ = recorder(fails={"a"})
    tools = ToolRegistry()
    tools.add(edit, writes="x", after_failure="skip")
    turn = await run_tool_calls(edits("a", "b"), tools)
    assert envelope(turn.results[1]) == {
        "status": "rejected",
        "code": "predecessor_failed",
        "effect": "none",
        "message": "A call that had to go before this one did not succeed, so this one was not run.",
        "retryable": False,
    }


async def test_a_predecessor_whose_value_cannot_be_sent_counts_as_failed():
    tools = ToolRegistry()

    @tools.tool(writes="x")
    async def unsendable() -> object:
        return iter([1])

    @tools.tool(writes="x", after_failure="skip")
    async def after() -> None: ...

    turn = await run_tool_calls(message("unsendable", "after"), tools)
    assert [result.code for result in turn.results] == ["invalid_result", "predecessor_failed"]
