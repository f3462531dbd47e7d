"""What lets an execution go on that a dead letter stopped: its retry, a retry later, or only a replay.

The transition that retries is asked itself, so that nothing is advised which it would refuse.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from spane.errors import StoreError
from spane.model.state import ExecutionState
from spane.runtime.steering import Reply, Steering
from spane.runtime.store import Store

Verb = Literal["retry", "retry_later", "replay"]

#: How an execution stands that can be healed once it has ended: what only tells its handler, or runs past its deadline.
_ENDING = (ExecutionState.FAILING, ExecutionState.COMPENSATING)


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do: retry the dead letter now, retry it once what runs has ended, or replay `execution`."""

    verb: Verb
    execution: str


def of_letters(store: Store, execution: str, nodes: Sequence[str]) -> dict[str, Remedy]:
    """Return what works for the dead letter of each node."""
    replies = Steering(store).may_heal([(execution, node) for node in nodes])
    return {node: _of(store, execution, reply) for node, reply in zip(nodes, replies, strict=True)}


def of_lost(store: Store, execution: str) -> Remedy:
    """Return what works where there is no dead letter, or none any more."""
    return Remedy("replay", list(_family(store, execution))[-1][0])


def _of(store: Store, execution: str, reply: Reply | StoreError) -> Remedy:
    # Where a retry only wants something first (room in Redis, a plan), its own error says what.
    if isinstance(reply, StoreError) or reply.code in ("ok", "noplan"):
        return Remedy("retry", execution)
    family = list(_family(store, execution))
    undone = any(undoes for _, undoes in family)
    if reply.code == "illegal" and reply.detail in _ENDING and not undone:
        return Remedy("retry_later", execution)
    return Remedy("replay", family[-1][0])


def _family(store: Store, execution: str) -> Iterator[tuple[str, bool]]:
    """Yield the execution and those above it, up to the one that nobody runs: its id, and whether it undoes what it did."""
    up: str | None = execution
    while up is not None:
        here = up.partition("|")[0]
        up, status, undoes, undone = store.fields(here, "@up", "@st", "@u", "@undone")
        # A parent may be past its retention.
        if status is not None or here == execution:
            yield here, bool(undoes or undone)
