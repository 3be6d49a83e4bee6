"""What must not be read by others is hidden in text on its way out: one function for every way. Pure.

1. **Known secrets** are hidden exactly, also as base64, URL-encoded, or escaped for JSON or Python: those that the
   program has registered, the values of environment variables named like secrets, and the `SecretStr` arguments of the
   call at hand. **Credentials** are hidden by their looks (`core.credentials`).
2. Text that nobody wrote for the model (of exceptions, with their notes and tracebacks) loses all of these. What an
   author wrote on purpose (the words of a `ToolError`, a result, progress) loses the registered secrets alone: it is
   the tool's business, and is never changed by guessing (research: D.3).
3. A text that is cut is redacted first, so that no half of a secret is left.
4. Nothing is computed before the first text must be looked at; after that the cost is linear in the text.
"""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

from everycall.core.credentials import Span, credentials_in
from everycall.core.errors import UsageError
from everycall.core.text import bounded, clean, shown

HIDDEN = "[redacted]"
"""What stands in the place of a secret."""
MIN_SECRET = 4
"""Characters of the shortest secret: hiding shorter ones would hide half of every text."""
MAX_SECRET = 8192
"""Characters of the longest secret; a private key of 4,096 bits has some 3,200."""
MAX_SECRETS = 1000
"""Secrets that are registered, or read from the environment."""
_MIN_FROM_ENVIRONMENT = 8  # shorter values are words such as `true`
_MIN_BASE64 = 8  # shorter pieces of base64 turn up by chance
_MIN_LOOKED_BACK = 4096  # characters that a credential may have beyond the end of what is shown
_MAX_FORMS_LENGTH = 8 * MAX_SECRET

_SECRET_NAME = re.compile(r"(?:.*_)?(?:KEY|TOKEN|SECRET|PASSWORD)", re.IGNORECASE)
_JSON_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"?|-?[0-9][0-9.eE+-]*+', re.DOTALL)
_CUT = re.compile(r"\n\[\.\.\. [0-9]+ (?:bytes|characters) left out \.\.\.\]\n")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Redaction:
    """What is hidden in text on its way to a model, an event, the log or the command line.

    Attributes:
        secrets: values that are never shown, each of 4 to 8,192 characters: text, or what has `get_secret_value()`.
            These alone are hidden in results and in the words of a `ToolError` too.
        environment: hide the values (of 8 characters or more) of environment variables named `KEY`, `TOKEN`, `SECRET`
            or `PASSWORD`, or ending in `_KEY` and so on; they are read once, when the first text is looked at.
        patterns: hide what looks like a credential: `password=...`, `user:password@host`, the keys of known providers.

    Raises:
        UsageError: a value is of the wrong kind. The message does not repeat it.
    """

    secrets: tuple[str, ...] = ()
    environment: bool = True
    patterns: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.environment, bool) or not isinstance(self.patterns, bool):
            raise UsageError("Redaction.environment and Redaction.patterns must be True or False")
        if not isinstance(self.secrets, tuple | list | set | frozenset):
            raise UsageError("Redaction.secrets must be a sequence of texts: secrets=(token,), not secrets=token")
        if len(self.secrets) > MAX_SECRETS:
            raise UsageError(f"Redaction.secrets takes at most {MAX_SECRETS} texts, not {len(self.secrets)}")
        object.__setattr__(self, "secrets", tuple([_plain(at, one) for at, one in enumerate(self.secrets)]))

    def __repr__(self) -> str:
        return f"Redaction(secrets=<{len(self.secrets)}>, environment={self.environment}, patterns={self.patterns})"


class Redactor:
    """Hides what a `Redaction` names.

    Args:
        redaction: what to hide; None for nothing.
        environ: the environment variables; read when they are first needed.

    Attributes:
        hides_results: whether results must be looked at: the program has registered secrets.
    """

    __slots__ = ("_environ", "_forms", "_known", "_redaction", "_registered", "hides_results")

    def __init__(self, redaction: Redaction | None, environ: Mapping[str, str], known: tuple[str, ...] = ()) -> None:
        self._redaction = redaction
        self.hides_results = redaction is not None and bool(redaction.secrets)
        self._environ = environ
        self._known = known
        self._forms: tuple[str, ...] | None = None
        self._registered: tuple[str, ...] | None = None

    def __repr__(self) -> str:
        return f"<Redactor {self._redaction}>"

    def knowing(self, secrets: Iterable[str]) -> "Redactor":
        """Return a redactor that hides *secrets* too: those of one call."""
        if self._redaction is None:
            return self
        return Redactor(self._redaction, self._environ, (*self._known, *secrets))

    def hide(self, text: str) -> str:
        """Return *text* without known secrets and without what looks like a credential."""
        if self._redaction is None or not text:
            return text
        return _replaced(text, self._spans(text, self._redaction))

    def hide_registered(self, text: str) -> str:
        """Return *text* without the secrets that the program has registered: for what an author wrote on purpose."""
        return _replaced(text, _places(text, self._registered_forms()))

    def shown(self, text: str, limit: int) -> str:
        """Return *text* redacted, cleaned, and with at most *limit* characters: as `core.text.shown` with less in it.

        What begins beyond twice the limit is not looked at, however long the text is.
        """
        if self._redaction is None:
            return shown(text, limit)
        if len(text) <= 2 * limit:
            return bounded(self.hide(clean(text)), limit)
        # Whatever begins in the part that is shown ends within the window.
        beyond = max([_MIN_LOOKED_BACK, *map(len, self._all_forms(self._redaction))])
        window = clean(text[: 2 * limit + beyond])
        end = limit if len(text) <= 2 * limit + beyond else max(0, min(limit, len(window) - beyond))
        marker = f" ... [{len(text) - limit} more characters]"
        hidden = _replaced(window, self._spans(window, self._redaction), end=end)
        return hidden[: max(0, limit - len(marker))] + marker

    def hide_in_result(self, text: str, *, is_json: bool) -> str:
        """Return the text of a result without registered secrets; JSON stays JSON.

        Where the text was cut, what is left of a secret at the cut is hidden too.
        """
        forms = self._registered_forms()
        if any(form in text for form in forms):
            text = _JSON_TOKEN.sub(lambda token: self._in_token(token[0]), text) if is_json else text
            text = _replaced(text, _places(text, forms))
        cut = _CUT.search(text)
        if cut is None:
            return text
        head, tail = text[: cut.start()], text[cut.end() :]
        return head[: _end_before(head, forms)] + cut[0] + tail[_start_after(tail, forms) :]

    def _spans(self, text: str, redaction: Redaction) -> list[Span]:
        spans = _places(text, self._all_forms(redaction))
        if redaction.patterns:
            spans.extend(credentials_in(text))
        return spans

    def _in_token(self, token: str) -> str:
        hidden = self.hide_registered(token)
        return hidden if hidden == token or token[0] == '"' else f'"{HIDDEN}"'

    def _registered_forms(self) -> tuple[str, ...]:
        if self._registered is None:
            self._registered = forms_of(self._redaction.secrets) if self._redaction is not None else ()
        return self._registered

    def _all_forms(self, redaction: Redaction) -> tuple[str, ...]:
        if self._forms is None:
            found = secrets_of_environment(self._environ) if redaction.environment else ()
            self._forms = tuple(dict.fromkeys((*self._registered_forms(), *forms_of((*found, *self._known)))))
        return self._forms


NOTHING_HIDDEN = Redactor(None, {})
"""Leaves every text as it is."""


def secrets_of_environment(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values of the variables that are named like secrets, without those too short to be one."""
    # The names first: another thread may change the environment meanwhile.
    values = [environ.get(name, "").strip() for name in list(environ) if _SECRET_NAME.fullmatch(name)]
    long = [value[:MAX_SECRET] for value in values if len(value) >= _MIN_FROM_ENVIRONMENT]
    return tuple(dict.fromkeys(long[:MAX_SECRETS]))


def forms_of(secrets: Iterable[str]) -> tuple[str, ...]:
    """Return each secret as it may turn up in a text: plain, escaped, URL-encoded, and within base64."""
    forms: dict[str, None] = {}
    for secret in secrets:
        if len(secret) >= MIN_SECRET:
            data = secret.encode("utf-8", "surrogatepass")
            forms.update(dict.fromkeys(_escaped(secret)))
            forms.update(dict.fromkeys(_urls(data)))
            forms.update(dict.fromkeys(_base64(data)))
    return tuple([form for form in forms if MIN_SECRET <= len(form) <= _MAX_FORMS_LENGTH])


def without(text: str, forms: Iterable[str], mark: str) -> str:
    """Return *text* with *mark* in the place of each of *forms*."""
    return _replaced(text, _places(text, forms), mark=mark)


def _escaped(secret: str) -> list[str]:
    escaped = [json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (False, True)]
    slashes = [one.replace("/", "\\/") for one in escaped]  # as PHP and others write them
    return [secret, clean(secret), *escaped, *slashes, repr(secret)[1:-1], ascii(secret)[1:-1]]


def _urls(data: bytes) -> list[str]:
    encoded = [quote(data, safe="/"), quote(data, safe=""), quote_plus(data)]
    return [*encoded, *(re.sub("%[0-9A-F]{2}", lambda code: code[0].lower(), one) for one in encoded)]


def _base64(data: bytes) -> list[str]:
    """Return the base64 of *data* wherever it may lie in something longer, such as `user:password`.

    Base64 takes three bytes at a time, so there are three positions; the characters that depend on neighbours are left
    out.
    """
    pieces: list[str] = []
    for before in range(3):
        text = base64.b64encode(b"\0" * before + data).decode()
        piece = text[(before * 8 + 5) // 6 : (before + len(data)) * 8 // 6]
        if len(piece) >= _MIN_BASE64:
            pieces += [piece, piece.replace("+", "-").replace("/", "_")]
    return pieces


def _places(text: str, forms: Iterable[str]) -> list[Span]:
    spans: list[Span] = []
    for form in forms:
        at = text.find(form)
        while at >= 0:
            spans.append((at, at + len(form)))
            at = text.find(form, at + len(form))
    return spans


def _replaced(text: str, spans: list[Span], *, end: int | None = None, mark: str = HIDDEN) -> str:
    """Return *text*, up to *end*, with each span replaced; spans that overlap or touch are one."""
    if not spans:
        return text if end is None else text[:end]
    pieces: list[str] = []
    at = 0
    for first, last in sorted(spans):
        if end is not None and first >= end:
            break
        if first >= at and (first > at or not pieces):
            pieces += [text[at:first], mark]
        at = max(at, last)
    return "".join(pieces) + text[at:end]


def _end_before(head: str, forms: Iterable[str]) -> int:
    """Return where *head* must end, so that it does not end with the beginning of a secret."""
    ends = [len(head) - size for form in forms for size in _sizes(form) if head.endswith(form[:size])]
    return min(ends, default=len(head))


def _start_after(tail: str, forms: Iterable[str]) -> int:
    """Return where *tail* must start, so that it does not start with the end of a secret."""
    return max((size for form in forms for size in _sizes(form) if tail.startswith(form[-size:])), default=0)


def _sizes(form: str) -> range:
    return range(MIN_SECRET, len(form))


def _plain(at: int, secret: object) -> str:
    """Return a registered secret as text."""
    ask = getattr(secret, "get_secret_value", None)
    value = ask() if callable(ask) else secret
    text = value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value
    if not isinstance(text, str):
        raise UsageError(f"Redaction.secrets[{at}] must be text, not of the type {type(secret).__name__}")
    text = text.strip()
    if not MIN_SECRET <= len(text) <= MAX_SECRET:
        raise UsageError(
            f"Redaction.secrets[{at}] must have {MIN_SECRET} to {MAX_SECRET:,} characters, and has {len(text)}: "
            "leave out what is not set"
        )
    return text
