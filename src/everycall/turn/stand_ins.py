"""What stands for a value that JSON does not know: one table by type, the first line that fits.

1. A line gives a simpler value, or `Items` or `Pairs` to be walked, or refuses with the cure. The table is asked again
   about what a line gave.
2. Types are asked, never objects: `isinstance` would read a `__class__` that may lie or raise.
3. Foreign code runs only where the value cannot be had without it (a model's serialiser, a foreign mapping's
   `items`); the caller guards against all that it may raise, and bounds all that it may yield.
"""

import inspect
from collections import UserString
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence, ValuesView
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, fields
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import partial
from itertools import chain, islice
from pathlib import PurePath
from types import CoroutineType, GeneratorType
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic_core import to_jsonable_python

from everycall.core.content import File, Image, Text
from everycall.core.text import name_of, type_name
from everycall.turn.refusal import CannotEncode
from everycall.turn.sink import HARD_CAP, too_big

MAX_NODES = 250_000
"""Values of one result that are visited one by one: a microsecond each, five for a dataclass, while the loop waits."""
MAX_SORTED = 100_000
"""Members of the largest set that is put in order."""

Convert = Callable[[Any], object]


@dataclass(slots=True)
class Items:
    """Stands for an array: its values in order."""

    values: Iterable[object]


@dataclass(slots=True)
class Pairs:
    """Stands for an object: its keys and values in order."""

    pairs: Iterable[tuple[object, object]]


def converter_of(kind: type) -> Convert:
    """Return what makes a value of the type *kind*, which is no exact JSON type, simpler.

    Raises:
        CannotEncode: nothing stands for such a value; the message names the cure.
    """
    for test, convert in TABLE:
        if test(kind) if callable(test) else issubclass(kind, test):
            return convert
    name = name_of(kind, qualified=True)
    raise CannotEncode(
        f"it holds a value of type {name}, which has no form as text. "
        "Return a str, a dict, a list, a dataclass or a pydantic model"
    )


def _refuse(what: str, cure: str) -> Convert:
    def refuse(value: Any) -> object:
        # What has not begun is closed without running any of it; left alone, a coroutine complains later on.
        if type(value) is CoroutineType and inspect.getcoroutinestate(value) == inspect.CORO_CREATED:
            value.close()
        raise CannotEncode(f"it holds {what} (type {type_name(value)}). {cure}")

    return refuse


def _model(value: Any) -> object:
    """Return a pydantic model or dataclass as its own serialiser has it: aliases, excluded fields, masked secrets."""
    weigh(value)
    if issubclass(type(value), BaseModel):
        dump = value.model_dump
    else:
        dump = partial(type(value).__pydantic_serializer__.to_python, value)
    try:
        return dump(mode="json", warnings=False)
    except ValueError:
        # It holds what pydantic has no JSON for, such as bytes that are no UTF-8. The walk has.
        return dump(mode="python", warnings=False)


def weigh(model: object) -> None:
    """Look at a model before its serialiser, which has no bound, is let loose on it.

    Fields that it leaves out (`Field(exclude=True)`), such as one that leads back to a parent, are not looked at.

    Raises:
        CannotEncode: it holds more than can be sent, or itself, or an iterator, which may have no end.
    """
    pending: list[Any] = [model]
    around: set[int] = set()  # ids of what holds the values that are looked at
    nodes = size = 0
    while pending:
        value = pending.pop()
        if type(value) is _End:
            around.discard(value.of)
            continue
        size += _size_alone(value)
        inner = _inside(value)
        if inner is not None:
            if id(value) in around:
                raise CannotEncode(
                    f"it is a model that holds itself ({type_name(value)}). Give the field that leads back exclude=True"
                )
            around.add(id(value))
            pending.append(_End(id(value)))
            pending.extend(islice(inner, MAX_NODES + 1))
        nodes += 1
        if nodes + len(pending) > MAX_NODES:
            raise too_many()
        if size > HARD_CAP:
            raise too_big()


def _size_alone(value: Any) -> int:
    kind = type(value)
    if issubclass(kind, str):
        return str.__len__(value)
    return memoryview(value).nbytes if issubclass(kind, bytes | bytearray) else 0


def _inside(value: Any) -> Iterable[object] | None:
    """Return the values that *value* holds, None if it is no kind of thing that holds any."""
    kind = type(value)
    if issubclass(kind, dict):
        return chain(dict.keys(value), dict.values(value))
    if issubclass(kind, list | tuple | set | frozenset):
        return value  # type: ignore[no-any-return]
    if issubclass(kind, Iterator):
        raise CannotEncode("it is a model that holds an iterator. Give the field a list")
    if issubclass(kind, BaseModel) or hasattr(kind, "__dataclass_fields__"):
        return chain(_fields_sent(value), _held(value, "__pydantic_extra__").values())
    return None


class _End(NamedTuple):
    """Stands behind the values that an object holds."""

    of: int


def too_many() -> CannotEncode:
    """Return the refusal of a value that holds more values than are visited."""
    return CannotEncode(
        f"it holds more than {MAX_NODES:,} values that must be read one by one. "
        "Return fewer, or a summary and where the rest can be read"
    )


def _fields_sent(value: object) -> Iterable[object]:
    known = _held(type(value), "__pydantic_fields__")
    return (
        one for name, one in _held(value, "__dict__").items() if getattr(known.get(name), "exclude", None) is not True
    )


def _held(value: object, name: str) -> dict[str, object]:
    held = getattr(value, name, None)
    return held if type(held) is dict else {}


def _dataclass(value: Any) -> object:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _set(value: Any) -> object:
    """Return the members; in order where they are of one simple type, for a set's own order differs from run to run."""
    members = list(islice(value, MAX_SORTED + 1))
    kinds = set(map(type, members))
    if len(members) <= MAX_SORTED and len(kinds) == 1 and kinds <= {str, int, bytes, date, UUID}:
        return sorted(members)
    return Items(iter(value))


def _array(value: Any) -> object:
    if value.nbytes > HARD_CAP:
        raise too_big()
    return value.tolist()


def _called(*names: str) -> Callable[[type], bool]:
    """Return a test for types that are called so, or derive from one: `root module.name`; no library is imported."""
    wanted = frozenset(names)
    return lambda kind: any(f"{one.__module__.partition('.')[0]}.{one.__name__}" in wanted for one in kind.__mro__)


_ALONE = "Return content parts alone, or in a list of nothing but parts"
_ROWS = 'Return rows, such as frame.head(50).to_dict("records")'
_FRAMES = _called("pandas.DataFrame", "pandas.Series", "polars.DataFrame", "polars.Series", "pyarrow.Table")

TABLE: tuple[tuple[tuple[type, ...] | Callable[[type], bool], Convert], ...] = (
    ((BaseException,), _refuse("an exception", "Raise it instead of returning it")),
    ((Text, Image, File), _refuse("a content part among other data", _ALONE)),
    ((Enum,), lambda value: value.value),
    # The base's own method gives the exact type, past whatever a subclass overrides.
    ((str,), str.__str__),
    ((int,), int.__int__),
    ((float,), float.__float__),
    ((bytes, bytearray), memoryview),
    ((BaseModel,), _model),
    (lambda kind: hasattr(kind, "__pydantic_serializer__"), _model),
    ((SecretStr, SecretBytes), str),  # asterisks
    ((date, time, timedelta, UUID), to_jsonable_python),  # ISO 8601, as within a model; a datetime is a date
    ((Decimal, Fraction, complex, PurePath, UserString), str),
    ((GeneratorType, CoroutineType), _refuse("a generator or a coroutine", "Return list(...), or await it")),
    ((Awaitable,), _refuse("something to be awaited", "Await it and return what it gives")),
    ((Iterator, AsyncIterator), _refuse("an iterator", "Return a list of what it yields")),
    ((type,), _refuse("a class", "Return an instance, or its name")),
    (lambda kind: hasattr(kind, "__dataclass_fields__"), _dataclass),
    (
        lambda kind: issubclass(kind, tuple) and hasattr(kind, "_fields"),
        lambda value: Pairs(zip(value._fields, tuple.__iter__(value), strict=False)),
    ),
    (_called("numpy.generic"), lambda value: value.item()),
    (_called("numpy.ndarray"), _array),
    (_FRAMES, _refuse("a table", _ROWS)),
    ((Mapping,), lambda value: Pairs(iter(value.items()))),
    ((set, frozenset), _set),
    ((Sequence, AbstractSet, ValuesView), lambda value: Items(iter(value))),
)
"""Types, or a test of a type, and what makes such a value simpler. Earlier lines win: an IntEnum is an Enum first."""
