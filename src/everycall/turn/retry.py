"""When a failed attempt is followed by another, and after how long. Pure; the only module that imports tenacity.

1. Two things are needed: the cause is transient, and repeating is safe (design, section 5). What is transient is known
   by `core.transient`; what is safe is known by the tool, or said by the error itself with `effect="none"`.
2. Only what is an `Exception` is ever retried; a timeout only for tools that are safe to repeat.
3. Nothing here runs for a call whose first attempt succeeds.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

import tenacity

from everycall.core.policy import Retry


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedAttempt:
    """What the decision needs to know of an attempt that has really ended.

    Attributes:
        number: which attempt it was, from 1.
        transient: the cause may pass.
        safe: the tool is read-only or idempotent.
        declared_none: the error said that nothing happened.
        retry_after: seconds the other side asked to wait, if it did.
        time_left: seconds until the call or the turn must end; None for no bound.
    """

    number: int
    transient: bool
    safe: bool
    declared_none: bool
    retry_after: float | None
    time_left: float | None


def delay_before_next(
    failed: FailedAttempt, policy: Retry | None, uniform: Callable[[float, float], float]
) -> float | None:
    """Return the seconds to wait before the next attempt, or None if there is none.

    Args:
        failed: the attempt that has ended.
        policy: the tool's; None for no retries.
        uniform: draws a float between two bounds; injected, so that a test can replay it.
    """
    if policy is None or not failed.transient:
        return None
    allowed = failed.declared_none or (failed.safe and not policy.declared_only)
    if not allowed:
        return None
    state = _state_of(failed)
    if tenacity.stop_after_attempt(policy.attempts)(state):
        return None
    delay = tenacity.wait_exponential(multiplier=policy.initial, max=policy.maximum)(state)
    if policy.jitter:
        delay = uniform(0.0, delay)
    if failed.retry_after is not None:
        delay = max(delay, failed.retry_after)
    if failed.time_left is not None and delay >= failed.time_left:
        return None  # a back-off that does not fit is not begun
    return delay


class RetryBudget:
    """How many more retries of one tool may fail, over all turns of a runtime: against storms of retries.

    A service that is down gets no better by being asked three times as often. Each retry costs one; one that succeeds
    gives back what its call had cost, so a tool that recovers is never held back; and one is forgiven each second. The
    rule is that of the "standard" retry mode of the AWS SDKs, with time in place of their count of first attempts.

    Args:
        capacity: retries that may fail at once.
        now: the loop's clock in seconds.
    """

    __slots__ = ("_capacity", "_filled_at", "_left", "_now")

    def __init__(self, capacity: int, now: Callable[[], float]) -> None:
        self._capacity = capacity
        self._now = now
        self._filled_at = now()
        self._left = float(capacity)

    def spend(self) -> bool:
        """Pay for one retry. Returns False, and pays nothing, if there is not enough left."""
        now = self._now()
        self._left = min(self._capacity, self._left + FORGIVEN_PER_SECOND * (now - self._filled_at))
        self._filled_at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def give_back(self, retries: int) -> None:
        """Take back what *retries* had cost: the last of them succeeded."""
        self._left = min(self._capacity, self._left + retries)


FORGIVEN_PER_SECOND = 1.0


def _state_of(failed: FailedAttempt) -> tenacity.RetryCallState:
    """Return tenacity's own view of the attempt: its waits and stops read the number alone."""
    state = tenacity.RetryCallState(_RETRYING, None, (), {})
    state.attempt_number = failed.number
    return state


_RETRYING = tenacity.Retrying()

UNIFORM = random.uniform
"""The default source of jitter."""
