"""What is refused before the module of the tools is imported, for that runs it; and what is said of one that fails."""

import json

import pytest

from tests.messages import call, message

GREET = message(call("greet", {"name": "Ada"}))


@pytest.fixture
def deadly(folder):
    """A module that leaves a trace when it is imported."""
    source = "import pathlib; pathlib.Path('imported').mkdir()\n" + (folder / "my_tools.py").read_text()
    (folder / "deadly.py").write_text(source)
    return folder


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--turn-timeout", "nan"], "--turn-timeout must be a finite number of seconds above 0, not nan\n"),
        (["--turn-timeout", "0"], "--turn-timeout must be"),
        (["--key", ""], "--key must be text that is not empty, not ''\n"),
        (["--dialect", "esperanto"], "There is no dialect 'esperanto'"),
        (["--dialect", "gemini"], "no message in the dialect gemini"),
    ],
)
def test_a_wrong_option_is_told_before_the_tools_are_imported(deadly, everycall, words, says):
    answer = everycall("run", "message.json", "--tools", "deadly:registry", *words)
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert says in answer.err
    assert not (deadly / "imported").exists()


def test_a_message_of_no_use_is_told_before_the_tools_are_imported(deadly, everycall):
    (deadly / "history.json").write_text(json.dumps([{"role": "user", "content": "hi"}, GREET]))
    answer = everycall("run", "history.json", "--tools", "deadly:registry")
    assert (answer.code, "not the history" in answer.err) == (2, True)
    assert not (deadly / "imported").exists()


def test_tools_in_a_dialect_that_does_not_exist_are_not_imported(deadly, everycall):
    answer = everycall("tools", "deadly:registry", "--dialect", "esperanto")
    assert (answer.code, "There is no dialect 'esperanto'" in answer.err) == (2, True)
    assert not (deadly / "imported").exists()


def test_the_name_of_a_file_instead_of_a_module_is_told_before_it_is_imported(deadly, everycall):
    calls = {
        "--tools": ["run", "message.json", "--tools", "deadly.py:registry"],
        "tools": ["tools", "deadly.py:registry"],
    }
    for asked_by, words in calls.items():
        answer = everycall(*words)
        assert (answer.code, answer.err.count("\n")) == (2, 1)
        wants = f"{asked_by} wants module:attribute, such as my_app.tools:registry, with dots and without .py; not "
        assert answer.err.startswith("everycall: " + wants)
        assert not (deadly / "imported").exists()


@pytest.mark.parametrize("words", [["run", "", "--tools", "my_tools:registry"], ["check", ""], ["repair", ""]])
def test_an_empty_name_of_a_file_is_told_as_such(folder, everycall, words):
    answer = everycall(*words)
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert "'': the name of the file is empty" in answer.err


def test_an_output_without_a_name_is_told_as_such(folder, everycall):
    (folder / "history.json").write_text(json.dumps([{"role": "user", "content": "hi"}]))
    for out in ("", str(folder)):
        answer = everycall("repair", "history.json", "-o", out)
        assert (answer.code, "-o wants the name of a file" in answer.err) == (2, True)


def test_a_name_that_the_system_refuses_is_told_and_the_other_files_are_read(folder, everycall):
    (folder / "history.json").write_text(json.dumps([{"role": "user", "content": "hi"}]))
    answer = everycall("check", "n" * 300, "history.json")
    assert (answer.code, answer.out) == (2, "1 conversation, 1 message: no findings; 1 could not be read\n")
    assert "name too long" in answer.err


def test_a_current_directory_that_is_gone_is_no_traceback(tmp_path, everycall, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    answer = everycall("tools", "nowhere_at_all:registry")
    assert (answer.code, answer.err.startswith("everycall: There is no module 'nowhere_at_all'")) == (2, True)


def test_a_machine_that_allows_no_event_loop_is_one_line_and_exit_code_2(folder, everycall, monkeypatch):
    from everycall.cli import turns

    def refuse(_):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(turns.anyio, "run", refuse)
    answer = everycall("run", "message.json", "--tools", "my_tools:registry")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == "everycall: an event loop cannot be started here: Too many open files\n"


FAILING = {
    "in an option": ("registry = ToolRegistry()\n@registry.tool(timeout=float('nan'))\nasync def f(): ...", 3),
    "in a tool": ("registry = ToolRegistry()\nregistry.add(lambda: 1)", 3),
    "in a function": ("def make():\n    return Retry(attempts=0)\n\nregistry = ToolRegistry(retry=make())", 3),
    "in an import": ("\nimport nowhere_at_all", 3),
}


@pytest.mark.parametrize("case", FAILING)
def test_a_module_that_misuses_this_package_is_shown_with_its_own_line(folder, everycall, case):
    source, line = FAILING[case]
    (folder / "misuse.py").write_text("from everycall import Retry, ToolRegistry\n" + source)
    answer = everycall("tools", "misuse:registry")
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert answer.err.endswith(f" ({folder / 'misuse.py'}, line {line})\n")


def test_an_error_of_this_package_is_shown_whole_with_its_cure(folder, everycall):
    source = "from everycall import ToolRegistry\nr = ToolRegistry()\n@r.tool\ndef f(x: 'Nope'): ...\n"
    lazy = source.replace("@r", "    @r").replace("def", "    def").replace("r =", "def __getattr__(name):\n    r =")
    (folder / "unresolved.py").write_text(source)
    (folder / "lazily.py").write_text(lazy)
    for target in ("unresolved:r", "lazily:r"):
        answer = everycall("tools", target)
        assert (answer.code, answer.err.count("\n")) == (2, 1)
        assert "UsageError: Tool 'f': the annotation 'Nope'" in answer.err
        assert "or write the annotation without quotes." in answer.err
        assert "..." not in answer.err


def test_what_a_module_raises_at_length_is_cut_once(folder, everycall):
    for kind, most in (("ValueError", 600), ("UsageError", 2600)):
        source = f"from everycall import UsageError\nraise {kind}('at length, ' * 100_000)"
        (folder / f"{kind}s.py").write_text(source)
        answer = everycall("tools", f"{kind}s:r")
        assert (answer.code, answer.err.count("\n")) == (2, 1)
        assert (answer.err.count("..."), "more characters" in answer.err) == (1, False)
        assert answer.err.endswith(f"{kind}s.py, line 2)\n")
        assert len(answer.err) < most
