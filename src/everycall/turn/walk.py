"""JSON text of any value, written once, from the front, into a bounded sink.

1. The text is valid JSON before it is cut; keys keep their order; nothing is read twice.
2. The walk keeps its own stack: depth is a rule (`MAX_DEPTH`), not an accident of the interpreter's.
3. The walk stops where the budget ends: endless iterators, shared subtrees and huge values cost no more than that.
4. What JSON cannot say is said otherwise, and noted. The notes are a closed set, below.
"""

import base64
import math
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from itertools import islice
from typing import Any

from pydantic_core import PydanticSerializationError, to_json

from everycall.core.text import without_surrogates
from everycall.turn.keys import Keys
from everycall.turn.refusal import CannotEncode
from everycall.turn.simple import simple_json
from everycall.turn.sink import MAX_DEPTH, SURROGATES, Sink, too_big
from everycall.turn.stand_ins import MAX_NODES, Convert, Items, Pairs, converter_of, too_many

MAX_INT = 10**4300
"""The first whole number that is sent as text: `json.loads` of Python takes 4,300 digits by default."""

NOT_FINITE = "NaN or infinity became text"
BIG_INT = "an int of more than 4,300 digits became text"
BYTES_LEFT_OUT = "bytes too large to be of use were left out"
CYCLE = 'a value within itself became "<cycle>"'
TOO_DEEP = f'values deeper than {MAX_DEPTH} levels became "<too deep>"'
KEYS = "keys that are no text, or equal as text, were renamed"

_MAX_DECIMAL_BITS = 1 << 16  # the conversion is quadratic: 65,536 bits are 20,000 digits and some milliseconds
_MAX_DECIMAL_WORK = 16 * _MAX_DECIMAL_BITS**2  # of all of them together: a tenth of a second
_MAX_TURNS = 8
_RUN = 256
_RUN_NODES = 4096
_MAX_FAILURES = 1000
_LEAST_TRIED = 16 << 10
_MOST_TRIED = 1 << 20


class Walk:
    """Writes one value.

    Args:
        max_bytes: bytes of the text in the end.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._sink = Sink(max_bytes)
        self._notes: dict[str, None] = {}
        self._nodes = 0
        self._open: set[int] = set()
        self._converters: dict[type, Convert] = {}
        self._failures = 0
        self._tried = _MOST_TRIED
        self._decimal_work = 0

    @property
    def is_cut(self) -> bool:
        """Whether the text was too long."""
        return self._sink.used > self._max_bytes

    def text_of(self, value: object) -> tuple[str, tuple[str, ...]]:
        """Return the text of *value*, cut if it is too long, and what was changed.

        Raises:
            CannotEncode: nothing can stand for the value, or it is over the hard cap.
            BaseException: whatever foreign code of the value raises.
        """
        frame = self._enter(value, 1)
        stack = [frame] if frame else []
        while stack:
            child = self._advance(stack[-1], len(stack) + 1)
            if child is None:
                self._open.discard(id(stack.pop().owner))
            else:
                stack.append(child)
        return self._sink.text(), tuple(self._notes)

    def _advance(self, frame: "_Frame", depth: int) -> "_Frame | None":
        """Write the values of *frame* up to the next one that holds others, and return that one's frame."""
        for item in frame.items:
            self._nodes += 1
            if self._nodes > MAX_NODES:
                raise too_many()
            if frame.begun:
                self._sink.add(b",")
            frame.begun = True
            value = item
            if frame.keys is not None and type(item) is not _Run:
                key, value = item
                self._key(frame.keys, key)
            child = self._enter(value, depth)
            if child is not None:
                return child
        self._sink.add(frame.close)
        return None

    def _enter(self, value: Any, depth: int) -> "_Frame | None":
        """Write a value that holds no others, or begin one that does."""
        owner = value
        for _ in range(_MAX_TURNS):
            kind = type(value)
            write = _WRITERS.get(kind)
            if write is not None:
                write(self, value)
                return None
            if id(owner) in self._open:
                self._instead("<cycle>", CYCLE)
                return None
            if kind in _CONTAINERS:
                return self._begin(value, owner, depth)
            convert = self._converters.get(kind)
            if convert is None:
                convert = self._converters[kind] = converter_of(kind)
            value = convert(value)
        raise CannotEncode("its serialisers go round in circles. Return a str, a dict or a list")

    def _begin(self, value: Any, owner: object, depth: int) -> "_Frame | None":
        if depth > MAX_DEPTH:
            self._instead("<too deep>", TOO_DEEP)
            return None
        kind = type(value)
        if kind is dict:
            runs, brackets, keys = self._pair_runs(value, depth), b"{}", Keys(value)
        elif kind is Pairs:
            runs, brackets, keys = iter(value.pairs), b"{}", Keys(None)
        else:
            runs, brackets, keys = iter(value.values) if kind is Items else self._item_runs(value, depth), b"[]", None
        self._open.add(id(owner))
        self._sink.add(brackets[:1])
        return _Frame(runs, brackets[1:], owner, keys)

    def _item_runs(self, values: Any, depth: int) -> Iterator[object]:
        """Yield the values of a list or tuple; plain neighbours together, already written."""
        start = 0
        while run := values[start : start + _RUN]:
            start += _RUN
            data = self._simple(run, depth)
            if data is None:
                yield from run
            else:
                yield _Run(data)

    def _pair_runs(self, values: dict[Any, Any], depth: int) -> Iterator[object]:
        """Yield the items of a dict; plain neighbours together, already written."""
        items = iter(values.items())
        while run := list(islice(items, _RUN)):
            # The keys first: a dict made of foreign ones would run their code.
            data = self._simple(dict(run), depth) if all(type(key) is str for key, _ in run) else None
            if data is None:
                yield from run
            else:
                yield _Run(data)

    def _simple(self, run: Any, depth: int) -> bytes | None:
        """Return a run as text without its brackets, None if it is not plain.

        This is what makes rows and tables cheap. Looking in vain is bounded: after some failures only values that hold
        no others are tried; and each failure halves the characters that are tried next, which success alone gives back
        (one huge text within many lists would otherwise be written in vain for each of them).
        """
        levels = MAX_DEPTH - depth + 1 if self._failures < _MAX_FAILURES else 1
        room = min(self._sink.room + 2, self._tried)
        data = simple_json(run, levels=levels, nodes=_RUN_NODES, room=room)
        if data is None:
            self._failures += 1
            self._tried = max(self._tried // 2, _LEAST_TRIED)
            return None
        self._tried = min(self._tried + len(data), _MOST_TRIED)
        return data[1:-1]

    def _instead(self, text: str, note: str) -> None:
        self._notes[note] = None
        self._sink.add(to_json(text))

    def _run(self, run: "_Run") -> None:
        self._sink.add(run.data)

    def _constant(self, value: bool | None) -> None:
        self._sink.add(b"null" if value is None else b"true" if value else b"false")

    def _string(self, text: str) -> None:
        if len(text) > self._sink.room:
            raise too_big()
        try:
            self._sink.add(to_json(text))
        except PydanticSerializationError:
            self._instead(without_surrogates(text), SURROGATES)

    def _int(self, number: int) -> None:
        if -MAX_INT < number < MAX_INT:
            self._sink.add(b"%d" % number)
            return
        bits = number.bit_length()
        if bits <= _MAX_DECIMAL_BITS and self._decimal_work + bits**2 <= _MAX_DECIMAL_WORK:
            self._decimal_work += bits**2
            self._instead(str(Decimal(number)), BIG_INT)  # str(int) has the limit; Decimal is exact and has none
        else:
            self._instead(f"<int of about {int(bits * math.log10(2)) + 1} digits>", BIG_INT)

    def _float(self, number: float) -> None:
        if math.isfinite(number):
            self._sink.add(to_json(number))
        else:
            self._instead("NaN" if number != number else "Infinity" if number > 0 else "-Infinity", NOT_FINITE)  # noqa: PLR0124

    def _bytes(self, data: bytes | bytearray | memoryview) -> None:
        view = memoryview(data)
        if view.nbytes * 4 // 3 > self._max_bytes:
            # Half of a base64 text is of no use to anyone.
            self._notes[BYTES_LEFT_OUT] = None
            self._sink.add(b'{"base64":null,"size":%d}' % view.nbytes)
        else:
            self._sink.add(b'{"base64":"%b","size":%d}' % (base64.b64encode(bytes(view)), view.nbytes))

    def _key(self, keys: Keys, key: object) -> None:
        text, changed = keys.name(key, self._sink.room)
        if changed:
            self._notes[KEYS] = None
        self._sink.add(to_json(text) + b":")


class _Run:
    """Values that are written already."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data


class _Frame:
    """An array or object that is being written. It keeps *owner* alive, so that its id stays its own."""

    __slots__ = ("begun", "close", "items", "keys", "owner")

    def __init__(self, items: Iterable[Any], close: bytes, owner: object, keys: Keys | None) -> None:
        self.items = items
        self.close = close
        self.owner = owner
        self.keys = keys
        self.begun = False


_CONTAINERS = frozenset({dict, list, tuple, Items, Pairs})
_WRITERS: dict[type, Callable[[Walk, Any], None]] = {
    str: Walk._string,  # noqa: SLF001 -- a table of its own methods
    int: Walk._int,  # noqa: SLF001
    float: Walk._float,  # noqa: SLF001
    bool: Walk._constant,  # noqa: SLF001
    type(None): Walk._constant,  # noqa: SLF001
    bytes: Walk._bytes,  # noqa: SLF001
    bytearray: Walk._bytes,  # noqa: SLF001
    memoryview: Walk._bytes,  # noqa: SLF001
    _Run: Walk._run,  # noqa: SLF001
}
