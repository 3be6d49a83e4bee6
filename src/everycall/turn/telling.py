"""What the observers are told of a turn where that takes more than a word."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from everycall.core.calls import ToolCall
from everycall.core.events import AttemptFailed, CallEchoed, CallPlanned, ValueCoerced
from everycall.ports import AttemptEnd, Raised, Rendered, Returned
from everycall.turn.collector import Collector
from everycall.turn.emit import Emitter
from everycall.turn.judge import Outcome
from everycall.turn.plan import Echo, Plan, Planned, Rejected

if TYPE_CHECKING:
    from everycall.turn.attempts import Attempt


def tell_planned(plan: Plan, emit: Emitter, collector: Collector) -> None:
    """Tell the observers what was decided about one call, and what had to be changed for it."""
    call = plan.call
    match plan:
        case Planned():
            if emit.routine:
                emit.call(CallPlanned, call)
            for note in plan.notes:
                emit.call(ValueCoerced, call, where="arguments", what=note)
            if plan.bound.coerced:
                emit.call(ValueCoerced, call, where="arguments", what="converted to the types that the tool declares")
            for fault in plan.policies.faults if plan.policies is not None else ():
                emit.fault(f"a policy of tool {call.name!r}", fault)
        case Echo():
            emit.call(CallEchoed, call, of=plan.of)
        case Rejected():
            collector.announce(call.position)


def tell_replaced(render: Callable[[], Rendered], calls: Sequence[ToolCall], emit: Emitter) -> None:
    """Tell the observers which images and files the provider cannot take in a result: they became text."""
    try:
        replaced = render().replaced
    except Exception as error:  # noqa: BLE001 -- a dialect of the caller's own; it fails again where it is asked for
        emit.fault("rendering", error)
        return
    for position in replaced:
        emit.call(ValueCoerced, calls[position], where="content", what="what the provider cannot take became text")


def tell_failed(emit: Emitter, attempt: "Attempt", outcome: Outcome, *, expected: bool) -> None:
    """Tell the observers that an attempt has failed.

    Args:
        emit: tells them.
        attempt: that one.
        outcome: of its call, if no other attempt follows.
        expected: another follows, or the failure was asked for: no fault that somebody has to look at.
    """
    error = outcome.error
    emit.call(
        AttemptFailed,
        attempt.slot.call,
        attempt=attempt.number,
        code=outcome.code,
        error=error,
        expected=expected or error is None or not error.traceback,
    )


def how_it_ended(end: AttemptEnd) -> str:
    """Return in one word how an attempt ended."""
    match end:
        case Returned():
            return "returned"
        case Raised():
            return "raised"
        case _:
            return "stopped"
