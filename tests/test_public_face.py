"""The public face: what can be imported, what the reference says about it, and that both agree with the code."""

import ast
import dataclasses
import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

import everycall
from everycall.core import events, outcomes, policy
from everycall.core.footprint import Footprint
from everycall.dialects import DIALECT_NAMES
from everycall.registry.arguments import MAX_DEPTH as ARGUMENT_DEPTH
from everycall.registry.data_schema import MAX_SCHEMA_BYTES
from everycall.registry.options import ToolOptions
from everycall.runtime import RuntimeStatistics, ToolStatistics
from everycall.turn.schedule import ScheduledCall
from everycall.turn.sink import HARD_CAP
from everycall.turn.walk import MAX_DEPTH as RESULT_DEPTH

ROOT = Path(__file__).parents[1]
FACE = ROOT / "src" / "everycall" / "__init__.py"
REFERENCE = (ROOT / "docs" / "reference.md").read_text("utf-8")
RESERVED = {"journal_unavailable", "in_doubt"}


def table(heading: str) -> list[list[str]]:
    """The rows of the first table below a heading of the reference, without code marks."""
    _, _, below = REFERENCE.partition(f"\n{heading}\n")
    lines = below[below.index("\n|") + 1 :].split("\n\n")[0].splitlines()
    return [[cell.strip().replace("`", "") for cell in line.strip("|").split("|")] for line in lines[2:]]


def section(heading: str) -> str:
    _, _, below = REFERENCE.partition(f"\n{heading}\n")
    assert below
    return re.split(r"\n#+ ", below)[0]


def paragraph(beginning: str) -> str:
    return next(one for one in REFERENCE.split("\n\n") if one.startswith(beginning))


def words(text: str) -> set[str]:
    return set(re.findall(r"[A-Za-z_]\w*", " ".join(re.findall(r"`([^`]+)`", text))))


# --- names --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", everycall.__all__)
def test_every_public_name_can_be_imported_has_a_docstring_and_is_in_the_reference(name):
    value = getattr(everycall, name)
    assert inspect.getdoc(value)
    own = value.__doc__ or ""
    assert not (inspect.isclass(value) and own.startswith(f"{name}(")), "the docstring is the one dataclasses make up"
    assert name in words(REFERENCE)


@pytest.mark.parametrize("name", everycall.__all__)
def test_every_public_member_has_a_docstring(name):
    value = getattr(everycall, name)
    members = vars(value) if inspect.isclass(value) else {}
    for member, what in members.items():
        if not member.startswith("_") and (inspect.isfunction(what) or isinstance(what, property | classmethod)):
            assert inspect.getdoc(what), f"{name}.{member}"


def test_the_lazy_face_and_the_imports_for_type_checkers_agree():
    tree = ast.parse(FACE.read_text("utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    imports = [node for node in guarded.body if isinstance(node, ast.ImportFrom)]
    static = {alias.name: node.module for node in imports for alias in node.names}
    assert static == {name: f"everycall.{home}" for name, home in everycall._HOME.items()}
    assert sorted(everycall.__all__) == sorted(everycall._HOME)
    assert set(dir(everycall)) == {*everycall.__all__, "__version__"}


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="run_tool_cals"):
        _ = everycall.run_tool_cals


def test_importing_the_package_imports_no_dependency():
    heavy = ["anyio", "tenacity", "pydantic", "structlog", "jsonschema_rs", "docstring_parser", "asyncio", "rich"]
    code = f"import sys, everycall; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "[]"


def test_the_version_is_that_of_the_package():
    assert re.fullmatch(r"\d+\.\d+\.\d+", everycall.__version__)


# --- the reference ------------------------------------------------------------------------------------------------


def test_the_reference_lists_every_parameter_of_a_turn_with_its_default():
    shown = {name: default for name, default, _ in table("## Running a turn")}
    for function in (everycall.run_tool_calls, everycall.open_turn, everycall.run_tool_calls_sync):
        parameters = inspect.signature(function).parameters.values()
        real = {one.name: "" if one.default is one.empty else repr(one.default) for one in parameters}
        assert shown == real
    runtime = section("## Running a turn")
    for method in (everycall.ToolRuntime.__init__, everycall.ToolRuntime.run, everycall.ToolRuntime.open_turn):
        for name in set(inspect.signature(method).parameters) - {"self", "assistant_msg"}:
            assert name in words(runtime)


def test_the_reference_lists_every_member_of_a_turn_and_of_a_result():
    shown = words(section("### Turn"))
    public = {name for name in vars(everycall.Turn) if not name.startswith("_")}
    assert public <= shown
    assert shown - public == {"len", "bool", "turn", "call_id", "ToolResult", "async", "for", "in", "result", "reason"}
    result = words(section("### ToolResult"))
    assert {one.name for one in dataclasses.fields(everycall.ToolResult)} | {"ok"} <= result
    assert {one.name for one in dataclasses.fields(everycall.Failure)} <= result


def test_the_reference_lists_every_outcome_and_its_status():
    shown = {code: status for status, code, *_ in table("## Outcomes")}
    assert shown == {code: status for code, status in outcomes.STATUS_OF.items() if code not in RESERVED}
    assert words(paragraph("Reserved")) == RESERVED
    assert set(outcomes.STATUS_OF) == set(get_args(outcomes.Code))
    assert set(outcomes.STATUS_OF.values()) == set(get_args(outcomes.Status))


def test_the_reserved_codes_are_produced_nowhere():
    engine = [*(ROOT / "src/everycall/turn").glob("*.py"), *(ROOT / "src/everycall/executors").glob("*.py")]
    for path in engine:
        text = path.read_text("utf-8")
        made = set(re.findall(r'(?:Outcome|Rejected|rejected|judge_stop|stop)\([^()]*?"(\w+)"', text))
        assert not made & RESERVED, path.name


def test_the_reference_lists_every_tool_option():
    rows = {name: default for name, default, _ in table("## Tools")}
    assert list(rows) == list(ToolOptions.__annotations__)
    assert rows["max_result_bytes"] == str(policy.DEFAULT_RESULT_BYTES)
    assert rows["timeout"].endswith(f"{policy.DEFAULT_TIMEOUT:g}")
    assert rows["call_timeout"].startswith(f"{policy.DEFAULT_CALL_TIMEOUT:g}")
    tool = everycall.ToolRegistry().add(lambda: None, name="plain")
    for name in ("read_only", "idempotent", "max_concurrency"):
        assert rows[name] == repr(getattr(tool, name))
    registry = words(section("## Tools"))
    assert {name for name in vars(everycall.ToolRegistry) if not name.startswith("_")} <= registry


@pytest.mark.parametrize(("heading", "kind"), [("### Retry", policy.Retry), ("### Limits", policy.Limits)])
def test_the_reference_lists_every_default_of_a_policy(heading, kind):
    shown = {row[0]: row[1] for row in table(heading)}
    assert shown == {one.name: repr(one.default) for one in dataclasses.fields(kind)}


def test_the_reference_lists_every_default_of_a_rate():
    shown = {row[0]: row[1] for row in table("### Rate")}
    required = dataclasses.MISSING
    fields = dataclasses.fields(policy.Rate)
    assert shown == {one.name: "" if one.default is required else repr(one.default) for one in fields}


def test_the_reference_lists_what_a_runtime_and_an_approver_are_told():
    told = words(section("### Statistics"))
    for kind in (RuntimeStatistics, ToolStatistics):
        assert {one.name for one in dataclasses.fields(kind)} <= told, kind
    told = words(section("### Order and consent"))
    for kind in (everycall.ApprovalRequest, everycall.Approve, everycall.Deny, everycall.Defer, everycall.PendingCall):
        assert {one.name for one in dataclasses.fields(kind)} <= told, kind
    assert {*ScheduledCall._fields, *Footprint._fields} <= told


def test_the_reference_says_which_limits_belong_to_a_runtime():
    shown = {name: scope for name, _, scope, _ in table("### Limits")}
    assert shown == {one.name: one.metadata["scope"] for one in dataclasses.fields(policy.Limits)}


def test_the_fixed_bounds_are_as_the_reference_says():
    fixed = paragraph("Fixed:")
    assert (
        *(int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", fixed)[:1] * 2),
        int(re.search(r"(\d+) MiB", fixed)[1]) << 20,
        int(re.search(r"([\d,]+) characters", fixed)[1].replace(",", "")),
        int(re.search(r"(\d+) KiB", fixed)[1]) << 10,
    ) == (ARGUMENT_DEPTH, RESULT_DEPTH, HARD_CAP, outcomes.MAX_ERROR_TEXT, MAX_SCHEMA_BYTES)


def test_the_reference_lists_every_event_with_its_level_and_fields():
    base = {one.name for one in dataclasses.fields(events.CallEvent)}
    rows = {name: (level, words_of) for name, level, words_of in table("## Events")}
    kinds = get_args(events.AnyEvent)
    assert list(rows) == [kind.name for kind in kinds]
    for kind in kinds:
        level, told = rows[kind.name]
        assert level == kind.level
        own = {one.name for one in dataclasses.fields(kind)} - base
        assert own <= set(re.findall(r"\w+", told)), kind.name
    assert base <= words(section("## Events"))


def test_every_event_is_in_the_closed_set():
    concrete = {kind for kind in vars(events).values() if inspect.isclass(kind) and issubclass(kind, events.Event)}
    assert concrete - {events.Event, events.CallEvent} == set(get_args(events.AnyEvent))


def test_the_reference_lists_every_dialect():
    assert set(re.findall(r"`([\w-]+)`", section("## Dialects"))) == set(DIALECT_NAMES)


def test_the_reference_shows_the_signatures_of_what_works_on_conversations():
    shown = dict(re.findall(r"`(\w+)\((messages[^`]*)\)`", section("## Conversations")))
    for name in ("check", "repair", "exchanges", "trim", "rewrite_ids"):
        real = inspect.signature(getattr(everycall, name)).parameters.values()
        optional = {one.name: repr(one.default) for one in real if one.default is not one.empty}
        named = [part.strip().partition("=") for part in shown[name].split(",") if part.strip() != "*"]
        assert [parameter for parameter, _, _ in named] == [one.name for one in real]
        assert {parameter: default for parameter, _, default in named if default} == optional


def test_the_reference_lists_what_is_there_for_tests():
    import everycall.testing

    assert set(everycall.testing.__all__) <= words(section("## For tests"))
    for name in everycall.testing.__all__:
        assert getattr(everycall.testing, name) is not None


def test_the_reference_lists_every_command():
    from everycall.cli import _HOME

    assert set(_HOME) <= words(section("## Command line"))


def test_the_modules_and_tests_that_the_way_of_one_turn_names_exist():
    page = (ROOT / "docs/explanation/the-way-of-one-turn.md").read_text("utf-8")
    paths = re.findall(r"`((?:[\w<>*]+/)*[\w*]+\.py|(?:\w+/)+\w*)`", page.partition("## Where each rule lives")[2])
    assert len(paths) > 30
    for path in paths:
        pattern = path.replace("<provider>", "*").rstrip("/")
        assert any(list(root.glob(pattern)) for root in (ROOT, ROOT / "src" / "everycall")), path
