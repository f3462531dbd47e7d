"""Conditions between a draft and a definition."""

from __future__ import annotations

import json
from typing import Any

from pydantic import TypeAdapter

from spane.graph.definition import terms
from spane.graph.definition.plain import constant
from spane.graph.definition.sources import as_json as source_as_json
from spane.graph.definition.sources import source_of
from spane.model.expressions import All, AnyOf, Compare, Condition, IsNone, Not, OneOf

_shaped: TypeAdapter[Any] = TypeAdapter(terms.Condition)


def condition_of(shaped: Any) -> Condition:
    """Return the condition that a definition says."""
    match shaped:
        case terms.Compare():
            return Compare(shaped.compare, source_of(shaped.left), source_of(shaped.right))
        case terms.OneOf():
            return OneOf(source_of(shaped.value), tuple(constant(one).raw for one in shaped.one_of))
        case terms.IsNone():
            return IsNone(source_of(shaped.is_none))
        case terms.All():
            return All(tuple(condition_of(item) for item in shaped.conditions))
        case terms.AnyOf():
            return AnyOf(tuple(condition_of(item) for item in shaped.conditions))
        case _:
            return Not(condition_of(shaped.condition))


def as_json(condition: Condition) -> dict[str, Any]:
    """Return a condition as a definition says it."""
    match condition:
        case Compare(operator, left, right):
            return {"compare": operator, "left": source_as_json(left), "right": source_as_json(right)}
        case OneOf(source, values):
            return {"one_of": [json.loads(bytes(one)) for one in values], "value": source_as_json(source)}
        case IsNone(source):
            return {"is_none": source_as_json(source)}
        case All(items):
            return {"all": [as_json(item) for item in items]}
        case AnyOf(items):
            return {"any": [as_json(item) for item in items]}
        case Not(item):
            return {"not": as_json(item)}


def from_json(said: Any) -> Condition:
    """Return the condition that JSON values say; pydantic's `ValidationError` if they are none."""
    return condition_of(_shaped.validate_python(said))
