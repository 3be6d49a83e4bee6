"""What type checkers see of registries that say what their tools need, of groups, and of middleware. Never executed."""

from typing import Any, assert_type

from everycall import (
    MiddlewareCall,
    Proceed,
    ToolContext,
    ToolRegistry,
    ToolRuntime,
    open_turn,
    run_tool_calls,
    run_tool_calls_sync,
)
from everycall.core.outcomes import Code
from everycall.registry import Tool, ToolGroup


class App:
    user: str = "Ada"


class TestApp(App): ...


class Elsewhere: ...


by_word = ToolRegistry[App](timeout=3)
by_class = ToolRegistry(deps=App)
untyped = ToolRegistry()


async def a_turn_brings_what_the_registry_says(message: object) -> None:
    assert_type(by_class, ToolRegistry[App])
    assert_type(untyped, ToolRegistry[Any])
    for tools in (by_word, by_class):
        await run_tool_calls(message, tools, deps=App())
        await run_tool_calls(message, tools, deps=TestApp())
        await run_tool_calls(message, tools, deps=Elsewhere())  # type: ignore[misc]
        open_turn(message, tools, deps=3)  # type: ignore[misc]
        run_tool_calls_sync(message, tools, deps="Ada")  # type: ignore[misc]
    await run_tool_calls(message, untyped, deps=3)
    await run_tool_calls(message, untyped)


async def so_does_a_runtime(message: object) -> None:
    runtime = ToolRuntime(by_word, deps=App())
    assert_type(runtime, ToolRuntime[App])
    await runtime.run(message, deps=TestApp())
    await runtime.run(message, deps=3)  # type: ignore[arg-type]
    runtime.open_turn(message, deps=3)  # type: ignore[arg-type]
    ToolRuntime(by_word, deps=3)  # type: ignore[misc]


def registries_are_joined_if_one_turn_can_serve_both() -> None:
    assert_type(by_word | by_class, ToolRegistry[App])
    assert_type(ToolRegistry[TestApp]() | by_word, ToolRegistry[TestApp])
    _ = by_word | ToolRegistry[Elsewhere]()  # type: ignore[operator]
    assert_type(by_word.subset("a", "b"), ToolRegistry[App])
    assert_type(by_word.subset(lambda tool: tool.read_only), ToolRegistry[App])
    by_word.subset(3)  # type: ignore[arg-type]


def whoever_serves_little_can_serve_more(tools: ToolRegistry[TestApp]) -> None:
    whoever_serves_little_can_serve_more(by_word)
    whoever_serves_little_can_serve_more(ToolRegistry[Elsewhere]())  # type: ignore[arg-type]


files = by_word.group(prefix="files_", timeout=5, read_only=True)
assert_type(files, ToolGroup)
assert_type(files.group(prefix="old_", idempotent=True), ToolGroup)
by_word.group(name="x")  # type: ignore[call-arg]
by_word.group(timeout="3")  # type: ignore[arg-type]


@files.tool(timeout=None)
async def read(path: str, ctx: ToolContext[App]) -> str:
    return ctx.deps.user + path


@files.tool
def size(path: str) -> int:
    return len(path)


def a_group_keeps_signatures() -> None:
    assert_type(size("x"), int)
    size(3)  # type: ignore[arg-type]
    assert_type(files.add(size, name="again"), Tool)


async def timed(call: MiddlewareCall, proceed: Proceed) -> object:
    assert_type(call.turn_state, dict[object, Any])
    assert_type(call.canonical_arguments, str)
    assert_type(call.stopped_by, Code | None)
    call.tool_name = "another"  # type: ignore[misc]
    await proceed(arguments={"path": "x"})
    await proceed(arguments="x")  # type: ignore[arg-type]
    return await proceed()


def not_async(call: MiddlewareCall, proceed: Proceed) -> str:
    return call.call_id


ToolRegistry(middleware=[timed])
ToolRegistry(middleware=[not_async])  # type: ignore[list-item]
