"""How a turn is stopped from outside: one table. Each row drives `turn.run()` and notes when it stopped it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import anyio

GRACE = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One way to stop a turn.

    Attributes:
        drive: runs the turn of a record, and says in `record.raised` what left it.
        weight: how often it is drawn, against the others.
        code: of a call that it stops.
        raises: what may leave the turn once it was stopped; "" for nothing.
        grace: seconds in which the turn must then end.
        only: the backend it can run on; "" for both.
    """

    drive: Callable
    weight: int = 1
    code: str = "cancelled"
    raises: str = "cancelled"
    grace: float = GRACE
    only: str = ""

    def fits(self, backend):
        """Return whether it can run there."""
        return self.only in ("", backend)


def stopped(record):
    """Note that the turn is being stopped now."""
    if record.stopped_at is None:
        record.stopped_at = anyio.current_time()


async def _never(turn, record):
    await turn.run()


async def _turn_timeout(turn, record):
    record.stopped_at = record.began + record.stop_after
    await turn.run()


async def _scope(turn, record):
    with anyio.move_on_after(record.stop_after) as scope:
        record.stopped_at = scope.deadline
        await turn.run()
    if scope.cancelled_caught:
        record.raised = "cancelled"


async def _scope_before(turn, record):
    with anyio.CancelScope() as scope:
        scope.cancel()
        stopped(record)
        await turn.run()
    if scope.cancelled_caught:
        record.raised = "cancelled"


async def _scopes_one_after_the_other(turn, record):
    with anyio.move_on_after(record.stop_after + GRACE / 2) as outer:
        with anyio.move_on_after(record.stop_after) as inner:
            record.stopped_at = inner.deadline
            await turn.run()
    if inner.cancelled_caught or outer.cancelled_caught:
        record.raised = "cancelled"


async def _natively(turn, record):
    host = asyncio.ensure_future(turn.run())
    await asyncio.wait([host], timeout=record.stop_after)
    if not host.done():
        stopped(record)
        host.cancel()
        if record.stop == "native twice":
            await asyncio.wait([host], timeout=GRACE / 4)
            host.cancel()
        await asyncio.wait([host])
    _say_how(host, record)


async def _natively_before(turn, record):
    async def host():
        stopped(record)
        asyncio.current_task().cancel()
        await turn.run()

    task = asyncio.ensure_future(host())
    await asyncio.wait([task])
    _say_how(task, record)


def _say_how(host, record):
    if host.cancelled():
        record.raised = "cancelled"
    elif host.exception() is not None:
        record.raised = type(host.exception()).__name__


async def _asyncio_timeout(turn, record):
    try:
        async with asyncio.timeout(record.stop_after) as timeout:
            record.stopped_at = timeout.when()
            await turn.run()
    except TimeoutError:
        record.raised = "cancelled"


async def _button(turn, record):
    async with anyio.create_task_group() as group:

        async def press():
            await anyio.sleep(record.stop_after)
            if not turn.done:
                stopped(record)
            turn.cancel()
            await anyio.sleep(0.01)
            turn.cancel("again")

        group.start_soon(press)
        await turn.run()
        group.cancel_scope.cancel()


async def _button_before(turn, record):
    stopped(record)
    turn.cancel()
    await turn.run()


async def _button_then_scope(turn, record):
    with anyio.move_on_after(record.stop_after + GRACE / 2) as scope:
        await _button(turn, record)
    if scope.cancelled_caught:
        record.raised = "cancelled"
        record.stopped_at = record.stopped_at or scope.deadline


async def _onlooker(turn, record):
    """An observer presses the button: see `play`."""
    await turn.run()


STOPS = {
    "none": Stop(drive=_never, weight=9, raises=""),
    "turn timeout": Stop(drive=_turn_timeout, weight=2, code="turn", raises=""),
    "scope": Stop(drive=_scope, weight=2),
    "scope before": Stop(drive=_scope_before),
    "scopes one after the other": Stop(drive=_scopes_one_after_the_other),
    "native": Stop(drive=_natively, weight=2, only="asyncio"),
    "native twice": Stop(drive=_natively, weight=2, only="asyncio", grace=GRACE / 4),
    "native before": Stop(drive=_natively_before, only="asyncio"),
    "asyncio timeout": Stop(drive=_asyncio_timeout, only="asyncio"),
    "button": Stop(drive=_button, weight=2, raises=""),
    "button before": Stop(drive=_button_before, raises=""),
    "button, then scope": Stop(drive=_button_then_scope),
    "an onlooker": Stop(drive=_onlooker, raises=""),
    "the runtime closes": Stop(drive=_never, weight=0, raises=""),
}
"""The runtime closes: drawn by the home "together", which drives the runtime (see `play`)."""
