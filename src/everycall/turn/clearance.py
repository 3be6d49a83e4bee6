"""What must happen before a call may ask for a place: the calls before it that it is in conflict with, and consent.

1. A call that waits here holds nothing: no place, no thread, no start of a limited rate.
2. Consent is asked for at once, while predecessors still run. Calls without a gate do not wait for those with one,
   unless they are in conflict.
3. All keys that count across turns are entered before anything starts: waits point back only, so no two turns can
   wait for each other.
4. Arguments that an approver changes give the call a new place in the order, after all that touch the same.
"""

import contextvars
from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

from everycall.core.decisions import Defer
from everycall.core.events import ApprovalDecided, CallQueued
from everycall.core.footprint import Footprint
from everycall.ports import AttemptEnd
from everycall.turn.consent import ApprovalRequest, Asking, Go, decision_of, judge_decision
from everycall.turn.emit import Emitter
from everycall.turn.judge import Outcome, rejected
from everycall.turn.policies import digest_of
from everycall.turn.resources import Resources
from everycall.turn.schedule import Node, Schedule
from everycall.turn.slot import Slot, TurnOptions
from everycall.turn.timers import Timers, after_what_is_due

PREDECESSOR_FAILED = "A call that had to go before this one did not succeed, so this one was not run."
NOT_IN_TIME = "The call was denied: nobody decided about it within {seconds} s."


class Ways(NamedTuple):
    """How calls leave: *start* lets one ask for its place, *refuse* settles one."""

    start: Callable[[Slot], None]
    refuse: Callable[[Slot, Outcome], None]


class _Held:
    """A call on its way through here."""

    __slots__ = ("asking", "gone", "in_runtime", "in_turn", "slot", "unapproved")

    def __init__(self, slot: Slot, in_turn: Node) -> None:
        self.slot = slot
        self.in_turn = in_turn
        self.in_runtime: Node | None = None
        self.unapproved = self.gone = False
        self.asking: Asking | None = None

    def nodes(self) -> list[Node]:
        return [self.in_turn] if self.in_runtime is None else [self.in_turn, self.in_runtime]

    @property
    def clear(self) -> bool:
        return not self.unapproved and all(node.free for node in self.nodes())


class Clearance:
    """Holds back the calls of one turn that must wait before they may ask for a place.

    Args:
        schedule: of the turn.
        options: of the turn.
        resources: what the turns of a runtime share.
        timers: for the time that an approver has.
        emit: tells the observers.
        ways: where calls go from here.
        deferred: receives the notes of deferred calls, by position.
    """

    def __init__(
        self,
        schedule: Schedule,
        options: TurnOptions,
        resources: Resources,
        timers: Timers,
        emit: Emitter,
        *,
        ways: Ways,
        deferred: dict[int, str],
    ) -> None:
        self._schedule = schedule
        self._options = options
        self._resources = resources
        self._timers = timers
        self._emit = emit
        self._ways = ways
        self._deferred = deferred
        self._context = contextvars.copy_context()
        self._held: dict[int, _Held] = {}
        self._agenda: deque[_Held] = deque()
        self._looking = False

    # --- the way in -----------------------------------------------------------------------------------

    def begin(self, slots: Iterable[Slot]) -> None:
        """Take every call of the turn, and let those go on that wait for nothing."""
        held = [self._enter(slot) for slot in slots if not slot.sealed]
        self._settle_what_was_refused()
        for one in held:
            if not one.clear:
                one.slot.wait_begins(self._resources.backend.now())
                self._emit.call(CallQueued, one.slot.call, why="approval" if one.unapproved else "predecessor")
            if one.unapproved:
                self._ask(one)
        self._agenda.extend(held)
        self._look()

    def _enter(self, slot: Slot) -> _Held:
        position, policies = slot.call.position, slot.policies
        held = self._held[position] = _Held(slot, self._schedule.nodes[position])
        held.in_turn.freed = self._freed
        if policies is not None:
            held.in_runtime = self._enter_runtime(held, policies.footprint)
            held.unapproved = policies.gated
        return held

    def _settle_what_was_refused(self) -> None:
        """Let those go on that would wait for a call which the plan has refused."""
        for position, node in self._schedule.nodes.items():
            if position not in self._held:
                node.settle(failed=True)

    def _enter_runtime(self, held: _Held, footprint: Footprint | None) -> Node | None:
        if footprint is None or not footprint.across_turns or held.slot.nest.within_keys:
            return None
        node = Node(held.slot.call.position, self._freed, remembers=False)
        self._resources.order.add(node, footprint)
        return node

    # --- the way out ----------------------------------------------------------------------------------

    def _freed(self, position: int) -> None:
        self._agenda.append(self._held[position])
        self._look()

    def _look(self) -> None:
        """Let go on who may. Never re-entered: one that is refused frees the next, and so on for a thousand calls."""
        if self._looking:
            return
        self._looking = True
        try:
            while self._agenda:
                self._let_go(self._agenda.popleft())
        finally:
            self._looking = False

    def _let_go(self, held: _Held) -> None:
        slot = held.slot
        if slot.sealed or held.gone:
            return
        if held.in_turn.free and held.in_turn.any_failed and _skips(slot):
            self._ways.refuse(slot, rejected("predecessor_failed", PREDECESSOR_FAILED))
        elif held.clear:
            held.gone = True
            slot.wait_ends(self._resources.backend.now())
            self._ways.start(slot)

    def settled(self, slot: Slot, *, ok: bool) -> None:
        """Take note that a call has its result: those that waited for it may go on."""
        held = self._held.pop(slot.call.position, None)
        if held is None:
            return
        if held.asking is not None:
            held.asking.withdraw(self._resources, self._options.limits.cancel_grace)
            held.asking = None
        for node in held.nodes():
            node.settle(failed=not ok)

    # --- consent --------------------------------------------------------------------------------------

    def _ask(self, held: _Held) -> None:
        approver, limit = self._options.approve, self._options.limits.approval_timeout
        if approver is None:  # then no call is planned that needs one
            return
        slot, tool = held.slot, held.slot.tool
        request = ApprovalRequest(
            call_id=slot.call.call_id,
            tool_name=tool.name,
            arguments=tool.whole_arguments_of(tool.bind(slot.text)),
            tool=tool,
            digest=digest_of(tool.name, slot.text),
            key=self._options.key,
            deps=self._options.deps,
        )

        held.asking = Asking(
            approver, request, self._context, lambda end: self._decided(held, end), fault=self._emit.fault
        )
        held.asking.start(self._resources)
        if limit is not None:
            self._timers.at(self._resources.backend.now() + limit, self._time_is_up, held)

    def _time_is_up(self, held: _Held) -> None:
        # The answer may be due as well, if the loop was blocked: it goes first.
        after_what_is_due(self._resources.backend, lambda: self._not_in_time(held))

    def _not_in_time(self, held: _Held) -> None:
        if held.unapproved and not held.slot.sealed:
            seconds = self._options.limits.approval_timeout or 0.0
            self._emit.call(ApprovalDecided, held.slot.call, decision="timed_out", changed=False)
            self._ways.refuse(held.slot, rejected("denied", NOT_IN_TIME.format(seconds=f"{seconds:g}")))

    def _decided(self, held: _Held, end: AttemptEnd) -> None:
        held.asking = None
        slot = held.slot
        if slot.sealed:
            return
        decision, fault = decision_of(end)
        verdict = judge_decision(decision, slot.tool, slot.text, slot.first_bound, self._options.limits.argument_bytes)
        if fault is not None:
            self._emit.fault("the approver", fault)
        if isinstance(verdict, Go):
            self._emit.call(ApprovalDecided, slot.call, decision="approved", changed=verdict.changed)
            self._approved(held, verdict)
            return
        self._emit.call(ApprovalDecided, slot.call, decision=verdict.code, changed=False)
        if isinstance(decision, Defer) and verdict.code == "deferred":
            self._deferred[slot.call.position] = decision.note
        self._ways.refuse(slot, verdict)

    def _approved(self, held: _Held, go: Go) -> None:
        held.unapproved = False
        if go.changed:
            held.slot.text, held.slot.first_bound, held.slot.policies = go.text, go.bound, go.policies
            self._move(held, go.policies.footprint if go.policies is not None else None)
        self._agenda.append(held)
        self._look()

    def _move(self, held: _Held, footprint: Footprint | None) -> None:
        """Give a call whose arguments were changed its new place, and free those that waited for the old one."""
        old = held.nodes()
        held.in_turn = Node(held.slot.call.position, self._freed)
        self._schedule.order.add(held.in_turn, footprint)
        held.in_runtime = self._enter_runtime(held, footprint)
        for node in old:
            node.settle()


def _skips(slot: Slot) -> bool:
    touches = slot.tool.touches
    return touches is not None and touches.skip_after_failure
