"""Read executions back: status, nodes, outputs, events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from spane.control import steps
from spane.control.views import NodeView
from spane.errors import UnknownExecution
from spane.model import items
from spane.model.event import Event
from spane.model.outcome import NodeError, decode_error
from spane.model.plan import PlanNode, is_step
from spane.model.state import NODE_STATE_OF, ExecutionState, NodeState
from spane.runtime import aftermath, stream
from spane.runtime.layout import UNSORTED, parts
from spane.runtime.store import ERROR_MARK, Store

_FIELDS_A_CALL = 500
#: The fields of `x:<execution>` that say how it ended, as `left_as` takes them.
ENDS = ("@st", "@bad", "@late", "@undone")


def nodes(store: Store, execution: str) -> dict[str, NodeView]:
    """Return every node of the execution's plan, in plan order, and behind them the steps that followed its failure.

    The items of a map stand in its own view, and so do their undos in one.
    """
    plan, fate, *ends = store.fields(execution, "@pl", "@fate", *ENDS)
    if plan is None:
        raise UnknownExecution(execution)
    status, left = ends[0], left_as(*ends)
    known = plan_nodes(store, plan)
    states = states_of(store, execution, known.values())
    ran = {} if fate is None else aftermath.steps(store, execution, plan)
    failed = [name for name, text in (states | ran).items() if text[0] == "F"]
    errors = {
        name: decode_error(raw[1:])
        for name, raw in store.outputs(execution, failed).items()
        if raw.startswith(ERROR_MARK)
    }
    views = {name: _view(name, states, errors.get(name), left) for name in known}
    if fate is None:
        return views
    to_undo = aftermath.to_be_undone(store, execution) if status == ExecutionState.COMPENSATING else []
    return views | steps.views(ran, to_undo, lambda name: _view(name, ran, errors.get(name), None))


def left_as(status: str | None, bad: str | None, late: str | None, undone: str | None) -> NodeState | None:
    """Return what became of nodes that had not ended when their execution did; None while it goes on.

    Where the retry of a dead letter lets all go on again, they are parked until then.
    """
    if status == ExecutionState.CANCELLED:
        return NodeState.CANCELLED
    if status != ExecutionState.FAILED:
        return None
    return NodeState.CANCELLED if undone or (late and not bad) else NodeState.PARKED


def plan_nodes(store: Store, plan: str) -> dict[str, PlanNode]:
    """Return every node of a plan by its id, in plan order; `PlanGone` where it is not in the store."""
    pages = (store.plan_page(plan, number) for number in range(store.plan_head(plan).pages))
    return {node.id: node for page in pages if page is not None for node in page.nodes}


def plan_steps(store: Store, plan: str, begun: Iterable[str]) -> dict[str, PlanNode]:
    """Return by its id every step that may follow a failure of a plan; of the undos of items those that have begun."""
    known = aftermath.plan_steps(store, plan)
    found = {name: node for name, node in known.items() if items.MARK not in name}
    of_items = (name for name in begun if items.MARK in name)
    return found | {name: msgspec.structs.replace(known[items.program_of(name)], id=name) for name in of_items}


def states_of(store: Store, execution: str, nodes: Iterable[PlanNode]) -> dict[str, str]:
    """Return the fields of `x:<execution>` that say how its nodes stand, and how far its maps have come.

    They are read by name, in parts: the items of maps stand beside them, and there may be a hundred thousand.
    """
    names = [name for node in nodes for name in ((node.id, f"@m:{node.id}") if node.each else (node.id,))]
    found: dict[str, str] = {}
    for part in parts(names, _FIELDS_A_CALL):
        found |= {
            name: text for name, text in zip(part, store.fields(execution, *part), strict=True) if text is not None
        }
    return found


def entry(text: str) -> tuple[str, str, str, str, str, str]:
    """Return the parts of a node's field (lua/include/state.lua): letter, token, failures, crashes, since, flag.

    One that a worker holds only to work out the key of its limit has not begun: it is queued.
    """
    letter, token, failures, crashes, since, flag = text.split("|")
    if letter == "R" and flag == UNSORTED:
        letter, token = "Q", ""
    return letter, token, failures, crashes, since, flag


def _view(node: str, states: Mapping[str, str], error: NodeError | None, left: NodeState | None) -> NodeView:
    text = states.get(node)
    if text is None:
        return NodeView(node, NodeState.CANCELLED if left is NodeState.CANCELLED else NodeState.WAITING)
    letter, token, failures, crashes, since, flag = entry(text)
    counts = states.get(f"@m:{node}")
    # While its items run, so does a map, though it holds no worker of its own.
    state = NodeState.RUNNING if letter == "A" and counts is not None else NODE_STATE_OF[letter]
    if letter == "Q" and token:  # of the worker that it did not fit: it waits for one with other code
        state = NodeState.PARKED
    # Of its tries that failed, one more has begun.
    attempt = int(failures) + (letter in "RDSC" or state is NodeState.RUNNING)
    total, _, done, *_ = (int(count) for count in counts.split("|")) if counts is not None else (None, None, None)
    timed = letter == "T" or (letter == "A" and flag.startswith("t"))
    since_ms, until_ms = (None, int(since)) if timed else (int(since), None)
    if left is not None and not state.ended:
        state, since_ms, until_ms = left, None, None
    return NodeView(node, state, attempt, int(crashes), since_ms, error, done, total, until_ms)


def outputs(store: Store, execution: str) -> dict[str, Any]:
    """Return the outputs of all nodes that succeeded, as plain JSON values by node id."""
    views = nodes(store, execution)
    succeeded = [name for name, view in views.items() if view.state is NodeState.SUCCEEDED and not is_step(name)]
    return {name: value_of(raw) for name, raw in store.outputs(execution, succeeded).items()}


def events(store: Store, execution: str) -> Iterator[Event]:
    """Yield the execution's events so far, oldest first. Reads the stream from the execution's start on, to its end."""
    first, last = before_first(store, execution), store.fields(execution, "@ev1")[0]
    return (event for event in stream.events(store, first, last=last or "+") if event.execution == execution)


def before_first(store: Store, execution: str) -> str:
    """Return the stream id right before the execution's first event."""
    first = store.fields(execution, "@ev")[0]
    if first is None:
        raise UnknownExecution(execution)
    ms, _, sequence = first.partition("-")
    return f"{ms}-{int(sequence) - 1}" if int(sequence) else f"{int(ms) - 1}-18446744073709551615"


def value_of(raw: bytes | None) -> Any:
    """Return raw JSON as plain values; None where there is nothing."""
    return None if raw is None else msgspec.json.decode(raw)
