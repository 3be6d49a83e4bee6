"""What a broken rule looks like, and how a rule book is written.

1. A rule book is a table, one per protocol: the rule's name, and the text that the provider answers with.
2. A text with a *source* is the provider's own, as published there. A text without one is ours, in the provider's
   form: it refuses (or silently degrades), and its words are not known.
3. Nothing here knows about HTTP, and nothing here uses the library's own dialects or history checks: these rules are
   what those are judged by.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

MAX_SHOWN = 120
"""Characters of a foreign value that are repeated in an error text. Ids have no bound of their own."""


WIDELY = "quoted in many public repositories"
"""The source of a text that anybody can find, in logs and tests of programs that met it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of a provider.

    Attributes:
        text: what the provider answers, with `{facts}` to fill in.
        source: where those words were published (`owner/repository #issue`); None if the words are ours.
        code: the provider's own error code, where it has one.
    """

    text: str
    source: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One rule that a request breaks.

    Attributes:
        rule: the rule's name, such as `missing_result`.
        text: what the provider answers.
        place: where in the request, in the provider's own notation, such as `messages.[2].role`.
        code: the provider's own error code, or None.
        quoted: the text is the provider's own; False if nobody has published it and the words are ours.
    """

    rule: str
    text: str
    place: str
    code: str | None = None
    quoted: bool = False

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a server knows beyond the body of the request.

    Attributes:
        model: the model's name, where it stands in the path (Gemini).
        earlier: the items of the conversation that the server has kept (Responses, `previous_response_id`).
        thinking: this server thinks before every call: whatever calls there are must bring their thinking back.
        replies: the assistant messages that this server has sent, in order and as it sent them: those that carried
            thinking must bring it back (Chat Completions, Gemini).
        reasoning: id of a call item -> id of the reasoning item it was made with (Responses).
        signatures: the signatures this server has put on its thinking (Anthropic).
    """

    model: str = ""
    earlier: tuple[Any, ...] = ()
    thinking: bool = False
    replies: tuple[Mapping[str, Any], ...] = ()
    reasoning: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    signatures: frozenset[str] = frozenset()


NOTHING_SEEN = Seen()
"""A server that knows the request and nothing else."""


def broken(
    book: Mapping[str, Rule], name: str, place: str, /, *, ids: Sequence[str] = (), **facts: object
) -> Violation:
    """Return the violation of rule *name* of *book* at *place*.

    Args:
        book: the protocol's table.
        name: a key of it.
        place: where in the request; `{place}` in the text.
        ids: several ids; `{ids}` in the text.
        **facts: what else the text names. Shown bounded and without control characters.
    """
    rule = book[name]
    words = {key: shown(value) for key, value in facts.items()}
    text = rule.text.format(place=place, ids=_listed(ids), **words)
    return Violation(rule=name, text=text, place=place, code=rule.code, quoted=rule.source is not None)


def shown(value: object) -> str:
    """Return *value* as text that may stand in an error: bounded, printable."""
    text = value if isinstance(value, str) else repr(value)
    clipped = text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."
    return "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in clipped)


def _listed(ids: Sequence[str]) -> str:
    """Return *ids*, each once, as the providers list them: at most ten, the rest counted."""
    unique = list(dict.fromkeys(ids))
    more = f" and {len(unique) - 10} more" if len(unique) > 10 else ""
    return ", ".join(shown(one) for one in unique[:10]) + more
