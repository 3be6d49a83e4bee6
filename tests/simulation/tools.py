"""The tools of the simulation: one for each combination of options, made once; what a call does stands in its script.

A tool finds the script through its context (`deps` is the `Record`) and its arguments (`n` is the position). One that
takes no context finds the record in a context variable of the caller's.
"""

import contextvars
import weakref
from contextlib import contextmanager
from typing import NamedTuple

import anyio

import everycall.registry.registry as registering
from everycall import Retry, ToolContext, ToolRegistry
from everycall.core.outcomes import ToolResult
from tests.simulation.behaviours import BEHAVIOURS, VARIABLE
from tests.simulation.policies import POLICIES
from tests.simulation.script import CALL_TIMEOUT, MOST_BYTES, TIMEOUT, Record, Visit
from tests.simulation.threads import Blocking
from tests.simulation.values import SECRET

DATA = [1, [2, 3]]
"""What every call gets as an argument, and changes."""
RECORD = contextvars.ContextVar("record")


class Local:
    """Lives in the frame of a tool."""


_registries: dict[tuple[str, bool], ToolRegistry] = {}


def registry_of(record: Record) -> ToolRegistry:
    """Return the registry of a scripted turn, with a tool for each of its calls."""
    key = record.explain, record.wrapped
    registry = _registries.get(key)
    if registry is None:
        explain = EXPLAINERS[record.explain]
        middleware = [around] if record.wrapped else []
        registry = _registries[key] = ToolRegistry(timeout=TIMEOUT, middleware=middleware, explain=explain)
    for one in record.calls:
        if tool_name_of(one) not in registry:
            _add(registry, one)
    return registry


_schemas = {}


@contextmanager
def _one_schema_per_function():
    """Read each of the two functions once: it takes longer than to play a turn, and there are thousands of tools."""
    made = registering._schema

    def remembered(function, schema, name):
        if function not in _schemas:
            _schemas[function] = made(function, schema, name)
        return _schemas[function]

    registering._schema = remembered
    try:
        yield
    finally:
        registering._schema = made


def tool_name_of(one):
    """Return the name of the tool that does what the script says of a call."""
    where = "thread" if BEHAVIOURS[one.kind].in_thread else "task"
    jitter = "jitter" if one.jitter else "even"
    more = [one.policy] * bool(one.policy) + ["without_context"] * _does_without_context(one)
    return "_".join([where, one.safe, str(one.attempts), jitter, *more])


def _does_without_context(one):
    row = BEHAVIOURS[one.kind]
    return one.without_context and not row.asks and not row.in_thread


def _add(registry, one):
    options = {one.safe: True} if one.safe != "unsafe" else {}
    policy = Retry(
        attempts=one.attempts, initial=0.05, maximum=0.2, jitter=one.jitter, declared_only=one.safe == "unsafe"
    )
    with _one_schema_per_function():
        _register(registry, one, policy, options)


def _register(registry, one, policy, options):
    on_the_loop = on_loop_without_context if _does_without_context(one) else on_loop
    registry.add(
        in_thread if BEHAVIOURS[one.kind].in_thread else on_the_loop,
        name=tool_name_of(one),
        call_timeout=CALL_TIMEOUT,
        retry=policy,
        max_result_bytes=MOST_BYTES,
        **options,
        **POLICIES[one.policy].options,
    )


# --- the code of every tool -------------------------------------------------------------------------------


class NoContext(NamedTuple):
    """What stands for the context in a tool that takes none."""

    deps: Record
    call_id: str
    attempt: int
    idempotency_key: str = ""


async def on_loop_without_context(n: int, data: list) -> object:
    record = RECORD.get()
    return await on_loop(n, data, NoContext(record, f"c{n}", len(record.calls[n].visits) + 1))


async def on_loop(n: int, data: list, context: ToolContext) -> object:
    secret = SECRET  # noqa: F841 -- no frame's locals may be shown
    record, one = context.deps, context.deps.calls[n]
    visit = _enter(record, one, n, data, context)
    if record.weighed:
        local = Local()
        record.locals.append(weakref.ref(local))
    try:
        value = await BEHAVIOURS[one.kind].run(one, context)
        visit.how = "returned"
        return {"turn": record.name, "call": n} if value is None else value
    except BaseException:
        visit.how = "raised"
        raise
    finally:
        _leave(record, one, visit)


def in_thread(n: int, data: list, context: ToolContext) -> object:
    return Blocking(_steps(n, data, context))


def _steps(n, data, context):
    record, one = context.deps, context.deps.calls[n]
    visit = _enter(record, one, n, data, context)
    try:
        coroutine = yield from BEHAVIOURS[one.kind].run(one, context)
        visit.how = "returned" if coroutine is None else "goes on"
    except BaseException:
        visit.how = "raised"
        raise
    finally:
        _leave(record, one, visit)
    if coroutine is None:
        return {"turn": record.name, "call": n}
    return _goes_on(record, one, n, visit, coroutine)


async def _goes_on(record, one, n, visit, coroutine):
    """What a sync tool returns instead of a value: the same visit, now on the loop."""
    _stay(record, one, visit)
    visit.ended = None
    try:
        await coroutine()
        visit.how = "returned"
        return {"turn": record.name, "call": n}
    except BaseException:
        visit.how = "raised"
        raise
    finally:
        _leave(record, one, visit)


def _enter(record, one, n, data, context):
    visit = Visit(context.attempt, anyio.current_time(), key=context.idempotency_key)
    if one.alive:
        one.faults.append("attempts overlap")
    if data != DATA:
        one.faults.append("another attempt's arguments")
    if VARIABLE.get() != f"{record.name}'s":
        one.faults.append("another call's context")
    if context.attempt != len(one.visits) + 1 and not record.wrapped:
        one.faults.append("wrong number of the attempt")
    data[1].append("changed")
    data.clear()
    one.visits.append(visit)
    _stay(record, one, visit)
    return visit


def _stay(record, one, visit):
    world, name = record.world, _tool_of(record, one)
    if one.policy == "rated" and not record.wrapped and not BEHAVIOURS[one.kind].in_thread:
        world.starts.setdefault(name, []).append(visit.began)
    if POLICIES[one.policy].shared:
        at = record.calls.index(one)
        unsettled = [who for who in (*world.sharing, (record, at)) if who[0].turn._collector.results[who[1]] is None]
        if len(unsettled) > 1 and (record, at) in unsettled:  # one that was abandoned has its result, and may still run
            one.faults.append("conflict across turns: side by side")
        world.sharing.append((record, at))
    one.alive += 1
    record.alive += 1
    record.most_alive = max(record.most_alive, record.alive)
    world.alive += 1
    world.most_alive = max(world.most_alive, world.alive)
    world.of_tool[name] += 1
    world.most_of_tool[name] = max(world.most_of_tool[name], world.of_tool[name])
    if BEHAVIOURS[one.kind].in_thread:
        world.in_threads += 1
        world.most_in_threads = max(world.most_in_threads, world.in_threads)


def _leave(record, one, visit):
    if visit.ended is not None:
        return
    world = record.world
    visit.ended = _now()
    one.alive -= 1
    record.alive -= 1
    world.alive -= 1
    if POLICIES[one.policy].shared:
        world.sharing.remove((record, record.calls.index(one)))
    world.of_tool[_tool_of(record, one)] -= 1
    if BEHAVIOURS[one.kind].in_thread:
        world.in_threads -= 1


def _tool_of(record, one):
    """Tools of two registries are two tools, whatever their names."""
    return record.explain, record.wrapped, tool_name_of(one)


def _now():
    try:
        return anyio.current_time()
    except BaseException:  # collected outside of any loop
        return float("inf")


# --- what runs around them --------------------------------------------------------------------------------


async def around(call, proceed):
    """The middleware: does what the script of the call says."""
    one = call.context.deps.calls[call.arguments["n"]]
    match one.around:
        case "waits before":
            await anyio.sleep(0.1)
        case "fails before":
            raise ValueError("middleware")
        case "changes the arguments":
            return await proceed(arguments={"n": str(call.arguments["n"]), "data": DATA})
        case "answers for it":
            try:
                return await proceed()
            except Exception:
                return {"turn": call.context.deps.name, "call": call.arguments["n"]}
    value = await proceed()
    match one.around:
        case "waits after":
            await anyio.sleep(0.1)
        case "fails after":
            raise ValueError("middleware")
    return value


def explains(result: ToolResult) -> str:
    return f"explained: {result.code}"


def explain_raises(_result):
    raise ValueError("explain")


def explain_exits(_result):
    raise SystemExit(4)


def explains_nothing(_result):
    return None


def explains_too_much(_result):
    return "y" * 1_000_000


EXPLAINERS = {
    "": None,
    "explains": explains,
    "raises": explain_raises,
    "raises SystemExit": explain_exits,
    "gives no text": explains_nothing,
    "gives too much": explains_too_much,
}
