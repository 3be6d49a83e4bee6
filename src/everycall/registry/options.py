"""The options of a tool: a table of what each must be. A wrong one is refused where it is written, with the cure."""

import difflib
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, TypedDict

from everycall.core.errors import UsageError
from everycall.core.policy import (
    DEFAULT_CALL_TIMEOUT,
    DEFAULT_RESULT_BYTES,
    Rate,
    Retry,
    require_count,
    require_seconds,
)
from everycall.registry.touches import Touch, Touches, check_touches

EXECUTORS: Final = ("task", "thread", "process")
"""Where a tool can run: on the event loop, in a thread, or in a process of its own."""
MIN_MEMORY_BYTES = 128 << 20
"""Least address space of a worker: the interpreter and this library take some 60 MiB of it."""

_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,128}")


class Unset(Enum):
    """The type of an option that was not given, where None has a meaning of its own."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET


class _OwnOptions(TypedDict, total=False):
    name: str | None
    description: str | None
    parameters: Mapping[str, Any] | None


class SharedOptions(TypedDict, total=False):
    """The options that several tools can share: see `ToolOptions`, which says what each means."""

    timeout: float | None
    call_timeout: float | None
    retry: Retry | None
    read_only: bool
    idempotent: bool
    executor: str | None
    max_concurrency: int | None
    rate: Rate | None
    max_result_bytes: int
    idle_timeout: float | None
    memory_bytes: int | None
    cpu_seconds: int | None
    exclusive: bool
    reads: Touch | Sequence[Touch] | None
    writes: Touch | Sequence[Touch] | None
    scope: str
    after_failure: str
    needs_approval: bool | Callable[[Mapping[str, Any]], bool]


class ToolOptions(_OwnOptions, SharedOptions, total=False):
    """What can be said about a tool when it is registered.

    Attributes:
        name: what the model calls it; the function's own name if not given.
        description: what it does; the function's docstring if not given.
        parameters: a JSON Schema (draft 2020-12) to use instead of the function's annotations, without coercion.
        timeout: seconds of one attempt; the registry's if not given; None for no bound.
        call_timeout: seconds of all attempts and back-off; the larger of 120 and *timeout* if not given.
        retry: when a failed attempt is followed by another; the registry's, for safe tools, if not given.
        read_only: it changes nothing.
        idempotent: running it twice changes no more than running it once.
        executor: `"task"`, on the event loop, the default for async functions; `"thread"`, that for sync ones; or
            `"process"`, a process of its own, for functions that can be imported by name.
            A sync function as `"task"` blocks every other call while it runs: only for what takes microseconds.
        max_concurrency: attempts of this tool that run at the same time; None for no limit.
        rate: how often attempts of this tool may start, in all turns of a runtime; None for no limit.
        max_result_bytes: bytes of one result that reach the model; 262,144 if not given.
        idle_timeout: seconds without a sign of progress after which an attempt is stopped; None for no bound.
        memory_bytes: address space of the process that runs it, the interpreter's included; None for no bound.
        cpu_seconds: CPU time of one attempt in its process, in whole seconds; None for no bound.
        exclusive: each call runs alone in its turn.
        reads: what a call looks at: a template over its arguments (`"file:{path}"`), a function of them, or several.
        writes: what a call changes, likewise. Calls in conflict run in the order of the message.
        scope: `"turn"`, or `"runtime"`: the keys count across the turns of a runtime.
        after_failure: `"run"`, or `"skip"`: do not run if a call that had to go first did not succeed.
        needs_approval: True, or a function of the arguments that says whether somebody must consent to the call.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """Options after their check, defaults filled in. The fields are those of `Tool`."""

    timeout: float | None
    call_timeout: float | None
    retry: Retry | None
    read_only: bool
    idempotent: bool
    executor: str
    max_concurrency: int | None
    rate: Rate | None
    max_result_bytes: int
    idle_timeout: float | None
    memory_bytes: int | None
    cpu_seconds: int | None
    touches: Touches | None
    needs_approval: bool | Callable[[Mapping[str, Any]], bool]


def require_known(options: Mapping[str, object]) -> None:
    """Refuse an option that does not exist.

    Raises:
        UsageError: the message names the close ones, or all.
    """
    known = list(ToolOptions.__annotations__)
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known)
            hint = f"Did you mean {' or '.join(near)}?" if near else f"There are {', '.join(known)}."
            raise UsageError(f"A tool has no option {name!r}. {hint}")


def require_name(name: object, function: object) -> str:
    """Return the name of a tool: *name*, or that of *function* if *name* is None.

    Raises:
        UsageError: there is none, or it has characters that tool names cannot have.
    """
    own = getattr(function, "__name__", None) if name is None else name
    if own is None or own == "<lambda>":
        raise UsageError(f"{function!r} has no name that a model could call it by: pass one, name=...")
    if not isinstance(own, str) or _NAME.fullmatch(own) is None:
        raise UsageError(
            f"A tool cannot be named {own!r}: a name has 1 to 128 of the characters A-Z, a-z, 0-9, _ . : and -. "
            "Pass another one, name=..."
        )
    return own


def require_prefix(prefix: object) -> str:
    """Return what is put in front of the names of tools.

    Raises:
        UsageError: it is not text, or no name can begin with it.
    """
    if not isinstance(prefix, str) or (prefix and _NAME.fullmatch(prefix) is None):
        raise UsageError(
            f"prefix of a group must be text that a tool's name can begin with, such as 'files_', not {prefix!r}: "
            "A-Z, a-z, 0-9, _ . : and -"
        )
    return prefix


def check_options(
    options: Mapping[str, Any], *, of: str, is_async: bool, timeout: float | None, retry: Retry | None
) -> Checked:
    """Return *options*, checked.

    Args:
        options: as given; those that are missing have their defaults.
        of: whose options these are, for error messages: ` of tool 'x'`.
        is_async: whether calling its function gives a coroutine.
        timeout: the registry's default.
        retry: the registry's default, for safe tools.

    Raises:
        UsageError: an option is wrong; the message shows the cure.
    """
    flags = {name: _flag(name + of, options.get(name, False)) for name in ("read_only", "idempotent")}
    seconds = require_seconds("timeout" + of, options["timeout"]) if "timeout" in options else timeout
    return Checked(
        timeout=seconds,
        call_timeout=_call_timeout(options.get("call_timeout", UNSET), seconds, of),
        retry=_retry(options.get("retry", UNSET), retry, safe=any(flags.values()), of=of),
        executor=_executor(options.get("executor"), is_async=is_async, of=of),
        max_concurrency=require_count("max_concurrency" + of, options.get("max_concurrency"), none_ok=True),
        rate=_rate("rate" + of, options.get("rate")),
        max_result_bytes=require_count("max_result_bytes" + of, options.get("max_result_bytes", DEFAULT_RESULT_BYTES))
        or 0,
        idle_timeout=_idle_timeout(options.get("idle_timeout"), seconds, of),
        memory_bytes=_of_process("memory_bytes", options, of, least=MIN_MEMORY_BYTES),
        cpu_seconds=_of_process("cpu_seconds", options, of, least=1),
        touches=check_touches(options, read_only=flags["read_only"], of=of),
        needs_approval=_needs_approval("needs_approval" + of, options.get("needs_approval", False)),
        **flags,
    )


def require_retry(name: str, value: object) -> Retry | None:
    """Return *value*.

    Raises:
        UsageError: it is neither a `Retry` nor None.
    """
    if value is None or isinstance(value, Retry):
        return value
    raise UsageError(f"{name} must be a Retry, such as Retry(attempts=3), or None, not {value!r}")


def require_middleware(middleware: object) -> tuple[Callable[..., Any], ...]:
    """Return *middleware* as a tuple.

    Raises:
        UsageError: it is not a sequence of functions.
    """
    if not isinstance(middleware, tuple | list) or not all(callable(one) for one in middleware):
        raise UsageError(
            f"middleware must be async functions (call, proceed), outermost first, such as middleware=[timed], "
            f"not {middleware!r}"
        )
    for one in middleware:
        if inspect.isroutine(one) and not inspect.iscoroutinefunction(inspect.unwrap(one)):
            name = getattr(one, "__name__", "it")
            raise UsageError(f"middleware must be async: write `async def {name}(call, proceed): ...`")
    return tuple(middleware)


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise UsageError(f"{name} must be True or False, not {value!r}")
    return value


def _call_timeout(value: float | Unset | None, timeout: float | None, of: str) -> float | None:
    if value is UNSET:
        return None if timeout is None else max(DEFAULT_CALL_TIMEOUT, timeout)
    seconds = require_seconds("call_timeout" + of, value)
    if seconds is not None and timeout is not None and seconds < timeout:
        raise UsageError(
            f"call_timeout{of} is {seconds:g} s, less than the {timeout:g} s of a single attempt: "
            f"raise it, or write timeout={seconds:g} too"
        )
    return seconds


def _retry(value: object, default: Retry | None, *, safe: bool, of: str) -> Retry | None:
    if value is UNSET:
        return default if safe else None
    retry = require_retry("retry" + of, value)
    if retry is not None and not safe and not retry.declared_only:
        raise UsageError(
            f"retry{of} could run its effect twice. If it changes nothing, say read_only=True; if running it twice "
            "does no more than running it once, say idempotent=True; or retry only errors that the tool itself "
            'raises with effect="none": Retry(declared_only=True)'
        )
    return retry


def _rate(name: str, value: object) -> Rate | None:
    if value is not None and not isinstance(value, Rate):
        raise UsageError(f"{name} must be a Rate, such as Rate(calls=10, period=60), or None, not {value!r}")
    return value


def _idle_timeout(value: object, timeout: float | None, of: str) -> float | None:
    seconds = require_seconds("idle_timeout" + of, value)
    if seconds is not None and timeout is not None and seconds >= timeout:
        raise UsageError(
            f"idle_timeout{of} is {seconds:g} s and can never pass: an attempt has {timeout:g} s in all. Make it "
            "shorter, or timeout longer"
        )
    return seconds


def _of_process(name: str, options: Mapping[str, Any], of: str, *, least: int) -> int | None:
    value = require_count(name + of, options.get(name), none_ok=True, least=least)
    if value is not None and options.get("executor") != "process":
        raise UsageError(f"{name}{of} bounds a process: write executor='process' too")
    return value


def _needs_approval(name: str, value: object) -> bool | Callable[[Mapping[str, Any]], bool]:
    if isinstance(value, bool):
        return value
    if not callable(value) or inspect.iscoroutinefunction(value):
        raise UsageError(f"{name} must be True, False, or a plain function of the arguments, not {value!r}")
    return value


def _executor(value: object, *, is_async: bool, of: str) -> str:
    if value is None:
        return "task" if is_async else "thread"
    if value not in EXECUTORS:
        raise UsageError(f"executor{of} must be one of {', '.join(map(repr, EXECUTORS))}, not {value!r}")
    if value == "thread" and is_async:
        raise UsageError(
            f"executor{of} cannot be 'thread': its function is async and runs on the event loop. Leave it out"
        )
    return str(value)
