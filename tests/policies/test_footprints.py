"""What a call touches: keys, templates, conflicts, and the options that say so."""

import json
import tracemalloc
import uuid
from datetime import date
from enum import Enum
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycall import ToolRegistry, UsageError
from everycall.core.footprint import MAX_KEY, MAX_KEYS, MAX_SEGMENTS, Footprint, conflict, covers, key_of, keys_of


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("file:a", ("file", "a")),
        ("file:a/b", ("file", "a", "b")),
        ("file:a/../b", ("file", "b")),
        ("file:/a//./b/", ("file", "a", "b")),
        ("file:", ("file",)),
        ("file:..", ("file",)),
        ("file:a/../../b", ("file",)),
        ("calendar", ("", "calendar")),
        ("url:https://x/y", ("url", "https:", "x", "y")),
        ("", ("",)),
    ],
)
def test_a_key_is_read_as_a_path(text, key):
    assert key_of(text) == key


def test_a_key_that_is_too_long_covers_what_begins_like_it():
    long = "file:dir/" + "a" * MAX_KEY
    assert key_of(long) == ("file", "dir")
    assert covers(key_of("file:" + "a" * MAX_KEY), key_of("file:anything"))


def test_a_key_that_is_too_deep_covers_all_below_its_first_segments():
    first = [str(n) for n in range(MAX_SEGMENTS)]
    deep = key_of("file:" + "/".join([*first, "deeper", "x"]))
    assert deep == ("file", *first) == key_of("file:" + "/".join(first))
    assert conflict(Footprint(writes=(deep,)), Footprint(reads=(key_of("file:" + "/".join([*first, "other"])),)))


def test_a_deep_key_is_cut_only_after_it_has_led_back():
    assert key_of("file:" + "a/" * 100 + "../" * 99 + "b") == ("file", "a", "b")
    assert key_of("file:" + "a/" * 100 + "../" * 101 + "b") == ("file",)


def test_too_many_keys_cover_everything():
    assert keys_of(f"file:{n}" for n in range(MAX_KEYS + 1)) == ((),)
    assert len(keys_of(f"file:{n}" for n in range(MAX_KEYS))) == MAX_KEYS


def reads(*keys):
    return Footprint(reads=keys_of(keys))


def writes(*keys):
    return Footprint(writes=keys_of(keys))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (reads("f:a"), reads("f:a"), False),
        (reads("f:a"), writes("f:a"), True),
        (writes("f:a"), writes("f:b"), False),
        (writes("f:a"), reads("f:a/b/c"), True),
        (reads("f:a"), writes("f:a/b"), True),
        (writes("f:a"), writes("f:ab"), False),
        (writes("f:a"), writes("g:a"), False),
        (None, writes("f:a"), False),
        (None, None, False),
        (None, Footprint(exclusive=True), True),
        (reads("f:a"), Footprint(exclusive=True), True),
    ],
)
def test_calls_conflict_when_one_writes_what_the_other_touches(one, other, expected):
    assert conflict(one, other) is expected
    assert conflict(other, one) is expected


keys = st.lists(st.sampled_from(["f:", "f:a", "f:a/b", "f:b", "f:a/../b", "g:x"]), max_size=3).map(keys_of)


@given(keys, keys)
def test_a_normal_form_covers_exactly_its_descendants(some, others):
    for one in some:
        for other in others:
            assert covers(one, other) == (other[: len(one)] == one)


# --- templates and functions -------------------------------------------------------------------------------------


FIRST = uuid.UUID(int=1)


class Colour(Enum):
    RED = "red"


def footprint_of(option, text, **options):
    tools = ToolRegistry()

    def tool(
        *,
        path: str = "x",
        paths: list[str] = ["p"],  # noqa: B006
        number: float = 1,
        colour: Colour = Colour.RED,
        when: date = date(2026, 1, 2),
        which: uuid.UUID = FIRST,
        at: PurePosixPath | None = None,
        flag: bool = False,
    ) -> None: ...

    added = tools.add(tool, **{option: text}, **options)
    return lambda arguments: added.touches.footprint(added.whole_arguments_of(added.bind(arguments)))


@pytest.mark.parametrize(
    ("template", "arguments", "keys"),
    [
        ("file:{path}", '{"path": "a/b"}', [("file", "a", "b")]),
        ("file:{path}", "{}", [("file", "x")]),
        ("file:{paths}", '{"paths": ["a", "b"]}', [("file", "a"), ("file", "b")]),
        ("file:{paths}", '{"paths": []}', []),
        ("n:{number}", '{"number": 2.0}', [("n", "2")]),
        ("n:{number}", '{"number": 2}', [("n", "2")]),
        ("c:{colour}", '{"colour": "red"}', [("c", "red")]),
        ("d:{when}/{which}", "{}", [("d", "2026-01-02", "00000000-0000-0000-0000-000000000001")]),
        ("file:dir/{at}.txt", "{}", [("file", "dir")]),
        ("file:dir/a{at}", "{}", [("file", "dir")]),
        ("file:{at}", '{"at": "q/w"}', [("file", "q", "w")]),
        ("file:{{{path}}}", '{"path": "a"}', [("file", "{a}")]),
        ("constant", "{}", [("", "constant")]),
        ("{path}:{path}", '{"path": "a"}', [("a", "a")]),
        ("{paths}:{paths}", '{"paths": ["a", "b"]}', [("a", "a"), ("a", "b"), ("b", "a"), ("b", "b")]),
    ],
)
def test_a_template_is_filled_from_the_validated_arguments(template, arguments, keys):
    assert footprint_of("writes", template)(arguments).writes == tuple(keys)


def test_a_key_whose_scheme_is_not_known_cannot_be_computed():
    with pytest.raises(ValueError, match="scheme"):
        footprint_of("writes", "{at}:x")("{}")


def test_a_list_of_a_thousand_and_one_elements_covers_the_scheme():
    arguments = '{"paths": [' + ",".join(f'"{n}"' for n in range(MAX_KEYS + 1)) + "]}"
    assert footprint_of("reads", "file:{paths}")(arguments).reads == (("file",),)


@pytest.mark.parametrize("size", [10, MAX_KEY - 8, MAX_KEY - 7, MAX_KEY - 6, MAX_KEY - 5, MAX_KEY, 10_000])
@pytest.mark.parametrize("start", ["", "a/", "a/b/"])
def test_a_filled_template_that_is_cut_gives_the_key_of_the_whole_text(start, size):
    folder = start + "x" * size
    arguments = json.dumps({"path": folder, "paths": ["b", "c" * MAX_KEY]})
    expected = keys_of([f"file:{folder}/b/end", f"file:{folder}/{'c' * MAX_KEY}/end"])
    assert footprint_of("writes", "file:{path}/{paths}/end")(arguments).writes == expected


def test_a_thousand_names_behind_a_huge_folder_take_little_memory():
    arguments = json.dumps({"path": "x" * 1_000_000, "paths": [str(n) for n in range(MAX_KEYS)]})
    tools = ToolRegistry()
    tool = tools.add(lambda path, paths: None, name="edit", writes="file:{path}/{paths}")
    read = json.loads(arguments)
    tracemalloc.start()
    try:
        assert tool.touches.footprint(read).writes == (("file",),)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5 * MAX_KEYS * MAX_KEY  # where the whole texts would be a thousand megabytes


def test_a_function_gets_the_arguments_with_their_defaults_and_may_return_several_keys():
    footprint = footprint_of("writes", lambda arguments: [f"file:{arguments['path']}", "index"])("{}")
    assert footprint.writes == (("file", "x"), ("", "index"))


def test_templates_and_functions_can_be_given_together():
    footprint = footprint_of("reads", ["a:{path}", lambda _: "b"], scope="runtime")("{}")
    assert footprint == Footprint(reads=(("a", "x"), ("", "b")), across_turns=True)


@pytest.mark.parametrize("nonsense", [7, [7], None, b"x", (n for n in [1])])
def test_a_function_that_returns_no_key_is_an_error(nonsense):
    with pytest.raises(TypeError):
        footprint_of("writes", lambda _: nonsense)("{}")


def test_a_function_that_returns_keys_without_end_is_cut_off():
    def endless(_):
        while True:
            yield "x"

    with pytest.raises(ValueError, match="more than"):
        footprint_of("writes", endless)("{}")


# --- misuse ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "cure"),
    [
        ({"writes": "file:{nope}"}, "'nope', which is no argument of it. There are"),
        ({"writes": "file:{path.__class__}"}, "name of an argument and nothing else"),
        ({"writes": "file:{path!r}"}, "give a function"),
        ({"writes": "file:{path:>5}"}, "give a function"),
        ({"writes": "file:{}"}, "name of an argument"),
        ({"writes": "file:{0}"}, "name of an argument"),
        ({"writes": "file:{path"}, "twice"),
        ({"writes": ""}, "must say something"),
        ({"writes": 3}, "a template such as"),
        ({"reads": ["file:{path}", None]}, "a template such as"),
        ({"exclusive": "yes"}, "must be True or False"),
        ({"exclusive": True, "writes": "a"}, "leave out reads and writes"),
        ({"exclusive": True, "scope": "runtime"}, "exclusive counts within its turn"),
        ({"writes": "a", "read_only": True}, "contradicts read_only"),
        ({"scope": "runtime"}, "has nothing to count for"),
        ({"after_failure": "skip"}, "has nothing to count for"),
        ({"writes": "a", "scope": "world"}, "'turn' or 'runtime'"),
        ({"writes": "a", "after_failure": "stop"}, "'run' or 'skip'"),
    ],
)
def test_a_wrong_option_is_refused_with_its_cure(options, cure):
    with pytest.raises(UsageError) as refused:
        ToolRegistry().add(lambda path: None, name="edit", **options)
    assert cure in str(refused.value)
    assert "edit" in str(refused.value)


def test_an_async_footprint_function_is_refused():
    async def keys(_):
        return "x"

    with pytest.raises(UsageError, match="plain function"):
        ToolRegistry().add(lambda path: None, name="edit", writes=keys)


def test_a_tool_with_keyword_arguments_may_name_any():
    tools = ToolRegistry()
    tool = tools.add(lambda **rest: None, name="edit", writes="file:{path}")
    assert tool.touches.footprint({"path": "a"}).writes == (("file", "a"),)


def test_a_tool_whose_schema_is_data_names_its_properties():
    schema = {"type": "object", "properties": {"path": {"type": "string"}}}
    tools = ToolRegistry()
    assert tools.add(lambda path: None, name="a", parameters=schema, writes="f:{path}").touches is not None
    with pytest.raises(UsageError, match="no argument"):
        tools.add(lambda path: None, name="b", parameters=schema, writes="f:{paht}")
