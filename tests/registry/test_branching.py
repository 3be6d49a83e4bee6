"""Unions within themselves: arguments are bounded in depth where each level multiplies the cost of a look at them."""

import time
from typing import Annotated, Literal, Union

import pytest
from pydantic import BaseModel, Field

from everycall import ToolRegistry, run_tool_calls_sync
from everycall.registry.branching import most_levels, too_deep
from tests.messages import call, message


class Is(BaseModel):
    op: Literal["is"]
    value: int | str


class And(BaseModel):
    op: Literal["and"]
    items: "list[Filter]"


class Or(BaseModel):
    op: Literal["or"]
    items: "list[Filter]"


class Not(BaseModel):
    op: Literal["not"]
    item: "Filter"


Filter = Union[And, Or, Not, Is]  # noqa: UP007 -- it names itself


class Told(BaseModel):
    op: Literal["told"]
    items: "list[ToldFilter]"


class Apart(BaseModel):
    op: Literal["apart"]
    items: "list[ToldFilter]"


ToldFilter = Annotated[Told | Apart | Is, Field(discriminator="op")]


class Tree(BaseModel):
    left: "Tree | None" = None
    right: "Tree | None" = None


for one in (And, Or, Not, Told, Apart):
    one.model_rebuild()


def tools():
    registry = ToolRegistry()

    @registry.tool(executor="task", read_only=True)
    def by_trying(where: Filter) -> int:
        return 1

    @registry.tool(executor="task", read_only=True)
    def by_discriminator(where: ToldFilter) -> int:
        return 1

    @registry.tool(executor="task", read_only=True)
    def tree(where: Tree) -> int:
        return 1

    return registry


def nested(op, levels, leaf):
    return '{"where":' + f'{{"op":"{op}","items":[' * levels + leaf + "]}" * levels + "}"


@pytest.mark.parametrize(("name", "bound"), [("by_trying", {dict: 7}), ("by_discriminator", {}), ("tree", {})])
def test_only_members_that_hold_their_union_and_have_no_discriminator_are_bounded(name, bound):
    assert most_levels(dict(tools()[name].parameters)) == bound


@pytest.mark.parametrize("leaf", ['{"op":"is","value":1}', "{}", "[]", '{"op":"and"}'])
@pytest.mark.parametrize("levels", [7, 8, 12, 28])
def test_a_small_message_of_deep_unions_is_refused_before_it_is_paid_for(levels, leaf):
    """Eleven levels, 265 bytes, once took 10 GB and the process."""
    arguments = nested("and", levels, leaf)
    began = time.process_time()
    turn = run_tool_calls_sync(message(call("by_trying", arguments, "c")), tools())
    assert turn.results[0].code == "invalid_arguments"
    if levels > 7 or leaf != "[]":
        assert "nested too deeply for this tool: more than 7 levels" in turn.results[0].content
    assert time.process_time() - began < 2


def test_what_is_within_the_bound_is_run():
    arguments = nested("or", 6, '{"op":"is","value":1}')
    assert run_tool_calls_sync(message(call("by_trying", arguments, "c")), tools()).ok


def test_a_discriminator_needs_no_bound():
    arguments = nested("told", 25, '{"op":"is","value":1}')
    assert run_tool_calls_sync(message(call("by_discriminator", arguments, "c")), tools()).ok


def test_wide_arguments_are_not_deep():
    assert too_deep('{"a":[' + ",".join(['{"b":{}}'] * 1000) + "]}", {dict: 2}) is None
    assert too_deep('{"a":[' + ",".join(['{"b":{"c":{}}}'] * 1000) + "]}", {dict: 2}) == 2
    assert too_deep('{"a":' + "[" * 5 + "]" * 5 + "}", {list: 4}) == 4
    assert too_deep('{"a":"' + "{" * 50 + '"}', {dict: 4}) is None


RULE = {
    "anyOf": [
        {
            "type": "object",
            "properties": {"all": {"type": "array", "items": {"$ref": "#/$defs/rule"}}},
            "required": ["all"],
        },
        {
            "type": "object",
            "properties": {"any": {"type": "array", "items": {"$ref": "#/$defs/rule"}}},
            "required": ["any"],
        },
        {"type": "object", "properties": {"is": {"type": "string"}}, "required": ["is"], "additionalProperties": False},
    ]
}
ROW = {"anyOf": [{"type": "object", "required": [f"{one}{n}" for n in range(6)]} for one in "abcdefghij"]}


@pytest.mark.parametrize(
    ("schema", "arguments"),
    [
        (RULE, '{"where":' + '{"all":[' * 12 + "{}" + "]}" * 12 + "}"),
        ({"type": "array", "items": ROW}, '{"where":[' + ",".join(["{}"] * 10_000) + "]}"),
        ({"type": "array", "items": {"enum": [[n] * 50 for n in range(200)]}}, '{"where":[' + "1," * 20_000 + "1]}"),
    ],
    ids=["deep", "wide", "many choices"],
)
def test_where_it_would_take_long_to_say_what_is_wrong_by_a_schema_that_is_data_it_is_not_said(schema, arguments):
    """Twelve levels, 280 bytes, once took the process; 10,000 empty objects took 11 s."""
    registry = ToolRegistry()
    parameters = {"type": "object", "properties": {"where": schema}, "$defs": {"rule": RULE}}
    registry.add(lambda where: where, name="t", parameters=parameters, executor="task", read_only=True)
    began = time.process_time()
    turn = run_tool_calls_sync(message(call("t", arguments, "c")), registry)
    assert time.process_time() - began < 2
    assert "do not fit the tool's schema, and are too large to say where" in turn.results[0].content


def test_what_is_wrong_by_a_schema_that_is_data_is_said_where_that_is_cheap():
    registry = ToolRegistry()
    parameters = {"type": "object", "properties": {"where": {"$ref": "#/$defs/rule"}}, "$defs": {"rule": RULE}}
    registry.add(lambda where: where, name="t", parameters=parameters, executor="task", read_only=True)
    arguments = '{"where":' + '{"all":[' * 2 + "{}" + "]}" * 2 + "}"
    turn = run_tool_calls_sync(message(call("t", arguments, "c")), registry)
    assert "where: the value is not valid" in turn.results[0].content
    deep = '{"where":' + '{"all":[' * 28 + '{"is":"x"}' + "]}" * 28 + "}"
    assert run_tool_calls_sync(message(call("t", deep, "c")), registry).ok
