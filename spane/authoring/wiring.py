"""Wiring by name: what a call left out is fed by the node or input that its parameter is named after."""

from __future__ import annotations

from collections.abc import Iterator

from spane.errors import Fault
from spane.graph.spelling import nearest
from spane.model.draft import Call, Draft
from spane.model.expressions import Input, Output, leaves
from spane.model.node_type import Parameter, ParameterKind


def by_name(draft: Draft, left_out: list[tuple[Call, Parameter]]) -> None:
    """Bind required parameters that calls left out to the node or input of their name.

    A near miss is a fault: a parameter `ordr` beside a node `order` is a slip more often than not. One that
    is named like nothing is left unbound, which the checks of the graph report.
    """
    nodes = {call.id for call in draft.calls}
    inputs = {parameter.name for parameter in draft.inputs}
    for call, parameter in left_out:
        name = parameter.name
        if name in call.told:
            continue
        if name in inputs and name in nodes and name != call.id:
            _refuse(
                draft,
                call,
                name,
                "ambiguous-name",
                f"node {call.id!r} leaves out {name!r}, which is the name of a node and of an input. Pass the one you mean.",
            )
        elif name in nodes and name != call.id:
            call.arguments[name] = Output(name)
        elif name in inputs:
            call.arguments[name] = Input(name)
        elif _is_misspelt(call, name):
            call.told.add(name)  # the checks of the graph tell of the name that was written
        elif (meant := nearest(name, (nodes | inputs) - {call.id})) is not None:
            what = "node" if meant in nodes else "input"
            _refuse(
                draft,
                call,
                name,
                "near-miss",
                f"node {call.id!r} leaves out {name!r}, and no node or input has that name; did you mean the {what} "
                f"{meant!r}? Pass it: {name}=..., or rename one of the two.",
            )


def empty_merges(draft: Draft) -> Iterator[Fault]:
    """Warn of nodes that take `Parents` and have none."""
    for call in draft.calls:
        parents = (
            next((p for p in call.node_type.parameters if p.kind is ParameterKind.PARENTS), None)
            if call.node_type
            else None
        )
        if parents is not None and not call.merged and not feeding(call):
            message = (
                f"node {call.id!r} takes Parents as {parents.name!r} and no node feeds it, so it gets an empty merge. Bind the "
                f"nodes to merge: {parents.name}=Parents.of(...)."
            )
            yield Fault("empty-merge", message, call.where)


def feeding(call: Call) -> list[str]:
    """Return the ids of the nodes whose results a call's arguments take."""
    sources = (*call.arguments.values(), *call.args)
    return [leaf.node for source in sources for leaf in leaves(source) if isinstance(leaf, Output)]


def _refuse(draft: Draft, call: Call, name: str, code: str, message: str) -> None:
    draft.faults.append(Fault(code, message, call.where))
    call.told.add(name)


def _is_misspelt(call: Call, parameter: str) -> bool:
    """Tell whether a call is given something under a name that it does not know, and that was meant to be `parameter`."""
    if call.node_type is None or call.node_type.keywords is not None:
        return False
    known = [p.name for p in call.node_type.parameters if p.kind is ParameterKind.DATA]
    return any(name not in known and nearest(name, known) == parameter for name in call.arguments)
