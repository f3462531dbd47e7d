"""Writing: from a draft to a definition that reads back to the same draft."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from spane.graph.definition import calling, conditions, inputs, maps, shape
from spane.graph.definition.sources import as_json, options_as_json
from spane.graph.lowering import spelled_one_way
from spane.graph.wiring import Wiring, references, wire
from spane.model.draft import Call, Draft
from spane.model.expressions import Source
from spane.model.node_type import NodeOptions
from spane.model.rules import LimitRule


def write(draft: Draft) -> dict[str, Any]:
    """Return the definition of a draft, as JSON values.

    Whatever follows from the parents of a node is left to follow; `spane` says the rest. Places in source files are
    not written, and types of inputs become JSON Schema.
    """
    wiring = wire(draft)
    said = draft.definition
    definition: dict[str, Any] = {"id": draft.workflow, "name": said.get("name", draft.workflow)}
    if "entryNodeId" in said:
        definition["entryNodeId"] = said["entryNodeId"]
    definition["nodes"] = [_node(call, wiring, inputs.only(draft)) for call in draft.calls]
    definition |= {key: said[key] for key in shape.STARTING_KEYS if key in said}
    if draft.limit is not None and draft.limit == LimitRule(concurrency=draft.limit.concurrency):
        definition["maxConcurrency"] = draft.limit.concurrency
    if extra := _extra(draft):
        definition["spane"] = extra
    return definition


def _extra(draft: Draft) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    if draft.inputs or not draft.accepts_any_input:
        extra["inputs"] = [inputs.as_json(parameter) for parameter in draft.inputs]
    if draft.inputs and draft.accepts_any_input:
        extra["accepts_any_input"] = True
    if draft.limit is not None and draft.limit != LimitRule(concurrency=draft.limit.concurrency):
        extra["limit"] = msgspec.to_builtins(draft.limit)
    if draft.deadline_s is not None:
        extra["deadline_s"] = draft.deadline_s
    if draft.on_failure is not None:
        extra["on_failure"] = _handler(draft.on_failure)
    if draft.returns is not None:
        extra["returns"] = as_json(draft.returns)
    return extra


def _handler(call: Call) -> dict[str, Any]:
    rules, options = options_as_json(call.options, call.node_type.options if call.node_type else NodeOptions())
    written = {"type": call.type, "config": {**rules, **call.config}, "options": options}
    return {key: value for key, value in written.items() if value}


def _node(call: Call, wiring: Wiring, only: Collection[str] | None) -> dict[str, Any]:
    base = call.node_type.options if call.node_type else NodeOptions()
    rules, options = options_as_json(call.options, base)
    parents = list(dict.fromkeys(node for node, _, _ in references(call)))
    node: dict[str, Any] = {"id": call.id, "type": call.type}
    extra = _bound(call, parents, only)
    if call.after:
        extra["after"] = list(call.after)
    if call.gates:
        extra["gates"] = [{"node": gate.node, "branch": gate.branch} for gate in call.gates]
    if call.decides:
        extra["decides"] = {branch.name: conditions.as_json(branch.condition) for branch in call.decides}
    if call.always_fed:
        extra["always_fed"] = True
    if call.each is not None:
        extra["each"] = maps.as_json(call.each, call.node_type)
    if options:
        extra["options"] = options
    if call.config.keys() & set(shape.RESERVED_KEYS):
        extra["config"] = call.config
    else:
        rules = {**rules, **call.config}
    node["config"] = rules
    node["inputs"] = parents
    edges = [wiring.incoming[child][call.id] for child in wiring.outgoing[call.id]]
    node["outputs"] = [edge.target for edge in edges if edge.bindings or edge.after]
    if extra:
        node["spane"] = extra
    return node


def _bound(call: Call, parents: list[str], only: Collection[str] | None) -> dict[str, Any]:
    """Return what a call is bound to, or nothing where it follows from its parents."""
    ordering = set(call.after)
    data = [parent for parent in parents if parent not in ordering]
    follows = calling.binding(call, call.node_type, data, call.config, only)
    same = (
        _comparable(follows.arguments) == _comparable(call.arguments)
        and follows.args == call.args
        and follows.merged == call.merged
    )
    if same:
        return {}
    extra: dict[str, Any] = {"arguments": {name: as_json(source) for name, source in call.arguments.items()}}
    if call.args:
        extra["args"] = [as_json(source) for source in call.args]
    if call.merged:
        extra["merged"] = [as_json(source) for source in call.merged]
    return extra


def _comparable(arguments: dict[str, Source]) -> list[tuple[str, Source]]:
    return [(name, spelled_one_way(source)) for name, source in arguments.items()]
