"""What follows from the plans of a turn: which call waits for which, and which repeats which. Pure."""

from collections.abc import Sequence

from everycall.turn.plan import Echo, Plan, Planned, Rejected
from everycall.turn.schedule import Schedule, ScheduledCall, schedule


def is_plain(plans: Sequence[Plan]) -> bool:
    """Return whether every call may start at once, and there is nothing to tell of any."""
    for one in plans:
        if type(one) is not Planned or not one.tool.plain or one.call.call_id != one.call.sent_id:
            return False
        if one.notes or one.bound.coerced:
            return False
    return True


def schedule_of(plans: Sequence[Plan]) -> Schedule | None:
    """Return which call of a turn waits for which; None if no tool says what it touches or needs consent."""
    for one in plans:
        if (type(one) is Planned or type(one) is Rejected) and one.policies is not None:
            break
    else:
        return None
    footprints = {
        one.call.position: one.policies.footprint if one.policies is not None else None
        for one in plans
        if type(one) is Planned or (type(one) is Rejected and one.policies is not None)
    }
    return schedule(footprints)


def scheduled_calls(plans: Sequence[Plan], arranged: Schedule | None) -> tuple[ScheduledCall, ...]:
    """Return who waits for whom, one entry for each call that may run.

    Args:
        plans: of the turn, by position.
        arranged: its schedule; None if none waits for any.
    """
    nodes = arranged.nodes if arranged is not None else {}
    return tuple(
        ScheduledCall(
            one.call.call_id,
            one.call.name,
            tuple([plans[at].call.call_id for at in sorted(nodes[one.call.position].calls_before())] if nodes else ()),
            one.policies.footprint if one.policies is not None else None,
        )
        for one in plans
        if type(one) is Planned
    )


def echoes_of(plans: Sequence[Plan]) -> dict[int, list[int]]:
    """Return, for each call that is repeated in its message, the positions of its repetitions."""
    echoes: dict[int, list[int]] = {}
    for one in plans:
        if type(one) is Echo:
            echoes.setdefault(one.of, []).append(one.call.position)
    return echoes
