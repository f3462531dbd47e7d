"""Faults of the graph as a whole: names, references, cycles, the entry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from spane.errors import DefinitionError, Fault, ResultNotSerialisable
from spane.graph.annotations import render
from spane.graph.spelling import MOST_HINTS, hint, listing
from spane.graph.steps import steps
from spane.graph.wiring import Wiring, bound
from spane.graph.writing import without_text_keys
from spane.model.codec import Reader, dump, writer
from spane.model.conditions import tips
from spane.model.draft import Draft
from spane.model.expressions import Input, leaves
from spane.model.freezing import freeze
from spane.model.ids import NAME_RULE, is_name
from spane.model.node_type import MISSING, NodeType, ParameterKind

#: A cycle longer than this is named by its first nodes.
_NAMED_IN_CYCLE = 30

#: How many executions may stand one below the other, the first one counted.
MOST_LEVELS = 10

#: The kinds of parameters whose values come out of JSON.
_CARRIED = (ParameterKind.DATA, ParameterKind.VARIADIC, ParameterKind.KEYWORDS)


def names(draft: Draft) -> Iterator[Fault]:
    """Find names that are not allowed, ids given twice, and a workflow without nodes."""
    if not is_name(draft.workflow):
        yield Fault(
            "bad-name", f"The workflow's name {draft.workflow!r} is not allowed. A name has {NAME_RULE}.", draft.where
        )
    if not draft.calls and not draft.faults:
        yield Fault(
            "no-nodes",
            f"Workflow {draft.workflow!r} has no nodes, so there is nothing to run. Call at least one node.",
            draft.where,
        )
    first: dict[str, str] = {}
    for call in draft.calls:
        if not is_name(call.id):
            yield Fault("bad-name", f"The node id {call.id!r} is not allowed. An id has {NAME_RULE}.", call.where)
        if not is_name(call.type):
            yield Fault(
                "bad-name",
                f"Node {call.id!r} names its type {call.type!r}, which is not allowed. A type has {NAME_RULE}.",
                call.where,
            )
        if call.id in first:
            place = f", the first at {first[call.id]}" if first[call.id] != call.id else ""
            yield Fault(
                "duplicate-id", f"Several nodes have the id {call.id!r}{place}. Give each an id of its own.", call.where
            )
        first.setdefault(call.id, call.where)


def inputs(draft: Draft) -> Iterator[Fault]:
    """Find inputs declared twice, and defaults of inputs that JSON cannot carry."""
    seen: set[str] = set()
    for parameter in draft.inputs:
        if parameter.name in seen:
            message = f"Workflow {draft.workflow!r} declares the input {parameter.name!r} twice. Take one out."
            yield Fault("duplicate-input", message, draft.where)
        seen.add(parameter.name)
        if parameter.default is MISSING:
            continue
        try:
            freeze(parameter.default, parameter.annotation)
        except DefinitionError as error:  # the annotation itself cannot be read from JSON
            yield from error.faults
        except ResultNotSerialisable as error:
            message = f"Input {parameter.name!r} has a default that cannot be part of a plan. {error}"
            yield Fault("bad-default", message, draft.where)


def types(draft: Draft) -> Iterator[Fault]:
    """Find node types that are not registered, one fault for all nodes of one type."""
    users: dict[str, list[str]] = {}
    where: dict[str, str] = {}
    known = {*draft.known_types, *(call.type for call in draft.calls if call.node_type is not None)}
    for call in draft.calls:
        if call.node_type is None:
            users.setdefault(call.type, []).append(call.id)
            where.setdefault(call.type, call.where)
    for name, nodes in users.items():
        meant = hint(name, sorted(known), "known types") if known else ""
        who = f"node {nodes[0]!r}" if len(nodes) == 1 else f"nodes {listing(nodes)}"
        message = f"Node type {name!r} of {who} is not registered. {meant} Import the module that defines it first."
        yield Fault("unknown-type", message.replace("  ", " "), where[name])


def _node_types(draft: Draft) -> list[NodeType]:
    return list({call.node_type: None for call in (*draft.calls, *steps(draft)) if call.node_type is not None})


def unreadable(draft: Draft) -> Iterator[Fault]:
    """Find annotations whose values could never cross from node to node, once for each node type."""
    for node_type in _node_types(draft):
        named = {f"parameter {p.name!r}": p.annotation for p in node_type.parameters if p.kind in _CARRIED}
        for place, annotation in (*named.items(), ("its result", node_type.returns)):
            try:
                Reader(annotation)
            except DefinitionError as error:
                for fault in error.faults:
                    message = f"Node type {node_type.name!r}, {place}: {fault.message}"
                    yield Fault("bad-annotation", message, str(node_type.location))


def unwritable(draft: Draft) -> Iterator[Fault]:
    """Find results that could never become JSON, once for each node type."""
    for node_type in _node_types(draft):
        found = without_text_keys(node_type.returns)
        # An annotation with serialisers has its own way with keys.
        if found is not None and _written_plainly(node_type.returns):
            message = (
                f"Node type {node_type.name!r} returns {render(node_type.returns)}, which JSON cannot carry: the keys of "
                f"{render(found)} are no text. Return text keys, or a list of pairs."
            )
            yield Fault("bad-annotation", message, str(node_type.location))


def _written_plainly(annotation: Any) -> bool:
    try:
        return writer(annotation) is dump
    except DefinitionError:  # told as unreadable
        return False


def references(wiring: Wiring) -> Iterator[Fault]:
    """Find references to nodes that are not there, and nodes that name themselves."""
    for number, (call, missing, parameter) in enumerate(wiring.dangling):
        meant = hint(missing, wiring.calls, "nodes") if number < MOST_HINTS else ""
        verb = "runs after" if parameter is None else "takes the output of"
        message = f"Node {call.id!r} {verb} {missing!r}, which is no node of this workflow. {meant}"
        yield Fault("unknown-node", message.rstrip(), call.where)
    for call, parameter in wiring.loops:
        what = (
            "runs after itself"
            if parameter is None
            else f"takes its own output{f' as {parameter!r}' if parameter else ''}"
        )
        yield Fault(
            "self-reference", f"Node {call.id!r} {what}, so it could never start. Take that edge out.", call.where
        )


def cycles(wiring: Wiring) -> Iterator[Fault]:
    """Find nodes that wait for each other."""
    for cycle in wiring.cycles():
        shown = " -> ".join(cycle[:_NAMED_IN_CYCLE])
        rest = len(cycle) - _NAMED_IN_CYCLE
        path = f"{shown} -> ... ({rest:,} more) -> {cycle[0]}" if rest > 0 else f"{shown} -> {cycle[0]}"
        message = (
            f"These nodes wait for each other in a cycle, so none of them could start: {path}. Take one of these edges "
            "out."
        )
        yield Fault("cycle", message, wiring.calls[cycle[0]].where)


def entry(draft: Draft, wiring: Wiring) -> Iterator[Fault]:
    """Find an entry node that is not there."""
    name = draft.definition.get("entryNodeId")
    if isinstance(name, str) and name not in wiring.calls:
        message = f"The entry node {name!r} is no node of this workflow. {hint(name, wiring.calls, 'nodes')}"
        yield Fault("unknown-entry", message, draft.where)


def nesting(draft: Draft) -> Iterator[Fault]:
    """Find workflows that call one another too deep, or that call themselves by a name."""
    for call in draft.calls:
        if call.child is None:
            continue
        if call.child.levels >= MOST_LEVELS:
            message = (
                f"Node {call.id!r} runs workflow {call.child.workflow!r}, which nests {call.child.levels} levels by itself: "
                f"executions stand at most {MOST_LEVELS} levels deep. Call nodes in place of some workflows."
            )
            yield Fault("too-deep", message, call.where)
        if draft.workflow in (plan.workflow for plan in (call.child.plan, *call.child.kids)):
            message = (
                f"Node {call.id!r} runs workflow {call.child.workflow!r}, and with it {draft.workflow!r} itself, so it would "
                "never end. Take the call out, or give one of the two another name."
            )
            yield Fault("recursion", message, call.where)


def unused(draft: Draft) -> Iterator[Fault]:
    """Warn of inputs that nothing takes: whoever starts the workflow has to give them for nothing."""
    calls = (*draft.calls, *steps(draft))
    sources = [source for call in calls for _, source in bound(call)]
    taken = [leaf for source in sources for leaf in leaves(source)]
    taken += [tip for call in calls for branch in call.decides for tip in tips(branch.condition)]
    taken += [] if draft.returns is None else leaves(draft.returns)
    names = {leaf.name for leaf in taken if isinstance(leaf, Input)}
    if None in names:  # somebody takes all of them
        return
    for parameter in draft.inputs:
        if parameter.name not in names:
            message = (
                f"Input {parameter.name!r} is used by no node, and is not returned. Pass it to a node, or take it out of the "
                "signature."
            )
            yield Fault("unused-input", message, draft.where)


def unreachable(draft: Draft, wiring: Wiring) -> Iterator[Fault]:
    """Warn of nodes that the named entry does not lead to. They start all the same: every root does."""
    name = draft.definition.get("entryNodeId")
    if not isinstance(name, str) or name not in wiring.calls:
        return
    reached = {name}
    pending = [name]
    while pending:
        for child in wiring.outgoing[pending.pop()]:
            if child not in reached:
                reached.add(child)
                pending.append(child)
    for node, call in wiring.calls.items():
        if node not in reached:
            message = (
                f"Node {node!r} cannot be reached from the entry node {name!r}. It runs all the same, because every "
                "node without parents starts. Connect it, or take it out."
            )
            yield Fault("unreachable", message, call.where)
