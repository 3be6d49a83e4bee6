"""Which tools a part of a registry has, and what two registries are together. Decides; changes neither."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from everycall.core.errors import UsageError
from everycall.core.outcomes import ToolResult
from everycall.core.redaction import Redaction
from everycall.registry.tool import Tool

Explain = Callable[[ToolResult], str]


def chosen_names(
    wanted: Sequence[str | Callable[[Tool], object]],
    tools: Mapping[str, Tool],
    close_names: Callable[[str], list[str]],
) -> list[str]:
    """Return the names of the tools that belong in, in the order of *tools*.

    Args:
        wanted: names; or one function of a tool.
        tools: all there are, by name.
        close_names: names that look like one that does not exist.

    Raises:
        UsageError: there is no such tool, or *wanted* is neither names nor one function.
    """
    if len(wanted) == 1 and callable(wanted[0]):
        belongs = wanted[0]
        return [name for name, tool in tools.items() if belongs(tool)]
    for one in wanted:
        if not isinstance(one, str):
            raise UsageError(
                'subset takes names, subset("read", "write"), or one function of a tool, '
                f"subset(lambda tool: tool.read_only), not {one!r}"
            )
        if one not in tools:
            near = close_names(one)
            hint = (
                f"Did you mean {' or '.join(map(repr, near))}?" if near else f"There are {', '.join(tools) or 'none'}."
            )
            raise UsageError(f"There is no tool {one!r}. {hint}")
    several = set(wanted)
    return [name for name in tools if name in several]


def joined_tools(left: Mapping[str, Tool], right: Mapping[str, Tool]) -> dict[str, Tool]:
    """Return the tools of both, those of *left* first.

    Raises:
        UsageError: a name stands for one tool here and for another there.
    """
    twice = [name for name, tool in right.items() if left.get(name, tool) is not tool]
    if twice:
        raise UsageError(
            f"Both registries have a tool {', '.join(map(repr, twice))}: register one under another name, name=..., or "
            "with a group's prefix; or leave it out with subset(...)"
        )
    return {**left, **right}


def joined_explain(left: Explain | None, right: Explain | None) -> Explain | None:
    """Return the one `explain` of two registries.

    Raises:
        UsageError: each has one of its own.
    """
    if left is not None and right is not None and left != right:
        raise UsageError(
            "The registries explain failures in two ways, and a turn has one: give both the same explain, or only one"
        )
    return left if right is None else right


def joined_deps(left: type[Any] | None, right: type[Any] | None) -> type[Any] | None:
    """Return the class that satisfies both registries: the narrower one.

    Raises:
        UsageError: neither is a kind of the other.
    """
    if left is None or right is None:
        return left if right is None else right
    for narrow, wide in ((left, right), (right, left)):
        if issubclass(narrow, wide):
            return narrow
    raise UsageError(
        f"The tools of one registry want {left.__name__} as deps, those of the other {right.__name__}, and a turn has "
        "one: make a class that is both"
    )


def require_same_deps(asked: type[Any] | None, given: type[Any] | None, *, tool: str) -> None:
    """Check that a tool gets the deps that it asks for.

    Args:
        asked: the class in its `ToolContext[...]`; None if it names none that can be checked.
        given: what the registry says that turns bring; None if it says nothing.
        tool: its name.

    Raises:
        UsageError: what turns bring is not of the class that the tool asks for.
    """
    if asked is None or given is None or issubclass(given, asked):
        return
    raise UsageError(
        f"Tool {tool!r} asks for ToolContext[{asked.__name__}], and this registry has deps={given.__name__}: ask for "
        f"ToolContext[{given.__name__}], or register it elsewhere"
    )


def joined_redaction(left: Redaction | None, right: Redaction | None) -> Redaction | None:
    """Return what hides all that either hides."""
    if left is None or right is None or left == right:
        return left if right is None else right
    return Redaction(
        secrets=tuple(dict.fromkeys((*left.secrets, *right.secrets))),
        environment=left.environment or right.environment,
        patterns=left.patterns or right.patterns,
    )
