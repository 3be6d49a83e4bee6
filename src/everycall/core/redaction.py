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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from urllib.parse import quote, quote_plus

from everycall.core.credentials import Span, credentials_in
from everycall.core.errors import UsageError
from everycall.core.text import bounded, clean, one_line, shown

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
MAX_WORDS = 8 * MAX_SECRET + 4096
"""Characters of a text to be shown in one line that are worth handing on: no form of a secret that begins in what is
shown ends beyond them."""
MAX_CODED = 8 * MAX_SECRET
"""Characters of the secrets of one call that are hidden in every form; what is beyond them is hidden as it stands."""

_SECRET_NAME = re.compile(r"(?:.*_)?(?:KEY|TOKEN|SECRET|PASSWORD)", re.IGNORECASE)
_JSON_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"?|-?[0-9][0-9.eE+-]*+', re.DOTALL)
_CUT = re.compile(r"\n\[\.\.\. [0-9]+ (?:bytes|characters) left out \.\.\.\](?=\n)")


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

    def line(self, text: str, limit: int) -> str:
        """Return an author's own words in one line, without registered secrets: as `core.text.one_line`.

        They are cleaned, then redacted, then cut; what cannot be shown is not looked at, however long the text is.
        """
        forms = self._registered_forms()
        if not forms:
            return one_line(text, limit)
        read, beyond = 2 * limit + 64, max(map(len, forms))
        window = clean(text[: read + beyond])
        end = len(window) if len(text) <= read + beyond else max(0, min(read, len(window) - beyond))
        hidden = _replaced(window, _places(window, forms), end=end)
        return one_line(hidden if len(text) <= read + beyond else f"{hidden}...", limit)

    def hide_in_result(self, text: str, *, is_json: bool) -> str:
        """Return the text of a result without registered secrets; JSON stays JSON.

        Where the text was cut, what is left of a secret at the cut is hidden too. A text may hold what looks like a
        cut of its own, so it is done at every one.
        """
        forms = self._registered_forms()
        if any(form in text for form in forms):
            text = _JSON_TOKEN.sub(lambda token: self._in_token(token[0]), text) if is_json else text
            text = _replaced(text, _places(text, forms))
        return _without_halves(text, forms)

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
            own = forms_of(self._known, room=MAX_CODED)
            self._forms = tuple(dict.fromkeys((*self._registered_forms(), *forms_of(found), *own)))
        return self._forms


NOTHING_HIDDEN = Redactor(None, {})
"""Leaves every text as it is."""


def secrets_of_environment(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values of the variables that are named like secrets, without those too short to be one."""
    # The names first: another thread may change the environment meanwhile.
    values = [environ.get(name, "").strip() for name in list(environ) if _SECRET_NAME.fullmatch(name)]
    long = [value[:MAX_SECRET] for value in values if len(value) >= _MIN_FROM_ENVIRONMENT]
    return tuple(dict.fromkeys(long[:MAX_SECRETS]))


def forms_of(secrets: Iterable[str], *, room: int | None = None) -> tuple[str, ...]:
    """Return each secret as it may turn up in a text: plain, escaped, URL-encoded, and within base64.

    Args:
        secrets: those shorter than any secret are left out.
        room: characters; those beyond so many of all secrets are returned plain alone. Some 10 ms for 10,000.
    """
    forms: dict[str, None] = {}
    spent = 0
    for secret in secrets:
        spent += len(secret)
        if len(secret) < MIN_SECRET:
            continue
        if room is not None and spent > room:
            forms.update({secret: None, clean(secret): None})
        else:
            data = secret.encode("utf-8", "surrogatepass")
            forms.update(dict.fromkeys(_escaped(secret)))
            forms.update(dict.fromkeys(_urls(data)))
            forms.update(dict.fromkeys(_base64(data)))
    return tuple([form for form in forms if MIN_SECRET <= len(form) <= _MAX_FORMS_LENGTH])


def without(text: str, forms: Iterable[str], mark: str, end: int) -> str:
    """Return *text*, up to *end*, with *mark* in the place of each of *forms*: whole, where one goes on beyond it."""
    return _replaced(text, _places(text, forms), mark=mark, end=end)


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


def _without_halves(text: str, forms: Sequence[str]) -> str:
    """Return *text* without what is left of a secret before and after each marker of a cut."""
    cuts = list(_CUT.finditer(text))
    if not cuts:
        return text
    starts = _by_key((form[:MIN_SECRET], form) for form in forms)
    ends = _by_key((form[-MIN_SECRET:], form) for form in forms)
    longest = max(map(len, forms), default=0)
    pieces: list[str] = []
    at = 0
    for cut, following in zip_longest(cuts, cuts[1:]):
        head_end = _end_before(text, max(at, cut.start() - longest), cut.start(), starts)
        after = cut.end() + 1  # its line break may be the first one of the next marker too
        pieces += [text[at:head_end], text[max(at, cut.start()) : after]]
        stop = len(text) if following is None else following.start()
        at = _start_after(text, after, min(after + longest, stop), ends)
    return "".join(pieces) + text[at:]


def _by_key(keyed: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, form in keyed:
        found.setdefault(key, []).append(form)
    return found


def _end_before(text: str, first: int, last: int, forms: Mapping[str, Sequence[str]]) -> int:
    """Return where text[first:last] must end, so that it does not end with the beginning of a secret.

    Args:
        text: the text.
        first: no half of a secret begins before it.
        last: where the text was cut.
        forms: of the secrets, by their first characters.
    """
    for at in range(first, last - MIN_SECRET + 1):
        found = forms.get(text[at : at + MIN_SECRET])
        if found and any(form.startswith(text[at:last]) for form in found):
            return at
    return last


def _start_after(text: str, first: int, last: int, forms: Mapping[str, Sequence[str]]) -> int:
    """Return where text[first:last] must start, so that it does not start with the end of a secret.

    Args:
        text: the text.
        first: where it goes on after the cut.
        last: no half of a secret ends after it.
        forms: of the secrets, by their last characters.
    """
    for at in range(last, first + MIN_SECRET - 1, -1):
        found = forms.get(text[at - MIN_SECRET : at])
        if found and any(form.endswith(text[first:at]) for form in found):
            return at
    return first


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
