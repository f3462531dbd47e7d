"""References: what stands in a workflow's body for a value that is not there yet.

A reference has no public attributes of its own, so that `order.id` can be the user's field. What it is lies
in one slot, read by `point`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from spane.authoring import locations, shapes
from spane.errors import Fault, ReferenceMisuse
from spane.graph.annotations import render
from spane.graph.conditions import said_of
from spane.graph.paths import spelled
from spane.model import freezing
from spane.model.expressions import Constant, First, Input, Output, Path
from spane.model.node_type import MISSING

if TYPE_CHECKING:
    from spane.authoring.tracing import Trace


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """What a reference points at: a source of one trace, and the annotation of the value it will have."""

    trace: Trace
    source: Input | Output | First
    annotation: Any = MISSING

    def __str__(self) -> str:
        if isinstance(self.source, First):
            return said_of(self.source)
        whole = f"node {self.source.node!r}" if isinstance(self.source, Output) else f"input {self.source.name!r}"
        path = spelled(self.source.path)
        return f"{path} of {whole}" if path else whole


class Reference:
    """A value that a node or an input will have. Pass it on, take it apart, compare it for `when`, or return it."""

    __slots__ = ("__spane__",)

    def __init__(self, point: Point) -> None:
        object.__setattr__(self, "__spane__", point)

    def __repr__(self) -> str:
        at = point(self)
        typed = "" if at.annotation is MISSING else f": {render(at.annotation)}"
        return f"<reference to {at}{typed}>"

    def __getattr__(self, name: str) -> Any:
        part = shapes.attribute(point(self).annotation, name)
        if isinstance(part, shapes.Part) and not name.startswith("__"):
            return _inside(self, part)
        if name.startswith("_"):
            # Python and its tools ask any object for such names, and take this error for no.
            raise AttributeError(name)
        return misused(self, f"has no .{name}", getattr(part, "why", ""))

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, Reference):
            misused(self, f"cannot be indexed by {key!r}", "Neither value is there yet; pick the item inside a node.")
        part = shapes.item(point(self).annotation, key)
        if isinstance(part, shapes.Absent):
            misused(self, f"has no [{key!r}]", part.why)
        return _inside(self, part)

    def __iter__(self) -> Iterator[Any]:
        elements = shapes.elements_of(point(self).annotation)
        if elements is None:
            misused(
                self,
                "cannot be iterated",
                "How many items it has is known only at run time: pass the whole list to a node and loop there. Only "
                "tuples of fixed length and NamedTuples can be unpacked.",
            )
        return iter([_inside(self, shapes.Part((index,), element)) for index, element in enumerate(elements)])

    __hash__ = object.__hash__

    def __setattr__(self, name: str, _: Any) -> NoReturn:
        misused(self, f"cannot be changed (.{name} = ...)", _BUILD)

    def __delattr__(self, name: str) -> NoReturn:
        misused(self, f"cannot be changed (del .{name})", _BUILD)


_BUILD = "Let a node return the changed value."


def point(reference: Reference) -> Point:
    """Return what a reference points at."""
    found: Point = object.__getattribute__(reference, "__spane__")
    return found


def misused(reference: Reference, what: str, instead: str) -> NoReturn:
    """Raise ReferenceMisuse at the user's own line: `what` is wrong with it, `instead` what to write."""
    at = point(reference)
    message = f"{reference!r} {what}. {instead}" if instead else f"{reference!r} {what}."
    fault = Fault("reference-misuse", message, str(locations.in_body(at.trace.draft.location)))
    raise ReferenceMisuse(f"Workflow {at.trace.draft.workflow!r}", [fault])


def _inside(reference: Reference, part: shapes.Part) -> Reference:
    at = point(reference)
    try:
        source = part_of(at.source, part.path)
    except LookupError:
        misused(reference, "has a default without that part", "Give coalesce a default of the same type as its values.")
    return Reference(replace(at, source=source, annotation=part.annotation))


def part_of(source: Any, path: Path) -> Any:
    """Return the source of a part of what `source` gives; LookupError if that is a constant without it."""
    match source:
        case Output(node, before):
            return Output(node, (*before, *path))
        case Input(name, before):
            return Input(name, (*before, *path))
        case First(items):
            return First(tuple(part_of(item, path) for item in items))
        case Constant(raw):
            value: Any = json.loads(bytes(raw))
            try:
                for step in path:
                    value = value[step]
            except TypeError as error:
                raise LookupError(path) from error
            return Constant(msgspec.Raw(freezing.freeze(value)))
    return source


_INSIDE = "The value is known only at run time; do it inside a node."

_MISUSES: dict[str, tuple[str, str]] = {
    "__bool__": (
        "has no truth yet",
        "`if`, `while`, `and`, `or`, `not` and chained comparisons need a finished value; use `with when(...)`, or a node.",
    ),
    "__len__": ("has no length yet", "Take the length inside a node."),
    "__str__": ("is no text yet", "Build the text inside a node; use repr() to look at the reference."),
    "__format__": ("is no text yet", "f-strings and format() need a finished value; build the text inside a node."),
    "__bytes__": ("is no bytes yet", _INSIDE),
    "__index__": ("is no number yet", "range(), slices and indexes need a finished value; use it inside a node."),
    "__int__": ("is no number yet", _INSIDE),
    "__float__": ("is no number yet", _INSIDE),
    "__complex__": ("is no number yet", _INSIDE),
    "__call__": ("cannot be called", "What it will be is known only at run time; call it inside a node."),
    "__await__": ("cannot be awaited", "In a body nothing runs; drop the `await`, an async node's call is its value."),
    "__aiter__": ("cannot be iterated", _INSIDE),
    "__contains__": ("cannot be searched with `in`", "Search inside a node."),
    "__reversed__": ("cannot be reversed", "Reverse it inside a node."),
    "__setitem__": ("cannot be changed ([...] = ...)", _BUILD),
    "__delitem__": ("cannot be changed (del [...])", _BUILD),
    "__enter__": ("is no context manager", "Open it inside a node, or inject it with use(...)."),
    "__exit__": ("is no context manager", "Open it inside a node, or inject it with use(...)."),
    "__aexit__": ("is no context manager", "Open it inside a node, or inject it with use(...)."),
    "__aenter__": ("is no context manager", "Open it inside a node, or inject it with use(...)."),
    "__reduce_ex__": ("cannot be copied or pickled", "Pass the reference itself."),
}

_ARITHMETIC = (
    *("add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "divmod", "pow", "lshift", "rshift"),
    "xor",
)
_JUNCTIONS = {"and": "&", "or": "|"}
_UNARY = ("neg", "pos", "abs", "invert", "round", "trunc", "floor", "ceil")
_COMPARISONS = {"lt": "<", "le": "<=", "eq": "==", "ne": "!=", "gt": ">", "ge": ">="}


def _refusal(what: str, instead: str) -> Callable[..., NoReturn]:
    def refuse(self: Reference, *_: Any, **__: Any) -> NoReturn:
        misused(self, what, instead)

    return refuse


def _comparison(operator: str) -> Callable[[Reference, Any], Any]:
    return lambda self, other: point(self).trace.compare(self, operator, other)


def _junction(operator: str) -> Callable[[Reference, Any], Any]:
    return lambda self, other: point(self).trace.join(self, operator, other)


for _name, (_what, _instead) in _MISUSES.items():
    setattr(Reference, _name, _refusal(_what, _instead))
for _name in _ARITHMETIC:
    for _form in (f"__{_name}__", f"__r{_name}__", f"__i{_name}__"):
        setattr(Reference, _form, _refusal("cannot be calculated with", "Calculate inside a node."))
for _name in _UNARY:
    setattr(Reference, f"__{_name}__", _refusal("cannot be calculated with", "Calculate inside a node."))
for _name, _operator in _COMPARISONS.items():
    setattr(Reference, f"__{_name}__", _comparison(_operator))
for _name, _operator in _JUNCTIONS.items():
    for _form in (f"__{_name}__", f"__r{_name}__", f"__i{_name}__"):
        setattr(Reference, _form, _junction(_operator))
