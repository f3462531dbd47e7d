"""Read executions back: status, nodes, result, events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from spane.errors import ExecutionCancelled, ExecutionFailed, UnknownExecution
from spane.model.codec import evaluate
from spane.model.event import Event
from spane.model.outcome import NodeError, decode_error
from spane.model.plan import Fields, Output, PlanNode, Source, leaves
from spane.model.plan import Input as InputSource
from spane.model.state import NODE_STATE_OF, ExecutionState, NodeState
from spane.runtime.layout import PlanHead
from spane.runtime.store import ERROR_MARK, Store


@dataclass(frozen=True, slots=True)
class NodeView:
    """Where one node of an execution stands. `attempt` counts from 1; `since_ms` is when it came to this state."""

    id: str
    state: NodeState
    attempt: int = 0
    crashes: int = 0
    since_ms: int = 0
    error: NodeError | None = None


def nodes(store: Store, execution: str) -> dict[str, NodeView]:
    """Return every node of the execution's plan, in plan order."""
    fields = store.everything(execution)
    plan = fields["@pl"]
    failed = [name for name, text in fields.items() if not name.startswith("@") and text[0] == "F"]
    errors = {
        name: decode_error(raw[1:])
        for name, raw in store.outputs(execution, failed).items()
        if raw.startswith(ERROR_MARK)
    }
    return {
        node: _view(node, fields.get(node), errors.get(node), ended=fields["@st"]) for node in plan_nodes(store, plan)
    }


def plan_nodes(store: Store, plan: str) -> dict[str, PlanNode]:
    """Return every node of a plan by its id, in plan order; `PlanGone` where it is not in the store."""
    pages = (store.plan_page(plan, number) for number in range(store.plan_head(plan).pages))
    return {node.id: node for page in pages if page is not None for node in page.nodes}


def _view(node: str, text: str | None, error: NodeError | None, *, ended: str) -> NodeView:
    if text is None:
        state = NodeState.CANCELLED if ended == ExecutionState.CANCELLED else NodeState.WAITING
        return NodeView(node, state)
    letter, _, failures, crashes, since, _ = text.split("|")
    state = NODE_STATE_OF[letter]
    if ended == ExecutionState.CANCELLED and not state.ended:
        state = NodeState.CANCELLED
    attempt = int(failures) + (0 if state in (NodeState.FAILED, NodeState.RETRYING) else 1)
    if state in (NodeState.QUEUED, NodeState.PARKED):
        attempt = int(failures)
    return NodeView(node, state, attempt, int(crashes), int(since), error)


def result(store: Store, execution: str) -> bytes | None:
    """Return the result of a completed execution as JSON.

    Raises:
        ExecutionFailed, ExecutionCancelled: it ended otherwise.
    """
    status, plan, bad, why = store.fields(execution, "@st", "@pl", "@bad", "@why")
    if status is None or plan is None:
        raise UnknownExecution(execution)
    if status == ExecutionState.FAILED:
        raise failure(store, execution, bad)
    if status == ExecutionState.CANCELLED:
        raise ExecutionCancelled(execution, why or "")
    head = store.plan_head(plan)
    source = _result_source(head)
    tips = list(leaves(source))
    wanted = [leaf for leaf in tips if isinstance(leaf, Output)]
    names = list(dict.fromkeys(leaf.node for leaf in wanted))
    takes_inputs = any(isinstance(leaf, InputSource) for leaf in tips)
    found = store.outputs(execution, [*names, "@in"] if takes_inputs else names)
    inputs = found.pop("@in", None)
    outputs = {name: raw for name, raw in found.items() if not raw.startswith(ERROR_MARK)}
    if head.returns is None and len(head.terminals) > 1:
        return b"{" + b",".join(msgspec.json.encode(name) + b":" + raw for name, raw in outputs.items()) + b"}"
    return evaluate(source, outputs, inputs)


def _result_source(head: PlanHead) -> Source:
    if head.returns is not None:
        return head.returns
    if len(head.terminals) == 1:
        return Output(head.terminals[0])
    return Fields(tuple((name, Output(name)) for name in head.terminals))


def failure(store: Store, execution: str, node: str | None) -> ExecutionFailed:
    """Return the error of a failed execution: which node, its inputs' origin and the user's own traceback."""
    error = None
    if node:
        raw = store.outputs(execution, [node]).get(node)
        error = decode_error(raw[1:]) if raw and raw.startswith(ERROR_MARK) else None
    if error is None:
        message = f"Execution {execution!r} failed."
    else:
        message = (
            f"Execution {execution!r} failed: node {node!r} failed after {error.attempt} "
            f"{'attempt' if error.attempt == 1 else 'attempts'} with {error}\n\n{error.traceback}"
        ).rstrip()
    return ExecutionFailed(message, execution=execution, node=node, error=error)


def outputs(store: Store, execution: str) -> dict[str, Any]:
    """Return the outputs of all nodes that succeeded, as plain JSON values by node id."""
    succeeded = [name for name, view in nodes(store, execution).items() if view.state is NodeState.SUCCEEDED]
    return {name: value_of(raw) for name, raw in store.outputs(execution, succeeded).items()}


def events(store: Store, execution: str) -> Iterator[Event]:
    """Yield the execution's events so far, oldest first. Reads the stream from the execution's start on."""
    return (event for event in store.events(before_first(store, execution)) if event.execution == execution)


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
