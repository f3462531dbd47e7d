"""Lowering: from a draft without faults to its plan.

A plan's hash depends on what the draft says and on nothing else: nodes stand in an order that follows the draft,
constants and configuration in one spelling of JSON, and neither the bodies nor the defaults of functions go in.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any, TypeVar

import msgspec

from spane.errors import DefinitionError
from spane.graph.checking import examine
from spane.graph.conditions import replaced
from spane.graph.steps import handler_of, undo_of
from spane.graph.wiring import Wiring, references, wire
from spane.model.draft import Call, Draft
from spane.model.expressions import All, AnyOf, Condition, Constant, Fields, First, Items, Not, OneOf, Source
from spane.model.freezing import canonical, freeze
from spane.model.node_type import MISSING, Parameter
from spane.model.plan import Branch, Plan, PlanInput, PlanNode
from spane.model.rules import BreakerRule

S = TypeVar("S", bound=msgspec.Struct)


def lower(draft: Draft) -> Plan:
    """Return the plan of a draft.

    Raises:
        DefinitionError: the draft has faults; the error holds all of them.

    """
    wiring = wire(draft)
    faults, _ = examine(draft, wiring)
    if faults:
        raise DefinitionError(f"Workflow {draft.workflow!r}", faults)
    return Plan(
        workflow=draft.workflow,
        nodes=tuple(_node(wiring.calls[node], wiring) for node in wiring.order()),
        inputs=tuple(_input(parameter) for parameter in draft.inputs),
        returns=None if draft.returns is None else spelled_one_way(draft.returns),
        accepts_any_input=draft.accepts_any_input,
        limit=draft.limit,
        deadline_ms=None if draft.deadline_s is None else max(1, round(draft.deadline_s * 1000)),
        handler=None if (handler := handler_of(draft)) is None else _step(handler),
    )


def _node(call: Call, wiring: Wiring) -> PlanNode:
    edges = wiring.incoming[call.id].values()
    undo = undo_of(call)
    return _planned(
        call,
        parents=tuple(edge.source for edge in edges if edge.bindings),
        after=tuple(edge.source for edge in edges if edge.after and not edge.bindings),
        routes=tuple(wiring.outgoing[call.id]) if _routes(call) else None,
        on_failure=call.options.on_failure,
        undo=None if undo is None else _step(undo),
    )


def _step(call: Call) -> PlanNode:
    # Whatever becomes of one step, the next one follows.
    return _planned(call, parents=tuple(dict.fromkeys(node for node, _, _ in references(call))), on_failure="continue")


def _planned(call: Call, **ways: Any) -> PlanNode:
    options = call.options
    node = PlanNode(
        id=call.id,
        type=call.type,
        arguments=tuple((name, spelled_one_way(source)) for name, source in call.arguments.items()),
        args=tuple(spelled_one_way(source) for source in call.args),
        gates=tuple(dict.fromkeys(call.gates)),
        decides=tuple(Branch(one.name, condition_spelled_one_way(one.condition)) for one in call.decides),
        always_fed=call.always_fed,
        each=call.each,
        breaker=_breaker(call),
        waits=call.node_type is not None and call.node_type.waits,
        child=None if call.child is None else call.child.plan.hash,
        queue=options.queue,
        is_async=call.node_type is not None and call.node_type.is_async,
        priority=options.priority or (None if call.child is None else call.child.priority),
        delay_ms=round(options.delay_s * 1000),
        timeout_ms=None if options.timeout_s is None else max(1, round(options.timeout_s * 1000)),
        retry=_without_copies_of_defaults(options.retry),
        version=options.version,
        limit=options.limit,
        config=msgspec.Raw(
            json.dumps(call.config, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode()
        ),
        **ways,
    )
    return _without_copies_of_defaults(node)


def _routes(call: Call) -> bool:
    return call.node_type is not None and call.node_type.routes and call.each is None


def _breaker(call: Call) -> BreakerRule | None:
    rule = call.options.breaker
    if rule is None:
        return None
    return _without_copies_of_defaults(rule if rule.name else msgspec.structs.replace(rule, name=call.type))


def _without_copies_of_defaults(made: S) -> S:
    """Return a part of a plan in which whatever equals its default is that very object.

    Only what *is* the default is left out of the JSON, and the hash must not depend on where a value came from.
    """
    copies = {}
    for name, default in _defaults(type(made)):
        value = getattr(made, name)
        if value is not default and type(value) is type(default) and value == default:
            copies[name] = default
    return msgspec.structs.replace(made, **copies) if copies else made


@cache
def _defaults(part: type[msgspec.Struct]) -> list[tuple[str, object]]:
    return [(field.name, field.default) for field in msgspec.structs.fields(part)]


def spelled_one_way(source: Source) -> Source:
    """Return a source with every constant in its canonical spelling."""
    match source:
        case Constant(raw):
            return Constant(msgspec.Raw(canonical(bytes(raw))))
        case Items(items):
            return Items(tuple(spelled_one_way(item) for item in items))
        case Fields(pairs):
            return Fields(tuple((key, spelled_one_way(item)) for key, item in pairs))
        case First(items):
            return First(tuple(spelled_one_way(item) for item in items))
        case _:
            return source


def condition_spelled_one_way(condition: Condition) -> Condition:
    """Return a condition with every constant in its canonical spelling."""
    match condition:
        case OneOf(source, values):
            return OneOf(spelled_one_way(source), tuple(msgspec.Raw(canonical(bytes(one))) for one in values))
        case All(items):
            return All(tuple(condition_spelled_one_way(item) for item in items))
        case AnyOf(items):
            return AnyOf(tuple(condition_spelled_one_way(item) for item in items))
        case Not(item):
            return Not(condition_spelled_one_way(item))
        case _:
            return replaced(condition, spelled_one_way)


def _input(parameter: Parameter) -> PlanInput:
    if parameter.default is MISSING:
        return PlanInput(parameter.name)
    return PlanInput(parameter.name, msgspec.Raw(freeze(parameter.default, parameter.annotation)), required=False)
