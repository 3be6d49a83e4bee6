"""The fields of OpenAI's two protocols: a table says what each may hold, one function judges in OpenAI's words."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from re import Pattern
from typing import Any

from everycall.testing.provider.rulebook import WIDELY, Rule, Violation, broken

NAME = re.compile(r"[a-zA-Z0-9_-]+")
NAME_TEXT = "^[a-zA-Z0-9_-]+$"

FIELD_RULES: dict[str, Rule] = {
    "missing_field": Rule(
        text="Missing required parameter: '{place}'.",
        source="the API's usual form; quoted in openai/openai-python #2061 and many others",
        code="missing_required_parameter",
    ),
    "wrong_type": Rule(
        text="Invalid type for '{place}': expected {expected}, but got {got} instead.",
        source="coze-dev/coze-studio #2317, danny-avila/LibreChat #3111",
        code="invalid_type",
    ),
    "empty_string": Rule(
        text="Invalid '{place}': empty string. Expected a string with minimum length 1, but got an empty string "
        "instead.",
        code="empty_string",
    ),
    "too_long": Rule(
        text="Invalid '{place}': string too long. Expected a string with maximum length {longest}, but got a string "
        "with length {length} instead.",
        source="agno-agi/agno #5382",
        code="string_above_max_length",
    ),
    "bad_name": Rule(
        text=f"Invalid '{{place}}': string does not match pattern. Expected a string that matches the pattern "
        f"'{NAME_TEXT}'.",
        source="brekkylab/ailoy #109, mcp-use/mcp-use #90",
        code="invalid_value",
    ),
    "bad_value": Rule(
        text="Invalid value: '{got}'. Supported values are: {supported}.",
        source=WIDELY,
        code="invalid_value",
    ),
    "bad_schema": Rule(
        text="Invalid schema for function '{function}': schema must be a JSON Schema of 'type: \"object\"', got 'type: "
        '"{got}"\'.',
        source=WIDELY,
        code="invalid_function_parameters",
    ),
}

_WORDS: dict[type, str] = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal",
    list: "an array",
    dict: "an object",
    type(None): "null",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """What one field may hold.

    Attributes:
        expected: OpenAI's words for the type.
        types: the Python types of the decoded JSON.
        required: False if it may be left out.
        shortest: characters at least.
        longest: characters at most, or None.
        pattern: what the whole text must match, or None.
    """

    expected: str
    types: tuple[type, ...]
    required: bool = True
    shortest: int = 0
    longest: int | None = None
    pattern: Pattern[str] | None = None


TEXT = Field(expected="a string", types=(str,))
OBJECT = Field(expected="an object", types=(dict,))
# 40 characters on older models (agno-agi/agno #5382), 64 on newer ones (9router PR #3167, vercel/ai #8132).
CALL_ID = Field(expected="a string", types=(str,), shortest=1, longest=64)
TOOL_NAME = Field(expected="a string", types=(str,), shortest=1, longest=64, pattern=NAME)


def fields(owner: Mapping[str, Any], place: str, table: Mapping[str, Field]) -> Iterator[Violation]:
    """Judge the fields of *owner*, which stands at *place*, by *table*."""
    for name, rule in table.items():
        where = f"{place}.{name}" if place else name
        if name in owner:
            yield from field_value(owner[name], where, rule)
        elif rule.required:
            yield broken(FIELD_RULES, "missing_field", where)


def field_value(value: object, place: str, rule: Field) -> Iterator[Violation]:
    """Judge one value: its type first, then its length and form."""
    if type(value) not in rule.types:
        yield broken(FIELD_RULES, "wrong_type", place, expected=rule.expected, got=_WORDS[type(value)])
        return
    if not isinstance(value, str):
        return
    if len(value) < rule.shortest:
        yield broken(FIELD_RULES, "empty_string", place)
    elif rule.longest is not None and len(value) > rule.longest:
        yield broken(FIELD_RULES, "too_long", place, longest=rule.longest, length=len(value))
    elif rule.pattern is not None and rule.pattern.fullmatch(value) is None:
        yield broken(FIELD_RULES, "bad_name", place)


def parameters(definition: Mapping[str, Any], place: str) -> Iterator[Violation]:
    """Judge the name and the `parameters` of one function definition at *place*."""
    yield from fields(definition, place, {"name": TOOL_NAME})
    schema = definition.get("parameters")
    if schema is None:
        return
    yield from field_value(schema, f"{place}.parameters", OBJECT)
    if isinstance(schema, dict) and schema and schema.get("type") != "object":
        name, got = definition.get("name"), schema.get("type")
        yield broken(FIELD_RULES, "bad_schema", f"{place}.parameters", function=name, got=got)
