"""A typed function as a tool: its schema, and what it does with arguments."""

import dataclasses
import datetime as dt
import enum
import functools
import json
import math
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, Literal, NotRequired, Optional, Union

import pytest
from pydantic import AfterValidator, BaseModel, BeforeValidator, ByteSize, ConfigDict, Field
from typing_extensions import TypedDict, Unpack  # pydantic asks for these before Python 3.12

from everycall.core.errors import UsageError
from everycall.registry import ToolContext, ToolRegistry
from everycall.registry.arguments import ArgumentsRefused


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Point(BaseModel):
    """A place."""

    x: int
    y: int = 0


class Loose(BaseModel):
    model_config = ConfigDict(extra="allow", allow_inf_nan=True)
    ratio: float = 1.0


@dataclasses.dataclass
class Size:
    width: int
    height: int = 1


class Options(TypedDict):
    depth: int
    label: NotRequired[str]


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


def tool_of(function, **options):
    return ToolRegistry().add(function, **options)


def refused(tool, text):
    with pytest.raises(ArgumentsRefused) as caught:
        tool.bind(text)
    return caught.value.message


def passed(function, text, **options):
    """Return what *function* is called with."""
    tool = tool_of(function, **options)
    return tool.call(tool.bind(text), None)


def properties_of(function):
    return tool_of(function).parameters["properties"]


def test_the_schema_says_what_the_signature_says():
    def search(query: str, limit: int = 10, *, tags: list[str] | None = None) -> None: ...

    assert tool_of(search).parameters == {
        "type": "object",
        "properties": {
            "query": {"type": "string"},
            "limit": {"type": "integer", "default": 10},
            "tags": {"anyOf": [{"items": {"type": "string"}, "type": "array"}, {"type": "null"}], "default": None},
        },
        "required": ["query"],
        "additionalProperties": False,
    }


def test_a_function_without_parameters_takes_an_empty_object():
    tool = tool_of(lambda: "pong", name="ping")
    assert tool.parameters == {"type": "object", "properties": {}, "additionalProperties": False}
    assert tool.bind("{}") == ((), {}, False)
    assert "is not a parameter" in refused(tool, '{"a": 1}')


@pytest.mark.parametrize(
    ("annotation", "sent", "got"),
    [
        (int, "3", 3),
        (float, "3", 3.0),
        (str, '"x"', "x"),
        (bool, "true", True),
        (Any, '{"a": [1]}', {"a": [1]}),
        (object, "[1]", [1]),
        (list[int], "[1, 2]", [1, 2]),
        (dict[str, int], '{"a": 1}', {"a": 1}),
        (tuple[int, str], '[1, "x"]', (1, "x")),
        (set[int], "[1, 1]", {1}),
        (Optional[int], "null", None),  # noqa: UP045
        (Union[int, str], '"x"', "x"),  # noqa: UP007
        (int | None, "3", 3),
        (Literal["a", "b"], '"b"', "b"),
        (Colour, '"blue"', Colour.BLUE),
        (Point, '{"x": 1}', Point(x=1)),
        (Size, '{"width": 2}', Size(2)),
        (Options, '{"depth": 1}', {"depth": 1}),
        (list[Point], '[{"x": 1, "y": 2}]', [Point(x=1, y=2)]),
        (Annotated[int, Field(ge=1)], "1", 1),
        (dt.date, '"2026-01-02"', dt.date(2026, 1, 2)),
        (uuid.UUID, '"12345678-1234-5678-1234-567812345678"', uuid.UUID("12345678-1234-5678-1234-567812345678")),
        (Decimal, '"1.5"', Decimal("1.5")),
        (Annotated[Cat | Dog, Field(discriminator="kind")], '{"kind": "dog"}', Dog(kind="dog")),
        (bytes, '"x"', b"x"),
    ],
)
def test_a_value_arrives_as_its_type(annotation, sent, got):
    def take(value):
        return value

    take.__annotations__["value"] = annotation
    tool = tool_of(take)
    bound = tool.bind(f'{{"value": {sent}}}')
    assert tool.call(bound, None) == got
    assert bound.coerced is False
    json.dumps(tool.parameters, allow_nan=False)


@pytest.mark.parametrize(
    "name",
    [
        "model_dump",
        "schema",
        "json",
        "self",
        "cls",
        "copy",
        "_private",
        "__dunder",
        "class_",
        "args",
        "kwargs",
        "values",
        "model_config",
        "by_name",
        "return_",
        "größe",
        "title",
        "properties",
        "default",
        "text",
        "context",
    ],
)
def test_a_parameter_may_have_any_name(name):
    scope = {}
    exec(f"def take({name}: int, other: {{}} = 0): return {name}".replace("{}", "int"), scope)
    tool = tool_of(scope["take"])
    assert tool.call(tool.bind(json.dumps({name: 3})), None) == 3
    assert name in tool.parameters["properties"]
    assert name in refused(tool, json.dumps({name: "x"}))


def test_an_argument_that_was_not_sent_is_left_to_the_function():
    marker = object()

    def take(a: int, b: str = "x", c: Any = marker, d: float = math.inf):
        return a, b, c, d

    tool = tool_of(take)
    bound = tool.bind('{"a": 1}')
    assert bound.kwargs == {"a": 1}
    assert tool.call(bound, None) == (1, "x", marker, math.inf)
    assert tool.parameters["properties"] == {
        "a": {"type": "integer"},
        "b": {"type": "string", "default": "x"},
        "c": {},
        "d": {"type": "number"},
    }


def test_a_default_is_shown_where_json_can_hold_it():
    def take(colour: Colour = Colour.RED, point: Point = Point(x=1), when: dt.date = dt.date(2026, 1, 2)):  # noqa: B008
        ...

    found = properties_of(take)
    assert found["colour"]["default"] == "red"
    assert found["point"]["default"] == {"x": 1, "y": 0}
    assert found["when"]["default"] == "2026-01-02"


def test_a_mutable_default_is_fresh_for_every_call():
    def remember(item: int, seen: list[int] = []):  # noqa: B006
        seen.append(item)
        return seen

    tool = tool_of(remember)
    assert tool.call(tool.bind('{"item": 1}'), None) == [1]
    assert tool.call(tool.bind('{"item": 2}'), None) == [2]
    assert remember.__defaults__ == ([],)
    assert tool.parameters["properties"]["seen"]["default"] == []


def test_a_default_that_shall_be_validated_is_validated():
    def take(a: Annotated[int, Field(validate_default=True)] = "3"):
        return a

    assert passed(take, "{}") == 3


def test_a_field_as_default_gives_description_bounds_and_default():
    def take(
        a: int = Field(7, ge=1, description="How many."),
        b: list[int] = Field(default_factory=list),  # noqa: B008
        c: str = Field(),
    ):
        return a, b, c

    tool = tool_of(take)
    assert tool.parameters["properties"]["a"] == {
        "type": "integer",
        "minimum": 1,
        "default": 7,
        "description": "How many.",
    }
    assert tool.parameters["required"] == ["c"]
    first = tool.call(tool.bind('{"c": "x"}'), None)
    assert first == (7, [], "x")
    first[1].append(1)
    assert tool.call(tool.bind('{"c": "x"}'), None) == (7, [], "x")
    assert "greater than or equal to 1" in refused(tool, '{"a": 0, "c": "x"}')


def test_an_alias_is_what_the_model_sees_and_the_name_is_what_the_function_gets():
    def take(from_: Annotated[str, Field(alias="from")]):
        return from_

    tool = tool_of(take)
    assert list(tool.parameters["properties"]) == ["from"]
    bound = tool.bind('{"from": "x"}')
    assert tool.call(bound, None) == "x"
    assert tool.arguments_of(bound) == {"from_": "x"}
    assert tool.bind('{"from_": "x"}') == bound  # middleware sends the parameter's own name back
    assert "required" in refused(tool, "{}")


def test_each_bind_gives_objects_of_its_own():
    tool = tool_of(lambda items, point=None: (items, point), name="take")
    tool_typed = tool_of(lambda items: items, name="typed")
    for one in (tool, tool_typed):
        first, second = one.bind('{"items": [1]}'), one.bind('{"items": [1]}')
        first.kwargs["items"].append(2)
        assert second.kwargs == {"items": [1]}


class TestStrictThenLax:
    """What fits only after a conversion is taken, and said."""

    @pytest.mark.parametrize(
        ("annotation", "sent", "got"),
        [(int, '"3"', 3), (bool, '"yes"', True), (str | None, "null", None), (float, '"1.5"', 1.5), (int, "3.0", 3)],
    )
    def test_a_conversion_is_reported(self, annotation, sent, got):
        def take(value):
            return value

        take.__annotations__["value"] = annotation
        tool = tool_of(take)
        bound = tool.bind(f'{{"value": {sent}}}')
        assert bound.kwargs == {"value": got}
        assert bound.coerced is (sent != "null")

    def test_strict_comes_first_so_that_a_union_keeps_the_text(self):
        def take(value: int | str): ...

        assert tool_of(take).bind('{"value": "3"}') == ((), {"value": "3"}, False)

    @pytest.mark.parametrize("text", ['"NaN"', '"inf"', '"-Infinity"'])
    def test_text_for_a_number_that_is_not_finite_is_refused(self, text):
        def take(value: float, size: list[float] | None = None): ...

        assert "finite" in refused(tool_of(take), f'{{"value": {text}}}')

    def test_a_model_class_keeps_its_own_configuration(self):
        def take(loose: Loose, size: Size):
            return loose

        found = passed(take, '{"loose": {"ratio": "inf", "more": 1}, "size": {"width": 1, "unknown": 2}}')
        assert found.ratio == math.inf
        assert found.more == 1

    def test_extra_arguments_are_refused_and_nested_extras_follow_their_own_type(self):
        def take(size: Size, options: Options): ...

        tool = tool_of(take)
        text = '{"size": {"width": 1, "x": 2}, "options": {"depth": 1, "y": 2}%s}'
        assert tool.bind(text % "").kwargs == {"size": Size(1), "options": {"depth": 1}}
        assert "z: is not a parameter" in refused(tool, text % ', "z": 1')


class TestKeywords:
    """Functions with `**kwargs`."""

    def test_untyped_keywords_take_anything(self):
        def take(a: int, **rest):
            return a, rest

        tool = tool_of(take)
        assert tool.parameters.get("additionalProperties", True) is True
        assert tool.call(tool.bind('{"a": 1, "b": [2], "x y": null}'), None) == (1, {"b": [2], "x y": None})

    def test_typed_keywords_have_that_type(self):
        def take(**rest: int):
            return rest

        tool = tool_of(take)
        assert tool.parameters["additionalProperties"] == {"type": "integer"}
        assert tool.call(tool.bind('{"a": 1, "b": 2}'), None) == {"a": 1, "b": 2}
        assert "b: Input should be a valid integer" in refused(tool, '{"b": "x"}')

    def test_unpacked_keywords_have_the_types_of_their_dict(self):
        def take(**rest: Unpack[Options]):
            return rest

        assert passed(take, '{"depth": 3}') == {"depth": 3}
        assert "depth" in refused(tool_of(take), '{"depth": "x"}')

    @pytest.mark.parametrize("name", ["ctx", "self", "bound"])
    def test_keywords_never_reach_what_this_side_fills_in(self, name):
        class Service:
            def run(self, bound, ctx: ToolContext, **rest: Any):
                return rest

        tool = tool_of(functools.partial(Service().run, bound=1), name="run")
        assert f"{name}: is not a parameter" in refused(tool, json.dumps({name: 1}))
        assert tool.call(tool.bind('{"x": 1}'), ToolContext.for_tests()) == {"x": 1}

    def test_an_alias_beside_keywords_is_refused_because_its_name_would_slip_through(self):
        def take(from_: Annotated[int, Field(alias="from")], **rest: str): ...

        with pytest.raises(UsageError, match=r"'from_'.*alias"):
            tool_of(take)


class TestPositionalOnly:
    """Python's `/`."""

    def test_positional_only_parameters_are_filled_by_name_in_their_order(self):
        def take(a: int, b: str = "x", c: list[int] = [], /, d: int = 4):  # noqa: B006
            return a, b, c, d

        tool = tool_of(take)
        assert tool.call(tool.bind('{"c": [1], "a": 1}'), None) == (1, "x", [1], 4)
        bound = tool.bind('{"a": 1, "d": 5}')
        assert tool.call(bound, None) == (1, "x", [], 5)
        assert bound.args == (1, "x", [])
        assert tool.arguments_of(bound) == {"a": 1, "b": "x", "c": [], "d": 5}
        bound.args[2].append(1)
        assert tool.bind('{"a": 1}').args == (1, "x", [])

    def test_a_positional_only_name_may_not_come_again_through_keywords(self):
        def take(a: int, /, **rest: int):
            return a, rest

        assert passed(take, '{"a": 1, "b": 2}') == (1, {"b": 2})

    def test_together_with_keyword_only_parameters_they_are_refused(self):
        def take(a: int, /, *, b: int): ...

        with pytest.raises(UsageError, match=r"remove the / or the \*"):
            tool_of(take)


class TestMessages:
    """What the model reads when its arguments do not fit."""

    @pytest.mark.row("11.2")
    def test_places_and_reasons_are_named_and_values_are_not(self):
        def take(points: list[Point], size: Size, colour: Colour, name: Annotated[str, Field(max_length=3)]): ...

        message = refused(
            tool_of(take),
            '{"points": [{"x": 1}, {"x": "hunter2"}], "size": {"height": 1}, "colour": "hunter2", "name": "hunter2"}',
        )
        assert "hunter2" not in message
        assert "points[1].x: Input should be a valid integer" in message
        assert "size.width: " in message
        assert "colour: Input should be 'red' or 'blue'" in message
        assert "name: String should have at most 3 characters" in message

    @pytest.mark.parametrize(
        ("annotation", "words"),
        [
            (Annotated[Cat | Dog, Field(discriminator="kind")], "must be one of 'cat', 'dog'"),
            (uuid.UUID, "valid UUID"),
            (ByteSize, "unit of bytes"),
            (Literal["a"], "'a'"),
            (dt.date, "date"),
            (Decimal, "decimal"),
        ],
    )
    def test_kinds_of_errors_that_repeat_the_input_have_words_of_their_own(self, annotation, words):
        def take(value): ...

        take.__annotations__["value"] = annotation
        for sent in ('"5 Zunter2"', '"Zunter2"', '{"kind": "Zunter2"}'):
            message = refused(tool_of(take), f'{{"value": {sent}}}')
            assert "unter2" not in message
            assert "Z" not in message
        text = '{"value": {"kind": "x"}}' if "one of" in words else '{"value": "5 x"}'
        assert words in refused(tool_of(take), text)

    def test_five_errors_are_named_and_the_rest_is_counted(self):
        def take(items: list[int]): ...

        message = refused(tool_of(take), json.dumps({"items": ["x"] * 12}))
        assert "items[4]" in message
        assert "items[5]" not in message
        assert message.endswith("; and 7 more.")

    def test_thousands_of_errors_are_only_counted(self):
        def take(items: list[int]): ...

        assert refused(tool_of(take), json.dumps({"items": ["x"] * 5000})).endswith("in 5000 places.")

    def test_a_message_is_bounded_and_clean_whatever_the_keys_are(self):
        def take(items: dict[str, int]): ...

        message = refused(
            tool_of(take), json.dumps({"items": {"\x1b[31m" + "k" * 10_000 + str(n): "x" for n in range(9)}})
        )
        assert len(message) < 2000
        assert "\x1b" not in message

    def test_a_validator_speaks_in_its_own_words_within_bounds(self):
        def even(value: int) -> int:
            if value % 2:
                raise ValueError("must be even " + "!" * 10_000)
            return value

        def take(value: Annotated[int, AfterValidator(even)]): ...

        message = refused(tool_of(take), '{"value": 3}')
        assert "must be even" in message
        assert len(message) < 500

    def test_a_fault_of_a_validator_is_a_refusal_without_its_text(self):
        def broken(value: object) -> object:
            raise RuntimeError(f"secret {value}")

        def take(value: Annotated[int, BeforeValidator(broken)]): ...

        assert refused(tool_of(take), '{"value": "hunter2"}') == "The arguments could not be checked (RuntimeError)."

    def test_arguments_that_are_no_object_are_refused(self):
        def take(a: int): ...

        for text in ("[1]", "3", "null", "not json"):
            refused(tool_of(take), text)


class TestRefusedTypes:
    """What has no schema is refused at registration, by parameter, with the cure."""

    @pytest.mark.parametrize("annotation", [object(), Callable[[], int], ToolRegistry, list[ToolContext], type(pytest)])
    def test_a_type_that_json_cannot_hold_names_its_parameter(self, annotation):
        def take(fine: int, wrong: Any): ...

        take.__annotations__["wrong"] = annotation
        with pytest.raises(UsageError, match=r"(?s)'take'.*'wrong'.*parameters="):
            tool_of(take)

    @pytest.mark.parametrize("annotation", [ToolRegistry, list[ToolRegistry], ToolRegistry | None])
    def test_a_class_that_is_no_data_is_told_what_to_use_instead(self, annotation):
        def take(wrong: Any): ...

        take.__annotations__["wrong"] = annotation
        with pytest.raises(UsageError) as caught:
            tool_of(take)
        message = str(caught.value)
        assert (
            "ToolRegistry'>. Use types that JSON can hold, such as a pydantic model, a dataclass or a Typed" in message
        )
        assert "goes into `deps`" in message
        assert "arbitrary_types_allowed" not in message
        assert "__get_pydantic" not in message

    def test_a_star_argument_is_refused(self):
        def take(*items: int): ...

        with pytest.raises(UsageError, match=r"takes \*items.*items: list"):
            tool_of(take)

    def test_a_default_that_cannot_be_copied_is_no_trouble(self):
        lock = __import__("threading").Lock()

        def take(a: Any = lock):
            return a

        assert passed(take, "{}") is lock
