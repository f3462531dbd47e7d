"""`Parents`: the merge of a node's parents, as one value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


class Parents(Mapping[str, Any]):
    """The outputs of a node's parents by node id, `{node_id: output}`, as plain JSON values.

    A parameter annotated `Parents` receives it, with the nodes of the other arguments in it as well. In a body
    bind it with the references to merge, `report(Parents.of(sizes, lines))`, or leave it out where the other
    arguments are enough. `workflow.of` gives a node that takes no other node all that nothing else takes.

    >>> @node
    ... def report(parents: Parents) -> int:
    ...     return sum(parents.values())
    """

    def __init__(self, outputs: Mapping[str, Any] | None = None) -> None:
        self._outputs: dict[Any, Any] = dict(outputs or {})

    @classmethod
    def of(cls, *outputs: Any) -> Parents:
        """Return the merge of these references, for a call inside a workflow's body."""
        # By place, until the plan puts node ids for them.
        return cls(dict(enumerate(outputs)))  # type: ignore[arg-type]

    def __getitem__(self, node_id: str) -> Any:
        return self._outputs[node_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._outputs)

    def __len__(self) -> int:
        return len(self._outputs)

    def __repr__(self) -> str:
        return f"Parents({self._outputs!r})"


def bound_in(value: Any) -> dict[Any, Any] | None:
    """Return what a call in a body bound to a `Parents` parameter, by place or by text keys; None if it cannot."""
    if isinstance(value, Mapping):
        return dict(value)
    return dict(enumerate(value)) if isinstance(value, (list, tuple)) else None
