"""Runs scripted turns and fills in their records. Decides nothing."""

import asyncio

import anyio

from everycall import Limits, ToolRuntime, open_turn
from everycall.core.events import AttemptStarted, CallAbandoned, CallSettled, LateResult
from tests.messages import call, message
from tests.simulation.behaviours import BEHAVIOURS, VARIABLE
from tests.simulation.loops import spend
from tests.simulation.policies import APPROVAL, approver
from tests.simulation.resumed import play_on
from tests.simulation.script import GRACE, QUEUE
from tests.simulation.stops import STOPS, stopped
from tests.simulation.tools import DATA, RECORD, registry_of, tool_name_of

TICK = 0.05
"""Virtual seconds in which what is over also ends."""


def message_of(record):
    """Return the assistant message of a scripted turn."""
    calls = []
    for position, one in enumerate(record.calls):
        arguments, call_id = {"n": position, "data": DATA}, f"c{position}"
        match one.sent:
            case "echo":
                calls.append(calls[-1])
                continue
            case "repeated id":
                call_id = calls[-1]["id"]
            case "no id":
                call_id = None
            case "empty id":
                call_id = ""
            case "no JSON":
                arguments = '{"n": '
            case "wrong arguments":
                arguments = {"n": "x", "data": 3}
        name = "nobody_knows_it" if one.sent == "unknown tool" else tool_name_of(one)
        calls.append(call(name, arguments, call_id))
    return message(*calls)


async def play_alone(record):
    """Run one turn without a runtime of its own."""
    limits = Limits(**_of_turn(record))
    turn = open_turn(
        message_of(record),
        registry_of(record),
        limits=limits,
        approve=approver,
        observers=_observers([record]),
        **_asked(record),
    )
    await _play(turn, record)
    await play_on(turn, record, _play)


async def play_in_runtime(records, *, in_a_row=False, closes_after=None):
    """Run the turns of *records*, which share a world, in one runtime; close it while they run if asked to.

    Args:
        records: of the turns.
        in_a_row: one after the other, not at once.
        closes_after: seconds after which the runtime closes; None to let the turns end.
    """
    world = records[0].world
    limits = Limits(
        **_of_turn(records[0]),
        runtime_concurrency=world.runtime_concurrency,
        threads=world.threads,
        linger=world.linger,
        abandoned=world.abandoned,
        abandoned_per_tool=world.abandoned_per_tool,
    )
    for record in records:
        registry_of(record)  # every tool is there before the first turn takes the registry
    before = _tasks()
    async with anyio.create_task_group() as group:
        shared = {"limits": limits, "approve": approver, "observers": _observers(records)}
        async with ToolRuntime(registry_of(records[0]), **shared) as runtime:
            done = anyio.Event()
            left = [len(records)]

            async def play(*some):
                for record in some:
                    turn = runtime.open_turn(message_of(record), **_asked(record))
                    await _play(turn, record)
                    if not record.world.at_once:
                        await play_on(turn, record, _play)
                    left[0] -= 1
                    if not left[0]:
                        done.set()

            for some in [records] if in_a_row else [[record] for record in records]:
                group.start_soon(play, *some)
            # Not before every turn is opened: a closed runtime opens none.
            with anyio.move_on_after(None if closes_after is None else max(closes_after, TICK)):
                await done.wait()
            for record in records:
                if closes_after is not None and not record.done:
                    stopped(record)
            closing = anyio.current_time()
        seconds = anyio.current_time() - closing
        await anyio.sleep(TICK)
        if any(_left_behind(world, runtime, seconds)):
            await anyio.sleep(TICK)  # a thread may have ended just now: what it says is on its way
        world.faults += _left_behind(world, runtime, seconds)
    if _tasks() > before and not world.in_threads:
        world.faults.append("tasks left behind")


def _left_behind(world, runtime, seconds):
    left = runtime.statistics()
    if seconds > GRACE + world.linger + 1.0 + 0.15 + 8 * GRACE * (world.runtime_concurrency is not None):
        yield f"closing took {seconds:.2f} s"
    if left.turns:
        yield "turns left behind"
    if left.abandoned and not world.in_threads:
        yield "abandoned calls left behind"
    if left.threads_busy > world.in_threads:
        yield "threads left busy"


def _tasks():
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:
        import trio

        return trio.lowlevel.current_statistics().tasks_living


def _of_turn(record):
    return {
        "concurrency": record.limit,
        "calls": record.most_calls,
        "cancel_grace": GRACE,
        "unsafe_cancel_grace": GRACE,
        "queue_timeout": QUEUE,
        "approval_timeout": APPROVAL,
    }


def _asked(record):
    return {
        "key": record.name,
        "deps": record,
        "turn_timeout": record.stop_after if record.stop == "turn timeout" else None,
        "finish_reason": "length" if record.cut_off else None,
    }


async def _play(turn, record):
    record.turn = turn
    VARIABLE.set(f"{record.name}'s")
    RECORD.set(record)
    record.began, spent = anyio.current_time(), record.world.spent
    try:
        if record.followed:
            async with anyio.create_task_group() as group:
                group.start_soon(_follow, turn, record)
                await STOPS[record.stop].drive(turn, record)
        else:
            await STOPS[record.stop].drive(turn, record)
    except BaseException as error:  # whatever left the turn is what the checker wants to know
        record.raised = type(error).__name__
    record.took = anyio.current_time() - record.began
    record.spent = record.world.spent - spent
    record.host_changed = VARIABLE.get() != f"{record.name}'s"
    record.results, record.exchange, record.done = turn.results, turn.exchange, turn.done
    for one in record.calls:
        if one.kind == "gives what changes afterwards" and one.kept is not None:
            one.kept["list"].append("changed")


async def _follow(turn, record):
    async for result in turn.settled():
        record.follow.append(result)


def _observers(records):
    by_name = {record.name: record for record in records if record.onlooker != "nobody"}
    if not by_name:
        return ()

    def observer(event):
        record = by_name.get(event.turn_id)
        if record is not None:
            _look_on(event, record.last)

    return (observer,)


def _look_on(event, record):
    record.events.append(event)
    told = _ON.get(type(event))
    if told is not None:
        told(event, record, record.world)
    if record.stop == "an onlooker" and len(record.events) == 1 + int(record.stop_after * 10):
        stopped(record)
        record.turn.cancel("an onlooker")
    if len(record.events) % 3:
        return  # to tell of its faults is what a turn costs most
    match record.onlooker:
        case "raises":
            raise RuntimeError(event.name)
        case "raises SystemExit":
            raise SystemExit(event.name)
        case "blocks":
            record.world.spent += 0.002
            spend(0.002)


def _abandoned(event, _record, world):
    world.given_up[event.tool_name] += 1
    world.ever_given_up += 1


def _ended_late(event, _record, world):
    world.given_up[event.tool_name] -= 1


def _started(event, _record, world):
    """I16: above the caps on abandoned calls no call is started. Turns without an observer make the counts less."""
    above = (
        sum(world.given_up.values()) >= world.abandoned or world.given_up[event.tool_name] >= world.abandoned_per_tool
    )
    if event.attempt == 1 and above:
        world.faults.append("I16: started above a cap")


def _settled(event, record, world):
    """Nobody is turned away while a place is free."""
    one = record.calls[event.position]
    in_thread = any(BEHAVIOURS[other.kind].in_thread for other in record.calls)  # it holds a place before it is entered
    other_gates = world.runtime_concurrency is not None or one.policy or in_thread
    if event.code != "queue_timeout" or other_gates or record.wrapped or one.sent == "echo":
        return
    if record.limit is None or record.alive < record.limit:
        world.faults.append("turned away while a place was free")


_ON = {CallAbandoned: _abandoned, LateResult: _ended_late, AttemptStarted: _started, CallSettled: _settled}
