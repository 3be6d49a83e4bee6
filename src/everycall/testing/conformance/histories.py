"""`check_history_dialect`: whether what reads and writes a provider's histories holds to every rule.

1. What is demanded is the table `verdict.HISTORY_RULES`.
2. The histories given are in order; every fault is made out of them, through the dialect's own `scan` and `write`.
3. Whatever the dialect raises is a finding, never an error of the suite.
"""

from collections.abc import Sequence
from functools import partial

from everycall.core.errors import MessageError, UsageError
from everycall.core.history import HistoryRules, Message
from everycall.core.ids import IdRule
from everycall.history import check, repair
from everycall.history.scanning import PARTS
from everycall.ports import FullDialect
from everycall.testing.conformance.faults import Fault, faults_of, results_of, under_new_ids
from everycall.testing.conformance.looking import faulty, picture, shown_path
from everycall.testing.conformance.reading import meaning
from everycall.testing.conformance.verdict import HISTORY_RULES, Verdict, shown, shown_error

FACTS = {"id": "call_1", "index": 2, "part": 0, "call": 1, "behind_call": 2}
"""What may be filled into a provider's error text."""

MOST_MESSAGES = 12
"""Messages of one history into which faults of every kind are put."""

JUNK: tuple[object, ...] = (
    {},
    {"": ""},
    {7: 7},
    object(),
    ValueError("an exception"),
    {"role": None},
    {"role": 7},
    {"role": []},
    {"role": "wizard", "content": "text"},
    {"type": 7},
    {"type": []},
    {"type": "wizard"},
)
"""What stands where a message should, and is none; some dialect may read one or the other as a message all the same."""


def check_history_dialect(dialect: FullDialect, histories: Sequence[Sequence[object]]) -> None:
    """Check that *dialect* holds to every rule of `everycall.ports.HistoryDialect`, and that `repair` can work with it.

    Args:
        dialect: one object (or module) with the parts that histories need: `name`, `id_rule`, `parse`, `render`,
            `RULES`, `scan`, `write`.
        histories: conversations that the provider accepts, recorded ones at best, each a list of messages. They must
            hold two calls and their results; words of the user between two such exchanges help.

    Raises:
        ConformanceError: rules are broken; it lists each with what was seen and the cure. It is an `AssertionError`.
        UsageError: *histories* is no sequence of lists of messages.
    """
    if not histories or not all(isinstance(one, list | tuple) and one for one in histories):
        raise UsageError("histories must be lists of messages: check_history_dialect(dialect, [messages])")
    verdict = Verdict(HISTORY_RULES)
    if _has_all_parts(dialect, verdict):
        _check_row(dialect, verdict)
        read = [_check_history(dialect, list(one), f"history {n}", verdict) for n, one in enumerate(histories)]
        calls = sum(len(item.calls) for items in read for item in items)
        results = sum(len(results_of(item)) for items in read for item in items)
        enough = f"Of all histories, {calls} calls and {results} results were read; two of each are needed."
        verdict.require(min(calls, results) > 1, "reads-calls-and-results", enough)
    verdict.conclude(shown(getattr(dialect, "name", None) or dialect))


def _has_all_parts(dialect: object, verdict: Verdict) -> bool:
    lacking = [part for part in PARTS if not hasattr(dialect, part)]
    verdict.require(not lacking, "has-all-parts", f"There is no {', no '.join(lacking)}.")
    rule = getattr(dialect, "id_rule", None)
    verdict.require(isinstance(rule, IdRule), "has-all-parts", f"id_rule is {shown(rule)}, not an IdRule.")
    row = getattr(dialect, "RULES", None)
    verdict.require(isinstance(row, HistoryRules), "has-a-sound-row", f"RULES is {shown(row)}, not a HistoryRules.")
    return not lacking and isinstance(rule, IdRule) and isinstance(row, HistoryRules)


def _check_row(dialect: FullDialect, verdict: Verdict) -> None:
    row = dialect.RULES
    same = row.dialect == dialect.name
    verdict.require(same, "has-a-sound-row", f"RULES is of {row.dialect!r}, the dialect is {dialect.name!r}.")
    for errors in verdict.attempt("has-a-sound-row", "Reading RULES.errors", lambda: dict(row.errors)):
        for kind, words in errors.items():
            filled = verdict.attempt(
                "has-a-sound-row", f"Filling in the error {kind!r}", partial(str.format, words, **FACTS)
            )
            verdict.require(filled != [""], "has-a-sound-row", f"The error {kind!r} says nothing.")


def _check_history(dialect: FullDialect, messages: list[object], where: str, verdict: Verdict) -> list[Message]:
    """Check one history; return what was read of it, or nothing if that cannot be used."""
    before = picture(messages)
    items = _read(dialect, messages, where, verdict, refused="reads-calls-and-results")
    if items:
        _check_unchanged(dialect, items, where, verdict)
        _check_clean(dialect, messages, "is-clean", where, verdict)
        _check_new_ids(dialect, items, where, verdict)
        for faults in verdict.attempt("mends-what-is-wrong", f"Writing {where}", lambda: faults_of(dialect, items)):
            for fault in faults:
                _check_mending(dialect, fault, where, verdict)
    _check_junk(dialect, messages, verdict)
    verdict.require(picture(messages) == before, "changes-nothing", f"Messages of {where} were changed.")
    return items


def _read(
    dialect: FullDialect, messages: list[object], where: str, verdict: Verdict, *, refused: str | None = None
) -> list[Message]:
    """Return what is scanned; nothing if it is refused (which breaks the rule *refused*), or is not as it must be."""
    try:
        items = dialect.scan(messages)
    except MessageError as error:
        verdict.require(bool(str(error)), "survives-junk", f"For {where}, the MessageError says nothing.")
        verdict.require(refused is None, refused or "", f"{where} was refused: {shown_error(error)}.")
        return []
    except Exception as error:  # noqa: BLE001 -- foreign code: that it raises is the finding
        verdict.broke("survives-junk", f"For {where}, scan raised {shown_error(error)}.")
        return []
    sound = isinstance(items, list) and all(isinstance(item, Message) for item in items)
    if not sound or len(items) != len(messages):
        verdict.broke("one-item-per-message", f"For {where}, scan gave {shown(items)} for {len(messages)} messages.")
        return []
    same = all(item.source is message and not item.changed for item, message in zip(items, messages, strict=True))
    verdict.require(same, "one-item-per-message", f"For {where}, a source is not the message itself.")
    return items


def _check_unchanged(dialect: FullDialect, items: list[Message], where: str, verdict: Verdict) -> None:
    for written in verdict.attempt("writes-what-it-read", f"write(scan({where}))", lambda: dialect.write(items)):
        same = isinstance(written, list) and _same_objects(written, [item.source for item in items])
        verdict.require(same, "writes-what-it-read", f"write(scan({where})) gives other messages.")


def _same_objects(one: Sequence[object], other: Sequence[object]) -> bool:
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))


def _check_clean(dialect: FullDialect, messages: list[object], rule: str, where: str, verdict: Verdict) -> None:
    for findings in verdict.attempt(rule, f"check({where})", lambda: check(messages, dialect)):
        for one in findings:
            verdict.broke(rule, f"{where} has a finding, {one.kind} at message {one.position}: {one.message}")


def _check_new_ids(dialect: FullDialect, items: list[Message], where: str, verdict: Verdict) -> None:
    changed = under_new_ids(items, lambda old: dialect.id_rule.mint("new", old))
    wanted = [_facts(item) for item in changed]
    for written in verdict.attempt("writes-new-ids", f"Writing new ids into {where}", lambda: dialect.write(changed)):
        again = _read(dialect, written, f"{where} under new ids", verdict, refused="writes-new-ids")
        found = [_facts(item) for item in again]
        for position, (want, have) in enumerate(zip(wanted, found, strict=False)):
            said = f"In {where}, message {position} has {shown(have)} where {shown(want)} was to be written."
            verdict.require(want == have, "writes-new-ids", said)
        kept = [item.source for item in items if item in changed]
        objects = {id(message) for message in written}
        lost = [message for message in kept if id(message) not in objects]
        verdict.require(
            not lost, "writes-what-it-read", f"In {where}, {shown(lost[:1])} did not change, yet is another."
        )
        _check_clean(dialect, written, "writes-new-ids", f"{where} under new ids", verdict)


def _facts(item: Message) -> tuple[object, ...]:
    """Return what of a message must be read again after it was written: its calls and results, under their ids."""
    calls = [(call.name, meaning(call.arguments), call.call_id or call.sent_id) for call in item.calls]
    return item.role, calls, [(result.call_id, result.name) for result in results_of(item)]


def _check_mending(dialect: FullDialect, fault: Fault, where: str, verdict: Verdict) -> None:
    """Check that a fault is found, and mended with no more than it takes."""
    about = f"{fault.what}, {where}"
    before = picture(fault.messages)
    for findings in verdict.attempt("finds-what-is-wrong", f"{about}: check", lambda: check(fault.messages, dialect)):
        kinds = sorted({one.kind for one in findings})
        found = bool(kinds) if fault.kind is None else fault.kind in kinds
        verdict.require(found, "finds-what-is-wrong", f"{about} has the findings {kinds}, not {fault.kind or 'any'}.")
    rewritten = _check_repair(dialect, fault.messages, about, verdict)
    if rewritten is not None and fault.rewrites is not None:
        few = rewritten <= fault.rewrites
        verdict.require(few, "mends-no-more", f"{about}: repair wrote {rewritten} messages anew.")
    verdict.require(picture(fault.messages) == before, "changes-nothing", f"{about}: repair changed messages.")


def _check_repair(dialect: FullDialect, messages: list[object], about: str, verdict: Verdict) -> int | None:
    """Check that a history is clean after `repair`, and stays so; return how many messages were written anew."""
    for mended in verdict.attempt(
        "mends-what-is-wrong", f"{about}: repair", lambda: repair(messages, dialect).messages
    ):
        _check_clean(dialect, mended, "mends-what-is-wrong", f"{about}, repaired,", verdict)
        again = verdict.attempt("mends-what-is-wrong", f"{about}: a second repair", partial(repair, mended, dialect))
        for twice in again:
            same = not twice.edits and _same_objects(twice.messages, mended)
            verdict.require(same, "mends-what-is-wrong", f"{about}: a second repair changes more.")
        kept = {id(message) for message in mended}
        return sum(id(message) not in kept for message in messages)
    return None


def _check_junk(dialect: FullDialect, messages: list[object], verdict: Verdict) -> None:
    for junk in JUNK:
        _read(dialect, [junk], shown(junk), verdict)
    for position, message in enumerate(messages[:MOST_MESSAGES]):
        for place, fault, broken in faulty(message, ()):
            where = f"message {position} with {shown(fault)} at {shown_path(place.path)}"
            history = [*messages[:position], broken, *messages[position + 1 :]]
            before = picture(broken)
            if _read(dialect, history, where, verdict):
                _check_repair(dialect, history, where, verdict)
            verdict.require(picture(broken) == before, "changes-nothing", f"It changed {where}.")
