"""What a result holds, turned into the text or the encoding that wire formats share.

A picture or a file that a provider cannot take in a tool result becomes text in its place, and the caller is told.
"""

import base64
from collections.abc import Callable
from typing import TypeVar

from everycall.core.content import Content, File, Image, Part, Text

Block = TypeVar("Block")

NO_OUTPUT = "(no output)"
"""Stands for empty text where a provider refuses it (design, section 3)."""


def or_no_output(text: str) -> str:
    """Return *text*, or `(no output)` if it is empty or blank."""
    return text if text and not text.isspace() else NO_OUTPUT


def as_text(content: Content) -> tuple[str, bool]:
    """Return *content* as one text, and whether a picture or a file was replaced by words."""
    if isinstance(content, str):
        return content, False
    parts = tuple(content)
    return "\n".join(part_in_words(part) for part in parts), any(not isinstance(part, Text) for part in parts)


def part_in_words(part: Part) -> str:
    """Return the text that stands for *part* where the provider takes nothing but text."""
    if isinstance(part, Text):
        return part.text
    what = "image" if isinstance(part, Image) else f"file {part.name!r}"
    if part.data is None:
        return f"[{what} at {part.url}]" if part.url else f"[{what}: empty]"
    if isinstance(part, File) and is_text(part.media_type):
        return f"[{what}]\n{part.data.decode('utf-8', 'replace')}"
    return f"[{what}: {part.media_type}, {len(part.data)} bytes, cannot be shown in a tool result here]"


def is_text(media_type: str) -> bool:
    """Return whether bytes of *media_type* are text that a model can read."""
    return media_type.startswith("text/") or media_type in {"application/json", "application/xml", "application/yaml"}


def encoded(data: bytes) -> str:
    """Return *data* in base64."""
    return base64.b64encode(data).decode("ascii")


def address(part: Image | File) -> str | None:
    """Return the part as an address: a `data:` one for its bytes, else its own; None if it has neither."""
    if part.data is not None:
        return f"data:{part.media_type};base64,{encoded(part.data)}"
    return part.url or None


def as_blocks(
    content: Content, say: Callable[[str], Block], show: Callable[[Image | File], Block | None]
) -> tuple[list[Block], bool]:
    """Return *content* as a provider's blocks, without blank texts, and whether a picture or a file became words.

    Args:
        content: the result's text or parts.
        say: makes the block for a text.
        show: makes the block for a picture or a file; None if the provider cannot take this one.
    """
    blocks, replaced = [], False
    for part in (Text(content),) if isinstance(content, str) else content:
        block = None if isinstance(part, Text) else show(part)
        words = part_in_words(part) if block is None else ""
        if block is not None:
            blocks.append(block)
        elif words.strip():
            blocks.append(say(words))
        replaced = replaced or (block is None and not isinstance(part, Text))
    return blocks, replaced
