"""The fake provider itself: what it remembers, and what it decides for one request.

1. Every request that breaks no rule plays the next turn of the script, whichever protocol it speaks; a refused one
   plays none. One provider object is one conversation's worth of script: give each conversation its own.
2. A turn that the script does not have is refused, loudly: `rejections` is then not empty.
3. `_decide` has no side effects of its own but the records, and runs under one lock.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from types import MappingProxyType, TracebackType
from typing import Any, NoReturn, Self

from everycall.core.errors import UsageError
from everycall.testing.provider.finish import OWN, translated
from everycall.testing.provider.protocols import PROTOCOLS, Protocol, protocol_named
from everycall.testing.provider.replies import Payload
from everycall.testing.provider.rulebook import WIDELY, Rule, Seen, Violation, broken
from everycall.testing.provider.script import AssistantTurn
from everycall.testing.provider.web import WebServer

MAX_REQUEST_BYTES = 32 * 1024 * 1024
"""Largest request that is read: Anthropic's limit (platform.claude.com, API errors, `request_too_large`)."""

OWN_RULES: dict[str, Rule] = {
    "not_json": Rule(text="The request body is not valid JSON: {why}", source=WIDELY),
    "not_object": Rule(text="The request body is not a JSON object"),
    "too_large": Rule(text="Request exceeds the maximum size: {size} bytes"),
    "unknown_response": Rule(
        text="Previous response with id '{response}' not found.",
        source=WIDELY,
        code="previous_response_not_found",
    ),
    "streaming": Rule(text="everycall's fake provider does not stream: send the request with stream off"),
    "unserved": Rule(text="everycall's fake provider does not serve '{place}'"),
    "script_over": Rule(
        text="everycall's fake provider has played its whole script ({turns} turns), and this request wants another: "
        "add a turn to the script, or end the loop sooner"
    ),
    "unknown_finish": Rule(
        text="everycall's fake provider cannot end turn {turn} of its script as '{finish}': use 'length' (cut off) or "
        "'stop', which every protocol translates, or a word of this one: {ids}"
    ),
}

_SAID: dict[str, Callable[[Payload], Payload]] = {
    "openai-chat": lambda payload: payload["choices"][0]["message"],
    "gemini": lambda payload: payload["candidates"][0]["content"],
}
"""The message of a reply, for the protocols that ask for its thinking by the message it came with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """One request that was refused.

    Attributes:
        protocol: `openai-chat`, ...
        status: 400, or 413 for a body over the limit.
        violations: every rule it broke; the answer carried the first.
        request: its index in `FakeProvider.requests`; None if its body could not be read.
    """

    protocol: str
    status: int
    violations: tuple[Violation, ...]
    request: int | None

    @property
    def text(self) -> str:
        """What the answer said: the provider's words."""
        return self.violations[0].text

    def __str__(self) -> str:
        return f"{self.protocol}: {self.status}: {self.text}"


class FakeProvider:
    """A strict provider of model answers on 127.0.0.1, for tests. Use it as a context manager.

    It speaks OpenAI Chat Completions, OpenAI Responses, Anthropic Messages, Gemini `generateContent` and Ollama's chat,
    plays a script of assistant turns, and answers 400, in the provider's shape and words, to whatever breaks a rule.

    Args:
        script: the turns, in order. Each request that is accepted plays the next one.
        max_request_bytes: larger requests get a 413 and are not read.

    Raises:
        UsageError: the script is no sequence, or something in it is not an `AssistantTurn`.
    """

    def __init__(self, script: Sequence[AssistantTurn], *, max_request_bytes: int = MAX_REQUEST_BYTES) -> None:
        self._script = _checked(script)
        self._max_request_bytes = max_request_bytes
        self._server: WebServer | None = None
        self._lock = Lock()
        self._played = 0
        self._requests: list[Payload] = []
        self._rejections: list[Rejection] = []
        self._seen = Seen()
        self._kept: dict[str, tuple[Any, ...]] = {}
        self._replies: dict[str, tuple[Payload, ...]] = {}

    def __enter__(self) -> Self:
        if self._server is not None:
            raise UsageError("this fake provider is running already: make one per conversation")
        self._server = WebServer(self._answer, too_large=self._too_large, max_bytes=self._max_request_bytes)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def __repr__(self) -> str:
        where = self._server.url if self._server is not None else "not running"
        return (
            f"<FakeProvider {where}: {self._played} of {len(self._script)} turns played, "
            f"{len(self._rejections)} requests refused>"
        )

    @property
    def url(self) -> str:
        """The address of the server, without a path.

        Raises:
            UsageError: it is not running.
        """
        if self._server is None:
            raise UsageError("the fake provider is not running: `with FakeProvider(script) as provider: ...`")
        return self._server.url

    def base_url(self, protocol: str) -> str:
        """The base address that the SDK client of *protocol* wants.

        Raises:
            UsageError: *protocol* is not spoken here, a turn of the script ends in a word that it does not have, or
                the provider is not running.
        """
        address = self.url + protocol_named(protocol).base
        for turn in self._script:
            translated(protocol, turn.finish)
        return address

    @property
    def requests(self) -> list[Payload]:
        """The bodies of all requests that could be read, in order, refused ones too."""
        with self._lock:
            return list(self._requests)

    @property
    def rejections(self) -> list[Rejection]:
        """Every refused request, in order."""
        with self._lock:
            return list(self._rejections)

    @property
    def turns_left(self) -> int:
        """How many turns of the script have not been played."""
        with self._lock:
            return len(self._script) - self._played

    def _answer(self, path: str, raw: bytes) -> tuple[int, Payload]:
        found = _served(path)
        if found is None:
            return 404, {"error": {"message": broken(OWN_RULES, "unserved", path[:200]).text}}
        name, protocol, model, streaming = found
        with self._lock:
            return self._decide(name, protocol, raw, model=model, streaming=streaming)

    def _decide(self, name: str, protocol: Protocol, raw: bytes, *, model: str, streaming: bool) -> tuple[int, Payload]:
        body = _decoded(raw)
        if isinstance(body, Violation):
            return self._refuse(name, [body], request=None)
        self._requests.append(body)
        seen = replace(self._seen, model=model, replies=self._replies.get(name, ()))
        previous = body.get("previous_response_id") if name == "openai-responses" else None
        if previous is not None:
            if str(previous) not in self._kept:
                unknown = broken(OWN_RULES, "unknown_response", "previous_response_id", response=previous)
                return self._refuse(name, [unknown])
            seen = replace(seen, earlier=self._kept[str(previous)])
        if streaming or body.get("stream", protocol.streams):
            return self._refuse(name, [broken(OWN_RULES, "streaming", "stream")])
        violations = protocol.violations(body, seen)
        if violations:
            return self._refuse(name, violations)
        unplayable = self._unplayable(name)
        if unplayable is not None:
            return self._refuse(name, [unplayable])
        return 200, self._play(name, protocol, body, seen)

    def _unplayable(self, name: str) -> Violation | None:
        """Judge the next turn; its word too, which `base_url` has not seen where a client was built with `url`."""
        if self._played == len(self._script):
            return broken(OWN_RULES, "script_over", "", turns=len(self._script))
        finish = self._script[self._played].finish
        try:
            translated(name, finish)
        except UsageError:
            return broken(OWN_RULES, "unknown_finish", "", turn=self._played, finish=finish, ids=OWN[name])
        return None

    def _play(self, name: str, protocol: Protocol, body: Payload, seen: Seen) -> Payload:
        turn = self._script[self._played]
        payload = protocol.reply(turn, self._played, seen.model or str(body["model"]))
        self._played += 1
        if name in _SAID:
            self._replies[name] = (*self._replies.get(name, ()), _SAID[name](payload))
        if name == "anthropic":
            made = {block["signature"] for block in payload["content"] if block["type"] == "thinking"}
            self._seen = replace(self._seen, signatures=self._seen.signatures | made)
        if name == "openai-responses":
            self._keep(body, payload, seen)
        return payload

    def _keep(self, body: Payload, payload: Payload, seen: Seen) -> None:
        """Remember a response, for `previous_response_id`, and which reasoning its calls were made with."""
        output = payload["output"]
        made = [item["id"] for item in output if item["type"] == "reasoning"]
        calls = {item["id"]: made[0] for item in output if made and item["type"] == "function_call"}
        self._seen = replace(self._seen, reasoning=MappingProxyType({**self._seen.reasoning, **calls}))
        given = body.get("input", [])
        items = [{"role": "user", "content": given}] if isinstance(given, str) else given
        if body.get("store") is not False:
            self._kept[payload["id"]] = (*seen.earlier, *items, *output)

    def _refuse(
        self, name: str, violations: Sequence[Violation], *, request: int | None = -1, status: int = 400
    ) -> tuple[int, Payload]:
        number = len(self._requests) - 1 if request == -1 else request
        rejection = Rejection(protocol=name, status=status, violations=tuple(violations), request=number)
        self._rejections.append(rejection)
        return status, PROTOCOLS[name].refusal(violations[0], status)

    def _too_large(self, path: str, size: int) -> Payload:
        found = _served(path)
        name = found[0] if found is not None else next(iter(PROTOCOLS))
        with self._lock:
            return self._refuse(name, [broken(OWN_RULES, "too_large", "", size=size)], request=None, status=413)[1]


def _checked(script: object) -> tuple[AssistantTurn, ...]:
    example = (
        "FakeProvider([AssistantTurn(calls=[Call('get_weather', {'city': 'Oslo'})]), AssistantTurn(text='Sunny.')])"
    )
    if not isinstance(script, Iterable):
        raise UsageError(f"a script is a list of AssistantTurn objects, not {type(script).__name__}: {example}")
    turns = tuple(script)
    for turn in turns:
        if not isinstance(turn, AssistantTurn):
            raise UsageError(f"a script holds AssistantTurn objects, not {type(turn).__name__}: {example}")
    return turns


def _served(path: str) -> tuple[str, Protocol, str, bool] | None:
    """Return the protocol served at *path*, its name, the model in the path, and whether the path asks for a stream."""
    for name, protocol in PROTOCOLS.items():
        found = protocol.path.fullmatch(path.partition("?")[0])
        if found is not None:
            groups = found.groupdict()
            return name, protocol, groups.get("model") or "", groups.get("stream") is not None
    return None


def _decoded(raw: bytes) -> Payload | Violation:
    """Decode a body as strictly as the providers do: UTF-8, no NaN, no half of a surrogate pair."""
    try:
        body = json.loads(raw.decode(), parse_constant=_no_constant)
        json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return broken(OWN_RULES, "not_json", "", why="no low surrogate in string")
    except RecursionError:
        return broken(OWN_RULES, "not_json", "", why="too deep")
    except ValueError as error:  # of UTF-8, of JSON, of a number with too many digits
        return broken(OWN_RULES, "not_json", "", why=str(error))
    return body if isinstance(body, dict) else broken(OWN_RULES, "not_object", "")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
