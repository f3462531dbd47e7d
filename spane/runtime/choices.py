"""What a node's outcome means for its children: which branches it opens, whom it chose, whether it ran at all."""

from __future__ import annotations

from typing import Any

from spane.errors import Skip, Unrecoverable
from spane.model.conditions import compile_condition
from spane.model.outcome import Skipped, Succeeded
from spane.model.plan import PlanNode
from spane.model.route import Route


class Choices:
    """The branches and children of one plan node, compiled once."""

    __slots__ = ("_branches", "_node", "_routes")

    def __init__(self, node: PlanNode) -> None:
        self._node = node.id
        self._branches = [(branch.name, compile_condition(branch.condition, node=node.id)) for branch in node.decides]
        self._routes = node.routes

    def value_of(self, result: Any) -> Any:
        """Return the value that the children are given.

        Raises:
            Skip: the node returned it instead of raising it.
            Unrecoverable: it chose children and may not, or chose what is no child of it.
        """
        if isinstance(result, Skip):
            raise result
        if not isinstance(result, Route):
            return result
        if self._routes is None:
            raise Unrecoverable(
                f"Node {self._node!r} returned a Route, but its function is not annotated to: only a node annotated "
                "-> Route[...] may choose its children."
            )
        strangers = [name for name in result.to if name not in self._routes]
        if strangers:
            children = ", ".join(map(repr, self._routes)) or "none"
            raise Unrecoverable(
                f"Node {self._node!r} routes to {', '.join(map(repr, strangers))}, which is no child of it. Its children "
                f"are {children}."
            )
        return result.value

    def outcome(self, result: Any, raw: bytes) -> Succeeded:
        """Return the outcome of an attempt that returned `result`, whose value is `raw` as JSON."""
        route = result.to if isinstance(result, Route) else None
        opened = (
            tuple(name for name, holds in self._branches if holds({self._node: raw}, None)) if self._branches else ()
        )
        return Succeeded(raw, opened, route)


def skipped(signal: Skip) -> Skipped:
    """Return the outcome of an attempt that had nothing to do."""
    return Skipped(str(signal))
