"""Nodes of a definition that run another workflow: `workflowId`, `inputMapping` and `outputMapping` of their config."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from spane.errors import DefinitionError, Fault
from spane.graph.definition import plain
from spane.graph.spelling import hint
from spane.model.draft import Call, Child, Draft
from spane.model.expressions import Input, Output
from spane.model.node_type import NodeOptions, NodeType, Parameter

#: The built-in type that runs a workflow once, and what definitions may call it besides.
TYPE = "spane.workflow"
ALIAS = "sub-workflow"

#: What the names of arguments begin with that the condition of a repeat looks at, beside the result.
UNTIL = "until."

#: All types that run one, and what a config of each must have.
TYPES = {TYPE: (), "spane.repeat": ("state", "until", "most")}


@dataclass(frozen=True, slots=True)
class Workflows:
    """The workflows that a definition may call: what is known of one by its name (None: it is not there), and all names."""

    find: Callable[[str], Child | None]
    names: Sequence[str] = ()


NONE = Workflows(lambda name: None)


def fill(call: Call, workflows: Workflows, draft: Draft, given: Collection[str] = ()) -> None:
    """Find the workflow that a call runs, and give the call its parameters and result; faults go to the draft.

    `given` are the arguments that it has by name: those that the condition of a repeat looks at are no inputs.
    """
    child = _child(call, workflows, draft)
    call.child = child
    if child is None or call.node_type is None:
        return
    missing = [key for key in TYPES[call.type] if key not in call.config]
    if missing:
        message = f"Node {call.id!r} repeats a workflow, and its config has no {', '.join(missing)}. Put it there."
        draft.faults.append(Fault("bad-repeat", message, call.where))
    typed = child.typed(call.node_type)
    looked_at = tuple(Parameter(name, Any) for name in given if name.startswith(UNTIL))
    typed = replace(typed, parameters=(*typed.parameters, *looked_at))
    if "outputMapping" in call.config:
        typed = replace(typed, returns=Any)
    if "inputMapping" in call.config:
        # What the mapping leads to is known at run time only.
        typed = replace(call.node_type, returns=typed.returns)
    draft.faults += [*_rules_of_nodes(call, call.node_type.options), *_faults(call, child)]
    call.node_type = typed


def maps_inputs(call: Call, draft: Draft) -> bool:
    """Tell whether a call that is to be a map has an inputMapping, which is a fault: it says nothing of items."""
    if call.type not in TYPES or "inputMapping" not in call.config:
        return False
    message = (
        f"Node {call.id!r} is a map (each) of a workflow, and has an inputMapping: that takes all inputs out of one object, and "
        "does not say which of them an item is. Leave the inputMapping out, and name the input that each item is given as: "
        '"each": {"parameter": "..."}; a node before it may make the list of just these.'
    )
    draft.faults.append(Fault("mapped-map", message, call.where))
    return True


def binding(
    call: Call,
    node_type: NodeType | None,
    parents: Sequence[str],
    config: Mapping[str, Any],
    only: Collection[str] | None,
) -> plain.Binding:
    """Return what a node is bound to by its parents; one that maps its inputs, or takes any, takes all that they give."""
    child = call.child
    if child is None or not ("inputMapping" in config or child.plan.accepts_any_input):
        return plain.binding(node_type, parents, config, only)
    if not parents:
        return plain.Binding(args=[Input(None)])
    if len(parents) == 1:
        return plain.Binding(args=[Output(parents[0])])
    return plain.Binding({parent: Output(parent) for parent in parents})


def _child(call: Call, workflows: Workflows, draft: Draft) -> Child | None:
    name = call.config.get("workflowId")
    if not isinstance(name, str):
        message = (
            f"Node {call.id!r} runs a workflow, and its config does not say which. Give the workflow's id as "
            '"workflowId": "...".'
        )
        draft.faults.append(Fault("unknown-workflow", message, call.where))
        return None
    if name == draft.workflow:
        message = f"Node {call.id!r} runs workflow {name!r}, which it is part of, so it would never end. Take it out."
        draft.faults.append(Fault("recursion", message, call.where))
        return None
    try:
        child = workflows.find(name)
    except DefinitionError as error:
        draft.faults += error.faults
        return None
    if child is None:
        message = (
            f"Node {call.id!r} runs workflow {name!r}, which is not registered. {hint(name, workflows.names, 'workflows')} "
            "Import the module that defines it, or register it by engine.register(...), first."
        )
        draft.faults.append(Fault("unknown-workflow", message, call.where))
    return child


def _rules_of_nodes(call: Call, own: NodeOptions) -> Iterator[Fault]:
    """Find rules that a node has and a workflow has not: its own nodes have theirs."""
    for name, key in (("retry", "retryPolicy"), ("timeout_s", "timeout")):
        if getattr(call.options, name) != getattr(own, name):
            message = (
                f"Node {call.id!r} runs a workflow, and {key!r} in its config would do nothing: each node in there has its own. "
                "Put it on those; a workflow as a whole can have a deadline."
            )
            yield Fault("rule-of-a-node", message, call.where)


def _faults(call: Call, child: Child) -> list[Fault]:
    found = []
    for key in ("inputMapping", "outputMapping"):
        mapping = call.config.get(key, {})
        if not isinstance(mapping, dict) or not all(isinstance(path, str) for path in mapping.values()):
            message = f"Node {call.id!r} has a {key} that is no object of texts; write {{name: where it stands}}."
            found.append(Fault("bad-mapping", message, call.where))
    mapping = call.config.get("inputMapping")
    if not isinstance(mapping, dict):
        return found
    known = {parameter.name: parameter for parameter in child.inputs}
    for name in mapping:
        if name not in known and not child.plan.accepts_any_input:
            message = (
                f"Node {call.id!r} maps an input {name!r}, which workflow {child.workflow!r} does not have. "
                f"{hint(name, known, 'inputs')}"
            )
            found.append(Fault("unknown-input", message, call.where))
    for name, parameter in known.items():
        if parameter.required and name not in mapping:
            message = (
                f"Node {call.id!r} maps nothing to the input {name!r} of workflow {child.workflow!r}, which has no default. "
                "Put it into the inputMapping."
            )
            found.append(Fault("unbound-parameter", message, call.where))
    return found
