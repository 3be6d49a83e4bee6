"""A hundred real assistant messages with two to five parallel calls (source and licence: tests/data/DATA.md)."""

import json
import pathlib

import anyio
import jsonschema_rs
import pytest

from everycall import ToolRegistry, run_tool_calls

ROWS = [
    json.loads(line)
    for line in (pathlib.Path(__file__).parents[1] / "data" / "bfcl_parallel_multiple.jsonl").read_text().splitlines()
]


def registry_for(row, ran):
    tools = ToolRegistry()
    for described in row["tools"]:

        def add(name=described["name"]):
            async def tool(**arguments):
                await anyio.sleep(1)
                ran.append((name, arguments))
                return {"tool": name}

            return tool

        tools.add(add(), **described)
    return tools


def satisfies(row, one):
    [described] = [tool for tool in row["tools"] if tool["name"] == one["function"]["name"]]
    validator = jsonschema_rs.Draft202012Validator(described["parameters"])
    return validator.is_valid(json.loads(one["function"]["arguments"]))


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
async def test_every_call_of_a_real_message_gets_its_one_result(row):
    ran = []
    sent = row["assistant_message"]
    calls = sent["tool_calls"]
    started = anyio.current_time()
    turn = await run_tool_calls(sent, registry_for(row, ran))
    assert [result.call_id for result in turn.results] == [one["id"] for one in calls]
    assert [m["tool_call_id"] for m in turn.messages] == [one["id"] for one in calls]
    valid = [satisfies(row, one) for one in calls]
    expected = [("success", "ok") if fits else ("rejected", "invalid_arguments") for fits in valid]
    assert [(result.status, result.code) for result in turn.results] == expected
    should_run = [
        (one["function"]["name"], json.loads(one["function"]["arguments"]))
        for one, fits in zip(calls, valid, strict=True)
        if fits
    ]
    assert sorted(map(repr, ran)) == sorted(map(repr, should_run))
    assert anyio.current_time() - started == pytest.approx(1)  # all at once


def test_the_rows_hold_a_call_that_does_not_satisfy_its_own_schema():
    assert not all(satisfies(row, one) for row in ROWS for one in row["assistant_message"]["tool_calls"])
