"""`coalesce`: one value of several, whichever branch ran."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar, overload

from spane.authoring.conditions import refuse
from spane.authoring.references import Reference, point
from spane.authoring.sources import Unbindable, source_of
from spane.authoring.tracing import ACTIVE
from spane.graph.annotations import union
from spane.model.expressions import First, Source
from spane.model.node_type import MISSING

A = TypeVar("A")
B = TypeVar("B")
D = TypeVar("D")


@overload
def coalesce(first: A, /, *others: B) -> A | B: ...
@overload
def coalesce(first: A, /, *others: B, default: D) -> A | B | D: ...
def coalesce(first: Any, /, *others: Any, default: Any = MISSING) -> Any:
    """Take the first of several values whose node ran; it waits for all of them. None counts as a value.

    Args:
        first: a reference, as the others.
        others: further references, in the order they are asked.
        default: what to take if no node ran. It may be left out where one is sure to have run: the branches are
            `when` and its `otherwise`, a `switch` with a `default`, or cases for all values of a Literal, Enum or bool.

    Raises:
        ReferenceMisuse: one is no reference, or this is no workflow's body.

    >>> with when(order.total > 100) as big:
    ...     price = discounted(order)
    ... with big.otherwise():
    ...     full = listed(order)
    ... total = coalesce(price, full)

    """
    trace = ACTIVE.get()
    if trace is None:
        refuse(None, "coalesce stands outside a workflow's body. In a plain function choose with `if`.")
    items: list[Source] = []
    for value in (first, *others):
        if not isinstance(value, Reference):
            refuse(
                trace, f"coalesce takes references, and got {value!r}. What is known already is given as default=..."
            )
        trace.require_active(value, "coalesce")
        source = point(value).source
        items += source.items if isinstance(source, First) else (source,)
    annotations = [point(value).annotation for value in (first, *others)]
    if default is not MISSING:
        if isinstance(default, Reference):
            refuse(trace, f"{default!r} is given as default=. Pass it as the last value; a default is known already.")
        try:
            items.append(source_of(default, trace))
        except Unbindable as error:
            trace.fault(error.code, f"coalesce, default: {error}")
        annotations.append(type(default))
    whole = MISSING if any(one is MISSING for one in annotations) else union(annotations)
    source = First(tuple(items))
    trace.coalesced(source)
    return Reference(replace(point(first), source=source, annotation=whole))
