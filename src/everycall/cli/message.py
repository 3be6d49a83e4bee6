"""Reads one assistant message, or one response, from a file or the standard input. Strict, and bounded.

What is wrong with it is one `MessageError` with one sentence that names the file.
"""

from everycall.cli.reading import NotJson, decoded, named, opened
from everycall.core.errors import MessageError

MAX_BYTES = 32 << 20
"""Bytes of one message: no provider's response is larger (Anthropic takes requests of 32 MB, others less)."""
MAX_DEPTH = 64
"""Levels of lists and objects (research: bounds, D.2, arguments and results)."""


def read_message(path: str) -> object:
    """Return what the JSON in the file at *path* says; `-` is the standard input.

    Raises:
        MessageError: there is no such file, it is larger than 32 MiB, not UTF-8, not one JSON value, or too deep.
    """
    where = named(path)
    try:
        with opened(path) as file:
            raw = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # a ValueError for a zero byte in the path
        raise MessageError(f"Cannot read {where}: {getattr(error, 'strerror', None) or error}.") from error
    if len(raw) > MAX_BYTES:
        raise MessageError(f"{where} is larger than {MAX_BYTES >> 20} MiB: no assistant message is.")
    value = _decoded(raw, where)
    if _is_deeper(value, MAX_DEPTH):
        raise MessageError(f"{where} is nested deeper than {MAX_DEPTH} levels: no assistant message is.")
    return value


def _decoded(raw: bytes, where: str) -> object:
    if not raw.strip():
        raise MessageError(f"{where} is empty: expected one assistant message as JSON.")
    try:
        return decoded(raw)
    except NotJson as error:
        if error.second_at is not None:
            raise MessageError(
                f"{where} holds more than one JSON value (the second begins at line {error.second_at}): pass one "
                "message."
            ) from error
        raise MessageError(f"{where} is {error}.") from error


def _is_deeper(value: object, limit: int) -> bool:
    """Return whether lists and objects are nested in each other more than *limit* times."""
    level = [value]
    for _ in range(limit):
        level = [inner for one in level for inner in _members(one)]
        if not level:
            return False
    return any(isinstance(one, dict | list) for one in level)


def _members(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
