"""Run one node of a workflow by itself, as an execution of its own: on the results that another one has, or on given inputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from spane.authoring import inputs as encoding
from spane.authoring.workflow import Workflow
from spane.control import reading, replaying
from spane.errors import InputError, StoreError, UnknownExecution
from spane.graph.spelling import hint
from spane.model.draft import Call, Draft
from spane.model.expressions import Input, Output
from spane.model.ids import new_execution_id
from spane.model.items import MARK
from spane.model.node_type import MISSING, Parameter, ParameterKind
from spane.model.paths import shorten
from spane.model.plan import UNDO, Plan, PlanInput, PlanNode
from spane.runtime.store import Start, Store

#: What a node takes as an input of its own; everything else is filled in by the worker.
_TAKEN = (ParameterKind.DATA, ParameterKind.VARIADIC, ParameterKind.PARENTS)


@dataclass(frozen=True, slots=True)
class OneNode:
    """A node that runs by itself: its execution, and a workflow that reads the result, None without the node's code."""

    execution: str
    workflow: Workflow[..., Any] | None


def of_execution(
    store: Store,
    original: str,
    workflow: Workflow[..., Any] | None,
    node_id: str,
    inputs: Mapping[str, Any] | None,
) -> OneNode:
    """Run a node of an execution again: on the results stored there, or on given inputs; nothing of the original changes."""
    name, plan_hash = store.fields(original, "@wf", "@pl")
    if name is None or plan_hash is None:
        raise UnknownExecution(original)
    nodes = reading.plan_nodes(store, plan_hash)
    node = _found(name, nodes, node_id)
    call = _call_of(workflow, node)
    new = new_execution_id()
    if inputs is None:
        plan = _with_results(store, original, new, name, node, nodes)
        replaying.begin(store, original, new, b"", 1, plan)
        reader = None if call is None else _reading(plan, call, workflow.draft.inputs if workflow else ())
        return OneNode(new, reader)
    if call is None:
        problem = f"import the module of its node type {node.type!r}; without it nobody can tell whether inputs fit."
        raise _refused(name, node_id, [problem])
    plan, draft, raw = _on_inputs(name, node, call, inputs)
    store.put_plan(plan)
    replaying.begin(store, original, new, raw, 0, plan)
    return OneNode(new, _reading(plan, call, draft.inputs))


def of_workflow(store: Store, workflow: Workflow[..., Any], node_id: str, inputs: Mapping[str, Any]) -> OneNode:
    """Run a node of a workflow on given inputs."""
    node = _found(workflow.name, {each.id: each for each in workflow.plan.nodes}, node_id)
    call = _call_of(workflow, node)
    if call is None:
        raise _refused(workflow.name, node_id, [f"its node type {node.type!r} is not registered in this process."])
    plan, draft, raw = _on_inputs(workflow.name, node, call, inputs)
    new = new_execution_id()
    for child in workflow.kids:
        store.put_plan(child)
    reply = store.start(Start(new, store.put_plan(plan), plan.workflow, raw))
    if reply.status == "noplan":
        raise StoreError(
            f"Plan {plan.hash} of node {node_id!r} was lost by the store as soon as it was there. Try it again."
        )
    return OneNode(new, _reading(plan, call, draft.inputs))


def _with_results(
    store: Store, original: str, new: str, workflow: str, node: PlanNode, nodes: Mapping[str, PlanNode]
) -> Plan:
    """Prepare a run on what the execution has: the plan up to this node, in which the results before it are kept."""
    states = store.everything(original)
    unfinished = [name for name in node.awaited if not replaying.has_result(nodes[name], states)]
    if unfinished:
        views = reading.nodes(store, original)
        told = ", ".join(f"{name!r} is {views[name].state}" for name in unfinished)
        problem = (
            f"what it takes is not there: {told}. Wait for that, or give its inputs by the names of its parameters."
        )
        raise _refused(workflow, node.id, [problem])
    kept = [name for name in _before(node, nodes) if replaying.has_result(nodes[name], states)]
    plan = Plan(
        _name(workflow, node.id),
        (*(nodes[name] for name in kept), _by_itself(node)),
        inputs=store.plan_head(states["@pl"]).inputs,
        returns=Output(node.id),
        accepts_any_input=True,
    )
    store.put_plan(plan)
    replaying.prepare(store, original, new, kept, [f"node|{node.id}"])
    return plan


def _before(node: PlanNode, nodes: Mapping[str, PlanNode]) -> list[str]:
    """Return all nodes that a node depends on, in plan order."""
    found, left = set(node.awaited), list(node.awaited)
    while left:
        above = [name for name in nodes[left.pop()].awaited if name not in found]
        found.update(above)
        left += above
    return [name for name in nodes if name in found]


def _on_inputs(workflow: str, node: PlanNode, call: Call, given: Mapping[str, Any]) -> tuple[Plan, Draft, bytes]:
    """Return a plan of the node alone, whose inputs are its parameters, with what validates them and their JSON."""
    if not isinstance(given, Mapping):
        raise _refused(workflow, node.id, [f"inputs are {shorten(given)}; they are a dict of values by parameter."])
    node_type = call.node_type
    assert node_type is not None, "`_call_of` returns calls with a type"
    known = {one.name: _as_taken(one, call) for one in node_type.parameters if one.kind in _TAKEN}
    takes_any = node_type.keywords is not None
    unknown = [name for name in given if name not in known and not (takes_any and isinstance(name, str))]
    problems = [f"{name}: it has no such parameter. {hint(str(name), list(known), 'parameters')}" for name in unknown]
    inputs = tuple(one for one in known.values() if one.required or one.name in given)
    draft = Draft(_name(workflow, node.id), inputs=inputs, accepts_any_input=takes_any)
    try:
        raw = encoding.encode(draft, {name: value for name, value in given.items() if name not in unknown})
    except InputError as error:
        problems += error.problems
    if problems:
        raise _refused(workflow, node.id, problems)
    variadic = node_type.variadic.name if node_type.variadic else ""
    taken = [name for name in given if name != variadic]
    args = tuple(Input(variadic, (at,)) for at in range(len(given.get(variadic, ()))))
    alone = msgspec.structs.replace(
        _by_itself(node),
        arguments=tuple((name, Input(name)) for name in taken),
        args=args,
        parents=(),
        after=(),
        gates=(),
        always_fed=False,
        undo=None if node.undo is None else _undo_on_inputs(node.undo, taken, args),
    )
    plan = Plan(
        draft.workflow, (alone,), inputs=tuple(map(PlanInput, given)), returns=Output(node.id), accepts_any_input=True
    )
    return plan, draft, raw


def _undo_on_inputs(undo: PlanNode, taken: Iterable[str], args: tuple[Input, ...]) -> PlanNode:
    """Return what undoes the node: given what the node was given, and what it put out."""
    own = {undo.id.removesuffix(UNDO), MARK}
    arguments = tuple(
        (name, source if isinstance(source, Output) and source.node in own else Input(name))
        for name, source in undo.arguments
        if name in taken or (isinstance(source, Output) and source.node in own)
    )
    return msgspec.structs.replace(
        undo,
        arguments=arguments,
        args=args if undo.args else (),
        parents=tuple(parent for parent in undo.parents if parent in own),
    )


def _as_taken(parameter: Parameter, call: Call) -> Parameter:
    """Return a parameter as the input that fills it: that of a map which each item is given as takes the list."""
    if call.each is not None and call.each.parameter == parameter.name:
        each: Any = Any if parameter.annotation is MISSING else parameter.annotation
        return replace(parameter, annotation=list[each])
    if parameter.kind is ParameterKind.PARENTS:
        return Parameter(parameter.name, dict[str, Any])
    if parameter.kind is ParameterKind.VARIADIC:
        item: Any = Any if parameter.annotation is MISSING else parameter.annotation
        return Parameter(parameter.name, list[item])
    return parameter


def _by_itself(node: PlanNode) -> PlanNode:
    """Return the node as it runs alone: at once, with nobody below it, and failing its execution when it fails."""
    return msgspec.structs.replace(node, decides=(), delay_ms=0, on_failure="fail")


def _reading(plan: Plan, call: Call, inputs: tuple[Parameter, ...]) -> Workflow[..., Any]:
    draft = Draft(plan.workflow, inputs=inputs, returns_annotation=call.returns)
    return Workflow(plan.workflow, lambda: draft, location=call.location)


def _name(workflow: str, node: str) -> str:
    # No workflow can be named so: its executions are never taken for those of the whole.
    return f"{workflow}:{node}"


def _found(workflow: str, nodes: Mapping[str, PlanNode], node_id: str) -> PlanNode:
    node = nodes.get(node_id)
    if node is None:
        raise _refused(
            workflow, node_id, [f"the workflow has no such node. {hint(str(node_id), list(nodes), 'nodes')}"]
        )
    return node


def _call_of(workflow: Workflow[..., Any] | None, node: PlanNode) -> Call | None:
    """Return the node as its workflow has it in this process; None where that, or its node type, is not known here."""
    calls = () if workflow is None else workflow.draft.calls
    found = next((call for call in calls if call.id == node.id and call.type == node.type), None)
    return found if found is not None and found.node_type is not None else None


def _refused(workflow: str, node: str, problems: Iterable[str]) -> InputError:
    listed = tuple(problems)
    lines = "\n".join(f"  - {problem}" for problem in listed)
    return InputError(
        f"Node {node!r} of workflow {workflow!r} cannot be run by itself:\n{lines}", workflow=workflow, problems=listed
    )
