"""The conformance suite: all eight dialects and a third party's pass, and for each rule a broken one is found."""

import re
from importlib import import_module
from types import SimpleNamespace

import pytest

import everycall
from everycall import ToolRegistry, check, exchanges, repair, rewrite_ids, run_tool_calls, trim
from everycall.core.errors import UsageError
from everycall.dialects import DIALECT_NAMES, dialect_named
from everycall.testing import NO_ID, Call, ConformanceError, Sample, check_dialect, check_history_dialect
from everycall.testing.conformance.verdict import HISTORY_RULES, MOST_SHOWN, TURN_RULES
from tests.dialects import samples as recorded
from tests.history import conversations as talk
from tests.testing import acme
from tests.testing.broken_histories import BROKEN_HISTORIES
from tests.testing.broken_turns import BROKEN_TURNS

KEEPS = {
    "openai-responses": ["x=="],
    "anthropic": ["c2ln", "hm", recorded.TEXT],
    "gemini": ["c2ln", recorded.TEXT],
    "bedrock": ["c2ln", "hm", recorded.TEXT],
    "cohere": [recorded.TEXT],
    "ollama": [recorded.TEXT],
    "langchain": [recorded.TEXT],
}
REFUSES_EMPTY_TEXT = ("anthropic", "bedrock", "cohere", "langchain")
BAD_NAMES = dict.fromkeys(DIALECT_NAMES, ("look.up", "l" * 65)) | {
    "gemini": ("2nd", "-look"),
    "ollama": (),
    "langchain": (),
}
TALK = [
    talk.User("Look at Oslo."),
    talk.Calls((talk.Call("call_1", "look", (("place", "Oslo"),)), talk.Call("call_2", "see")), "I look."),
    talk.Res("call_1", "look", "rain"),
    talk.Res("call_2", "see", "a cat"),
    talk.Say("It rains."),
    talk.User("And Rome?"),
    talk.Calls((talk.Call("call_3", "look", (("place", "Rome"),)),)),
    talk.Res("call_3", "look", "sun"),
    talk.Say("The sun shines."),
]


def samples(name):
    """Message, response, cut response, the SDK's own object, a message without ids, and one without calls."""
    two = [Call(one.name, one.arguments, id=one.id) for one in recorded.TWO]
    bare = [Call(one.name, one.arguments, id=NO_ID) for one in recorded.TWO]
    keeps = KEEPS.get(name, [])
    no_ids = recorded.message(name, [recorded.Call(None, one.name, one.arguments) for one in recorded.TWO])
    from_sdk = {"gemini": [recorded.TEXT]}.get(name, keeps)  # the SDK holds signatures as bytes
    return [
        Sample(message=recorded.message(name), calls=two, keeps=keeps),
        Sample(message=recorded.response(name), calls=two, keeps=keeps),
        Sample(message=recorded.response(name, cut=True), calls=two, cut_off=True),
        Sample(message=recorded.message(name), calls=two, finish_reason=recorded.FINISH[name][1], cut_off=True),
        Sample(message=recorded.sdk_response(name), calls=bare if name == "ollama" else two, keeps=from_sdk),
        Sample(message=no_ids, calls=bare),
        Sample(message=recorded.response(name, calls=())),
    ]


def whole(name):
    """The turn side and the history side of one of the library's dialects as one object."""
    turns = dialect_named(name)
    histories = import_module(f"everycall.dialects.{name.replace('-', '_')}.history")
    parts = {part: getattr(turns, part) for part in ("name", "id_rule", "detect", "parse", "render", "definitions")}
    return SimpleNamespace(**parts, RULES=histories.RULES, scan=histories.scan, write=histories.write)


def check_acme(dialect):
    check_dialect(dialect, acme.samples(), refuses_empty_text=True, bad_names=acme.BAD_NAMES)


def named(value):
    return getattr(value, "__name__", str(value))


@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_each_dialect_of_the_library_holds_to_every_rule(name):
    refuses = name in REFUSES_EMPTY_TEXT
    check_dialect(dialect_named(name), samples(name), refuses_empty_text=refuses, bad_names=BAD_NAMES[name])


@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_each_history_dialect_of_the_library_holds_to_every_rule(name):
    histories = [talk.wire(name, TALK)]
    if name in ("gemini", "ollama"):
        bare = [
            talk.Calls(tuple(talk.Call(None, one.name, one.args) for one in event.calls), event.text)
            if isinstance(event, talk.Calls)
            else talk.Res(None, event.name, event.text)
            if isinstance(event, talk.Res)
            else event
            for event in TALK
        ]
        histories.append(talk.wire(name, bare))
    check_history_dialect(whole(name), histories)


def test_a_third_partys_dialect_that_is_sound_passes():
    check_acme(acme.Acme())
    check_history_dialect(acme.Acme(), [acme.history()])


@pytest.mark.parametrize(("rule", "broken"), BROKEN_TURNS, ids=named)
def test_a_dialect_that_breaks_a_rule_is_found(rule, broken):
    with pytest.raises(ConformanceError) as caught:
        check_acme(broken())
    assert rule in {one.rule for one in caught.value.broken}
    assert f"{rule}: " in str(caught.value)
    assert TURN_RULES[rule] in str(caught.value)


@pytest.mark.parametrize(("rule", "broken"), BROKEN_HISTORIES, ids=named)
def test_a_history_dialect_that_breaks_a_rule_is_found(rule, broken):
    with pytest.raises(ConformanceError) as caught:
        check_history_dialect(broken(), [acme.history()])
    assert rule in {one.rule for one in caught.value.broken}
    assert HISTORY_RULES[rule] in str(caught.value)


def test_for_every_rule_there_is_a_dialect_that_breaks_it():
    assert {rule for rule, _ in BROKEN_TURNS} == set(TURN_RULES)
    assert {rule for rule, _ in BROKEN_HISTORIES} == set(HISTORY_RULES)


# --- what the suite says ----------------------------------------------------------------------------------------------


def test_each_broken_rule_is_listed_with_what_was_seen_and_the_cure():
    class Forgetful(acme.Acme):
        def parse(self, message, *, finish_reason=None):
            return super().parse(message)

        def answer(self, call, result):
            return {**super().answer(call, result), "ref": None}

    with pytest.raises(AssertionError) as caught:
        check_acme(Forgetful())
    first, *lines = str(caught.value).splitlines()
    assert first == "'acme' breaks 2 rules of the suite:"
    assert len(lines) == len(caught.value.broken) == 2 * MOST_SHOWN
    for line, one in zip(lines, caught.value.broken, strict=True):
        assert line == f"- {one.rule}: {one.what} {one.cure}"
        assert re.fullmatch(r"[A-Z'].*\.", one.what)
    assert "For sample 0, 'r1' is not on the result of call 0." in {one.what for one in caught.value.broken}


def test_a_rule_that_is_broken_everywhere_is_shown_a_few_times_only():
    class Careless(acme.Acme):
        def parse(self, message, *, finish_reason=None):
            raise KeyError("reply")

    with pytest.raises(ConformanceError) as caught:
        check_acme(Careless())
    assert max(sum(one.rule == rule for one in caught.value.broken) for rule in TURN_RULES) == MOST_SHOWN
    assert "parse(sample 0) raised KeyError" in str(caught.value)


def test_an_error_of_the_dialects_own_never_gets_out_of_the_suite():
    class Sly(acme.Acme):
        def __getattribute__(self, part):
            if part in ("render", "definitions", "detect", "write"):
                return lambda *_: 1 / 0
            return super().__getattribute__(part)

    with pytest.raises(ConformanceError, match="ZeroDivisionError"):
        check_acme(Sly())
    with pytest.raises(ConformanceError, match="ZeroDivisionError"):
        check_history_dialect(Sly(), [acme.history()])


@pytest.mark.parametrize(
    "samples",
    [
        [],
        [Sample(message={"from": "model"})],
        [Sample(message=acme.message(acme.TWO[:1]), calls=acme.TWO[:1])],
        [Sample(message=object(), calls=acme.TWO)],
        [acme.message()],
    ],
)
def test_samples_that_cannot_show_what_is_checked_are_refused(samples):
    with pytest.raises(UsageError, match="ample"):
        check_dialect(acme.Acme(), samples)


@pytest.mark.parametrize("histories", [[], [[]], [acme.message()], acme.history()])
def test_histories_that_are_none_are_refused(histories):
    with pytest.raises(UsageError, match=r"\[messages\]"):
        check_history_dialect(acme.Acme(), histories)


def test_a_name_that_the_provider_cannot_hold_must_be_refused_only_if_it_is_named():
    class Liberal(acme.Acme):
        def definitions(self, tools):
            return [{"tool": one.name, "about": one.description, "takes": dict(one.parameters)} for one in tools]

    check_dialect(Liberal(), acme.samples())
    with pytest.raises(ConformanceError, match=r"The name 'look\.up' was not refused"):
        check_dialect(Liberal(), acme.samples(), bad_names=["look.up"])


def test_empty_text_must_be_replaced_only_where_the_provider_refuses_it():
    class Terse(acme.Acme):
        def words(self, content):
            words = super().words(content)
            return "" if words == "(no output)" else words

    check_dialect(Terse(), acme.samples())
    with pytest.raises(ConformanceError, match="no-empty-text"):
        check_dialect(Terse(), acme.samples(), refuses_empty_text=True)


# --- a third party's dialect at work ----------------------------------------------------------------------------------


async def look(place: str = "here", deep: list | None = None) -> str:
    return f"rain in {place}"


async def test_a_turn_runs_in_a_dialect_of_ones_own():
    tools = ToolRegistry()
    tools.add(look)
    twice = acme.message([Call("look", {"place": "Oslo"}, id="r1"), Call("see", {}, id="r1")])
    turn = await run_tool_calls({"reply": twice, "stopped": "asks"}, tools, dialect=acme.Acme(), key="k")
    sent, looked, seen = turn.exchange
    assert [result.code for result in turn.results] == ["ok", "unknown_tool"]
    assert (looked, seen["failed"]) == ({"from": "tool", "ref": "r1", "answer": "rain in Oslo"}, True)
    assert [ask["ref"] for ask in sent["asks"]] == ["r1", seen["ref"]]
    assert re.fullmatch(r"ref_\w{24}", seen["ref"])
    assert turn.ids_changed
    assert check(turn.exchange, acme.Acme()) == []


def test_definitions_are_written_in_a_dialect_of_ones_own():
    tools = ToolRegistry()
    tools.add(look, description="Looks.")
    (made,) = tools.definitions(acme.Acme())
    assert (made["tool"], made["about"]) == ("look", "Looks.")
    tools.add(look, name="look.up")
    with pytest.raises(UsageError, match=r"acme cannot hold the tool name 'look\.up'"):
        tools.definitions(acme.Acme())
    assert tools.definitions("langchain") == tools.definitions(dialect_named("langchain"))


def test_histories_are_checked_mended_and_cut_in_a_dialect_of_ones_own():
    history, dialect = acme.history(), acme.Acme()
    assert check(history, dialect) == []
    lost = [*history[:3], *history[4:]]
    (finding,) = check(lost, dialect=dialect)
    assert (finding.position, finding.kind, finding.provider_error) == (1, "missing_result", "r2 of 1 was not answered")
    mended = repair(lost, dialect, results={"r2": "a cat"})
    assert mended.messages == history
    assert [len(group) for group in exchanges(history, dialect)] == [1, 3, 1, 1, 2, 1]
    assert trim(history, keep=4, dialect=dialect) == history[5:]
    renamed = rewrite_ids(history, dialect, "strict9")
    assert check(renamed, dialect) == []
    assert [len(renamed[place]["ref"]) for place in (2, 3, 7)] == [9, 9, 9]


@pytest.mark.parametrize("function", [check, repair, exchanges])
def test_an_object_that_is_no_dialect_for_histories_is_refused_with_what_it_lacks(function):
    with pytest.raises(UsageError, match=r"Anthropic lacks RULES, scan, write: see everycall\.ports\.FullDialect"):
        function(acme.history(), dialect_named("anthropic"))
    with pytest.raises(UsageError, match="There is no dialect 'acme'"):
        function(acme.history(), "acme")


async def test_an_object_that_is_no_dialect_for_turns_is_refused_with_what_it_lacks():
    with pytest.raises(UsageError, match=r"dialect must be the name .* int lacks name, id_rule, parse, render"):
        await run_tool_calls(acme.message(), ToolRegistry(), dialect=7)
    with pytest.raises(UsageError, match="int lacks definitions"):
        ToolRegistry().definitions(7)


def test_the_names_of_the_suite_are_found_where_they_are_said_to_be():
    assert everycall.testing.check_dialect is check_dialect
    assert issubclass(ConformanceError, AssertionError)
