"""The page that compares the providers says what the code does."""

import re
from pathlib import Path

import pytest

from everycall.core.content import File, Image, Text
from everycall.dialects import DIALECT_NAMES, dialect_named
from everycall.dialects.finish import CUT_OFF
from everycall.dialects.media import NO_OUTPUT
from everycall.dialects.naming import GEMINI, NARROW
from tests.dialects.samples import failure, message, read, render, success

PAGE = (Path(__file__).parents[2] / "docs" / "explanation" / "providers.md").read_text("utf-8")
PICTURE = Image(data=b"picture", media_type="image/png")


def table(heading):
    """The rows of the first table below a heading, by each dialect that a row is of."""
    below = PAGE.partition(f"\n## {heading}\n")[2]
    lines = below[below.index("\n|") + 1 :].split("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {name: row[1:] for row in rows for name in re.findall(r"`([\w-]+)`", row[0])}


def rendered_with(name, *parts):
    return render(name, message(name), lambda call: success(call, (Text("words"), *parts)))


HEADINGS = re.findall(r"^## ([^\n]+)\n(?:(?!^## ).)*?^\| dialect", PAGE, flags=re.DOTALL | re.MULTILINE)


def test_all_tables_are_looked_at():
    assert len(HEADINGS) == PAGE.count("| dialect |") == 6


@pytest.mark.parametrize("heading", HEADINGS)
def test_every_table_has_a_row_for_every_dialect(heading):
    assert set(table(heading)) == set(DIALECT_NAMES)


@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_the_page_says_what_becomes_of_ids(name):
    _, new, absent = table("Ids")[name]
    rule = dialect_named(name).id_rule
    plain = new.replace("`", "")
    assert plain == (f"{rule.prefix} and {rule.length}" if rule.prefix else f"{rule.length} letters and digits")
    assert absent.startswith("stays without") == rule.positional
    with_odd_ids = {call: rule.accepts(call) for call in ("a" * 64, "a" * 65, "a.b:c", "a b", "null")}
    assert with_odd_ids == {
        "a" * 64: True,
        "a" * 65: "up to 64" not in table("Ids")[name][0],
        "a.b:c": name != "anthropic",
        "a b": name not in ("anthropic", "bedrock"),
        "null": name != "openai-chat",
    }


@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_the_page_says_how_failures_and_empty_texts_look(name):
    mark, empty = table("Failures, and results without text")[name]
    flagged = repr(render(name, message(name), lambda call: failure(call, "words")).messages)
    plain = repr(render(name, message(name), lambda call: success(call, "words")).messages)
    assert (flagged == plain) == mark.startswith("its text alone")
    if flagged != plain:
        assert mark.split("`")[1] in flagged
    blank = repr(render(name, message(name), lambda call: success(call, "")).messages)
    assert (NO_OUTPUT in blank) == (empty == f"`{NO_OUTPUT}`")


@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_the_page_says_which_images_and_files_are_sent(name):
    images, files = table("Images and files")[name]
    document = File(data=b"%PDF", media_type="application/pdf")
    for said, by_bytes, by_address in (
        (images, PICTURE, Image(url="https://example.com/a.png")),
        (files, document, File(url="https://example.com/a.pdf", media_type="application/pdf")),
    ):
        assert bool(rendered_with(name, by_bytes).replaced) == (said == "become words")
        assert bool(rendered_with(name, by_address).replaced) == ("by address" not in said)
    odd = bool(rendered_with(name, Image(data=b"odd", media_type="image/x-odd")).replaced)
    assert odd == (images == "become words" or "PNG" in images)


@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_the_page_says_which_names_are_taken(name):
    (words,) = table("Names of tools")[name]
    rules = {"gemini": GEMINI.words, "ollama": None, "langchain": None}
    assert words == (rules.get(name, NARROW.words) or "any name that the registry takes")


@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_the_page_says_which_words_mean_that_output_was_cut_off(name):
    (words,) = table("Output that was cut off")[name]
    others = frozenset().union(*(CUT_OFF[one] for one in DIALECT_NAMES if one != "langchain"))
    shown = re.findall(r"`([^`]+)`", words)
    assert (set(shown) if shown else others) == CUT_OFF[name]
    assert read(name, message(name), finish_reason=next(iter(CUT_OFF[name]))).cut_off
