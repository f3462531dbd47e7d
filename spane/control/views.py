"""How a node is shown."""

from __future__ import annotations

from dataclasses import dataclass

from spane.model.outcome import NodeError
from spane.model.state import NodeState


@dataclass(frozen=True, slots=True)
class NodeView:
    """Where one node of an execution stands. `attempt` counts from 1; `since_ms` is when it came to this state.

    Of a node that waits for its time (a sleep, a delay, a retry, an event with a timeout) `until_ms` is when that comes, and
    `since_ms` is None: the store keeps only one of the two.

    For a map, `done` of its `total` items have ended; both are None before it has begun, and for other nodes. The view of
    what undoes its items counts those that are undone.
    """

    id: str
    state: NodeState
    attempt: int = 0
    crashes: int = 0
    since_ms: int | None = 0
    error: NodeError | None = None
    done: int | None = None
    total: int | None = None
    until_ms: int | None = None
