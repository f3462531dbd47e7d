"""Whether an attempt may begin: the start mark of a suspect, a slot of its limit, the breaker before its node.

Where it may not, its outcome says what becomes of it, and its function is not called. All of it asks Redis.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from spane.errors import BreakerOpen, StoreError, StoreUnavailable
from spane.model.limit_keys import key_of
from spane.model.outcome import Awaits, Parked
from spane.runtime import breakers, inputs
from spane.runtime.guard import Guard, Passed
from spane.runtime.mishaps import put_off
from spane.runtime.store import Store

if TYPE_CHECKING:
    from spane.runtime.claim import Claim
    from spane.runtime.programs import Program


def admit(store: Store, claim: Claim) -> bool:
    """Write the start mark of a suspect; without it, it must not run, and is put off."""
    try:
        if store.mark(claim.execution, claim.node, claim.token):
            return True
        claim.outcome = put_off(claim, StoreUnavailable("Another attempt has the node now."))
    except StoreError as error:
        claim.outcome = put_off(claim, error)
    return False


def pass_gates(
    store: Store, claim: Claim, program: Program, args: list[Any], kwargs: dict[str, Any]
) -> Callable[..., Any] | None:
    """Take a slot and ask the breaker, where the node has them; returns what to call, None where the attempt ends here.

    Raises:
        BreakerOpen: it is open, and the node neither waits nor has a fallback.
    """
    if program.key is not None and not _has_slot(store, claim, program):
        return None
    return program.fn if program.guard is None else _let_through(store, claim, program.guard, args, kwargs)


def _has_slot(store: Store, claim: Claim, program: Program) -> bool:
    """Take a slot under the key of the claim's limit; without one its node is parked, and must not run."""
    evaluate, path = program.key or (lambda *_: None, "")
    raw = evaluate(*inputs.merged(claim, program))
    key = key_of(None if raw is None else msgspec.json.decode(raw), path)
    try:
        if store.admit(claim.execution, claim.node, claim.token, key):
            return True
        claim.outcome = Parked()
    except StoreError as error:
        claim.outcome = put_off(claim, error)
    return False


def _let_through(
    store: Store, claim: Claim, guard: Guard, args: list[Any], kwargs: dict[str, Any]
) -> Callable[..., Any] | None:
    name = guard.name(args, kwargs)
    try:
        stands, left_ms = breakers.ask(store, claim.execution, claim.node, claim.token, name)
    except StoreError as error:
        claim.outcome = put_off(claim, error)
        return None
    if stands == "fenced":
        claim.outcome = put_off(claim, StoreUnavailable("Another attempt has the node now."))
        return None
    if stands != "open":
        claim.breaker = Passed(name, guard.rule, stands == "probe")
        fn: Callable[..., Any] = claim.program.fn
        return fn
    if guard.rule.when_open == "wait":
        claim.outcome = Awaits(f"circuit breaker {name}", breaker=name)
        return None
    if guard.fallback is not None:
        return guard.fallback
    raise BreakerOpen(name, left_ms / 1000)
