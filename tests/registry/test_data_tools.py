"""Tools whose schema is data: taken as it is, bounded, and never a reason to fetch anything."""

import json
import socket
import time
from types import MappingProxyType
from typing import Any

import pytest

from everycall.core.errors import UsageError
from everycall.registry import ToolContext, ToolRegistry
from everycall.registry.arguments import ArgumentsRefused
from everycall.registry.data_schema import MAX_SCHEMA_BYTES, MAX_SCHEMA_DEPTH

SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "minLength": 2},
        "days": {"type": "integer", "default": 3},
        "x-unit": {"enum": ["C", "F"]},
    },
    "required": ["city"],
    "additionalProperties": False,
}


def anything(**values):
    return values


def tool_of(schema, function=anything, **options):
    return ToolRegistry().add(function, name="take", parameters=schema, **options)


def refused(tool, text):
    with pytest.raises(ArgumentsRefused) as caught:
        tool.bind(text)
    return caught.value.message


def unusable(schema, function=anything):
    with pytest.raises(UsageError) as caught:
        tool_of(schema, function)
    return str(caught.value)


def objects(**properties):
    return {"type": "object", "properties": properties}


def test_the_schema_is_shown_as_it_is_and_the_function_gets_keyword_arguments():
    tool = tool_of(SCHEMA, description="Weather.")
    assert tool.parameters == SCHEMA
    assert tool.definition().parameters == SCHEMA
    assert tool.definition().description == "Weather."
    bound = tool.bind('{"city": "Ulm", "x-unit": "C"}')
    assert bound == ((), {"city": "Ulm", "x-unit": "C"}, False)
    assert tool.call(bound, None) == {"city": "Ulm", "x-unit": "C"}
    assert tool.arguments_of(bound) == bound.kwargs


def test_nothing_is_coerced_and_no_default_is_filled_in():
    tool = tool_of(SCHEMA)
    assert "days: the value is not of type" in refused(tool, '{"city": "Ulm", "days": "3"}')
    assert tool.bind('{"city": "Ulm"}').kwargs == {"city": "Ulm"}


def test_later_changes_of_the_schema_or_of_a_definition_change_nothing():
    schema = json.loads(json.dumps(SCHEMA))
    tool = tool_of(schema)
    schema["properties"]["city"]["type"] = "integer"
    tool.definition().parameters["properties"].clear()
    assert tool.parameters == SCHEMA
    tool.bind('{"city": "Ulm"}')


def test_each_bind_gives_objects_of_its_own():
    tool = tool_of(objects(items={"type": "array"}))
    tool.bind('{"items": [1]}').kwargs["items"].append(2)
    assert tool.bind('{"items": [1]}').kwargs == {"items": [1]}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"city": "Z"}', "city: the value is shorter than 2 characters"),
        ("{}", '"city" is a required property'),
        ('{"city": "Ulm", "zip": "Zunter2"}', "'zip' was unexpected"),
        ('{"city": "Ulm", "x-unit": "Zunter2"}', "x-unit: the value is not one of"),
        ('{"city": ["Zunter2"]}', "city: the value is not of type"),
    ],
)
def test_a_refusal_names_the_place_and_the_rule_and_not_the_value(text, words):
    message = refused(tool_of(SCHEMA), text)
    assert words in message
    assert "Z" not in message


@pytest.mark.row("11.2")
def test_values_never_show_whatever_the_keyword():
    rules = {
        "const": 3,
        "pattern": "^a+$",
        "oneOf": [{"type": "integer"}, {"type": "null"}],
        "not": {"type": "string"},
        "maxLength": 1,
        "enum": [1],
        "anyOf": [{"const": 1}, {"const": 2}],
        "allOf": [False],
    }
    for keyword, rule in rules.items():
        assert "Zunter2" not in refused(tool_of(objects(a={keyword: rule})), '{"a": "Zunter2"}')
    nested = {"items": {"type": "integer"}, "uniqueItems": True, "contains": {"type": "null"}, "maxItems": 1}
    for keyword, rule in nested.items():
        assert "Zunter2" not in refused(tool_of(objects(a={keyword: rule})), '{"a": ["Zunter2", "Zunter2"]}')
    for keyword, rule in {"maxProperties": 0, "additionalProperties": {"type": "null"}, "required": ["x"]}.items():
        assert "Zunter2" not in refused(tool_of(objects(a={keyword: rule})), '{"a": {"b": "Zunter2"}}')


def test_a_refusal_is_bounded_however_much_is_wrong():
    tool = tool_of(objects(items={"type": "array", "items": {"type": "integer"}}))
    message = refused(tool, json.dumps({"items": ["x"] * 50_000}))
    assert "items[4]" in message
    assert "items[5]" not in message
    assert "more" in message
    closed = tool_of({**SCHEMA, "required": []})
    assert len(refused(closed, json.dumps({"k" * 100 + str(n): 1 for n in range(1000)}))) < 1000


@pytest.mark.parametrize("text", ["[]", "3", "null"])
def test_arguments_that_are_no_object_are_refused(text):
    refused(tool_of({"type": "object"}), text)


class TestTheFunction:
    """What the schema promises must be what the function takes."""

    def test_a_context_is_injected(self):
        def take(city: str, ctx: ToolContext):
            return city, ctx

        tool = tool_of(objects(city={"type": "string"}), take)
        context = ToolContext.for_tests()
        assert tool.call(tool.bind('{"city": "Ulm"}'), context) == ("Ulm", context)
        assert "ctx: is not a parameter" in refused(tool, '{"city": "Ulm", "ctx": 1}')

    def test_a_context_beside_keywords_cannot_be_sent(self):
        def take(ctx: ToolContext, **values):
            return values

        tool = tool_of({"type": "object"}, take)
        assert "ctx: is not a parameter" in refused(tool, '{"ctx": 1}')
        assert "cannot take: ctx" in unusable(objects(ctx={}), take)

    def test_a_property_that_the_function_cannot_take_is_refused_at_registration(self):
        def take(city): ...

        assert "cannot take: days, x-unit" in unusable(SCHEMA, take)

    def test_a_parameter_that_the_schema_does_not_have_is_refused_at_registration(self):
        def take(city, token, **rest): ...

        assert "needs what its schema does not have: token" in unusable(SCHEMA, take)

    def test_arguments_that_would_not_reach_the_function_are_refused_at_the_call(self):
        def take(city, days=1):
            return city, days

        tool = tool_of({"type": "object", "properties": {"city": {}}}, take)
        assert "zip: is not a parameter" in refused(tool, '{"city": 1, "zip": 2}')
        assert "city: is required" in refused(tool, '{"days": 2}')
        assert tool.call(tool.bind('{"city": 1, "days": 2}'), None) == (1, 2)

    def test_positional_only_parameters_are_refused(self):
        def take(city, /): ...

        assert "remove the /" in unusable(objects(city={}), take)

    def test_star_arguments_and_builtins_without_signature_are_taken(self):
        def take(*args, **values):
            return args, values

        tool = tool_of(SCHEMA, take)
        assert tool.call(tool.bind('{"city": "Ulm"}'), None) == ((), {"city": "Ulm"})
        tool = tool_of({"type": "object"}, max)
        assert not tool.wants_context

    def test_annotations_do_not_change_a_schema_that_is_data(self):
        def take(city: int): ...

        assert tool_of(objects(city={"type": "string"}), take).bind('{"city": "x"}').kwargs == {"city": "x"}


class TestUnusableSchemas:
    """A schema may come from another program: it is checked before anything is run by it."""

    @pytest.mark.parametrize(
        ("schema", "words"),
        [
            ({"type": "objekt"}, "at the top"),
            ({}, "at the top"),
            ({"type": "array"}, "at the top"),
            ({"type": ["object", "null"]}, "at the top"),
            ("object", "must be a JSON Schema"),
            ([1], "must be a JSON Schema"),
            ({"type": "object", "x": object()}, "cannot be written as JSON"),
            ({"type": "object", "default": float("nan")}, "cannot be written as JSON"),
            ({"type": "object", "required": "city"}, "draft 2020-12"),
            (objects(a={"type": "strin"}), "draft 2020-12"),
            (objects(a={"minimum": "x"}), "draft 2020-12"),
            (objects(a={"pattern": "(("}), "Regular expressions"),
            (objects(a={"pattern": "(?=x)y"}), "look-around"),
            (objects(a={"pattern": r"(a)\1"}), "back-references"),
            (objects(a={"pattern": "(a{1,1000}){1,1000}"}), "Regular"),
            (objects(a={"$ref": "#/$defs/none"}), "draft 2020-12"),
            (objects(a={"$ref": "#nothing"}), "draft 2020-12"),
            (objects(a={"$ref": "http://127.0.0.1:9/x.json"}), "Nothing is fetched"),
            (objects(a={"$ref": "file:///etc/passwd"}), "Nothing is fetched"),
            (objects(a={"$ref": "other.json"}), "Nothing is fetched"),
            (objects(a={"$dynamicRef": "http://127.0.0.1:9/x"}), "Nothing is fetched"),
            (objects(a={"$id": "http://127.0.0.1:9/x"}), "inner $id"),
            ({"type": "object", "$ref": "#"}, "leads back to itself"),
            ({"type": "object", "allOf": [{"not": {"$ref": "#"}}]}, "leads back to itself"),
            ({"type": "object", "$anchor": "me", "anyOf": [{"$ref": "#me"}]}, "leads back to itself"),
            (
                {
                    "type": "object",
                    "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}},
                    "$ref": "#/$defs/a",
                },
                "leads back to itself",
            ),
        ],
    )
    def test_it_is_refused_with_the_reason(self, schema, words):
        assert words in unusable(schema)

    @pytest.mark.parametrize(
        ("schema", "words"),
        [
            (objects(a={"type": "int"}), 'at properties.a.type ("int"): '),
            (objects(a={"type": "int"}), "one of array, boolean, integer, null, number, object and string"),
            (
                objects(a={"allOf": [{"enum": 3}]}),
                'at properties.a.allOf[0].enum (3): the value is not of type "array"',
            ),
            (objects(a="integer"), 'at properties.a ("integer"): the value is not of types "boolean", "object".'),
            (objects(type=["int"]), 'at properties.type (["int"]): the value is not of types "boolean", "object".'),
            ({"type": "object", "properties": ["a"]}, 'at properties (["a"]): the value is not of type "object".'),
            (objects(a={"pattern": "(("}), 'at properties.a.pattern ("(("): '),
            (objects(a={"patternProperties": {"((": {}}}), "at properties.a.patternProperties.(( "),
            (objects(a={"$ref": "#/$defs/none"}), "'/$defs/none' does not exist. References stay within the schema"),
            (objects(a={"items": [{}]}), "written as prefixItems"),
            (objects(a={"minimum": 0, "exclusiveMinimum": True}), "a number, and minimum is left out"),
            (objects(a={"required": True}), "required: [...]"),
        ],
    )
    def test_the_reason_says_where_and_what_to_write(self, schema, words):
        message = unusable(schema)
        assert words in message
        assert ("Regular expressions" in message) == ("pattern" in words)
        assert ("References" in message) == ("$defs" in words)

    @pytest.mark.parametrize(
        "draft", ["http://json-schema.org/draft-04/schema#", "http://json-schema.org/draft-07/schema"]
    )
    def test_a_schema_of_another_draft_that_cannot_be_read_as_this_one_is_told_so(self, draft):
        reason = f"Its $schema is {draft!r}, a draft that is not supported: write the schema in draft 2020-12"
        assert reason in unusable({"$schema": draft, **objects(a={"items": [{}]})})
        assert reason not in unusable({"$schema": draft, **objects(a={"pattern": "(("})})
        assert "$schema" not in unusable(
            {"$schema": "https://json-schema.org/draft/2020-12/schema", **objects(a={"items": [{}]})}
        )

    def test_the_place_is_one_line_and_bounded(self):
        inner: dict[str, Any] = {"type": "x\n\u202e" * 1000}
        for _ in range(20):
            inner = {"properties": {"a\n\x1b[2J" * 1000: inner}}
        message = unusable({"type": "object", **inner})
        assert message.isprintable()
        assert len(message) < 3000

    def test_a_schema_that_is_too_large_or_too_deep_is_refused(self):
        assert "bytes" in unusable(objects(a={"description": "x" * MAX_SCHEMA_BYTES}))
        deep: dict[str, Any] = {}
        for _ in range(MAX_SCHEMA_DEPTH - 2):
            deep = {"not": deep}
        tool_of({"type": "object", "not": deep})
        assert "levels deep" in unusable({"type": "object", "not": {"not": deep}})
        for _ in range(100_000):
            deep = {"not": deep}
        unusable({"type": "object", "not": deep})

    def test_a_schema_that_holds_itself_is_refused(self):
        schema: dict[str, Any] = {"type": "object"}
        schema["properties"] = {"a": schema}
        assert "cannot be written" in unusable(schema)

    @pytest.mark.parametrize("link", ["#/$defs/a{}", "#a{}"])
    @pytest.mark.row("11.6")
    def test_definitions_that_double_each_other_are_refused_at_once(self, link):
        defs: dict[str, Any] = {
            f"a{n}": {"$anchor": f"a{n}", "allOf": [{"$ref": link.format(n + 1)}] * 2} for n in range(30)
        }
        defs["a30"] = {"$anchor": "a30"}
        start = time.perf_counter()
        assert "expands to more than" in unusable({"type": "object", "$defs": defs, "$ref": link.format(0)})
        assert time.perf_counter() - start < 5

    def test_a_long_chain_of_references_is_refused(self):
        defs: dict[str, Any] = {f"a{n}": {"$ref": f"#/$defs/a{n + 1}"} for n in range(2000)}
        defs["a2000"] = {}
        assert "too long a chain" in unusable({"type": "object", "$defs": defs, "$ref": "#/$defs/a0"})

    @pytest.mark.row("11.6")
    def test_nothing_is_ever_fetched(self, monkeypatch):
        def never(*_args, **_kwargs):
            raise AssertionError("the network was asked")

        asked = []
        server = socket.create_server(("127.0.0.1", 0))
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/schema.json"
        monkeypatch.setattr(socket.socket, "connect", never)
        monkeypatch.setattr("everycall.registry.data_schema._require_bounded", lambda _schema, _where: asked.append(1))
        with server:
            for schema in (
                objects(a={"$ref": address}),
                {"type": "object", "$id": address, **objects(a={"$ref": "x.json"})},
            ):
                assert "lies outside the schema" in unusable(schema)
            with pytest.raises(TimeoutError):
                server.accept()
        assert len(asked) == 2


class TestUsableSchemas:
    """What is unusual and still fine."""

    @pytest.mark.parametrize(
        "schema",
        [
            {"type": "object"},
            MappingProxyType({"type": "object"}),
            {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object"},
            {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"},
            {
                "$id": "https://example.com/tool.json",
                "type": "object",
                "properties": {"a": {"$ref": "#/$defs/x"}},
                "$defs": {"x": {}},
            },
            {"type": "object", "definitions": {"x y/z": {}}, "properties": {"a": {"$ref": "#/definitions/x%20y~1z"}}},
            {
                "type": "object",
                "properties": {"$ref": {"type": "string"}, "enum": {}, "default": {"const": {"$ref": "x"}}},
            },
            {"type": "object", "examples": [{"$ref": "http://example.com"}], "default": {"$ref": "x"}},
            {"type": "object", "properties": {"a": {"anyOf": [{"$ref": "#/allOf/0"}]}}, "allOf": [{"required": []}]},
        ],
    )
    def test_it_is_taken(self, schema):
        tool_of(schema).bind("{}")

    def test_recursion_through_the_value_is_fine(self):
        tree = {
            "type": "object",
            "properties": {"kids": {"type": "array", "items": {"$ref": "#"}}, "name": {"type": "string"}},
            "required": ["name"],
        }
        tool = tool_of(tree)
        tool.bind('{"name": "a", "kids": [{"name": "b"}]}')
        assert 'kids[0]: "name" is a required property' in refused(tool, '{"name": "a", "kids": [{}]}')

    @pytest.mark.row("11.6")
    def test_a_pattern_takes_linear_time(self):
        tool = tool_of(objects(a={"pattern": "^(a+)+$"}))
        start = time.perf_counter()
        refused(tool, json.dumps({"a": "a" * 50_000 + "b"}))
        assert time.perf_counter() - start < 5
