"""Dialects whose turn side breaks one rule each, as an author might: the row of the suite's table, and the dialect."""

import itertools
import re
from dataclasses import replace
from types import SimpleNamespace

from everycall.core.content import Text
from everycall.core.errors import MessageError, UsageError
from everycall.core.ids import IdRule
from tests.testing.acme import Acme

COUNTER = itertools.count()
BROKEN_TURNS = []


def breaks(rule):
    def note(dialect):
        BROKEN_TURNS.append((rule, dialect))
        return dialect

    return note


# --- parts, ids, detection -----------------------------------------------------------------------------------


@breaks("has-all-parts")
def without_definitions():
    whole = Acme()
    return SimpleNamespace(**{part: getattr(whole, part) for part in ("name", "id_rule", "detect", "parse", "render")})


@breaks("has-all-parts")
class WithoutAName(Acme):
    name = ""


@breaks("has-all-parts")
class WithAPatternForARule(Acme):
    id_rule = re.compile(".+")


@breaks("mints-valid-ids")
class MintsWhatItRefuses(Acme):
    id_rule = IdRule(pattern=re.compile(r"[a-z0-9]{1,9}"), prefix="ref_")


@breaks("mints-valid-ids")
class MintsTooShort(Acme):
    id_rule = IdRule(pattern=re.compile(r"\w{1,40}"), length=4)


@breaks("mints-valid-ids")
class TakesTheEmptyId(Acme):
    id_rule = IdRule(pattern=re.compile(r"\w{0,40}"))


@breaks("detects-its-own")
class DetectsNoResponse(Acme):
    def detect(self, message):
        return super().detect(message) and "reply" not in message


@breaks("refuses-others")
class DetectsByTruth(Acme):
    def detect(self, message):
        return super().detect(message) or None


@breaks("detects-its-own")
class DetectsWithAMatch(Acme):
    def detect(self, message):
        return re.match("model", str(message.get("from"))) if isinstance(message, dict) else False


@breaks("refuses-others")
class DetectsAnything(Acme):
    def detect(self, message):
        return isinstance(message, dict)


@breaks("refuses-others")
class DetectsWithoutCare(Acme):
    def detect(self, message):
        return message.get("from") == "model" or "reply" in message


# --- parse ---------------------------------------------------------------------------------------------------


class Reads(Acme):
    """Parses as it should, and then changes what it has read."""

    def change(self, call):
        return call

    def parse(self, message, *, finish_reason=None):
        parsed = super().parse(message, finish_reason=finish_reason)
        return replace(parsed, calls=tuple(self.change(call) for call in parsed.calls))


@breaks("reads-calls")
class LosesTheLastCall(Reads):
    def parse(self, message, *, finish_reason=None):
        parsed = super().parse(message, finish_reason=finish_reason)
        return replace(parsed, calls=parsed.calls[:1])


@breaks("reads-calls")
class ShortensIds(Reads):
    def change(self, call):
        return replace(call, sent_id=(call.sent_id or "")[:1])


@breaks("reads-calls")
class ReadsNoArguments(Reads):
    def change(self, call):
        return replace(call, arguments={})


@breaks("reads-calls")
class ReadsOtherNames(Reads):
    def change(self, call):
        return replace(call, name=call.name.title())


@breaks("reads-calls")
class CountsFromOne(Reads):
    def change(self, call):
        return replace(call, position=call.position + 1)


@breaks("reads-calls")
class FindsADefect(Reads):
    def change(self, call):
        return replace(call, defect="This call has no checksum.")


@breaks("reads-calls")
class ParsesToADict(Acme):
    def parse(self, message, *, finish_reason=None):
        return {"calls": super().parse(message, finish_reason=finish_reason).calls}


@breaks("reads-calls")
class RefusesItsOwn(Acme):
    def parse(self, message, *, finish_reason=None):
        raise MessageError("No.")


@breaks("reads-the-unreadable")
class RefusesAMessageForOneCall(Reads):
    def change(self, call):
        if call.defect:
            raise MessageError(call.defect)
        return call


@breaks("reads-the-unreadable")
class SkipsUnreadableCalls(Acme):
    def parse(self, message, *, finish_reason=None):
        parsed = super().parse(message, finish_reason=finish_reason)
        readable = [call for call in parsed.calls if call.defect is None]
        return replace(parsed, calls=tuple(replace(one, position=place) for place, one in enumerate(readable)))


@breaks("reads-the-finish")
class ForgetsTheReasonGiven(Acme):
    def parse(self, message, *, finish_reason=None):
        return super().parse(message)


@breaks("reads-the-finish")
class PrefersTheMessagesWord(Acme):
    def parse(self, message, *, finish_reason=None):
        stopped = message.get("stopped") if isinstance(message, dict) else None
        return super().parse(message, finish_reason=stopped if isinstance(stopped, str) else finish_reason)


@breaks("reads-the-finish")
class NeverCutOff(Acme):
    def parse(self, message, *, finish_reason=None):
        return replace(super().parse(message, finish_reason=finish_reason), cut_off=False)


@breaks("reads-the-finish")
class AlwaysCutOff(Acme):
    def parse(self, message, *, finish_reason=None):
        return replace(super().parse(message, finish_reason=finish_reason), cut_off=True)


@breaks("parse-changes-nothing")
class ParseMarksTheMessage(Acme):
    def parse(self, message, *, finish_reason=None):
        parsed = super().parse(message, finish_reason=finish_reason)
        parsed.source["seen"] = True
        return parsed


@breaks("parse-changes-nothing")
class ParseCounts(Reads):
    def change(self, call):
        return replace(call, kind=f"function {next(COUNTER)}")


@breaks("survives-junk")
class ParsesWithoutCare(Acme):
    def parse(self, message, *, finish_reason=None):
        message.get("from")
        return super().parse(message, finish_reason=finish_reason)


@breaks("survives-junk")
class ParsesAnEmptyDict(Acme):
    def parse(self, message, *, finish_reason=None):
        return super().parse(message or {"from": "model"}, finish_reason=finish_reason)


@breaks("survives-junk")
class RefusesWithoutAWord(Acme):
    def parse(self, message, *, finish_reason=None):
        try:
            return super().parse(message, finish_reason=finish_reason)
        except MessageError:
            raise MessageError from None


@breaks("survives-junk")
class ReadsEntriesWithoutCare(Acme):
    def read_ask(self, position, ask):
        return super().read_ask(position, {**ask})


@breaks("survives-junk")
class TakesIdsAsTheyAre(Acme):
    def read_ask(self, position, ask):
        call = super().read_ask(position, ask)
        return replace(call, sent_id=ask.get("ref") if isinstance(ask, dict) else None)


# --- render --------------------------------------------------------------------------------------------------


class Renders(Acme):
    """Renders as it should, and then changes the result messages."""

    def change(self, messages, parsed, results):
        return messages

    def render(self, parsed, results):
        rendered = super().render(parsed, results)
        return replace(rendered, messages=self.change(rendered.messages, parsed, results))


@breaks("one-result-per-call")
class LeavesFailuresOut(Renders):
    def change(self, messages, parsed, results):
        return [one for one, result in zip(messages, results, strict=True) if result.status == "success"]


@breaks("one-result-per-call")
class OneResultPerId(Renders):
    def change(self, messages, parsed, results):
        return list({one.sent_id: message for one, message in zip(parsed.calls, messages, strict=True)}.values())


@breaks("one-result-per-call")
class AnswersTwice(Renders):
    def change(self, messages, parsed, results):
        return [copy for message in messages for copy in (message, dict(message))]


@breaks("one-result-per-call")
class AnswersNobody(Renders):
    def change(self, messages, parsed, results):
        return messages or [{"from": "tool", "answer": "nothing to do"}]


@breaks("one-result-per-call")
class RendersATuple(Renders):
    def change(self, messages, parsed, results):
        return tuple(messages)


@breaks("one-result-per-call")
class RendersNothing(Acme):
    def render(self, parsed, results):
        return None


@breaks("one-result-per-call")
class CannotRenderFailures(Renders):
    def change(self, messages, parsed, results):
        return [{**message, "value": result.value.upper()} for message, result in zip(messages, results, strict=True)]


@breaks("keeps-the-order")
class FailuresFirst(Renders):
    def change(self, messages, parsed, results):
        return messages[::-1]


@breaks("ids-on-both-sides")
class AnswersTheIdAsSent(Acme):
    def answer(self, call, result):
        return {**super().answer(call, result), "ref": call.sent_id}


@breaks("ids-on-both-sides")
class SendsTheOldIdBack(Acme):
    def ask(self, call, ask):
        return ask if call.defect is None else super().ask(call, ask)


@breaks("ids-on-both-sides")
class SwapsIds(Renders):
    def change(self, messages, parsed, results):
        swapped = [one["ref"] for one in messages[::-1]]
        return [{**one, "ref": ref} for one, ref in zip(messages, swapped, strict=True)]


class Optional(Acme):
    """Ids may be missing. Sound but for what is missing here."""

    id_rule = replace(Acme.id_rule, positional=True)


@breaks("absent-ids-stay-absent")
class MintsWhereNoneIsNeeded(Optional):
    pass


@breaks("absent-ids-stay-absent")
class MintsOnTheResultAlone(Optional):
    def ask(self, call, ask):
        return super().ask(call, ask) if call.sent_id else ask


@breaks("absent-ids-stay-absent")
class MintsOnTheCallAlone(Optional):
    def answer(self, call, result):
        answer = super().answer(call, result)
        return answer if call.sent_id else {key: value for key, value in answer.items() if key != "ref"}


@breaks("leaves-calls-alone")
class WritesTheArgumentsAnew(Acme):
    def sent_back(self, parsed):
        asks = [
            {**ask, "with": dict.fromkeys(ask["with"])} if call.defect is None and call.arguments else ask
            for call, ask in zip(parsed.calls, parsed.source.get("asks") or [], strict=True)
        ]
        return {**super().sent_back(parsed), **({"asks": asks} if asks else {})}


@breaks("leaves-calls-alone")
class RenamesWhenItWrites(Acme):
    def ask(self, call, ask):
        return {**super().ask(call, ask), "tool": f"{call.name}_"}


@breaks("leaves-calls-alone")
class SendsNoCallsBack(Acme):
    def sent_back(self, parsed):
        return {**super().sent_back(parsed), "asks": None}


@breaks("leaves-calls-alone")
class SendsTheAnswerAlone(Acme):
    def sent_back(self, parsed):
        return [super().sent_back(parsed)]


@breaks("keeps-companions")
class LosesTheSeal(Acme):
    def sent_back(self, parsed):
        return {key: value for key, value in super().sent_back(parsed).items() if key != "seal"}


@breaks("keeps-companions")
class LosesTheSealUnderNewIds(Acme):
    def sent_back(self, parsed):
        sent_back = super().sent_back(parsed)
        return sent_back if sent_back is parsed.source else {**sent_back, "seal": "bmV3"}


@breaks("render-changes-nothing")
class RendersInPlace(Acme):
    def render(self, parsed, results):
        rendered = super().render(parsed, results)
        parsed.source["answered"] = len(results)
        return rendered


@breaks("render-changes-nothing")
class StampsItsAnswers(Acme):
    def answer(self, call, result):
        return {**super().answer(call, result), "number": next(COUNTER)}


@breaks("shows-failures")
class HidesFailures(Acme):
    def answer(self, call, result):
        content = result.content if result.status == "success" else self.detail(result)
        return super().answer(call, replace(result, content=content, status="success"))

    def detail(self, result):
        found = re.search(r"answer-\d+-of-the-suite", str(result.content))
        return found[0] if found else ""


@breaks("shows-failures")
class FlagsAllForOne(Renders):
    def change(self, messages, parsed, results):
        bad = any(result.status != "success" for result in results)
        return [{**message, "failed": True} if bad else message for message in messages]


@breaks("no-empty-text")
class WritesEmptyText(Acme):
    def words(self, content):
        words = super().words(content)
        return "" if words == "(no output)" else words


@breaks("no-empty-text")
class WritesEmptyTextOnFailures(Acme):
    def answer(self, call, result):
        answer = super().answer(call, result)
        return {**answer, "answer": " "} if "failed" in answer and answer["answer"] == "(no output)" else answer


@breaks("shows-media-or-says-so")
class DropsMedia(Acme):
    def render(self, parsed, results):
        bare = [replace(one, content=self.text_of(one.content)) for one in results]
        return super().render(parsed, bare)

    def text_of(self, content):
        parts = (Text(content),) if isinstance(content, str) else content
        return "\n".join(part.text for part in parts if isinstance(part, Text))


@breaks("shows-media-or-says-so")
class SaysSoAndWritesNothing(DropsMedia):
    def render(self, parsed, results):
        replaced = [number for number, one in enumerate(results) if not isinstance(one.content, str)]
        return replace(super().render(parsed, results), replaced=tuple(replaced))


@breaks("shows-media-or-says-so")
class NamesNoCall(Acme):
    def render(self, parsed, results):
        rendered = super().render(parsed, results)
        return replace(rendered, replaced=tuple(position + 1 for position in rendered.replaced))


@breaks("shows-media-or-says-so")
class NamesOneCallTooMany(Acme):
    def render(self, parsed, results):
        rendered = super().render(parsed, results)
        return replace(rendered, replaced=(*rendered.replaced, len(results)))


@breaks("one-result-per-call")
class CannotTakeMedia(Acme):
    def words(self, content):
        return super().words(content + "" if isinstance(content, str) else content[0].text + content[-1].text)


# --- definitions ---------------------------------------------------------------------------------------------


class Defines(Acme):
    """Defines tools as it should, and then changes the definitions."""

    def change(self, made):
        return made

    def definitions(self, tools):
        return [self.change(one) for one in super().definitions(tools)]


@breaks("describes-tools")
class ForgetsDescriptions(Defines):
    def change(self, made):
        return {**made, "about": ""}


@breaks("describes-tools")
class ForgetsSchemas(Defines):
    def change(self, made):
        return {**made, "takes": {}}


@breaks("describes-tools")
class DefinesTheFirst(Acme):
    def definitions(self, tools):
        return super().definitions(tools)[:1]


@breaks("describes-tools")
class DefinesAToolOfItsOwn(Acme):
    def definitions(self, tools):
        return super().definitions(tools) or [{"tool": "none"}]


@breaks("describes-tools")
class DefinesATuple(Acme):
    def definitions(self, tools):
        return tuple(super().definitions(tools)) if tools else []


@breaks("describes-tools")
class RefusesPlainNames(Acme):
    def definitions(self, tools):
        if any(tool.name != tool.name.lower() for tool in tools):
            raise UsageError(f"acme takes small letters alone, not {[tool.name for tool in tools]}.")
        return super().definitions(tools)


@breaks("describes-tools")
class CannotDefineNothing(Acme):
    def definitions(self, tools):
        return [super().definitions(tools)[0], *super().definitions(tools)[1:]]


@breaks("describes-tools")
class ChangesTheSchema(Acme):
    def definitions(self, tools):
        for tool in tools:
            tool.parameters["additionalProperties"] = False
        return super().definitions(tools)


@breaks("keeps-or-refuses-names")
class RenamesTools(Acme):
    def definitions(self, tools):
        return super().definitions([replace(one, name=re.sub(r"\W|^(?=\d|-)", "_", one.name)[:64]) for one in tools])


@breaks("keeps-or-refuses-names")
class TakesAnyName(Acme):
    def definitions(self, tools):
        return [{"tool": tool.name, "about": tool.description, "takes": dict(tool.parameters)} for tool in tools]


@breaks("keeps-or-refuses-names")
class RefusesWithoutTheName(Acme):
    def definitions(self, tools):
        try:
            return super().definitions(tools)
        except UsageError:
            raise UsageError("A name is wrong.") from None


@breaks("keeps-or-refuses-names")
class RefusesWithAnotherError(Acme):
    def definitions(self, tools):
        try:
            return super().definitions(tools)
        except UsageError as error:
            raise ValueError(str(error)) from None
