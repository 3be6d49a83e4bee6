"""What a model reads when its arguments do not fit: where, and why, never the value. Bounded.

The words come from the kind of error and from the schema, which the author of the tool wrote. The few kinds whose own
text repeats the input have words of their own here (research: fault model 11.2).
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pydantic import ValidationError

from everycall.core.text import one_line
from everycall.registry.arguments import ArgumentsRefused

MAX_NAMED = 5
"""Errors named in one refusal; more are counted."""
_MAX_LISTED = 1000  # errors above this number are only counted: listing them costs more than the rest of the call
_MAX_WORDS = 200  # characters of the words about one error
_MAX_PLACE = 64  # characters of each part of a place, and parts of one place
_MAX_PARTS = 16


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
}
"""Kind of error -> what is said instead of pydantic's text."""


def refusal_of(error: ValidationError) -> ArgumentsRefused:
    """Return the refusal that says what pydantic found."""
    count = error.error_count()
    if count > _MAX_LISTED:
        return ArgumentsRefused(f"The arguments do not fit the tool's parameters in {count} places.")
    found = error.errors(include_input=False, include_url=False)
    return refusal_at(((one["loc"], _words(one["type"], one["msg"], one.get("ctx", {}))) for one in found), count)


def _words(kind: str, message: str, context: dict[str, Any]) -> str:
    words = _WORDS.get(kind, message)
    return words if isinstance(words, str) else words(context)


def refusal_at(found: Iterable[tuple[Sequence[object], str]], count: int) -> ArgumentsRefused:
    """Return the refusal that names the first errors.

    Args:
        found: the place of each error, as keys and indexes from the outside in, and the words about it.
        count: how many there are in all.
    """
    named = [
        f"{_place(place)}: {one_line(words, _MAX_WORDS)}"
        for (place, words), _ in zip(found, range(MAX_NAMED), strict=False)
    ]
    more = f"; and {count - MAX_NAMED} more" if count > MAX_NAMED else ""
    return ArgumentsRefused(f"The arguments do not fit the tool's parameters. {'; '.join(named)}{more}.")


def _place(parts: Sequence[object]) -> str:
    """Return *parts* as one would write it in code: `filters[0].name`."""
    place = ""
    for part in parts[:_MAX_PARTS]:
        if isinstance(part, int):
            place += f"[{part}]"
        else:
            place += ("." if place else "") + one_line(str(part), _MAX_PLACE)
    return (place or "arguments") + ("..." if len(parts) > _MAX_PARTS else "")
