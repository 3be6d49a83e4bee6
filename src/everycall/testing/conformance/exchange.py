"""What every exchange must hold to, whatever the message: the part of `check_dialect` that needs no sample.

A result is found again by its marker, a text that no other result holds. What a result owns is the largest part of the
messages that holds its marker and no other's; there its id must stand, and only there may its failure show.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from everycall.core.calls import ParsedMessage, ToolCall
from everycall.core.content import Content
from everycall.core.errors import MessageError
from everycall.core.outcomes import ToolResult, error_envelope
from everycall.ports import Dialect, Rendered
from everycall.testing.conformance.looking import Leaves, Path, below, holds, leaves, own_part, places_of
from everycall.testing.conformance.reading import meaning
from everycall.testing.conformance.verdict import Verdict, shown, shown_error


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One message as a dialect has read it.

    Attributes:
        dialect: the dialect.
        parsed: the message, its calls with their ids assigned.
        where: names the message, for the sentences.
        verdict: takes what is broken.
    """

    dialect: Dialect
    parsed: ParsedMessage
    where: str
    verdict: Verdict

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The calls of the message."""
        return self.parsed.calls

    def require(self, holds_true: bool, rule: str, what: str) -> None:
        """Note that *rule* is broken unless it holds; *what* ends a sentence that begins with the case."""
        self.verdict.require(holds_true, rule, f"For {self.where}, {what}.")

    def stays_absent(self, call: ToolCall) -> bool:
        """Whether *call* came without an id, and its provider takes it so."""
        return self.dialect.id_rule.positional and not call.sent_id

    def under_new_ids(self) -> "Case":
        """Return the same message with another id for each call that has one, as if the old ones could not stay."""
        mint = self.dialect.id_rule.mint
        calls = [
            one if self.stays_absent(one) else replace(one, call_id=mint("new", one.position)) for one in self.calls
        ]
        return replace(self, parsed=replace(self.parsed, calls=tuple(calls)), where=f"{self.where} under new ids")

    def render(self, results: Sequence[ToolResult], what: str = "") -> Rendered | None:
        """Return what the dialect renders; None, and a note, if that is no exchange at all."""
        asked = f"render({self.where}{what})"
        for rendered in self.verdict.attempt(
            "one-result-per-call", asked, lambda: self.dialect.render(self.parsed, results)
        ):
            if isinstance(rendered, Rendered) and isinstance(rendered.messages, list):
                return self._known(rendered)
            odd = f"{asked} gave {shown(rendered)}, not a Rendered with a list."
            self.verdict.broke("one-result-per-call", odd)
        return None

    def _known(self, rendered: Rendered) -> Rendered:
        stray = [position for position in rendered.replaced if position not in range(len(self.calls))]
        self.require(not stray, "shows-media-or-says-so", f"replaced names {stray}, which are no calls")
        return rendered


def marker(call: ToolCall) -> str:
    """Return the text that only the result of *call* holds."""
    return f"answer-{call.position}-of-the-suite"


def succeeded(call: ToolCall, content: Content | None = None) -> ToolResult:
    """Return a result of *call*; without *content* a text with characters that must not be touched."""
    text = f'{marker(call)} "quoted" {{braces}} <b>\u00e9\n\u4e16' if content is None else content
    return ToolResult(
        call_id=call.call_id, tool_name=call.name, status="success", code="ok", effect="done", content=text
    )


def failed(call: ToolCall, content: Content | None = None) -> ToolResult:
    """Return a failure of *call*; without *content* the usual error object."""
    envelope = error_envelope(code="tool_error", effect="unknown", message=marker(call), retryable=False)
    return ToolResult(
        call_id=call.call_id,
        tool_name=call.name,
        status="error",
        code="tool_error",
        effect="unknown",
        content=envelope if content is None else content,
    )


def check_exchange(
    case: Case, make: Callable[[ToolCall], ToolResult] = succeeded, *, faulty: bool = False
) -> Rendered | None:
    """Check one exchange: one result per call, in order, each beside its own id; and the calls sent back as they came.

    Args:
        case: the message.
        make: makes the result of a call.
        faulty: the message is a broken one: what is sent back may be refused, as long as that is a `MessageError`.

    Returns:
        What was rendered; None if it could not be.
    """
    rendered = case.render([make(call) for call in case.calls])
    if rendered is None:
        return None
    if not case.calls:
        case.require(rendered.messages == [], "one-result-per-call", "there are results although there are no calls")
        return rendered
    found = leaves(rendered.messages)
    for call in case.calls:
        count = len(places_of(found, marker(call)))
        enough = count == 1 or (count == 0 and call.position in rendered.replaced)
        case.require(enough, "one-result-per-call", f"call {call.position} has {count} results with its text")
    places = where_results_are(case, found)
    order = [path for path, _ in found]
    written = sorted(places, key=lambda position: order.index(places[position]))
    case.require(written == sorted(written), "keeps-the-order", f"the results stand in the order {written}")
    for call in case.calls:
        _check_ids(case, call, rendered, owned(found, places, call))
    _check_calls(case, rendered, faulty=faulty)
    return rendered


def where_results_are(case: Case, found: Leaves) -> dict[int, Path]:
    """Return where each result's marker is, by position of the call; without those that have none."""
    return {call.position: path for call in case.calls for path in places_of(found, marker(call))[:1]}


def owned(found: Leaves, places: dict[int, Path], call: ToolCall) -> Leaves:
    """Return what the result of *call* owns of the messages; all of them if its marker is not there."""
    path = places.get(call.position)
    others = [other for position, other in places.items() if position != call.position]
    return found if path is None else below(found, own_part(path, others))


def _check_ids(case: Case, call: ToolCall, rendered: Rendered, own: Leaves) -> None:
    if case.stays_absent(call):
        sides = (leaves(rendered.messages), leaves(rendered.assistant_message))
        absent = not any(holds(side, call.call_id) for side in sides)
        case.require(absent, "absent-ids-stay-absent", f"call {call.position} got an id")
    else:
        there = holds(own, call.call_id)
        case.require(there, "ids-on-both-sides", f"{call.call_id!r} is not on the result of call {call.position}")


def _check_calls(case: Case, rendered: Rendered, *, faulty: bool) -> None:
    """Check what is sent back by reading it again: the same calls, under the ids of the exchange."""
    try:
        sent_back = case.dialect.parse(rendered.assistant_message).calls
    except Exception as error:  # noqa: BLE001 -- foreign code: that it raises is the finding
        allowed = faulty and isinstance(error, MessageError)
        case.require(allowed, "leaves-calls-alone", f"what is sent back cannot be read: {shown_error(error)}")
        return
    if len(sent_back) != len(case.calls):
        count = f"{len(case.calls)} calls came and {len(sent_back)} are sent back"
        case.require(False, "leaves-calls-alone", count)
        return
    for call, sent in zip(case.calls, sent_back, strict=True):
        wanted = None if case.stays_absent(call) else call.call_id
        rule = "absent-ids-stay-absent" if wanted is None else "ids-on-both-sides"
        with_id = f"call {call.position} is sent back with the id {sent.sent_id!r}, not {wanted!r}"
        case.require((sent.sent_id or None) == wanted, rule, with_id)
        # what stands for a call that cannot be read is the dialect's own affair
        same = call.defect is not None or (call.name, meaning(call.arguments)) == (sent.name, meaning(sent.arguments))
        case.require(same, "leaves-calls-alone", f"call {call.position} is sent back as {shown(sent)}")
