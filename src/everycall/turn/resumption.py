"""A deferred call is decided after its turn: which calls wait, and the plan of the turn that goes on. Pure.

What has run keeps its result. Each pending call is decided once: by the turn that a `resume` gave, not by an older one.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from everycall.core.calls import ToolCall
from everycall.core.decisions import Approve, Decision, Defer, Deny, PendingCall
from everycall.core.errors import UsageError
from everycall.core.outcomes import ToolResult
from everycall.core.policy import Limits
from everycall.core.text import one_line
from everycall.turn.consent import Go, judge_decision
from everycall.turn.plan import Echo, Kept, Plan, Planned, Rejected
from everycall.turn.policies import digest_of


def pending_calls(
    plans: Sequence[Plan], results: Sequence[ToolResult], notes: Mapping[int, str]
) -> tuple[PendingCall, ...]:
    """Return the calls of a turn that wait for a decision.

    Args:
        plans: of the turn, by position.
        results: of the turn, by position.
        notes: what was said when a call was deferred, by position.
    """
    pending: list[PendingCall] = []
    for one in plans:
        position = one.call.position
        if results[position].code != "deferred" or isinstance(one, Echo):
            continue
        planned = one.planned if isinstance(one, Kept) else one
        if isinstance(planned, Planned):
            pending.append(
                PendingCall(
                    call_id=one.call.call_id,
                    tool_name=one.call.name,
                    arguments=_arguments(planned.text),
                    digest=digest_of(planned.tool.name, planned.text),
                    note=notes.get(position, ""),
                )
            )
    return tuple(pending)


def require_decisions(
    decisions: object, pending: Sequence[PendingCall], decided: frozenset[str]
) -> dict[str, Decision]:
    """Return *decisions*, checked.

    Args:
        decisions: what the caller passed.
        pending: the calls that wait for a decision.
        decided: the ids of those of this turn that a `resume` has taken up already.

    Raises:
        UsageError: it is no mapping, an id is none that waits, a call was decided before, or a value is no decision.
    """
    if not isinstance(decisions, Mapping) or not decisions:
        raise UsageError(f"decisions must be a mapping such as {{call_id: Approve()}}, not {decisions!r}")
    waiting = {one.call_id for one in pending}
    require_undecided(frozenset(decisions), decided)
    for call_id, decision in decisions.items():
        if call_id not in waiting:
            known = ", ".join(repr(one_line(one, 100)) for one in sorted(waiting - decided)) or "none"
            raise UsageError(f"no call {one_line(str(call_id), 100)!r} waits for a decision; there are {known}")
        if not isinstance(decision, Approve | Deny | Defer):
            raise UsageError(f"the decision for {call_id!r} must be Approve(), Deny() or Defer(), not {decision!r}")
    return dict(decisions)


def require_undecided(wanted: frozenset[str], decided: frozenset[str]) -> None:
    """Check that no call is decided twice.

    Raises:
        UsageError: one is.
    """
    for call_id in wanted & decided:
        raise UsageError(
            f"the call {call_id!r} was decided already: go on with the Turn that resume() gave, not with this one"
        )


def resumed_plans(
    plans: Sequence[Plan],
    results: Sequence[ToolResult],
    notes: Mapping[int, str],
    decisions: Mapping[str, Decision],
    limits: Limits,
) -> list[Plan]:
    """Return the plan of the turn that goes on: what was approved is run, all other calls keep their result.

    Args:
        plans: of the turn that is resumed, by position.
        results: its results, by position.
        notes: what was said when a call was deferred, by position.
        decisions: by call id, checked.
        limits: of the turn.
    """
    resumed: list[Plan] = []
    taken_up: set[int] = set()
    for one in plans:
        position = one.call.position
        planned = one.planned if isinstance(one, Kept) else one
        repeated = one.of if isinstance(one, Echo) else one.repeats if isinstance(one, Kept) else None
        decision = decisions.get(one.call.call_id)
        if repeated in taken_up:
            resumed.append(Echo(one.call, repeated))
        elif not isinstance(planned, Planned) or results[position].code != "deferred":
            resumed.append(Kept(one.call, results[position], repeats=repeated))
        elif decision is None or isinstance(decision, Defer):
            note = notes.get(position) if decision is None else decision.note
            resumed.append(Kept(one.call, results[position], note, planned))
        else:
            taken_up.add(position)
            resumed.append(_decided(planned, decision, limits))
    return resumed


def _decided(planned: Planned, decision: Decision, limits: Limits) -> Plan:
    call: ToolCall = planned.call
    verdict = judge_decision(decision, planned.tool, planned.text, planned.bound, limits.argument_bytes)
    if not isinstance(verdict, Go):
        return Rejected(call, verdict.code, verdict.message)
    policies = verdict.policies if verdict.changed else planned.policies
    if policies is not None:
        policies = policies._replace(gated=False, faults=())
    bound = planned.tool.bind(verdict.text)
    return Planned(call, planned.tool, verdict.text, bound, (), policies)


def _arguments(text: str) -> dict[str, Any]:
    return dict(json.loads(text))
