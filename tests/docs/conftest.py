"""What a page of the documentation may leave behind: nothing. Pages set up logging, and read files beside them."""

import logging
import sys

import pytest


@pytest.fixture(autouse=True)
def _logging_is_put_back():
    loggers = [logging.getLogger(), logging.getLogger("everycall")]
    before = [(logger, list(logger.handlers), logger.level) for logger in loggers]
    yield
    for logger, handlers, level in before:
        logger.handlers[:] = handlers
        logger.setLevel(level)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    """What a page imports from there is forgotten afterwards: another test may write a module of the same name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if str(tmp_path) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]
