"""Output that is bounded before it is paid for: what is kept never exceeds a few times the wanted size.

1. Sizes are bytes of UTF-8. A cut falls between characters.
2. What is too long keeps its head and its tail, for both tell something (a log ends with the error), and says between
   them how much was left out.
"""

from everycall.core.text import without_surrogates
from everycall.turn.refusal import CannotEncode

MAX_DEPTH = 64
"""Arrays and objects within each other (research: bounds, D.2)."""
SURROGATES = "surrogates were replaced"
HARD_CAP = 16 << 20
"""Most bytes that are encoded at all, kept or not (research: bounds, D.2)."""


def cut_text(text: str, max_bytes: int) -> str:
    """Return *text* with at most *max_bytes* bytes. Reads O(max_bytes) characters, however long it is.

    A subclass of `str` is read past what it overrides.
    """
    total = str.__len__(text)
    unit = "bytes" if str.isascii(text) else "characters"  # counting the bytes of other text means to encode it all
    half, rest = _halves(max_bytes, _marker(total, unit))
    if not half:
        return _first(_slice(text, 0, max_bytes), max_bytes)
    head = _first(_slice(text, 0, half), half)
    tail = _last(_slice(text, total - rest, total), rest)
    return head + _marker(total - len(head) - len(tail), unit) + tail


class Sink:
    """Takes pieces of UTF-8, counts all bytes, keeps those that a cut will need.

    Args:
        max_bytes: bytes of the text in the end.
    """

    __slots__ = ("_head", "_max_bytes", "_tail", "used")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._head = bytearray()
        self._tail = bytearray()
        self.used = 0

    @property
    def room(self) -> int:
        """Bytes that may still come."""
        return HARD_CAP - self.used

    def add(self, data: bytes) -> None:
        """Take one piece.

        Raises:
            CannotEncode: more than `HARD_CAP` bytes have come.
        """
        self.used += len(data)
        if self.used > HARD_CAP:
            raise too_big()
        if len(self._head) < self._max_bytes:
            self._head += data
            return
        self._tail += data
        if len(self._tail) > 2 * self._max_bytes + (64 << 10):
            del self._tail[: -self._max_bytes]

    def text(self) -> str:
        """Return all that came, or its head and tail with a marker if that is more than *max_bytes*."""
        if self.used <= self._max_bytes:
            return self._head.decode()
        half, rest = _halves(self._max_bytes, _marker(self.used, "bytes"))
        if not half:
            return _first(self._head, self._max_bytes)
        head = _first(self._head, half)
        # The tail is only ever shortened to what a cut needs, so it is short only where nothing was dropped.
        tail = _last(self._tail if len(self._tail) >= rest else self._head + self._tail, rest)
        left_out = self.used - len(head.encode()) - len(tail.encode())
        return head + _marker(left_out, "bytes") + tail


def too_big() -> CannotEncode:
    """Return the refusal of a value that is over the hard cap."""
    return CannotEncode(
        f"it is larger than {HARD_CAP >> 20} MiB when it is encoded. "
        "Return a part of it, or a summary and where the rest can be read"
    )


def _halves(max_bytes: int, marker: str) -> tuple[int, int]:
    """Return the bytes of head and tail; 0 and 0 where there is no place for a marker."""
    room = max_bytes - len(marker)
    return (room - room // 2, room // 2) if room >= 2 else (0, 0)


def _marker(count: int, unit: str) -> str:
    return f"\n[... {count} {unit} left out ...]\n"


def _slice(text: str, start: int, end: int) -> bytes:
    return without_surrogates(str.__getitem__(text, slice(start, end))).encode()


def _first(data: bytes | bytearray, size: int) -> str:
    return data[:size].decode("utf-8", "ignore")


def _last(data: bytes | bytearray, size: int) -> str:
    return data[max(0, len(data) - size) :].decode("utf-8", "ignore")
