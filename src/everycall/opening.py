"""From what the caller passed to a plan: every argument is checked here, and nothing has run yet."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from everycall.core.calls import ParsedMessage
from everycall.core.errors import EverycallError, MessageError, UsageError
from everycall.core.failures import message_for_model
from everycall.core.ids import assign_ids
from everycall.core.making import new_tuple
from everycall.core.policy import Limits, require_seconds, runtime_fields_set
from everycall.core.redaction import Redactor
from everycall.dialects import detect, dialect_of
from everycall.ports import Dialect, Observer
from everycall.registry import ToolRegistry
from everycall.turn.arrangement import is_plain, schedule_of
from everycall.turn.plan import plan
from everycall.turn.slot import TurnOptions
from everycall.turn.turn import Turn, TurnPlan

DEFAULT_LIMITS = Limits()


def plan_turn(  # noqa: PLR0917 -- in the order of `run_tool_calls`; names would cost 1 % of a turn
    message: object,
    registry: ToolRegistry[Any],
    key: str | None,
    dialect: str | Dialect | None,
    finish_reason: str | None,
    deps: Any,
    turn_timeout: float | None,
    limits: Limits,
    approve: object = None,
) -> TurnPlan:
    """Read the message and decide every call.

    Raises:
        UsageError: an argument is wrong.
        MessageError: the message or its list of calls cannot be read.
    """
    if key is not None:
        _require_text("key", key)
    if finish_reason is not None:
        _require_text("finish_reason", finish_reason)
    if turn_timeout is not None:
        turn_timeout = require_seconds("turn_timeout", turn_timeout)
    if type(registry) is not ToolRegistry:
        require_registry(registry)
    if registry.deps is not None and not isinstance(deps, registry.deps):
        raise UsageError(_other_deps(registry.deps, deps))
    chosen, parsed = _read(message, dialect, finish_reason, registry.redactor)
    calls = assign_ids(parsed.calls, chosen.id_rule, key)
    approver = None if approve is None else require_approver(approve)
    plans = plan(
        calls,
        registry.tools,
        limits,
        cut_off=parsed.cut_off,
        approver=approver is not None,
        close_names=registry.close_names,
    )
    plain = is_plain(plans)
    if calls is not parsed.calls:
        parsed = replace(parsed, calls=calls)
    options = new_tuple(TurnOptions, (key, deps, turn_timeout, limits, approver, registry.redactor))
    schedule = None if plain else schedule_of(plans)
    return new_tuple(TurnPlan, (chosen, parsed, plans, options, registry.explain, schedule, plain))


def _read(
    message: object, dialect: str | Dialect | None, finish_reason: str | None, redactor: Redactor
) -> tuple[Dialect, ParsedMessage]:
    """Return the dialect of *message*, and what it says.

    Raises:
        UsageError: there is no such dialect.
        MessageError: the message cannot be read; it may be an object whose own code raises.
    """
    try:
        chosen = detect(message) if dialect is None else chosen_dialect(dialect)
        return chosen, chosen.parse(message, finish_reason=finish_reason)
    except EverycallError:
        raise
    except Exception as error:
        told = message_for_model(error, redactor)
        raise MessageError(f"The message cannot be read: to read it raised {told}") from error


def chosen_dialect(dialect: object) -> Dialect:
    """Return the dialect that the caller named or passed.

    Raises:
        UsageError: there is no such dialect, or the object lacks a part.
    """
    return dialect_of(dialect, "name", "id_rule", "parse", "render")  # type: ignore[no-any-return]


def require_registry(registry: object) -> None:
    """Check that *registry* is one.

    Raises:
        UsageError: it is something else; the message shows how to make one.
    """
    if not isinstance(registry, ToolRegistry):
        raise UsageError(
            f"registry must be a ToolRegistry, not {type(registry).__name__}: "
            "tools = ToolRegistry(); tools.add(function); then pass tools"
        )


def require_approver(approve: object) -> Callable[[Any], Any] | None:
    """Return *approve*.

    Raises:
        UsageError: it is neither None nor an async function.
    """
    if approve is None:
        return None
    if not callable(approve) or (inspect.isfunction(approve) and not inspect.iscoroutinefunction(approve)):
        raise UsageError(
            "approve must be an async function of the request: async def approve(request): return Approve() -- or "
            f"Deny(reason), or Defer(note) -- not {approve!r}"
        )
    return approve


def require_limits(limits: object) -> Limits:
    """Return *limits*, or the defaults for None.

    Raises:
        UsageError: it is something else.
    """
    if limits is None:
        return DEFAULT_LIMITS
    if not isinstance(limits, Limits):
        raise UsageError(f"limits must be a Limits, not {type(limits).__name__}: Limits(calls=100, concurrency=8)")
    return limits


def refuse_runtime_limits(limits: Limits) -> None:
    """Check that *limits*, given for one turn, sets nothing that belongs to a runtime.

    Raises:
        UsageError: it does; the message names the cure.
    """
    wrong = runtime_fields_set(limits)
    if wrong:
        names = ", ".join(f"Limits.{name}" for name in wrong)
        raise UsageError(f"{names} counts across turns: use ToolRuntime(registry, limits=...)")


def require_turn(turn: object) -> Turn:
    """Return *turn*.

    Raises:
        UsageError: it is something else.
    """
    if not isinstance(turn, Turn):
        raise UsageError(f"resume takes a Turn that is done, not {type(turn).__name__}")
    return turn


def require_observers(observers: object) -> tuple[Observer, ...]:
    """Return *observers* as a tuple.

    Raises:
        UsageError: it is not a sequence of functions.
    """
    if callable(observers):
        raise UsageError("observers must be a sequence: observers=(my_observer,), not observers=my_observer")
    if not isinstance(observers, Sequence) or not all(callable(one) for one in observers):
        raise UsageError("observers must be a sequence of functions that take one event")
    if any(inspect.iscoroutinefunction(one) for one in observers):
        raise UsageError("an observer must be a plain function: it is called as `observer(event)` and never awaited")
    return tuple(observers)


def _other_deps(wanted: type[Any], deps: object) -> str:
    name = wanted.__name__
    if deps is None:
        return f"The tools of this registry want deps: pass deps=..., of the type {name}"
    return f"The tools of this registry want deps of the type {name}, not {type(deps).__name__}"


def _require_text(name: str, value: object) -> None:
    if not isinstance(value, str) or not value:
        raise UsageError(f"{name} must be text that is not empty, or None, not {value!r}")
