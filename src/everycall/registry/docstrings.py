"""What a function's docstring says to a model: what the tool does, and what each parameter means."""

import inspect
from functools import partial
from typing import NamedTuple


class Documentation(NamedTuple):
    """What was read.

    Attributes:
        description: summary and explanation, without the sections on parameters, results and errors.
        parameters: the text of each parameter that has one.
    """

    description: str
    parameters: dict[str, str]


def read_documentation(function: object) -> Documentation:
    """Return what the docstring of *function* says, in Google's, NumPy's or Sphinx's style.

    A docstring in no known style is a description as it stands; without one both parts are empty.
    """
    text = _docstring(function)
    if not text:
        return Documentation("", {})
    from docstring_parser import ParseError, parse  # noqa: PLC0415 - only documented functions pay for it

    try:
        parsed = parse(text)
    except ParseError:
        return Documentation(text, {})
    parameters = {
        one.arg_name.lstrip("*"): " ".join(one.description.split()) for one in parsed.params if one.description
    }
    parts = [part.strip() for part in (parsed.short_description, parsed.long_description) if part]
    return Documentation(("\n\n" if parsed.blank_after_short_description else "\n").join(parts), parameters)


def _docstring(function: object) -> str:
    while isinstance(function, partial):  # its own docstring is that of functools.partial
        function = function.func
    if not inspect.isroutine(function) and not hasattr(function, "__wrapped__"):
        kind = type(function)
        function = kind if kind.__call__.__doc__ is None else kind.__call__
    return inspect.getdoc(function) or ""
