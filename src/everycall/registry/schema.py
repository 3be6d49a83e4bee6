"""A typed signature as JSON Schema and as a validator: one pydantic build for both, through its public API alone.

1. The adapter is built over a function that takes the tool's parameters and returns them by name. The tool itself is
   never called here, so a bad argument is never mistaken for a tool that failed.
2. Defaults are shown to the model and left to the tool: an argument that was not sent is not passed. Three kinds must
   be filled in: mutable ones (a fresh copy each time, so that no call sees what another changed), those written as
   `Field(...)`, and those before a positional-only argument.
3. Non-finite numbers are refused, in text such as "nan" too; a model class with a configuration of its own keeps it.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import Parameter
from typing import Annotated, Any, Final, get_args, get_origin

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import from_json, to_json

from everycall.core.errors import UsageError
from everycall.core.making import new_tuple
from everycall.core.text import type_name
from everycall.registry.arguments import ArgumentsRefused
from everycall.registry.binding import Binder, Bound
from everycall.registry.branching import most_levels, too_deep
from everycall.registry.refusals import refusal_at, refusal_of
from everycall.registry.signature import Shape

# By name as well as by alias: middleware changes arguments by the names of the parameters.
_CONFIG: Final = ConfigDict(allow_inf_nan=False, validate_by_name=True, validate_by_alias=True)


class _LeftOut:
    """Stands for a default while arguments are validated, and is dropped afterwards: the function has the real one."""

    __slots__ = ("default",)

    def __init__(self, default: object) -> None:
        self.default = default


class _Generator(GenerateJsonSchema):
    """Leaves out titles, which only repeat the names, and defaults that JSON cannot hold."""

    ignored_warning_kinds: set[Any] = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 - never changed

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's signature
        return False

    def kw_arguments_schema(self, arguments: Any, var_kwargs_schema: Any) -> JsonSchemaValue:
        described = super().kw_arguments_schema(arguments, var_kwargs_schema)
        for name, one in described.get("properties", {}).items():
            if one.get("title") == self.get_title_from_name(name):  # pydantic before 2.12 does not ask the method above
                del one["title"]
        return described

    def default_schema(self, schema: Any) -> JsonSchemaValue:
        default = schema.get("default")
        if isinstance(default, _LeftOut):
            schema = {**schema, "default": default.default}
        described = super().default_schema(schema)
        if "default" in described and not _is_json(described["default"]):
            described = {key: value for key, value in described.items() if key != "default"}
        return described


@dataclass(frozen=True, slots=True)
class _TypedBinder:
    """Validates strictly, then laxly: `"3"` for an int is accepted, and said."""

    validate: Callable[..., dict[str, object]]
    positional: tuple[str, ...]
    reserved: frozenset[str]
    levels: Mapping[type, int]

    def bind(self, text: str) -> Bound:
        if self.levels:
            self._require_shallow(text)
        try:
            values, coerced = self.validate(text, strict=True), False
        except Exception:  # noqa: BLE001 - whatever it was, the second try says it; outside, for it may be huge
            coerced = True
        if coerced:
            values = self._validate_laxly(text)
        if self.reserved and not self.reserved.isdisjoint(values):
            raise refusal_at([((min(self.reserved.intersection(values)),), "is not a parameter of this tool")], 1)
        if not self.positional:
            return new_tuple(Bound, ((), values, coerced))
        args = tuple([values.pop(name) for name in self.positional])
        return Bound(args, values, coerced)

    def _require_shallow(self, text: str) -> None:
        bound = too_deep(text, self.levels)
        if bound is not None:
            raise ArgumentsRefused(f"The arguments are nested too deeply for this tool: more than {bound} levels.")

    def _validate_laxly(self, text: str) -> dict[str, object]:
        try:
            return self.validate(text, strict=False)
        except ValidationError as error:
            raise refusal_of(error) from None  # the cause would hold the values
        except Exception as error:  # a validator of a parameter's type has a fault of its own
            raise ArgumentsRefused(f"The arguments could not be checked ({type_name(error)}).") from error


def typed_binder(shape: Shape, documented: Mapping[str, str], tool: str) -> tuple[dict[str, object], Binder]:
    """Return the JSON Schema of the parameters of *shape*, and what validates and binds arguments.

    Args:
        shape: what the function takes.
        documented: what its docstring says about each parameter; `Field(description=...)` wins.
        tool: the tool's name, for error messages.

    Raises:
        UsageError: a parameter cannot be filled by name, or has a type that JSON cannot hold.
    """
    _require_names(shape, tool)
    fields = [_field(one, documented) for one in shape.parameters]
    if shape.keywords:
        fields.append(shape.keywords)
    try:
        adapter = _adapter(fields)
        parameters = adapter.json_schema(schema_generator=_Generator)
    except Exception as error:
        raise _no_schema(fields, error, tool) from error
    if shape.keywords:
        _require_no_alias(shape, parameters, tool)
    reserved = shape.reserved if shape.keywords else frozenset[str]()
    levels = most_levels(parameters)
    return parameters, _TypedBinder(adapter.validator.validate_json, shape.positional, reserved, levels)


def _require_names(shape: Shape, tool: str) -> None:
    kinds = {one.kind for one in shape.parameters}
    if Parameter.VAR_POSITIONAL in kinds:
        name = next(one.name for one in shape.parameters if one.kind is Parameter.VAR_POSITIONAL)
        raise UsageError(
            f"Tool {tool!r} takes *{name}, and a model's arguments have names: take a list, {name}: list[...], instead."
        )
    if {Parameter.POSITIONAL_ONLY, Parameter.KEYWORD_ONLY} <= kinds:
        raise UsageError(
            f"Tool {tool!r} has positional-only and keyword-only parameters together: remove the / or the * from its "
            "signature."
        )


def _require_no_alias(shape: Shape, parameters: Mapping[str, Any], tool: str) -> None:
    """Refuse an alias beside `**kwargs`: sent by its own name, a value would get past the parameter's type."""
    for one in shape.parameters:
        if one.name not in parameters.get("properties", {}):
            raise UsageError(
                f"Tool {tool!r}: parameter {one.name!r} has an alias, which cannot stand beside **kwargs: "
                "give the parameter the name that the model shall use, or list the keywords."
            )


def _adapter(fields: list[Parameter]) -> TypeAdapter[Any]:
    def by_name(**values: object) -> dict[str, object]:
        return values

    def by_name_without_defaults(**values: object) -> dict[str, object]:
        return {name: value for name, value in values.items() if type(value) is not _LeftOut}

    leaves_out = any(isinstance(one.default, _LeftOut) for one in fields)
    capture: Any = by_name_without_defaults if leaves_out else by_name
    capture.__signature__ = inspect.Signature(fields)
    capture.__annotations__ = {one.name: one.annotation for one in fields}
    return TypeAdapter(capture, config=_CONFIG)


def _field(parameter: Parameter, documented: Mapping[str, str]) -> Parameter:
    """Return *parameter* as pydantic shall see it: passed by name, described, its default held back."""
    annotation, default = parameter.annotation, parameter.default
    kind: Any = annotation
    metadata: tuple[Any, ...] = ()
    if get_origin(annotation) is Annotated:
        kind, metadata = get_args(annotation)[0], annotation.__metadata__
    if parameter.name in documented:  # first, so that what the author wrote in a Field wins
        annotation = Annotated[(kind, Field(description=documented[parameter.name]), *metadata)]
    filled_in = (
        default is Parameter.empty
        or isinstance(default, FieldInfo)
        or parameter.kind is Parameter.POSITIONAL_ONLY
        or isinstance(default, list | dict | set | bytearray)
        or any(isinstance(one, FieldInfo) and one.validate_default for one in metadata)
    )
    return Parameter(
        parameter.name,
        Parameter.KEYWORD_ONLY,
        annotation=annotation,
        default=default if filled_in else _LeftOut(default),
    )


def _is_json(value: object) -> bool:
    try:
        from_json(to_json(value), allow_inf_nan=False)
    except Exception:  # noqa: BLE001 - a default that cannot be shown is left out
        return False
    return True


def _no_schema(fields: list[Parameter], error: Exception, tool: str) -> UsageError:
    """Return the error that names the parameter which has no schema, found by building each alone."""
    for one in fields:
        try:
            _adapter([one]).json_schema(schema_generator=_Generator)
        except Exception as cause:  # noqa: BLE001 - whatever pydantic raises for this one
            return _unusable(one, cause, tool)
    return UsageError(f"The parameters of tool {tool!r} have no JSON Schema: {_first_line(error)}. {_CURE}")


_CURE = (
    "Use types that JSON can hold, such as a pydantic model, a dataclass or a TypedDict, or pass the schema: "
    'parameters={"type": "object", "properties": {...}}.'
)
_FOR_MODELS = " Set `arbitrary_types_allowed"  # pydantic's advice from here on is for the author of a model


def _unusable(parameter: Parameter, cause: Exception, tool: str) -> UsageError:
    kind = inspect.formatannotation(parameter.annotation)
    return UsageError(
        f"Tool {tool!r}: parameter {parameter.name!r} of type {kind} has no JSON Schema: {_first_line(cause)}. {_CURE} "
        "What the tool needs from your program goes into `deps`, read through a ToolContext parameter."
    )


def _first_line(error: Exception) -> str:
    line = (str(error).splitlines() or [type(error).__name__])[0]
    return line.partition(_FOR_MODELS)[0].rstrip(".")
