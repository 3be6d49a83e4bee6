"""What looks like a credential, although nobody has said that it is one: where it begins and ends in a text. Pure.

1. Kept to what is hardly ever anything else: tokens with their provider's prefix, `user:password@host`, `password=...`,
   `Authorization: ...`, JSON web tokens, private keys. A text that merely speaks of passwords stays as it is.
2. Linear time: each place is found by a plain search, and what follows it is matched without going back.
3. The places found are those of the secret alone: the name before it and the host after it stay readable.
"""

import re
from collections.abc import Callable, Iterator
from re import Pattern

Span = tuple[int, int]
"""Where something begins and ends."""

_WORD = re.compile(r"[\w-]")
_LETTERS = dict(zip(range(65, 91), range(97, 123), strict=True))


def _tail(characters: str, least: int) -> Pattern[str]:
    return re.compile(f"[{characters}]{{{least},}}+")


_PREFIXES: tuple[tuple[str, Pattern[str]], ...] = (
    ("sk-", _tail(r"\w-", 20)),  # OpenAI, Anthropic, DeepSeek, OpenRouter and those who imitate them
    ("sk_live_", _tail("A-Za-z0-9", 16)),  # Stripe
    ("sk_test_", _tail("A-Za-z0-9", 16)),
    ("rk_live_", _tail("A-Za-z0-9", 16)),
    ("whsec_", _tail("A-Za-z0-9+/=", 16)),
    ("gsk_", _tail("A-Za-z0-9", 20)),  # Groq
    ("xai-", _tail("A-Za-z0-9", 20)),
    ("pplx-", _tail("A-Za-z0-9", 20)),
    ("nvapi-", _tail(r"\w-", 20)),
    ("hf_", _tail("A-Za-z0-9", 30)),
    ("r8_", _tail("A-Za-z0-9", 30)),  # Replicate
    ("tvly-", _tail(r"\w-", 20)),  # Tavily
    ("AIza", _tail(r"\w-", 35)),  # Google
    ("ya29.", _tail(r"\w-", 20)),
    ("GOCSPX-", _tail(r"\w-", 20)),
    ("AKIA", re.compile(r"[A-Z0-9]{16}(?![A-Za-z0-9])")),  # AWS: long-term and temporary key ids
    ("ASIA", re.compile(r"[A-Z0-9]{16}(?![A-Za-z0-9])")),
    ("ghp_", _tail("A-Za-z0-9", 30)),  # GitHub
    ("gho_", _tail("A-Za-z0-9", 30)),
    ("ghu_", _tail("A-Za-z0-9", 30)),
    ("ghs_", _tail("A-Za-z0-9", 30)),
    ("ghr_", _tail("A-Za-z0-9", 30)),
    ("github_pat_", _tail(r"\w", 20)),
    ("glpat-", _tail(r"\w-", 20)),  # GitLab
    ("xoxb-", _tail("A-Za-z0-9-", 10)),  # Slack
    ("xoxp-", _tail("A-Za-z0-9-", 10)),
    ("xoxa-", _tail("A-Za-z0-9-", 10)),
    ("xapp-", _tail("A-Za-z0-9-", 10)),
    ("npm_", _tail("A-Za-z0-9", 30)),
    ("pypi-", _tail(r"\w-", 40)),
    ("dop_v1_", _tail("a-f0-9", 40)),  # DigitalOcean
    ("shpat_", _tail("a-f0-9", 20)),  # Shopify
    ("SG.", _tail(r"\w.-", 30)),  # SendGrid
    ("eyJ", re.compile(r"[\w-]{6,}+\.[\w-]{6,}+(?:\.[\w-]*+){0,3}+")),  # a JSON web token: base64 of {"
)
"""What a token begins with, and what must follow. Only where no word goes on: not in the middle of another token."""

_QUOTED = r"""[bru]{0,2}+\\{0,3}+(["'])(?P<quoted>(?:(?!\1)[^\\\n]|\\.)++)"""
_IN_BARE = r"""[^\s"'`&,;(){}<>\[\]]"""
# Bounded, because what turns out to be no value is looked at again from the next name on; the rest is added afterwards.
_BARE = rf"""(?P<bare>(?!=){_IN_BARE}{{1,200}}+)"""
_REST = re.compile(f"{_IN_BARE}*+")
_ASSIGNED = re.compile(rf"""[\\"'\]]{{0,4}}+[ \t]{{0,4}}+(?:=>?|:)[ \t]{{0,4}}+(?:{_QUOTED}|{_BARE})""")
_HEADER = re.compile(
    r"""[\\"']{0,4}+[ \t]{0,4}+[:=][ \t]{0,4}+[\\"']{0,4}+(?:[A-Za-z]{3,20}+[ \t]++)?+(?P<bare>[^\s"',;\\]{6,}+)"""
)
_BEARER = re.compile(r"[ \t]++(?P<bare>[\w.~+/=-]{16,}+)")
_USER_INFO = re.compile(
    r"(?:[^\s/?#:@\"'<>]{0,256}+:(?P<bare>[^\s/?#\"'<>]{1,256})|(?P<quoted>[^\s/?#:@\"'<>]{20,256}+))@"
)
_PRIVATE_KEY = re.compile(
    r"[A-Z0-9 ]{0,40}?PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [^-\n]{0,60}+-----|\Z)", re.DOTALL
)

_NAMES: tuple[tuple[str, Pattern[str]], ...] = (
    *((name, _ASSIGNED) for name in ("password", "passwd", "pwd", "passphrase", "secret", "token", "credentials")),
    *((f"{of}{dash}key", _ASSIGNED) for of in ("api", "access", "secret", "private") for dash in ("_", "-", "")),
    *((name, _ASSIGNED) for name in ("x-amz-signature", "x-amz-credential", "?sig", "&sig")),
    ("authorization", _HEADER),
    ("bearer", _BEARER),
)
"""What stands before a secret, in any case of letters, and what must follow."""

_LEAST_AFTER_COLON = 6
_LEAST_IN_HEADER = 12  # characters of what follows `Authorization: Basic`, if it has no digit


def credentials_in(text: str) -> Iterator[Span]:
    """Yield where the credentials of *text* are, in no order; they may overlap."""
    for prefix, tail in _PREFIXES:
        if prefix in text:
            yield from _found(text, text, prefix, tail, whole=True)
    if "://" in text:
        yield from _found(text, text, "://", _USER_INFO)
    if "-----BEGIN " in text:
        yield from _found(text, text, "-----BEGIN ", _PRIVATE_KEY, whole=True)
    # Letters of other scripts may change their number when they are lowered; those of ASCII do not.
    lowered = text.lower() if text.isascii() else text.translate(_LETTERS)
    for name, value in _NAMES:
        if name in lowered:
            yield from _found(text, lowered, name, value, accept=_is_value)


def _found(
    text: str,
    searched: str,
    start: str,
    follows: Pattern[str],
    *,
    whole: bool = False,
    accept: Callable[[str, "re.Match[str]"], bool] = lambda _text, _match: True,
) -> Iterator[Span]:
    """Yield the spans of what *follows* each *start*; with *whole* the start belongs to them, and begins a word."""
    at = searched.find(start)
    while at >= 0:
        after = at + len(start)
        match = None if whole and at and _WORD.match(text, at - 1) and start[0] != "-" else follows.match(text, after)
        if match is not None and accept(text, match):
            first, after = (at, match.end()) if whole else match.span("bare" if match["bare"] is not None else "quoted")
            if match.re is _ASSIGNED and match["bare"] is not None:
                after = _REST.match(text, after).end()  # type: ignore[union-attr]  # it matches the empty text
            yield first, after
        at = searched.find(start, after)


def _is_value(text: str, match: "re.Match[str]") -> bool:
    """Whether what follows a name is a value, and not the rest of a sentence (`token: must be text`)."""
    bare = match["bare"]
    if bare is None or match.re is _BEARER:
        return True
    if match.re is _HEADER:
        return len(bare) >= _LEAST_IN_HEADER or any(map(str.isdigit, bare))
    if "=" in text[match.start() : match.start("bare")]:
        return True
    return len(bare) >= _LEAST_AFTER_COLON and any(map(str.isdigit, bare))
