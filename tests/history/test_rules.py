"""What counts as a fault and what becomes of it, case by case."""

import json

import pytest

from everycall.core.content import Image, Text
from everycall.core.errors import UsageError
from everycall.core.outcomes import ToolResult
from everycall.history import check, repair
from everycall.history.placeholder import SENTENCE
from tests.history.conversations import DIALECTS, Call, Calls, Res, Say, User, wire

HELLO = {"role": "user", "content": "Hi"}


def call(call_id, name="f", **arguments):
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}


def calls(*entries):
    return {"role": "assistant", "content": "", "tool_calls": list(entries)}


def result(call_id, content="r", **more):
    return {"role": "tool", "tool_call_id": call_id, "content": content, **more}


def kinds(history, dialect=None, **options):
    return [finding.kind for finding in check(history, dialect, **options)]


def test_a_finding_says_where_what_and_what_the_provider_would_answer():
    found = check([HELLO, calls(call("c1", "weather")), HELLO])
    assert len(found) == 1
    finding = found[0]
    assert (finding.position, finding.kind, finding.call_id) == (1, "missing_result", "c1")
    assert finding.message == "The call 'c1' of 'weather' has no result."
    assert finding.provider_error == (
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
        "The following tool_call_ids did not have response messages: c1"
    )


@pytest.mark.parametrize(
    ("dialect", "words"),
    [
        ("anthropic", "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: c1."),
        ("bedrock", "Expected toolResult blocks at messages.2.content for the following Ids: c1"),
        ("openai-responses", "No tool output found for function call c1."),
        ("gemini", "Please ensure that the number of function response parts is equal to the number of function call"),
    ],
)
def test_each_provider_answers_in_its_own_words(dialect, words):
    history = wire(dialect, [User("Hi"), Calls((Call("c1", "f"),)), User("Well?")])
    assert check(history, dialect)[0].provider_error.startswith(words)


def test_braces_in_an_id_are_text_and_not_a_template():
    assert "{index}{0.x}" in check([HELLO, calls(call("{index}{0.x}")), HELLO])[0].provider_error


def test_a_hostile_id_is_escaped_and_cut_in_what_is_said():
    finding = check([HELLO, calls(call("\x1b[2J" + "x" * 3000)), HELLO])[0]
    assert finding.message.isprintable()
    assert len(finding.message) < 200
    assert len(finding.provider_error) < 500
    assert finding.call_id.startswith("\x1b")


def test_a_later_result_under_a_repeated_id_belongs_to_the_nearest_turn():
    history = [HELLO, calls(call("c")), HELLO, calls(call("c")), result("c")]
    assert [(one.position, one.kind) for one in check(history)] == [(1, "missing_result")]


def test_calls_in_two_messages_before_their_results_are_put_in_order_and_nothing_is_invented():
    history = [HELLO, calls(call("a")), calls(call("b")), result("a", "of a"), result("b", "of b")]
    assert kinds(history) == ["interleaved_message"]
    mended = repair(history)
    assert mended.messages == [HELLO, history[1], history[3], history[2], history[4]]
    assert [edit.kind for edit in mended.edits] == ["moved"]


def test_repeated_ids_in_one_message_are_answered_in_order_and_the_later_ones_get_new_ids():
    history = [HELLO, calls(call("c", n=1), call("c", n=2)), result("c", "one"), result("c", "two")]
    assert kinds(history) == ["duplicate_call_id"]
    messages = repair(history).messages
    ids = [one["id"] for one in messages[1]["tool_calls"]]
    assert ids[0] == "c"
    assert ids[1] not in ("c", "")
    assert [(one["tool_call_id"], one["content"]) for one in messages[2:]] == [("c", "one"), (ids[1], "two")]


def test_two_repeated_ids_with_names_are_paired_by_name():
    history = [
        HELLO,
        calls(call("c", "f"), call("c", "g")),
        result("c", "of g", name="g"),
        result("c", "of f", name="f"),
    ]
    messages = repair(history).messages
    second = messages[1]["tool_calls"][1]["id"]
    assert [(one["tool_call_id"], one["content"]) for one in messages[2:]] == [(second, "of g"), ("c", "of f")]


def test_a_result_without_a_place_is_never_given_to_the_last_call():
    history = [HELLO, calls(call("c1", "weather")), result("made_up", "21 C", name="weather")]
    assert kinds(history) == ["missing_result", "orphan_result"]
    mended = repair(history)
    assert SENTENCE in mended.messages[2]["content"]
    assert mended.messages[2]["tool_call_id"] == "c1"
    assert [edit.dropped for edit in mended.edits if edit.kind == "dropped"] == [history[2]]


def test_a_copy_of_a_result_is_not_given_to_a_later_call_of_the_same_id():
    history = [HELLO, calls(call("c")), result("c", "same"), result("c", "same"), calls(call("c")), HELLO]
    assert kinds(history) == ["duplicate_result", "missing_result"]
    other = [*history[:3], result("c", "other"), *history[4:]]
    assert kinds(other) == ["result_before_call"]
    assert repair(other).messages == [*history[:3], history[4], other[3], HELLO]


def test_the_first_result_of_a_call_is_kept_and_the_other_is_listed():
    history = [HELLO, calls(call("c1")), result("c1", "first"), result("c1", "second")]
    mended = repair(history)
    assert mended.messages == history[:3]
    assert mended.edits[0].dropped == history[3]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("between", [[], [User("And?"), Say("Wait.")]])
def test_a_real_result_that_turns_up_later_takes_the_place_of_one_that_was_put_in(dialect, between):
    history = repair(wire(dialect, [User("Hi"), Calls((Call("c1", "f"),)), User("Well?")]), dialect).messages
    late = [*history, *wire(dialect, [*between, Res("c1", "f", "the real one")])]
    assert "duplicate_result" in kinds(late, dialect)
    messages = repair(late, dialect).messages
    assert "the real one" in repr(messages)
    assert SENTENCE not in repr(messages)


def test_what_is_put_in_claims_nothing_it_cannot_know():
    text = repair([HELLO, calls(call("c1")), HELLO]).messages[2]["content"]
    assert json.loads(text) == {
        "error": {
            "status": "interrupted",
            "code": "in_doubt",
            "effect": "unknown",
            "message": SENTENCE,
            "retryable": False,
        }
    }


@pytest.mark.parametrize(
    ("dialect", "flag"),
    [
        ("anthropic", lambda message: message["content"][0]["is_error"]),
        ("bedrock", lambda message: message["content"][0]["toolResult"]["status"] == "error"),
        ("gemini", lambda message: "error" in message["parts"][0]["functionResponse"]["response"]),
        ("langchain", lambda message: message["status"] == "error"),
    ],
)
def test_what_is_put_in_has_the_error_flag_of_its_provider(dialect, flag):
    history = wire(dialect, [User("Hi"), Calls((Call("c1", "f"),)), Say("So.")])
    assert flag(repair(history, dialect).messages[2])


class TestRealResults:
    def test_they_are_used_where_they_are_known(self):
        known = ToolResult(
            call_id="c2", tool_name="f", status="timeout", code="attempt", effect="unknown", content="too late"
        )
        history = [HELLO, calls(call("c1"), call("c2"), call("c3")), HELLO]
        mended = repair(history, results={"c1": "21 C", "c2": known, "c9": "of another turn"})
        contents = [one["content"] for one in mended.messages[2:5]]
        assert contents[:2] == ["21 C", "too late"]
        assert SENTENCE in contents[2]

    def test_they_keep_their_flag_and_their_pictures(self):
        known = ToolResult(
            call_id="c1",
            tool_name="f",
            status="success",
            code="ok",
            effect="done",
            content=(Text("see"), Image(data=b"png")),
        )
        history = wire("anthropic", [User("Hi"), Calls((Call("c1", "f"),)), User("Well?")])
        block = repair(history, results={"c1": known}).messages[2]["content"][0]
        assert [part["type"] for part in block["content"]] == ["text", "image"]
        assert "is_error" not in block

    def test_one_for_an_id_that_came_again_goes_to_the_last_call(self):
        history = [HELLO, calls(call("c")), HELLO, calls(call("c")), HELLO]
        messages = repair(history, results={"c": "real"}).messages
        assert (SENTENCE in messages[2]["content"], messages[5]["content"]) == (True, "real")

    def test_one_that_stands_in_the_history_wins(self):
        history = [HELLO, calls(call("c1")), result("c1", "there")]
        assert repair(history, results={"c1": "given"}).messages == history

    @pytest.mark.parametrize("wrong", [["c1"], {"c1": 3}, "c1"])
    def test_anything_else_is_refused(self, wrong):
        with pytest.raises(UsageError, match="results"):
            repair([HELLO], results=wrong)


class TestWhatIsNotOurs:
    def test_calls_that_the_provider_runs_need_no_result_from_us(self):
        history = [
            HELLO,
            {
                "role": "assistant",
                "content": [
                    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
                    {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
                    {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "x", "server_name": "s", "input": {}},
                ],
            },
        ]
        assert check(history) == []
        items = [
            {"role": "user", "content": "Hi"},
            {"type": "web_search_call", "id": "ws_1", "status": "completed"},
            {"type": "mcp_call", "id": "mcp_1", "name": "x", "arguments": "{}"},
            {
                "type": "shell_call",
                "call_id": "s1",
                "action": {"commands": []},
                "environment": {"type": "container_reference"},
            },
            {"type": "shell_call_output", "call_id": "s1", "output": []},
            {"type": "tool_search_call", "execution": "server", "call_id": None, "arguments": {}},
            {"type": "tool_search_output", "execution": "server", "call_id": None, "tools": []},
        ]
        assert check(items) == []
        gemini = [
            {"role": "user", "parts": [{"text": "Hi"}]},
            {"role": "model", "parts": [{"toolCall": {"id": "t1"}}, {"toolResponse": {"id": "t1"}}]},
            {"role": "user", "parts": [{"text": "So?"}]},
        ]
        assert check(gemini) == []
        bedrock = [
            {"role": "user", "content": [{"text": "Hi"}]},
            {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t", "name": "x", "type": "server_tool_use"}}]},
            {"role": "user", "content": [{"toolResult": {"toolUseId": "t", "content": [], "type": "server_result"}}]},
        ]
        assert check(bedrock) == []

    def test_calls_that_may_stay_open_are_no_finding_and_get_no_result(self):
        items = [
            {"role": "user", "content": "Hi"},
            {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}", "async": True},
            {"type": "function_call", "call_id": "b", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "b", "output": "1"},
            {"role": "user", "content": "Go on."},
        ]
        assert check(items) == []
        assert repair(items).edits == ()
        answered = [*items, {"type": "function_call_output", "call_id": "a", "output": "late"}]
        assert check(answered) == []


class TestResponses:
    def test_reasoning_stays_in_front_of_its_call(self):
        history = wire("openai-responses", [User("Hi"), Calls((Call("a", "f"), Call("b", "g")), "why"), User("Well?")])
        mended = repair(history)
        assert mended.messages[:4] == history[:4]
        assert [item.get("type") for item in mended.messages[4:]] == ["function_call_output"] * 2 + [None]

    def test_an_output_of_another_kind_than_its_call_gets_the_kind_of_its_call(self):
        items = [
            {"role": "user", "content": "Hi"},
            {"type": "custom_tool_call", "call_id": "c1", "name": "run", "input": "1"},
            {"type": "function_call_output", "call_id": "c1", "output": "real"},
        ]
        assert kinds(items) == ["mismatched_name"]
        messages = repair(items).messages
        assert messages[2] == {"type": "custom_tool_call_output", "call_id": "c1", "output": "real"}

    def test_a_result_may_come_late_but_not_behind_another_call_of_its_id(self):
        events = [User("Hi"), Calls((Call("c", "f"),)), User("And?"), Res("c", "f", "late"), Say("Ok")]
        assert kinds(wire("openai-responses", events)) == []
        again = [*events[:3], Calls((Call("c", "f"),)), Res("c", "f", "two"), User("Well?"), Res("c", "f", "one")]
        history = wire("openai-responses", again)
        assert kinds(history) == ["interleaved_message"]
        messages = repair(history).messages
        assert [item["output"] for item in messages if "output" in item] == ["one", "two"]

    def test_every_type_of_call_gets_an_output_of_its_own_type(self):
        items = [
            {"type": "shell_call", "call_id": "1", "action": {"commands": ["ls"]}},
            {"type": "apply_patch_call", "call_id": "2", "operation": {"type": "delete_file", "path": "x"}},
            {"type": "local_shell_call", "call_id": "3", "action": {"type": "exec", "command": []}},
            {"type": "custom_tool_call", "call_id": "4", "name": "run", "input": "x"},
            {"type": "computer_call", "call_id": "5", "actions": []},
        ]
        mended = repair(items)
        assert [item["type"] for item in mended.messages[5:]] == [f"{item['type']}_output" for item in items]
        assert check(mended.messages) == []
        wrong = [items[0], {"type": "function_call_output", "call_id": "1", "output": "real"}]
        messages = repair(wrong).messages
        assert (messages[1]["type"], messages[1]["output"][0]["stdout"]) == ("shell_call_output", "real")


class TestResultsInOneMessage:
    def test_bedrock_and_gemini_want_all_results_of_a_turn_in_one_message(self):
        events = [
            User("Hi"),
            Calls((Call("a", "f"), Call("b", "g"))),
            Res("a", "f", "1"),
            Res("b", "g", "2"),
            Say("Ok"),
        ]
        for dialect in ("bedrock", "gemini", "anthropic"):
            whole = wire(dialect, events)
            field = "parts" if dialect == "gemini" else "content"
            role = whole[2]["role"]
            halves = [{"role": role, field: [part]} for part in whole[2][field]]
            split = [*whole[:2], *halves, whole[3]]
            assert kinds(split, dialect) == ([] if dialect == "anthropic" else ["split_results"])
            assert repair(split, dialect).messages == (split if dialect == "anthropic" else whole)

    def test_text_behind_results_that_were_split_comes_along(self):
        whole = wire(
            "bedrock", [User("Hi"), Calls((Call("a", "f"), Call("b", "g"))), Res("a", "f", "1"), Res("b", "g", "2")]
        )
        first, second = whole[2]["content"]
        split = [
            *whole[:2],
            {"role": "user", "content": [first]},
            {"role": "user", "content": [second, {"text": "And?"}]},
        ]
        assert repair(split).messages == [*whole[:2], {"role": "user", "content": [first, second, {"text": "And?"}]}]

    def test_text_ahead_of_the_results_goes_behind_them(self):
        text = {"type": "text", "text": "Thanks"}
        block = {"type": "tool_result", "tool_use_id": "a", "content": "1"}
        history = wire("anthropic", [User("Hi"), Calls((Call("a", "f"),))])
        assert kinds([*history, {"role": "user", "content": [block, text]}]) == []
        broken = [*history, {"role": "user", "content": [text, block]}]
        assert kinds(broken) == ["interleaved_message"]
        assert repair(broken).messages[2]["content"] == [block, text]

    def test_a_missing_result_goes_into_the_user_message_that_follows(self):
        for dialect, text in (("anthropic", {"type": "text", "text": "Well?"}), ("bedrock", {"text": "Well?"})):
            history = wire(dialect, [User("Hi"), Calls((Call("a", "f"),)), User("Well?")])
            messages = repair(history, dialect).messages
            assert [message["role"] for message in messages] == ["user", "assistant", "user"]
            assert messages[2]["content"][1] == text

    def test_roles_go_on_alternating_where_a_lone_orphan_is_taken_out(self):
        for dialect in ("bedrock", "gemini"):
            history = wire(dialect, [User("Hi"), Say("One."), Res("no", "f", "x"), Say("Two.")])
            messages = repair(history, dialect).messages
            assert len(messages) == 4
            assert "answered no call" in repr(messages[2])
            assert check(messages, dialect) == []

    def test_anthropic_joins_neighbouring_messages_of_one_role(self):
        def use(call_id):
            return {"role": "assistant", "content": [{"type": "tool_use", "id": call_id, "name": "f", "input": {}}]}

        def answer(call_id):
            return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call_id, "content": "1"}]}

        assert kinds([HELLO, use("a"), use("b"), answer("b"), answer("a"), HELLO]) == []
        assert kinds([HELLO, use("a"), use("a"), answer("a"), answer("a")]) == ["duplicate_call_id"]


class TestContent:
    @pytest.mark.parametrize("content", [None, {"temperature": 21}, 21])
    def test_a_result_without_text_gets_one(self, content):
        history = [HELLO, calls(call("c1")), result("c1", content)]
        assert kinds(history, "openai-chat") == ["invalid_content"]
        text = repair(history, "openai-chat").messages[2]["content"]
        assert text == ("(no output)" if content is None else json.dumps(content))

    def test_anthropic_refuses_errors_without_text_and_blank_blocks(self):
        def with_block(**block):
            history = wire("anthropic", [User("Hi"), Calls((Call("a", "f"),))])
            return [*history, {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", **block}]}]

        image = {"type": "image", "source": {"type": "url", "url": "https://x.org/a.png"}}
        for block in (
            {"content": "", "is_error": True},
            {"is_error": True},
            {"content": [], "is_error": True},
            {"content": [image], "is_error": True},
            {"content": [{"type": "text", "text": ""}]},
            {"content": 3},
        ):
            assert kinds(with_block(**block)) == ["invalid_content"], block
            mended = repair(with_block(**block))
            assert check(mended.messages) == []
            assert mended.messages[2]["content"][0]["content"]
        for block in ({}, {"content": ""}, {"content": [image]}, {"content": "x", "is_error": True}):
            assert kinds(with_block(**block)) == [], block

    def test_gemini_wants_an_object_as_the_response(self):
        history = wire("gemini", [User("Hi"), Calls((Call(None, "f"),))])
        broken = [*history, {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": "21 C"}}]}]
        assert kinds(broken) == ["invalid_content"]
        assert repair(broken).messages[2]["parts"][0]["functionResponse"]["response"] == {"result": "21 C"}

    def test_ollama_takes_text_only(self):
        history = wire("ollama", [User("Hi"), Calls((Call(None, "f"),))])
        parts = [{"type": "text", "text": "21"}, {"type": "text", "text": "C"}]
        broken = [*history, {"role": "tool", "tool_name": "f", "content": parts}]
        assert kinds(broken, "ollama") == ["invalid_content"]
        assert repair(broken, "ollama").messages[2]["content"] == "21\nC"


def test_the_old_function_call_is_paired_by_name():
    history = [
        HELLO,
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "1"},
    ]
    assert check(history) == []
    assert kinds(history[:2]) == ["missing_result"]
    assert repair(history[:2]).messages[2]["role"] == "function"
    assert check(repair(history[:2]).messages) == []


def test_invalid_calls_of_langchain_want_an_answer_too():
    invalid = {"type": "invalid_tool_call", "id": "i1", "name": "f", "args": "{", "error": "cut"}
    history = [
        {"type": "human", "content": "Hi"},
        {"type": "ai", "content": "", "tool_calls": [], "invalid_tool_calls": [invalid]},
    ]
    assert kinds(history) == ["missing_result"]
    answer = {"type": "tool", "tool_call_id": "i1", "content": "It was cut off.", "status": "error"}
    assert kinds([*history, answer]) == []


def test_an_id_that_the_provider_does_not_take_is_replaced_on_both_sides():
    history = wire("anthropic", [User("Hi"), Calls((Call("a b|c", "f"),)), Res("a b|c", "f", "1")])
    found = check(history)
    assert [(one.kind, one.position) for one in found] == [("invalid_id", 1)]
    assert "String should match pattern" in found[0].provider_error
    messages = repair(history).messages
    minted = messages[1]["content"][0]["id"]
    assert messages[2]["content"][0]["tool_use_id"] == minted
    assert minted.startswith("toolu_")


def test_a_history_of_ten_thousand_hostile_results_is_still_linear():
    import time

    many = [call("c", "f", n=number) for number in range(3000)]
    history = [HELLO, calls(*many), *[result("c", "x", name="g") for _ in range(6000)]]
    history += [calls(call("c")), HELLO] * 1000 + [result("c") for _ in range(2000)]
    started = time.perf_counter()
    mended = repair(history)
    assert time.perf_counter() - started < 20
    assert check(mended.messages) == []
