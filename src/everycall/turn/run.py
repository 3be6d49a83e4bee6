"""How one turn is run: what was planned is driven to its seals, what was refused is answered, everybody is told."""

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from everycall.core.events import IdMinted, TurnClosed, TurnOpened
from everycall.turn.arrangement import echoes_of
from everycall.turn.collector import NO_ECHOES, Collector
from everycall.turn.emit import Emitter
from everycall.turn.judge import rejected
from everycall.turn.nested import INSIDE, Nest
from everycall.turn.plan import Kept, Planned, Rejected
from everycall.turn.straight import Straight, host_of
from everycall.turn.supervise import Supervisor
from everycall.turn.telling import tell_planned, tell_replaced

if TYPE_CHECKING:
    from everycall.turn.turn import Driver, Turn, TurnPlan

_turn_numbers = itertools.count(1)


async def run_turn(turn: "Turn") -> None:
    """Run *turn*.

    Raises:
        BaseException: a cancellation from outside, after every slot is sealed.
    """
    plan, (resources, observers, routine) = turn._plan, turn._surroundings()  # noqa: SLF001 -- the turn's own function
    turn._enter()  # noqa: SLF001
    try:
        options, now = plan.options, resources.backend.now
        opened = now()
        emit = Emitter(options.key or next(_turn_numbers), observers, now, routine, options.redactor)
        echoes = NO_ECHOES if plan.plain else echoes_of(plan.plans)
        collector = Collector(plan.parsed.calls, echoes, emit, plan.explain, options.limits.turn_result_bytes)
        driver: Driver
        straight: Straight | None = None
        host = host_of(resources, options) if plan.plain and not routine else None
        if host is not None:
            planned: Sequence[Planned] = plan.plans  # type: ignore[assignment]  # what `plain` says
            driver = straight = Straight(planned, collector, resources, options, emit, opened, host)
            turn._begin(collector, driver, resources.backend.post)  # noqa: SLF001
        else:
            plan, driver = _supervised(plan, collector, Nest(resources, INSIDE.get()), emit)
            turn._begin(collector, driver, resources.backend.post)  # noqa: SLF001
            _tell_plans(plan, collector, emit)
    except BaseException:  # nothing has run yet, and the turn no longer counts as running
        turn._finish()  # noqa: SLF001
        raise
    resources.watch.turn_begins()
    try:
        if straight is None or straight.begin():
            await driver.run()
    finally:
        resources.watch.turn_ends()
        turn._finish(driver.deferred)  # noqa: SLF001
        if collector.has_parts:
            tell_replaced(turn._render, turn.calls, emit)  # noqa: SLF001
        if routine:
            duration, stopped = now() - opened, turn._cancelled  # noqa: SLF001
            emit.turn(TurnClosed, calls=len(plan.plans), duration=duration, lag=driver.lag, stopped=stopped)


def _supervised(plan: "TurnPlan", collector: Collector, nest: Nest, emit: Emitter) -> "tuple[TurnPlan, Supervisor]":
    """Return the plan as it is where the turn runs, and who carries it out."""
    if nest.around is not None:
        plan = plan._replace(plans=nest.plans(plan.plans, plan.options), options=nest.options(plan.options))
    planned = [one for one in plan.plans if type(one) is Planned]
    return plan, Supervisor(planned, collector, nest.resources, plan.options, emit, nest=nest, schedule=plan.schedule)


def _tell_plans(plan: "TurnPlan", collector: Collector, emit: Emitter) -> None:
    """Answer the calls that are not run, and tell the observers what was decided about each."""
    emit.turn(TurnOpened, calls=len(plan.plans), dialect=plan.dialect.name)
    for one in plan.plans:
        if type(one) is Rejected:
            collector.seal(one.call.position, rejected(one.code, one.message))
        elif type(one) is Kept:
            collector.keep(one.call.position, one.result)
        if one.call.call_id != one.call.sent_id and plan.dialect.id_rule.changed(one.call):
            emit.call(IdMinted, one.call, sent_id=one.call.sent_id)
        if emit.routine or not (type(one) is Planned and one.as_sent):
            tell_planned(one, emit, collector)
