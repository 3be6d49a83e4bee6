"""How host and worker talk: frames of JSON, each after its length. Both sides use this module.

1. A length is checked before anything is read for it, and the number of values before they are.
2. Numbers that JSON does not have are refused. Nothing is ever evaluated.
"""

import json
from typing import Any, NoReturn

MAX_FRAME = 32 << 20
"""Bytes of the largest frame a host reads: a value of 16 MiB (research: bounds, D.2), as base64 or escaped."""
HEADER = 4
"""Bytes of the length in front of each frame, the most significant first."""
MAX_CONTAINERS = 500_000
"""Lists and objects in one frame: an empty one takes 3 bytes there and 64 and more in memory."""
MAX_VALUES = 9_000_000
"""Values in one frame: no value of 16 MiB has more, for each takes two bytes of it."""


class BrokenFrameError(Exception):
    """The other side does not keep to the rules of the channel. The message is one sentence."""


def frame_of(text: str) -> bytes:
    """Return *text*, one JSON object, as a frame."""
    data = text.encode()
    return len(data).to_bytes(HEADER, "big") + data


def packed(message: dict[str, Any]) -> bytes:
    """Return *message* as a frame."""
    return frame_of(json.dumps(message, ensure_ascii=False, allow_nan=False))


class Frames:
    """Cuts what comes in into frames.

    Args:
        max_bytes: of one frame.
    """

    __slots__ = ("_buffer", "_max_bytes", "_wanted")

    def __init__(self, max_bytes: int = MAX_FRAME) -> None:
        self._buffer = bytearray()
        self._max_bytes = max_bytes
        self._wanted: int | None = None

    def feed(self, data: bytes) -> list[bytes]:
        """Take *data*, and return the frames that are complete now.

        Raises:
            BrokenFrameError: a frame is announced that is too large.
        """
        self._buffer += data
        frames: list[bytes] = []
        while True:
            if self._wanted is None:
                if len(self._buffer) < HEADER:
                    return frames
                self._wanted = int.from_bytes(self._buffer[:HEADER], "big")
                if self._wanted > self._max_bytes:
                    raise BrokenFrameError(f"It announced {self._wanted:,} bytes.")
            end = HEADER + self._wanted
            if len(self._buffer) < end:
                return frames
            frames.append(bytes(memoryview(self._buffer)[HEADER:end]))
            del self._buffer[:end]
            self._wanted = None


def read_frame(data: bytes) -> dict[str, Any]:
    """Return the object that a frame holds.

    Raises:
        BrokenFrameError: it holds anything else.
    """
    if _is_too_much(data):
        raise BrokenFrameError("It sent a message of too many values.")
    try:
        message = json.loads(data.decode(), parse_constant=_refuse)  # in no other encoding: it was counted as this one
    except (ValueError, RecursionError, MemoryError):
        message = None
    if type(message) is not dict:
        raise BrokenFrameError("It sent something that is no message.")
    return message


def _is_too_much(data: bytes) -> bool:
    """Return whether *data* holds more values than may be read, without reading them."""
    if not _exceeds(data):
        return False
    # Most of what was counted may stand within a text. What is left between its quotes is the rest.
    plain = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    return plain.count(b'"') > 4 * MAX_CONTAINERS or _exceeds(b"".join(plain.split(b'"')[::2]))


def _exceeds(data: bytes) -> bool:
    containers = data.count(b"[") + data.count(b"{")
    return containers > MAX_CONTAINERS or containers + data.count(b",") > MAX_VALUES


def _refuse(word: str) -> NoReturn:
    raise ValueError(word)
