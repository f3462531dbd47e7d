"""Forms: what kinds of JSON an annotation gives when dumped and takes when read.

The table of scalars states what pydantic's lax JSON mode takes: `int` takes `3`, `3.0`, `"3"` and `true`, a
`datetime` takes text and numbers, and so on. Text is told apart by what it says (`date`, `uuid`, ...), because
`str` takes all of it while an `int` never takes a date.
"""

from __future__ import annotations

import collections
import datetime as dt
import decimal
import enum
import ipaddress
import pathlib
import re
import types
import typing
import uuid
from collections import abc
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import RootModel

from spane.graph.annotations import stripped
from spane.graph.records import Record, record

Kinds = frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """JSON without parts. `values` lists all of them where they are few (literals, enums); `type` reads them."""

    gives: Kinds
    takes: Kinds
    type: Any
    values: tuple[Any, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Array:
    """A JSON array: `items` one by one when its length is fixed, else `item` for all of them."""

    items: tuple[Any, ...] | None = None
    item: Any = Any
    named: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Mapping:
    """A JSON object with keys not known beforehand."""

    value: Any = Any


@dataclass(frozen=True, slots=True, eq=False)
class Fieldwise:
    """A JSON object with known keys; `cls` is the class that says so."""

    record: Record
    cls: type | None = None


Form = Scalar | Array | Mapping | Fieldwise

_TEXT = frozenset({"text", "datetime", "date", "time", "duration", "uuid", "decimal"})
_NUMBERS = frozenset({"integer", "number", "boolean"})
_NUMERIC_TEXT = frozenset({"text", "decimal"})


def _scalar(cls: Any, gives: set[str], takes: Kinds) -> Scalar:
    return Scalar(frozenset(gives), takes, cls)


_SCALARS: dict[Any, Scalar] = {
    int: _scalar(int, {"integer"}, _NUMBERS | _NUMERIC_TEXT),
    float: _scalar(float, {"number", "integer"}, _NUMBERS | _NUMERIC_TEXT),
    bool: Scalar(frozenset({"boolean"}), _NUMBERS | _NUMERIC_TEXT, bool, (True, False)),
    str: _scalar(str, {"text"}, _TEXT),
    bytes: _scalar(bytes, {"text"}, _TEXT),
    types.NoneType: _scalar(types.NoneType, {"null"}, frozenset({"null"})),
    decimal.Decimal: _scalar(decimal.Decimal, {"decimal"}, _NUMBERS | _NUMERIC_TEXT),
    dt.datetime: _scalar(dt.datetime, {"datetime"}, _NUMBERS | _NUMERIC_TEXT | {"datetime", "date"}),
    dt.date: _scalar(dt.date, {"date", "datetime"}, _NUMBERS | _NUMERIC_TEXT | {"datetime", "date"}),
    dt.time: _scalar(dt.time, {"time"}, _NUMBERS | _NUMERIC_TEXT | {"time"}),
    dt.timedelta: _scalar(dt.timedelta, {"duration"}, _NUMBERS | _NUMERIC_TEXT | {"duration", "time"}),
    uuid.UUID: _scalar(uuid.UUID, {"uuid"}, frozenset({"text", "uuid"})),
    **{
        cls: _scalar(cls, {"text"}, _TEXT)
        for cls in (
            pathlib.Path,
            pathlib.PurePath,
            pathlib.PosixPath,
            pathlib.PurePosixPath,
            re.Pattern,
            ipaddress.IPv4Address,
            ipaddress.IPv6Address,
        )
    },
}

_ARRAYS = (list, set, frozenset, collections.deque)
_ABSTRACT_ARRAYS = (abc.Sequence, abc.MutableSequence, abc.Set, abc.MutableSet)
_MAPPINGS = (dict, abc.Mapping, abc.MutableMapping, collections.defaultdict, collections.OrderedDict)
_PLAIN_VALUES = (int, str, bool, types.NoneType)


def form(annotation: Any) -> Form | None:
    """Return the form of an annotation that is no union, or None when it may stand for any JSON."""
    if isinstance(annotation, (Scalar, Array, Mapping, Fieldwise)):
        return annotation
    annotation = stripped(annotation)
    origin = get_origin(annotation) or annotation
    arguments = get_args(annotation)
    if origin is Literal:
        return of_values(arguments, annotation)
    if not isinstance(origin, type):
        return None
    if origin in _SCALARS:
        return _SCALARS[origin]
    if origin is tuple:
        return _tuple(annotation, arguments)
    if origin in _ARRAYS or origin in _ABSTRACT_ARRAYS:
        return Array(item=arguments[0] if arguments else Any)
    if origin in _MAPPINGS:
        return Mapping(arguments[1] if len(arguments) == 2 else Any)
    return _of_class(origin)


def of_values(values: tuple[Any, ...], annotation: Any) -> Scalar | None:
    """Return the form of a few known values; members of enums count as what they are dumped as."""
    plain = tuple(value.value if isinstance(value, enum.Enum) else value for value in values)
    if not plain or not all(type(value) in _PLAIN_VALUES for value in plain):
        return None
    gives = frozenset[str]().union(*(_SCALARS[type(value)].gives for value in plain))
    takes: set[str] = set()
    for value in plain:
        takes |= {"null"} if value is None else _TEXT if isinstance(value, str) else _NUMBERS | _NUMERIC_TEXT
    return Scalar(gives, frozenset(takes), annotation, plain)


def _tuple(annotation: Any, arguments: tuple[Any, ...]) -> Array | None:
    if annotation in (tuple, typing.Tuple):  # noqa: UP006
        return Array()
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return Array(item=arguments[0])
    if any(get_origin(item) is typing.Unpack for item in arguments):
        return None
    return Array(items=arguments)


def _of_class(cls: type) -> Form | None:
    if issubclass(cls, enum.Enum):
        hooked = hasattr(cls, "__get_pydantic_core_schema__") or "_missing_" in vars(cls)
        return None if hooked else of_values(tuple(cls), cls)
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return Array(items=tuple(_hints(cls).get(name, Any) for name in cls._fields), named=True)
    if issubclass(cls, RootModel):
        root = record(cls)
        plain = root is not None and root.gives and root.takes
        return form(root.fields[0].gives) if plain and root and _one_form(root.fields[0].gives) else None
    found = record(cls)  # type: ignore[arg-type]
    return Fieldwise(found, cls) if found is not None else None


def _hints(cls: type) -> dict[str, Any]:
    try:
        return typing.get_type_hints(cls, include_extras=True)
    except (NameError, TypeError):
        return {}


def _one_form(annotation: Any) -> bool:
    return get_origin(stripped(annotation)) not in (typing.Union, types.UnionType)
