"""Parts of a registry, and registries joined: new registries that hold the very same tools."""

import pytest

from everycall import Retry, ToolRegistry, UsageError, run_tool_calls
from everycall.core.redaction import Redaction
from tests.messages import call, message


async def read() -> str:
    return "read"


async def write() -> str:
    return "written"


async def erase() -> str:
    return "gone"


def explain(result):
    return f"no: {result.code}"


async def loud(call, proceed):
    return (await proceed()).upper()


def registry(*functions, **options):
    tools = ToolRegistry(**options)
    for one in functions:
        tools.add(one, read_only=one is read)
    return tools


# --- subset -------------------------------------------------------------------------------------------------------


def test_a_subset_has_the_named_tools_in_the_order_of_the_whole():
    tools = registry(read, write, erase)
    part = tools.subset("erase", "read", "read")
    assert list(part.tools) == ["read", "erase"]
    assert part["read"] is tools["read"]
    assert list(tools.tools) == ["read", "write", "erase"]
    assert [one["function"]["name"] for one in part.definitions("openai-chat")] == ["read", "erase"]


def test_a_subset_may_be_chosen_by_a_function_of_the_tool():
    assert list(registry(read, write).subset(lambda tool: tool.read_only).tools) == ["read"]
    assert list(registry(read, write).subset(lambda tool: "").tools) == []


def test_no_names_are_no_tools():
    assert len(registry(read).subset()) == 0


def test_a_subset_is_what_the_registry_was_when_it_was_made():
    tools = registry(read)
    part = tools.subset("read")
    tools.add(write)
    part.add(erase)
    assert list(part.tools) == ["read", "erase"]
    assert list(tools.tools) == ["read", "write"]


async def test_a_subset_keeps_defaults_middleware_and_explain():
    tools = registry(read, timeout=7, retry=Retry(attempts=2), middleware=[loud], explain=explain)
    part = tools.subset("read")
    later = part.add(write, read_only=True)
    assert (later.timeout, later.retry, later.middleware) == (7, Retry(attempts=2), (loud,))
    turn = await run_tool_calls(message("read", "write", "erase"), part)
    assert [one.content for one in turn.results] == ["READ", "WRITTEN", "no: unknown_tool"]


def test_an_unknown_name_is_refused_with_the_close_ones():
    tools = registry(read, write)
    with pytest.raises(UsageError, match=r"no tool 'raed'. Did you mean 'read'\?"):
        tools.subset("write", "raed")
    with pytest.raises(UsageError, match="There are read, write"):
        tools.subset("zzz")
    with pytest.raises(UsageError, match="There are none"):
        ToolRegistry().subset("zzz")


@pytest.mark.parametrize("wanted", [(3,), (["read"],), ("read", lambda tool: True), (None,)])
def test_what_is_neither_names_nor_a_function_is_refused(wanted):
    with pytest.raises(UsageError, match="or one function of a tool"):
        registry(read).subset(*wanted)


# --- joined -------------------------------------------------------------------------------------------------------


async def test_joined_registries_hold_the_tools_of_both_each_with_its_own_options_and_middleware():
    left = registry(read, timeout=7, middleware=[loud])
    right = registry(write, timeout=3)
    both = left | right
    assert list(both.tools) == ["read", "write"]
    assert both["write"] is right["write"]
    turn = await run_tool_calls(message("read", "write"), both)
    assert [one.content for one in turn.results] == ["READ", "written"]
    assert both.add(erase).timeout == 7
    assert both["erase"].middleware == (loud,)
    assert "erase" not in left
    left.add(explain)
    assert "explain" not in both


def test_a_name_in_both_is_refused_unless_it_is_the_very_same_tool():
    tools = registry(read, write)
    with pytest.raises(UsageError, match=r"'read', 'write'.*name=.*prefix.*subset"):
        tools | registry(read, write)
    assert list((tools.subset("read") | tools).tools) == ["read", "write"]
    joined = tools
    joined |= registry(erase)
    assert list(tools.tools) == ["read", "write"]
    assert len(joined) == 3


async def test_the_one_explain_of_two_registries_holds_for_all():
    for both in (
        registry(read, explain=explain) | registry(write),
        registry(read) | registry(write, explain=explain),
        registry(read, explain=explain) | registry(write, explain=explain),
    ):
        turn = await run_tool_calls(message("missing"), both)
        assert turn.results[0].content == "no: unknown_tool"
    with pytest.raises(UsageError, match="in two ways"):
        registry(explain=explain) | registry(explain=lambda result: "x")


@pytest.mark.parametrize("other", [None, {}, [read], "read"])
def test_a_registry_is_joined_with_a_registry_alone(other):
    with pytest.raises(TypeError):
        registry(read) | other


async def test_what_either_side_hides_is_hidden_in_the_joined_one():
    left = registry(redact=Redaction(secrets=("alpha-secret",), environment=False))
    right = registry(redact=Redaction(secrets=("omega-secret",), environment=False, patterns=False))
    for both in (left | right, left | registry(redact=None) | right):
        assert both.redactor.hide("alpha-secret omega-secret token=abcdefgh12345678").count("[redacted]") == 3
    untouched = registry(redact=None) | registry(redact=None)
    assert untouched.redactor.hide("token=abcdefgh12345678") == "token=abcdefgh12345678"


async def test_a_tool_keeps_its_limits_wherever_it_is_registered():
    tools = registry(write)
    part, both = tools.subset("write"), tools | registry(read)
    assert part["write"] is both["write"] is tools["write"]
    turn = await run_tool_calls(message(call("write", {}), call("read", {})), both)
    assert turn.ok
