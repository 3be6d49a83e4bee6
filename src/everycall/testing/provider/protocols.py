"""The protocols that the fake provider speaks: one table. Where they are served, judged, answered and refused."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from re import Pattern
from typing import Any

from everycall.core.errors import UsageError
from everycall.testing.provider import replies
from everycall.testing.provider.rulebook import NOTHING_SEEN, Rule, Seen, Violation
from everycall.testing.provider.rules import anthropic, gemini, ollama, openai_chat, openai_responses
from everycall.testing.provider.script import AssistantTurn

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """One provider's protocol.

    Attributes:
        path: the path of its requests; the groups `model` and `stream` where the path says so.
        base: what its SDK's client wants after the address of the server.
        history: the field of a request that holds the conversation.
        rules: its rule book.
        violations: judges the body of a request.
        reply: writes a scripted turn; also takes its index in the script, and the model's name.
        refusal: writes an error, for a violation and an HTTP status.
        streams: whether a body without `stream` asks for a stream.
    """

    path: Pattern[str]
    base: str
    history: str
    rules: Mapping[str, Rule]
    violations: Callable[[Body, Seen], list[Violation]]
    reply: Callable[[AssistantTurn, int, str], replies.Payload]
    refusal: Callable[[Violation, int], replies.Payload]
    streams: bool = False


def _openai_error(violation: Violation, status: int) -> replies.Payload:
    del status
    kind = "invalid_request_error"
    return {
        "error": {"message": violation.text, "type": kind, "param": violation.place or None, "code": violation.code}
    }


def _anthropic_error(violation: Violation, status: int) -> replies.Payload:
    kind = "request_too_large" if status == 413 else "invalid_request_error"
    return {"type": "error", "error": {"type": kind, "message": violation.text}}


def _gemini_error(violation: Violation, status: int) -> replies.Payload:
    return {"error": {"code": status, "message": violation.text, "status": "INVALID_ARGUMENT"}}


def _ollama_error(violation: Violation, status: int) -> replies.Payload:
    del status
    return {"error": violation.text}


PROTOCOLS: dict[str, Protocol] = {
    "openai-chat": Protocol(
        path=re.compile(r"(/v1)?/chat/completions"),
        base="/v1",
        history="messages",
        rules=openai_chat.RULES,
        violations=openai_chat.violations,
        reply=replies.chat_completion,
        refusal=_openai_error,
    ),
    "openai-responses": Protocol(
        path=re.compile(r"(/v1)?/responses"),
        base="/v1",
        history="input",
        rules=openai_responses.RULES,
        violations=openai_responses.violations,
        reply=replies.response,
        refusal=_openai_error,
    ),
    "anthropic": Protocol(
        path=re.compile(r"/v1/messages"),
        base="",
        history="messages",
        rules=anthropic.RULES,
        violations=anthropic.violations,
        reply=replies.message,
        refusal=_anthropic_error,
    ),
    "gemini": Protocol(
        path=re.compile(r"(/v1(beta|alpha)?)?/models/(?P<model>[^/:]+):((?P<stream>streamG)|g)enerateContent"),
        base="",
        history="contents",
        rules=gemini.RULES,
        violations=gemini.violations,
        reply=replies.generated_content,
        refusal=_gemini_error,
    ),
    "ollama": Protocol(
        path=re.compile(r"/api/chat"),
        base="",
        history="messages",
        rules=ollama.RULES,
        violations=ollama.violations,
        reply=replies.ollama_chat,
        refusal=_ollama_error,
        streams=True,
    ),
}
"""By the name of the dialect. Compatible servers (Mistral, DeepSeek, Ollama's `/v1`, ...) are `openai-chat`."""


def protocol_named(name: str) -> Protocol:
    """Return the protocol *name*.

    Raises:
        UsageError: there is none of that name here.
    """
    if name not in PROTOCOLS:
        raise UsageError(f"the fake provider does not speak {name!r}; it speaks {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


def violations(protocol: str, body: Body, seen: Seen = NOTHING_SEEN) -> list[Violation]:
    """Return every rule of *protocol* that the body of a request breaks, in order; empty if the provider accepts it.

    Args:
        protocol: `openai-chat`, `openai-responses`, `anthropic`, `gemini` or `ollama`.
        body: the request as the provider gets it: decoded JSON, an object.
        seen: what a server would know beyond the request; nothing by default.

    Raises:
        UsageError: *protocol* is none of these, or *body* is no object.
    """
    spoken = protocol_named(protocol)
    if not isinstance(body, Mapping):
        raise UsageError(
            f"the body of a request is an object, not {type(body).__name__}: "
            f"violations({protocol!r}, {{'model': 'm', {spoken.history!r}: [...]}})"
        )
    return spoken.violations(body, seen)
