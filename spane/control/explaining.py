"""Why an execution waits: for each of its nodes that is not done, the cause.

Each cause has one place: what it says stands in `causes`, or `execution_causes`, how it is found is a function here that `_FINDERS` names for
the state of a node in Redis. Looking writes nothing; a node that moves on meanwhile may be shown where it just was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from spane.control import causes, execution_causes
from spane.control.causes import Cause, Group
from spane.control.standing import NodeField, Standing, fields_of
from spane.errors import PlanGone, UnknownExecution
from spane.model.outcome import decode_error
from spane.model.plan import UNDO, PlanNode, is_step
from spane.model.state import ExecutionState
from spane.model.waits import event_of
from spane.runtime import aftermath, pools
from spane.runtime.layout import HANDED, SUSPECT, UNSORTED
from spane.runtime.store import ERROR_MARK, Store


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an execution has not ended: `cause` where it is the execution as a whole, and the cause of each node not done."""

    execution: str
    workflow: str
    status: ExecutionState
    cause: Cause | None
    nodes: dict[str, Cause] = field(default_factory=dict)

    def __str__(self) -> str:
        head = f"{self.execution} of {self.workflow} is {self.status}."
        lines = [f"{head} {self.cause}" if self.cause else head]
        lines += [f"{name}: {cause}" for name, cause in self.nodes.items()]
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return {
            "execution": self.execution,
            "workflow": self.workflow,
            "status": str(self.status),
            "cause": self.cause.as_json() if self.cause else None,
            "nodes": {name: cause.as_json() for name, cause in self.nodes.items()},
        }


def explain(store: Store, execution: str) -> Explanation:
    """Return why an execution, and each of its nodes that is not done, waits.

    Raises:
        UnknownExecution: it is past its retention.
    """
    try:
        look = Standing(store, execution)
    except PlanGone:
        fields = fields_of(store, execution)
        status = ExecutionState(fields["@st"])
        return Explanation(
            execution, fields["@wf"], status, None if status.ended else execution_causes.PlanMissing(fields["@pl"])
        )
    found: dict[str, Cause] = {}
    if look.status not in (ExecutionState.COMPLETED, ExecutionState.CANCELLED):
        found = {name: _cause(look, node) for name, node in look.nodes.items() if not look.is_done(name)}
    found |= _steps(look)
    return Explanation(execution, look.fields["@wf"], look.status, _of_execution(look), found)


def _cause(look: Standing, node: PlanNode) -> Cause:
    state = look.state(node.id)
    if look.status is ExecutionState.FAILED and state.letter != "F":
        return _put_aside(look)
    return _FINDERS[state.letter](look, node, state)


def _steps(look: Standing) -> dict[str, Cause]:
    """Return the cause of each undo that has not ended, and of the handler: at work, dead, or behind the one before it."""
    began = [name for name in look.steps if name in look.states and not look.is_done(name)]
    found = {name: _cause(look, look.steps[name]) for name in began}
    if look.status is not ExecutionState.COMPENSATING:
        return found
    to_come = [node + UNDO for node in aftermath.to_be_undone(look.store, look.execution)]
    if look.fields["@fate"] == ExecutionState.FAILED and "@told" not in look.fields:
        to_come += [name for name in look.steps if not name.endswith(UNDO)]
    # One runs at a time, so each waits for the one before it.
    at_work = [name for name in began if look.state(name).letter != "F"]
    before = [*at_work[:1], *to_come]
    waiting = to_come[1 - len(at_work[:1]) :]
    return found | {name: causes.Parents((before[i],)) for i, name in enumerate(waiting)}


def _of_execution(look: Standing) -> Cause | None:
    if look.status is ExecutionState.SCHEDULED:
        return _of_scheduled(look, look.execution, look.fields)
    if look.status in (ExecutionState.RUNNING, ExecutionState.COMPLETED):
        return None
    if look.status is ExecutionState.COMPENSATING:
        fate, left = look.fields.get("@fate", ""), len(aftermath.to_be_undone(look.store, look.execution))
        late = "@late" in look.fields and not look.fields.get("@bad")
        reason = execution_causes.DEADLINE if late else look.fields.get("@why", "")
        return execution_causes.Compensating(fate, reason, look.fields.get("@bad", ""), left)
    return _put_aside(look)


def _of_scheduled(look: Standing, execution: str, fields: Mapping[str, str]) -> Cause:
    limit = fields.get("@lim")
    if limit is not None and pools.waits(look.store, limit, execution):
        return _of_limit(look, limit)
    return execution_causes.Scheduled(int(fields.get("@due", fields["@t0"])))


def _put_aside(look: Standing, *_: Any) -> Cause:
    status, fields = look.status, look.fields
    # One that was cancelled while it was paused may have a node that failed, which is not why it ends.
    node = "" if fields.get("@fate") == ExecutionState.CANCELLED else fields.get("@bad", "")
    undone = "@undone" in fields
    reason = fields.get("@pause", "") if status is ExecutionState.PAUSED else fields.get("@why", "")
    if not node and "@late" in fields:
        reason = execution_causes.DEADLINE
    if status is not ExecutionState.FAILED:
        return execution_causes.PutAside(str(status), reason, node, undone=undone)
    remedy = look.remedy(node)
    return execution_causes.PutAside(str(status), reason, node, remedy.verb, remedy.execution, undone)


def _waiting(look: Standing, node: PlanNode, _state: NodeField) -> Cause:
    if look.status is ExecutionState.SCHEDULED or "@held" in look.fields:
        begins = _of_execution(look)
        return begins if begins is not None and not node.awaited else causes.Parents(node.awaited)
    unfinished = tuple(parent for parent in node.awaited if not look.is_done(parent))
    if unfinished:
        return causes.Parents(unfinished)
    return causes.Releasing() if look.status is ExecutionState.RUNNING else _put_aside(look)


def _queued(look: Standing, node: PlanNode, state: NodeField) -> Cause:
    if not look.may_start(node.id):
        return _put_aside(look)
    lanes = look.lanes_of(node, state)
    found = ((lane, look.places.get((node.id, lane))) for lane in lanes)
    lane, place = next(
        ((lane, place) for lane, place in found if place and place.position), (lanes[0] if lanes else "", None)
    )
    at = (place.position, place.ahead) if place else (None, None)
    queue, priority = node.queue, look.priority(node)
    if state.token and lane:
        workers = tuple(worker for worker in look.workers.values() if lane in worker.fitting)
        return causes.Unfit(queue, priority, *at, workers, lane.partition("@")[2], look.lanes[lane])
    workers = tuple(worker for worker in look.workers.values() if queue in worker.queues)
    if state.flag not in ("", HANDED, UNSORTED):
        return causes.Suspect(queue, priority, *at, workers, state.flag != SUSPECT)
    return causes.Queued(queue, priority, *at, workers)


def _leased(look: Standing, _node: PlanNode, state: NodeField) -> Cause:
    session = state.token.partition(".")[0]
    return causes.Leased(session, look.workers.get(session), state.since_ms, state.failures + 1)


def _timer(look: Standing, node: PlanNode, state: NodeField) -> Cause:
    # A pause stops no timer; in an execution that ends, what comes due is put aside.
    if not look.may_start(node.id) and look.status is not ExecutionState.PAUSED:
        return _put_aside(look)
    # What was tried before keeps the token of its attempt.
    return causes.Timer("retry" if state.token else "delay", state.since_ms, state.failures)


def _awaiting(look: Standing, node: PlanNode, state: NodeField) -> Cause:
    if node.id in look.maps:
        total, begun, done, *_ = (int(count) for count in look.maps[node.id].split("|"))
        return causes.Items(total, begun, done, _groups(look, look.items.get(node.id, ())))
    breaker = look.notes.get(f"@b:{node.id}")
    if state.flag.startswith("b") and breaker is not None:
        found = look.breaker(breaker)
        return causes.Refused(breaker, found.state, found.until_ms, found.waiting)
    child = look.notes.get(f"@c:{node.id}")
    if state.flag.startswith("c") and child is not None:
        return _child(look, child)
    return causes.Awaiting(event_of(node), state.since_ms if state.flag.startswith("t") else None)


def _groups(look: Standing, items: Sequence[PlanNode]) -> tuple[Group, ...]:
    """Return what items of a map wait for, told once for all that wait for the same."""
    alike: dict[tuple[Any, ...], list[tuple[str, Cause]]] = {}
    for item in items:
        cause = _cause(look, item)
        alike.setdefault(cause.alike, []).append((item.id, cause))
    return tuple(Group(len(those), *min(those, key=_due)) for those in alike.values())


def _due(item: tuple[str, Cause]) -> int:
    return item[1].due_ms if isinstance(item[1], causes.Timer | execution_causes.Scheduled) else 0


def _child(look: Standing, note: str) -> Cause:
    execution, _, number = note.partition("|")
    try:
        fields = fields_of(look.store, execution)
    except UnknownExecution:
        return causes.Child(execution, "", "gone", int(number or 1))
    status = fields["@st"]
    why = _of_scheduled(look, execution, fields) if status == ExecutionState.SCHEDULED else None
    return causes.Child(execution, fields["@wf"], status, int(number or 1), why)


def _limited(look: Standing, node: PlanNode, _state: NodeField) -> Cause:
    if not look.may_start(node.id):
        return _put_aside(look)
    return _of_limit(look, look.notes.get(f"@l:{node.id}", node.type))


def _of_limit(look: Standing, name: str) -> Cause:
    view = look.limit(name)
    return causes.Limited(name, view.holders, view.waiting, view.rests_until_ms)


def _dead(look: Standing, node: PlanNode, state: NodeField) -> Cause:
    raw = look.store.outputs(look.execution, [node.id]).get(node.id)
    error = decode_error(raw[1:]) if raw and raw.startswith(ERROR_MARK) else None
    died_at_ms = look.died_at_ms.get(node.id)
    if died_at_ms is None and is_step(node.id):
        return causes.Dead(None, state.since_ms, state.failures, error, None)
    letter = None if died_at_ms is None else f"{look.execution}:{node.id}"
    remedy = look.remedy(node.id)
    return causes.Dead(letter, died_at_ms or state.since_ms, state.failures, error, remedy.verb, remedy.execution)


#: How the cause of a node is found, by the letter of its state.
_FINDERS: dict[str, Callable[[Standing, PlanNode, NodeField], Cause]] = {
    "W": _waiting,
    "Q": _queued,
    "R": _leased,
    "T": _timer,
    "A": _awaiting,
    "L": _limited,
    "P": _put_aside,
    "F": _dead,
}
