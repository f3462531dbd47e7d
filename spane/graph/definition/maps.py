"""Maps between a draft and the `spane` object of a definition."""

from __future__ import annotations

from typing import Any

from spane.graph.definition import shape
from spane.model.node_type import NodeType, ParameterKind
from spane.model.rules import Each


def each_of(shaped: shape.Each, node_type: NodeType | None) -> Each:
    """Return what makes a node a map; without a parameter it is the first that takes data."""
    return Each(shaped.parameter or _first(node_type), shaped.max_in_flight, shaped.on_item_failure)


def as_json(each: Each, node_type: NodeType | None) -> dict[str, Any]:
    """Return it as a definition says it, without what follows by itself."""
    said: dict[str, Any] = {} if each.parameter == _first(node_type) else {"parameter": each.parameter}
    if each.max_in_flight is not None:
        said["max_in_flight"] = each.max_in_flight
    if each.on_item_failure != "fail":
        said["on_item_failure"] = each.on_item_failure
    return said


def _first(node_type: NodeType | None) -> str:
    parameters = node_type.parameters if node_type is not None else ()
    return next((p.name for p in parameters if p.kind is ParameterKind.DATA), "")
