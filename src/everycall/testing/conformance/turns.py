"""`check_dialect`: whether a dialect's turn side holds to every rule of `everycall.ports.Dialect`.

1. What is demanded is the table `verdict.TURN_RULES`. A dialect is judged by what it reads and writes alone.
2. Nothing is known of the wire shape but the samples. Results are found again by texts that only they hold.
3. Whatever the dialect raises is a finding, never an error of the suite.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from everycall.core.calls import ParsedMessage, ToolCall, ToolDefinition
from everycall.core.errors import MessageError, UsageError
from everycall.core.ids import IdRule, assign_ids
from everycall.dialects.detection import recognise
from everycall.ports import Dialect
from everycall.testing.conformance.exchange import Case, check_exchange
from everycall.testing.conformance.looking import HALF, JUNK, faulty, holds, leaves, picture, shown_path
from everycall.testing.conformance.reading import differs
from everycall.testing.conformance.rendering import check_rendering
from everycall.testing.conformance.verdict import TURN_RULES, Verdict, shown, shown_error
from everycall.testing.provider.script import Call

MEMBERS = ("detect", "parse", "render", "definitions")

OTHERS: Mapping[str, object] = {
    "openai-chat": {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}],
    },
    "openai-responses": [{"type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{}"}],
    "anthropic": {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}]},
    "gemini": {"role": "model", "parts": [{"functionCall": {"name": "look", "args": {}}}]},
    "bedrock": {
        "role": "assistant",
        "content": [{"toolUse": {"toolUseId": "tooluse_1", "name": "look", "input": {}}}],
    },
    "cohere": {
        "role": "assistant",
        "tool_plan": "I look.",
        "tool_calls": [{"id": "look_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}],
    },
    "ollama": {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "look", "arguments": {}}}]},
    "langchain": {"type": "ai", "content": "", "tool_calls": [{"name": "look", "args": {}, "id": "1"}]},
}
"""One message of each dialect that the library has; of those, only what the samples themselves look like is theirs."""

SCHEMA: Mapping[str, object] = {
    "type": "object",
    "properties": {"place_to_look": {"type": "string"}},
    "required": ["place_to_look"],
}
PLAIN_NAMES = ("look", "look_up_2", "Look-Up")
ODD_NAMES = ("look.up", "look:up", "2nd_look", "-look", "l" * 64, "l" * 65, "l" * 128)
"""Names that the registry takes, and some providers do not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A message as the provider sends it, and what must be read in it.

    Attributes:
        message: one assistant message or one whole response; dict, list or SDK object.
        calls: the calls in it, in order. `Call.id` is the id as sent, `NO_ID` if there is none, None if it may be any;
            arguments are a mapping, or text for what is no JSON object.
        finish_reason: passed to `parse`, if only the message is at hand.
        cut_off: the message says (or *finish_reason* does) that the model's output was cut.
        keeps: texts or bytes that must go back as they came, such as a signature.
    """

    message: object
    calls: Sequence[Call] = ()
    finish_reason: str | None = None
    cut_off: bool = False
    keeps: Sequence[str | bytes] = ()


def check_dialect(
    dialect: Dialect, samples: Sequence[Sample], *, refuses_empty_text: bool = False, bad_names: Sequence[str] = ()
) -> None:
    """Check that *dialect* holds to every rule of `everycall.ports.Dialect`.

    Args:
        dialect: the dialect.
        samples: messages of the provider, recorded ones at best. One of them, made of dicts and lists, must hold two
            calls or more; pass one without calls and a cut one, too.
        refuses_empty_text: the provider refuses a result without text.
        bad_names: tool names that the provider cannot hold, so that `definitions` must refuse them.

    Raises:
        ConformanceError: rules are broken; it lists each with what was seen and the cure. It is an `AssertionError`.
        UsageError: the samples cannot show what is to be checked.
    """
    _require_samples(samples)
    verdict = Verdict(TURN_RULES)
    if _has_all_parts(dialect, verdict):
        _check_ids(dialect.id_rule, verdict)
        _check_detection(dialect, samples, verdict)
        for number, sample in enumerate(samples):
            case = _check_reading(dialect, sample, f"sample {number}", verdict)
            if case is not None:
                check_rendering(case, keeps=sample.keeps, refuses_empty_text=refuses_empty_text)
        _check_junk(dialect, samples, verdict)
        _check_definitions(dialect, bad_names, verdict)
    verdict.conclude(shown(getattr(dialect, "name", None) or dialect))


def _require_samples(samples: Sequence[Sample]) -> None:
    if not all(isinstance(one, Sample) for one in samples):
        raise UsageError(
            "samples must be a sequence of Sample: Sample(message=..., calls=[Call('look', {...}, id='1')])"
        )
    if not any(len(one.calls) > 1 and isinstance(one.message, dict | list) for one in samples):
        raise UsageError(
            "No sample of dicts holds two calls: with fewer, neither order nor pairing can be seen. Add one."
        )


def _has_all_parts(dialect: object, verdict: Verdict) -> bool:
    name, rule = getattr(dialect, "name", None), getattr(dialect, "id_rule", None)
    verdict.require(isinstance(name, str) and bool(name), "has-all-parts", f"name is {shown(name)}.")
    verdict.require(isinstance(rule, IdRule), "has-all-parts", f"id_rule is {shown(rule)}, not an IdRule.")
    lacking = [member for member in MEMBERS if not callable(getattr(dialect, member, None))]
    verdict.require(not lacking, "has-all-parts", f"There is no {', no '.join(lacking)}.")
    return isinstance(rule, IdRule) and not lacking


def _check_ids(rule: IdRule, verdict: Verdict) -> None:
    minted = [rule.mint(number) for number in range(50)]
    refused = next((one for one in minted if not rule.accepts(one)), None)
    verdict.require(refused is None, "mints-valid-ids", f"It mints {refused!r}, which its own pattern refuses.")
    verdict.require(rule.length >= 8, "mints-valid-ids", f"{rule.length} characters are too few to tell calls apart.")
    verdict.require(not rule.accepts(""), "mints-valid-ids", "Its pattern takes the empty id.")


def _check_detection(dialect: Dialect, samples: Sequence[Sample], verdict: Verdict) -> None:
    for number, sample in enumerate(samples):
        _check_detected(dialect, sample.message, f"sample {number}", verdict, wanted=True)
    alike = {recognise(sample.message) for sample in samples}
    for other in (*(message for name, message in OTHERS.items() if name not in alike), *JUNK):
        _check_detected(dialect, other, shown(other), verdict, wanted=False)


def _check_detected(dialect: Dialect, message: object, where: str, verdict: Verdict, *, wanted: bool) -> None:
    rule = "detects-its-own" if wanted else "refuses-others"
    for found in verdict.attempt(rule, f"detect({where})", lambda: dialect.detect(message)):
        verdict.require(found is wanted, rule, f"detect({where}) is {shown(found)}.")


def _check_reading(dialect: Dialect, sample: Sample, where: str, verdict: Verdict) -> Case | None:
    """Check what is read in one sample; return it with its ids assigned, or None if nothing could be read."""

    def parse(finish: str | None = sample.finish_reason) -> Any:
        return dialect.parse(sample.message, finish_reason=finish)

    before = picture(sample.message)
    found = verdict.attempt("reads-calls", f"parse({where})", lambda: (parse(), parse(), parse("a_word")))
    if not found or not all(isinstance(one, ParsedMessage) for one in found[0]):
        verdict.require(not found, "reads-calls", f"parse({where}) gave {shown(found[:1])}, not a ParsedMessage.")
        return None
    parsed, again, told = found[0]
    verdict.require(picture(sample.message) == before, "parse-changes-nothing", f"parse changed {where}.")
    verdict.require(picture(parsed) == picture(again), "parse-changes-nothing", f"Two parses of {where} differ.")
    for wrong in differs(sample.calls, parsed.calls):
        verdict.broke("reads-calls", f"In {where}, {wrong}.")
    cut = f"In {where}, cut_off is {parsed.cut_off}, and the finish {parsed.finish!r}."
    verdict.require(parsed.cut_off is sample.cut_off, "reads-the-finish", cut)
    verdict.require(told.finish == "a_word", "reads-the-finish", f"In {where}, finish_reason= is lost.")
    return _case(dialect, parsed, where, verdict)


def _case(dialect: Dialect, parsed: ParsedMessage, where: str, verdict: Verdict) -> Case:
    calls = assign_ids(parsed.calls, dialect.id_rule, "turn")
    return Case(dialect=dialect, parsed=replace(parsed, calls=calls), where=where, verdict=verdict)


def _check_junk(dialect: Dialect, samples: Sequence[Sample], verdict: Verdict) -> None:
    for junk in (*JUNK, *HALF):
        parsed = _read(dialect, junk, shown(junk), verdict)
        verdict.require(parsed is None, "survives-junk", f"parse({shown(junk)}) gave a message.")
    seen: list[object] = []
    for sample in samples:
        if any(sample.message is one for one in seen):
            continue  # the same message under another finish reason
        seen.append(sample.message)
        ids, names = {call.id for call in sample.calls}, {call.name for call in sample.calls}
        for place, fault, message in faulty(sample.message, [one for one in ids if isinstance(one, str)]):
            where = f"the message with {shown(fault)} at {shown_path(place.path)}"
            before = picture(message)
            parsed = _read(dialect, message, where, verdict)
            if parsed is not None:
                check_exchange(_case(dialect, parsed, where, verdict), faulty=True)
            verdict.require(picture(message) == before, "parse-changes-nothing", f"parse or render changed {where}.")
            if fault is None and isinstance(place.value, str) and place.value in names:
                all_there = parsed is not None and len(parsed.calls) == len(sample.calls)
                verdict.require(all_there, "reads-the-unreadable", f"For {where}, not every call is read.")


def _read(dialect: Dialect, message: object, where: str, verdict: Verdict) -> ParsedMessage | None:
    """Return what is read; None if the message is refused, or if a rule is broken."""
    try:
        parsed = dialect.parse(message)
    except MessageError as error:
        verdict.require(bool(str(error)), "survives-junk", f"For {where}, the MessageError says nothing.")
        return None
    except Exception as error:  # noqa: BLE001 -- foreign code: that it raises is the finding
        verdict.broke("survives-junk", f"For {where}, parse raised {shown_error(error)}.")
        return None
    sound = isinstance(parsed, ParsedMessage) and all(_is_sound(*pair) for pair in enumerate(parsed.calls))
    verdict.require(sound, "survives-junk", f"For {where}, parse gave calls with fields of the wrong type.")
    return parsed if sound else None


def _is_sound(position: int, call: Any) -> bool:
    return (
        isinstance(call, ToolCall)
        and call.position == position
        and isinstance(call.name, str)
        and isinstance(call.sent_id, str | None)
        and isinstance(call.arguments, str | Mapping | None)
        and isinstance(call.defect, str | None)
        and bool(call.name or call.defect)
    )


def _check_definitions(dialect: Dialect, bad_names: Sequence[str], verdict: Verdict) -> None:
    tools = [ToolDefinition(name=name, description=f"Tells about {name}.", parameters=SCHEMA) for name in PLAIN_NAMES]
    before = picture(SCHEMA)
    for made in verdict.attempt("describes-tools", "definitions", lambda: dialect.definitions(tools)):
        found = leaves(made)
        words = [*PLAIN_NAMES, *(tool.description for tool in tools)]
        lost = [word for word in words if not holds(found, word)]
        schemas = sum("place_to_look" in path for path, _ in found)
        verdict.require(isinstance(made, list), "describes-tools", f"definitions gave {shown(made)}, not a list.")
        verdict.require(not lost, "describes-tools", f"definitions does not hold {shown(lost)}.")
        verdict.require(schemas == len(tools), "describes-tools", "definitions does not hold each tool's schema.")
    for none in verdict.attempt("describes-tools", "definitions([])", lambda: dialect.definitions([])):
        verdict.require(none == [], "describes-tools", f"definitions([]) is {shown(none)}, not [].")
    for name in (*ODD_NAMES, *bad_names):
        for wrong in _of_name(dialect, name, refused=name in bad_names):
            verdict.broke("keeps-or-refuses-names", wrong)
    verdict.require(picture(SCHEMA) == before, "describes-tools", "definitions changed a tool's schema.")


def _of_name(dialect: Dialect, name: str, *, refused: bool) -> Iterator[str]:
    try:
        made = dialect.definitions([ToolDefinition(name=name, description="Looks.", parameters=SCHEMA)])
    except UsageError as error:
        if name not in str(error):
            yield f"The UsageError for the name {name!r} does not say which name it means."
    except Exception as error:  # noqa: BLE001 -- foreign code: that it raises is the finding
        yield f"For the name {name!r}, definitions raised {shown_error(error)}."
    else:
        if refused:
            yield f"The name {name!r} was not refused."
        elif not holds(leaves(made), name):
            yield f"The name {name!r} was written as another."
