"""What can go wrong around a node's function, as errors and outcomes that name the node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spane.errors import ExecutionCancelled, NodeTimeout, ResultNotSerialisable, ValueMismatch
from spane.model.outcome import Cancelled, RetryAt, describe

if TYPE_CHECKING:
    from spane.runtime.claim import Claim

#: How long an attempt waits that could not start because Redis was away.
PUT_OFF_MS = 200


def returned_by(node: str, error: ResultNotSerialisable) -> ResultNotSerialisable:
    """Return the codec's error with the node that it cannot know."""
    named = ResultNotSerialisable(
        f"Node {node!r} returned a value that is refused. {error}", node=node, **error.__dict__
    )
    named.__cause__ = error.__cause__
    return named.with_traceback(error.__traceback__)


def put_off(claim: Claim, error: Exception) -> RetryAt:
    """Return the outcome of an attempt that did not start because Redis was away."""
    record = describe(error, node=claim.node, attempt=claim.attempt, retryable=True)
    return RetryAt(PUT_OFF_MS, record, spends=False)


def stopped(claim: Claim, reason: str) -> Cancelled:
    """Return the outcome of an attempt that was stopped because its execution is cancelled."""
    error = ExecutionCancelled(claim.execution, reason)
    return Cancelled(describe(error, node=claim.node, attempt=claim.attempt, retryable=False))


def timed_out(claim: Claim, timeout_ms: int) -> NodeTimeout:
    """Return the error of an attempt that ran past its timeout."""
    return NodeTimeout(
        f"Node {claim.node!r} of execution {claim.execution!r} ran past its timeout of {timeout_ms / 1000:g} s "
        f"(attempt {claim.attempt}). Raise `timeout_s`, or make the node do less at a time.",
        node=claim.node,
        execution=claim.execution,
        timeout_s=timeout_ms / 1000,
    )


def absent(node: str, parameter: str) -> ValueMismatch:
    """Return the error of an attempt that got nothing for a parameter it needs."""
    return ValueMismatch(
        f"Node {node!r} got nothing for its required parameter {parameter!r}: what feeds it was skipped, failed or not "
        f"given. Give {parameter!r} a default.",
        node=node,
        parameter=parameter,
    )
