"""Results: what a node returned becomes JSON, and must fit the node's own return annotation.

Otherwise the fault would come up later, in a child that reads the value, and look like the child's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from spane.errors import ValueMismatch
from spane.graph.annotations import render
from spane.model.codec import Reader, writer
from spane.model.node_type import MISSING

#: A value of exactly such a type fits the annotation of that type; nothing needs to be read.
_PLAIN = frozenset({int, str, float, bool, type(None)})
# Dataclasses do not look at what they are made of, so their fields count as well.
_REVALIDATED = ConfigDict(strict=True, revalidate_instances="always")


class ResultType:
    """The return annotation of a node type: how results are dumped and what they must fit.

    Raises `DefinitionError` for an annotation that JSON can never be read by.
    """

    __slots__ = ("_dump", "_plain", "_reader", "annotation")

    def __init__(self, annotation: Any) -> None:
        self.annotation = annotation
        self._dump = writer(annotation)
        self._plain = type(None) if annotation is None else annotation
        self._reader = None if annotation is MISSING or annotation is Any else Reader(annotation)

    def dump_for(self, node: str, *, by: str = "") -> Callable[[Any], bytes]:
        """Return the function that dumps the results of one node; `by` says whose they are where they are not its own.

        It raises `ResultNotSerialisable`, or `ValueMismatch` naming the node, its annotation and the place in the value.
        """
        return self._dump if self._reader is None else partial(self._fitting, node, by, self._reader)

    def _fitting(self, node: str, by: str, reader: Reader, value: Any) -> bytes:
        raw = self._dump(value)
        if type(value) is self._plain and self._plain in _PLAIN:
            return raw
        try:
            reader.read(raw)
        except ValidationError as error:
            if not _is_instance(value, self.annotation):
                raise self._mismatch(node, by, reader.problems(error, raw, "result")) from None
        return raw

    def _mismatch(self, node: str, by: str, problems: list[str]) -> ValueMismatch:
        lines = "\n".join(f"  - {problem}" for problem in problems[:5])
        more = f"\n  ... and {len(problems) - 5} more" if len(problems) > 5 else ""
        whose = f"the return annotation of {node!r}" if by else "its own return annotation"
        return ValueMismatch(
            f"{by or f'Node {node!r}'} returned what does not fit {whose}, {render(self.annotation)}:\n{lines}{more}\nReturn what the annotation says, or change the annotation.",
            node=node,
            parameter="return",
            problems=tuple(problems),
        )


def _is_instance(value: Any, annotation: Any) -> bool:
    """Tell whether a value that does not read back is what the annotation says all the same.

    A subclass with further fields is, where the class forbids them, and so is a type with a spelling of its own.
    """
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(tuple[annotation], config=_REVALIDATED)
        adapter.validate_python((value,))
    except (ValidationError, PydanticUserError):
        return False
    return True
