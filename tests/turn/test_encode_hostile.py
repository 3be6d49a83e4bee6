"""Whatever a value does, either a text comes back or `CannotEncode` is raised."""

import collections
import dataclasses
import enum
import gc
import json
import weakref

import pydantic
import pytest

from everycall.core.content import Image, Text
from everycall.turn.encode import CannotEncode, Encoded, encode_value

ROOM = 10_000
FAILURES = [ValueError, SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration, MemoryError, RecursionError]


class Bomb:
    """Raises whatever is set at the time, wherever it is touched."""

    failure = ValueError

    def _raise(self, *args, **kwargs):
        raise Bomb.failure

    __repr__ = __str__ = __iter__ = __len__ = __getitem__ = __bool__ = __float__ = __int__ = __index__ = _raise


class Lying(Bomb):
    __class__ = property(Bomb._raise)


class BombDict(dict, Bomb):
    __iter__ = items = keys = values = __len__ = Bomb._raise


class BombList(list, Bomb):
    __iter__ = __len__ = __getitem__ = Bomb._raise


class BombMapping(collections.abc.Mapping, Bomb):
    __iter__ = __len__ = __getitem__ = items = Bomb._raise


class BombSequence(collections.abc.Sequence, Bomb):
    __len__ = __getitem__ = Bomb._raise


class BombEnum(enum.Enum):
    A = 1

    @property
    def value(self):
        raise Bomb.failure


@dataclasses.dataclass
class BombField:
    x: int = 1

    def __getattribute__(self, name):
        if name == "x":
            raise Bomb.failure
        return object.__getattribute__(self, name)


class BombModel(pydantic.BaseModel):
    x: int = 1

    @pydantic.field_serializer("x")
    def _x(self, value):
        raise Bomb.failure


class BombDump(pydantic.BaseModel):
    def model_dump(self, **options):
        raise Bomb.failure


class BombPart(Text):
    __slots__ = ()
    text = property(Bomb._raise)


class BombImage(Image):
    __slots__ = ()
    data = property(Bomb._raise)


def part(kind):
    return object.__new__(kind)


MAKERS = [
    Bomb,
    Lying,
    lambda: BombDict(a=1),
    lambda: BombList([1]),
    BombMapping,
    BombSequence,
    lambda: BombEnum.A,
    BombField,
    BombModel,
    BombDump,
    lambda: part(BombPart),
    lambda: part(BombImage),
    type("ndarray", (Bomb,), {"__module__": "numpy"}),
]


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("wrap", [lambda value: value, lambda value: [1, value], lambda value: {"k": value}])
@pytest.mark.row("5.6")
def test_a_value_that_raises_is_refused(make, failure, wrap):
    Bomb.failure = failure
    with pytest.raises(CannotEncode, match="cannot be sent") as refusal:
        encode_value(wrap(make()), ROOM)
    assert refusal.value.__context__ is None
    assert refusal.value.__cause__ is None
    assert len(str(refusal.value)) < 1000


def test_the_refusal_says_what_was_raised():
    Bomb.failure = SystemExit
    with pytest.raises(CannotEncode) as refusal:
        encode_value(BombDict(a=1), ROOM)
    assert str(refusal.value) == (
        "The tool ran, but its result cannot be sent: reading it (BombDict) raised SystemExit."
    )


class LyingText(str):
    __slots__ = ()

    def __len__(self):
        return 0

    def __getitem__(self, key):
        raise SystemExit

    __str__ = __repr__ = isascii = encode = __iter__ = __hash__ = __eq__ = __getitem__


class LyingInt(int):
    def __int__(self):
        raise SystemExit

    __index__ = __str__ = __repr__ = bit_length = __int__


class LyingFloat(float):
    def __float__(self):
        raise SystemExit

    __str__ = __repr__ = __float__


@pytest.mark.row("5.9")
def test_subclasses_of_plain_types_are_read_past_what_they_override():
    assert encode_value(LyingText("text"), ROOM) == Encoded("text")
    assert encode_value([LyingText("text"), LyingInt(5), LyingFloat(0.5)], ROOM).content == '["text",5,0.5]'
    cut = encode_value(LyingText("x" * 1_000_000), 100)
    assert len(cut.content) <= 100
    assert "bytes left out" in cut.content


def test_a_dict_that_changes_while_it_is_read_is_refused():
    value = {}

    class Grows(collections.abc.Sequence):
        def __len__(self):
            return 0

        def __getitem__(self, index):
            value[index] = 1
            raise IndexError

    value.update({"a": Grows(), **{str(n): n for n in range(1000)}})
    with pytest.raises(CannotEncode, match="RuntimeError: dictionary changed size"):
        encode_value(value, ROOM)


def test_a_mapping_that_repeats_its_keys_is_written_with_each_name_once():
    class Repeats(collections.UserDict):
        def items(self):
            return [("a", 1), ("a", 2), (LyingText("a"), 3), ("b", 4)]

    assert encode_value(Repeats(), ROOM).content == '{"a":1,"a#2":2,"a#3":3,"b":4}'


def test_keys_that_only_look_like_text_stay_apart():
    class Unequal(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other):
            return False

    value = {"a": 1, Unequal("a"): 2, Unequal("a"): 3}
    assert encode_value(value, ROOM).content == '{"a":1,"a#2":2,"a#3":3}'


def test_keys_are_not_hashed_again():
    class Once:
        hashed = 0

        def __hash__(self):
            Once.hashed += 1
            return 1

        def __str__(self):
            return "once"

    assert encode_value({Once(): 1}, ROOM).content == '{"once":1}'
    assert Once.hashed == 1


@pytest.mark.parametrize("length", [0, 1, 60, 200])
def test_of_a_key_no_more_is_read_than_its_name_shows(length):
    class Counted:
        read = 0

        def __str__(self):
            Counted.read += 1
            return "x" * length

    key = ((((Counted(),) * 16,) * 16,) * 16,)[0]
    name = "((" + "(" + ", ".join(["x" * length] * 16) + "), "
    (found,) = json.loads(encode_value({key: 1}, ROOM).content)
    assert found.startswith(name[:200])
    assert len(found) <= 200
    assert Counted.read <= 4096 // 16


@pytest.mark.parametrize("items", [[1], [(1, 2, 3)], 5, [iter([])]])
def test_a_mapping_whose_items_are_no_pairs_is_refused(items):
    class Odd(collections.UserDict):
        def items(self):
            return items

    with pytest.raises(CannotEncode):
        encode_value(Odd(), ROOM)


def test_an_enum_within_enums_ends():
    class Endless(enum.Enum):
        A = 1

        @property
        def value(self):
            return self

    with pytest.raises(CannotEncode, match="in circles"):
        encode_value(Endless.A, ROOM)


class Counting(collections.UserList):
    """An endless sequence that counts what is read of it."""

    def __init__(self, item):
        super().__init__()
        self.item = item
        self.read = 0

    def __iter__(self):
        while True:
            self.read += 1
            yield self.item


@pytest.mark.parametrize(
    ("item", "most", "why"), [("x" * 100_000, 200, "larger than 16 MiB"), (1, 250_001, "more than 250,000 values")]
)
def test_an_endless_sequence_is_read_only_to_the_budget(item, most, why):
    value = Counting(item)
    with pytest.raises(CannotEncode, match=why):
        encode_value(value, ROOM)
    assert value.read <= most


def test_an_endless_mapping_is_read_only_to_the_budget():
    class Endless(collections.UserDict):
        read = 0

        def items(self):
            while True:
                Endless.read += 1
                yield "k" * 100_000, 1

    with pytest.raises(CannotEncode, match="larger than 16 MiB"):
        encode_value(Endless(), ROOM)
    assert Endless.read <= 200


def test_an_endless_nesting_is_cut_off():
    class Deeper(collections.UserDict):
        def items(self):
            return [("k", Deeper())]

    assert encode_value(Deeper(), ROOM).notes == ('values deeper than 64 levels became "<too deep>"',)


@pytest.mark.parametrize("mode", ["json", "python"])
def test_a_model_with_an_iterator_is_refused_before_it_is_dumped(mode):
    dumped = []

    class Stream(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
        numbers: collections.abc.Iterator[int]

        def model_dump(self, **options):
            dumped.append(options)

    def endless():
        while True:
            yield 1

    with pytest.raises(CannotEncode, match="iterator"):
        encode_value(Stream(numbers=endless()) if mode == "json" else [Stream(numbers=endless())], ROOM)
    assert dumped == []


def test_a_huge_model_is_refused_before_it_is_dumped():
    dumped = []

    class Rows(pydantic.BaseModel):
        rows: list[object]

        def model_dump(self, **options):
            dumped.append(options)

    shared = [0] * 100
    for _ in range(5):
        shared = [shared] * 100
    for rows in ([0] * 2_000_000, ["x" * (17 << 20)], [b"x" * (17 << 20)], shared):
        with pytest.raises(CannotEncode, match=r"larger than 16 MiB|more than 250,000 values"):
            encode_value(Rows.model_construct(rows=rows), ROOM)
    assert dumped == []


class Family(pydantic.BaseModel):
    parent: object = None
    hidden: object = pydantic.Field(default=None, exclude=True)
    children: list[object] = []


def family(field, size):
    parent = Family()
    parent.children = [Family(**{field: parent}) for _ in range(size)]
    return parent


@pytest.mark.parametrize("wrapped", [lambda one: one, lambda one: [one]])
def test_a_model_that_holds_itself_is_refused_with_the_cure(wrapped):
    with pytest.raises(CannotEncode, match=r"a model that holds itself \(.*Family\)\. Give .* exclude=True"):
        encode_value(wrapped(family("parent", 1000)), ROOM)


def test_a_field_that_is_excluded_may_lead_back():
    assert (
        encode_value(family("hidden", 1), ROOM).content == '{"parent":null,"children":[{"parent":null,"children":[]}]}'
    )


def test_a_model_may_hold_another_twice():
    shared = Family()
    empty = '{"parent":null,"children":[]}'
    assert encode_value(Family(parent=shared, children=[shared]), ROOM).content == (
        f'{{"parent":{empty},"children":[{empty}]}}'
    )


def test_the_refusal_keeps_nothing_alive():
    class Local:
        pass

    gc.disable()
    try:
        value = Local()
        alive = weakref.ref(value)
        with pytest.raises(CannotEncode) as info:
            encode_value([value], ROOM)
        refusal = info.value.with_traceback(None)
        del value, info
        assert alive() is None
        assert str(refusal)
    finally:
        gc.enable()
