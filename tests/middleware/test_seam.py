"""What the pages about middleware use: public names of the library, and nothing of its engine."""

import ast

import pytest

import everycall
from tests.middleware.pages import PAGES, blocks


@pytest.mark.parametrize("page", [page.name for page in PAGES])
def test_a_page_imports_public_names_alone(page):
    for block in blocks(page):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Import):
                assert not any(alias.name.split(".")[0] == "everycall" for alias in node.names)
            if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "everycall":
                assert node.module == "everycall"
                assert {alias.name for alias in node.names} <= set(everycall.__all__)


def test_there_are_pages():
    assert len(PAGES) == 5
