"""The edges that `inputs` and `outputs` of a definition say, and where the two disagree."""

from __future__ import annotations

from collections import Counter

from spane.errors import Fault
from spane.graph.definition.shape import Node
from spane.graph.spelling import MOST_HINTS, hint


def parents_of(nodes: list[Node], faults: list[Fault]) -> list[list[str]]:
    """Return the parents of every node: those in its `inputs`, then nodes that name it in their `outputs`.

    A side that no node of the definition uses says nothing; where both are used they must agree.
    """
    by_id: dict[str, Node] = {}
    for node in nodes:
        by_id.setdefault(node.id, node)
    listed = [dict.fromkeys(node.inputs) for node in nodes]
    parents = {node.id: found for node, found in zip(reversed(nodes), reversed(listed), strict=True)}
    unknown: list[tuple[str, str]] = []
    for node in nodes:
        _repeated(node, faults)
        for child in dict.fromkeys(node.outputs):
            if child in by_id:
                parents[child][node.id] = None
            else:
                unknown.append((node.id, child))
    for number, (node_id, child) in enumerate(unknown):
        meant = hint(child, by_id, "nodes") if number < MOST_HINTS else ""
        message = f"Node {node_id!r} lists {child!r} in its outputs, which is no node of this workflow. {meant}"
        faults.append(Fault("unknown-node", message.rstrip(), node_id))
    if any(node.inputs for node in nodes) and any(node.outputs for node in nodes):
        faults.extend(_disagreeing(by_id))
    return [list(found) for found in listed]


def _repeated(node: Node, faults: list[Fault]) -> None:
    for side, listed in (("inputs", node.inputs), ("outputs", node.outputs)):
        if len(set(listed)) < len(listed):
            twice = next(one for one, count in Counter(listed).items() if count > 1)
            message = (
                f"Node {node.id!r} lists {twice!r} more than once in its {side}. One edge is enough; take the others "
                "out."
            )
            faults.append(Fault("repeated-edge", message, node.id))


def _disagreeing(by_id: dict[str, Node]) -> list[Fault]:
    faults: list[Fault] = []
    outputs = {node.id: set(node.outputs) for node in by_id.values()}
    inputs = {node.id: set(node.inputs) for node in by_id.values()}
    for node in by_id.values():
        for parent in node.inputs:
            if parent in by_id and "outputs" in by_id[parent].model_fields_set and node.id not in outputs[parent]:
                message = (
                    f"Node {node.id!r} lists {parent!r} in its inputs, but {parent!r} does not list {node.id!r} in its "
                    "outputs. Add it there, or take it out here."
                )
                faults.append(Fault("edges-disagree", message, node.id))
        for child in node.outputs:
            if child in by_id and "inputs" in by_id[child].model_fields_set and node.id not in inputs[child]:
                message = (
                    f"Node {node.id!r} lists {child!r} in its outputs, but {child!r} does not list {node.id!r} in its "
                    "inputs. Add it there, or take it out here."
                )
                faults.append(Fault("edges-disagree", message, node.id))
    return faults
