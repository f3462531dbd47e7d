"""Which values an annotation has, where they are few, and whether equalities cover them all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from spane.graph import forms
from spane.graph.annotations import members
from spane.model.expressions import Compare, Condition, Constant, IsNone, Not, OneOf, Source

#: Stands for a JSON value in sets: as JSON compares, `true` is not 1 and 1.0 is.
Key = tuple[str, Any]

#: Values that are text in JSON, and can be spelled in several ways there.
_SPELLED = {"decimal": "Decimal", "datetime": "datetime", "time": "time", "duration": "timedelta"}


def key(value: Any) -> Key:
    """Return what stands for a JSON value."""
    if isinstance(value, (list, dict)):
        return kind(value), json.dumps(value, sort_keys=True)
    return kind(value), value


def kind(value: Any) -> str:
    """Return the kind of a JSON value: null, boolean, number, text, array or object."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "text"
        case list():
            return "array"
        case _:
            return "object"


def kinds(annotation: Any) -> frozenset[str] | None:
    """Return the kinds of JSON that values of an annotation have; None where that cannot be told."""
    found: set[str] = set()
    for member in members(annotation):
        match forms.form(member):
            case forms.Scalar() as scalar:
                found |= {
                    one if one in ("null", "boolean") else "number" if one in ("integer", "number") else "text"
                    for one in scalar.gives
                }
            case forms.Array():
                found.add("array")
            case forms.Mapping() | forms.Fieldwise(cls=None):
                found.add("object")
            case forms.Fieldwise(record=record) if record.gives:
                found.add("object")
            case _:
                return None
    return frozenset(found)


def spelled_in_ways(annotation: Any) -> str | None:
    """Return the name of a type among an annotation's whose JSON text does not compare as its values do."""
    for member in members(annotation):
        found = forms.form(member)
        if isinstance(found, forms.Scalar) and found.values is None:
            if found.type is bytes:
                return "bytes"
            name = next((_SPELLED[one] for one in _SPELLED if one in found.gives), None)
            if name is not None and "date" not in found.gives:
                return name
    return None


def values(annotation: Any) -> tuple[Any, ...] | None:
    """Return all values of an annotation as JSON, where they are few: a Literal, an Enum, bool, None."""
    found: list[Any] = []
    for member in members(annotation):
        shape = forms.form(member)
        if not isinstance(shape, forms.Scalar):
            return None
        if shape.values is not None:
            found += shape.values
        elif shape.gives == {"null"}:
            found.append(None)
        else:
            return None
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Held:
    """The values of one source that a condition holds for; with `negated` all others."""

    source: Source
    keys: frozenset[Key]
    negated: bool = False


def cover(conditions: Sequence[Condition], every: Iterable[Any] | None, source_of_every: Source | None) -> bool:
    """Tell whether one of some conditions on one node's output always holds.

    `every` are all the values that `source_of_every` can have, if that is known.
    """
    if any(condition.item in conditions for condition in conditions if isinstance(condition, Not)):
        return True
    held = [found for condition in conditions if (found := _held(condition)) is not None]
    for source in {repr(one.source): one.source for one in held}.values():
        here = [one for one in held if one.source == source]
        listed = frozenset[Key]().union(*(one.keys for one in here if not one.negated))
        if any(one.keys <= listed for one in here if one.negated):
            return True
        if every is not None and source == source_of_every and {key(value) for value in every} <= listed:
            return True
    return False


def equated(condition: Condition) -> Source | None:
    """Return the source whose values a condition lists, or None if it does something else."""
    found = _held(condition)
    return None if found is None else found.source


def _held(condition: Condition) -> _Held | None:
    match condition:
        case Compare("==", Constant(raw), source) | Compare("==", source, Constant(raw)):
            return _Held(source, frozenset({key(json.loads(bytes(raw)))}))
        case Compare("!=", Constant(raw), source) | Compare("!=", source, Constant(raw)):
            return _Held(source, frozenset({key(json.loads(bytes(raw)))}), negated=True)
        case OneOf(source, listed):
            return _Held(source, frozenset(key(json.loads(bytes(one))) for one in listed))
        case IsNone(source):
            return _Held(source, frozenset({key(None)}))
        case Not(item):
            inner = _held(item)
            return None if inner is None else _Held(inner.source, inner.keys, not inner.negated)
        case _:
            return None
