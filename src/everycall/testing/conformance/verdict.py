"""The rules of the suite, and how a broken one is told. Values and a list; nothing here looks at a dialect."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from everycall.core.text import bounded

Value = TypeVar("Value")

TURN_RULES: Mapping[str, str] = {
    "has-all-parts": "A dialect has name, id_rule, detect, parse, render and definitions: see everycall.ports.Dialect.",
    "mints-valid-ids": "Let IdRule.pattern match what prefix and length give, with a length of at least 8.",
    "detects-its-own": "Let detect return True for each message and response that parse reads.",
    "refuses-others": "Let detect return False, and raise nothing, for whatever is not in this shape.",
    "reads-calls": "Let parse give one ToolCall per call, in order, with id, name and arguments as sent.",
    "reads-the-unreadable": "Give an entry that cannot be read, in a list that can, as a ToolCall with a defect.",
    "reads-the-finish": "Keep finish_reason=, or else the message's own word; set cut_off if the word says so.",
    "parse-changes-nothing": "Let parse read alone: copy before you change, and give the same answer every time.",
    "survives-junk": "Raise MessageError for what is no assistant message, and nothing else for anything at all.",
    "one-result-per-call": "Let render write one result per call, whatever its status; none if there are no calls.",
    "keeps-the-order": "Write the results in the order of the calls.",
    "ids-on-both-sides": "Write call.call_id into the call that is sent back and into its result.",
    "absent-ids-stay-absent": "Where ids are optional and a call came without one, write none on either side.",
    "leaves-calls-alone": "Send names and arguments back as they came; only ids may change.",
    "keeps-companions": "Send back what stands beside the calls (thinking, signatures) byte for byte.",
    "render-changes-nothing": "Let render build new values, the same each time, and leave the parsed message as it is.",
    "shows-failures": "Set the error flag on a result that is no success; without a flag, write its content whole.",
    "no-empty-text": "Write a text such as '(no output)' where a result has none.",
    "shows-media-or-says-so": "Send images and files, or write words for them and name the call in Rendered.replaced.",
    "describes-tools": "Let definitions give name, description and schema of every tool, and change none of them.",
    "keeps-or-refuses-names": "Write a tool's name as it is, or raise UsageError that quotes it: never rename.",
}
"""What `check_dialect` demands, and how to mend what breaks it."""

HISTORY_RULES: Mapping[str, str] = {
    "has-all-parts": "A dialect for histories has RULES, scan and write, and name, id_rule, parse and render.",
    "has-a-sound-row": "Let RULES be a HistoryRules of this dialect's name; its errors may use {id}, {index}, {part}, "
    "{call} and {behind_call}.",
    "one-item-per-message": "Let scan give one Message per message, in order, with the object itself as its source.",
    "reads-calls-and-results": "Let scan put what parse reads into Message.calls, and each result into Message.body.",
    "writes-what-it-read": "Let write give the very objects that were read: item.source, where item.changed is False.",
    "changes-nothing": "Let scan and write build new values: the messages themselves stay as they are.",
    "survives-junk": "Raise MessageError for a message that cannot be read, and nothing else for anything at all.",
    "is-clean": "Let scan find each call and its result, and RULES demand no more than the provider does.",
    "writes-new-ids": "Let write put the new ids of a changed message's calls and results where scan finds them.",
    "finds-what-is-wrong": "Let scan read calls and results wherever they stand: check goes by nothing else.",
    "mends-what-is-wrong": "Let scan read what render and write have made, and write put each body into its message.",
    "mends-no-more": "Let write give item.source where item.changed is False: repair changes one message per fault.",
}
"""What `check_history_dialect` demands, and how to mend what breaks it."""

MOST_SHOWN = 3
"""Sentences shown per rule: the first cases tell as much as the hundredth."""


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """One rule that a dialect breaks.

    Attributes:
        rule: its name, a row of the suite's table.
        what: what was seen, in one sentence.
        cure: what to do about it, in one sentence.
    """

    rule: str
    what: str
    cure: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.what} {self.cure}"


class ConformanceError(AssertionError):
    """A dialect breaks rules of the suite; the text lists each with its cure.

    Args:
        subject: the dialect's name, or what else tells it apart.
        broken: the rules, in the order in which they were found broken.
    """

    def __init__(self, subject: str, broken: tuple[BrokenRule, ...]) -> None:
        rules = len({one.rule for one in broken})
        lines = [f"{subject} breaks {rules} rule{'' if rules == 1 else 's'} of the suite:", *map(str, broken)]
        super().__init__("\n- ".join(lines))
        self.broken = broken


class Verdict:
    """Collects what is broken, a few cases per rule."""

    def __init__(self, rules: Mapping[str, str]) -> None:
        self._rules = rules
        self._broken: list[BrokenRule] = []

    def broke(self, rule: str, what: str) -> None:
        """Note that *rule* is broken; *what* is a sentence."""
        one = BrokenRule(rule, what, self._rules[rule])
        known = [other for other in self._broken if other.rule == rule]
        if len(known) < MOST_SHOWN and one not in known:
            self._broken.append(one)

    def require(self, holds: bool, rule: str, what: str) -> None:
        """Note that *rule* is broken unless it *holds*."""
        if not holds:
            self.broke(rule, what)

    def attempt(self, rule: str, what: str, ask: Callable[[], Value]) -> list[Value]:
        """Return what *ask* returns, as a list of one; an empty one, and a note, if it raises.

        Args:
            rule: what is broken then.
            what: says what was asked; begins the sentence.
            ask: calls the dialect.
        """
        try:
            return [ask()]
        except Exception as error:  # noqa: BLE001 -- foreign code: that it raises is the finding
            self.broke(rule, f"{what} raised {shown_error(error)}.")
            return []

    def conclude(self, subject: str) -> None:
        """Raise what was noted.

        Raises:
            ConformanceError: a rule is broken.
        """
        if self._broken:
            raise ConformanceError(subject, tuple(self._broken))


def shown_error(error: BaseException) -> str:
    """Return an exception in a few words."""
    return f"{type(error).__name__} ({bounded(str(error), 120)!r})"


def shown(value: object) -> str:
    """Return any value in a few characters, for a sentence."""
    try:
        return bounded(repr(value), 120)
    except Exception:  # noqa: BLE001 -- foreign code
        return f"a {type(value).__name__}"
