"""`Parents`: the merge of a node's parents, as one value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


class Parents(Mapping[str, Any]):
    """The outputs of a node's parents by node id, `{node_id: output}`, as plain JSON values.

    A parameter annotated `Parents` receives it. In a body bind it with the references to merge,
    `report(Parents.of(sizes, lines))`, or leave it out to get the other arguments' parents.

    >>> @node
    ... def report(parents: Parents) -> int:
    ...     return sum(parents.values())
    """

    def __init__(self, outputs: Mapping[str, Any] | None = None) -> None:
        self._outputs = dict(outputs or {})
        self._bound: tuple[Any, ...] = ()

    @classmethod
    def of(cls, *outputs: Any) -> Parents:
        """Return the merge of these references, for a call inside a workflow's body."""
        parents = cls()
        parents._bound = outputs
        return parents

    def __getitem__(self, node_id: str) -> Any:
        return self._outputs[node_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._outputs)

    def __len__(self) -> int:
        return len(self._outputs)

    def __repr__(self) -> str:
        return f"Parents({self._outputs!r})"


def bound_in(value: Any) -> dict[str | int, Any] | None:
    """Return what a call in a body bound to a `Parents` parameter, by place or by the user's own keys; None if
    it is nothing of the kind."""
    if isinstance(value, Parents):
        return dict(value.items()) if value else dict(enumerate(value._bound))
    if isinstance(value, dict):
        return value
    return dict(enumerate(value)) if isinstance(value, (list, tuple)) else None
