"""The options of tools and registries: what each may be, and what it becomes."""

import math

import pytest

from everycall.core.errors import UsageError
from everycall.core.policy import Retry
from everycall.registry import ToolRegistry


async def take(a: int): ...


def tool_of(registry=None, **options):
    return (registry or ToolRegistry()).add(take, **options)


@pytest.mark.parametrize(
    ("options", "cure"),
    [
        ({"timout": 3}, "Did you mean timeout"),
        ({"retries": 3}, "Did you mean retry"),
        ({"zzz": 3}, "There are name, description"),
        ({"timeout": 0}, "above 0"),
        ({"timeout": -1}, "write None for no limit"),
        ({"timeout": math.nan}, "finite"),
        ({"timeout": math.inf}, "write None for no limit"),
        ({"timeout": 10**5000}, "finite"),
        ({"timeout": "3"}, "seconds"),
        ({"timeout": True}, "seconds"),
        ({"call_timeout": 0}, "above 0"),
        ({"call_timeout": 29}, "write timeout=29 too"),
        ({"timeout": 10, "call_timeout": 9.5}, "less than the 10 s"),
        ({"read_only": 1}, "True or False"),
        ({"idempotent": None}, "True or False"),
        ({"retry": 3}, r"Retry\(attempts=3\)"),
        ({"retry": Retry()}, r"(?s)read_only=True.*idempotent=True.*Retry\(declared_only=True\)"),
        ({"executor": "fibre"}, "'task', 'thread', 'process'"),
        ({"executor": 3}, "'task', 'thread'"),
        ({"executor": []}, "'task', 'thread'"),
        ({"max_concurrency": 0}, "at least 1"),
        ({"max_concurrency": 1.5}, "whole number"),
        ({"max_result_bytes": 0}, "at least 1"),
        ({"max_result_bytes": None}, "whole number"),
        ({"name": ""}, "1 to 128"),
        ({"name": "a" * 129}, "1 to 128"),
        ({"name": "two words"}, "1 to 128"),
        ({"name": "größe"}, "1 to 128"),
        ({"name": "line\n"}, "1 to 128"),
        ({"name": 3}, "1 to 128"),
        ({"description": 3}, "must be text"),
        ({"parameters": 3}, "JSON Schema"),
    ],
)
@pytest.mark.row("1.22")
def test_a_wrong_option_is_refused_with_the_cure(options, cure):
    registry = ToolRegistry()
    with pytest.raises(UsageError, match=cure):
        registry.add(take, **options)
    with pytest.raises(UsageError, match=cure):
        registry.tool(**options)(take)
    assert len(registry) == 0


@pytest.mark.parametrize(
    ("options", "cure"),
    [
        ({"timeout": 0}, "timeout of the registry"),
        ({"retry": 3}, "retry of the registry"),
        ({"middleware": take}, "middleware must be"),
        ({"middleware": [take, 3]}, "middleware must be"),
        ({"explain": "x"}, "explain must be"),
    ],
)
def test_a_wrong_default_of_the_registry_is_refused(options, cure):
    with pytest.raises(UsageError, match=cure):
        ToolRegistry(**options)


def test_a_tool_without_options_has_the_defaults():
    tool = tool_of()
    assert (tool.name, tool.timeout, tool.call_timeout, tool.retry) == ("take", 30.0, 120.0, None)
    assert (tool.read_only, tool.idempotent, tool.safe_to_repeat) == (False, False, False)
    assert (tool.executor, tool.max_concurrency, tool.max_result_bytes) == ("task", None, 262144)
    assert tool.middleware == ()
    assert not tool.wants_context


@pytest.mark.parametrize(
    ("options", "timeout", "call_timeout"),
    [
        ({"timeout": 10}, 10.0, 120.0),
        ({"timeout": 500}, 500.0, 500.0),
        ({"timeout": None}, None, None),
        ({"timeout": None, "call_timeout": 60}, None, 60.0),
        ({"timeout": 10, "call_timeout": None}, 10.0, None),
        ({"timeout": 10, "call_timeout": 10}, 10.0, 10.0),
        ({"call_timeout": 30}, 30.0, 30.0),
    ],
)
def test_the_time_of_a_call_follows_from_that_of_an_attempt(options, timeout, call_timeout):
    tool = tool_of(**options)
    assert (tool.timeout, tool.call_timeout) == (timeout, call_timeout)


def test_the_registry_gives_defaults_that_a_tool_may_override():
    async def around(call, proceed): ...

    registry = ToolRegistry(timeout=None, middleware=[around])
    first = registry.add(take)
    second = registry.add(take, name="second", timeout=3)
    assert (first.timeout, first.call_timeout) == (None, None)
    assert (second.timeout, second.call_timeout) == (3.0, 120.0)
    assert first.middleware == (around,)


def test_a_default_retry_reaches_safe_tools_only():
    retry = Retry(attempts=5)
    registry = ToolRegistry(retry=retry)
    assert registry.add(take, name="a").retry is None
    assert registry.add(take, name="b", read_only=True).retry is retry
    assert registry.add(take, name="c", idempotent=True).retry is retry
    assert registry.add(take, name="d", read_only=True, retry=None).retry is None
    assert ToolRegistry(retry=Retry(declared_only=True)).add(take).retry is None


def test_a_retry_of_its_own_needs_a_tool_that_is_safe_or_errors_that_say_so():
    for options in ({"read_only": True}, {"idempotent": True}):
        assert tool_of(retry=Retry(), **options).retry == Retry()
    declared = Retry(declared_only=True)
    assert tool_of(retry=declared).retry is declared


def test_a_misspelled_option_is_refused_where_it_is_written():
    with pytest.raises(UsageError, match="Did you mean timeout"):
        ToolRegistry().tool(timout=3)


def test_safe_to_repeat_is_read_only_or_idempotent():
    assert tool_of(read_only=True).safe_to_repeat
    assert tool_of(idempotent=True).safe_to_repeat


@pytest.mark.parametrize("name", ["a", "A-z_0.9:x", "a" * 128, "1", "-"])
def test_names_have_a_plain_alphabet(name):
    assert tool_of(name=name).name == name
