"""Part 2 of the fault model: what a tool may raise, and what this library may do wrong."""

import asyncio
import json

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from everycall import Retry, ToolError, ToolRegistry, TransientToolError, open_turn, run_tool_calls
from everycall.core.failures import failure_of, message_for_model
from everycall.turn import collector, deadlines, supervise
from tests.messages import envelope, message


class OwnBase(BaseException):
    pass


async def turn_of(error, *, idempotent=False, retry=None):
    tools = ToolRegistry()

    async def bad() -> None:
        await anyio.sleep(0.01)
        raise error

    async def good() -> str:
        return "good"

    tools.add(bad, name="bad", idempotent=idempotent, retry=retry)
    tools.add(good, name="good")
    turn = await run_tool_calls(message("bad", "good"), tools)
    assert turn.results[1].content == "good"
    return turn


LEAVES = [
    lambda: ValueError("v"),
    lambda: ToolError("no"),
    lambda: TransientToolError("busy"),
    lambda: asyncio.CancelledError("c"),
    lambda: SystemExit(1),
    lambda: KeyboardInterrupt(),
    lambda: GeneratorExit(),
    lambda: StopIteration(2),
    lambda: OwnBase("b"),
    lambda: TimeoutError("t"),
    lambda: MemoryError(),
]
TREES = st.recursive(
    st.sampled_from(LEAVES).map(lambda make: make()),
    lambda below: st.lists(below, min_size=1, max_size=4).map(lambda some: BaseExceptionGroup("group", some)),
    max_leaves=12,
)


@pytest.mark.row("2.9")
@settings(max_examples=80, suppress_health_check=list(HealthCheck))
@given(error=TREES)
def test_any_tree_of_exceptions_is_one_bounded_failure(error):
    assert len(message_for_model(error)) <= 2100
    assert len(failure_of(error).message) <= 2100


@pytest.mark.row("2.9")
@pytest.mark.parametrize(
    "error",
    [
        BaseExceptionGroup("only cancelled", [asyncio.CancelledError()]),
        BaseExceptionGroup("mixed", [ValueError("v"), asyncio.CancelledError(), SystemExit(1)]),
        ExceptionGroup("deep", [ExceptionGroup("deeper", [ExceptionGroup("deepest", [KeyError("k")])])]),
        ExceptionGroup("many", [ValueError(f"leaf {n}") for n in range(50)]),
    ],
    ids=lambda error: error.message,
)
async def test_a_group_is_the_failure_of_its_call_alone(error):
    turn = await turn_of(error)
    assert turn.results[0].code == "tool_error"
    assert envelope(turn.results[0])["message"].count("leaf") <= 5


@pytest.mark.row("2.10")
async def test_the_text_of_an_exception_is_bounded_and_asked_for_within_the_call():
    turn = await turn_of(ValueError("x" * 50_000_000))
    assert len(turn.results[0].content) < 5000
    assert len(turn.results[0].error.message) < 5000
    assert len(turn.results[0].error.traceback) < 100_000


@pytest.mark.row("2.11")
async def test_an_exception_that_lies_about_its_class_earns_nothing_by_it():
    class Liar(Exception):
        effect, retry_after = "none", 0

        @property
        def __class__(self):
            return TransientToolError

    turn = await turn_of(Liar("let me through"), idempotent=True, retry=Retry())
    assert (turn.results[0].attempts, turn.results[0].effect) == (1, "unknown")


@pytest.mark.row("2.12")
async def test_an_exception_that_cannot_be_rebuilt_is_text_like_any_other():
    class Odd(Exception):
        def __init__(self, one, two, *, three):
            super().__init__(one)

        def __reduce__(self):
            raise TypeError("not me")

    turn = await turn_of(Odd("first", 2, three=3))
    assert turn.results[0].error.type.endswith("Odd")
    json.dumps(turn.messages)


@pytest.mark.row("2.13")
@pytest.mark.parametrize("where", ["async", "sync"])
async def test_a_tool_that_recurses_without_end_is_an_ordinary_failure(where):
    def dig(n):
        return dig(n + 1) + 1

    async def bad() -> int:
        return dig(0)

    tools = ToolRegistry()
    tools.add(bad if where == "async" else (lambda: dig(0)), name="bad", executor="task")
    turn = await run_tool_calls(message("bad"), tools)
    assert turn.results[0].code == "tool_error"
    assert turn.results[0].error.type == "RecursionError"
    assert len(turn.results[0].error.traceback) < 100_000


@pytest.mark.row("2.13")
async def test_a_memory_error_is_an_ordinary_failure():
    turn = await turn_of(MemoryError())
    assert turn.results[0].code == "tool_error"


@pytest.mark.row("2.15")
async def test_a_fault_of_ours_in_the_seal_is_that_calls_internal_error(monkeypatch):
    real = collector.encode_value

    def broken(one, *arguments, **options):
        if one == ["bomb"]:
            raise RuntimeError("a fault of ours")
        return real(one, *arguments, **options)

    monkeypatch.setattr(collector, "encode_value", broken)
    tools = ToolRegistry()
    tools.add(lambda: ["bomb"], name="bomb", executor="task")
    tools.add(lambda: "fine", name="fine", executor="task")
    turn = await run_tool_calls(message("bomb", "fine"), tools)
    assert [(one.code, one.effect) for one in turn.results] == [("internal_error", "done"), ("ok", "done")]


@pytest.mark.row("2.15")
@pytest.mark.parametrize("function", ["judge_raise", "delay_before_next"])
async def test_a_fault_of_ours_in_judging_an_attempt_is_that_calls_internal_error(monkeypatch, function):
    def broken(*_args, **_kwargs):
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(supervise, function, broken)
    events = []
    tools = ToolRegistry()

    async def bad() -> None:
        raise ConnectionError("x")

    tools.add(bad, name="bad", read_only=True, retry=Retry())
    tools.add(lambda: "fine", name="fine", executor="task")
    turn = await run_tool_calls(message("bad", "fine"), tools, observers=[events.append])
    assert [one.code for one in turn.results] == ["internal_error", "ok"]
    assert "fault_contained" in [event.name for event in events]


@pytest.mark.row("2.15")
async def test_a_fault_of_ours_in_the_supervisor_answers_every_call(monkeypatch):
    def broken(_self, _attempt):
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(deadlines.Deadlines, "_timed_out", broken)
    tools = ToolRegistry(timeout=1)

    async def hangs() -> None:
        await anyio.sleep_forever()

    tools.add(hangs, name="hangs", read_only=True)
    tools.add(lambda: "fine", name="fine", executor="task")
    turn = open_turn(message("hangs", "fine"), tools)
    with anyio.fail_after(100):
        await turn.run()
    assert [one.code for one in turn.results] == ["internal_error", "ok"]


@pytest.mark.real
@pytest.mark.row("2.4")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_task_that_ends_the_loop_leaves_a_turn_with_every_result(backend, program):
    lines, status, complaint = program(
        """
        @tools.tool
        async def bad() -> None:
            async with anyio.create_task_group() as group:
                group.start_soon(ends)

        async def ends():
            await anyio.sleep(0)
            sys.exit(3)

        @tools.tool
        async def good() -> str:
            return "good"

        @tools.tool(read_only=True)
        async def hangs() -> None:
            await anyio.sleep(1)

        turn = open_turn(message("good", "bad", "hangs"), tools)
        try:
            anyio.run(turn.run, backend=backend)
        except SystemExit as error:
            print("SystemExit", error.code)
        print([result.code for result in turn.results], turn.done)
        """,
        backend,
    )
    assert status == 0, complaint
    if backend == "trio":
        assert lines == ["['ok', 'tool_error', 'ok'] True"]
    else:
        # whom the closing loop cancels first decides whether the group of `bad` still sees what its task raised
        assert lines[0] == "SystemExit 3"
        assert lines[1] in {f"['ok', '{bad}', 'cancelled'] True" for bad in ("cancelled", "tool_error")}
