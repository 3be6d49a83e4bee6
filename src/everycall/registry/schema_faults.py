"""What is wrong with a schema that cannot be used: where in it, why, and the cure. Only made when one is refused."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import to_json

from everycall.core.text import one_line
from everycall.registry.refusals import place_of

_SUPPORTED = "2020-12"
_NAMES_BELOW = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"})
_PATTERNS = "Regular expressions have neither look-around nor back-references here, and a bounded size."
_REFERENCES = "References stay within the schema: copy what is meant under $defs and refer to it by #/$defs/..."
_MAX_SHOWN = 60  # characters of the value that is wrong
_MAX_SAID = 300  # characters of what the validator says

_CURES: Mapping[tuple[str, type], str] = {
    ("type", str): "It is one of array, boolean, integer, null, number, object and string, or a list of these.",
    ("items", list): "A list of schemas, one for each place, is written as prefixItems.",
    ("required", bool): "List the required names beside properties: required: [...].",
    ("exclusiveMinimum", bool): "It is a number, and minimum is left out.",
    ("exclusiveMaximum", bool): "It is a number, and maximum is left out.",
}
"""By the keyword, and by what it wrongly holds; most of these are how older drafts are written."""


def words_about(error: Exception, schema: Mapping[str, object]) -> str:
    """Return where *schema* is wrong, why, and what to write instead, in one line.

    Args:
        error: what the validator has raised.
        schema: what it was made of.
    """
    path: Sequence[Any] = getattr(error, "instance_path", None) or ()
    said = one_line(str(getattr(error, "message", error)), _MAX_SAID).rstrip(".")
    if not path:
        return f"{said}. {_REFERENCES}"
    value = _at(schema, path)
    keyword = str(path[-1]) if len(path) < 2 or path[-2] not in _NAMES_BELOW else ""  # else it is a name
    if said.endswith('"regex"'):
        held, cures = value if keyword else path[-1], [_PATTERNS]
    else:
        held, cures = value, [_CURES.get((keyword, type(value)), ""), _of_another_draft(schema)]
    where = f"at {place_of(path)} ({one_line(to_json(held).decode(), _MAX_SHOWN)}): {said}."
    return " ".join([where, *filter(None, cures)])


def _of_another_draft(schema: Mapping[str, object]) -> str:
    """Return the reason that lies in the draft which *schema* says that it is written in; nothing if it does not."""
    draft = schema.get("$schema")
    if not isinstance(draft, str) or _SUPPORTED in draft:
        return ""
    return (
        f"Its $schema is {one_line(draft, 100)!r}, a draft that is not supported: write the schema in draft "
        f"{_SUPPORTED}, and leave $schema out."
    )


def _at(value: Any, path: Sequence[Any]) -> object:
    for part in path:
        try:
            value = value[part]
        except (LookupError, TypeError):  # the name of a pattern leads to its schema; anything else is not expected
            return None
    return value
