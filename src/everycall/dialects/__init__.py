"""The providers' wire shapes: one package per dialect, each a pure two-way translator.

A dialect's module is imported when it is first needed, so that a program pays for the one it uses.
"""

from functools import cache
from importlib import import_module
from typing import Any, cast

from everycall.core.errors import MessageError, UsageError
from everycall.dialects.detection import is_common, recognise
from everycall.dialects.refusals import why_unknown
from everycall.ports import Dialect

_MODULES = {
    "openai-chat": "openai_chat",
    "openai-responses": "openai_responses",
    "anthropic": "anthropic",
    "gemini": "gemini",
    "bedrock": "bedrock",
    "cohere": "cohere",
    "ollama": "ollama",
    "langchain": "langchain",
}

DIALECT_NAMES: tuple[str, ...] = tuple(_MODULES)
"""Every dialect's name, as `dialect=` takes it."""


def dialect_named(name: str) -> Dialect:
    """Return the dialect called *name*.

    Raises:
        UsageError: there is none; the message lists the names.
    """
    if not isinstance(name, str) or name not in _MODULES:
        raise UsageError(f"There is no dialect {name!r}; known are {', '.join(DIALECT_NAMES)}.")
    return _load(name)


def dialect_of(dialect: object, *parts: str) -> Any:
    """Return the dialect that the caller named or passed.

    Args:
        dialect: a name, or an object of the caller's own (see `everycall.ports.Dialect`).
        parts: the members that an object must have for what it is wanted for.

    Raises:
        UsageError: there is no dialect of this name, or the object lacks a part; the message says which.
    """
    if isinstance(dialect, str):
        return dialect_named(dialect)
    lacking = [part for part in parts if not hasattr(dialect, part)]
    if lacking:
        raise UsageError(
            f"dialect must be the name of a dialect, such as 'openai-chat', or a dialect of your own; "
            f"{type(dialect).__name__} lacks {', '.join(lacking)}: see everycall.ports.FullDialect."
        )
    return dialect


def detect(message: object) -> Dialect:
    """Return the dialect of *message*: one assistant message or one whole response, dict or SDK object.

    Raises:
        MessageError: it is no such thing, or in no dialect known here.
    """
    name = "openai-chat" if is_common(message) else recognise(message)
    if name is None:
        raise MessageError(why_unknown(message))
    return _load(name)


@cache
def _load(name: str) -> Dialect:
    return cast(Dialect, import_module(f"{__name__}.{_MODULES[name]}.turn").DIALECT)
