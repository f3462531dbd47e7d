"""Records: classes whose JSON is an object of named fields (pydantic models, dataclasses, TypedDicts).

A record says what JSON keys an instance is dumped under and what keys it is read from, as far as that can be seen
without running anybody's code.
"""

from __future__ import annotations

import dataclasses
import typing
from functools import lru_cache
from typing import Any, NotRequired, Required

from pydantic import AliasChoices, AliasPath, BaseModel
from pydantic.fields import FieldInfo
from typing_extensions import get_type_hints, is_typeddict

from spane.graph.annotations import opaque


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """One field: the key it is dumped under and as what, the keys it is read from and as what.

    `key` is None for a field that is never dumped, `keys` None for one whose place in the JSON cannot be told.
    """

    name: str
    key: str | None
    keys: frozenset[str] | None
    gives: Any
    takes: Any
    required: bool
    always: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """The fields of a class. `open`: further keys may be dumped. `gives`, `takes`: dumped and read field by field."""

    fields: tuple[Field, ...]
    open: bool = False
    gives: bool = True
    takes: bool = True

    def at(self, key: str) -> Field | None:
        """Return the field dumped under `key`, or None."""
        return next((field for field in self.fields if field.key == key), None)


@lru_cache(maxsize=2048)
def record(cls: type) -> Record | None:
    """Return the record of a class, or None when it is none or cannot be read (an unresolved name, say)."""
    try:
        if issubclass(cls, BaseModel):
            return _of_model(cls)
        if is_typeddict(cls):
            return _of_typed_dict(cls)
        if dataclasses.is_dataclass(cls):
            return _of_dataclass(cls)
    except (NameError, TypeError, AttributeError):
        return None
    return None


def _of_model(cls: type[BaseModel]) -> Record | None:
    hook = getattr(cls.__get_pydantic_core_schema__, "__func__", None)
    if hook is not BaseModel.__get_pydantic_core_schema__.__func__:  # type: ignore[attr-defined]
        return None
    if not cls.__pydantic_complete__:
        cls.model_rebuild(raise_errors=False)
        if not cls.__pydantic_complete__:
            return None
    config = cls.model_config
    by_name = bool(config.get("populate_by_name") or config.get("validate_by_name"))
    decorators = _Decorators.of(cls)
    coerces = bool(config.get("coerce_numbers_to_str"))
    fields = [
        _model_field(name, info, decorators, by_name=by_name, coerces=coerces)
        for name, info in cls.model_fields.items()
    ]
    return Record(
        tuple(fields),
        open=config.get("extra") == "allow",
        gives=not decorators.dumps and not config.get("json_encoders"),
        takes=not decorators.reads,
    )


def _model_field(name: str, info: FieldInfo, decorators: _Decorators, *, by_name: bool, coerces: bool) -> Field:
    seen_through = not any(opaque(part) for part in info.metadata)
    keys: frozenset[str] | None
    match info.validation_alias:
        case None:
            keys = frozenset({info.alias or name})
        case str() as alias:
            keys = frozenset({alias})
        case AliasChoices() | AliasPath():
            keys = None
    if keys is not None and by_name:
        keys |= {name}
    conditional = bool(info.exclude) or getattr(info, "exclude_if", None) is not None
    return Field(
        name,
        key=None if info.exclude else info.serialization_alias or info.alias or name,
        keys=keys,
        gives=info.annotation if seen_through and name not in decorators.dumped else Any,
        takes=info.annotation if seen_through and name not in decorators.read and not coerces else Any,
        required=info.is_required(),
        always=not conditional,
    )


@dataclasses.dataclass(frozen=True, slots=True)
class _Decorators:
    """Which fields of a model have their own way of being read or dumped, and whether the whole model has."""

    read: frozenset[str]
    dumped: frozenset[str]
    reads: bool
    dumps: bool

    @classmethod
    def of(cls, model: type) -> _Decorators:
        found = model.__pydantic_decorators__  # type: ignore[attr-defined]
        read = {name for one in found.field_validators.values() if one.info.mode != "after" for name in one.info.fields}
        dumped = {name for one in found.field_serializers.values() for name in one.info.fields}
        everything = "*" in read, "*" in dumped
        return cls(
            frozenset(read),
            frozenset(dumped),
            reads=everything[0] or any(one.info.mode != "after" for one in found.model_validators.values()),
            dumps=everything[1] or bool(found.model_serializers),
        )


def _of_typed_dict(cls: Any) -> Record:
    fields = []
    for name, hint in get_type_hints(cls, include_extras=True).items():
        # With postponed annotations `__required_keys__` does not know of Required and NotRequired.
        marked: Any = typing.get_origin(hint)
        required = marked is Required or (marked is not NotRequired and name in cls.__required_keys__)
        fields.append(Field(name, name, frozenset({name}), hint, hint, required=required, always=required))
    return Record(tuple(fields))


def _of_dataclass(cls: Any) -> Record:
    if hasattr(cls, "__get_pydantic_core_schema__") or hasattr(cls, "__pydantic_decorators__"):
        own = _Decorators.of(cls) if hasattr(cls, "__pydantic_decorators__") else None
        if own is None or own.reads or own.dumps or own.read or own.dumped:
            return Record((), open=True, gives=False, takes=False)
    hints = typing.get_type_hints(cls, include_extras=True)
    fields: list[Field] = []
    for one in dataclasses.fields(cls):
        hint = hints.get(one.name, Any)
        aliased = isinstance(one.default, FieldInfo) or isinstance(getattr(hint, "__metadata__", [None])[0], FieldInfo)
        required = one.init and one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING
        keys = None if aliased else frozenset({one.name})
        fields.append(Field(one.name, one.name, keys, hint, hint, required=required and not aliased))
    return Record(tuple(fields), open=any(field.keys is None for field in fields))
