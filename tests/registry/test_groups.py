"""Groups: tools that share a prefix, options and middleware, registered into the registry that made the group."""

import pytest

from everycall import Retry, ToolRegistry, UsageError
from everycall.core.policy import Rate
from everycall.registry.options import SharedOptions, ToolOptions


async def look(path: str) -> str:
    """Looks."""
    return path


def look_sync(path: str) -> str:
    return path


async def outermost(call, proceed):
    return await proceed()


async def outer(call, proceed):
    return await proceed()


async def inner(call, proceed):
    return await proceed()


def test_a_tool_of_a_group_is_a_tool_of_the_registry_under_the_prefix_with_the_shared_options():
    tools = ToolRegistry()
    files = tools.group(prefix="files_", timeout=5, read_only=True, max_concurrency=2, rate=Rate(calls=1, period=1))
    assert files.tool(look) is look
    tool = tools["files_look"]
    assert (tool.timeout, tool.read_only, tool.max_concurrency) == (5, True, 2)
    assert tool.rate == Rate(calls=1, period=1)
    assert tool.description == "Looks."
    assert files.add(look_sync) is tools["files_look_sync"]
    assert list(tools.tools) == ["files_look", "files_look_sync"]


def test_what_a_tool_says_itself_wins():
    files = ToolRegistry(timeout=9).group(prefix="f.", timeout=5, read_only=True, executor="thread")
    tool = files.add(look, name="see", timeout=None, read_only=False, executor=None, description="Sees.")
    assert (tool.name, tool.timeout, tool.call_timeout, tool.read_only, tool.executor, tool.description) == (
        "f.see",
        None,
        None,
        False,
        "task",
        "Sees.",
    )

    @files.tool(name="decorated", timeout=7, executor="task")
    async def anything() -> None: ...

    assert files.add(look_sync).timeout == 5
    assert files._register.__self__["f.decorated"].timeout == 7


def test_what_a_group_does_not_say_is_the_registrys():
    tool = ToolRegistry(timeout=9, retry=Retry(attempts=2)).group(read_only=True).add(look)
    assert (tool.name, tool.timeout, tool.retry) == ("look", 9, Retry(attempts=2))


def test_groups_in_groups_put_prefixes_and_middleware_behind_each_other_and_the_inner_options_win():
    tools = ToolRegistry(middleware=[outermost])
    shop = tools.group(prefix="shop_", middleware=[outer], timeout=5, idempotent=True)
    cart = shop.group(prefix="cart_", middleware=[inner], timeout=3)
    tool = cart.add(look)
    assert (tool.name, tool.timeout, tool.idempotent) == ("shop_cart_look", 3, True)
    assert tool.middleware == (outermost, outer, inner)
    assert shop.add(look).middleware == (outermost, outer)
    assert tools.add(look).middleware == (outermost,)
    assert tools["shop_look"].timeout == 5


def test_a_shared_retry_is_for_the_tools_that_may_have_it():
    once = ToolRegistry(retry=Retry(attempts=9)).group(retry=Retry(attempts=2))
    assert once.add(look).retry is None
    assert once.add(look, name="safe", read_only=True).retry == Retry(attempts=2)
    assert ToolRegistry(retry=Retry()).group(retry=None).add(look, read_only=True).retry is None
    declared = Retry(declared_only=True)
    assert ToolRegistry().group(retry=declared).add(look).retry == declared
    with pytest.raises(UsageError, match="read_only=True"):
        once.add(look, name="unsafe", retry=Retry())


def test_shared_footprints_are_completed_or_replaced_by_the_tool():
    runtime_wide = ToolRegistry().group(scope="runtime", after_failure="skip")
    tool = runtime_wide.add(look, writes="file:{path}")
    assert (tool.touches.across_turns, tool.touches.skip_after_failure) == (True, True)
    with pytest.raises(UsageError, match="nothing to count for"):
        runtime_wide.add(look, name="without")
    reads = ToolRegistry().group(reads="file:{path}")
    assert reads.add(look).touches.reads == ("file:{path}",)
    with pytest.raises(UsageError, match="'path', which is no argument"):
        reads.add(test_what_a_tool_says_itself_wins)
    assert reads.add(look, name="two", reads=None).touches is None


@pytest.mark.parametrize(
    ("options", "cure"),
    [
        ({"timeout": 0}, "timeout of the group 'g_' must be a finite number"),
        ({"timeout": "3"}, "seconds"),
        ({"call_timeout": 3}, "write timeout=3 too"),
        ({"idle_timeout": 40}, "can never pass"),
        ({"retry": 3}, r"retry of the group 'g_' must be a Retry"),
        ({"read_only": 1}, "True or False"),
        ({"executor": "moon"}, "must be one of"),
        ({"max_concurrency": 0}, "at least 1"),
        ({"rate": 3}, "must be a Rate"),
        ({"max_result_bytes": None}, "whole number"),
        ({"reads": 3}, "template"),
        ({"read_only": True, "writes": "x"}, "contradicts read_only"),
        ({"exclusive": True, "reads": "x"}, "leave out"),
        ({"scope": "world"}, "'turn' or 'runtime'"),
        ({"after_failure": "stop"}, "'run' or 'skip'"),
        ({"needs_approval": 3}, "plain function"),
        ({"name": "x"}, r"name cannot be shared: say it at each tool"),
        ({"description": "x"}, "cannot be shared"),
        ({"parameters": {}}, "cannot be shared"),
        ({"timout": 3}, "Did you mean timeout"),
        ({"middlewares": []}, "Did you mean middleware"),
        ({"zzz": 3}, "There are timeout, "),
        ({"middleware": [3]}, "async functions"),
    ],
)
def test_a_wrong_shared_option_is_refused_when_the_group_is_made(options, cure):
    tools = ToolRegistry()
    with pytest.raises(UsageError, match=cure):
        tools.group(prefix="g_", **options)
    with pytest.raises(UsageError, match=cure):
        tools.group(prefix="g").group(prefix="_", **options)


@pytest.mark.parametrize("prefix", [3, None, "two words", "größe", "a" * 129])
def test_a_prefix_that_no_name_can_have_is_refused(prefix):
    with pytest.raises(UsageError, match="such as 'files_'"):
        ToolRegistry().group(prefix=prefix)
    with pytest.raises(UsageError, match="such as 'files_'"):
        ToolRegistry().group().group(prefix=prefix)


def test_a_name_that_becomes_too_long_is_refused_at_its_tool():
    group = ToolRegistry().group(prefix="a" * 125)
    with pytest.raises(UsageError, match="1 to 128"):
        group.add(look)


def test_an_error_that_comes_from_a_shared_option_says_so():
    threads = ToolRegistry().group(executor="thread", timeout=20)
    with pytest.raises(UsageError, match="This executor is that of its group: say another one here"):
        threads.add(look)
    with pytest.raises(UsageError, match="less than the 20 s") as caught:
        threads.add(look_sync, call_timeout=3)
    assert "group" not in str(caught.value)
    with pytest.raises(UsageError, match="no option 'timout'"):
        threads.tool(timout=3)
    assert len(threads._register.__self__) == 0


def test_a_name_is_given_once_through_whatever_group():
    tools = ToolRegistry()
    tools.group(prefix="a_").group(prefix="b_").add(look)
    with pytest.raises(UsageError, match="'a_b_look' already"):
        tools.group(prefix="a_b_").add(look)


def test_every_option_can_be_shared_but_those_that_make_a_tool_what_it_is():
    assert set(ToolOptions.__annotations__) - set(SharedOptions.__annotations__) == {
        "name",
        "description",
        "parameters",
    }


def test_a_group_shows_what_it_shares():
    group = ToolRegistry().group(prefix="files_", timeout=5, read_only=True)
    assert repr(group) == "<ToolGroup 'files_': timeout, read_only>"
    assert repr(ToolRegistry().group()) == "<ToolGroup '': no options>"
