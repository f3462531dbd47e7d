"""Which parts a value of some annotation has, by which JSON keys, and of which annotation.

References are taken apart by these rules, so that `order.totl` is known to be wrong before anything runs.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import RootModel
from typing_extensions import is_typeddict

from spane.graph import forms, records
from spane.graph.annotations import members as members_of
from spane.graph.annotations import render, union
from spane.graph.spelling import hint
from spane.model.expressions import Path


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a value: the JSON path to it from the whole (empty if it is the whole), and its annotation."""

    path: Path
    annotation: Any


@dataclass(frozen=True, slots=True)
class Absent:
    """There is no such part; `why` says so and what there is instead."""

    why: str


def attribute(annotation: Any, name: str) -> Part | Absent:
    """Return the part that `value.name` is."""
    return _of_every(annotation, lambda member: _attribute(member, name))


def item(annotation: Any, key: Any) -> Part | Absent:
    """Return the part that `value[key]` is."""
    if isinstance(key, slice):
        return Absent("a list that is not there yet cannot be sliced; slice it inside a node.")
    if isinstance(key, enum.Enum):
        key = key.value
    if not isinstance(key, (str, int)) or isinstance(key, bool):
        return Absent(f"{key!r} cannot be an index; give a text or a whole number.")
    return _of_every(annotation, lambda member: _item(member, key))


def elements_of(annotation: Any) -> tuple[Any, ...] | None:
    """Return the annotations of a tuple of fixed length or a NamedTuple; None for all else."""
    found = members_of(annotation)
    shape = forms.form(found[0]) if len(found) == 1 else None
    cls = _class_of(found[0])
    if not (isinstance(shape, forms.Array) and inspect.isclass(cls) and issubclass(cls, tuple)):
        return None
    return shape.items


def _of_every(annotation: Any, find: Callable[[Any], Part | Absent]) -> Part | Absent:
    """Return the part that all members of a union have under one key; None among them is the user's own risk."""
    members = [member for member in members_of(annotation) if member is not type(None)]
    if not members:
        return Absent("None has no parts.")
    found: list[Part] = []
    for member in members:
        part = find(member)
        if isinstance(part, Absent):
            return part
        found.append(part)
    if len({part.path for part in found}) > 1:
        return Absent(f"it stands under different keys in {' and '.join(map(render, members))}.")
    return Part(found[0].path, union([part.annotation for part in found]))


def _attribute(annotation: Any, name: str) -> Part | Absent:
    if annotation is Any:
        return Part((name,), Any)
    cls = _class_of(annotation)
    if is_typeddict(cls) or isinstance(forms.form(annotation), forms.Mapping):
        return Absent(f"{render(annotation)} is a dict, whose parts are items; write [{name!r}].")
    parts = _fields(annotation)
    if parts is None:
        return Absent(f"{render(annotation)} has no fields that JSON carries; take it apart inside a node.")
    return parts.get(name) or Absent(_not_a_field(annotation, name, parts))


def _fields(annotation: Any) -> dict[str, Part] | None:
    """Return `{name: part}` of a model, dataclass, TypedDict or NamedTuple; None for all else."""
    cls: Any = _class_of(annotation)
    if not isinstance(cls, type):
        return None
    if issubclass(cls, RootModel):
        return {"root": Part((), cls.model_fields["root"].annotation)}
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        types = elements_of(annotation) or ()
        return {name: Part((index,), types[index]) for index, name in enumerate(cls._fields)}
    record = records.record(_class_of(annotation))
    if record is None or not (record.gives or record.fields):
        return None
    given = dict(zip(getattr(cls, "__parameters__", ()), typing.get_args(annotation), strict=False))
    return {
        field.name: Part((_alias_of(cls, field) or field.key,), given.get(field.gives, field.gives))
        for field in record.fields
        # Computed fields are read from no key, and the codec does not dump them.
        if field.key is not None and field.keys != frozenset()
    }


def _alias_of(cls: Any, field: records.Field) -> str | None:
    """Return the key that `Field(alias=...)` gives to a field of a dataclass or TypedDict, by default or `Annotated`."""
    in_default = getattr(cls, "__pydantic_fields__", {}).get(field.name)
    for info in (in_default, *getattr(field.gives, "__metadata__", ())):
        alias = getattr(info, "serialization_alias", None) or getattr(info, "alias", None)
        if isinstance(alias, str):
            return alias
    return None


def _not_a_field(annotation: Any, name: str, parts: dict[str, Part]) -> str:
    shown, there = render(annotation), hint(name, parts, "fields")
    found = inspect.getattr_static(_class_of(annotation), name, None)
    if isinstance(found, (property, functools.cached_property)):
        return f"{name!r} is a property of {shown}, which only a finished value can compute. {there}"
    if callable(found) or isinstance(found, (classmethod, staticmethod)):
        return f"{name!r} is a method of {shown}, which only a finished value has. {there}"
    return f"{shown} has no field {name!r}. {there}"


def _item(annotation: Any, key: str | int) -> Part | Absent:
    if annotation is Any:
        return _from_start(key, Any)
    shown = render(annotation)
    cls = _class_of(annotation)
    if is_typeddict(cls):
        parts = _fields(annotation) or {}
        return parts.get(str(key)) or Absent(f"{shown} has no item {key!r}. {hint(str(key), parts, 'items')}")
    if dataclasses.is_dataclass(cls) or hasattr(cls, "model_fields"):
        return Absent(f"{shown} has fields, not items; {hint(str(key), _fields(annotation) or {}, 'fields')}")
    match forms.form(annotation):
        case forms.Mapping() as mapping:
            return Part((str(key),), mapping.value)
        case forms.Array() as array if not (inspect.isclass(cls) and issubclass(cls, (set, frozenset))):
            if not isinstance(key, int):
                return Absent(f"{shown} is indexed by whole numbers, not by {key!r}.")
            if array.items is None:
                return _from_start(key, array.item)
            if -len(array.items) <= key < len(array.items):
                return Part((key % len(array.items),), array.items[key])
            return Absent(f"{shown} has {len(array.items)} items, so there is no item {key}.")
    return Absent(f"{shown} has no items.")


def _from_start(key: str | int, annotation: Any) -> Part | Absent:
    if isinstance(key, int) and key < 0:
        return Absent(
            f"the length is not known yet, so nothing can be counted from the end ({key}); do it inside a node."
        )
    return Part((key,), annotation)


def _class_of(annotation: Any) -> Any:
    return typing.get_origin(annotation) or annotation
