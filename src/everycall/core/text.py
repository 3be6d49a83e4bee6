"""Foreign text made safe to show: in a terminal, in a log line, in an error that a model reads.

1. What cannot be encoded as UTF-8 becomes U+FFFD.
2. What is not meant to be seen is removed: terminal sequences, control characters, and the code points that Unicode
   calls ignorable (bidirectional overrides, zero width, tags, variation selectors). They can hide instructions in a
   text, or change how a line looks to the person who reads it (research: fault model 11.3, 11.5).
3. Nothing here raises, whatever an exception's `__str__` does.

Results are data, not text to show: they never pass through `clean`.
"""

import re

MAX_ERROR_TEXT = 2000
"""Characters of an error's text that reach a model (research: bounds, D.2)."""

_SEQUENCES = re.compile(
    # Strings end at BEL or ST. They may not span lines, nor hold the beginning of another: an unfinished one costs its
    # introducer, not the rest of the text, and no part of a text is read twice.
    r"(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\n\x1b\x90\x98\x9c-\x9f]*+(?:\x07|\x1b\\|\x9c)"
    r"|(?:\x1b\[|\x9b)[0-?]*+[ -/]*+[@-~]"  # CSI: colours, cursor movement (ECMA-48, 5.4)
    r"|\x1b[ -/]*+[0-~]"  # all other escapes
)
_FIELDS = type.__dict__
_LINE_BREAKS = re.compile("\r\n?|[\v\f\x1c-\x1e\x85\u2028\u2029]")
_UNSEEN = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x9f"  # control characters other than tab and newline
    # Default_Ignorable_Code_Point of Unicode 16 (DerivedCoreProperties.txt), and the interlinear marks fff9-fffb
    r"\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def without_surrogates(text: str) -> str:
    """Return *text* as UTF-8 can hold it: a pair of surrogates becomes its character, a lone one U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def utf8_size(text: str) -> int:
    """Return the bytes of *text* as UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def bounded(text: str, limit: int) -> str:
    """Return *text* with at most *limit* characters, what was left out being said."""
    if len(text) <= limit:
        return text
    marker = f" ... [{len(text) - limit} more characters]"
    return text[: max(0, limit - len(marker))] + marker


def clean(text: str) -> str:
    r"""Return *text* without anything that hides, moves or rewrites what a reader sees; `\n` and `\t` stay.

    Every kind of line break becomes `\n`. Cleaning twice changes nothing more. The cost is linear: cut long text first.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _SEQUENCES.sub("", without_surrogates(text))
    return _UNSEEN.sub("", _LINE_BREAKS.sub("\n", text))


def one_line(text: str, limit: int) -> str:
    r"""Return *text* cleaned, in one line of at most *limit* characters, for tables and log lines.

    Line breaks and tabs are shown as `\n` and `\t`; a text that was cut ends in `...`.
    """
    # Twice the limit is read: enough for what cleaning removes from any text that is not an attack.
    cut = text[: 2 * limit + 64]
    line = clean(cut).replace("\n", "\\n").replace("\t", "\\t")
    if len(line) <= limit and len(cut) == len(text):
        return line
    return (line[: max(0, limit - 3)] + "...")[: max(0, limit)]


def shown(text: str, limit: int) -> str:
    """Return *text* cleaned and with at most *limit* characters, what was left out being counted.

    It is cut before it is cleaned, so that a text of a gigabyte costs no more than the limit.
    """
    if len(text) <= 2 * limit:
        return bounded(clean(text), limit)
    marker = f" ... [{len(text) - limit} more characters]"
    return clean(text[: 2 * limit])[: max(0, limit - len(marker))] + marker


def type_name(value: object, *, qualified: bool = False) -> str:
    """Return the name of the type of *value*: see `name_of`."""
    return name_of(type(value), qualified=qualified)


def name_of(kind: type, *, qualified: bool = False) -> str:
    """Return the name of a type, cleaned, at most 200 characters.

    With *qualified* the module comes first, unless it is a builtin. The name is read past the type's own attribute
    access, which is foreign code where a metaclass says so.
    """
    name: str = _FIELDS["__qualname__" if qualified else "__name__"].__get__(kind)
    module = _FIELDS["__module__"].__get__(kind) if qualified else "builtins"
    if type(module) is str and module != "builtins":
        name = f"{module[:200]}.{name}"
    return one_line(name, 200) or "?"


def said(error: BaseException) -> str:
    """Return `str(error)` as an exact `str`, as long as it is; empty if it cannot be had.

    Never raises: an exception's `__str__` may raise anything, `SystemExit` included.
    """
    try:
        text = str(error)
        # A subclass of str may lie about its length and its slices.
        return text if type(text) is str else str.__str__(text)
    except BaseException:  # noqa: BLE001 -- foreign code: whatever it raises says nothing about this call
        return ""
