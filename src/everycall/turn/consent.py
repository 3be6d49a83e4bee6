"""Asking for consent: one approver, asked about each gated call apart, trusted no more than a tool.

1. An approver runs as a root task of its own: what it raises, and however long it takes, concerns its call alone.
2. Anything but a clear yes is a no. Only `Approve`, `Deny` and `Defer` count as answers.
3. A yes holds for the arguments that were shown. Others have to be named by the approver, and are validated like a
   model's.
"""

import contextvars
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import anyio

from everycall.core.decisions import MAX_REASON, Approve, Decision, Defer, Deny
from everycall.core.text import bounded, without_surrogates
from everycall.ports import AttemptEnd, Raised, Returned, Running
from everycall.registry.arguments import ArgumentsRefused, read_arguments
from everycall.registry.binding import Bound
from everycall.registry.tool import Tool
from everycall.turn.judge import Outcome, rejected
from everycall.turn.policies import Policies, digest_of, policies_of
from everycall.turn.resources import Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequest:
    """One call that needs consent, as an approver sees it.

    Attributes:
        call_id: the id in the exchange.
        tool_name: the tool's name.
        arguments: validated, by name, defaults filled in; a copy.
        tool: the tool's own description and options.
        digest: of the tool and the exact arguments, for `Approve(digest=...)`.
        key: names the turn; None if its caller did not.
        deps: what the caller of the turn passed.
    """

    call_id: str
    tool_name: str
    arguments: Mapping[str, Any]
    tool: Tool
    digest: str
    key: str | None
    deps: Any


Approver = Callable[[ApprovalRequest], Awaitable[Decision]]
"""`async def (request) -> Approve | Deny | Defer`."""


class Go(NamedTuple):
    """The call may run, with these arguments.

    Attributes:
        text: as strict JSON.
        bound: of the first attempt.
        policies: what it touches now.
        changed: whether the arguments are others than the model's.
    """

    text: str
    bound: Bound
    policies: Policies | None
    changed: bool


def judge_decision(decision: object, tool: Tool, text: str, bound: Bound, max_bytes: int) -> Go | Outcome:
    """Return what *decision* means for a call: that it may run, or the outcome it gets instead.

    Args:
        decision: whatever the approver returned.
        tool: the tool.
        text: the call's arguments as strict JSON.
        bound: the same, ready for the call.
        max_bytes: the longest arguments that are taken.
    """
    match decision:
        case Approve(digest=str(shown)) if shown != digest_of(tool.name, text):
            return rejected("denied", "The consent was given for other arguments than those of this call.")
        case Approve(arguments=None):
            return Go(text, bound, None, changed=False)
        case Approve(arguments=changed) if changed is not None:
            return _changed(tool, changed, max_bytes)
        case Deny(reason=reason):
            return rejected("denied", _said("The call was denied", reason))
        case Defer(note=note):
            return rejected("deferred", _said("The call was not run yet: it waits for a decision", note))
    return rejected("denied", "The call was denied: no valid decision was made.")


def _changed(tool: Tool, arguments: Mapping[str, Any], max_bytes: int) -> Go | Outcome:
    try:
        text, _ = read_arguments(dict(arguments), max_bytes=max_bytes)
        return Go(text, tool.bind(text), policies_of(tool, text), changed=True)
    except ArgumentsRefused:
        return rejected("denied", "The call was denied: its arguments were changed to what the tool does not take.")


def _said(what: str, why: str) -> str:
    return f"{what}: {bounded(without_surrogates(why), MAX_REASON)}" if why else f"{what}."


class Asking:
    """One question to the approver. Satisfies `ports.Work`.

    Args:
        approver: is asked.
        request: what about.
        context: the caller's.
        answered: called once, on the loop, with how it ended.
        fault: told of what the approver does beside answering: it left a scope open, or blocked its event loop.
    """

    holds_thread = False

    def __init__(
        self,
        approver: Approver,
        request: ApprovalRequest,
        context: contextvars.Context,
        answered: Callable[[AttemptEnd], None],
        *,
        fault: Callable[[str, BaseException], None],
    ) -> None:
        self.context = context.copy()
        self.tool_name = request.tool_name
        self.running: Running | None = None
        self.withdrawn = False
        self.ended: anyio.Event | None = None  # made when somebody waits for it
        self.over = False
        self._approver = approver
        self._request = request
        self._answered = answered
        self._fault = fault

    def enter(self) -> bool:
        """See `ports.Work.enter`."""
        return not self.withdrawn

    def waits(self) -> None:
        """See `ports.Work.waits`: it is watched from the start."""

    def invoke(self) -> object:
        """See `ports.Work.invoke`."""
        return self._approver(self._request)

    def refused(self) -> None:
        """See `ports.Work.refused`: nobody waits for it any more."""

    def leaked(self, error: BaseException) -> None:
        """See `ports.Work.leaked`."""
        self._fault("a cancel scope or task group left open by the approver", error)

    @property
    def source(self) -> str | None:
        """See `ports.Work.source`."""
        return None

    def blocked(self, file: str, line: int, function: str, *, seconds: float) -> None:
        """See `ports.Work.blocked`."""
        where = f"{function}, {file}:{line}"
        self._fault("the approver", TimeoutError(f"{where}, blocked its event loop for {seconds:.1f} s"))

    def start(self, resources: Resources) -> None:
        """Ask, without waiting."""
        self.running = resources.backend.start(self, self._report)

    def withdraw(self, resources: Resources, grace: float) -> None:
        """Take the question back: nobody waits for the answer. An approver that goes on is stopped like a tool."""
        self.withdrawn = True
        if self.over or self.running is None:
            return
        self.running.stop()
        self.ended = anyio.Event()
        resources.backend.spawn(lambda: self._see_it_end(resources, grace))

    async def _see_it_end(self, resources: Resources, grace: float) -> None:
        try:
            with anyio.move_on_after(grace):
                await self.ended.wait()  # type: ignore[union-attr] # made before this was spawned
        except BaseException:  # the loop closes
            if self.running is not None:
                self.running.kill()
            raise
        if not self.over:
            resources.abandoned.add(self)
            await self.ended.wait()  # type: ignore[union-attr]
            resources.abandoned.discard(self)

    def _report(self, end: AttemptEnd) -> None:
        self.over = True
        self.running = None
        if self.ended is not None:
            self.ended.set()
        if not self.withdrawn:
            self._answered(end)
        if isinstance(end, Raised):
            end.error.__traceback__ = None


def decision_of(end: AttemptEnd) -> tuple[object, BaseException | None]:
    """Return what the approver decided, and what was wrong with it or with the approver itself."""
    match end:
        case Returned(value):
            if isinstance(value, Approve | Deny | Defer):
                return value, None
            return None, TypeError(f"an approver must return Approve, Deny or Defer, not {type(value).__name__}")
        case Raised(error):
            return None, error
    return None, None
