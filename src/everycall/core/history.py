"""Whole histories as plain values: what a dialect reads, what `check` finds, what `repair` changes. Pure data.

1. A history is a list of `Message`s in the order of the wire; one per message (or per item, where the wire has items).
2. A message keeps its `source`, the very object that was read. Only what is `changed` is written anew.
3. The three tables here (`FindingKind`, `EditKind`, `HistoryRules`) are the whole vocabulary of the history part.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from everycall.core.calls import ToolCall

FindingKind = Literal[
    "missing_result",  # a call without a result
    "orphan_result",  # a result that answers no call
    "duplicate_result",  # a second result of one call
    "duplicate_call_id",  # an id twice among the calls of one turn
    "interleaved_message",  # something stands between a call and its result
    "result_before_call",  # a result ahead of its call
    "invalid_id",  # an id that is absent, empty or not what the provider takes
    "mismatched_name",  # a result under another tool's name, or of another kind of call
    "split_results",  # results of one turn over several messages, where the provider wants one
    "invalid_content",  # a result without content, or of a type that the provider refuses
]
"""What can be wrong with a history: a closed set."""

EditKind = Literal["inserted", "moved", "dropped", "rewritten"]
"""What `repair` does: a closed set."""

Role = Literal["system", "user", "assistant", "results", "companion"]
"""Who speaks. `results`: a message of results alone. `companion`: an item that the model's output carries along."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One reason why a provider would refuse a history, or answer it wrongly.

    Attributes:
        position: index of the message in the history, from 0.
        kind: one word of the closed set.
        call_id: the id concerned, as sent; `""` if there is none.
        message: what is wrong, in one sentence.
        provider_error: what the provider would answer, in its own words; None where no text is known.
    """

    position: int
    kind: FindingKind
    call_id: str
    message: str
    provider_error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One change that `repair` made.

    Attributes:
        position: index of the message concerned, in the history as given; for an insertion, of the message with the
            call.
        kind: one word of the closed set.
        call_id: the id concerned, as it is in the repaired history; for a dropped result, as it was.
        message: what was done and why, in one sentence.
        dropped: the result as it was, where it was taken out or its content was replaced: nothing is lost.
    """

    position: int
    kind: EditKind
    call_id: str
    message: str
    dropped: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """A history without findings, and how it came about.

    Attributes:
        messages: a new list; the messages that needed no change are the same objects as before.
        edits: every change, in the order of the history.
    """

    messages: list[object] = field(default_factory=list)
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One result as it stands in a history.

    Attributes:
        source: the message or the part that holds it, as read.
        call_id: the id as sent; None if it is missing, empty or not text.
        name: the tool's name where the wire carries one; None where it does not.
        kind: the kind of call that it answers, in the dialect's own word; None where the wire does not tell.
        defect: why the provider would refuse its content; None if it would not.
        changed: its id, name, kind or content differ from *source* and are to be written.
    """

    source: object
    call_id: str | None
    name: str | None = None
    kind: str | None = None
    defect: str | None = None
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Rest:
    """A part that is neither a call nor a result: text, an image. Kept as it is."""

    source: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a history.

    Attributes:
        source: the object that was read; None for a message that `repair` composes.
        role: who speaks.
        calls: the calls that are ours to answer; `call_id` is set where it is to differ from `sent_id`.
        body: the parts of a message that holds, or may come to hold, results; empty for all others.
        changed: write the message anew, from *calls* or *body*.
        proper: the message proper, where *source* is a shell around it; None where it is not.
    """

    source: object
    role: Role
    calls: tuple[ToolCall, ...] = ()
    body: tuple[Result | Rest, ...] = ()
    changed: bool = False
    proper: object = None

    @property
    def inner(self) -> object:
        """The message proper, as the turn side of a dialect reads it."""
        return self.source if self.proper is None else self.proper


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRules:
    """What one provider demands of the calls and results in a history, as a table row.

    Attributes:
        dialect: the dialect's name.
        errors: the provider's own words per kind of finding. Filled in: `{id}`, `{index}` (position of the message),
            `{part}` (place of the result in it), `{call}` and `{behind_call}` (positions of the message with the call
            and of the one after it). Further rows: `stray` (a result that directly follows no call), `no_result_id`,
            and one per defect of a result's content.
        positional: ids may be absent; such results pair by order.
        repeats_ids: where a call has an id its result must have it too, although both may do without.
        adjacent: results follow their call directly. If not, they may come at any later place.
        one_message: the results of a turn share one message.
        results_first: within such a message nothing stands ahead of the results.
        merges_roles: neighbouring messages of one role count as one.
        joins_user: roles alternate, so results are put into the user message that follows the call, if there is one.
        alternates: two messages of the model in a row are refused.
        without_id: kinds of call that have no id at all and are answered by name.
    """

    dialect: str
    errors: Mapping[str, str]
    positional: bool = False
    repeats_ids: bool = False
    adjacent: bool = True
    one_message: bool = False
    results_first: bool = False
    merges_roles: bool = False
    joins_user: bool = False
    alternates: bool = False
    without_id: frozenset[str] = frozenset()

    def call_needs_id(self, call: ToolCall) -> bool:
        """Whether *call* must have an id."""
        return not self.positional and call.kind not in self.without_id

    def result_needs_id(self, call: ToolCall) -> bool:
        """Whether the result of *call* must have an id."""
        return self.call_needs_id(call) or (self.repeats_ids and bool(call.sent_id))
