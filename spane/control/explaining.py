"""Why an execution waits: for each of its nodes that is not done, the cause.

Each cause has one place: what it says stands in `causes`, how it is found is a function here that `_FINDERS` names for
the state of a node in Redis. Looking writes nothing; a node that moves on meanwhile may be shown where it just was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec

from spane.control import causes, reading, steps
from spane.control.causes import Cause
from spane.errors import PlanGone, UnknownExecution
from spane.model.items import program_of
from spane.model.outcome import decode_error
from spane.model.plan import PlanNode, is_step
from spane.model.state import ExecutionState
from spane.model.waits import event_of
from spane.ops.breakers import view
from spane.runtime import breakers, looking, pools
from spane.runtime.layout import parts, queue_of
from spane.runtime.looking import Place, Worker
from spane.runtime.store import ERROR_MARK, Store

#: The places of at most so many nodes are looked up; more of one execution stand behind each other anyway.
_MOST_PLACES = 100


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


@dataclass(frozen=True, slots=True)
class _State:
    """A node's field in `x:<execution>` (lua/include/state.lua)."""

    letter: str
    token: str = ""
    failures: int = 0
    since_ms: int = 0
    flag: str = ""

    @classmethod
    def of(cls, text: str) -> _State:
        letter, token, failures, _crashes, since, flag = text.split("|")
        return cls(letter, token, int(failures), int(since), flag)


_NOTES_A_CALL = 600
#: What is looked at of an execution besides its nodes.
_ASKED = ("@st", "@pl", "@pr", "@wf", "@due", "@t0", "@pause", "@why", "@bad", "@held", "@lim", "@fate")
_WAITING = _State("W")


def _fields(store: Store, execution: str) -> dict[str, str]:
    found = zip(_ASKED, store.fields(execution, *_ASKED), strict=True)
    fields = {name: text for name, text in found if text is not None}
    if "@st" not in fields:
        raise UnknownExecution(execution)
    return fields


class _Look:
    """What was read of an execution; what only some causes need is read when the first of them asks."""

    def __init__(self, store: Store, execution: str) -> None:
        self.store = store
        self.execution = execution
        self.fields = _fields(store, execution)
        self.status = ExecutionState(self.fields["@st"])
        self.nodes = reading.plan_nodes(store, self.fields["@pl"])
        found = reading.states_of(store, execution, self.nodes.values())
        self.states = {name: _State.of(found[name]) for name in self.nodes if name in found}
        self._take_steps()
        #: How far each map has come, as it is stored.
        self.maps = {name: found[f"@m:{name}"] for name in self.nodes if f"@m:{name}" in found}

    def _take_steps(self) -> None:
        """Take in what follows a failure and has begun, behind the nodes."""
        if self.status is not ExecutionState.COMPENSATING:
            return
        plan = self.fields["@pl"]
        begun = steps.unfinished(self.store.steps(self.execution, plan))
        known = self.store.plan_steps(plan) if begun else {}
        for name, text in begun.items():
            self.nodes[name] = msgspec.structs.replace(known[program_of(name)], id=name)
            self.states[name] = _State.of(text)

    def state(self, node: str) -> _State:
        return self.states.get(node, _WAITING)

    def is_done(self, node: str) -> bool:
        """Whether the children of a node need not wait for it any more."""
        letter = self.state(node).letter
        return letter in "DSC" or (letter == "F" and self.nodes[node].on_failure == "continue")

    def priority(self, node: PlanNode) -> int:
        return node.priority or int(self.fields["@pr"])

    def hint(self, node: str) -> str:
        return f"{self.execution}|{node}"

    @cached_property
    def notes(self) -> Mapping[str, str]:
        """What stands beside nodes that wait for something: a breaker (`@b:`), a child (`@c:`), a limit (`@l:`)."""
        waiting = (name for name, state in self.states.items() if state.letter in "AL")
        asked = [f"@{kind}:{name}" for name in waiting for kind in "bcl"]
        found: dict[str, str] = {}
        for part in parts(asked, _NOTES_A_CALL):
            texts = zip(part, self.store.fields(self.execution, *part), strict=True)
            found.update((name, text) for name, text in texts if text is not None)
        return found

    @cached_property
    def workers(self) -> Mapping[str, Worker]:
        return looking.workers(self.store)

    @cached_property
    def lanes(self) -> Mapping[str, str]:
        """The lanes whose nodes no worker fitted, and why."""
        return self.store.unfit()

    @cached_property
    def places(self) -> Mapping[tuple[str, str], Place]:
        """Where queued nodes stand, by node and lane."""
        asked = [
            (name, lane, self.priority(self.nodes[name]))
            for name, state in self.states.items()
            if state.letter == "Q"
            for lane in self.lanes_of(self.nodes[name], state)
        ][:_MOST_PLACES]
        found = looking.places(self.store, [(lane, priority, self.hint(name)) for name, lane, priority in asked])
        return {(name, lane): place for (name, lane, _), place in zip(asked, found, strict=True)}

    def lanes_of(self, node: PlanNode, state: _State) -> list[str]:
        """Return the lanes in which a queued node may stand: the one of its queue, or one of those nobody fitted."""
        queue = queue_of(node)
        if state.token:
            return [lane for lane in self.lanes if lane.partition("@")[0] == queue]
        return [queue + {"": "", "s": "!"}.get(state.flag, "!!")]


def explain(store: Store, execution: str) -> Explanation:
    """Return why an execution, and each of its nodes that is not done, waits.

    Raises:
        UnknownExecution: it is past its retention.
    """
    try:
        look = _Look(store, execution)
    except PlanGone:
        fields = _fields(store, execution)
        status = ExecutionState(fields["@st"])
        return Explanation(
            execution, fields["@wf"], status, None if status.ended else causes.PlanMissing(fields["@pl"])
        )
    found = {}
    if look.status not in (ExecutionState.COMPLETED, ExecutionState.CANCELLED):
        found = {name: _cause(look, node) for name, node in look.nodes.items() if not look.is_done(name)}
    return Explanation(execution, look.fields["@wf"], look.status, _of_execution(look), found)


def _cause(look: _Look, node: PlanNode) -> Cause:
    state = look.state(node.id)
    return _FINDERS[state.letter](look, node, state)


def _of_execution(look: _Look) -> Cause | None:
    if look.status is ExecutionState.SCHEDULED:
        limit = look.fields.get("@lim")
        if limit is not None and pools.waits(look.store, limit, look.execution):
            return _of_limit(look, limit)
        return causes.Scheduled(int(look.fields.get("@due", look.fields["@t0"])))
    if look.status in (ExecutionState.RUNNING, ExecutionState.COMPLETED):
        return None
    if look.status is ExecutionState.COMPENSATING:
        fate, left = look.fields.get("@fate", ""), len(look.store.to_be_undone(look.execution))
        return causes.Compensating(fate, look.fields.get("@why", ""), look.fields.get("@bad", ""), left)
    return _put_aside(look)


def _put_aside(look: _Look, *_: Any) -> Cause:
    status, fields = look.status, look.fields
    reason = fields.get("@pause", "") if status is ExecutionState.PAUSED else fields.get("@why", "")
    return causes.PutAside(str(status), reason, fields.get("@bad", ""))


def _waiting(look: _Look, node: PlanNode, _state: _State) -> Cause:
    if look.status is ExecutionState.SCHEDULED or "@held" in look.fields:
        begins = _of_execution(look)
        return begins if begins is not None and not node.awaited else causes.Parents(node.awaited)
    unfinished = tuple(parent for parent in node.awaited if not look.is_done(parent))
    if unfinished:
        return causes.Parents(unfinished)
    return causes.Releasing() if look.status is ExecutionState.RUNNING else _put_aside(look)


def _queued(look: _Look, node: PlanNode, state: _State) -> Cause:
    if look.status is not ExecutionState.RUNNING and not is_step(node.id):
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
    if state.flag:
        return causes.Suspect(queue, priority, *at, workers, state.flag != "s")
    return causes.Queued(queue, priority, *at, workers)


def _leased(look: _Look, _node: PlanNode, state: _State) -> Cause:
    session = state.token.partition(".")[0]
    return causes.Leased(session, look.workers.get(session), state.since_ms, state.failures + 1)


def _timer(_look: _Look, _node: PlanNode, state: _State) -> Cause:
    # What was tried before keeps the token of its attempt.
    return causes.Timer("retry" if state.token else "delay", state.since_ms, state.failures)


def _awaiting(look: _Look, node: PlanNode, state: _State) -> Cause:
    if node.id in look.maps:
        total, begun, done, *_ = (int(count) for count in look.maps[node.id].split("|"))
        return causes.Items(total, begun, done)
    breaker = look.notes.get(f"@b:{node.id}")
    if state.flag == "b" and breaker is not None:
        found = view(breaker, *breakers.read(look.store, [breaker]).get(breaker, ({}, 0, 0)))
        return causes.Refused(breaker, found.state, found.until_ms, found.waiting)
    child = look.notes.get(f"@c:{node.id}")
    if state.flag == "c" and child is not None:
        execution, _, number = child.partition("|")
        workflow, status = look.store.fields(execution, "@wf", "@st")
        return causes.Child(execution, workflow or "", status or "gone", int(number or 1))
    return causes.Awaiting(event_of(node), state.since_ms if state.flag == "t" else None)


def _limited(look: _Look, node: PlanNode, _state: _State) -> Cause:
    return _of_limit(look, look.notes.get(f"@l:{node.id}", node.type))


def _of_limit(look: _Look, name: str) -> Cause:
    view = pools.limits(look.store, [name])[name]
    return causes.Limited(name, view.holders, view.waiting, view.rests_until_ms)


def _dead(look: _Look, node: PlanNode, state: _State) -> Cause:
    member = look.hint(node.id)
    died_at_ms = look.store.died_at_ms(member)
    raw = look.store.outputs(look.execution, [node.id]).get(node.id)
    error = decode_error(raw[1:]) if raw and raw.startswith(ERROR_MARK) else None
    letter = None if died_at_ms is None else member.replace("|", ":", 1)
    return causes.Dead(letter, died_at_ms or state.since_ms, state.failures, error)


#: How the cause of a node is found, by the letter of its state.
_FINDERS: dict[str, Callable[[_Look, PlanNode, _State], Cause]] = {
    "W": _waiting,
    "Q": _queued,
    "R": _leased,
    "T": _timer,
    "A": _awaiting,
    "L": _limited,
    "P": _put_aside,
    "F": _dead,
}
