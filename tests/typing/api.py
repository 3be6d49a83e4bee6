"""What type checkers see of the public face. Never executed: `mypy --strict` reads it.

A line that must be refused carries an ignore; strict mode reports an ignore that nothing needs, so each one is checked.
"""

from collections.abc import Awaitable, Callable
from typing import Any, assert_type

from everycall import (
    Edit,
    Failure,
    Finding,
    Image,
    Limits,
    Repair,
    Retry,
    Text,
    ToolContext,
    ToolError,
    ToolRegistry,
    ToolResult,
    ToolRuntime,
    TransientToolError,
    Turn,
    check,
    exchanges,
    open_turn,
    repair,
    rewrite_ids,
    run_tool_calls,
    run_tool_calls_sync,
    trim,
)
from everycall.core.content import File
from everycall.core.errors import Effect
from everycall.core.events import CallSettled, Event
from everycall.core.outcomes import Code, Status
from everycall.registry import Tool
from everycall.runtime import RuntimeStatistics


class App:
    user: str = "Ada"


tools = ToolRegistry(timeout=10, retry=Retry(attempts=2), explain=lambda result: result.code)


@tools.tool
async def bare(city: str, days: int = 1) -> dict[str, int]:
    return {city: days}


@tools.tool(timeout=None, call_timeout=60, read_only=True, retry=Retry(on=(OSError,)), max_concurrency=2)
async def with_options(city: str) -> str:
    return city


@tools.tool(executor="thread", idempotent=True)
def sync(ctx: ToolContext[App], amount: float) -> Text:
    assert_type(ctx.deps, App)
    assert_type(ctx.deps.user, str)
    assert_type(ctx.remaining(), float | None)
    assert_type(ctx.cancelled, bool)
    assert_type(ctx.idempotency_key, str)
    assert_type(ctx.attempt, int)
    ctx.report_progress(1, total=2, message="half")
    return Text(str(amount))


@tools.tool
def without_deps(ctx: ToolContext) -> None:
    assert_type(ctx.deps, Any)


def the_decorator_keeps_the_signature() -> None:
    keeps: Callable[[str, int], Awaitable[dict[str, int]]] = bare
    also_keeps: Callable[[ToolContext[App], float], Text] = sync
    del keeps, also_keeps
    _ = bare("Oslo", days="three")  # type: ignore[arg-type]
    _ = with_options()  # type: ignore[call-arg]
    sync(ToolContext.for_tests(deps=App()), amount=1.5)


def what_a_registry_refuses() -> None:
    assert_type(tools.add(bare, name="again"), Tool)
    assert_type(tools.definitions("openai-chat"), list[Any])
    assert_type(tools.get("bare"), Tool | None)
    tools.add(bare, timout=3)  # type: ignore[call-arg]
    tools.add(bare, timeout="3")  # type: ignore[arg-type]
    tools.tool(read_only="yes")  # type: ignore[call-overload]
    tools.definitions()  # type: ignore[call-arg]
    ToolRegistry(10)  # type: ignore[call-arg]


async def a_turn(message: object) -> None:
    turn = await run_tool_calls(message, tools, key="k", deps=App(), turn_timeout=9, limits=Limits(calls=3))
    assert_type(turn, Turn)
    assert_type(turn.results, tuple[ToolResult, ...])
    assert_type(turn.messages, list[Any])
    assert_type(turn.exchange, list[Any])
    assert_type(turn.ids_changed, bool)
    assert_type(turn.ok, bool)
    assert_type(turn["call_1"], ToolResult)
    assert_type(len(turn), int)
    assert_type(list(turn), list[ToolResult])
    async for result in turn.settled():
        assert_type(result, ToolResult)

    opened = open_turn(message, tools, observers=[print_settled])
    assert_type(opened, Turn)
    assert_type(await opened.run(), Turn)
    opened.cancel("stop")

    await run_tool_calls(message, "tools")  # type: ignore[arg-type]
    await run_tool_calls(message, tools, turn_timeout="9")  # type: ignore[arg-type]
    await run_tool_calls(message, tools, None)  # type: ignore[call-arg]
    await run_tool_calls(message, tools, observers=[lambda: None])  # type: ignore[list-item, misc]
    run_tool_calls_sync(message, tools, retry=Retry())  # type: ignore[call-arg]
    turn.results = ()  # type: ignore[misc]


def print_settled(event: Event) -> None:
    if isinstance(event, CallSettled):
        assert_type(event.status, Status)
        assert_type(event.duration, float)
        event.status = "success"  # type: ignore[misc]


def results(result: ToolResult) -> None:
    assert_type(result.status, Status)
    assert_type(result.code, Code)
    assert_type(result.effect, Effect)
    assert_type(result.content, str | tuple[Text | Image | File, ...])
    assert_type(result.value, object)
    assert_type(result.error, Failure | None)
    if result.status == "successful":  # type: ignore[comparison-overlap]
        pass
    result.status = "error"  # type: ignore[misc]


def without_a_loop(message: object) -> None:
    assert_type(run_tool_calls_sync(message, tools), Turn)


async def a_runtime(message: object) -> None:
    async with ToolRuntime(tools, dialect="openai-chat", limits=Limits(threads=4)) as runtime:
        assert_type(runtime, ToolRuntime)
        assert_type(await runtime.run(message, key="k"), Turn)
        assert_type(runtime.open_turn(message), Turn)
        assert_type(runtime.statistics(), RuntimeStatistics)
    Limits(calls="many")  # type: ignore[arg-type]
    Limits(10)  # type: ignore[call-arg]
    Retry(on=(3,))  # type: ignore[arg-type]


def errors() -> None:
    ToolError("no seat left", effect="none")
    TransientToolError("busy", effect="none", retry_after=2)
    ToolError("no seat left", effect="maybe")  # type: ignore[arg-type]
    ToolError("no seat left", retry_after=2)  # type: ignore[call-arg]


def conversations(messages: list[object]) -> None:
    assert_type(check(messages, "anthropic", allow_open=True), list[Finding])
    mended = repair(messages)
    assert_type(mended, Repair)
    assert_type(mended.messages, list[object])
    assert_type(mended.edits, tuple[Edit, ...])
    assert_type(exchanges(messages), list[list[object]])
    assert_type(trim(messages, keep=10), list[object])
    assert_type(rewrite_ids(messages, None, "strict9"), list[object])
    trim(messages)  # type: ignore[call-arg]
