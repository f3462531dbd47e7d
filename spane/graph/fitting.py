"""Whether what one annotation gives can ever be taken by another.

Only what provably cannot be is refused: some value of the source must be sure to fail, whatever it is. An element
type that clashes makes a list clash (only the empty one would pass); two optionals never clash (`None` passes).
Values keep their real type, so what gives an `Animal` may give a `Dog`: a class clashes only if its subclasses do.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from pydantic import PydanticUserError, TypeAdapter, ValidationError

from spane.graph.annotations import members
from spane.graph.forms import Array, Fieldwise, Form, Mapping, Scalar, form
from spane.graph.records import Record

#: What came out for a pair of annotations, False while it is still being compared (recursive classes meet themselves
#: again). The pair stands beside it to be kept alive, so that its ids stay its own.
_Seen = dict[tuple[int, int], tuple[Any, Any, bool]]


def provably_incompatible(source: Any, target: Any) -> bool:
    """Tell whether no value dumped as `source` can be read as `target`; False whenever that is not certain."""
    return _clash(source, target, {})


def _clash(source: Any, target: Any, seen: _Seen) -> bool:
    key = id(source), id(target)
    if source is target or len(seen) > 10_000:
        return False
    if key in seen:
        return seen[key][2]
    seen[key] = source, target, False
    clashes = all(_plain_clash(s, t, seen) for s in members(source) for t in members(target))
    seen[key] = source, target, clashes
    return clashes


def _plain_clash(source: Any, target: Any, seen: _Seen) -> bool:
    if isinstance(source, type) and target in source.__mro__:
        return False
    given, taken = form(source), form(target)
    if given is None or taken is None or _hidden(given, taken) or not _forms_clash(given, taken, seen):
        return False
    if not isinstance(given, Fieldwise) or given.cls is None:
        return True
    subclasses: list[type] = type.__subclasses__(given.cls)
    return all(_clash(one, target, seen) for one in subclasses)


def _forms_clash(given: Form, taken: Form, seen: _Seen) -> bool:
    match given, taken:
        case Scalar(), Scalar():
            return _scalars_clash(given, taken)
        case Array(), Array():
            return _arrays_clash(given, taken, seen)
        case Mapping(), Mapping():
            return _clash(given.value, taken.value, seen)
        case Mapping(), Fieldwise():
            return any(f.required and _clash(given.value, f.takes, seen) for f in taken.record.fields)
        case Fieldwise(), Mapping():
            return any(f.key and f.always and _clash(f.gives, taken.value, seen) for f in given.record.fields)
        case Fieldwise(), Fieldwise():
            return _records_clash(given.record, taken.record, seen)
        case _:
            # A NamedTuple is dumped as an array, but read from an object of its fields as well.
            return not (isinstance(taken, Array) and taken.named and isinstance(given, (Mapping, Fieldwise)))


def _hidden(given: Form, taken: Form) -> bool:
    """Tell whether a class has its own way of being dumped or read, which cannot be seen through."""
    dumped = isinstance(given, Fieldwise) and not given.record.gives
    return dumped or (isinstance(taken, Fieldwise) and not taken.record.takes)


def _scalars_clash(given: Scalar, taken: Scalar) -> bool:
    if not given.gives & taken.takes:
        return True
    if given.values is None:
        return False
    return not any(_reads(taken.type, value) for value in given.values)


def _reads(annotation: Any, value: Any) -> bool:
    try:
        _adapter(annotation).validate_json(json.dumps(value))
    except ValidationError:
        return False
    except (PydanticUserError, ValueError, TypeError):
        return True
    return True


@lru_cache(maxsize=256, typed=True)
def _adapter(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation)


def _arrays_clash(given: Array, taken: Array, seen: _Seen) -> bool:
    if given.items is None and taken.items is None:
        return _clash(given.item, taken.item, seen)
    if given.items is None:
        return not taken.named and any(_clash(given.item, item, seen) for item in taken.items or ())
    if taken.items is None:
        return any(_clash(item, taken.item, seen) for item in given.items)
    if taken.named:
        return len(given.items) > len(taken.items)
    if len(given.items) != len(taken.items):
        return True
    return any(_clash(s, t, seen) for s, t in zip(given.items, taken.items, strict=True))


def _records_clash(given: Record, taken: Record, seen: _Seen) -> bool:
    there = {field.key: field for field in given.fields if field.key is not None}
    for field in taken.fields:
        if field.keys is None:
            continue
        found = [there[key] for key in field.keys if key in there]
        if not found:
            if field.required and not given.open:
                return True
        elif field.required and all(_clash(one.gives, field.takes, seen) for one in found):
            return True
    return False


def missing_fields(source: Any, target: Any) -> list[str]:
    """Return the required keys of `target` that `source` never has, where both are records; to tell the user."""
    given, taken = form(source), form(target)
    if not isinstance(given, Fieldwise) or not isinstance(taken, Fieldwise) or given.record.open:
        return []
    there = {field.key for field in given.record.fields}
    return [f.name for f in taken.record.fields if f.required and f.keys is not None and not f.keys & there]
