"""The secrets among the arguments of one call: what a `SecretStr` holds, or a parameter that is declared a password.

A tool may raise an error that repeats them. Whether a tool takes any is read from its schema, when it is registered;
only for those tools the arguments are looked through, and only once a call has failed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from everycall.core.redaction import MAX_SECRET, MAX_SECRETS
from everycall.registry.arguments import MAX_DEPTH
from everycall.registry.binding import Bound

MAX_NODES = 100_000
"""Values of one call's arguments that are looked at (research: bounds, D.2)."""
_ELSEWHERE = ""  # stands for a secret that is no property: an item of a list, say


def secret_names(schema: Mapping[str, object]) -> frozenset[str]:
    """Return the names of the properties whose schema says `"format": "password"`, as pydantic's secret types do.

    Empty if there are none at all; with the empty name if one is no property of an object.
    """
    found: set[str] = set()
    pending: list[tuple[str, object]] = [(_ELSEWHERE, schema)]
    while pending:
        name, one = pending.pop()
        if isinstance(one, Mapping):
            if one.get("format") == "password":
                found.add(name)
            pending.extend((key if isinstance(key, str) else _ELSEWHERE, inner) for key, inner in one.items())
        elif isinstance(one, list):
            pending.extend((_ELSEWHERE, inner) for inner in one)
    return frozenset(found)


def secrets_of(bound: Bound, names: frozenset[str]) -> tuple[str, ...]:
    """Return the secrets among arguments: at most `MAX_SECRETS`, each with at most `MAX_SECRET` characters.

    Args:
        bound: the arguments of one attempt.
        names: what `secret_names` has found in the tool's schema.
    """
    found: dict[str, None] = {}
    pending: list[tuple[str, Any]] = [(_ELSEWHERE, one) for one in bound.args]
    pending.extend(bound.kwargs.items())
    for _ in range(MAX_NODES):
        if not pending or len(found) >= MAX_SECRETS:
            break
        name, value = pending.pop()
        ask = getattr(type(value), "get_secret_value", None)
        if ask is not None:
            name, value = name or "secret", ask(value)
            names |= {name}
        if isinstance(value, str | bytes | int | float) and name in names:
            text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
            found[text[:MAX_SECRET]] = None  # of a longer one, nobody is shown what follows
        pending.extend(_inside(name, value))
    return tuple(found)


def with_secrets(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return *arguments*, validated before, with every secret as it was sent: as JSON it would be a row of stars."""
    return {name: _revealed(value, MAX_DEPTH) for name, value in arguments.items()}


def _revealed(value: Any, depth: int) -> Any:
    ask = getattr(type(value), "get_secret_value", None)
    if ask is not None:
        value = ask(value)
    dump = getattr(type(value), "model_dump", None)
    if dump is not None:
        value = dump(value, by_alias=True)
    elif is_dataclass(value) and not isinstance(value, type):
        value = {one.name: getattr(value, one.name) for one in fields(value)}
    if depth and isinstance(value, Mapping):
        return {key: _revealed(inner, depth - 1) for key, inner in value.items()}
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [_revealed(inner, depth - 1) for inner in value]
    return value


def _inside(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        yield from ((str(key), inner) for key, inner in value.items())
    elif isinstance(value, list | tuple | set | frozenset):
        yield from ((name, inner) for inner in value)
    elif isinstance(getattr(value, "__dict__", None), dict):
        yield from vars(value).items()
