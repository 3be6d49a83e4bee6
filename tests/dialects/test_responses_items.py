"""The types of calls of the Responses API, and the item that answers each."""

import copy
import json

import pytest

from everycall.core.content import Image, Text
from everycall.dialects import detect, dialect_named
from tests.dialects.samples import failure, message, read, render, success

NAME = "openai-responses"
SHELL = {"type": "shell_call", "call_id": "s", "action": {"commands": ["ls"], "max_output_length": 100}}
PATCH = {"type": "apply_patch_call", "call_id": "p", "operation": {"type": "delete_file", "path": "a"}}
LOCAL = {"type": "local_shell_call", "id": "ls_1", "call_id": "l", "action": {"type": "exec", "command": ["ls"]}}
CUSTOM = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c", "name": "run", "input": "print(1)"}
COMPUTER = {"type": "computer_call", "call_id": "k", "actions": [{"type": "click", "x": 1, "y": 2}]}
OLD_COMPUTER = {"type": "computer_call", "call_id": "k", "action": {"type": "wait"}}
SEARCH = {"type": "tool_search_call", "call_id": "t", "execution": "client", "arguments": {"query": "mail"}}

READ = [
    (SHELL, "s", "shell", {"commands": ["ls"], "max_output_length": 100}, "shell"),
    (PATCH, "p", "apply_patch", {"type": "delete_file", "path": "a"}, "apply_patch"),
    (LOCAL, "l", "local_shell", {"type": "exec", "command": ["ls"]}, "local_shell"),
    (CUSTOM, "c", "run", {"input": "print(1)"}, "custom"),
    (COMPUTER, "k", "computer", {"actions": [{"type": "click", "x": 1, "y": 2}]}, "computer"),
    (OLD_COMPUTER, "k", "computer", {"actions": [{"type": "wait"}]}, "computer"),
    (SEARCH, "t", "tool_search", {"query": "mail"}, "tool_search"),
]


@pytest.mark.parametrize(("item", "call_id", "name", "arguments", "kind"), READ)
def test_each_type_of_call_is_read_with_its_name_and_arguments(item, call_id, name, arguments, kind):
    (call,) = detect([item]).parse([item]).calls
    assert (call.sent_id, call.name, call.arguments, call.kind, call.defect) == (call_id, name, arguments, kind, None)


def exit_of(stdout, stderr, code):
    return [{"stdout": stdout, "stderr": stderr, "outcome": {"type": "exit", "exit_code": code}}]


OWN = [{"stdout": "x", "stderr": "", "outcome": {"type": "timeout"}}]
PICTURE = (Image(data=b"p"),)
SHOWN = "data:image/png;base64,cA=="
ANSWERS = [
    (
        SHELL,
        "ok",
        {"type": "shell_call_output", "call_id": "s", "output": exit_of("ok", "", 0), "max_output_length": 100},
    ),
    (SHELL, json.dumps(OWN), {"type": "shell_call_output", "call_id": "s", "output": OWN, "max_output_length": 100}),
    (
        SHELL,
        "[1]",
        {"type": "shell_call_output", "call_id": "s", "output": exit_of("[1]", "", 0), "max_output_length": 100},
    ),
    (PATCH, "ok", {"type": "apply_patch_call_output", "call_id": "p", "status": "completed", "output": "ok"}),
    (LOCAL, "ok", {"type": "local_shell_call_output", "id": "l", "output": "ok"}),
    (CUSTOM, "ok", {"type": "custom_tool_call_output", "call_id": "c", "output": "ok"}),
    (
        COMPUTER,
        PICTURE,
        {"type": "computer_call_output", "call_id": "k", "output": {"type": "computer_screenshot", "image_url": SHOWN}},
    ),
    (
        SEARCH,
        '[{"type": "function", "name": "f"}]',
        {
            "type": "tool_search_output",
            "call_id": "t",
            "execution": "client",
            "status": "completed",
            "tools": [{"type": "function", "name": "f"}],
        },
    ),
]


@pytest.mark.parametrize(("item", "content", "output"), ANSWERS)
def test_each_type_of_call_is_answered_by_its_own_type_of_output(item, content, output):
    rendered = render(NAME, [item], lambda call: success(call, content))
    assert rendered.messages == [output]
    assert rendered.assistant_message == [item]
    assert rendered.replaced == ()


FAILURES = [
    (SHELL, lambda out: out["output"][0]["stderr"], lambda out: out["output"][0]["outcome"]["exit_code"] == 1),
    (PATCH, lambda out: out["output"], lambda out: out["status"] == "failed"),
    (LOCAL, lambda out: out["output"], lambda out: out["type"] == "local_shell_call_output"),
    (CUSTOM, lambda out: out["output"], lambda out: "status" not in out),
]


@pytest.mark.parametrize(("item", "text", "flagged"), FAILURES)
def test_a_failure_is_said_in_each_types_own_way(item, text, flagged):
    (output,) = render(NAME, [item], failure).messages
    assert "no such city" in text(output)
    assert flagged(output)


def test_a_timeout_of_a_shell_is_a_timeout_outcome():
    parsed = read(NAME, [SHELL])
    result = copy.copy(failure(parsed.calls[0]))
    object.__setattr__(result, "status", "timeout")
    (output,) = dialect_named(NAME).render(parsed, [result]).messages
    assert output["output"][0]["outcome"] == {"type": "timeout"}


@pytest.mark.parametrize("item", [COMPUTER, SEARCH])
def test_what_has_no_place_for_an_error_is_answered_all_the_same_and_reported(item):
    rendered = render(NAME, [item], failure)
    assert len(rendered.messages) == 1
    assert rendered.replaced == (0,)


def test_parts_of_a_function_result_become_input_blocks():
    (output,) = render(NAME, message(NAME)[:2], lambda call: success(call, (Text("a"), Text("")))).messages
    assert output["output"] == [{"type": "input_text", "text": "a"}]


def test_the_caller_of_a_call_is_repeated_in_its_answer():
    item = {**message(NAME)[1], "caller": {"type": "program", "caller_id": "prog_1"}}
    (output,) = render(NAME, [item]).messages
    assert output["caller"] == {"type": "program", "caller_id": "prog_1"}


@pytest.mark.parametrize("key", ["async", "async_"])
def test_a_call_declared_async_may_stay_open(key):
    items = [{**message(NAME)[1], key: True}, message(NAME)[2]]
    assert [call.may_stay_open for call in dialect_named(NAME).parse(items).calls] == [True, False]


def test_reasoning_and_foreign_items_stay_where_they_are():
    items = [*message(NAME), {"type": "web_search_call", "id": "ws_1", "status": "completed"}]
    items[2]["call_id"] = items[1]["call_id"]
    rendered = render(NAME, items)
    assert [item["type"] for item in rendered.assistant_message] == [item["type"] for item in items]
    assert rendered.assistant_message[0] is items[0]
    assert rendered.assistant_message[3] is items[3]
    assert rendered.assistant_message[2]["call_id"] != items[2]["call_id"]


BROKEN = [
    {"type": "shell_call", "call_id": "s", "action": "ls"},
    {"type": "apply_patch_call", "call_id": "p"},
    {"type": "custom_tool_call", "call_id": "c", "name": "run", "input": None},
    {"type": "function_call", "call_id": "f", "name": 3, "arguments": []},
    {"type": "computer_call", "call_id": "k"},
]


@pytest.mark.parametrize("item", BROKEN)
def test_an_unreadable_item_is_a_defect_and_is_answered_by_the_right_type(item):
    parsed = read(NAME, [item])
    assert parsed.calls[0].defect is not None
    rendered = dialect_named(NAME).render(parsed, [failure(parsed.calls[0])])
    (output,) = rendered.messages
    assert output["type"] == f"{item['type']}_output"
    assert rendered.assistant_message[0]["call_id"] == output["call_id"] == item["call_id"]


def test_a_call_id_longer_than_the_provider_takes_is_minted_on_both_sides():
    items = [{**message(NAME)[1], "call_id": "c" * 65}]
    rendered = render(NAME, items)
    assert rendered.assistant_message[0]["call_id"] == rendered.messages[0]["call_id"]
    assert len(rendered.messages[0]["call_id"]) <= 64
