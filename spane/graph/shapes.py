"""The shape of a source: the annotation of what it evaluates to."""

from __future__ import annotations

import json
from collections.abc import Mapping as AbstractMapping
from typing import Any, Literal

from spane.graph.annotations import render, union
from spane.graph.conditions import said_of
from spane.graph.forms import Array, Fieldwise, of_values
from spane.graph.paths import NoSuchPart, follow, spelled
from spane.graph.records import Field, Record
from spane.model.draft import Call
from spane.model.expressions import Constant, Fields, First, Input, Items, Output, Path, Source
from spane.model.freezing import canonical
from spane.model.items import MARK
from spane.model.node_type import MISSING, Parameter

#: A constant with more parts than this is not compared part by part.
_COMPARED_PARTS = 1_000


class Shapes:
    """Finds the shape of sources of one draft; shapes of parts are found once."""

    def __init__(self, calls: AbstractMapping[str, Call], inputs: AbstractMapping[str, Parameter]) -> None:
        self._calls = calls
        self._inputs = inputs
        self._parts: dict[tuple[int, Path], Any] = {}
        self._kept: list[Any] = []
        self._returns: dict[str, Any] = {}

    def of(self, source: Source) -> Any:
        """Return an annotation, or a form where a list, dict or constant is built on the spot.

        Raises:
            NoSuchPart: a path leads to where nothing can be.

        """
        match source:
            case Output(node, path):
                call = self._calls.get(node.removesuffix(MARK))
                return self._at(self._returned(call, node), path) if call and call.node_type else Any
            case Input(name, path):
                parameter = self._inputs.get(name) if name is not None else None
                return self._at(parameter.annotation, path) if parameter else Any
            case Items(items):
                return Array(items=tuple(self.of(item) for item in items))
            case Fields(pairs):
                return _object({key: self.of(item) for key, item in pairs})
            case First(items):
                return union([self.of(item) for item in items])
            case Constant():
                return _of_json(_loaded(source), _COMPARED_PARTS)

    def _returned(self, call: Call, node: str) -> Any:
        # Shapes of parts are known by the identity of the whole, and a map makes its own annotation. What undoes an item
        # takes what the item put out.
        if node not in self._returns:
            item_type = None if node == call.id else call.node_type
            self._returns[node] = call.returns if item_type is None else item_type.returns
        return self._returns[node]

    def said(self, source: Source, given: Any) -> str:
        """Return a source and its shape in words."""
        match source:
            case Output(node, path):
                item = "an item of " if node.endswith(MARK) else ""
                return f"{render(given)} by {item}`{node.removesuffix(MARK)}{spelled(path)}`"
            case Input(name, path):
                return f"{render(given)} by the input `{name}{spelled(path)}`"
            case Constant(raw):
                text = bytes(raw).decode()
                return text if len(text) <= 60 else f"{text[:57]}..."
            case First():
                return f"{render(given)} by `{said_of(source)}`"
            case Items():
                return "a list of values that do not fit"
            case Fields():
                return "a dict of values that do not fit"

    def keep(self, shape: Any) -> None:
        """Keep a shape alive, so that nothing else gets its id while it is remembered by it."""
        self._kept.append(shape)

    def _at(self, annotation: Any, path: Path) -> Any:
        if not path or annotation is MISSING:
            return annotation if annotation is not MISSING else Any
        key = id(annotation), path
        if key not in self._parts:
            try:
                self._parts[key] = follow(annotation, path)
            except NoSuchPart as error:
                self._parts[key] = error
        found = self._parts[key]
        if isinstance(found, NoSuchPart):
            raise found
        return found


def depth(source: Source) -> int:
    """Return how deep lists and dicts nest in a source."""
    level, deepest = [source], 0
    while level := [
        part
        for one in level
        if isinstance(one, (Items, Fields, First))
        for part in ([item for _, item in one.items] if isinstance(one, Fields) else one.items)
    ]:
        deepest += 1
    return deepest


def constant_problem(constant: Constant) -> str:
    """Return why a constant is not sound JSON, or an empty string."""
    try:
        canonical(bytes(constant.raw))
    except RecursionError:
        return "nests too deep for JSON"
    except ValueError as error:
        return f"is no sound JSON ({error})"
    return ""


def _loaded(constant: Constant) -> Any:
    return json.loads(bytes(constant.raw))


def _object(values: dict[str, Any]) -> Fieldwise:
    fields = [Field(key, key, frozenset({key}), shape, shape, required=True) for key, shape in values.items()]
    return Fieldwise(Record(tuple(fields)))


def _of_json(value: Any, parts: int) -> Any:
    if isinstance(value, (list, dict)) and len(value) > parts:
        return Any
    match value:
        case list():
            return Array(items=tuple(_of_json(item, parts // max(len(value), 1)) for item in value))
        case dict():
            return _object({key: _of_json(item, parts // max(len(value), 1)) for key, item in value.items()})
        case float():
            return float
        case None:
            return type(None)
        case _:
            return of_values((value,), Literal[value])
