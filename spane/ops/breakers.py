"""What a circuit breaker looks like to whoever looks at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class BreakerState(StrEnum):
    """Whether a breaker lets attempts through: all, none, or one at a time to try."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class BreakerView:
    """How a circuit breaker stands. `failures` are those of its window, or the ones that opened it.

    `opened` and `refused` count how often it opened, and attempts that it did not let through, since it was first seen;
    `waiting` are nodes that wait at it now, `opened_by` the node (`execution|node`) whose failure opened it last.
    """

    name: str
    state: BreakerState
    failures: int
    successes: int
    waiting: int
    opened: int
    refused: int
    since_ms: int | None = None
    until_ms: int | None = None
    opened_by: str | None = None


_STATES = {"open": BreakerState.OPEN, "half": BreakerState.HALF_OPEN}


def view(name: str, fields: Mapping[str, str], failures: int, waiting: int) -> BreakerView:
    """Return the view of a breaker from its fields in the store, the failures of its window, and how many wait."""
    state = _STATES.get(fields.get("st", ""), BreakerState.CLOSED)
    closed = state is BreakerState.CLOSED
    return BreakerView(
        name,
        state,
        failures if closed else int(fields.get("failures", 0)),
        int(fields.get("good", 0)) if state is BreakerState.HALF_OPEN else 0,
        waiting,
        int(fields.get("opened", 0)),
        int(fields.get("refused", 0)),
        int(fields["since"]) if "since" in fields else None,
        int(fields["until"]) if state is BreakerState.OPEN else None,
        fields.get("last"),
    )
