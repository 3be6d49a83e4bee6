"""Every row of the fault model has a test that names it, or a line on the page about limits. Nothing falls between."""

import ast
import re
from pathlib import Path

from tests.faults.rows import ROWS
from tests.turn.test_one_bad_call_of_three import CASES

ROOT = Path(__file__).parents[2]
LIMITS = (ROOT / "docs" / "explanation" / "limits.md").read_text("utf-8")


def rows_of_tests() -> dict[str, list[str]]:
    """The rows that tests name, each with the tests: read from the source, whatever part of the suite runs."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            for mark in getattr(node, "decorator_list", ()):
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.row":
                    for one in mark.args:
                        found.setdefault(ast.literal_eval(one), []).append(f"{path.name}:{node.name}")
    return found


def limited() -> set[str]:
    """The rows that the page about limits speaks of."""
    return set(re.findall(r"^\| (\d+\.\d+) \|", LIMITS, re.MULTILINE))


def test_every_row_has_a_test_or_a_line_about_its_limit():
    assert sorted(ROWS.keys() - rows_of_tests().keys() - limited()) == []


def test_no_test_and_no_line_names_a_row_that_does_not_exist():
    assert sorted((rows_of_tests().keys() | limited()) - ROWS.keys()) == []


def test_the_bad_calls_of_three_are_those_that_their_test_names():
    named = {case.split()[0] for case in CASES if case[0].isdigit()}
    test = "test_one_bad_call_of_three.py:test_a_bad_call_ends_on_time_and_leaves_its_siblings_alone"
    marked = {row for row, tests in rows_of_tests().items() if test in tests}
    assert marked == named


def test_most_rows_are_tested():
    assert len(rows_of_tests()) >= 100
