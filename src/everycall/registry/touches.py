"""What a tool says of what its calls touch, checked at registration and made ready: arguments in, a footprint out.

A template is not a format string: between its braces stands the name of a parameter and nothing else, so that no
argument is ever looked into by a string. A value that is a list gives one key per element; one that is missing, or is
neither text nor a number, gives the key of everything that the template could have meant.
"""

import inspect
import string
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from enum import Enum
from itertools import islice
from pathlib import PurePath
from typing import Any
from uuid import UUID

from everycall.core.errors import UsageError
from everycall.core.footprint import MAX_KEY, MAX_KEYS, Footprint, keys_of
from everycall.registry.signature import Shape

Touch = str | Callable[[Mapping[str, Any]], Any]
"""A template over the arguments (`"file:{path}"`), or a function of them that returns one key or several."""

_READ = MAX_KEY + 1  # characters of a text that say all there is to know of its key: what it begins with, and its cut
_SCALARS = (bool, int, float, str, Enum, PurePath, UUID, date, time, Decimal)

SCOPES = ("turn", "runtime")
AFTER_FAILURE = ("run", "skip")


@dataclass(frozen=True, slots=True, kw_only=True)
class Touches:
    """What the calls of one tool touch.

    Attributes:
        reads: templates and functions for what is looked at.
        writes: the same for what is changed.
        exclusive: each call runs alone.
        across_turns: the keys count across the turns of a runtime.
        skip_after_failure: a call is not run if one that it waited for did not succeed.
    """

    reads: tuple[Touch, ...]
    writes: tuple[Touch, ...]
    exclusive: bool
    across_turns: bool
    skip_after_failure: bool

    def footprint(self, arguments: Mapping[str, Any]) -> Footprint:
        """Return what a call with *arguments* touches.

        Args:
            arguments: validated, by name, defaults filled in; functions of the tool's author may change them.

        Raises:
            Exception: whatever a function of the tool's author raises; TypeError if it returns no key.
        """
        if self.exclusive:
            return Footprint(exclusive=True)
        reads = keys_of(key for one in self.reads for key in _keys(one, arguments))
        writes = keys_of(key for one in self.writes for key in _keys(one, arguments))
        return Footprint(reads, writes, across_turns=self.across_turns)


ALONE = Footprint(exclusive=True)
"""What a call is taken to touch whose footprint could not be computed."""


def check_touches(options: Mapping[str, Any], *, read_only: bool, of: str) -> Touches | None:
    """Return what the options of a tool say about what it touches; None if they say nothing.

    Args:
        options: as given.
        read_only: whether the tool says that it changes nothing.
        of: names the tool in error messages.

    Raises:
        UsageError: an option is wrong; the message shows the cure.
    """
    exclusive = options.get("exclusive", False)
    if not isinstance(exclusive, bool):
        raise UsageError(f"exclusive{of} must be True or False, not {exclusive!r}")
    reads, writes = _touches("reads", options.get("reads"), of), _touches("writes", options.get("writes"), of)
    scope, after = options.get("scope", "turn"), options.get("after_failure", "run")
    for name, value, choices in (("scope", scope, SCOPES), ("after_failure", after, AFTER_FAILURE)):
        if value not in choices:
            raise UsageError(f"{name}{of} must be {' or '.join(map(repr, choices))}, not {value!r}")
    if exclusive and (reads or writes):
        raise UsageError(f"exclusive{of} touches everything already: leave out reads and writes, or exclusive")
    if read_only and writes:
        raise UsageError(f"writes{of} contradicts read_only=True: say reads=..., or leave out read_only")
    if not (exclusive or reads or writes):
        for name, value in (("scope", scope == "runtime"), ("after_failure", after == "skip")):
            if value:
                raise UsageError(f"{name}{of} has nothing to count for: say what the tool reads=... or writes=...")
        return None
    if exclusive and scope == "runtime":
        raise UsageError(
            f"scope='runtime'{of} goes with keys: exclusive counts within its turn. Give all tools that shall not meet "
            'one key, writes="everything"'
        )
    return Touches(
        reads=reads,
        writes=writes,
        exclusive=exclusive,
        across_turns=scope == "runtime",
        skip_after_failure=after == "skip",
    )


def require_fields(touches: Touches, shape: Shape | None, schema: Mapping[str, Any], *, tool: str) -> None:
    """Check that templates name only arguments that the tool has.

    Args:
        touches: of the tool.
        shape: what its function takes; None if that cannot be read.
        schema: JSON Schema of its arguments.
        tool: its name, for error messages.

    Raises:
        UsageError: a template names another one.
    """
    if shape is not None and shape.keywords is not None:
        return  # it takes any
    known = set(schema.get("properties", ())) | {one.name for one in (shape.parameters if shape else ())}
    for template in (*touches.reads, *touches.writes):
        for name in fields_of(template) if isinstance(template, str) else ():
            if name not in known:
                raise UsageError(
                    f"The template {template!r} of tool {tool!r} names {name!r}, which is no argument of it. "
                    f"There are {', '.join(sorted(known)) or 'none'}."
                )


def fields_of(template: str) -> list[str]:
    """Return the names between the braces of *template*."""
    return [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]


def _touches(option: str, value: object, of: str) -> tuple[Touch, ...]:
    if value is None:
        return ()
    several = tuple(value) if isinstance(value, tuple | list | set | frozenset) else (value,)
    for one in several:
        if isinstance(one, str):
            _require_template(option, one, of)
        elif not callable(one) or inspect.iscoroutinefunction(one):
            raise UsageError(
                f'{option}{of} must be a template such as "file:{{path}}", a plain function of the arguments, or a '
                f"list of these, not {one!r}"
            )
    return several


def _require_template(option: str, template: str, of: str) -> None:
    wrong = f"{option}{of} is {template!r}: "
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise UsageError(f"{wrong}{error}. Write a brace that is meant as it stands twice: {{{{") from error
    if not template:
        raise UsageError(f'{wrong}a key must say something, such as "file:{{path}}" or "calendar"')
    for _, name, spec, conversion in parts:
        if name is not None and (spec or conversion or not name.isidentifier()):
            raise UsageError(
                f"{wrong}between braces stands the name of an argument and nothing else. For more, give a function: "
                f'{option}=lambda arguments: "file:" + arguments["path"]'
            )


def _keys(touch: Touch, arguments: Mapping[str, Any]) -> list[str]:
    if isinstance(touch, str):
        return _filled(touch, arguments)
    found = touch(arguments)
    texts = [found] if isinstance(found, str) else _bounded(found)
    for one in texts:
        if not isinstance(one, str):
            raise TypeError(f"a footprint function must return a key or several (text), not {type(one).__name__}")
    return texts


def _filled(template: str, arguments: Mapping[str, Any]) -> list[str]:
    """Return *template* with the arguments put in: one text for each combination of list elements.

    Each is cut to what is read of a key, and at every step: a thousand names may stand behind one huge folder.
    """
    texts = [""]
    for literal, name, _, _ in string.Formatter().parse(template):
        texts = [(text + literal)[:_READ] for text in texts]
        if name is None:
            continue
        values = _values(arguments.get(name))
        if values is None or len(texts) * len(values) > MAX_KEYS:
            return [_whole(text) for text in texts]
        texts = [(text + value)[:_READ] for text in texts for value in values]
    return texts


def _values(value: object) -> list[str] | None:
    """Return what is put into a template for *value*; None if that cannot be known."""
    if isinstance(value, list | tuple | set | frozenset):
        if len(value) > MAX_KEYS or not all(isinstance(one, _SCALARS) for one in value):
            return None
        return [_text(one) for one in value]
    return [_text(value)] if isinstance(value, _SCALARS) else None


def _text(value: object) -> str:
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # 1 and 1.0 are one number, in JSON and here
    return str(value)[:_READ]


def _whole(text: str) -> str:
    """Return the key of everything that may follow *text*: cut back to where a segment or the scheme ends."""
    scheme, colon, path = text.partition(":")
    if not colon:
        raise ValueError("the scheme of the key depends on an argument that is missing or has no text")
    return f"{scheme}:{path.rpartition('/')[0]}"


def _bounded(found: Iterable[Any]) -> list[Any]:
    keys = list(islice(found, MAX_KEYS + 1))
    if len(keys) > MAX_KEYS:
        raise ValueError(f"more than {MAX_KEYS} keys")
    return keys
