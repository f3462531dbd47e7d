"""Whether a failed attempt is tried again, and when."""

from __future__ import annotations

import random

from dramatiq import Retry as DramatiqRetry

from spane.errors import (
    EventTimeout,
    RateLimited,
    ResultNotSerialisable,
    RetryLater,
    SubWorkflowFailed,
    Unrecoverable,
    ValueMismatch,
    ValueTooLarge,
)
from spane.model.outcome import Failed, RetryAt, describe
from spane.model.rules import RetryPolicy

#: Trying these again cannot help.
NEVER_RETRIED = (
    Unrecoverable,
    ValueMismatch,
    ResultNotSerialisable,
    ValueTooLarge,
    EventTimeout,
    SubWorkflowFailed,
)


#: What is put off at no cost, and again and again, does so twenty times a second at most.
_SOONEST_MS = 50


class AttemptRetried(DramatiqRetry):
    """Tells Dramatiq that an attempt failed and will be tried again, so that nothing is logged as an error."""

    def __init__(self, outcome: RetryAt) -> None:
        super().__init__(str(outcome.error), outcome.delay_ms)
        self.outcome = outcome


class AttemptFailed(DramatiqRetry):
    """Tells Dramatiq that an attempt failed for good, where somebody else reports it."""


def wait_ms(policy: RetryPolicy, attempt: int) -> int:
    """Return the wait after failed attempt number `attempt` (from 1), in milliseconds."""
    try:
        wait_s = policy.base_s if policy.backoff == "fixed" else policy.base_s * policy.factor ** (attempt - 1)
    except OverflowError:
        wait_s = policy.max_s
    wait_s = min(wait_s, policy.max_s)
    if policy.jitter:
        wait_s *= 1 - policy.jitter * random.random()
    return round(wait_s * 1000)


def names_of(error: BaseException) -> set[str]:
    """Return `module:qualname` of the exception's class and all its bases."""
    return {f"{cls.__module__}:{cls.__qualname__}" for cls in type(error).__mro__}


def retryable(policy: RetryPolicy, error: BaseException) -> bool:
    """Tell whether the policy allows another try after this exception."""
    if issubclass(type(error), NEVER_RETRIED):
        return False
    names = names_of(error)
    return not names.isdisjoint(policy.retry_on) and names.isdisjoint(policy.give_up_on)


def tellable(error: BaseException) -> bool:
    """Tell whether `isinstance` can be asked of an exception: a `__class__` of the user's own may raise."""
    try:
        isinstance(error, DramatiqRetry)
    except BaseException:  # noqa: BLE001 - user code was called
        return False
    return True


def classify(policy: RetryPolicy, error: BaseException, *, node: str, attempt: int) -> Failed | RetryAt:
    """Turn a raised exception into the outcome of its attempt; it is kept only where others can handle it."""
    kept = error if tellable(error) else None
    if kept is not None and isinstance(error, RetryLater):
        record = describe(error, node=node, attempt=attempt, retryable=True)
        rests = isinstance(error, RateLimited)
        return RetryAt(
            max(_SOONEST_MS, round(error.after_s * 1000)), record, spends=False, rests=rests, exception=error
        )
    again = retryable(policy, error)
    record = describe(error, node=node, attempt=attempt, retryable=again)
    if again and attempt < policy.attempts:
        return RetryAt(wait_ms(policy, attempt), record, exception=kept)
    return Failed(record, exception=kept)
