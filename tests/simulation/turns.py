"""One simulated turn: a random script, its run, and the record from which the checker decides."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import anyio

from everycall import Retry, ToolContext, ToolRegistry
from tests.messages import call, message
from tests.simulation.behaviours import BEHAVIOURS

TIMEOUT, GRACE, QUEUE = 1.0, 0.25, 3.0
STOPS = ("none", "none", "none", "scope", "native", "native twice", "button", "turn timeout")


@dataclass
class SimulatedCall:
    """What the script says of a call, and what the world saw of it."""

    kind: str
    safe: str  # "read_only", "idempotent" or "unsafe"
    attempts: int
    seconds: float
    starts: int = 0
    returned: int = 0
    alive: int = 0
    overlapped: bool = False


@dataclass
class Record:
    """One turn, as it was seen from outside."""

    calls: list
    stop: str
    stop_after: float
    limit: int | None
    took: float = 0.0
    results: tuple = ()
    exchange: list = field(default_factory=list)
    raised: str = ""
    done: bool = False
    most_alive: int = 0


def script(rng):
    """Draw a turn."""
    calls = [
        SimulatedCall(
            kind=rng.choice(list(BEHAVIOURS)),
            safe=rng.choice(["read_only", "idempotent", "unsafe"]),
            attempts=rng.choice([1, 1, 2, 4]),
            seconds=rng.uniform(0.01, 0.6),
        )
        for _ in range(rng.randint(1, 6))
    ]
    limit = rng.choice([None, None, None, 1, 2])
    return Record(calls=calls, stop=rng.choice(STOPS), stop_after=rng.uniform(0, 1.6), limit=limit)


def registry_of(record):
    """Make the tools of a scripted turn; each call has a tool of its own."""
    tools = ToolRegistry(timeout=TIMEOUT)
    alive = Counter()

    def add(position, one):
        behaviour, _ = BEHAVIOURS[one.kind]

        async def tool(context: ToolContext) -> int:
            one.starts += 1
            one.alive += 1
            alive["all"] += 1
            record.most_alive = max(record.most_alive, alive["all"])
            one.overlapped |= one.alive > 1
            try:
                await behaviour(one, one.seconds)
                one.returned += 1
                return position
            finally:
                one.alive -= 1
                alive["all"] -= 1

        options = {one.safe: True} if one.safe != "unsafe" else {}
        policy = Retry(attempts=one.attempts, initial=0.05, maximum=0.2, declared_only=one.safe == "unsafe")
        tools.add(tool, name=f"tool{position}", call_timeout=5.0, retry=policy, **options)

    for position, one in enumerate(record.calls):
        add(position, one)
    return tools


def message_of(record):
    return message(*[call(f"tool{position}", {}, f"c{position}") for position in range(len(record.calls))])


async def play(record, open_turn):
    """Run the scripted turn and fill in the record."""
    turn = open_turn(message_of(record), registry_of(record), record)
    started = anyio.current_time()
    try:
        await _run(turn, record)
    except BaseException as error:  # whatever left the turn is what the checker wants to know
        record.raised = type(error).__name__
    record.took = anyio.current_time() - started
    record.results, record.exchange, record.done = turn.results, turn.exchange, turn.done


async def _run(turn, record):
    if record.stop == "scope":
        with anyio.move_on_after(record.stop_after) as scope:
            await turn.run()
        if scope.cancelled_caught:
            record.raised = "cancelled"
    elif record.stop.startswith("native"):
        await _run_natively(turn, record)
    elif record.stop == "button":
        async with anyio.create_task_group() as group:

            async def press():
                await anyio.sleep(record.stop_after)
                turn.cancel()

            group.start_soon(press)
            await turn.run()
            group.cancel_scope.cancel()
    else:
        await turn.run()


async def _run_natively(turn, record):
    host = asyncio.ensure_future(turn.run())
    await asyncio.wait([host], timeout=record.stop_after)
    if host.done():
        return
    host.cancel()
    if record.stop == "native twice":
        await asyncio.wait([host], timeout=GRACE / 4)
        host.cancel()
    await asyncio.wait([host])
    record.raised = "cancelled" if host.cancelled() else "swallowed"
