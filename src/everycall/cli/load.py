"""Finds a registry by its name, `module:attribute`. Importing runs the module: it is your code, and trusted."""

import importlib
import os
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from everycall.cli.foreign import words_of
from everycall.core.errors import UsageError
from everycall.core.text import type_name
from everycall.registry import ToolRegistry

_MAX_SHOWN = 5
_OURS = str(Path(__file__).parents[1]) + os.sep
_MACHINERY = str(Path(importlib.__file__).parent) + os.sep


def load_registry(target: str, *, asked_by: str) -> ToolRegistry:
    """Import a module, with the current directory on `sys.path`, and return the registry in it.

    Args:
        target: `module:attribute`, such as `my_app.tools:registry`; the attribute may be a path, `tools:Shop.registry`.
        asked_by: the option or command that wants it, for the error that says how.

    Raises:
        UsageError: *target* is not written like that, the module does not import, or what it names is no registry.
    """
    name, _, path = target.partition(":")
    parts = path.split(".")
    # `tools.py` would be read as a module within `tools`, which is imported, and so run, to find that it has none.
    if name.endswith(".py") or not all(part.isidentifier() for part in [*name.split("."), *parts]):
        raise UsageError(
            f"{asked_by} wants module:attribute, such as my_app.tools:registry, with dots and without .py; "
            f"not {target!r}"
        )
    module = _imported(name)
    found = _attribute(module, parts, target)
    if isinstance(found, ToolRegistry):
        return found
    raise UsageError(f"{target} is no ToolRegistry but of the type {type_name(found)}{_registries_in(module)}")


def _imported(name: str) -> ModuleType:
    with suppress(OSError):  # the current directory is gone: the installed packages are left
        here = str(Path.cwd())
        if here not in sys.path:
            sys.path.insert(0, here)  # it stays: a tool may import more when it is called
    try:
        return importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a module may raise anything, and may call sys.exit
        _refuse(name, error)


def _refuse(name: str, error: BaseException) -> NoReturn:
    missing = getattr(error, "name", None) if isinstance(error, ModuleNotFoundError) else None
    if isinstance(missing, str) and (name == missing or name.startswith(missing + ".")):
        raise UsageError(
            f"There is no module {missing!r}: looked for in the current directory and among the installed packages."
        ) from error
    why = f"{type_name(error)}: {words_of(error, 300)}"
    raise UsageError(f"The module {name} does not import: {why}{_place_of(error)}") from error


def _place_of(error: BaseException) -> str:
    """Return the innermost file and line that are neither ours nor of the import machinery; nothing if none are."""
    if isinstance(error, SyntaxError):
        return ""  # its text names the place
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith((_OURS, _MACHINERY, "<")):  # `<string>` is what dataclasses generate
            return f" ({frame.filename}, line {frame.lineno})"
    return ""


def _attribute(module: ModuleType, parts: list[str], target: str) -> object:
    found: object = module
    for part in parts:
        try:
            found = getattr(found, part)
        except AttributeError as error:
            raise UsageError(f"{target}: there is no {part!r}{_registries_in(module)}") from error
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a property, or a module's own __getattr__
            raise UsageError(
                f"{target}: {part!r} cannot be read: {type_name(error)}: {words_of(error, 200)}"
            ) from error
    return found


def _registries_in(module: ModuleType) -> str:
    """Return the cure, if there is one: the names that would have worked."""
    names = [f"{module.__name__}:{name}" for name, value in vars(module).items() if isinstance(value, ToolRegistry)]
    if not names:
        return ""
    more = ", ..." if len(names) > _MAX_SHOWN else ""
    return f"; did you mean {' or '.join(names[:_MAX_SHOWN])}{more}?"
