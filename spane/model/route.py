"""What a node returns to choose which of its children run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, init=False)
class Route(Generic[T]):
    """Returned by a node annotated `-> Route[...]`: only the children named in `to` run, the others are skipped.

    `value` is what the children are given. Naming nobody skips all of them; naming what is no child fails the node.

    >>> Route("ship", "bill", value={"id": 7})
    Route(to=('ship', 'bill'), value={'id': 7})
    """

    to: tuple[str, ...]
    value: T

    def __init__(self, *to: str, value: Any = None) -> None:
        object.__setattr__(self, "to", to)
        object.__setattr__(self, "value", value)
