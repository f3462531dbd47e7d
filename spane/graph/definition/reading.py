"""Reading: from a definition to a draft."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from spane.errors import Fault
from spane.graph.definition import calling, conditions, inputs, maps, shape, soundness
from spane.graph.definition.edges import parents_of
from spane.graph.definition.sources import options_of, source_of
from spane.graph.spelling import nearest
from spane.graph.wiring import references
from spane.model.draft import Call, Draft
from spane.model.node_type import Location, NodeOptions, NodeType
from spane.model.plan import ON_FAILURE, Branch, Gate
from spane.model.rules import LimitRule

#: Finds a node type by its name; None when it is not registered.
Lookup = Callable[[str], NodeType | None]

#: Definitions come from anywhere, so their faults name nodes and not lines.
_NOWHERE = Location("definition", 0)


def read(
    definition: str | bytes | bytearray | Mapping[str, Any],
    types: Lookup,
    known_types: Sequence[str] = (),
    workflows: calling.Workflows = calling.NONE,
) -> Draft:
    """Return the draft that a definition says; whatever is wrong with it stands in the draft's faults.

    `known_types` are names that may be meant by one that `types` does not know; `workflows` are those that its nodes may
    run. It never raises: what cannot be understood is left out, so that checking the draft finds all faults at once.
    """
    faults: list[Fault] = []
    shaped, loaded = soundness.shaped(soundness.load(definition, faults), faults)
    draft = Draft(shaped.id, location=_NOWHERE, faults=faults, known_types=tuple(known_types))
    draft.definition = _starting(loaded)
    if "max_concurrency" in shaped.model_fields_set:
        draft.limit = LimitRule(concurrency=shaped.max_concurrency)
    _read_extra(draft, shaped.spane, types)
    for node, parents in zip(shaped.nodes, parents_of(shaped.nodes, faults), strict=True):
        type_name = calling.TYPE if node.type == calling.ALIAS and types(node.type) is None else node.type
        draft.calls.append(_call(node, parents, type_name, types(type_name), draft, workflows))
    return draft


def _starting(loaded: dict[str, Any]) -> dict[str, Any]:
    kept = {key: loaded[key] for key in shape.STARTING_KEYS if key in loaded}
    if "name" in kept and kept["name"] == loaded.get("id"):
        del kept["name"]
    return kept


def _read_extra(draft: Draft, extra: shape.DefinitionExtra, types: Lookup) -> None:
    given = extra.model_fields_set
    draft.inputs = tuple(inputs.parameter_of(declared) for declared in extra.inputs)
    draft.accepts_any_input = extra.accepts_any_input if "accepts_any_input" in given else "inputs" not in given
    if "deadline_s" in given:
        draft.deadline_s = extra.deadline_s
    if "limit" in given:
        draft.limit = LimitRule(**extra.limit.model_dump(exclude_unset=True))
    if "on_failure" in given:
        draft.on_failure = _handler(extra.on_failure, types(extra.on_failure.type))
    if "returns" in given:
        draft.returns = source_of(extra.returns)


def _handler(shaped: shape.Handler, node_type: NodeType | None) -> Call:
    base = node_type.options if node_type else NodeOptions()
    return Call(
        id=shaped.type + ON_FAILURE,
        type=shaped.type,
        node_type=node_type,
        options=options_of(shaped.config, shaped.options, base),
        location=_NOWHERE,
        config=shaped.config.model_extra or {},
    )


def _call(
    node: shape.Node,
    parents: list[str],
    type_name: str,
    node_type: NodeType | None,
    draft: Draft,
    workflows: calling.Workflows,
) -> Call:
    extra = node.spane
    own = node.config.model_extra or {}
    if "config" in extra.model_fields_set:
        own = extra.config
    else:
        _near_misses(node, node_type, draft)
    call = Call(
        id=node.id,
        type=type_name,
        node_type=node_type,
        after=list(extra.after),
        gates=[Gate(gate.node, gate.branch) for gate in extra.gates],
        decides=[Branch(name, conditions.condition_of(shaped)) for name, shaped in extra.decides.items()],
        always_fed=extra.always_fed,
        options=options_of(node.config, extra.options, node_type.options if node_type else NodeOptions()),
        location=_NOWHERE,
        config=own,
    )
    if type_name in calling.TYPES:
        calling.fill(call, workflows, draft, extra.arguments)
    if "each" in extra.model_fields_set and not calling.maps_inputs(call, draft):
        call.each = maps.each_of(extra.each, call.node_type)
    _bind(call, node, parents, own, draft)
    return call


def _bind(call: Call, node: shape.Node, parents: list[str], config: dict[str, Any], draft: Draft) -> None:
    """Bind a call as its node says, or else by the names of its parents and of its config."""
    extra = node.spane
    if extra.model_fields_set & {"arguments", "args", "merged"}:
        call.arguments = {name: source_of(source) for name, source in extra.arguments.items()}
        call.args = [source_of(source) for source in extra.args]
        call.merged = [source_of(source) for source in extra.merged]
        _compare(call, parents, draft)
    else:
        ordering = set(call.after)
        data = [parent for parent in parents if parent not in ordering]
        bound = calling.binding(call, call.node_type, data, config, inputs.only(draft))
        call.arguments, call.args, call.merged = bound.arguments, bound.args, bound.merged


def _compare(call: Call, parents: list[str], draft: Draft) -> None:
    """Complain of parents that a node lists but that its `spane` object does not use."""
    used = {node for node, _, _ in references(call)}
    for parent in parents:
        if parent not in used:
            message = (
                f"Node {call.id!r} has the parent {parent!r}, but its spane object neither takes its output nor runs "
                "after it. Bind it there, or take the edge out."
            )
            draft.faults.append(Fault("edges-disagree", message, call.id))


def _near_misses(node: shape.Node, node_type: NodeType | None, draft: Draft) -> None:
    """Warn of config keys that look like a misspelt rule; they are passed on all the same."""
    for key in node.config.model_extra or {}:
        meant = nearest(key, shape.RESERVED_KEYS)
        if meant is not None and not (node_type and node_type.parameter(key)):
            message = (
                f"Node {node.id!r} has {key!r} in its config, which is passed on to it as it is. If {meant!r} is "
                "meant, spell it so."
            )
            draft.warnings.append(Fault("near-miss", message, node.id))
