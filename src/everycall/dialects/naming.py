"""What tools are called, and how they are described, in the request's `tools=`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from re import Pattern

from everycall.core.calls import ToolDefinition
from everycall.core.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class NameRule:
    """What one provider accepts as a tool's name.

    Attributes:
        pattern: a name is valid if this matches the whole of it.
        words: the same for a person.
    """

    pattern: Pattern[str]
    words: str


NARROW = NameRule(pattern=re.compile(r"[a-zA-Z0-9_-]{1,64}"), words="1 to 64 of the characters a-z, A-Z, 0-9, _ and -")
"""OpenAI, Anthropic, Bedrock, Cohere (research: protocols, 3, 4 and 5)."""

GEMINI = NameRule(
    pattern=re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}"),
    words="1 to 128 of the characters a-z, A-Z, 0-9, _, ., : and -, beginning with a letter or _",
)
"""Research: protocols, 4."""


def check_names(tools: Sequence[ToolDefinition], rule: NameRule, dialect: str) -> None:
    """Refuse tools whose names the provider cannot hold.

    Raises:
        UsageError: a name breaks the rule. It is never changed silently: the model's calls would name no tool.
    """
    for tool in tools:
        if rule.pattern.fullmatch(tool.name) is None:
            raise UsageError(
                f"{dialect} cannot hold the tool name {tool.name!r}: it takes {rule.words}. "
                f"Register the tool under another name, such as name={suggestion(tool.name)!r}."
            )


def suggestion(name: str) -> str:
    """Return a name near *name* that every provider takes, for an error message."""
    narrow = re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:64]
    return narrow if re.match(r"[a-zA-Z_]", narrow) else f"tool_{narrow}"[:64]


def described(tool: ToolDefinition, schema_key: str) -> dict[str, object]:
    """Return name, description (left out if blank: some providers refuse it) and the schema under *schema_key*."""
    described: dict[str, object] = {"name": tool.name}
    if tool.description.strip():
        described["description"] = tool.description
    described[schema_key] = plain_schema(tool.parameters)
    return described


def plain_schema(parameters: Mapping[str, object]) -> dict[str, object]:
    """Return *parameters* as a dict of its own, so that changing the request does not change the tool."""
    return dict(parameters)


def chat_definitions(tools: Sequence[ToolDefinition]) -> list[dict[str, object]]:
    """Return *tools* in the shape of OpenAI Chat Completions, which several other dialects share."""
    return [{"type": "function", "function": described(tool, "parameters")} for tool in tools]
