"""Feed one input in, and judge what comes back. A target raises `AssertionError`, or lets through what it must not.

Parsing may refuse with an `EverycallError` (or `ArgumentsRefused`), and nothing else. Planning, rendering and encoding
what was parsed never raise, but for `CannotEncode`, which is the encoder's refusal.
"""

import json

from everycall import Redaction, ToolRegistry, check, repair
from everycall.core.errors import EverycallError
from everycall.core.ids import assign_ids
from everycall.core.redaction import HIDDEN, Redactor
from everycall.dialects import dialect_named
from everycall.opening import DEFAULT_LIMITS, plan_turn
from everycall.registry.arguments import ArgumentsRefused, read_arguments
from everycall.turn.encode import CannotEncode, encode_value
from everycall.turn.turn import Turn
from tests.fuzz import mutate, seeds

CANARY = "canary-number-1"
_REDACTOR = Redactor(Redaction(secrets=(CANARY,)), {})


def _registry():
    tools = ToolRegistry()
    for name in ("get_weather", "get_time", "add"):

        async def tool(city: str = "", zone: str = "", n: list[int] | int | None = None) -> None: ...

        tools.add(tool, name=name)
    schema = {"type": "object", "properties": {"a": {"type": ["integer", "null"]}}, "additionalProperties": True}
    tools.add(lambda **values: values, name="data", parameters=schema)
    return tools


_TOOLS = _registry()


def _object_once(pairs):
    assert len(dict(pairs)) == len(pairs), "a key twice"
    return dict(pairs)


def _no_constant(word):
    raise AssertionError(f"the constant {word}")


def _require_short(words, limit):
    assert 0 < len(words) < limit, words[:2000]


def read_text(raw):
    """Arguments as text: strict JSON of one object comes out, or a refusal that is short."""
    try:
        text, notes = read_arguments(raw, max_bytes=1 << 20)
    except ArgumentsRefused as refusal:
        _require_short(refusal.message, 1000)
        return "refused"
    value = json.loads(text, object_pairs_hook=_object_once, parse_constant=_no_constant)
    assert type(value) is dict
    assert all(notes)
    text.encode()
    assert read_arguments(text, max_bytes=1 << 20).text == text, "reading again changes something"
    for name in _TOOLS.tools:
        try:
            _TOOLS[name].bind(text)
        except ArgumentsRefused as refusal:
            _require_short(refusal.message, 3000)
    return "read"


def read_mapping(raw):
    """Arguments as a mapping, or as anything at all."""
    try:
        text, _ = read_arguments(raw, max_bytes=1 << 20)
    except ArgumentsRefused as refusal:
        _require_short(refusal.message, 1000)
        return "refused"
    assert type(json.loads(text, object_pairs_hook=_object_once, parse_constant=_no_constant)) is dict
    return "read"


def read_message(given):
    """A message: read by its dialect and by the one that is detected; planned and rendered whatever it is."""
    dialect, message = given
    outcome = "refused"
    for spoken in (dialect, None):
        try:
            plan = plan_turn(
                message, _TOOLS, key="k", dialect=spoken, finish_reason=None, deps=None, turn_timeout=None,
                limits=DEFAULT_LIMITS,
            )  # fmt: skip
        except EverycallError as refusal:
            _require_short(str(refusal), 2000)
            continue
        _answer(plan)
        outcome = f"{min(len(plan.parsed.calls), 3)} calls"
    return outcome


def _answer(plan):
    turn = Turn(plan, lambda: None)
    calls = plan.parsed.calls
    assert len(turn.results) == len(calls) == len(plan.plans)
    ids = [call.call_id for call in calls]
    assert len(set(ids)) == len(ids)
    assert all(type(call_id) is str and call_id for call_id in ids)
    assert [result.call_id for result in turn.results] == ids
    assert [call.position for call in calls] == list(range(len(calls)))
    assert all(not result.ok and result.effect == "none" for result in turn.results)
    turn.messages, turn.assistant_message, turn.exchange, repr(turn)
    if any(call.defect for call in calls):
        return  # what could not be read goes back as a stand-in
    spoken = dialect_named(plan.dialect.name)
    try:
        again = spoken.parse(turn.assistant_message).calls
    except EverycallError:
        return  # something beside the calls is odd: taken out of a response it was let through
    again_ids = [call.call_id for call in assign_ids(again, spoken.id_rule, "k")]
    assert again_ids == ids, "the assistant message that goes back has other calls"


def check_history(given):
    """A conversation: findings, and a repair without findings, or a refusal."""
    dialect, history = given
    try:
        findings = check(history, dialect)
    except EverycallError as refusal:
        _require_short(str(refusal), 2000)
        return "refused"
    repaired = repair(history, dialect)
    assert check(repaired.messages, dialect) == []
    assert bool(repaired.edits) == bool(findings)
    assert not repair(repaired.messages, dialect).edits
    return f"{min(len(findings), 3)} findings"


def encode(value):
    """A value: text within the bound, or a refusal that is short; the same twice."""
    results = []
    for _ in range(2):
        try:
            results.append(encode_value(value, 2000))
        except CannotEncode as refusal:
            _require_short(str(refusal), 1000)
            return "refused"
    content = results[0].content
    assert isinstance(content, str)
    assert len(content.encode()) <= 2000
    assert results[0] == results[1]
    if type(value) is not str and not any("cut" in note for note in results[0].notes):
        json.loads(content, object_pairs_hook=_object_once, parse_constant=_no_constant)
    return "encoded"


def redact(text):
    """A text: no registered secret is left, cutting and hiding never raise, and hiding twice changes nothing more."""
    hidden = _REDACTOR.hide(text)
    assert CANARY not in hidden
    shown = _REDACTOR.shown(text, 200)
    assert len(shown) <= 200
    assert CANARY not in shown
    twice = _REDACTOR.hide(hidden)
    assert twice == hidden or HIDDEN in hidden
    result = _REDACTOR.hide_in_result(text, is_json=True)
    assert CANARY not in result
    return "hidden" if hidden != text else "kept"


TARGETS = {
    "arguments": (seeds.arguments, mutate.text, read_text),
    "mappings": (lambda: [json.loads(one) for one in seeds.arguments() if one[:1] == "{"], mutate.tree, read_mapping),
    "messages": (seeds.messages, lambda rng, seed: (seed[0], mutate.tree(rng, seed[1])), read_message),
    "histories": (seeds.histories, lambda rng, seed: (seed[0], mutate.tree(rng, seed[1])), check_history),
    "values": (seeds.values, mutate.tree, encode),
    "texts": (seeds.texts, mutate.text, redact),
}
"""Name -> seeds, mutation, and what judges."""
