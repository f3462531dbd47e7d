"""Whether an attempt may begin: the start mark of a suspect, the key of its limit, the breaker before its node.

Where it may not, its outcome says what becomes of it, and its function is not called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from spane.errors import BreakerOpen, StoreError, StoreUnavailable
from spane.model.limit_keys import key_of
from spane.model.outcome import Awaits, Sorts
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


def sort(claim: Claim, program: Program) -> Sorts:
    """Work out the key of the claim's limit from its values, which are all there."""
    assert program.key is not None  # else its plan would not have it sorted
    evaluate, path = program.key
    raw = evaluate(*inputs.merged(claim, program))
    return Sorts(key_of(None if raw is None else msgspec.json.decode(raw), path))


def pass_breaker(
    store: Store, claim: Claim, guard: Guard, args: list[Any], kwargs: dict[str, Any]
) -> Callable[..., Any] | None:
    """Ask the breaker before the node; returns what to call, None where the attempt ends here.

    Raises:
        BreakerOpen: it is open, and the node neither waits nor has a fallback.
    """
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
