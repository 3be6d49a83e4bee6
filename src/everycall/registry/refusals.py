"""What a model reads when its arguments do not fit: where, and why, never the value. Bounded.

The words come from the kind of error and from the schema, which the author of the tool wrote. The few kinds whose own
text repeats the input have words of their own here. A validator of the tool's author says what it likes: there the
value is taken out of its words, and they are redacted like an exception's (research: fault model 11.2).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core.core_schema import ErrorType

from everycall.core.redaction import MAX_CODED, MAX_SECRET, MAX_WORDS, MIN_SECRET, forms_of, without
from everycall.core.text import one_line
from everycall.registry.arguments import ArgumentsRefused

MAX_NAMED = 5
"""Errors named in one refusal; more are counted."""
_MAX_LISTED = 1000  # errors above this number are only counted: listing them costs more than the rest of the call
_MAX_WORDS = 200  # characters of the words about one error
_MAX_READ = 2 * _MAX_WORDS + 64  # of them that are looked at, as `one_line` does
_MAX_PLACE = 64  # characters of each part of a place, and parts of one place
_MAX_PARTS = 16
_MAX_VALUES = 200  # texts and numbers of one wrong value that are taken out of a validator's words


def _known_tags(context: dict[str, Any]) -> str:
    return f"its {context.get('discriminator', 'tag')} must be one of {context.get('expected_tags', 'the known ones')}"


_WORDS: dict[str, str | Callable[[dict[str, Any]], str]] = {
    "missing_keyword_only_argument": "is required",
    "missing": "is required",
    "unexpected_keyword_argument": "is not a parameter of this tool",
    "extra_forbidden": "is not a known field",
    # pydantic's own words for these repeat what was sent
    "union_tag_invalid": _known_tags,
    "uuid_parsing": "should be a valid UUID",
    "byte_size_unit": "should have a known unit of bytes",
    "import_error": "should be the path of something that can be imported",
    "timezone_offset": "should have another time zone",
}
"""Kind of error -> what is said instead of pydantic's text."""

_NOT_FOREIGN = frozenset({*get_args(ErrorType), *_WORDS}) - {
    "value_error", "assertion_error", "get_attribute_error", "iteration_error", "mapping_type"
}  # fmt: skip
"""Kinds of error whose text pydantic or this module has written; all others repeat what foreign code said."""


def refusal_of(error: ValidationError) -> ArgumentsRefused:
    """Return the refusal that says what pydantic found."""
    count = error.error_count()
    if count > _MAX_LISTED:
        return ArgumentsRefused(f"The arguments do not fit the tool's parameters in {count} places.")
    found = error.errors(include_input=False, include_url=False)
    foreign = not _NOT_FOREIGN.issuperset(one["type"] for one in found)
    if foreign:
        found = error.errors(include_url=False)
    return refusal_at(((one["loc"], _words(one)) for one in found), count, foreign=foreign)


def _words(one: Any) -> str:
    """Return what is said about *one* error of pydantic's."""
    if one["type"] not in _NOT_FOREIGN:
        words = one["msg"]
        forms = _forms_of_values(one["input"], len(words))
        return without(words[: _MAX_READ + MAX_WORDS], forms, "[value]", end=_MAX_READ)
    words = _WORDS.get(one["type"], one["msg"])
    return words if isinstance(words, str) else words(one.get("ctx", {}))


def _forms_of_values(value: object, longest: int) -> tuple[str, ...]:
    """Return each text and number within *value* as a validator's words may repeat it; short ones only in quotes.

    Args:
        value: what was sent.
        longest: characters of the words: what is longer is not in them.
    """
    forms: dict[str, None] = {}
    long: list[str] = []
    pending = [value]
    for _ in range(_MAX_VALUES):
        if not pending:
            break
        one = pending.pop()
        if isinstance(one, Mapping):
            pending.extend(one.values())
        elif isinstance(one, list | tuple):
            pending.extend(one)
        elif isinstance(one, str | int | float) and not isinstance(one, bool):
            said = str(one)
            if MIN_SECRET <= len(said) <= longest:
                long.append(said[:MAX_SECRET])  # more than is shown of any words
            elif 0 < len(said) < MIN_SECRET:
                forms.update({repr(said): None, f'"{said}"': None})
    return (*forms, *forms_of(long, room=MAX_CODED))


def refusal_at(found: Iterable[tuple[Sequence[object], str]], count: int, *, foreign: bool = False) -> ArgumentsRefused:
    """Return the refusal that names the first errors.

    Args:
        found: the place of each error, as keys and indexes from the outside in, and the words about it.
        count: how many there are in all.
        foreign: words of the tool's author are among them.
    """
    named = [
        f"{place_of(place)}: {one_line(words, _MAX_WORDS)}"
        for (place, words), _ in zip(found, range(MAX_NAMED), strict=False)
    ]
    more = f"; and {count - MAX_NAMED} more" if count > MAX_NAMED else ""
    return ArgumentsRefused(
        f"The arguments do not fit the tool's parameters. {'; '.join(named)}{more}.", foreign=foreign
    )


def place_of(parts: Sequence[object]) -> str:
    """Return *parts* as one would write it in code: `filters[0].name`."""
    place = ""
    for part in parts[:_MAX_PARTS]:
        if isinstance(part, int):
            place += f"[{part}]"
        else:
            place += ("." if place else "") + one_line(str(part), _MAX_PLACE)
    return (place or "arguments") + ("..." if len(parts) > _MAX_PARTS else "")
