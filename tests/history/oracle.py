"""The strict fake provider's rules, as a second opinion: written apart from `check` and `repair`, by another hand."""

from importlib import import_module

_BODIES = {
    "openai-chat": lambda history: {"model": "m", "messages": history, "tools": [_CHAT_TOOL]},
    "openai-responses": lambda history: {"model": "m", "input": history, "tools": [{"type": "function", **_TOOL}]},
    "anthropic": lambda history: {
        "model": "m",
        "max_tokens": 1,
        "messages": history,
        "tools": [{"name": "f", "input_schema": {"type": "object"}}],
    },
    "gemini": lambda history: {"contents": history, "tools": [{"functionDeclarations": [{"name": "f"}]}]},
    "ollama": lambda history: {"model": "m", "messages": history, "tools": [_CHAT_TOOL]},
}
_TOOL = {"name": "f", "parameters": {"type": "object"}}
_CHAT_TOOL = {"type": "function", "function": _TOOL}

JUDGED = tuple(_BODIES)
"""The dialects that there are rules for."""


def refusals(dialect, history):
    """Return what the fake provider would say to a request with *history*; nothing if it would take it."""
    rules = import_module(f"everycall.testing.provider.rules.{dialect.replace('-', '_')}")
    return [f"{found.rule}: {found.text}" for found in rules.violations(_BODIES[dialect](history))]
