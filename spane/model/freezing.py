"""Freezing: values that become part of a plan, as JSON that is the same in every process.

A plan is named by the hash of its JSON. Sets come out of a process in an order of its own, and JSON can be spelled
in several ways, so both are settled here.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from spane.model import codec
from spane.model.node_type import MISSING


def freeze(value: Any, annotation: Any = MISSING) -> bytes:
    """Return `value` as JSON that depends on nothing but the value.

    Raises:
        ResultNotSerialisable: JSON cannot carry it.

    """
    with suppress(RecursionError):  # a value that contains itself, and the writer says where
        value = _in_order(value)
    return canonical(codec.writer(annotation)(value))


def canonical(raw: bytes) -> bytes:
    """Return JSON in the one spelling that plans are hashed in.

    Raises:
        ValueError: it is no JSON, or JSON that not every reader takes (NaN, half a surrogate pair).

    """
    value = json.loads(raw, parse_constant=_refuse)
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


def _in_order(value: Any) -> Any:
    """Replace sets in plain containers by sorted lists."""
    kind = type(value)
    if kind in (set, frozenset):
        return sorted((_in_order(item) for item in value), key=codec.dump)
    if kind in (list, tuple):
        return [_in_order(item) for item in value]
    if kind is dict:
        return {key: _in_order(item) for key, item in value.items()}
    return value
