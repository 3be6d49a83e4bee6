"""What simulated sync tools do: generators that yield the seconds for which their thread is blocked (see `threads`)."""

import anyio

from everycall import TransientToolError

OK, TOO_LATE, FAILS = {"ok"}, {"attempt", "call"}, {"tool_error"}


def returns(one, _context):
    yield one.seconds


def returns_at_once(_one, _context):
    return
    yield


def hangs_for_long(_one, _context):
    yield 8.0


def returns_in_the_grace(_one, _context):
    yield 1.1


def polls(_one, context):
    while not context.cancelled:
        yield 0.05
    if context.remaining() != 0.0:
        raise AssertionError("asked to stop, and time left")


def polls_and_raises(_one, context):
    while not context.cancelled:
        yield 0.05
    raise InterruptedError("stopped")


def reports_progress(one, context):
    for done in range(3):
        yield one.seconds / 4
        context.report_progress(done)
        one.reports += 1


def raises(make):
    def behaviour(one, _context):
        yield one.seconds
        raise make()

    return behaviour


def returns_a_coroutine(one, _context):
    yield one.seconds / 2
    return lambda: anyio.sleep(one.seconds / 2)


def returns_a_coroutine_that_hangs(one, _context):
    yield one.seconds
    return lambda: anyio.sleep(1e6)


def is_busy_then_returns(one, _context):
    yield one.seconds
    if len(one.visits) < 2:
        raise TransientToolError("busy", effect="none")


THREAD_BEHAVIOURS = {
    "returns": (returns, OK),
    "returns at once": (returns_at_once, OK),
    "hangs for long": (hangs_for_long, TOO_LATE),
    "returns in the grace": (returns_in_the_grace, OK),
    "polls": (polls, OK),
    "polls and raises": (polls_and_raises, TOO_LATE),
    "reports progress": (reports_progress, OK),
    "raises": (raises(lambda: ValueError("x")), FAILS),
    "raises GeneratorExit": (raises(GeneratorExit), FAILS),
    "raises SystemExit": (raises(lambda: SystemExit(1)), FAILS),
    "returns a coroutine": (returns_a_coroutine, OK),
    "returns a coroutine that hangs": (returns_a_coroutine_that_hangs, TOO_LATE),
    "is busy, then returns": (is_busy_then_returns, OK | FAILS | {"call"}),
}
