"""What follows from the plans of a turn: which call waits for which, and which repeats which. Pure."""

from collections.abc import Sequence

from everycall.turn.plan import Echo, Plan, Planned, Rejected
from everycall.turn.schedule import Node, Schedule, ScheduledCall, schedule


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
    ids = _Ids(plans)
    return tuple(
        ScheduledCall(
            one.call.call_id,
            one.call.name,
            ids.before(nodes[one.call.position]) if nodes else (),
            one.policies.footprint if one.policies is not None else None,
        )
        for one in plans
        if type(one) is Planned
    )


class _Ids:
    """Gives the ids of the calls before a call; one tuple to all that wait for the same crowd, which may be many each.

    Args:
        plans: of the turn, by position.
    """

    __slots__ = ("_known", "_plans")

    def __init__(self, plans: Sequence[Plan]) -> None:
        self._plans = plans
        self._known: dict[tuple[Node, ...], tuple[str, ...]] = {}

    def before(self, node: Node) -> tuple[str, ...]:
        predecessors = node.predecessors()
        known = self._known.get(predecessors)
        if known is None:
            known = tuple([self._plans[at].call.call_id for at in sorted(node.calls_before())])
            self._known[predecessors] = known
        return known


def echoes_of(plans: Sequence[Plan]) -> dict[int, list[int]]:
    """Return, for each call that is repeated in its message, the positions of its repetitions."""
    echoes: dict[int, list[int]] = {}
    for one in plans:
        if type(one) is Echo:
            echoes.setdefault(one.of, []).append(one.call.position)
    return echoes
