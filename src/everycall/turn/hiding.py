"""The secrets that a program has registered are hidden in its tools' results. Pure, and only asked if there are any.

A result is the tool's business: nothing is guessed here, and JSON stays JSON.
"""

from dataclasses import replace

from everycall.core.content import Content, File, Image, Part, Text, text_size
from everycall.core.redaction import Redactor
from everycall.turn.encode import Encoded
from everycall.turn.sink import cut_text

SECRETS_HIDDEN = "registered secrets were hidden"


def without_secrets(encoded: Encoded, redactor: Redactor, max_bytes: int, *, is_json: bool) -> Encoded:
    """Return *encoded* without registered secrets.

    Args:
        encoded: what a model would read.
        redactor: knows the secrets.
        max_bytes: bytes of all texts: what stands for a secret may be longer than it.
        is_json: a text is JSON.
    """
    content = encoded.content
    hidden: Content
    if isinstance(content, str):
        hidden = redactor.hide_in_result(content, is_json=is_json)
        if hidden != content and text_size(hidden) > max_bytes:
            hidden = cut_text(hidden, max_bytes)
    else:
        hidden = tuple([_part(part, redactor) for part in content])
    return encoded if hidden == content else Encoded(hidden, (*encoded.notes, SECRETS_HIDDEN))


def _part(part: Part, redactor: Redactor) -> Part:
    match part:
        case Text(text):
            return Text(redactor.hide_in_result(text, is_json=False))
        case Image(url=url):
            return replace(part, url=url and redactor.hide_registered(url))
        case File(url=url, name=name):
            return replace(part, url=url and redactor.hide_registered(url), name=redactor.hide_registered(name))
