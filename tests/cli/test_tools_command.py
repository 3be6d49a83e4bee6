"""`everycall tools`: what a provider is told."""

import pytest

from everycall.cli.load import load_registry
from everycall.dialects import DIALECT_NAMES


def test_in_a_pipe_it_is_the_json_for_the_request(folder, everycall):
    answer = everycall("tools", "my_tools:registry")
    assert (answer.code, answer.err) == (0, "")
    greet = answer.json[0]["function"]
    assert greet["name"] == "greet"
    assert greet["parameters"]["required"] == ["name"]
    assert len(answer.json) == 6


@pytest.mark.parametrize("dialect", DIALECT_NAMES)
def test_every_dialect_has_its_own_definitions(folder, everycall, dialect):
    answer = everycall("tools", "my_tools:registry", "--dialect", dialect)
    assert answer.json == load_registry("my_tools:registry", asked_by="a test").definitions(dialect)


def test_the_table_names_parameters_and_says_what_may_be_repeated(folder, everycall):
    rows = everycall("tools", "my_tools:registry", "--output", "table").out.splitlines()
    assert rows[0].split() == ["tool", "parameters", "repeating", "timeout", "description"]
    assert rows[1].split() == ["greet", "name*,", "shout", "read-only", "5", "s", "Greets", "somebody."]
    assert [row.split()[2] for row in rows[2:4]] == ["not", "idempotent"]
    assert rows[-1] == "* required"


def test_a_terminal_gets_the_table(folder, everycall, terminal):
    assert everycall("tools", "my_tools:registry", terminal=terminal).code == 0
    assert "Greets somebody." in terminal.getvalue()


def test_a_registry_without_tools_says_so(folder, everycall):
    (folder / "none.py").write_text("from everycall import ToolRegistry\nx = ToolRegistry()")
    assert everycall("tools", "none:x", "--output", "table").out == "The registry has no tools.\n"
    assert everycall("tools", "none:x").json == []


def test_a_name_that_the_dialect_cannot_hold_is_one_line_in_either_output(folder, everycall):
    (folder / "dotted.py").write_text(
        "from everycall import ToolRegistry\nx = ToolRegistry()\n"
        "x.add(print, name='a.b', parameters={'type': 'object'})"
    )
    for output in ("json", "table"):
        answer = everycall("tools", "dotted:x", "--output", output)
        assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
        assert "a.b" in answer.err


def test_a_dialect_that_does_not_exist_is_one_line(folder, everycall):
    answer = everycall("tools", "my_tools:registry", "--dialect", "esperanto")
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert "There is no dialect 'esperanto'" in answer.err


def test_what_the_schema_says_is_escaped(folder, everycall):
    (folder / "odd.py").write_text(
        "from everycall import ToolRegistry\nx = ToolRegistry()\n"
        "x.add(lambda **_: 1, name='odd', description='\\x1b[2Jodd\\nmore',"
        " parameters={'type': 'object', 'properties': {'\\x1b[31ma\\u202e': {}}})"
    )
    shown = everycall("tools", "odd:x", "--output", "table").out
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "odd   a " in shown
    told = everycall("tools", "odd:x")
    assert "\x1b" not in told.out
    assert "\x1b[31ma\u202e" in told.json[0]["function"]["parameters"]["properties"]
