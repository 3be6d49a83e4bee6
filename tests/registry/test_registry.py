"""A registry as a whole."""

import asyncio
import functools
import threading
import time

import pytest

from everycall import run_tool_calls_sync
from everycall.core.errors import UsageError
from everycall.registry import Tool, ToolRegistry
from tests.messages import call, message


def plain(a: int) -> int:
    return a


def filled(*names):
    registry = ToolRegistry()
    for name in names:
        registry.add(plain, name=name)
    return registry


def test_the_decorator_returns_the_function_unchanged_bare_or_with_options():
    registry = ToolRegistry()

    @registry.tool
    def first(a: int) -> int:
        return a

    @registry.tool()
    def second(a: int) -> int:
        return a

    @registry.tool(name="third", read_only=True)
    async def other(a: int) -> int:
        return a

    assert first(1) == second(1) == asyncio.run(other(1)) == 1
    assert list(registry.tools) == ["first", "second", "third"]
    assert registry["third"].function is other


@pytest.mark.parametrize("wrong", ["get_weather", 3, {"name": "x"}])
def test_a_decorator_used_wrongly_shows_the_cure(wrong):
    with pytest.raises(UsageError, match=r"@registry.tool\(name=\.\.\.\)"):
        ToolRegistry().tool(wrong)


def test_add_returns_the_tool():
    registry = ToolRegistry()
    tool = registry.add(plain)
    assert isinstance(tool, Tool)
    assert registry.get("plain") is registry["plain"] is tool


def test_a_registry_is_a_collection_of_tools_by_name():
    registry = filled("a", "b")
    assert "a" in registry
    assert "c" not in registry
    assert 3 not in registry
    assert len(registry) == 2
    assert [tool.name for tool in registry] == ["a", "b"]
    assert registry.get("c") is None
    with pytest.raises(KeyError):
        registry["c"]
    assert bool(ToolRegistry())


def test_a_second_tool_of_the_same_name_is_refused_and_the_first_stays():
    registry = ToolRegistry()
    first = registry.add(plain)
    with pytest.raises(UsageError, match="There is a tool 'plain' already"):
        registry.add(plain)
    assert registry["plain"] is first


@pytest.mark.row("6.13", "11.7")
def test_a_snapshot_never_changes():
    registry = filled("a")
    before = registry.tools
    registry.add(plain, name="b")
    after = registry.tools
    registry.add(plain, name="c")
    registry.add(plain, name="d")
    assert (list(before), list(after), list(registry.tools)) == (["a"], ["a", "b"], ["a", "b", "c", "d"])
    with pytest.raises(TypeError):
        before["x"] = after["a"]


def test_tools_may_be_registered_while_iterating():
    registry = filled("a", "b")
    for tool in registry:
        registry.add(plain, name=tool.name + "2")
    assert list(registry.tools) == ["a", "b", "a2", "b2"]


def test_registering_copies_once_per_snapshot_and_not_once_per_tool(monkeypatch):
    registry = filled("first")
    registry.tools  # noqa: B018
    held = []
    for number in range(200):
        registry.add(plain, name=f"t{number}")
        held.append(registry._tools)
    assert len({id(one) for one in held}) == 1


def test_many_threads_may_register_and_read_at_once():
    registry = ToolRegistry()
    snapshots = []

    def register(thread):
        for number in range(20):
            registry.add(plain, name=f"t{thread}-{number}")
            tools = registry.tools
            snapshots.append((tools, len(tools)))

    threads = [threading.Thread(target=register, args=(n,)) for n in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert len(registry) == 160
    assert all(len(tools) == count for tools, count in snapshots)


def test_definitions_are_those_of_the_dialect():
    registry = ToolRegistry()

    @registry.tool
    def get_weather(city: str, days: int = 1):
        """Weather of a city."""

    (found,) = registry.definitions("openai-chat")
    assert found["function"]["name"] == "get_weather"
    assert found["function"]["description"] == "Weather of a city."
    assert found["function"]["parameters"] == registry["get_weather"].parameters
    found["function"]["parameters"]["properties"].clear()
    assert registry["get_weather"].parameters["properties"].keys() == {"city", "days"}


def test_an_unknown_dialect_is_refused_with_the_names():
    with pytest.raises(UsageError, match="openai-chat"):
        ToolRegistry().definitions("openai")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("get_wether", ["get_weather"]),
        ("GetWeather", ["get_weather"]),
        ("functions.get_weather", ["get_weather"]),
        ("get-weather", ["get_weather"]),
        ("sendmail", ["send_mail"]),
        ("zzzzzz", []),
        ("", []),
        ("get_weather\x00" * 100_000, []),
    ],
)
def test_near_names_are_those_of_registered_tools(name, near):
    assert filled("get_weather", "send_mail", "delete_all").close_names(name)[:1] == near


def test_near_names_are_few_and_only_the_first_ten_thousand_characters_of_names_are_compared():
    registry = filled(*[f"tool_{number}" for number in range(1500)])
    assert len(registry.close_names("tool_9")) == 3
    assert len(registry.close_names("tool_9", limit=1)) == 1
    before = [f"{'x' * 96}{number:03}" for number in range(102)]  # 99 characters each
    assert filled(*before[:100], "zebra").close_names("zebra") == ["zebra"]
    assert filled(*before, "zebra").close_names("zebra") == []


@pytest.mark.parametrize("name", ["tool_9_" + "x" * 90, "abcdefgh_" * 14, "tool_x" * 200_000])
def test_a_message_of_unknown_tools_costs_a_moment_in_a_registry_of_long_names_that_are_alike(name):
    registry = filled(
        *[f"tool_{number}_{'x' * 100}" for number in range(250)], *["abcdefgh_" * 13 + str(n) for n in range(250)]
    )
    sent = message(*[call(f"{name}{number}", call_id=f"c{number}") for number in range(100)])
    began = time.process_time()
    assert {result.code for result in run_tool_calls_sync(sent, registry).results} == {"unknown_tool"}
    assert time.process_time() - began < 1.5  # 6 s once, in which the loop did nothing else


def test_a_repr_is_short_and_says_what_matters():
    assert repr(ToolRegistry()) == "<ToolRegistry of 0 tools>"
    assert repr(filled("a")) == "<ToolRegistry of 1 tool: a>"
    many = filled(*[f"t{number}" for number in range(12)])
    assert repr(many).endswith("t9 and 2 more>")
    assert repr(filled("a")["a"]) == "<Tool a(a) thread>"
    safe = ToolRegistry().add(plain, read_only=True, idempotent=True)
    assert repr(safe) == "<Tool plain(a) thread read_only idempotent>"


def test_a_tool_is_frozen_and_the_same_only_as_itself():
    first, second = filled("a")["a"], filled("a")["a"]
    assert first != second
    assert len({first, second, first}) == 2
    with pytest.raises(AttributeError):
        first.name = "b"


def test_explain_and_middleware_are_kept():
    def explain(result):
        return "x"

    async def outer(call, proceed): ...

    async def inner(call, proceed): ...

    registry = ToolRegistry(explain=explain, middleware=(outer, inner))
    assert registry.explain is explain
    assert registry.add(plain).middleware == (outer, inner)
    assert ToolRegistry().explain is None


def test_a_method_without_its_object_is_refused_with_the_cure():
    registry = ToolRegistry()

    class Shop:
        def buy(self, item: str): ...

        @staticmethod
        def sell(item: str): ...

    with pytest.raises(UsageError, match=r"Shop\.buy is a method without its object.*registry\.add\(the_object"):
        registry.add(Shop.buy)

    def asks(self, item: str): ...

    assert [registry.add(function).name for function in (Shop().buy, Shop.sell, asks)] == ["buy", "sell", "asks"]


def test_methods_register_after_their_object_exists():
    class Shop:
        def __init__(self):
            self.tools = ToolRegistry()
            self.tools.add(self.buy)
            self.tools.add(functools.partial(self.buy, amount=1), name="buy_one")

        def buy(self, item: str, amount: int):
            """Buy."""
            return item, amount

    shop = Shop()
    assert list(shop.tools.tools) == ["buy", "buy_one"]
    tool = shop.tools["buy_one"]
    assert tool.call(tool.bind('{"item": "tea"}'), None) == ("tea", 1)
