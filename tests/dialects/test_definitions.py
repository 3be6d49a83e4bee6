"""What goes into the request's `tools=`."""

import pytest

from everycall.core.calls import ToolDefinition
from everycall.core.errors import UsageError
from everycall.dialects import DIALECT_NAMES, dialect_named

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = ToolDefinition(name="get_weather", description="Current weather.", parameters=SCHEMA)
CHAT = [
    {"type": "function", "function": {"name": "get_weather", "description": "Current weather.", "parameters": SCHEMA}}
]

EXPECTED = {
    "openai-chat": CHAT,
    "cohere": CHAT,
    "ollama": CHAT,
    "langchain": CHAT,
    "openai-responses": [
        {
            "type": "function",
            "name": "get_weather",
            "description": "Current weather.",
            "parameters": SCHEMA,
            "strict": False,
        }
    ],
    "anthropic": [{"name": "get_weather", "description": "Current weather.", "input_schema": SCHEMA}],
    "gemini": [
        {
            "function_declarations": [
                {"name": "get_weather", "description": "Current weather.", "parameters_json_schema": SCHEMA}
            ]
        }
    ],
    "bedrock": [
        {"toolSpec": {"name": "get_weather", "description": "Current weather.", "inputSchema": {"json": SCHEMA}}}
    ],
}


@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_a_tool_is_described_in_the_providers_own_shape(name):
    assert dialect_named(name).definitions([TOOL]) == EXPECTED[name]


@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_no_tools_give_an_empty_list(name):
    assert dialect_named(name).definitions([]) == []


@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_a_blank_description_is_left_out(name):
    blank = ToolDefinition(name="f", description=" ", parameters=SCHEMA)
    assert "description" not in str(dialect_named(name).definitions([blank]))


NARROW = ("openai-chat", "openai-responses", "anthropic", "bedrock", "cohere")


@pytest.mark.parametrize("bad", ["math.add", "a:b", "x" * 65, "naïve", "a b", ""])
@pytest.mark.parametrize("name", NARROW)
def test_a_name_that_the_provider_cannot_hold_is_refused_with_the_cure(name, bad):
    spoken = dialect_named(name)
    with pytest.raises(UsageError, match="Register the tool under another name, such as name=") as caught:
        spoken.definitions([TOOL, ToolDefinition(name=bad, description="", parameters=SCHEMA)])
    cure = str(caught.value).rsplit("name='", 1)[1].rstrip(".'")
    spoken.definitions([ToolDefinition(name=cure, description="", parameters=SCHEMA)])


@pytest.mark.parametrize(("good", "bad"), [("math.add:2-x", "2math"), ("_x", "-x"), ("x" * 128, "x" * 129)])
def test_gemini_takes_dots_and_more_characters_but_no_leading_digit(good, bad):
    spoken = dialect_named("gemini")
    spoken.definitions([ToolDefinition(name=good, description="", parameters=SCHEMA)])
    with pytest.raises(UsageError, match="beginning with a letter or _"):
        spoken.definitions([ToolDefinition(name=bad, description="", parameters=SCHEMA)])


@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_changing_a_request_does_not_change_the_tool(name):
    tool = ToolDefinition(name="f", description="d", parameters={"type": "object"})

    def schemas(value):
        if isinstance(value, list):
            return [found for one in value for found in schemas(one)]
        if isinstance(value, dict):
            return (
                [value] if value == {"type": "object"} else [found for one in value.values() for found in schemas(one)]
            )
        return []

    (sent,) = schemas(dialect_named(name).definitions([tool]))
    sent["additionalProperties"] = False
    assert tool.parameters == {"type": "object"}
