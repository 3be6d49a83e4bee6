"""Unions within themselves: how deep arguments may be where each level multiplies the cost of looking at them. Pure.

A union that has no discriminator is validated by trying every member. Where several members of one JSON type hold the
union again, they are all tried at every level: of three such members, ten levels are 59,049 tries for 200 bytes, in
compiled code that nothing interrupts; and each try that fails leaves its errors behind. So such arguments have a bound
on their levels. A discriminator (`Field(discriminator="op")`) tells the members apart at once, and needs none.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic_core import from_json

MAX_TRIES = 3000
"""Tries of one union that one call may cause: a tenth of a second, if every one of them fails."""

_KINDS: Mapping[str, type] = {"object": dict, "array": list}
_DEFINITIONS = ("$defs", "definitions")


def most_levels(schema: Mapping[str, Any], unions: tuple[str, ...] = ("anyOf",)) -> dict[type, int]:
    """Return how many objects, or arrays, may lie within each other in arguments; nothing if that does not matter.

    Args:
        schema: JSON Schema of a tool's parameters.
        unions: the keywords of unions whose members are told apart by trying alone: pydantic writes `oneOf` for others.
    """
    definitions: dict[str, Any] = {"#": schema}
    for where in _DEFINITIONS:
        definitions |= {f"#/{where}/{name}": one for name, one in schema.get(where, {}).items()}
    refers = {name: frozenset(_references(one)) for name, one in definitions.items()}
    most: dict[type, int] = {}
    for name, definition in definitions.items():
        for union in _unions(definition, unions):
            for kind, members in Counter(_recursive_kinds(union, name, definitions, refers)).items():
                if members > 1:
                    levels = int(math.log(MAX_TRIES, members))
                    most[kind] = min(levels, most.get(kind, levels))
    return most


def too_deep(text: str, most: Mapping[type, int]) -> int | None:
    """Return the bound that arguments are over; None if they are within all of them.

    Args:
        text: JSON text of the arguments, whose own object does not count.
        most: what `most_levels` has returned.
    """
    if all(text.count("{" if kind is dict else "[") <= levels for kind, levels in most.items()):
        return None
    level = [(one, 1 if type(one) is dict else 0, 1 if type(one) is list else 0) for one in from_json(text).values()]
    bounds = most.get(dict, math.inf), most.get(list, math.inf)
    while level:
        below = []
        for value, objects, arrays in level:
            if objects > bounds[0] or arrays > bounds[1]:
                return int(bounds[0] if objects > bounds[0] else bounds[1])
            inner = value.values() if type(value) is dict else value if type(value) is list else ()
            below += [
                (one, objects + (type(one) is dict), arrays + (type(one) is list))
                for one in inner
                if type(one) in (dict, list)
            ]
        level = below
    return None


def _unions(schema: object, keywords: tuple[str, ...]) -> Iterator[list[Any]]:
    for one in within(schema):
        for keyword in keywords:
            members = one.get(keyword)
            if isinstance(members, list):
                yield members


def _recursive_kinds(
    union: list[Any], home: str, definitions: Mapping[str, Any], refers: Mapping[str, frozenset[str]]
) -> Iterator[type]:
    """Give the Python type of each member of *union* that holds it again; it stands in the definition *home*."""
    for member in union:
        kind = _kind_of(_resolved(member, definitions))
        if kind is not None and _leads_to(home, frozenset(_references(member)), refers):
            yield kind


def _kind_of(schema: Mapping[str, Any]) -> type | None:
    """Return what values of *schema* are; None for what holds nothing. One that does not say is taken for an object."""
    named = schema.get("type", "object")
    for one in named if isinstance(named, list) else [named]:
        if one in _KINDS:
            return _KINDS[one]
    return None


def _resolved(schema: Any, definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    for _ in range(len(definitions) + 1):
        name = _name_in(schema)
        if name is None:
            break
        schema = definitions.get(name, {})
    return schema if isinstance(schema, Mapping) else {}


def _leads_to(home: str, names: frozenset[str], refers: Mapping[str, frozenset[str]]) -> bool:
    seen: set[str] = set()
    while names - seen:
        seen |= names
        names = frozenset(inner for name in names for inner in refers.get(name, ()))
    return home in seen


def _references(schema: object) -> Iterator[str]:
    for one in within(schema):
        name = _name_in(one)
        if name is not None:
            yield name


def _name_in(schema: Any) -> str | None:
    """Return the reference that *schema* is; None if it is none."""
    reference = schema.get("$ref") if isinstance(schema, Mapping) else None
    return reference if isinstance(reference, str) else None


def within(schema: object) -> Iterator[Mapping[str, Any]]:
    """Give *schema* and every mapping in it."""
    pending = [schema]
    while pending:
        one = pending.pop()
        if isinstance(one, Mapping):
            yield one
            pending += one.values()
        elif isinstance(one, list):
            pending += one
