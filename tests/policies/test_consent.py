"""Calls that need consent: asked about one by one, denied in doubt, decided later where somebody says so."""

import asyncio

import anyio
import pytest

from everycall import (
    Approve,
    Defer,
    Deny,
    Limits,
    MessageError,
    ToolRegistry,
    ToolRuntime,
    UsageError,
    check,
    open_turn,
    resume,
    run_tool_calls,
)
from tests.messages import call, envelope, message


def gated(ran=None, **options):
    tools = ToolRegistry()

    @tools.tool(needs_approval=True, **options)
    async def delete(path: str, force: bool = False) -> str:
        if ran is not None:
            ran.append(path)
        return f"deleted {path}"

    @tools.tool
    async def look(path: str) -> str:
        return path

    return tools


def deletes(*paths):
    return message(*[call("delete", {"path": path}, f"c{at}") for at, path in enumerate(paths)])


async def test_without_an_approver_a_gated_call_is_denied_and_never_run():
    ran = []
    turn = await run_tool_calls(deletes("a"), gated(ran))
    assert (turn.results[0].code, turn.results[0].effect, ran) == ("denied", "none", [])


async def test_an_approver_sees_the_call_and_decides_it():
    ran, requests = [], []

    async def approve(request):
        requests.append(request)
        return {"a": Approve(), "b": Deny("too risky"), "c": Approve({"path": "z"})}[request.arguments["path"]]

    turn = await run_tool_calls(deletes("a", "b", "c"), gated(ran), approve=approve, key="k", deps="deps")
    assert [result.code for result in turn.results] == ["ok", "denied", "ok"]
    assert sorted(ran) == ["a", "z"]
    assert "too risky" in envelope(turn.results[1])["message"]
    (first,) = [one for one in requests if one.call_id == "c0"]
    assert (first.call_id, first.tool_name, first.key, first.deps) == ("c0", "delete", "k", "deps")
    assert first.arguments == {"path": "a", "force": False}
    assert first.tool.name == "delete"
    assert len({one.digest for one in requests}) == 3


async def test_ungated_calls_do_not_wait_for_gated_ones():
    settled = []

    async def approve(_):
        await anyio.sleep(50)
        return Approve()

    turn = open_turn(
        message(call("delete", {"path": "a"}, "c0"), call("look", {"path": "b"}, "c1")), gated(), approve=approve
    )

    async def follow():
        async for result in turn.settled():
            settled.append((result.call_id, anyio.current_time() - began))

    began = anyio.current_time()
    async with anyio.create_task_group() as group:
        group.start_soon(follow)
        await turn.run()
    assert [(call_id, round(at)) for call_id, at in settled] == [("c1", 0), ("c0", 50)]
    assert round(turn["c0"].queued) == 50
    assert turn["c0"].duration < 1


async def test_a_function_decides_which_calls_are_gated():
    tools = ToolRegistry()

    @tools.tool(needs_approval=lambda arguments: arguments["amount"] > 100)
    async def pay(amount: int = 1) -> int:
        return amount

    turn = await run_tool_calls(
        message(call("pay", {"amount": 5}, "c0"), call("pay", {"amount": 500}, "c1"), call("pay", {}, "c2")), tools
    )
    assert [result.code for result in turn.results] == ["ok", "denied", "ok"]


async def test_a_gate_that_fails_is_closed():
    tools = ToolRegistry()

    @tools.tool(needs_approval=lambda arguments: arguments["nope"])
    async def pay(amount: int) -> int:
        return amount

    assert (await run_tool_calls(message(call("pay", {"amount": 5})), tools)).results[0].code == "denied"


def raising(error):
    async def approve(_):
        raise error

    return approve


async def _nonsense(_):
    return True


async def _nothing(_):
    return None


async def _invalid(_):
    return Approve({"path": 5, "nope": 1})


@pytest.mark.parametrize(
    "broken",
    [
        raising(ValueError("x")),
        raising(SystemExit(3)),
        raising(asyncio.CancelledError()),
        raising(KeyboardInterrupt()),
        raising(ExceptionGroup("g", [ValueError()])),
        _nonsense,
        _nothing,
        _invalid,
    ],
)
async def test_an_approver_that_fails_denies_that_call_alone(broken):
    ran = []

    async def approve(request):
        if request.arguments["path"] == "bad":
            return await broken(request)
        return Approve()

    turn = await run_tool_calls(deletes("a", "bad", "c"), gated(ran), approve=approve)
    assert [result.code for result in turn.results] == ["ok", "denied", "ok"]
    assert sorted(ran) == ["a", "c"]


@pytest.mark.parametrize("refuses", [False, True])
async def test_an_approver_that_hangs_denies_its_call_in_time(refuses):
    async def approve(request):
        if request.arguments["path"] == "a":
            return Approve()
        while True:
            try:
                await anyio.sleep_forever()
            except anyio.get_cancelled_exc_class():
                if not refuses:
                    raise

    began = anyio.current_time()
    turn = await run_tool_calls(deletes("a", "b"), gated(), approve=approve, limits=Limits(approval_timeout=7))
    assert [result.code for result in turn.results] == ["ok", "denied"]
    assert "7 s" in envelope(turn.results[1])["message"]
    assert anyio.current_time() - began == pytest.approx(7, abs=0.01)


async def test_an_approver_that_refuses_to_stop_is_stopped_like_a_tool():
    async def approve(_):
        with anyio.CancelScope(shield=True):
            await anyio.sleep_forever()

    async with ToolRuntime(gated(), approve=approve, limits=Limits(approval_timeout=1, linger=3)) as runtime:
        await runtime.run(deletes("a"))
        await anyio.sleep(2)
        assert runtime.statistics().abandoned == 1
        await anyio.sleep(4)
        assert runtime.statistics().abandoned == 0


async def test_stopping_the_turn_withdraws_the_question():
    stopped = anyio.Event()

    async def approve(_):
        try:
            await anyio.sleep_forever()
        finally:
            stopped.set()

    turn = open_turn(deletes("a"), gated(), approve=approve)
    async with anyio.create_task_group() as group:
        group.start_soon(turn.run)
        await anyio.sleep(1)
        turn.cancel()
    assert turn.results[0].code == "not_started"
    with anyio.fail_after(5):
        await stopped.wait()


async def test_every_decision_is_an_event():
    async def approve(request):
        return {"a": Approve(), "b": Deny(), "c": Defer(), "d": Approve({"path": "q"})}[request.arguments["path"]]

    events = []
    await run_tool_calls(deletes("a", "b", "c", "d"), gated(), approve=approve, observers=(events.append,))
    assert sorted((one.call_id, one.decision, one.changed) for one in events if one.name == "approval_decided") == [
        ("c0", "approved", False),
        ("c1", "denied", False),
        ("c2", "deferred", False),
        ("c3", "approved", True),
    ]
    assert {one.why for one in events if one.name == "call_queued"} == {"approval"}


async def test_a_yes_for_other_arguments_is_refused():
    digests = {}

    async def remember(request):
        digests[request.arguments["path"]] = request.digest
        return Deny()

    await run_tool_calls(deletes("a", "b"), gated(), approve=remember)

    async def replay(request):
        return Approve(digest=digests["a"])

    turn = await run_tool_calls(deletes("a", "b"), gated(), approve=replay)
    assert [result.code for result in turn.results] == ["ok", "denied"]


def test_the_digest_does_not_depend_on_spelling_but_on_every_value():
    from everycall.turn.policies import digest_of

    assert digest_of("t", '{"a": 1, "b": 2}') == digest_of("t", '{"b":2,"a":1}')
    assert len({digest_of("t", '{"a": 1}'), digest_of("u", '{"a": 1}'), digest_of("t", '{"a": "1"}')}) == 3


@pytest.mark.parametrize("wrong", [True, "yes", lambda request: Approve(), 7])
async def test_an_approver_that_is_none_is_refused_before_anything_runs(wrong):
    with pytest.raises(UsageError, match="async function"):
        await run_tool_calls(deletes("a"), gated(), approve=wrong)
    with pytest.raises(UsageError, match="async function"):
        ToolRuntime(gated(), approve=wrong)


def test_wrong_decisions_are_refused_where_they_are_made():
    for make in (lambda: Approve([1]), lambda: Approve(digest=3), lambda: Deny(None), lambda: Defer(4)):
        with pytest.raises(UsageError):
            make()


@pytest.mark.parametrize("wrong", ["yes", 1, None])
def test_needs_approval_must_be_a_bool_or_a_plain_function(wrong):
    with pytest.raises(UsageError, match="needs_approval"):
        ToolRegistry().add(lambda: None, name="x", needs_approval=wrong)


# --- deferral ----------------------------------------------------------------------------------------------------


async def defer(request):
    return Defer("ask the owner") if request.arguments["path"] != "a" else Approve()


async def test_a_deferred_call_leaves_a_valid_exchange_and_is_run_by_resume():
    ran = []
    turn = await run_tool_calls(deletes("a", "b", "c"), gated(ran), approve=defer)
    assert [result.code for result in turn.results] == ["ok", "deferred", "deferred"]
    assert check(turn.exchange) == []
    assert [(one.call_id, one.arguments, one.note) for one in turn.pending] == [
        ("c1", {"path": "b"}, "ask the owner"),
        ("c2", {"path": "c"}, "ask the owner"),
    ]
    later = await resume(turn, {"c1": Approve(digest=turn.pending[0].digest)})
    assert ran == ["a", "b"]
    assert [result.code for result in later.results] == ["ok", "ok", "deferred"]
    assert later.results[0] is turn.results[0]
    assert check(later.exchange) == []
    assert [one.call_id for one in later.pending] == ["c2"]
    last = await resume(later, {"c2": Deny("no")})
    assert [result.code for result in last.results] == ["ok", "ok", "denied"]
    assert last.pending == ()
    assert ran == ["a", "b"]


async def test_a_call_can_be_deferred_again_with_another_note():
    turn = await run_tool_calls(deletes("b"), gated(), approve=defer)
    later = await resume(turn, {"c0": Defer("on Monday")})
    assert [one.note for one in later.pending] == ["on Monday"]


async def test_resume_runs_with_the_arguments_that_the_decision_names():
    ran = []
    turn = await run_tool_calls(deletes("b"), gated(ran), approve=defer)
    later = await resume(turn, {"c0": Approve({"path": "z"})})
    assert (ran, later.ok) == (["z"], True)
    turn = await run_tool_calls(deletes("b"), gated(ran), approve=defer)
    later = await resume(turn, {"c0": Approve({"path": 1.5})})
    assert (ran, later.results[0].code) == (["z"], "denied")


async def test_resume_with_a_digest_of_other_arguments_is_refused():
    turn = await run_tool_calls(deletes("b", "c"), gated(), approve=defer)
    _, second = turn.pending
    later = await resume(turn, {"c0": Approve(digest=second.digest), "c1": Approve(digest=second.digest)})
    assert [result.code for result in later.results] == ["denied", "ok"]


async def test_an_echo_of_a_deferred_call_follows_its_first():
    ran = []
    twice = message(call("delete", {"path": "b"}, "c0"), call("delete", {"path": "b"}, "c0"))
    turn = await run_tool_calls(twice, gated(ran), approve=defer)
    assert [result.code for result in turn.results] == ["deferred", "deferred"]
    assert len(turn.pending) == 1
    later = await resume(turn, {"c0": Approve()})
    assert [result.code for result in later.results] == ["ok", "ok"]
    assert ran == ["b"]
    assert check(later.exchange) == []


async def test_an_echo_follows_its_first_even_if_that_is_decided_in_the_second_turn_that_goes_on():
    ran = []
    first = call("delete", {"path": "b"}, "c0")
    turn = await run_tool_calls(message(first, call("delete", {"path": "c"}, "c1"), first), gated(ran), approve=defer)
    later = await resume(turn, {"c1": Approve()})
    assert [result.code for result in later.results] == ["deferred", "ok", "deferred"]
    last = await resume(later, {"c0": Approve()})
    assert [result.code for result in last.results] == ["ok", "ok", "ok"]
    assert ran == ["c", "b"]
    assert check(last.exchange) == []


async def test_conflicts_hold_among_resumed_calls():
    log = []
    tools = ToolRegistry()

    @tools.tool(needs_approval=True, writes="x")
    async def edit(path: str) -> None:
        log.append(f"+{path}")
        await anyio.sleep(1)
        log.append(f"-{path}")

    async def later_please(_):
        return Defer()

    turn = await run_tool_calls(
        message(call("edit", {"path": "1"}, "c0"), call("edit", {"path": "2"}, "c1")), tools, approve=later_please
    )
    await resume(turn, {"c1": Approve(), "c0": Approve()})
    assert log == ["+1", "-1", "+2", "-2"]


async def test_every_misuse_of_resume_is_refused_and_runs_nothing():
    ran = []
    tools = gated(ran)
    turn = await run_tool_calls(deletes("b", "c"), tools, approve=defer)
    for wrong, says in (
        ({"nope": Approve()}, "there are 'c0', 'c1'"),
        ({"c0": True}, "Approve(), Deny() or Defer()"),
        ({}, "mapping"),
        ([("c0", Approve())], "mapping"),
        (None, "mapping"),
    ):
        with pytest.raises(UsageError) as refused:
            await resume(turn, wrong)
        assert says in str(refused.value)
    with pytest.raises(UsageError, match="is done"):
        await resume(open_turn(deletes("b"), tools), {"c0": Approve()})
    with pytest.raises(UsageError, match="takes a Turn"):
        await resume("turn", {"c0": Approve()})
    assert ran == []
    await resume(turn, {"c0": Approve()})
    with pytest.raises(UsageError, match="decided already"):
        await resume(turn, {"c0": Approve()})
    assert [one.call_id for one in turn.pending] == ["c1"]
    assert ran == ["b"]


async def test_a_call_of_a_turn_that_is_done_without_deferral_cannot_be_decided():
    turn = await run_tool_calls(message(call("look", {"path": "a"}, "c0")), gated())
    with pytest.raises(UsageError, match="waits for a decision; there are none"):
        await resume(turn, {"c0": Approve()})


async def test_a_runtime_resumes_its_turns():
    async with ToolRuntime(gated(), approve=defer) as runtime:
        turn = await runtime.run(deletes("b"))
        assert (await resume(turn, {"c0": Approve()})).ok


async def test_a_resumed_turn_can_be_cancelled_and_keeps_what_it_had():
    tools = ToolRegistry()

    @tools.tool(needs_approval=True, idempotent=True)
    async def slow(path: str) -> None:
        if path != "a":
            await anyio.sleep(100)

    sent = message(call("slow", {"path": "a"}, "c0"), call("slow", {"path": "b"}, "c1"))
    turn = await run_tool_calls(sent, tools, approve=defer)
    resumed = turn.resumed({"c1": Approve()})
    assert [result.code for result in resumed.results] == ["ok", "not_started"]
    with anyio.move_on_after(1):
        await resumed.run()
    assert [result.code for result in resumed.results] == ["ok", "cancelled"]


async def test_a_resume_that_is_refused_uses_up_no_decision():
    ran = []
    async with ToolRuntime(gated(ran), approve=defer) as runtime:
        turn = await runtime.run(deletes("b"), key="k")
        other = runtime.open_turn(message(call("look", {"path": "x"}, "c9")), key="k")
        other._enter()
        with pytest.raises(MessageError, match="runs already"):
            await resume(turn, {"c0": Approve()})
        other._finish()
        assert [one.call_id for one in turn.pending] == ["c0"]
        assert (await resume(turn, {"c0": Approve()})).ok
    assert ran == ["b"]


async def test_of_two_resumes_that_were_opened_only_one_runs():
    ran = []
    turn = await run_tool_calls(deletes("b"), gated(ran), approve=defer)
    first, second = turn.resumed({"c0": Approve()}), turn.resumed({"c0": Approve()})
    await first.run()
    with pytest.raises(UsageError, match="decided already"):
        await second.run()
    assert ran == ["b"]


async def test_who_comes_after_a_call_that_nobody_could_approve_counts_it_as_failed():
    async def nothing() -> None: ...

    tools = ToolRegistry()
    tools.add(nothing, name="gated", writes="x", needs_approval=True)
    tools.add(nothing, name="skips", writes="x", after_failure="skip")
    tools.add(nothing, name="runs", writes="x")
    turn = await run_tool_calls(message("gated", "skips", "runs"), tools)
    assert [result.code for result in turn.results] == ["denied", "predecessor_failed", "ok"]
