"""What a result may hold, free of any provider's shape. A dialect turns these parts into its own."""

from dataclasses import dataclass

from everycall.core.text import utf8_size


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of text."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A picture: its bytes, or an address that the provider may fetch.

    Attributes:
        data: the encoded picture, or None.
        url: an `https:` address, used when *data* is None.
        media_type: such as `image/png`.
    """

    data: bytes | None = None
    url: str | None = None
    media_type: str = "image/png"


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A document: its bytes, or an address that the provider may fetch.

    Attributes:
        data: the bytes of the file, or None.
        url: an `https:` address, used when *data* is None.
        media_type: such as `application/pdf`.
        name: the file's name as the model shall see it.
    """

    data: bytes | None = None
    url: str | None = None
    media_type: str = "application/octet-stream"
    name: str = "file"


Part = Text | Image | File
Content = str | tuple[Part, ...]
"""The content of a result: one text, or parts in order."""


def text_size(content: Content) -> int:
    """Return the bytes of text in *content*; those of images and files do not count."""
    if type(content) is str:
        return utf8_size(content)
    return sum(utf8_size(part.text) for part in content if type(part) is Text)
