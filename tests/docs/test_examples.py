"""Every example in the documentation runs, and prints what the page says.

The `python` blocks of a page run in order, in one namespace. A block with `await` outside of a function runs on the
page's own event loop, as in a notebook. An `output` block holds, to the letter, what the `python` block before it has
printed.
"""

import ast
import asyncio
import contextlib
import inspect
import io
import re
from pathlib import Path

import pytest
from sybil import Document
from sybil.document import PythonDocStringDocument
from sybil.evaluators.python import pad
from sybil.parsers.markdown import CodeBlockParser
from sybil.parsers.rest import DocTestParser

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
WITH_EXAMPLES = sorted(path for path in (ROOT / "src").rglob("*.py") if ">>> " in path.read_text("utf-8"))
LANGUAGES = {"python", "output", "text", "console", "bash", "json"}
MAX_LINES = 200
LONGER = {"docs/reference.md": 400}  # looked up, not read from end to end


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


class Page:
    """One page: its event loop, and what its last block has printed."""

    def __init__(self) -> None:
        self.printed = ""
        self.loop = asyncio.Runner()

    def run(self, example) -> None:
        source = pad(example.parsed, example.line + example.parsed.line_offset)
        code = compile(source, example.path, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        with contextlib.redirect_stdout(io.StringIO()) as stdout:
            if code.co_flags & inspect.CO_COROUTINE:
                self.loop.run(eval(code, example.namespace))
            else:
                exec(code, example.namespace)
        self.printed = stdout.getvalue()

    def compare(self, example) -> None:
        assert self.printed == example.parsed, f"{example.path}, line {example.line}: the page says something else"


def run_page(path: Path) -> int:
    page = Page()
    parsers = [CodeBlockParser("python", page.run), CodeBlockParser("output", page.compare)]
    document = Document.parse(str(path), *parsers)
    document.namespace["__name__"] = "__main__"
    examples = list(document.examples())
    with page.loop:
        for example in examples:
            example.evaluate()
    return len(examples)


@pytest.mark.parametrize("path", [path for path in PAGES if "```python" in path.read_text("utf-8")], ids=named)
def test_every_example_of_a_page_runs_in_order(path):
    assert run_page(path)


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=named)
def test_every_example_of_a_docstring_holds(path):
    document = PythonDocStringDocument.parse(str(path), DocTestParser())
    examples = list(document.examples())
    for example in examples:
        example.evaluate()
    assert examples


def test_an_example_that_fails_or_prints_something_else_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text('```python\nprint("one")\n```\n\n```output\ntwo\n```\n', "utf-8")
    with pytest.raises(AssertionError, match="line 5"):
        run_page(page)
    page.write_text("Words.\n\n```python\nimport asyncio\nawait asyncio.sleep(0)\nassert False, 'here'\n```\n", "utf-8")
    with pytest.raises(AssertionError, match="here") as caught:
        run_page(page)
    assert caught.traceback[-1].lineno == 5


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_a_page_is_short_and_every_block_says_its_language(path):
    lines = path.read_text("utf-8").splitlines()
    assert len(lines) <= LONGER.get(named(path), MAX_LINES)
    fences = [line.strip() for line in lines if line.strip().startswith("```")]
    assert [fence for fence in fences[1::2] if fence != "```"] == []
    assert {fence.removeprefix("```") for fence in fences[::2]} <= LANGUAGES


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_every_link_between_pages_leads_somewhere(path):
    text = re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("https://", "http://")):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), target
        if anchor:
            assert anchor in anchors(there), target


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_can_be_reached_from_the_index():
    reached, waiting = set(), [ROOT / "docs" / "index.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md" or not page.exists():
            continue
        reached.add(page)
        links = re.findall(r"\]\(([^)\s#]+)", page.read_text("utf-8"))
        waiting += [(page.parent / link).resolve() for link in links if not link.startswith("http")]
    assert set(PAGES) <= reached
