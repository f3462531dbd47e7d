"""Whether what an annotation says can ever be written as JSON, whose keys are text."""

from __future__ import annotations

import collections
from collections import abc
from typing import Any, Literal, get_args, get_origin

from spane.graph.annotations import members

_DICTS = (dict, abc.Mapping, abc.MutableMapping, collections.defaultdict, collections.OrderedDict)
_ARRAYS = (list, tuple)


def without_text_keys(annotation: Any) -> Any:
    """Return the dict in an annotation whose keys can never be text, or None when there is a value to be written.

    Only plain dicts, lists and tuples are looked into: models write keys of other types as text.
    """
    return _found(annotation, 20)


def _found(annotation: Any, depth: int) -> Any:
    """Return the first such dict if every member of the annotation has one."""
    found = [_found_in(member, depth) if depth else None for member in members(annotation)]
    return None if any(one is None for one in found) else found[0]


def _found_in(member: Any, depth: int) -> Any:
    origin, arguments = get_origin(member), get_args(member)
    if origin in _DICTS and len(arguments) == 2:
        return member if all(map(_never_text, members(arguments[0]))) else _found(arguments[1], depth - 1)
    if origin in _ARRAYS:
        inside = (_found(part, depth - 1) for part in arguments if part is not Ellipsis)
        return next((one for one in inside if one is not None), None)
    return None


def _never_text(key: Any) -> bool:
    if get_origin(key) is Literal:
        return not any(isinstance(value, str) for value in get_args(key))
    cls = get_origin(key) or key
    return isinstance(cls, type) and cls is not Any and not issubclass(cls, str) and not issubclass(str, cls)
