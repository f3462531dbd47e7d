"""The states of executions and nodes, and the one table of legal transitions.

`letter` is how a node's state stands in Redis. The diagram in docs/life-of-a-node.md is generated from
the tables here.
"""

from __future__ import annotations

from enum import StrEnum


class ExecutionState(StrEnum):
    """Where an execution stands."""

    SCHEDULED = "scheduled"
    RUNNING = "running"
    PAUSED = "paused"
    FAILING = "failing"
    CANCELLING = "cancelling"
    COMPENSATING = "compensating"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self in (ExecutionState.COMPLETED, ExecutionState.FAILED, ExecutionState.CANCELLED)


class NodeState(StrEnum):
    """Where a node of one execution stands."""

    WAITING = "waiting"
    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    PARKED = "parked"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"

    @property
    def letter(self) -> str:
        """The state's letter in Redis; a waiting node has no entry there."""
        return _LETTERS[self]

    @property
    def ended(self) -> bool:
        """Whether the node has come to its outcome."""
        return self in (NodeState.SUCCEEDED, NodeState.FAILED, NodeState.SKIPPED, NodeState.CANCELLED)


_LETTERS = {
    NodeState.WAITING: "W",
    NodeState.QUEUED: "Q",
    NodeState.RUNNING: "R",
    NodeState.RETRYING: "T",
    NodeState.PARKED: "P",
    NodeState.SUCCEEDED: "D",
    NodeState.FAILED: "F",
    NodeState.SKIPPED: "S",
    NodeState.CANCELLED: "C",
}

#: A parked node has A while it awaits something that will rouse it, L while it waits for a limit, Q where no worker fits,
#: and P where its execution was paused or failed.
NODE_STATE_OF = {letter: state for state, letter in _LETTERS.items()} | dict.fromkeys("AL", NodeState.PARKED)

_E, _N = ExecutionState, NodeState

EXECUTION_TRANSITIONS: dict[ExecutionState, frozenset[ExecutionState]] = {
    _E.SCHEDULED: frozenset({_E.RUNNING, _E.PAUSED, _E.CANCELLED}),
    _E.RUNNING: frozenset(
        {_E.PAUSED, _E.COMPLETED, _E.FAILING, _E.FAILED, _E.CANCELLING, _E.CANCELLED, _E.COMPENSATING}
    ),
    _E.PAUSED: frozenset(
        {_E.SCHEDULED, _E.RUNNING, _E.COMPLETED, _E.FAILING, _E.FAILED, _E.CANCELLING, _E.CANCELLED, _E.COMPENSATING}
    ),
    _E.FAILING: frozenset({_E.RUNNING, _E.FAILED, _E.COMPENSATING, _E.CANCELLING}),
    _E.CANCELLING: frozenset({_E.CANCELLED, _E.COMPENSATING}),
    _E.COMPENSATING: frozenset({_E.FAILED, _E.CANCELLED}),
    # A child is undone with its parent.
    _E.COMPLETED: frozenset({_E.COMPENSATING}),
    _E.FAILED: frozenset({_E.RUNNING, _E.COMPENSATING}),
    _E.CANCELLED: frozenset({_E.COMPENSATING}),
}

NODE_TRANSITIONS: dict[NodeState, frozenset[NodeState]] = {
    _N.WAITING: frozenset({_N.QUEUED, _N.RUNNING, _N.RETRYING, _N.PARKED, _N.SKIPPED, _N.CANCELLED}),
    _N.QUEUED: frozenset({_N.RUNNING, _N.PARKED, _N.CANCELLED}),
    _N.RUNNING: frozenset({_N.SUCCEEDED, _N.FAILED, _N.RETRYING, _N.QUEUED, _N.PARKED, _N.SKIPPED, _N.CANCELLED}),
    _N.RETRYING: frozenset({_N.QUEUED, _N.PARKED, _N.CANCELLED}),
    _N.PARKED: frozenset({_N.QUEUED, _N.CANCELLED, _N.SKIPPED}),
    _N.SUCCEEDED: frozenset(),
    _N.FAILED: frozenset({_N.QUEUED, _N.PARKED}),
    _N.SKIPPED: frozenset({_N.QUEUED}),
    _N.CANCELLED: frozenset(),
}
