"""What stands at a path inside an annotation."""

from __future__ import annotations

from typing import Any

from spane.graph.annotations import members, render, union
from spane.graph.forms import Array, Fieldwise, Mapping, form
from spane.graph.spelling import hint
from spane.model.expressions import Path


class NoSuchPart(LookupError):
    """There is provably nothing at a path; the message says what there is instead."""


def follow(annotation: Any, path: Path) -> Any:
    """Return the annotation of what `path` leads to, `Any` where that cannot be told.

    Raises:
        NoSuchPart: nothing can be there.

    """
    for part in path:
        annotation = _step(annotation, part)
    return annotation


def spelled(path: Path) -> str:
    """Return a path as it would be written after a reference: `.items[0]`."""
    return "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" if part.isidentifier() else f"[{part!r}]" for part in path
    )


def _step(annotation: Any, part: str | int) -> Any:
    found: list[Any] = []
    problem = ""
    for member in members(annotation):
        if member is type(None):
            continue
        try:
            found.append(_inside(member, part))
        except NoSuchPart as error:
            problem = str(error)
    if found:
        return found[0] if len(found) == 1 else union(found)
    raise NoSuchPart(problem or "None has no parts")


def _inside(annotation: Any, part: str | int) -> Any:
    found = form(annotation)
    match found, part:
        case None, _:
            return Any
        case Mapping(), _:
            return found.value
        case Fieldwise(), str():
            return _field(found, part)
        case Array(items=None), int():
            return found.item
        case Array(items=tuple() as items), int():
            if -len(items) <= part < len(items):
                return items[part]
            raise NoSuchPart(f"{render(annotation)} has {len(items)} items, so there is no item {part}")
        case Array(), str():
            raise NoSuchPart(
                f"{render(annotation)} is an array in JSON, so its parts have numbers, not the name {part!r}"
            )
        case Fieldwise(), int():
            raise NoSuchPart(
                f"{render(annotation)} is an object in JSON, so its parts have names, not the number {part}"
            )
        case _:
            raise NoSuchPart(f"{render(annotation)} has no parts")


def _field(found: Fieldwise, part: str) -> Any:
    if not found.record.gives:
        return Any
    field = found.record.at(part)
    if field is not None:
        return field.gives
    if found.record.open:
        return Any
    renamed = next((one for one in found.record.fields if one.name == part and one.key), None)
    if renamed is not None:
        raise NoSuchPart(f"{render(found.cls)}.{part} stands in the JSON as {renamed.key!r}")
    keys = [one.key for one in found.record.fields if one.key]
    raise NoSuchPart(f"{render(found.cls)} has no field {part!r}. {hint(part, keys, 'fields')}")
