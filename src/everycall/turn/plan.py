"""What becomes of each call, as far as the message and the tools tell: planned, refused, or an echo. Pure.

What only the running turn knows is refused where it is found: depth (`nested`), consent and predecessors (`clearance`),
places (`admission`).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from everycall.core.calls import ToolCall
from everycall.core.making import new_tuple
from everycall.core.outcomes import Code, ToolResult
from everycall.core.policy import Limits
from everycall.core.text import one_line, utf8_size
from everycall.registry.arguments import ArgumentsRefused, read_arguments
from everycall.registry.binding import Bound
from everycall.registry.tool import Tool
from everycall.turn.policies import Policies, policies_of


class Planned(NamedTuple):
    """A call that may run: its tool is known and its arguments are valid.

    Attributes:
        call: as the message holds it.
        tool: what to run.
        text: the arguments as strict JSON, from which each attempt gets arguments of its own.
        bound: the arguments of the first attempt.
        notes: what was changed to read them.
        policies: what the call touches, and whether it needs consent; None if its tool says nothing of either.
    """

    call: ToolCall
    tool: Tool
    text: str
    bound: Bound
    notes: tuple[str, ...]
    policies: Policies | None = None

    @property
    def as_sent(self) -> bool:
        """Whether there is nothing to tell of it: its arguments were taken as they are."""
        return not self.notes and not self.bound.coerced and self.policies is None


class Rejected(NamedTuple):
    """A call that is answered without being run, and the reason for the model.

    Attributes:
        call: as the message holds it.
        code: why.
        message: for the model.
        policies: what the call would have touched, where that is known: those in conflict with it count it as failed.
    """

    call: ToolCall
    code: Code
    message: str
    policies: Policies | None = None


class Echo(NamedTuple):
    """A call that repeats the one at position *of*: same id, same name, same arguments. It gets that one's outcome."""

    call: ToolCall
    of: int


class Kept(NamedTuple):
    """A call that has its result from the turn that is resumed.

    Attributes:
        call: as the message holds it.
        result: that result.
        note: what was said when it was deferred; None if it was not.
        planned: how it would run, if it still waits for a decision.
        repeats: the position of the call that it repeats; None if it repeats none.
    """

    call: ToolCall
    result: ToolResult
    note: str | None = None
    planned: Planned | None = None
    repeats: int | None = None


Plan = Planned | Rejected | Echo | Kept

MAX_NAME_SEARCHES = 8
"""Unknown tools of one message for which near names are looked up: in a large registry each takes milliseconds."""

NOBODY_TO_ASK = "This tool needs consent, and there is nobody to give it here. Do without it."
"""Why a call that needs consent is not run where no approver was given."""

CUT_OFF = "The message was cut off before it was complete, so none of its calls was run. Send them again."
"""Why a call of a truncated message is not run: a client may have completed its arguments by guessing."""


def plan(
    calls: Sequence[ToolCall],
    tools: Mapping[str, Tool],
    limits: Limits,
    *,
    cut_off: bool = False,
    approver: bool = False,
    close_names: Callable[[str], Sequence[str]] = lambda _: (),
) -> list[Plan]:
    """Decide every call of a message.

    Args:
        calls: in order, with `call_id` assigned.
        tools: by name; not changed while the turn runs.
        limits: of this turn.
        cut_off: the model's output was cut.
        approver: there is somebody to ask for consent.
        close_names: gives near names for a tool that does not exist.

    Returns:
        One decision per call, in the order of the calls.
    """
    if cut_off:
        return [Rejected(call, "unfinished_message", CUT_OFF) for call in calls]
    echoes = _echoes(calls)
    plans: list[Plan] = []
    searches = MAX_NAME_SEARCHES
    room = limits.turn_argument_bytes
    for call in calls:
        if call.position in echoes:
            plans.append(Echo(call, echoes[call.position]))
        elif call.position >= limits.calls:
            message = f"This message has more than {limits.calls} calls; the rest was not run. Send fewer at a time."
            plans.append(Rejected(call, "limit", message))
        elif call.defect is not None:
            plans.append(Rejected(call, "invalid_arguments", call.defect))
        elif call.name in tools:
            one = _plan_one(call, tools, limits, room, approver=approver)
            plans.append(one)
            if type(one) is Planned:
                room -= utf8_size(one.text)
        else:
            searches -= 1
            plans.append(
                Rejected(call, "unknown_tool", _unknown(call.name, close_names(call.name) if searches >= 0 else ()))
            )
    return plans


def _plan_one(
    call: ToolCall, tools: Mapping[str, Tool], limits: Limits, room: int, *, approver: bool
) -> Planned | Rejected:
    """Decide one call whose arguments may have *room* bytes, so that those of the turn stay within its limit."""
    tool = tools[call.name]
    if isinstance(call.arguments, str) and room < len(call.arguments) <= limits.argument_bytes:
        return _too_much(call, limits)  # before they are paid for
    try:
        text, notes = read_arguments(call.arguments, max_bytes=limits.argument_bytes)
        if 4 * len(text) > room and utf8_size(text) > room:  # a character has up to four bytes
            return _too_much(call, limits)
        bound = tool.bind(text)
    except ArgumentsRefused as refusal:
        message = tool.redactor.hide(refusal.message) if refusal.foreign else refusal.message
        return Rejected(call, "invalid_arguments", message)
    policies = policies_of(tool, text) if tool.touches is not None or tool.needs_approval else None
    if policies is not None and policies.gated and not approver:
        return Rejected(call, "denied", NOBODY_TO_ASK, policies)
    return new_tuple(Planned, (call, tool, text, bound, notes, policies))


def _too_much(call: ToolCall, limits: Limits) -> Rejected:
    message = (
        f"The arguments of this message's calls are too large together: more than {limits.turn_argument_bytes} bytes. "
        "This call was not run: send fewer at a time."
    )
    return Rejected(call, "limit", message)


def _unknown(name: str, near: Sequence[str]) -> str:
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return f"There is no tool named {one_line(name, 128)!r}.{hint}"


def _echoes(calls: Sequence[ToolCall]) -> dict[int, int]:
    """Return, for each call that repeats an earlier one to the letter, the position of the first.

    A repeated id alone is not enough: weak models reuse ids for different calls. An absent id never makes an echo.
    """
    if len(calls) < 2 or len({call.sent_id for call in calls}) == len(calls):
        return {}
    first: dict[tuple[str, str, str], int] = {}
    echoes: dict[int, int] = {}
    for call in calls:
        if not call.sent_id or call.defect is not None:
            continue
        try:
            same = (call.sent_id, call.name, repr(call.arguments))
        except Exception:  # noqa: BLE001, S112 -- a client's own mapping, or one too deep: what cannot be compared is no echo
            continue
        at = first.setdefault(same, call.position)
        if at != call.position:
            echoes[call.position] = at
    return echoes
