"""Dialects whose history side breaks one rule each, as an author might: the row of the table, and the dialect."""

import re
from dataclasses import replace
from types import SimpleNamespace

from everycall.core.errors import MessageError
from everycall.core.history import HistoryRules
from everycall.core.ids import IdRule
from everycall.ports import Rendered
from tests.testing.acme import Acme

BROKEN_HISTORIES = []


def breaks(rule):
    def note(dialect):
        BROKEN_HISTORIES.append((rule, dialect))
        return dialect

    return note


@breaks("has-all-parts")
def without_write():
    whole = Acme()
    parts = ("name", "id_rule", "parse", "render", "RULES", "scan")
    return SimpleNamespace(**{part: getattr(whole, part) for part in parts})


@breaks("has-all-parts")
class WithoutAnIdRule(Acme):
    id_rule = None


@breaks("has-a-sound-row")
class WithADictForARow(Acme):
    RULES = {"dialect": "acme"}  # noqa: RUF012


@breaks("has-a-sound-row")
class WithTheRowOfAnother(Acme):
    RULES = HistoryRules(dialect="apex", errors={})


@breaks("has-a-sound-row")
class WithAnErrorThatCannotBeFilledIn(Acme):
    RULES = HistoryRules(dialect="acme", errors={"missing_result": "{call_id} was not answered"})


@breaks("has-a-sound-row")
class WithoutErrors(Acme):
    RULES = HistoryRules(dialect="acme", errors=None)


@breaks("has-a-sound-row")
class WithAnErrorThatSaysNothing(Acme):
    RULES = HistoryRules(dialect="acme", errors={"missing_result": ""})


@breaks("one-item-per-message")
class SkipsTheUser(Acme):
    def scan(self, messages):
        return [item for item in super().scan(messages) if item.role != "user"]


@breaks("one-item-per-message")
class CopiesWhatItReads(Acme):
    def scan_one(self, index, message):
        return replace(super().scan_one(index, message), source=dict(message))


@breaks("reads-calls-and-results")
class ReadsNoCalls(Acme):
    def scan_one(self, index, message):
        return replace(super().scan_one(index, message), calls=(), body=())


@breaks("reads-calls-and-results")
class ReadsNoHistory(Acme):
    def scan(self, messages):
        raise MessageError("This is no history.")


@breaks("writes-what-it-read")
class WritesCopies(Acme):
    def write_one(self, item):
        return [dict(one) for one in super().write_one(item)]


@breaks("writes-what-it-read")
class CannotWrite(Acme):
    def write(self, items):
        raise NotImplementedError


@breaks("writes-what-it-read")
class WritesAllAnewIfOneChanged(Acme):
    def write(self, items):
        anew = any(item.changed for item in items)
        return [{**one} if anew else one for one in super().write(items)]


@breaks("writes-what-it-read")
class CannotWriteTheUser(Acme):
    def write_one(self, item):
        return [{"from": item.role}] if item.role == "user" else super().write_one(item)


@breaks("changes-nothing")
class MarksWhatItReads(Acme):
    def scan_one(self, index, message):
        item = super().scan_one(index, message)
        message["index"] = index
        return item


@breaks("changes-nothing")
class WritesInPlace(Acme):
    def write_result(self, part):
        part.source["ref"] = part.call_id
        return part.source


@breaks("survives-junk")
class ScansWithoutCare(Acme):
    def scan_one(self, index, message):
        return super().scan_one(index, {**message, "from": message["from"]} and message)


@breaks("survives-junk")
class ScansRolesWithoutCare(Acme):
    def scan_one(self, index, message):
        if isinstance(message, dict) and message.get("from") in {"system", "developer"}:
            raise MessageError(f"Message {index} is from the system.")
        return super().scan_one(index, message)


@breaks("survives-junk")
class RefusesAMessageWithoutAWord(Acme):
    def scan(self, messages):
        try:
            return super().scan(messages)
        except MessageError:
            raise MessageError from None


@breaks("is-clean")
class DemandsShortIds(Acme):
    id_rule = IdRule(pattern=re.compile(r"ref_\w+"), prefix="ref_")


@breaks("is-clean")
class ReadsNumbersAsIds(Acme):
    def scan_one(self, index, message):
        item = super().scan_one(index, message)
        return replace(item, calls=tuple(replace(one, sent_id=7) for one in item.calls))


@breaks("is-clean")
class ReadsNoResults(Acme):
    def scan_one(self, index, message):
        item = super().scan_one(index, message)
        return replace(item, role="companion", body=()) if message.get("ref") == "r2" else item


@breaks("writes-new-ids")
class WritesOldIdsOnResults(Acme):
    def write_result(self, part):
        return part.source


@breaks("writes-new-ids")
class WritesOldIdsOnCalls(Acme):
    def with_id(self, call, ask):
        return ask


@breaks("writes-new-ids")
class LosesTheArguments(Acme):
    def with_id(self, call, ask):
        return {**super().with_id(call, ask), "with": {}}


@breaks("writes-new-ids")
class CannotWriteWhatChanged(Acme):
    def write_one(self, item):
        if item.changed:
            raise NotImplementedError
        return super().write_one(item)


@breaks("finds-what-is-wrong")
class TakesOpenCallsForAllowed(Acme):
    def scan(self, messages):
        items = super().scan(messages)
        answered = {part.call_id for item in items for part in item.body}
        return [
            replace(item, calls=tuple(replace(one, may_stay_open=one.sent_id not in answered) for one in item.calls))
            for item in items
        ]


@breaks("finds-what-is-wrong")
class SeesOnlyTheFirstOfTwo(Acme):
    def scan(self, messages):
        items, seen = [], set()
        for item in super().scan(messages):
            key = repr(item.source)
            items.append(replace(item, role="companion", body=()) if key in seen and item.body else item)
            seen.add(key)
        return items


@breaks("mends-what-is-wrong")
class RendersAnotherShape(Acme):
    def render(self, parsed, results):
        rendered = super().render(parsed, results)
        return Rendered(assistant_message=rendered.assistant_message, messages=[{"results": rendered.messages}])


@breaks("mends-what-is-wrong")
class CannotWriteTwoResultsOfACall(Acme):
    def write(self, items):
        refs = [part.call_id for item in items for part in item.body]
        assert len(set(refs)) == len(refs)
        return super().write(items)


@breaks("mends-what-is-wrong")
class RendersNoId(Acme):
    def answer(self, call, result):
        return {**super().answer(call, result), "ref": None}


@breaks("mends-what-is-wrong")
class LosesWhatRepairMade(Acme):
    def write_one(self, item):
        made = item.body and "in_doubt" in str(item.body[0].source)
        return [] if made else super().write_one(item)


@breaks("mends-no-more")
class WritesAllAnewAfterARepair(Acme):
    def write(self, items):
        items = list(items)
        made = any(item.body and "in_doubt" in str(item.body[0].source) for item in items)
        return [{**one} if made else one for one in super().write(items)]
