"""What the observers are told of a turn besides its calls' own way: the plan, and what rendering had to change."""

from collections.abc import Callable, Sequence

from everycall.core.calls import ToolCall
from everycall.core.events import CallEchoed, CallPlanned, ValueCoerced
from everycall.ports import Rendered
from everycall.turn.collector import Collector
from everycall.turn.emit import Emitter
from everycall.turn.plan import Echo, Plan, Planned, Rejected


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
