"""What a model reads of a value: a table over every kind."""

import array
import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import json
import math
import pathlib
import types
import uuid
import warnings
from typing import NamedTuple

import pydantic
import pytest

from everycall.core.content import File, Image, Text
from everycall.turn.encode import CannotEncode, encode_value

ROOM = 100_000


class Colour(enum.Enum):
    RED = "red"
    BLUE = 2


class Shade(enum.StrEnum):
    DARK = "dark"


class Level(enum.IntEnum):
    HIGH = 7


class Label(str):
    __slots__ = ()


class Count(int):
    pass


class Ratio(float):
    pass


class Raw(bytes):
    pass


@dataclasses.dataclass
class Place:
    name: str
    near: "Place | None" = None


@dataclasses.dataclass(slots=True, frozen=True)
class Slotted:
    x: int
    when: dt.date


class Point(NamedTuple):
    x: int
    y: int


class Account(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(serialize_by_alias=True)

    owner: str = "ann"
    password: pydantic.SecretStr = pydantic.SecretStr("hunter2")
    token: str = pydantic.Field("hidden", exclude=True)
    opened: dt.datetime = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    kind: Colour = Colour.RED
    nested: list["Account"] = []
    renamed: int = pydantic.Field(1, alias="new name")

    @pydantic.computed_field
    @property
    def twice(self) -> int:
        return 2


@pydantic.dataclasses.dataclass
class Login:
    user: str
    password: pydantic.SecretStr


def utc(*parts):
    return dt.datetime(*parts, tzinfo=dt.UTC)


PLAIN = [
    ("sunny", "sunny"),
    ("", ""),
    ("süß 日本 😀", "süß 日本 😀"),
    ('{"a": 1}', '{"a": 1}'),
    ("control \x00 \x1b stays", "control \x00 \x1b stays"),
    (Label("label"), "label"),
    (Shade.DARK, "dark"),
    (None, "null"),
    (True, "true"),
    (False, "false"),
    (0, "0"),
    (-5, "-5"),
    (2**70, str(2**70)),
    (-(2**63), str(-(2**63))),
    (1.5, "1.5"),
    (-0.0, "-0.0"),
    (1e300, "1e+300"),
    (Count(3), "3"),
    (Ratio(0.5), "0.5"),
    (Level.HIGH, "7"),
    (Colour.RED, '"red"'),
    (Colour.BLUE, "2"),
    ([], "[]"),
    ((), "[]"),
    ({}, "{}"),
    ([1, "a", None, True, 1.5], '[1,"a",null,true,1.5]'),
    ({"z": 1, "a": {"b": [2]}}, '{"z":1,"a":{"b":[2]}}'),
    ({"é": '"\\\n'}, '{"é":"\\"\\\\\\n"}'),
    ([(1, 2), [3]], "[[1,2],[3]]"),
    ([Shade.DARK, Level.HIGH, Label("x"), Colour.RED], '["dark",7,"x","red"]'),
    ({Label("a"): 1, Shade.DARK: 2}, '{"a":1,"dark":2}'),
    (Place("a", Place("b")), '{"name":"a","near":{"name":"b","near":null}}'),
    ([Slotted(1, dt.date(2026, 1, 2))], '[{"x":1,"when":"2026-01-02"}]'),
    (Point(1, 2), '{"x":1,"y":2}'),
    (Login("ann", pydantic.SecretStr("hunter2")), '{"user":"ann","password":"**********"}'),
    ({"p": pydantic.SecretStr("hunter2"), "b": pydantic.SecretBytes(b"x")}, '{"p":"**********","b":"**********"}'),
    (pydantic.RootModel[list[int]]([1, 2]), "[1,2]"),
    (utc(2026, 1, 2, 3, 4, 5), '"2026-01-02T03:04:05Z"'),
    (dt.datetime(2026, 1, 2), '"2026-01-02T00:00:00"'),  # noqa: DTZ001 -- tools do return such
    (dt.date(2026, 1, 2), '"2026-01-02"'),
    (dt.time(3, 4), '"03:04:00"'),
    (dt.timedelta(days=1, hours=2), '"P1DT2H"'),
    (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
    (decimal.Decimal("1.10"), '"1.10"'),
    (fractions.Fraction(1, 3), '"1/3"'),
    (1 + 2j, '"(1+2j)"'),
    (pathlib.PurePosixPath("/a/b"), '"/a/b"'),
    (collections.UserString("u"), '"u"'),
    ({3, 1, 2}, "[1,2,3]"),
    (frozenset("bca"), '["a","b","c"]'),
    (collections.deque([1, [2]]), "[1,[2]]"),
    (range(3), "[0,1,2]"),
    (array.array("i", [1, 2]), "[1,2]"),
    (collections.UserList([1, 2]), "[1,2]"),
    (collections.UserDict(a=1), '{"a":1}'),
    (collections.Counter("aab"), '{"a":2,"b":1}'),
    (collections.defaultdict(list, a=[1]), '{"a":[1]}'),
    (collections.ChainMap({"a": 1}), '{"a":1}'),
    (types.MappingProxyType({"a": 1}), '{"a":1}'),
    ({"a": 1}.keys(), '["a"]'),
    ({"a": 1}.values(), "[1]"),
    ({"a": 1}.items(), '[["a",1]]'),
    (b"ab", '{"base64":"YWI=","size":2}'),
    ({"raw": bytearray(b"\xff\xfe")}, '{"raw":{"base64":"//4=","size":2}}'),
    (memoryview(b"abc")[::2], '{"base64":"YWM=","size":2}'),
    ([Raw(b"ab"), memoryview(b"")], '[{"base64":"YWI=","size":2},{"base64":"","size":0}]'),
]


@pytest.mark.parametrize(("value", "text"), PLAIN, ids=lambda part: repr(part)[:40])
def test_a_value_becomes_its_text_without_a_note(value, text):
    encoded = encode_value(value, ROOM)
    assert encoded.content == text
    assert encoded.notes == ()
    assert type(encoded.content) is str


def test_a_moved_key_of_an_ordered_dict_stays_where_it_was_moved_to():
    value = collections.OrderedDict(a=1, b=2)
    value.move_to_end("a")
    assert encode_value(value, ROOM).content == '{"b":2,"a":1}'


def test_a_model_is_written_as_it_says_itself_and_keeps_its_secrets():
    text = encode_value(Account(nested=[Account()]), ROOM).content
    value = json.loads(text)
    assert "hunter2" not in text
    assert "hidden" not in text
    assert value["opened"] == "2026-01-02T03:04:05Z"
    assert (value["kind"], value["twice"], value["new name"]) == ("red", 2, 1)
    assert value["nested"][0]["password"] == "**********"
    assert encode_value([Account()], ROOM).content == f"[{encode_value(Account(), ROOM).content}]"


def test_a_model_with_what_json_does_not_know_is_written_all_the_same():
    class Odd(pydantic.BaseModel):
        data: bytes = b"\xff"
        ratio: float = math.nan
        secret: pydantic.SecretStr = pydantic.SecretStr("hunter2")

    encoded = encode_value(Odd(), ROOM)
    assert encoded.content == '{"data":{"base64":"/w==","size":1},"ratio":"NaN","secret":"**********"}'
    assert encoded.notes == ("NaN or infinity became text",)


def test_a_model_that_lies_about_its_types_raises_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert '"owner":5' in encode_value(Account.model_construct(owner=5), ROOM).content


NOTED = [
    (math.nan, '"NaN"', "NaN or infinity became text"),
    ([math.inf, -math.inf, 1.0], '["Infinity","-Infinity",1.0]', "NaN or infinity became text"),
    ("a\ud800b", "a\ufffdb", "surrogates were replaced"),
    ({"a": "\udfff"}, '{"a":"\ufffd"}', "surrogates were replaced"),
    (["\ud83d\ude00"], '["😀"]', "surrogates were replaced"),
    (10**4300, f'"{10**4299}0"', "an int of more than 4,300 digits became text"),
    ([-(10**5000)], f'["-1{"0" * 5000}"]', "an int of more than 4,300 digits became text"),
    (1 << 1_000_000, '"<int of about 301031 digits>"', "an int of more than 4,300 digits became text"),
    ({1: "a"}, '{"1":"a"}', "keys that are no text, or equal as text, were renamed"),
]


@pytest.mark.parametrize(("value", "text", "note"), NOTED, ids=lambda part: type(part).__name__)
@pytest.mark.row("5.1", "5.2", "5.3", "5.5")
def test_what_json_cannot_say_is_said_otherwise_and_noted(value, text, note):
    encoded = encode_value(value, ROOM)
    assert encoded.content == text
    assert encoded.notes == (note,)


def test_the_largest_number_is_the_largest_that_python_reads():
    assert encode_value(10**4300 - 1, ROOM).notes == ()
    assert json.loads(encode_value([10**4300 - 1], ROOM).content) == [10**4300 - 1]
    json.loads(encode_value([10**4300], ROOM).content)


@pytest.mark.row("5.7")
def test_keys_that_are_equal_as_text_stay_apart():
    value = {1: "int", "1": "str", 1.5: "float", None: "none", "null": "text", True: "never", "1#2": "taken"}  # noqa: F601
    assert json.loads(encode_value(value, ROOM).content) == {
        "1#3": "never",  # True is 1
        "1": "str",
        "1.5": "float",
        "null#2": "none",
        "null": "text",
        "1#2": "taken",
    }


def test_keys_of_any_type_have_a_text_that_is_the_same_in_every_run():
    class Opaque:
        pass

    class Refusing:
        def __str__(self):
            raise SystemExit

    value = {
        (1, "a", (2,)): 1,
        frozenset([5]): 2,
        b"raw": 3,
        Colour.RED: 4,
        Level.HIGH: 5,
        math.nan: 6,
        -math.inf: 7,
        uuid.UUID(int=1): 8,
        dt.date(2026, 1, 2): 9,
        Opaque(): 10,
        Opaque(): 11,
        Refusing(): 12,
        10**5000: 13,
        "\ud800": 14,
        "\ufffd": 15,  # noqa: F601 -- another key than the lone surrogate
        Place: 16,
        (1,) * 50_000: 17,
        "x" * 300: 18,
        ("y" * 300,): 19,
    }
    keys = list(json.loads(encode_value(value, ROOM).content))
    assert keys[:14] == [
        "(1, a, (2))", "{5}", "b'raw'", "red", "7", "NaN", "-Infinity", str(uuid.UUID(int=1)), "2026-01-02",
        "<Opaque>", "<Opaque>#2", "<Refusing>", "<int>", "\ufffd#2",
    ]  # fmt: skip
    assert keys[14] == "\ufffd"
    assert keys[17] == "x" * 300
    assert len(keys[18]) == 200
    assert len(keys) == len(value)


@pytest.mark.row("5.4")
def test_a_value_within_itself_is_marked_and_a_shared_one_is_not():
    loop = [1]
    loop.append({"again": loop})
    assert encode_value(loop, ROOM).content == '[1,{"again":"<cycle>"}]'
    assert encode_value(loop, ROOM).notes == ('a value within itself became "<cycle>"',)
    place = Place("a")
    place.near = place
    assert encode_value(place, ROOM).content == '{"name":"a","near":"<cycle>"}'
    for shared in ([1], [dt.date(2026, 1, 2)], Place("a")):
        one = encode_value(shared, ROOM).content
        assert encode_value([shared, shared, {"x": shared}], ROOM).content == f'[{one},{one},{{"x":{one}}}]'


def nested(depth, kind=list):
    value = kind()
    for _ in range(depth - 1):
        value = [value] if kind is list else {"k": value}
    return value


@pytest.mark.parametrize("kind", [list, dict])
def test_the_64th_level_is_written_and_the_65th_is_not(kind):
    fits = encode_value(nested(64, kind), ROOM)
    assert fits.notes == ()
    assert "too deep" not in fits.content
    over = encode_value(nested(65, kind), ROOM)
    assert over.notes == ('values deeper than 64 levels became "<too deep>"',)
    assert over.content == fits.content.replace("[]", '["<too deep>"]').replace("{}", '{"k":"<too deep>"}')
    assert encode_value([dt.date(2026, 1, 2), nested(63, kind)], ROOM).notes == ()
    assert encode_value([dt.date(2026, 1, 2), nested(64, kind)], ROOM).notes != ()


@pytest.mark.row("5.4")
def test_a_value_of_a_hundred_thousand_levels_is_cut_off():
    assert json.loads(encode_value(nested(100_000), ROOM).content)


def unfinished():
    yield 1


async def unfinished_async():
    yield 1


async def not_awaited():
    pass


class Awaitable:
    def __await__(self):
        yield


class Named:
    """Stands for a class of a library that is not installed here."""

    def __init__(self, **attributes):
        self.__dict__.update(attributes)


def named(name, **attributes):
    root, _, kind = name.partition(".")
    return type(kind, (Named,), {"__module__": f"{root}.core"})(**attributes)


REFUSED = [
    (unfinished, "Return list(...)"),
    (unfinished_async, "Return a list"),
    (not_awaited, "await it"),
    (Awaitable, "Await it"),
    (lambda: iter([1]), "Return a list"),
    (lambda: map(str, [1]), "Return a list"),
    (lambda: ValueError("x"), "Raise it"),
    (lambda: SystemExit(1), "Raise it"),
    (lambda: int, "instance"),
    (lambda: print, "Return a str, a dict"),
    (object, "Return a str, a dict"),
    (lambda: named("pandas.DataFrame"), "to_dict"),
    (lambda: Image(data=b"x"), "in a list of nothing but parts"),
]


@pytest.mark.parametrize(("make", "cure"), REFUSED)
@pytest.mark.parametrize("wrap", [lambda value: [1, value], lambda value: {"k": value}, lambda value: {"k": [value]}])
def test_what_has_no_form_is_refused_with_the_cure(make, cure, wrap):
    with pytest.raises(CannotEncode) as refusal:
        encode_value(wrap(make()), ROOM)
    assert cure in str(refusal.value)
    assert str(refusal.value).startswith("The tool ran, but its result cannot be sent: ")
    assert "0x" not in str(refusal.value)


@pytest.mark.parametrize(("make", "cure"), REFUSED[:-1])
def test_what_has_no_form_is_refused_at_the_top_too(make, cure):
    with pytest.raises(CannotEncode, match="cannot be sent") as refusal:
        encode_value(make(), ROOM)
    assert cure in str(refusal.value)


def test_a_generator_that_has_begun_is_neither_drained_nor_closed():
    steps = []

    def begun():
        try:
            steps.append("begun")
            yield 1
            steps.append("drained")
        finally:
            steps.append("closed")

    generator = begun()
    next(generator)
    with pytest.raises(CannotEncode):
        encode_value(generator, ROOM)
    assert steps == ["begun"]
    generator.close()


def test_a_coroutine_that_has_not_begun_is_closed():
    coroutine = not_awaited()
    with pytest.raises(CannotEncode):
        encode_value(coroutine, ROOM)
    with pytest.raises(RuntimeError, match="cannot reuse already awaited"):
        coroutine.send(None)


def test_numpy_values_are_read_by_name():
    assert encode_value({"n": named("numpy.generic", item=lambda: 5)}, ROOM).content == '{"n":5}'
    assert encode_value(named("numpy.ndarray", nbytes=16, tolist=lambda: [1, 2]), ROOM).content == "[1,2]"
    with pytest.raises(CannotEncode, match="larger than 16 MiB"):
        encode_value(named("numpy.ndarray", nbytes=1 << 30, tolist=lambda: 1 / 0), ROOM)


def test_changing_the_value_later_changes_nothing():
    inner = bytearray(b"abc")
    value = {"a": [1], "b": inner}
    parts = [Image(data=inner), Text("a")]
    encoded, media = encode_value(value, ROOM), encode_value(parts, ROOM)
    before = encoded.content
    value["a"].append(2)
    inner[0] = 0
    parts.clear()
    assert encoded.content == before
    assert media.content[0].data == b"abc"


def test_the_short_way_and_the_walk_give_the_same_bytes():
    values = [text for value, text in PLAIN if type(value) in (dict, list)]
    for value in (
        {"a": [1, -0.0, 1e16, 5e-324, 2**62, "é\x00\x7f\u2028/"], "b": {"c": None}},
        *map(json.loads, values),
    ):
        short = encode_value([value], ROOM).content
        walked = encode_value([value, dt.date(2026, 1, 2)], ROOM).content
        assert walked == short[:-1] + ',"2026-01-02"]'


PART_CASES = [
    (Text("a"), (Text("a"),)),
    ([Text("a"), Text("")], (Text("a"),)),
    (Text(""), ""),
    ((Text(Label("a")), Image(data=b"x")), (Text("a"), Image(data=b"x"))),
    (Image(url="https://x/y?z=%20"), (Image(url="https://x/y?z=%20"),)),
    (Image(url="HTTP://x", media_type="image/svg+xml"), (Image(url="HTTP://x", media_type="image/svg+xml"),)),
    (Image(data=b"x", url="ignored"), (Image(data=b"x"),)),
    (File(data=memoryview(b"x")), (File(data=b"x"),)),
    (File(data=bytearray(b"x"), name="a\nb"), (File(data=b"x", name="a\\nb"),)),
    (File(data=b"x", name=""), (File(data=b"x", name="file"),)),
    (File(data=b"x", name=5), (File(data=b"x", name="file"),)),
]


@pytest.mark.parametrize(("value", "parts"), PART_CASES, ids=repr)
@pytest.mark.row("5.14")
def test_content_parts_stay_parts(value, parts):
    encoded = encode_value(value, ROOM)
    assert encoded.content == parts
    assert encoded.notes == ()
    assert all(type(part.data) in (bytes, type(None)) for part in encoded.content if not isinstance(part, Text | str))


@pytest.mark.parametrize(
    ("value", "cure"),
    [
        ([Text("a"), "b"], "as Text"),
        ([Text("a"), None], "as Text"),
        (Text(5), "Give it a str"),
        (Image(), 'url="https://..."'),
        (Image(data=b""), "no bytes"),
        (Image(data="text"), "Give it bytes"),
        (Image(url="ftp://x"), 'url="https://..."'),
        (Image(url="file:///etc/passwd"), 'url="https://..."'),
        (Image(url="data:image/png;base64,AAAA"), "data=..."),
        (Image(url="https://x y"), "percent-encoded"),
        (Image(url="https://x\n"), "percent-encoded"),
        (Image(url="https://" + "x" * 10_000), "percent-encoded"),
        (Image(url=5), 'url="https://..."'),
        (Image(data=b"x", media_type="text/plain"), '"image/png"'),
        (Image(data=b"x", media_type="image/png\n"), '"image/png"'),
        (Image(data=b"x", media_type="image/png; x=y"), '"image/png"'),
        (Image(data=b"x", media_type=None), '"image/png"'),
        (File(data=b"x", media_type="pdf"), '"application/pdf"'),
        (File(data=b"x", media_type="a/" + "b" * 200), '"application/pdf"'),
        ([Text("a")] * 1001, "at most 1000"),
    ],
    ids=lambda part: repr(part)[:50],
)
def test_a_wrong_part_is_refused_with_the_cure(value, cure):
    with pytest.raises(CannotEncode) as refusal:
        encode_value(value, ROOM)
    assert cure in str(refusal.value)
