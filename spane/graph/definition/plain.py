"""What a node of a definition is bound to when nothing says otherwise: it follows from its parents.

One parent gives its exact value, several give an object by node id, to the type's first data parameter (the first
required one, where there is one). A type with several data parameters, some of them named like parents, takes those
parents by name.

An entry node gets the whole initial data if it has one parameter for it: the only required one, or the first where
none is required, whose annotation can hold an object. Otherwise each parameter gets the input of its own name, and one
with a default may go without.

A key of `config` named like a data parameter is bound to it as a constant, before all of this.

Parents that no parameter is left for are merged: they are waited for, and their outputs are in the context.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from spane.graph import forms
from spane.graph.annotations import members
from spane.model.expressions import Constant, Fields, Input, Output, Source
from spane.model.node_type import NodeType, Parameter, ParameterKind


@dataclass(slots=True)
class Binding:
    """What a call is bound to, under the names of `Call`."""

    arguments: dict[str, Source] = field(default_factory=dict)
    args: list[Source] = field(default_factory=list)
    merged: list[Source] = field(default_factory=list)


def binding(
    node_type: NodeType | None, parents: Sequence[str], config: Mapping[str, Any], inputs: Collection[str] | None = None
) -> Binding:
    """Return what a node of this type is bound to by its parents and its own config.

    `inputs` are the only ones there are; None is for a workflow that takes any.
    """
    if node_type is None:
        return Binding(merged=[Output(parent) for parent in parents])
    data = [p for p in node_type.parameters if p.kind is ParameterKind.DATA]
    bound = Binding({p.name: constant(config[p.name]) for p in data if p.name in config})
    free = [p for p in data if p.name not in bound.arguments]
    if not parents:
        _of_initial_data(bound, node_type, free, inputs)
    elif len(data) > 1 and any(p.name in parents for p in free):
        names = {p.name for p in free}
        bound.arguments |= {parent: Output(parent) for parent in parents if parent in names}
        bound.merged = [Output(parent) for parent in parents if parent not in names]
    else:
        _of_parents(bound, node_type, free, parents)
    return bound


def constant(value: Any) -> Constant:
    """Return a JSON value as a source."""
    return Constant(msgspec.Raw(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()))


def _first(free: list[Parameter]) -> str:
    return next((p.name for p in free if p.required), free[0].name)


def _of_initial_data(
    bound: Binding, node_type: NodeType, free: list[Parameter], inputs: Collection[str] | None
) -> None:
    required = [p for p in free if p.required]
    candidates = required or free[:1]
    variadic = node_type.variadic
    if len(candidates) == 1 and _holds_object(candidates[0].annotation):
        bound.arguments[candidates[0].name] = Input(None)
    elif free:
        there = [p for p in free if p.required or inputs is None or p.name in inputs]
        bound.arguments |= {p.name: Input(p.name) for p in there}
    elif variadic and not bound.arguments and _holds_object(variadic.annotation):
        bound.args.append(Input(None))


def _holds_object(annotation: Any) -> bool:
    """Tell whether values of an annotation may be JSON objects, as far as can be seen."""
    return not all(isinstance(forms.form(member), (forms.Scalar, forms.Array)) for member in members(annotation))


def _of_parents(bound: Binding, node_type: NodeType, free: list[Parameter], parents: Sequence[str]) -> None:
    if free and len(parents) == 1:
        bound.arguments[_first(free)] = Output(parents[0])
    elif free:
        bound.arguments[_first(free)] = Fields(tuple((parent, Output(parent)) for parent in parents))
    elif node_type.variadic:
        bound.args = [Output(parent) for parent in parents]
    elif node_type.keywords and not any(node_type.parameter(parent) for parent in parents):
        bound.arguments |= {parent: Output(parent) for parent in parents}
    else:
        bound.merged = [Output(parent) for parent in parents]
