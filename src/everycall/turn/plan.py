"""Every refusal is decided here, before anything runs. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from everycall.core.calls import ToolCall
from everycall.core.outcomes import Code
from everycall.core.policy import Limits
from everycall.core.text import one_line
from everycall.registry.arguments import ArgumentsRefused, read_arguments
from everycall.registry.tool import Bound, Tool


class Planned(NamedTuple):
    """A call that may run: its tool is known and its arguments are valid.

    Attributes:
        call: as the message holds it.
        tool: what to run.
        text: the arguments as strict JSON, from which each attempt gets arguments of its own.
        bound: the arguments of the first attempt.
        notes: what was changed to read them.
    """

    call: ToolCall
    tool: Tool
    text: str
    bound: Bound
    notes: tuple[str, ...]


class Rejected(NamedTuple):
    """A call that is answered without being run, and the reason for the model."""

    call: ToolCall
    code: Code
    message: str


class Echo(NamedTuple):
    """A call that repeats the one at position *of*: same id, same name, same arguments. It gets that one's outcome."""

    call: ToolCall
    of: int


Plan = Planned | Rejected | Echo

MAX_NAME_SEARCHES = 20
"""Unknown tools of one message for which near names are looked up: in a large registry that takes milliseconds."""

CUT_OFF = "The message was cut off before it was complete, so none of its calls was run. Send them again."
"""Why a call of a truncated message is not run: a client may have completed its arguments by guessing."""


def plan(
    calls: Sequence[ToolCall],
    tools: Mapping[str, Tool],
    limits: Limits,
    *,
    cut_off: bool = False,
    close_names: Callable[[str], Sequence[str]] = lambda _: (),
) -> list[Plan]:
    """Decide every call of a message.

    Args:
        calls: in order, with `call_id` assigned.
        tools: by name; not changed while the turn runs.
        limits: of this turn.
        cut_off: the model's output was cut.
        close_names: gives near names for a tool that does not exist.

    Returns:
        One decision per call, in the order of the calls.
    """
    if cut_off:
        return [Rejected(call, "unfinished_message", CUT_OFF) for call in calls]
    echoes = _echoes(calls)
    plans: list[Plan] = []
    searches = MAX_NAME_SEARCHES
    for call in calls:
        if call.position in echoes:
            plans.append(Echo(call, echoes[call.position]))
        elif call.position >= limits.calls:
            message = f"This message has more than {limits.calls} calls; the rest was not run. Send fewer at a time."
            plans.append(Rejected(call, "limit", message))
        elif call.name in tools or call.defect is not None:
            plans.append(_plan_one(call, tools, limits))
        else:
            searches -= 1
            plans.append(
                Rejected(call, "unknown_tool", _unknown(call.name, close_names(call.name) if searches >= 0 else ()))
            )
    return plans


def _plan_one(call: ToolCall, tools: Mapping[str, Tool], limits: Limits) -> Planned | Rejected:
    if call.defect is not None:
        return Rejected(call, "invalid_arguments", call.defect)
    tool = tools[call.name]
    try:
        text, notes = read_arguments(call.arguments, max_bytes=limits.argument_bytes)
        return Planned(call, tool, text, tool.bind(text), notes)
    except ArgumentsRefused as refusal:
        return Rejected(call, "invalid_arguments", str(refusal))


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
        same = (call.sent_id, call.name, repr(call.arguments))
        at = first.setdefault(same, call.position)
        if at != call.position:
            echoes[call.position] = at
    return echoes
