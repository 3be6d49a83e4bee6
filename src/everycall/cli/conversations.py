"""Reads stored conversations from files, one at a time, in bounded memory.

Read are: a JSON list of messages, a JSON object that holds one (a request, say), and JSON lines with one of these per
line. What cannot be read is one `Unusable` with one sentence, and says where.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

from everycall.cli.reading import NotJson, decoded, named, opened

HOLDERS = ("messages", "input", "contents")
"""Where requests hold their history: most providers, OpenAI Responses, Gemini."""

MAX_BYTES = 64 * 1024 * 1024
"""The largest conversation that is read: twice the characters that a history may have, for markup and escapes."""


class Unusable(Exception):  # noqa: N818 - it is what the command's exit code is called
    """A file, or one conversation in it, cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """One conversation of a file.

    Attributes:
        where: the file, and the line in it if it has one conversation per line.
        raw: the bytes as they stand in the file.
        value: what they decode to.
        holder: the key under which *value* holds the history; None if it is the history.
    """

    where: str
    raw: bytes
    value: object
    holder: str | None

    @property
    def history(self) -> object:
        """The list of messages."""
        return self.value if self.holder is None else self.value[self.holder]  # type: ignore[index]

    def with_history(self, history: list[object]) -> bytes:
        """Return the conversation as bytes, with another history in it; indented if it was."""
        value: object = history
        if self.holder is not None:
            value = {**self.value, self.holder: history}  # type: ignore[dict-item]
        indent = 2 if b"\n" in self.raw.strip() else None
        try:
            return json.dumps(value, ensure_ascii=False, indent=indent).encode() + b"\n"
        except UnicodeEncodeError:  # half a character, which JSON can write only as an escape
            return json.dumps(value, indent=indent).encode() + b"\n"


Read = Iterator[Conversation | Unusable]


def read_conversations(path: str, advance: Callable[[int], None]) -> Read:
    """Yield the conversations of the file at *path*; `-` is the standard input.

    Args:
        path: where the file is.
        advance: told how many bytes have been read since.

    Yields:
        Each conversation. What cannot be read is yielded as an `Unusable`, and reading goes on with the next line.

    Raises:
        Unusable: the file as a whole cannot be read.
    """
    try:
        with opened(path) as file:
            yield from _read(file, path, advance)
    except OSError as error:
        raise Unusable(f"{named(path)}: {error.strerror or type(error).__name__}") from error


def _read(file: IO[bytes], path: str, advance: Callable[[int], None]) -> Read:
    """Tell a document from JSON lines: lines are read as such if the first one is a whole value and others follow."""
    first = _next_line(file, path, 1)
    number = 1
    while first and not first.strip():
        number += 1
        first = _next_line(file, path, number)
    if not first:
        raise Unusable(f"{path}: the file is empty.")
    rest = _next_line(file, path, number + 1)
    if not _is_lines(first, rest):
        raw = first + rest + file.read(MAX_BYTES + 1)
        advance(len(raw))
        yield from _conversation(raw, path)
        return
    while rest and not rest.strip():
        rest = _next_line(file, path, number + 1)
    yield from _conversation(first, path if not rest else f"{path}, line {number}")
    advance(len(first))
    while rest:
        number += 1
        if rest.strip():
            yield from _conversation(rest, f"{path}, line {number}")
        advance(len(rest))
        rest = _next_line(file, path, number + 1)


def _next_line(file: IO[bytes], path: str, number: int) -> bytes:
    line = file.readline(MAX_BYTES + 1)
    if len(line) > MAX_BYTES:
        raise Unusable(f"{path}, line {number}: longer than {MAX_BYTES // 1024**2} MiB; no provider takes that much.")
    return line


def _is_lines(first: bytes, second: bytes) -> bool:
    """Whether the first lines are conversations of their own, be the first one damaged, rather than parts of one."""
    return _is_value(first) or (first.strip()[-1:] in (b"]", b"}") and _is_value(second))


def _is_value(line: bytes) -> bool:
    try:
        json.loads(line)
    except RecursionError:
        return True
    except ValueError:
        return False
    return True


def _conversation(raw: bytes, where: str) -> Read:
    try:
        value = _decoded(raw, where)
        yield Conversation(where=where, raw=raw, value=value, holder=_holder(value, where))
    except Unusable as error:
        yield error


def _decoded(raw: bytes, where: str) -> object:
    if len(raw) > MAX_BYTES:
        raise Unusable(f"{where}: larger than {MAX_BYTES // 1024**2} MiB; no provider takes that much.")
    try:
        return decoded(raw)
    except NotJson as error:
        raise Unusable(f"{where}: {error}.") from error


def _holder(value: object, where: str) -> str | None:
    if isinstance(value, list):
        return None
    if isinstance(value, dict):
        for name in HOLDERS:
            if isinstance(value.get(name), list):
                return name
        if "role" in value:
            raise Unusable(f"{where}: this is one message, not a conversation: put the messages of each into a list.")
        raise Unusable(f"{where}: an object without a list under 'messages'.")
    raise Unusable(f"{where}: neither a list of messages nor an object that holds one.")
