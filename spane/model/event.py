"""Events: the facts that transitions append to the stream, and how one is read back.

An entry of the stream has one field: its name is the kind's letter, its value the parts below joined by `|`
(the last part may itself contain `|`). Ids are those of the stream, `milliseconds-sequence`.

    letter  kind                  parts
    S       execution_started     execution, plan, workflow, priority, key, original (of a replay), parent and its node
    n       nodes_kept            execution, nodes whose results a replay keeps
    C       execution_completed   execution, generation
    F       execution_failed      execution, generation, node
    X       execution_cancelled   execution, generation, reason
    D       deadline_passed       execution
    G       execution_failing     execution, node, '' for its deadline
    Y       execution_cancelling  execution, reason
    U       execution_compensating  execution, what it will be: failed or cancelled
    p       execution_paused      execution, reason
    u       execution_resumed     execution
    i       execution_signalled   execution, event, the signal's id, node that takes it or ''
    L       execution_parked      execution, reason
    B       execution_debounced   execution, when it begins now, in ms, plan
    O       breaker_opened        (no execution), breaker, timeout_ms, failures, execution and node that opened it
    H       breaker_half_opened   (no execution), breaker
    K       breaker_closed        (no execution), breaker
    h       hint_dropped          (no execution), what stood in the queue, unreadable
    c       nodes_claimed         session, then `execution|node|token|attempt` for each, joined by `;`
    s       node_succeeded        execution, node, token, attempt, duration_us, child handed over, its token
    v       node_skipped          execution, nodes joined by `,`; or execution, node, token, attempt, duration_us, why
    f       node_failed           execution, node, token, attempt, duration_us, policy, error (JSON)
    r       node_retrying         execution, node, token, attempt, duration_us, delay_ms, error (JSON)
    x       node_cancelled        execution, node, token, attempt, duration_us, error (JSON)
    k       node_parked           execution, node, reason
    a       node_waiting          execution, node, token, timer_ms, what it waits for
    m       node_expanded         execution, node, token, how many items it has
    l       node_lost             execution, node, token, crashes
    b       node_returned         execution, node, token
    z       attempt_fenced        execution, node, token
    g       node_progress         execution, node, done, total
    d       dead_letter_retried   execution, node, generation
    e       dead_letter_discarded  execution, node
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from spane.model.outcome import NodeError, decode_error


class EventKind(StrEnum):
    """What happened."""

    EXECUTION_STARTED = "execution_started"
    NODES_KEPT = "nodes_kept"
    EXECUTION_COMPLETED = "execution_completed"
    EXECUTION_FAILED = "execution_failed"
    EXECUTION_CANCELLED = "execution_cancelled"
    DEADLINE_PASSED = "deadline_passed"
    EXECUTION_FAILING = "execution_failing"
    EXECUTION_CANCELLING = "execution_cancelling"
    EXECUTION_COMPENSATING = "execution_compensating"
    EXECUTION_PAUSED = "execution_paused"
    EXECUTION_RESUMED = "execution_resumed"
    EXECUTION_SIGNALLED = "execution_signalled"
    EXECUTION_PARKED = "execution_parked"
    EXECUTION_DEBOUNCED = "execution_debounced"
    BREAKER_OPENED = "breaker_opened"
    BREAKER_HALF_OPENED = "breaker_half_opened"
    BREAKER_CLOSED = "breaker_closed"
    HINT_DROPPED = "hint_dropped"
    NODE_CLAIMED = "node_claimed"
    NODE_SUCCEEDED = "node_succeeded"
    NODE_FAILED = "node_failed"
    NODE_SKIPPED = "node_skipped"
    NODE_RETRYING = "node_retrying"
    NODE_CANCELLED = "node_cancelled"
    NODE_PARKED = "node_parked"
    NODE_WAITING = "node_waiting"
    NODE_EXPANDED = "node_expanded"
    NODE_LOST = "node_lost"
    NODE_RETURNED = "node_returned"
    ATTEMPT_FENCED = "attempt_fenced"
    NODE_PROGRESS = "node_progress"
    DEAD_LETTER_RETRIED = "dead_letter_retried"
    DEAD_LETTER_DISCARDED = "dead_letter_discarded"

    @property
    def terminal(self) -> bool:
        """Whether the execution has ended with this event."""
        return self in (EventKind.EXECUTION_COMPLETED, EventKind.EXECUTION_FAILED, EventKind.EXECUTION_CANCELLED)


@dataclass(frozen=True, slots=True)
class Event:
    """One fact about one execution. `data` holds what only events of its kind have."""

    id: str
    at_ms: int
    kind: EventKind
    execution: str
    node: str | None = None
    token: str | None = None
    attempt: int | None = None
    error: NodeError | None = None
    data: dict[str, Any] | None = None


_EXECUTION_KINDS: dict[str, tuple[EventKind, tuple[str, ...]]] = {
    "S": (EventKind.EXECUTION_STARTED, ("plan", "workflow", "priority", "key", "replay_of", "parent", "parent_node")),
    "n": (EventKind.NODES_KEPT, ("nodes",)),
    "C": (EventKind.EXECUTION_COMPLETED, ("generation",)),
    "F": (EventKind.EXECUTION_FAILED, ("generation", "node")),
    "X": (EventKind.EXECUTION_CANCELLED, ("generation", "reason")),
    "D": (EventKind.DEADLINE_PASSED, ()),
    "G": (EventKind.EXECUTION_FAILING, ("node",)),
    "Y": (EventKind.EXECUTION_CANCELLING, ("reason",)),
    "U": (EventKind.EXECUTION_COMPENSATING, ("fate",)),
    "p": (EventKind.EXECUTION_PAUSED, ("reason",)),
    "u": (EventKind.EXECUTION_RESUMED, ()),
    "i": (EventKind.EXECUTION_SIGNALLED, ("event", "signal", "node")),
    "L": (EventKind.EXECUTION_PARKED, ("reason",)),
    "B": (EventKind.EXECUTION_DEBOUNCED, ("due_ms", "plan")),
    "O": (EventKind.BREAKER_OPENED, ("breaker", "timeout_ms", "failures", "by")),
    "H": (EventKind.BREAKER_HALF_OPENED, ("breaker",)),
    "K": (EventKind.BREAKER_CLOSED, ("breaker",)),
    "h": (EventKind.HINT_DROPPED, ("hint",)),
}

_NODE_KINDS: dict[str, tuple[EventKind, tuple[str, ...]]] = {
    "s": (EventKind.NODE_SUCCEEDED, ("token", "attempt", "duration_us", "child", "child_token")),
    "f": (EventKind.NODE_FAILED, ("token", "attempt", "duration_us", "policy", "error")),
    "r": (EventKind.NODE_RETRYING, ("token", "attempt", "duration_us", "delay_ms", "error")),
    "x": (EventKind.NODE_CANCELLED, ("token", "attempt", "duration_us", "error")),
    "k": (EventKind.NODE_PARKED, ("reason",)),
    "a": (EventKind.NODE_WAITING, ("token", "timer_ms", "awaits")),
    "m": (EventKind.NODE_EXPANDED, ("token", "total")),
    "l": (EventKind.NODE_LOST, ("token", "crashes")),
    "b": (EventKind.NODE_RETURNED, ("token",)),
    "z": (EventKind.ATTEMPT_FENCED, ("token",)),
    "g": (EventKind.NODE_PROGRESS, ("done", "total")),
    "d": (EventKind.DEAD_LETTER_RETRIED, ("generation",)),
    "e": (EventKind.DEAD_LETTER_DISCARDED, ()),
}

_INTEGERS = frozenset(
    {
        "attempt",
        "crashes",
        "delay_ms",
        "due_ms",
        "duration_us",
        "failures",
        "generation",
        "priority",
        "timeout_ms",
        "timer_ms",
    }
)
_NUMBERS = frozenset({"done", "total"})


def read_entry(entry_id: str, letter: str, body: str) -> Iterator[Event]:
    """Yield the events of one stream entry: several for a batch of claims, two where a child was handed over."""
    at_ms = int(entry_id.partition("-")[0])
    if letter == "c":
        session, _, rest = body.partition("|")
        for claim in rest.split(";"):
            execution, node, token, attempt = claim.split("|")
            yield Event(
                entry_id,
                at_ms,
                EventKind.NODE_CLAIMED,
                execution,
                node,
                token,
                int(attempt),
                None,
                {"session": session},
            )
        return
    if letter == "v":
        yield from _skipped(entry_id, at_ms, body)
        return
    if letter in _EXECUTION_KINDS:
        kind, names = _EXECUTION_KINDS[letter]
        execution, *parts = body.split("|", len(names))
        data = _named(names, parts)
        yield Event(entry_id, at_ms, kind, execution, data.pop("node", None) or None, data=data)
        return
    kind, names = _NODE_KINDS[letter]
    execution, node, *parts = body.split("|", len(names) + 1)
    data = _named(names, parts)
    error = decode_error(data.pop("error")) if data.get("error") else None
    child, child_token = data.pop("child", None), data.pop("child_token", None)
    yield Event(entry_id, at_ms, kind, execution, node, data.pop("token", None), data.pop("attempt", None), error, data)
    if child:
        yield Event(entry_id, at_ms, EventKind.NODE_CLAIMED, execution, child, child_token, 1, None, {"session": ""})


def _skipped(entry_id: str, at_ms: int, body: str) -> Iterator[Event]:
    """Yield the nodes that were skipped with a transition; one that skipped itself stands alone, with why."""
    execution, nodes, *own = body.split("|", 5)
    token, attempt, duration_us, reason = own or (None, None, None, "")
    data = {"reason": reason} | ({} if duration_us is None else {"duration_us": int(duration_us)})
    for node in nodes.split(","):
        number = None if attempt is None else int(attempt)
        yield Event(entry_id, at_ms, EventKind.NODE_SKIPPED, execution, node, token, number, None, data)


def _named(names: tuple[str, ...], parts: list[str]) -> dict[str, Any]:
    return {name: _read_part(name, part) for name, part in zip(names, parts, strict=False)}


def _read_part(name: str, part: str) -> Any:
    if name in _INTEGERS and part:
        return int(part)
    # A node may count its progress in any number, whole or not.
    return (int(part) if part.isdecimal() else float(part)) if name in _NUMBERS else part
