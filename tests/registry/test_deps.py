"""A registry may say what its tools find in `deps`: then a tool that asks for another is refused, and so is a turn."""

from typing import Annotated, Any, Protocol

import pytest

from everycall import ToolContext, ToolRegistry, ToolRuntime, UsageError, open_turn, run_tool_calls
from tests.messages import message


class App:
    user = "Ada"


class TestedApp(App): ...


class Other: ...


class HasUser(Protocol):
    user: str


async def who(ctx: ToolContext[App]) -> str:
    return ctx.deps.user


def asks(annotation):
    async def tool(ctx): ...

    tool.__annotations__ = {"ctx": annotation}
    return tool


@pytest.mark.parametrize("deps", [App(), TestedApp()])
async def test_a_turn_that_brings_what_the_registry_says_runs(deps):
    tools = ToolRegistry(deps=App)
    tools.add(who)
    turn = await run_tool_calls(message("who"), tools, deps=deps)
    assert turn.results[0].content == "Ada"


async def test_a_turn_that_brings_none_or_another_is_refused_before_anything_runs():
    tools = ToolRegistry(deps=App)
    tools.add(who)
    with pytest.raises(UsageError, match=r"want deps: pass deps=\.\.\., of the type App"):
        open_turn(message("who"), tools)
    with pytest.raises(UsageError, match="of the type App, not Other"):
        await run_tool_calls(message("who"), tools, deps=Other())
    async with ToolRuntime(tools) as runtime:
        with pytest.raises(UsageError, match="of the type App"):
            await runtime.run(message("who"))
        assert (await runtime.run(message("who"), deps=App())).ok


async def test_without_the_class_nothing_is_checked_when_the_program_runs():
    for tools in (ToolRegistry(), ToolRegistry[App]()):
        tools.add(who)
        turn = await run_tool_calls(message("who"), tools, deps=Other())
        assert turn.results[0].code == "tool_error"


@pytest.mark.parametrize(
    "annotation", [ToolContext[Other], Annotated[ToolContext[Other], "x"], ToolContext[Other] | None]
)
def test_a_tool_that_asks_for_other_deps_is_refused_when_it_is_registered(annotation):
    with pytest.raises(UsageError, match=r"asks for ToolContext\[Other\], and this registry has deps=App"):
        ToolRegistry(deps=App).add(asks(annotation))
    assert ToolRegistry().add(asks(annotation)).wants_context


@pytest.mark.parametrize(
    "annotation",
    [
        ToolContext,
        ToolContext[App],
        ToolContext[object],
        ToolContext[Any],
        ToolContext[HasUser],
        ToolContext[App | Other],
        ToolContext[list[App]],
        ToolContext[App] | None,
    ],
)
def test_a_tool_that_asks_for_as_much_or_less_or_what_no_class_can_say_is_taken(annotation):
    assert ToolRegistry(deps=App).add(asks(annotation)).wants_context


def test_a_tool_that_asks_for_more_than_the_registry_says_is_refused():
    with pytest.raises(UsageError, match="TestedApp"):
        ToolRegistry(deps=App).add(asks(ToolContext[TestedApp]))


def test_joined_registries_want_the_narrower_deps():
    narrow, wide, untold = ToolRegistry(deps=TestedApp), ToolRegistry(deps=App), ToolRegistry()
    assert (narrow | wide).deps is TestedApp
    assert (wide | narrow).deps is TestedApp
    assert (untold | wide).deps is (wide | untold).deps is App
    assert wide.subset().deps is App
    with pytest.raises(UsageError, match="App as deps, those of the other Other"):
        wide | ToolRegistry(deps=Other)


@pytest.mark.parametrize("deps", [App(), "App", App | None])
def test_deps_of_a_registry_are_a_class(deps):
    with pytest.raises(UsageError, match="such as deps=App"):
        ToolRegistry(deps=deps)
