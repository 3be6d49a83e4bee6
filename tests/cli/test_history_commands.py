"""`everycall check` and `everycall repair` on the command line."""

import argparse
import io
import json
import sys
import tracemalloc

import pytest

from everycall.cli.history import add_commands
from everycall.history import check
from tests.history.conversations import wire
from tests.history.samples import conversations, drops, duplicates, inserts_user, invents_result_ids

GOOD = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
OPEN = [
    {"role": "user", "content": "How warm is it?"},
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "user", "content": "Hello?"},
]


@pytest.fixture
def everycall(capsys):
    """Run a command line; returns its exit code, and what it printed on stdout and stderr."""

    def run(*words):
        parser = argparse.ArgumentParser(prog="everycall")
        add_commands(parser.add_subparsers(required=True))
        args = parser.parse_args([str(word) for word in words])
        code = args.run(args)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def stored(tmp_path, content, name="history.json"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("holder", [None, "messages", "input", "contents"])
@pytest.mark.parametrize("indent", [None, 2])
def test_a_clean_file_exits_0(tmp_path, everycall, holder, indent):
    value = GOOD if holder is None else {"model": "m", holder: GOOD}
    code, out, err = everycall("check", stored(tmp_path, json.dumps(value, indent=indent)))
    assert (code, err) == (0, "")
    assert out == "1 conversation, 2 messages: no findings\n"


def test_a_finding_exits_1_and_shows_the_place(tmp_path, everycall):
    path = stored(tmp_path, json.dumps(OPEN))
    code, out, err = everycall("check", path)
    assert (code, err) == (1, "")
    assert out.splitlines() == [
        f"{path}: 1 finding (openai-chat)",
        "  message 1: missing_result (call_1)",
        "    The call 'call_1' of 'weather' has no result.",
        "      0  user       How warm is it?",
        "    > 1  assistant  calls weather(call_1)",
        "         ^ no result: call_1",
        "      2  user       Hello?",
        (
            "    The provider would say: An assistant message with 'tool_calls' must be followed by tool messages "
            "responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: call_1"
        ),
        "",
        "1 conversation, 3 messages: 1 finding in 1 conversation",
    ]


def test_a_call_that_is_far_away_is_shown_too(tmp_path, everycall):
    chatter = [{"role": "user", "content": f"word {number}"} for number in range(9)]
    late = {"role": "tool", "tool_call_id": "call_1", "content": "21 C"}
    done = {"role": "tool", "tool_call_id": "call_1", "content": "22 C"}
    path = stored(tmp_path, json.dumps([*OPEN[:2], done, *chatter, late]))
    code, out, _ = everycall("check", path)
    assert code == 1
    assert "       1  assistant  calls weather(call_1)\n          ...\n" in out
    assert "    > 12  results    result of call_1: 21 C\n          ^ answered already: call_1" in out


def test_calls_at_the_end_may_be_allowed_to_wait(tmp_path, everycall):
    path = stored(tmp_path, json.dumps(OPEN[:2]))
    assert everycall("check", path)[0] == 1
    assert everycall("check", path, "--allow-open")[0] == 0


def test_json_output_is_one_object_per_conversation_with_findings_and_a_summary(tmp_path, everycall):
    lines = [
        json.dumps(GOOD),
        json.dumps({"messages": OPEN}),
        "",
        json.dumps(wire("anthropic", drops(conversations()[100], 1))),
    ]
    path = stored(tmp_path, "\n".join(lines), "many.jsonl")
    code, out, err = everycall("check", "--output", "json", path)
    assert (code, err) == (1, "")
    first, second, summary = [json.loads(line) for line in out.splitlines()]
    assert first["conversation"] == f"{path}, line 2"
    assert (first["dialect"], second["dialect"]) == ("openai-chat", "anthropic")
    assert first["findings"][0]["kind"] == "missing_result"
    assert first["findings"][0]["call_id"] == "call_1"
    assert summary == {"summary": {"conversations": 3, "messages": 9, "with_findings": 2, "findings": 2, "unusable": 0}}


def test_the_dialect_can_be_named(tmp_path, everycall):
    path = stored(tmp_path, json.dumps(GOOD))
    assert everycall("check", "--dialect", "anthropic", path)[0] == 0
    code, _, err = everycall("check", "--dialect", "gemini", path)
    assert code == 2
    assert "known are user, model, function" in err


DEEP = '[{"role": "user", "content": ' + "[" * 100_000 + "]" * 100_000 + "}]"
UNUSABLE = {
    "not JSON": (b"[{", "not JSON: "),
    "no list": (b'{"model": "m"}', "an object without a list under 'messages'."),
    "a number": (b"17", "neither a list of messages nor an object that holds one."),
    "one message": (b'{"role": "user", "content": "x"}', "this is one message, not a conversation"),
    "a text for a message": (b'["x"]', "Message 0 is a str, not a message."),
    "an unknown role": (b'[{"role": "wizard", "content": "x"}]', "Message 0 has the role 'wizard'; known are system"),
    "no role": (b'[{"content": "x"}]', "Message 0 has the role None; known are system"),
    "not UTF-8": (b'[{"role": "user", "content": "\xff"}]', "not UTF-8, at byte 30."),
    "empty": (b"", "the file is empty."),
    "blank": (b"\n \n", "the file is empty."),
    "nested deeply": (DEEP.encode(), "nested"),
    "a little too deep": (
        ("[" + json.dumps({"role": "user", "content": 0})[:-2] + "[" * 70 + "]" * 70 + "}]").encode(),
        "nested deeper than 64 levels",
    ),
    "50 MB": (b'[{"role": "user", "content": "' + b"x" * 50_000_000 + b'"}]', "too large"),
    "NaN": (b'[{"role": "user", "content": NaN}]', "not JSON: it has a number that is none"),
    "a huge number": (b'[{"role": "user", "content": ' + b"9" * 5000 + b"}]", "not JSON: it has a number that is none"),
    "calls that are no list": (
        b'[{"role": "assistant", "tool_calls": "x"}]',
        "Message 0: The message's tool_calls are",
    ),
}


@pytest.mark.parametrize("command", ["check", "repair"])
@pytest.mark.parametrize("name", UNUSABLE)
def test_what_cannot_be_read_exits_2_with_one_clear_line(tmp_path, everycall, name, command):
    content, expected = UNUSABLE[name]
    path = stored(tmp_path, content)
    code, out, err = everycall(command, path)
    assert code == 2
    assert expected in err
    assert err.startswith(f"everycall: {path}")
    assert err.count("\n") == 1
    assert len(err) < 700
    assert out == ("0 conversations, 0 messages: no findings; 1 could not be read\n" if command == "check" else "")


def test_a_missing_file_exits_2(tmp_path, everycall):
    code, _, err = everycall("check", tmp_path / "none.json")
    assert (code, err) == (2, f"everycall: {tmp_path / 'none.json'}: No such file or directory\n")


def test_one_damaged_line_does_not_hide_the_others(tmp_path, everycall):
    lines = ['{"messages": [}', json.dumps(OPEN), '{"messages": 3}', json.dumps(GOOD)]
    code, out, err = everycall("check", stored(tmp_path, "\n".join(lines), "many.jsonl"))
    assert code == 2
    assert [line.split(": ")[1].rpartition(", ")[2] for line in err.splitlines()] == ["line 1", "line 3"]
    assert "line 2: 1 finding" in out
    assert out.endswith("2 conversations, 5 messages: 1 finding in 1 conversation; 2 could not be read\n")


def test_what_a_conversation_holds_cannot_steer_the_terminal(tmp_path, everycall):
    evil = "\x1b[2J\x1b]0;owned\x07\u202e\r\nrest"
    call = {"id": evil, "type": "function", "function": {"name": evil, "arguments": "{}"}}
    history = [{"role": "user", "content": evil}, {"role": "assistant", "content": "", "tool_calls": [call]}, OPEN[2]]
    code, out, err = everycall("check", stored(tmp_path, json.dumps(history)))
    assert code == 1
    assert all(character.isprintable() or character == "\n" for character in out + err)


def test_repair_writes_a_clean_file_and_says_what_it_did(tmp_path, everycall):
    path, mended = stored(tmp_path, json.dumps({"model": "m", "messages": OPEN}, indent=4)), tmp_path / "mended.json"
    code, out, err = everycall("repair", path, "-o", mended)
    assert (code, out) == (0, "")
    assert "message 1: inserted: The call 'call_1' of 'weather' has no result on record" in err
    value = json.loads(mended.read_bytes())
    assert value["model"] == "m"
    assert [message["role"] for message in value["messages"]] == ["user", "assistant", "tool", "user"]
    assert everycall("check", mended)[0] == 0
    assert list(tmp_path.glob(".everycall-*")) == []


def test_repair_may_write_where_it_reads(tmp_path, everycall):
    path = stored(tmp_path, json.dumps(OPEN))
    assert everycall("repair", path, "-o", path)[0] == 0
    assert check(json.loads(path.read_bytes())) == []


def test_repair_keeps_lines_without_findings_byte_for_byte(tmp_path, everycall):
    odd = b'{"messages":   [{"role":"user","content":"\\u00e9\\ud800 1e2"}],  "n": 1.10}'
    lines = [
        odd,
        *(json.dumps(wire("openai-chat", one)).encode() for one in (drops(conversations()[0], 0), conversations()[1])),
    ]
    path, mended = stored(tmp_path, b"\n".join(lines), "many.jsonl"), tmp_path / "mended.jsonl"
    assert everycall("repair", path, "-o", mended)[0] == 0
    written = mended.read_bytes().splitlines()
    assert (written[0], written[2]) == (lines[0], lines[2])
    assert written[1] != lines[1]
    assert everycall("check", mended)[0] == 0


def test_repair_shows_the_words_of_what_it_takes_out(tmp_path, everycall):
    events = invents_result_ids(conversations()[100], 0)
    path = stored(tmp_path, json.dumps(wire("openai-chat", events)))
    code, out, err = everycall("repair", path)
    assert code == 0
    assert check(json.loads(out)) == []
    assert err.count("it said: result ") == 3
    code, _, err = everycall("repair", "--output", "json", path)
    edits = json.loads(err)["edits"]
    assert [edit["dropped"]["content"][:8] for edit in edits if edit["kind"] == "dropped"] == [
        "result 0",
        "result 1",
        "result 2",
    ]


def test_a_file_that_cannot_be_mended_whole_leaves_the_output_alone(tmp_path, everycall):
    path, mended = stored(tmp_path, json.dumps(OPEN) + '\n{"messages": 3}\n'), stored(tmp_path, "before", "mended.json")
    assert everycall("repair", path, "-o", mended)[0] == 2
    assert mended.read_text() == "before"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["history.json", "mended.json"]
    code, _, err = everycall("repair", stored(tmp_path, json.dumps(OPEN)), "-o", tmp_path / "no" / "such.json")
    assert (code, "No such file or directory" in err) == (2, True)


@pytest.mark.parametrize(
    "text", [json.dumps(OPEN) + '\n{"messages": 3}\n', "[{}", '[{"role": 3}]', json.dumps(OPEN) + "\n["]
)
def test_a_repair_that_writes_nothing_says_so(tmp_path, everycall, text):
    mended = tmp_path / "mended.json"
    code, _, err = everycall("repair", stored(tmp_path, text), "-o", mended)
    assert code == 2
    assert err.splitlines()[-1] == f"everycall: nothing was written to {mended}"
    assert not mended.exists()
    assert "nothing was written" not in everycall("repair", stored(tmp_path, text))[2]
    assert "nothing was written" not in everycall("repair", stored(tmp_path, json.dumps(OPEN)), "-o", mended)[2]


def test_half_a_character_survives_a_repair(tmp_path, everycall):
    history = [{"role": "user", "content": "\ud83d"}, *OPEN[1:]]
    code, out, _ = everycall("repair", stored(tmp_path, json.dumps(history)))
    assert code == 0
    assert json.loads(out)[0]["content"] == "\ud83d"


def test_the_standard_input_can_be_read(monkeypatch, everycall):
    class Stdin:
        buffer = io.BytesIO(json.dumps(OPEN).encode())

    monkeypatch.setattr(sys, "stdin", Stdin)
    assert everycall("check", "-")[0] == 1


def test_many_conversations_are_read_in_bounded_memory(tmp_path, everycall):
    one = json.dumps({"messages": wire("openai-chat", duplicates(conversations()[0], 0))})
    clean = json.dumps({"messages": wire("openai-chat", conversations()[0])})
    path = tmp_path / "big.jsonl"
    with path.open("w") as file:
        for _ in range(400):
            file.write(clean + "\n")
        file.write(one + "\n")
    tracemalloc.start()
    try:
        code, out, _ = everycall("check", path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert code == 1
    assert out.endswith("in 1 conversation\n")
    assert peak < path.stat().st_size / 4


def test_a_progress_bar_shows_on_a_terminal_for_large_files_only(tmp_path, monkeypatch, everycall):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    line = json.dumps([{"role": "user", "content": "x" * 100_000}])
    for lines, shown in ((60, True), (2, False)):
        screen = Terminal()
        monkeypatch.setattr(sys, "stderr", screen)
        assert everycall("check", stored(tmp_path, "\n".join([line] * lines)))[0] == 0
        assert ("%" in screen.getvalue()) is shown


def test_a_user_message_in_between_is_shown_with_the_call(tmp_path, everycall):
    history = wire("anthropic", inserts_user(conversations()[100], 0))
    code, out, _ = everycall("check", stored(tmp_path, json.dumps(history)))
    assert code == 1
    assert "interleaved_message" in out
    assert "Are you still there?" in out
