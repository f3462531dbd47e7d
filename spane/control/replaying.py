"""Replay an execution: the whole of it, or from one node on with the results before it kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from spane.authoring.workflow import Workflow
from spane.control import reading, steps
from spane.control.options import deadline_fault
from spane.control.starting import check_names
from spane.errors import InputError, StoreError, UnknownExecution
from spane.graph.spelling import hint
from spane.model.ids import new_execution_id
from spane.model.limit_keys import pool_of_workflow
from spane.model.plan import Plan, PlanNode
from spane.runtime import aftermath
from spane.runtime.choices import Choices
from spane.runtime.commands import listed
from spane.runtime.layout import parts, route_field
from spane.runtime.store import Store

_NODES_A_CALL = 100
#: What is prepared and never begun is gone after so long.
_PREPARED_MS = 600_000


def replay(
    store: Store,
    original: str,
    workflow: Workflow[..., Any] | None,
    *,
    from_node: str | None = None,
    inputs: Mapping[str, Any] | None = None,
    deadline_s: float | None = None,
) -> str:
    """Start a replay and return its id; nothing of the original changes."""
    if (problem := deadline_fault(deadline_s)) is not None:
        name = workflow.name if workflow is not None else ""
        raise InputError(f"Execution {original!r} cannot be replayed so: {problem}", workflow=name, problems=(problem,))
    raw = _inputs(store, original, workflow, inputs)
    execution = new_execution_id()
    aside = 0 if from_node is None else _prepare(store, original, execution, from_node)
    begin(store, original, execution, raw, aside, within_ms=None if deadline_s is None else round(deadline_s * 1000))
    return execution


def begin(
    store: Store,
    original: str,
    execution: str,
    inputs: bytes,
    aside: int,
    plan: Plan | None = None,
    *,
    within_ms: int | None = None,
) -> None:
    """Start an execution linked to another, with its inputs or others, and on its plan or another one that is stored.

    `aside` is how many nodes and cursors `prepare` has put aside for it, 0 where it begins with its entry nodes; `within_ms`
    its deadline, where that is not the original's.
    """
    other = ("", "") if plan is None else (plan.hash, plan.workflow)
    within = "" if within_ms is None else within_ms
    pool = _pool(store, original, inputs) if plan is None and inputs else ""
    code, *rest = store.call("replay", store.clock.injected, original, execution, inputs, aside, *other, within, pool)
    if code == b"unknown":
        raise UnknownExecution(original)
    if code == b"noplan":
        raise StoreError(
            f"Execution {original!r} cannot be replayed: its plan {rest[0].decode()} is not in the store. Start its "
            "workflow again to put it there."
        )
    if code == b"expired":
        raise StoreError(f"The replay of {original!r} took too long to prepare, and nothing was started. Try it again.")


def _pool(store: Store, original: str, inputs: bytes) -> str:
    """Return whose slots an execution of the original's plan falls under with other inputs."""
    (plan,) = store.fields(original, "@pl")
    if plan is None:
        raise UnknownExecution(original)
    head = store.plan_head(plan)
    return pool_of_workflow(head.workflow, head.limit, inputs)


def _inputs(
    store: Store, original: str, workflow: Workflow[..., Any] | None, inputs: Mapping[str, Any] | None
) -> bytes:
    """Return the inputs of a replay as JSON, b'' for those of the original."""
    if inputs is None:
        return b""
    name = store.fields(original, "@wf")[0]
    if name is None:
        raise UnknownExecution(original)
    if workflow is None:
        problem = f"import the module of workflow {name!r}; without it nobody can tell whether new inputs fit."
        raise InputError(f"Execution {original!r} cannot be replayed so: {problem}", workflow=name, problems=(problem,))
    check_names(name, inputs)
    before = msgspec.json.decode(store.outputs(original, ["@in"]).get("@in", b"{}"))
    return workflow.encode_inputs({**before, **inputs})


def _prepare(store: Store, original: str, execution: str, from_node: str) -> int:
    """Copy the results that stay and note what runs first; returns how many nodes and cursors that is."""
    plan, name = store.fields(original, "@pl", "@wf")
    if plan is None or name is None:
        raise UnknownExecution(original)
    nodes = reading.plan_nodes(store, plan)
    states = reading.states_of(store, original, nodes.values()) | aftermath.steps(store, original, plan)
    if from_node not in nodes:
        problem = f"it has no node {from_node!r}. {hint(str(from_node), nodes, 'nodes')}"
        raise InputError(f"Execution {original!r} cannot be replayed so: {problem}", workflow=name, problems=(problem,))
    kept = _kept(nodes, states, from_node)
    children = _children(nodes)
    telling = [nodes[name] for name in kept if any(each not in kept for each in children[name])]
    asked = [node.id for node in telling if node.decides]
    asked += [route_field(node.id) for node in telling if node.routes is not None]
    values = store.outputs(original, asked)
    cursors = [f"cursor|{execution}|{_cursor(node, states, values)}" for node in telling]
    entries = [f"node|{name}" for name, node in nodes.items() if name not in kept and not node.awaited]
    prepare(store, original, execution, list(kept), [*entries, *cursors])
    return len(entries) + len(cursors)


def prepare(store: Store, original: str, execution: str, kept: Sequence[str], aside: Sequence[str]) -> None:
    """Copy results to an execution that is yet to begin, and put aside what it begins with, as k:<execution> has it."""
    told = [f"kept|{','.join(part)}" for part in parts(kept, _NODES_A_CALL)]
    _copy(store, original, execution, (), told)
    for part in parts(kept, _NODES_A_CALL):
        _copy(store, original, execution, part, ())
    for lines in parts(aside, _NODES_A_CALL):
        _copy(store, original, execution, (), lines)


def _cursor(node: PlanNode, states: Mapping[str, str], values: Mapping[str, bytes]) -> str:
    """Return what tells a kept node's children again what became of it: which branches it opened, and whom it chose."""
    letter = states[node.id][0]
    if letter == "S" or (letter == "F" and node.on_failure == "skip"):
        return f"y:{node.id}|0"
    opened, route = "", ""
    if letter == "D":
        if node.decides:
            opened = listed(Choices(node).outcome(None, values[node.id]).open)
        route = values.get(route_field(node.id), b"").decode()
    return f"c:{node.id}|0|{opened}|{route}"


def _copy(store: Store, original: str, execution: str, nodes: Sequence[str], entries: Sequence[str]) -> None:
    for some in [entries] if len(entries) <= _NODES_A_CALL else parts(entries, _NODES_A_CALL):
        arguments = (original, execution, _PREPARED_MS, len(nodes), *nodes, *some)
        code, *rest = store.call("copy", store.clock.injected, *arguments)
        if code == b"unknown":
            raise UnknownExecution(original)
        if code == b"changed":
            raise StoreError(
                f"Execution {original!r} changed while its replay was prepared (node {rest[0].decode()!r}), and nothing was "
                "started. Try it again."
            )


def _children(nodes: Mapping[str, PlanNode]) -> dict[str, list[str]]:
    children: dict[str, list[str]] = {name: [] for name in nodes}
    for name, node in nodes.items():
        for parent in node.awaited:
            children[parent].append(name)
    return children


def _kept(nodes: Mapping[str, PlanNode], states: Mapping[str, str], from_node: str) -> dict[str, None]:
    """Return the nodes whose results stay: those that ended and do not stand below `from_node`, in plan order.

    What was undone runs again, and so does all below it.
    """
    again = {from_node, *steps.undone(states)}
    children, left = _children(nodes), list(again)
    while left:
        below = [child for child in children[left.pop()] if child not in again]
        again.update(below)
        left += below
    return {name: None for name, node in nodes.items() if name not in again and has_result(node, states)}


def has_result(node: PlanNode, states: Mapping[str, str]) -> bool:
    """Tell whether a node has ended so that those below it may run; `states` are the fields of `x:<execution>`."""
    letter = states.get(node.id, " ")[0]
    return letter in "DS" or (letter == "F" and node.on_failure != "fail")
