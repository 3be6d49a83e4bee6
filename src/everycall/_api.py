"""The functions of the public face."""

from collections.abc import Mapping, Sequence

from everycall.core.decisions import Decision
from everycall.core.policy import Limits
from everycall.opening import (
    DEFAULT_LIMITS,
    plan_turn,
    refuse_runtime_limits,
    require_limits,
    require_observers,
    require_turn,
)
from everycall.ports import Dialect, Observer
from everycall.registry import ToolRegistry
from everycall.registry.context import Deps
from everycall.runtime import hidden_resources, hidden_surroundings, surroundings
from everycall.turn.consent import Approver
from everycall.turn.run import run_turn
from everycall.turn.turn import Turn


async def run_tool_calls(
    assistant_msg: object,
    registry: ToolRegistry[Deps],
    *,
    key: str | None = None,
    dialect: str | Dialect | None = None,
    finish_reason: str | None = None,
    deps: Deps | None = None,
    turn_timeout: float | None = None,
    limits: Limits | None = None,
    approve: Approver | None = None,
    observers: Sequence[Observer] = (),
) -> Turn:
    """Run every tool call of one assistant message at once; give exactly one result per call.

    Args:
        assistant_msg: one assistant message or one whole response; a dict or the SDK's object. Never a history.
        registry: the tools.
        key: names this turn (conversation and position in it); makes idempotency keys and minted ids reproducible.
        dialect: the provider's shape by name, such as `"openai-chat"`, or a dialect of your own; None to detect it.
        finish_reason: the provider's word for why the message ended, if only the message is at hand.
        deps: handed to the tools that ask for their `ToolContext`.
        turn_timeout: seconds for the whole turn; None for no bound beyond those of the calls.
        limits: how much may happen at once in this turn; per-turn fields only.
        approve: async function, asked about each call whose tool `needs_approval`; without one such calls are denied.
        observers: functions that receive every event, synchronously, after the fact.

    Returns:
        The turn, done. It is falsy if the message has no calls.

    Raises:
        UsageError: an argument is wrong. Nothing was run.
        MessageError: the message or its list of calls cannot be read. Nothing was run.
    """
    turn = _opened(assistant_msg, registry, key, dialect, finish_reason, deps, turn_timeout, limits, approve, observers)
    await run_turn(turn)
    return turn


def open_turn(
    assistant_msg: object,
    registry: ToolRegistry[Deps],
    *,
    key: str | None = None,
    dialect: str | Dialect | None = None,
    finish_reason: str | None = None,
    deps: Deps | None = None,
    turn_timeout: float | None = None,
    limits: Limits | None = None,
    approve: Approver | None = None,
    observers: Sequence[Observer] = (),
) -> Turn:
    """Plan one turn without running it. `await turn.run()` runs it and returns it.

    Keep the turn to stop it (`turn.cancel()`), to follow it (`turn.settled()`), or to have its results after a
    cancellation from outside. The arguments and errors are those of `run_tool_calls`.
    """
    return _opened(assistant_msg, registry, key, dialect, finish_reason, deps, turn_timeout, limits, approve, observers)


def _opened(  # noqa: PLR0917 -- the arguments of `open_turn`, in its order; names would cost 1 % of a turn
    assistant_msg: object,
    registry: ToolRegistry[Deps],
    key: str | None,
    dialect: str | Dialect | None,
    finish_reason: str | None,
    deps: Deps | None,
    turn_timeout: float | None,
    limits: Limits | None,
    approve: Approver | None,
    observers: Sequence[Observer],
) -> Turn:
    checked = DEFAULT_LIMITS
    if limits is not None:
        checked = require_limits(limits)
        refuse_runtime_limits(checked)
    told = require_observers(observers) if observers != () else ()
    plan = plan_turn(assistant_msg, registry, key, dialect, finish_reason, deps, turn_timeout, checked, approve)
    return Turn(plan, lambda: surroundings(hidden_resources(), told)) if told else Turn(plan, hidden_surroundings)


async def resume(turn: Turn, decisions: Mapping[str, Decision]) -> Turn:
    """Run the calls of a finished turn that were deferred and are decided now; what has run is not run again.

    Args:
        turn: done; its `pending` names the calls that wait.
        decisions: by call id: `Approve()`, `Deny(reason)` or `Defer(note)`. Calls that are left out go on waiting.

    Returns:
        A new turn, done, with a result for every call. Its `exchange` replaces the one of *turn* in your history.

    Raises:
        UsageError: *turn* is not done, no such call waits, or it was decided before. Nothing was run.
    """
    return await require_turn(turn).resumed(decisions).run()
