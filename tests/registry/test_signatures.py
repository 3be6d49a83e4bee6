"""Functions, methods, partials, objects and wrappers; contexts; annotations that are strings."""

import functools
import math
import operator
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated, Any, Optional

import pytest

from everycall.core.errors import UsageError
from everycall.registry import ToolContext, ToolRegistry
from everycall.registry.signature import is_context
from tests.registry import postponed


def tool_of(function, **options):
    return ToolRegistry().add(function, **options)


def names_of(tool):
    return list(tool.parameters["properties"])


class Service:
    """Something with methods."""

    rate = 2

    def scale(self, value: int) -> int:
        """Scale a value."""
        return value * self.rate

    async def later(self, value: int) -> int:
        return value

    @classmethod
    def of_class(cls, value: int) -> int:
        return value * cls.rate

    @staticmethod
    def of_none(value: int) -> int:
        return value

    def __call__(self, value: int, ctx: ToolContext) -> Any:
        """Call it."""
        return value, ctx


class Later:
    async def __call__(self, value: int) -> int:
        return value


def wrapped(function):
    @functools.wraps(function)
    def around(*args, **kwargs):
        return function(*args, **kwargs)

    return around


async def coroutine(value: int) -> int:
    return value


def plain(value: int) -> int:
    return value


@pytest.mark.parametrize(
    ("function", "executor", "result"),
    [
        (plain, "thread", 3),
        (coroutine, "task", None),
        (Service().scale, "thread", 6),
        (Service().later, "task", None),
        (Service.of_class, "thread", 6),
        (Service.of_none, "thread", 3),
        (staticmethod(plain), "thread", 3),
        (staticmethod(coroutine), "task", None),
        (Later(), "task", None),
        (functools.partial(plain), "thread", 3),
        (functools.partial(coroutine), "task", None),
        (functools.partial(Service().later), "task", None),
        (functools.partial(functools.partial(Later())), "task", None),
        (wrapped(plain), "thread", 3),
        (wrapped(coroutine), "thread", None),  # the wrapper is what is called, and it is sync
        (functools.lru_cache(plain), "thread", 3),
        (lambda value: value, "thread", 3),
    ],
)
@pytest.mark.row("3.7")
def test_where_a_function_runs_follows_from_what_is_really_called(function, executor, result):
    tool = tool_of(function, name="take")
    assert tool.executor == executor
    assert names_of(tool) == ["value"]
    found = tool.call(tool.bind('{"value": 3}'), None)
    if result is None:
        found.close()
    else:
        assert found == result


def test_a_sync_function_may_run_on_the_loop_and_an_async_one_not_in_a_thread():
    assert tool_of(plain, executor="task").executor == "task"
    with pytest.raises(UsageError, match="async and runs on the event loop"):
        tool_of(coroutine, executor="thread")


def test_an_object_with_a_call_method_is_a_tool_with_a_context():
    tool = tool_of(Service(), name="service")
    assert names_of(tool) == ["value"]
    assert tool.description == "Call it."
    context = ToolContext.for_tests()
    assert tool.call(tool.bind('{"value": 1}'), context) == (1, context)


def test_bound_arguments_disappear_from_the_schema():
    def send(session: object, to: str, text: str, retries: int = 3):
        return session, to, text, retries

    tool = tool_of(functools.partial(functools.partial(send, "s"), retries=9), name="send")
    assert names_of(tool) == ["to", "text"]
    assert tool.call(tool.bind('{"to": "a", "text": "b"}'), None) == ("s", "a", "b", 9)

    tool = tool_of(wrapped(functools.partial(send, "s", retries=9)), name="send")
    assert names_of(tool) == ["to", "text"]


@pytest.mark.parametrize("function", [math.sqrt, operator.add, len])
def test_a_builtin_with_a_signature_works(function):
    tool = tool_of(function)
    assert tool.name == function.__name__
    assert names_of(tool)


def test_a_builtin_with_a_signature_gets_its_arguments_in_order():
    tool = tool_of(operator.sub)
    assert tool.call(tool.bind('{"b": 1, "a": 3}'), None) == 2


# --- what cannot be a tool ---------------------------------------------------------------------------------------


def generator(n: int):
    yield n


class Generating:
    def __call__(self, n: int):
        yield n


@contextmanager
def connected(n: int):
    yield n


class Pool:
    @asynccontextmanager
    async def connected(self, n: int):
        yield n


@functools.singledispatch
def chosen(value: int):
    return "anything"


@functools.singledispatch
def chosen_by_position(value: int, /, times: int = 1):
    return "anything"


@chosen_by_position.register
def _(value: int, /, times: int = 1):
    return value * times


@pytest.mark.parametrize(
    ("thing", "cure"),
    [
        (Service, "A class cannot be a tool"),
        (dict, "A class cannot be a tool"),
        (generator, "return a list"),
        (functools.partial(generator, 1), "return a list"),
        (Generating(), "return a list"),
        (Generating().__call__, "return a list"),
        (connected, "makes a context manager.* a function that enters it"),
        (Pool().connected, "makes a context manager.* a function that enters it"),
        (functools.partial(connected, 1), "makes a context manager.* a function that enters it"),
        (chosen, r"passes it on by position, or make that one positional-only, def chosen\(value, /\)"),
        (functools.singledispatch(max), "parameters="),
        (classmethod(plain), "after the class"),
        (max, "parameters="),
        ("get_weather", "by keyword"),
        (3, "must be a function"),
    ],
)
def test_what_cannot_be_a_tool_is_refused_with_the_cure(thing, cure):
    with pytest.raises(UsageError, match=cure):
        tool_of(thing, name="take")


def test_what_runs_within_a_context_manager_is_a_tool():
    @connected(1)
    def take(value: int):
        return value

    tool = tool_of(take)
    assert tool.call(tool.bind('{"value": 3}'), None) == 3


def test_a_single_dispatch_that_chooses_by_a_positional_only_argument_is_a_tool():
    tool = tool_of(chosen_by_position, name="take")
    assert tool.call(tool.bind('{"value": 3, "times": 2}'), None) == 6


@pytest.mark.parametrize("function", [lambda: 1, functools.partial(plain, 1), Service()])
def test_what_has_no_name_of_its_own_needs_one(function):
    with pytest.raises(UsageError, match=r"pass one, name=\.\.\."):
        tool_of(function)


def test_a_wrapper_that_wraps_itself_does_not_hang():
    def take(value: int): ...

    take.__wrapped__ = take
    with pytest.raises(UsageError):
        tool_of(take)


# --- contexts ----------------------------------------------------------------------------------------------------


class Special(ToolContext[int]):
    __slots__ = ()


@pytest.mark.parametrize(
    "annotation",
    [
        ToolContext,
        ToolContext[int],
        Special,
        Optional[ToolContext[str]],  # noqa: UP045
        ToolContext | None,
        Annotated[ToolContext[int], "x"],
        Annotated[ToolContext | None, "x"],
        "ToolContext",
        "ToolContext[int] | None",
    ],
)
def test_a_context_is_injected_and_left_out_of_the_schema(annotation):
    def take(a: int, ctx, b: int = 2):
        return a, ctx, b

    take.__annotations__["ctx"] = annotation
    tool = tool_of(take)
    context = ToolContext.for_tests()
    assert tool.wants_context
    assert names_of(tool) == ["a", "b"]
    assert tool.call(tool.bind('{"a": 1}'), context) == (1, context, 2)


@pytest.mark.parametrize("annotation", [int, None, Any, type, list[int], type[ToolContext], "int", str | None])
def test_other_annotations_are_no_contexts(annotation):
    assert not is_context(annotation)


def test_the_arguments_stay_as_they_are_when_a_context_is_injected():
    def take(ctx: ToolContext, a: int): ...

    tool = tool_of(take)
    bound = tool.bind('{"a": 1}')
    tool.call(bound, ToolContext.for_tests())
    assert bound.kwargs == {"a": 1}


def test_a_context_may_be_positional_only():
    def take(a: int, ctx: ToolContext, b: int = 2, /, c: int = 3):
        return a, ctx, b, c

    tool = tool_of(take)
    context = ToolContext.for_tests()
    assert tool.call(tool.bind('{"a": 1, "c": 5}'), context) == (1, context, 2, 5)


def test_a_keyword_only_context_does_not_forbid_positional_only_parameters():
    def take(a: int, /, *, ctx: ToolContext):
        return a, ctx

    context = ToolContext.for_tests()
    tool = tool_of(take)
    assert tool.call(tool.bind('{"a": 1}'), context) == (1, context)


def test_two_contexts_are_refused():
    def take(one: ToolContext, two: ToolContext | None): ...

    with pytest.raises(UsageError, match="two context parameters, one and two"):
        tool_of(take)


def test_the_model_cannot_send_a_context():
    from everycall.registry.arguments import ArgumentsRefused

    def take(ctx: ToolContext, a: int = 1): ...

    with pytest.raises(ArgumentsRefused, match="ctx"):
        tool_of(take).bind('{"ctx": {}}')


# --- annotations that are strings ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "function",
    [
        postponed.search,
        postponed.Finder().search,
        staticmethod(postponed.search),
        functools.lru_cache(postponed.search),
        functools.partial(postponed.search),
        wrapped(postponed.search),
        functools.partial(wrapped(postponed.search)),
        postponed.Finder(),
    ],
)
def test_annotations_as_strings_are_resolved_where_the_function_was_written(function):
    tool = tool_of(function, name="search")
    assert names_of(tool) == ["query"]
    found, context = tool.call(tool.bind('{"query": {"words": ["a"]}}'), ToolContext.for_tests(deps=7))
    assert found == postponed.Query(words=("a",))
    assert context.deps == 7


@pytest.mark.parametrize("function", [postponed.with_local_type(), postponed.only_for_type_checkers, postponed.broken])
def test_an_annotation_that_cannot_be_resolved_names_the_parameter_and_the_cure(function):
    with pytest.raises(UsageError, match=r"(?s)parameter 'query'.*top level.*TYPE_CHECKING"):
        tool_of(function)
