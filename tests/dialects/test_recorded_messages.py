"""Messages of real models, from tests/data (sources and licences: tests/data/DATA.md)."""

import json
from pathlib import Path

import pytest

from everycall.dialects import detect, dialect_named
from tests.dialects.samples import read, render

DATA = Path(__file__).parents[1] / "data"


def rows(name):
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


def test_every_recorded_parallel_turn_is_read_and_answered():
    turns = [row["assistant_message"] for row in rows("bfcl_parallel_multiple.jsonl")]
    assert len(turns) == 100
    for sample in turns:
        sent = [(e["id"], e["function"]["name"], e["function"]["arguments"]) for e in sample["tool_calls"]]
        assert detect(sample).name == "openai-chat"
        parsed = read("openai-chat", sample)
        assert [(call.call_id, call.name, call.arguments) for call in parsed.calls] == sent
        rendered = render("openai-chat", sample)
        assert rendered.assistant_message is sample
        assert [one["tool_call_id"] for one in rendered.messages] == [call_id for call_id, *_ in sent]


def test_every_recorded_assistant_message_of_whole_conversations_is_read():
    calls = 0
    for row in rows("tau_airline.jsonl"):
        for sample in row["messages"]:
            if sample["role"] == "assistant":
                parsed = detect(sample).parse(sample)
                assert len(parsed.calls) == len(sample.get("tool_calls") or ())
                calls += len(parsed.calls)
    assert calls > 200


SHAPES = {
    "anthropic": lambda e: {"type": "tool_use", "id": e["id"], "name": e["function"]["name"]},
    "bedrock": lambda e: {"toolUse": {"toolUseId": e["id"], "name": e["function"]["name"]}},
}


@pytest.mark.parametrize("name", SHAPES)
def test_recorded_turns_in_blocks_keep_their_ids(name):
    for row in rows("bfcl_parallel_multiple.jsonl"):
        entries = row["assistant_message"]["tool_calls"]
        blocks = []
        for entry in entries:
            block, arguments = SHAPES[name](entry), json.loads(entry["function"]["arguments"])
            block.get("toolUse", block)["input"] = arguments
            blocks.append(block)
        sample = {"role": "assistant", "content": blocks}
        assert detect(sample) is dialect_named(name)
        assert render(name, sample).assistant_message is sample
