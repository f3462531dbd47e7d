"""A breaker on a stage: what workers ask and tell, with thresholds that tests can count."""

from __future__ import annotations

from typing import Any

from spane.ops.breakers import BreakerView, view
from spane.runtime import breakers
from tests.transitions.conftest import LIMITS, Claimed, Stage

NAME = "bank"
FAILURES, WINDOW_MS, SUCCESSES, OPEN_MS = 3, 10_000, 2, 4_000


def ask(stage: Stage, claim: Claimed) -> tuple[str, int]:
    return breakers.ask(stage.store, claim.execution, claim.node, claim.token, NAME)


def tell(stage: Stage, claim: Claimed, how: str = "bad") -> str:
    told: str = stage.call(
        "tell_breaker", stage.now_ms, claim.execution, claim.node, claim.token, NAME, how, FAILURES, WINDOW_MS,
        SUCCESSES, OPEN_MS,
    )  # fmt: skip
    return told


def wait(stage: Stage, claim: Claimed) -> Any:
    return stage.call(
        "await", stage.now_ms, "w1", claim.execution, claim.node, claim.token, f"circuit breaker {NAME}", "",
        LIMITS.retention_ms, LIMITS.dead_letter_retention_ms, "", NAME,
    )  # fmt: skip


def seen(stage: Stage) -> BreakerView:
    return view(NAME, *breakers.read(stage.store, [NAME])[NAME])


def timers(stage: Stage) -> dict[str, int]:
    found = stage.client.zrange(stage.keys.timers, 0, -1, withscores=True)
    return {name.decode(): int(at) for name, at in found}


def claims(stage: Stage, count: int, first: int = 0) -> list[Claimed]:
    """Start executions of one node and claim them."""
    for number in range(first, first + count):
        stage.start(execution=f"x{number}")
    return stage.fetch(threads=count)


def opened(stage: Stage) -> None:
    """Let three attempts fail, which opens it."""
    for claim in claims(stage, FAILURES, 900):
        tell(stage, claim)
        stage.fail(claim)


def waiting(stage: Stage, count: int) -> list[Claimed]:
    """Open it, and let nodes wait at it."""
    opened(stage)
    found = claims(stage, count)
    for claim in found:
        assert "open" == ask(stage, claim)[0]
        wait(stage, claim)
    return found


def half_opened(stage: Stage, count: int = 1) -> Claimed:
    """Let `count` nodes wait until it half-opens, and return the claim of the one that it rouses, which probes."""
    waiting(stage, count)
    stage.clock.advance(OPEN_MS)
    [probe] = stage.fetch()
    assert ("probe", 0) == ask(stage, probe)
    return probe
