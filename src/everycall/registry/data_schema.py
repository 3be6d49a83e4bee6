"""A tool whose schema is data: JSON Schema draft 2020-12, taken as it is, without coercion.

A schema may come from another program, so it is bounded before it is used: size, depth, what its references expand
to, and regular expressions in linear time. Nothing is ever fetched: a reference points into the schema itself.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from inspect import Parameter
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pydantic_core import from_json, to_json

from everycall.core.errors import UsageError
from everycall.core.text import one_line
from everycall.registry.arguments import ArgumentsRefused, plain
from everycall.registry.binding import Binder, Bound
from everycall.registry.branching import most_levels, too_deep, within
from everycall.registry.refusals import MAX_NAMED, refusal_at
from everycall.registry.signature import Shape

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator

MAX_SCHEMA_BYTES = 256 * 1024
"""Bytes of one schema as JSON (research: bounds, D.2)."""
MAX_SCHEMA_DEPTH = 64
"""Levels of one schema; also the longest chain of references (research: bounds, D.2)."""
MAX_EXPANDED = 100_000
"""Schemas that checking one value may visit once all references are followed. The largest schema of a hundred tool
servers stays far below; a bomb of 30 small definitions that double each other has a billion, and takes 12 s a call."""

MAX_EXPLAINED = 20_000
"""Values of the arguments, times what the largest choice of the schema holds: up to so many, a refusal says where; that
takes a tenth of a second then."""

_MASK = "the value"
_NAMED_SCHEMAS = frozenset({"properties", "patternProperties", "dependentSchemas"})
_DEFINITIONS = frozenset({"$defs", "definitions"})  # only used where something refers to them
_DATA = frozenset({"const", "enum", "default", "examples", "required", "dependentRequired"})
_CHOICES = ("anyOf", "oneOf", "enum")
_SAME_PLACE = frozenset({"allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas"})


@dataclass(frozen=True, slots=True)
class _DataBinder:
    """Validates against the schema, then against what the function can be called with."""

    validator: "Draft202012Validator"
    accepted: frozenset[str] | None
    needed: frozenset[str]
    reserved: frozenset[str]
    levels: Mapping[type, int]
    width: int

    def bind(self, text: str) -> Bound:
        values = from_json(text, allow_inf_nan=False)
        if not isinstance(values, dict):
            raise ArgumentsRefused("The arguments must be a JSON object.")
        if not self.validator.is_valid(values):
            # To say where takes far longer than to say no: every alternative is looked at, for every value.
            if _size(text) * self.width > MAX_EXPLAINED or too_deep(text, self.levels) is not None:
                raise ArgumentsRefused("The arguments do not fit the tool's schema, and are too large to say where.")
            raise self._refusal(values)
        self._require_callable_with(values)
        return Bound((), values)

    def _refusal(self, values: dict[str, object]) -> ArgumentsRefused:
        found = []
        for count, error in enumerate(self.validator.iter_errors(values)):
            if count > MAX_NAMED:  # one more than is named: enough to say that there are more
                break
            found.append((error.instance_path, one_line(error.message, 200)))
        return refusal_at(found, len(found))

    def _require_callable_with(self, values: dict[str, object]) -> None:
        names = values.keys()
        wrong = names & self.reserved if self.accepted is None else names - self.accepted
        if wrong:
            raise refusal_at([((name,), "is not a parameter of this tool") for name in sorted(wrong)], len(wrong))
        missing = self.needed - names
        if missing:
            raise refusal_at([((name,), "is required") for name in sorted(missing)], len(missing))


def data_binder(shape: Shape | None, schema: Mapping[str, object], tool: str) -> tuple[dict[str, object], Binder]:
    """Return a copy of *schema*, and what validates and binds arguments by it.

    Args:
        shape: what the function takes; None if that cannot be read, as of some builtins.
        schema: JSON Schema of an object.
        tool: the tool's name, for error messages.

    Raises:
        UsageError: the schema is not valid, too large, refers to anything outside, or does not fit the function.
    """
    parameters = _copied(schema, tool)
    _require_bounded(parameters, tool)
    validator = _validator(parameters, tool)
    accepted, needed, reserved = _names(shape, parameters, tool)
    levels = most_levels(parameters, ("anyOf", "oneOf"))
    return parameters, _DataBinder(validator, accepted, needed, reserved, levels, _width(parameters))


def _size(text: str) -> int:
    """Return how many values JSON *text* holds at most."""
    return 1 + text.count(",") + text.count("[") + text.count("{")


def _width(parameters: Mapping[str, object]) -> int:
    """Return how much the largest choice between alternatives holds; 0 if there is none."""
    choices = [one for one in within(parameters) if any(keyword in one for keyword in _CHOICES)]
    return max([_size(to_json([one.get(keyword) for keyword in _CHOICES]).decode()) for one in choices], default=0)


def _copied(schema: Mapping[str, object], tool: str) -> dict[str, object]:
    where = f"parameters= of tool {tool!r}"
    if not isinstance(schema, Mapping):
        raise UsageError(
            f'{where} must be a JSON Schema, such as {{"type": "object", "properties": {{}}}}, not {schema!r}'
        )
    try:
        text = to_json(schema, fallback=plain)
        copy: Any = from_json(text, allow_inf_nan=False) if len(text) <= MAX_SCHEMA_BYTES else None
    except Exception as error:
        raise UsageError(f"{where} cannot be written as JSON: {one_line(str(error), 200)}") from error
    if copy is None:
        raise UsageError(
            f"{where} has {len(text)} bytes; at most {MAX_SCHEMA_BYTES} are taken. Leave out what is not needed."
        )
    if copy.get("type") != "object":
        raise UsageError(f'{where} must have "type": "object" at the top: a call\'s arguments are an object.')
    return dict(copy)


def _validator(parameters: dict[str, object], tool: str) -> "Draft202012Validator":
    import jsonschema_rs  # noqa: PLC0415 - only tools whose schema is data pay for it

    def fetch_nothing(uri: str) -> Any:
        raise LookupError(f"{uri} lies outside the schema")

    try:
        return jsonschema_rs.Draft202012Validator(
            parameters, retriever=fetch_nothing, pattern_options=jsonschema_rs.RegexOptions(), mask=_MASK
        )
    except Exception as error:
        from everycall.registry.schema_faults import words_about  # noqa: PLC0415 - only where something is wrong

        raise UsageError(
            f"parameters= of tool {tool!r} is not a JSON Schema of draft 2020-12 that can be used: "
            f"{words_about(error, parameters)}"
        ) from error


# --- bounds ------------------------------------------------------------------------------------------------------


def _require_bounded(schema: dict[str, object], tool: str) -> None:
    where = f"parameters= of tool {tool!r}"
    level: list[object] = [schema]
    for _ in range(MAX_SCHEMA_DEPTH):
        level = [inner for outer in level for inner in _inside(outer) if isinstance(inner, dict | list)]
        if not level:
            break
    else:
        raise UsageError(f"{where} is nested more than {MAX_SCHEMA_DEPTH} levels deep: name inner parts under $defs.")
    if _Expansion(schema, where).count(schema) > MAX_EXPANDED:
        raise UsageError(f"{where} expands to more than {MAX_EXPANDED} schemas through its references: simplify it.")


def _inside(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


@dataclass(slots=True)
class _Expansion:
    """Counts the schemas that one value may be checked against, every reference followed; a recursion counts once."""

    root: dict[str, object]
    where: str
    known: dict[int, int] = field(default_factory=dict)
    open: set[int] = field(default_factory=set)
    anchors: dict[str, list[dict[str, object]]] | None = None

    def count(self, schema: dict[str, object], same_place: frozenset[int] = frozenset(), depth: int = 0) -> int:
        """Return the number for *schema*.

        Args:
            schema: where to begin.
            same_place: the schemas around it that look at the very same value.
            depth: references and levels on the way here.
        """
        mark = id(schema)
        if mark in same_place:
            raise UsageError(f"{self.where} has a reference that leads back to itself without going into the value.")
        if mark in self.open:
            return 1
        if mark not in self.known:
            if depth > 4 * MAX_SCHEMA_DEPTH:
                raise UsageError(
                    f"{self.where} has too long a chain of references: more than {4 * MAX_SCHEMA_DEPTH} levels."
                )
            self.open.add(mark)
            around = same_place | {mark}
            total = 1
            for inner, same in self._checked(schema):
                total += self.count(inner, around if same else frozenset(), depth + 1)
            self.open.discard(mark)
            self.known[mark] = min(total, MAX_EXPANDED + 1)
        return self.known[mark]

    def _checked(self, schema: dict[str, object]) -> Iterator[tuple[dict[str, object], bool]]:
        """Yield each schema that *schema* applies, and whether it applies to the very same value."""
        if "$id" in schema and schema is not self.root:
            raise UsageError(
                f"{self.where} has an inner $id: name inner parts under $defs and refer to them by #/$defs/..."
            )
        for key, value in schema.items():
            if key in {"$ref", "$dynamicRef"} and isinstance(value, str):
                yield from ((target, True) for target in self._targets(value))
            elif key not in _DATA and key not in _DEFINITIONS:
                inner = _inside(value) if key in _NAMED_SCHEMAS or isinstance(value, list) else (value,)
                yield from ((one, key in _SAME_PLACE) for one in inner if isinstance(one, dict))

    def _targets(self, reference: str) -> Iterator[dict[str, object]]:
        """Yield what *reference* points to; nothing if it points nowhere, which the validator reports."""
        if not reference.startswith("#"):
            raise UsageError(
                f"{self.where} refers to {one_line(reference, 100)!r}, outside the schema. Nothing is fetched: copy "
                "that schema under $defs and refer to it by #/$defs/..."
            )
        if reference.startswith("#/") or reference == "#":
            yield from self._pointed(reference)
            return
        if self.anchors is None:
            self.anchors = _anchors(self.root)
        yield from self.anchors.get(reference[1:], ())

    def _pointed(self, reference: str) -> Iterator[dict[str, object]]:
        at: object = self.root
        for part in reference.split("/")[1:]:
            at = _step(at, _unescaped(part))
        if isinstance(at, dict):
            yield at


def _anchors(root: dict[str, object]) -> dict[str, list[dict[str, object]]]:
    """Return every schema that has an anchor, by its name."""
    found: dict[str, list[dict[str, object]]] = {}
    stack: list[object] = [root]
    while stack:
        one = stack.pop()
        if isinstance(one, dict):
            for name in {one.get(key) for key in ("$anchor", "$dynamicAnchor") if isinstance(one.get(key), str)}:
                found.setdefault(str(name), []).append(one)
        stack.extend(_inside(one))
    return found


def _step(value: object, part: str) -> object:
    if isinstance(value, dict):
        return value.get(part)
    if isinstance(value, list) and part.isdecimal() and int(part[:9]) < len(value):
        return value[int(part[:9])]
    return None


def _unescaped(part: str) -> str:
    return unquote(part).replace("~1", "/").replace("~0", "~")


# --- the function ------------------------------------------------------------------------------------------------


def _names(
    shape: Shape | None, schema: dict[str, object], tool: str
) -> tuple[frozenset[str] | None, frozenset[str], frozenset[str]]:
    """Return the names that the function accepts (None: any), needs, and keeps for itself."""
    if shape is None:
        return None, frozenset(), frozenset()
    named = [one for one in shape.parameters if one.kind in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)]
    accepted = frozenset(one.name for one in named)
    needed = frozenset(one.name for one in named if one.default is Parameter.empty)
    properties = schema.get("properties")
    described = frozenset(properties) if isinstance(properties, dict) else frozenset[str]()
    if any(one.kind is Parameter.POSITIONAL_ONLY for one in shape.parameters):
        raise UsageError(f"Tool {tool!r} gets its arguments by name: remove the / from the function's signature.")
    unwanted = described & shape.reserved if shape.keywords else described - accepted
    if unwanted:
        raise UsageError(
            f"The schema of tool {tool!r} has properties that its function cannot take: {', '.join(sorted(unwanted))}. "
            "Add parameters of these names, or **kwargs."
        )
    unfilled = needed - described
    if unfilled and schema.get("additionalProperties") is False:
        raise UsageError(
            f"The function of tool {tool!r} needs what its schema does not have: {', '.join(sorted(unfilled))}. "
            "Add these properties, or give the parameters defaults."
        )
    return (None if shape.keywords else accepted), needed, shape.reserved
