"""What an annotation says about JSON: the forms it can take, and what stands at a path inside it.

Everything here is careful to one side: where an annotation does something that cannot be seen through (a custom
validator or serialiser, an unknown class, an unresolved name), it stands for `Any`, and nothing is concluded from it.
"""

from __future__ import annotations

import types
import typing
from functools import reduce
from operator import or_
from typing import Annotated, Any, ForwardRef, NewType, NotRequired, Required, TypeVar, Union, get_args, get_origin

import annotated_types
from pydantic import AfterValidator, Discriminator, Strict, Tag, WithJsonSchema
from pydantic.fields import FieldInfo
from typing_extensions import ReadOnly, TypeAliasType

from spane.model.node_type import MISSING

_TRANSPARENT = (
    annotated_types.BaseMetadata,
    annotated_types.GroupedMetadata,
    AfterValidator,
    Discriminator,
    Strict,
    Tag,
    WithJsonSchema,
)
_WRAPPERS = (Required, NotRequired, ReadOnly, typing.Required, typing.NotRequired, typing.Final, typing.ClassVar)


def opaque(metadata: Any) -> bool:
    """Tell whether a piece of `Annotated` metadata may change what JSON is taken or given."""
    if isinstance(metadata, FieldInfo):
        return any(opaque(part) for part in metadata.metadata)
    if getattr(metadata, "coerce_numbers_to_str", False):
        return True
    return not isinstance(metadata, _TRANSPARENT) and hasattr(metadata, "__get_pydantic_core_schema__")


def stripped(annotation: Any) -> Any:
    """Return an annotation without the wrappers that do not change its JSON; `Any` where it cannot be seen through."""
    for _ in range(100):
        origin = get_origin(annotation)
        if annotation is MISSING or isinstance(annotation, (str, ForwardRef, TypeVar)):
            return _bound_of(annotation)
        if origin is Annotated:
            if any(opaque(part) for part in annotation.__metadata__):
                return Any
            annotation = annotation.__origin__
        elif isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        elif isinstance(annotation, TypeAliasType) or type(annotation).__name__ == "TypeAliasType":
            annotation = annotation.__value__
        elif origin in _WRAPPERS:
            annotation = get_args(annotation)[0]
        elif annotation is None:
            return types.NoneType
        else:
            return annotation
    return Any


def _bound_of(annotation: Any) -> Any:
    if isinstance(annotation, TypeVar) and annotation.__bound__ is not None:
        bound = stripped(annotation.__bound__)
        return Any if isinstance(bound, TypeVar) else bound
    return Any


def members(annotation: Any) -> tuple[Any, ...]:
    """Return the members of a union, stripped and flattened; a plain annotation is its only member."""
    found: list[Any] = []
    pending = [annotation]
    for _ in range(1000):
        if not pending:
            return tuple(found)
        member = stripped(pending.pop())
        if get_origin(member) in (Union, types.UnionType):
            pending.extend(reversed(get_args(member)))
        else:
            found.append(member)
    return (Any,)


def takes_none(annotation: Any) -> bool:
    """Tell whether an annotation says that a value may be None."""
    return annotation is not MISSING and any(member in (Any, object, types.NoneType) for member in members(annotation))


def union(annotations: list[Any]) -> Any:
    """Return the union of annotations, `Any` when one of them is `Any` or they cannot be joined."""
    if any(annotation is Any for annotation in annotations):
        return Any
    if all(isinstance(annotation, type) for annotation in annotations):
        return reduce(or_, annotations)
    try:
        return Union[tuple(annotations)]  # noqa: UP007 - not everything that annotates knows the operator
    except TypeError:
        return Any


def render(annotation: Any) -> str:
    """Return an annotation as its writer would write it."""
    if annotation is MISSING or annotation is Any:
        return "anything"
    if annotation is None or annotation is types.NoneType:
        return "None"
    origin = get_origin(annotation)
    if origin is Annotated:
        return render(annotation.__origin__)
    if origin in (Union, types.UnionType):
        return " | ".join(render(member) for member in get_args(annotation))
    if origin is typing.Literal:
        return f"Literal[{', '.join(map(repr, get_args(annotation)))}]"
    if origin is not None:
        parts = ", ".join("..." if part is Ellipsis else render(part) for part in get_args(annotation))
        return f"{render(origin)}[{parts}]"
    if isinstance(annotation, type):
        return annotation.__qualname__.rpartition("<locals>.")[2]
    return str(annotation).removeprefix("typing.")
