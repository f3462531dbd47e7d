"""Values as JSON: what a node returns is dumped, what a parameter takes is read back by its annotation.

Dumping follows the real type of a value (a `Dog` through a parameter of `Animal` stays a `Dog`), by alias, and
refuses what JSON would lose: NaN and infinities, keys that are not strings, secrets. Reading is pydantic's lax
JSON mode, so whatever was dumped comes back equal:

- bytes are base64 (URL-safe alphabet). Fields of a `BaseModel` or pydantic dataclass follow that class's own
  `model_config` instead, both ways: UTF-8 text unless it says `ser_json_bytes` and `val_json_bytes`.
- NamedTuples and tuples are arrays, sets too; `Decimal`, `UUID`, dates, times and durations are strings.
- computed fields are left out and `Json` fields stay text, so that a model reads its own dump.
- a subclass of a standard-library dataclass in the field of a model is dumped as the field's type; models and
  pydantic dataclasses keep all of their fields there.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from types import NoneType
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic_core import ErrorDetails, SchemaError, from_json, to_json

from spane.errors import DefinitionError, Fault, ResultNotSerialisable, ValueMismatch
from spane.model import lossless
from spane.model.node_type import MISSING
from spane.model.paths import shorten, spell
from spane.model.sources import Evaluator, compile_source, evaluate

_CONFIG = ConfigDict(val_json_bytes="base64", ser_json_bytes="base64", ser_json_inf_nan="constants")
_INERT = frozenset({int, str, bool, NoneType})
_CONTAINERS = (dict, list, tuple, set, frozenset)
# One byte is found five times as fast as a word in a short text.
_N, _I, _STAR = b"NI*"
_SHOWN = 5


def dump(value: Any, adapter: TypeAdapter[Any] | None = None) -> bytes:
    """Return `value` as JSON.

    An `adapter` is needed only where the annotation itself carries a serialiser; `writer` finds out.
    Raises `ResultNotSerialisable` with the path of what JSON cannot carry.
    """
    try:
        if adapter is None:
            raw = to_json(
                value,
                by_alias=True,
                bytes_mode="base64",
                inf_nan_mode="constants",
                round_trip=True,
                polymorphic_serialization=True,
            )
        else:
            raw = _dump_annotated(value, adapter)
    except Exception as error:  # serialisers and properties of models are user code
        raise _refusal(value, error) from error
    if type(value) not in _INERT:
        _check(value, raw, annotated=adapter is not None)
    return raw


def _dump_annotated(value: Any, adapter: TypeAdapter[Any]) -> bytes:
    return adapter.dump_json(value, by_alias=True, round_trip=True, warnings="none", polymorphic_serialization=True)


def _check(value: Any, raw: bytes, *, annotated: bool) -> None:
    """Look deeper where the text hints at a loss: models turn NaN into `null` and mask secrets, silently."""
    if (_N in raw and b"NaN" in raw) or (_I in raw and b"Infinity" in raw):
        place = None if annotated else lossless.find(value)
        if place is not None:
            raise _not_serialisable(*place)
        try:
            from_json(raw, allow_inf_nan=False)
        except ValueError as error:
            raise _not_serialisable((), "holds a number that is not finite; JSON has no such number") from error
    if annotated:
        return
    found = lossless.survey(value) if isinstance(value, _CONTAINERS) else lossless.Survey.TYPED
    hidden = found is lossless.Survey.TYPED and (raw.find(b"null") >= 0 or (_STAR in raw and b"**********" in raw))
    if found is lossless.Survey.BAD_KEY or (hidden and lossless.suspicious(value)):
        place = lossless.find(value)
        if place is not None:
            raise _not_serialisable(*place)


def _refusal(value: Any, error: Exception) -> ResultNotSerialisable:
    try:
        path, reason = lossless.find(value, error) or ((), str(error))
    except Exception:  # noqa: BLE001 - looking runs user code as well; the first error is reported
        path, reason = (), str(error)
    return _not_serialisable(path, reason)


def _not_serialisable(path: lossless.Path, reason: str) -> ResultNotSerialisable:
    remedy = (
        "Write `await` before the call, in a function that is `async def` itself."
        if reason.endswith(lossless.UNAWAITED)
        else "Return plain values, dataclasses or pydantic models; for anything else pass a name or an id and open it "
        "again in the next node."
    )
    return ResultNotSerialisable(
        f"The value cannot become JSON: {spell('result', path)} {reason}. {remedy}",
        path=path,
        reason=reason,
    )


def writer(annotation: Any) -> Callable[[Any], bytes]:
    """Return the function that dumps results of a node annotated to return `annotation`.

    That is `dump` itself, unless the annotation carries serialisers (`Annotated[int, PlainSerializer(...)]`).
    """
    if annotation is MISSING or annotation is Any:
        return dump
    adapter, wrapped = _compile(annotation)
    if not _has_serialisers(adapter.core_schema):
        return dump
    if wrapped:
        return lambda value: _dump_wrapped(value, adapter)
    return lambda value: dump(value, adapter)


def _dump_wrapped(value: Any, adapter: TypeAdapter[Any]) -> bytes:
    try:
        raw = _dump_annotated((value,), adapter)[1:-1]
    except Exception as error:  # as in `dump`
        raise _refusal(value, error) from error
    _check(value, raw, annotated=True)
    return raw


class Reader:
    """Reads raw JSON by one annotation; MISSING and Any give plain JSON values.

    Raises `DefinitionError` for an annotation that pydantic cannot read from JSON.
    """

    __slots__ = ("_validate", "_wrapped", "annotation", "read")

    #: Read one raw value; raises pydantic's ValidationError, which `mismatch` turns into a `ValueMismatch`.
    read: Callable[[bytes], Any]

    def __init__(self, annotation: Any) -> None:
        self.annotation = annotation
        adapter, self._wrapped = _compile(Any if annotation is MISSING else annotation)
        self._validate = adapter.validator.validate_json
        self.read = self._read_wrapped if self._wrapped else self._validate

    def read_for(self, raw: bytes, *, node: str, parameter: str) -> Any:
        """Read one raw value; raise `ValueMismatch` naming who wanted it when it does not fit."""
        try:
            return self.read(raw)
        except ValidationError as error:
            raise self.mismatch(error, raw, node=node, parameter=parameter) from error

    def mismatch(self, error: ValidationError, raw: bytes, *, node: str, parameter: str) -> ValueMismatch:
        """Say which value does not fit which parameter; `problems` is an attribute, one line each."""
        lines = self.problems(error, raw, parameter)
        shown = "\n".join(f"  - {line}" for line in lines[:_SHOWN])
        more = f"\n  ... and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
        return ValueMismatch(
            f"Node {node!r} cannot take the value given to its parameter {parameter!r}:\n{shown}{more}\n"
            f"Change what feeds it, or the annotation of {parameter!r}.",
            node=node,
            parameter=parameter,
            problems=tuple(lines),
        )

    def problems(self, error: ValidationError, raw: bytes, root: str) -> list[str]:
        """Return one line per fault: where in the value, what was expected, what was there."""
        try:
            value = from_json(raw)
        except ValueError:
            value = None
        details = error.errors(include_url=False, include_context=False)
        return [_problem(detail, value, root, skip=1 if self._wrapped else 0) for detail in details]

    def _read_wrapped(self, raw: bytes) -> Any:
        return self._validate(b"[" + raw + b"]")[0]


def _problem(detail: ErrorDetails, value: Any, root: str, *, skip: int) -> str:
    missing = detail["type"] in ("missing", "missing_argument")
    path = _value_path(detail["loc"][skip:], value, keep_last=missing)
    message = detail["msg"].removeprefix("Value error, ")
    expected = message.replace("Input should be", "expected", 1)
    expected = expected[:1].lower() + expected[1:]
    return f"{spell(root, path)}: {expected}{_got(detail['input'], missing)}"


def _got(given: Any, missing: bool) -> str:
    if missing:
        return f", not found in {shorten(given)}"
    return f", got {shorten(given)} ({_json_type(given)})"


def _json_type(value: Any) -> str:
    names = {dict: "object", list: "array", str: "string", int: "integer", float: "number", bool: "boolean"}
    return "null" if value is None else names.get(type(value), type(value).__name__)


def _value_path(location: tuple[int | str, ...], value: Any, *, keep_last: bool) -> list[int | str]:
    """Drop what pydantic adds for its own branches (members of unions, validators), keep what is in the value."""
    path: list[int | str] = []
    for number, step in enumerate(location):
        inside = isinstance(value, dict) and step in value
        if inside or (isinstance(value, list) and isinstance(step, int) and step < len(value)):
            value = value[step]
            path.append(step)
        elif keep_last and number == len(location) - 1:
            path.append(step)
    return path


def _compile(annotation: Any) -> tuple[TypeAdapter[Any], bool]:
    """Return the adapter of `annotation` and whether it was wrapped in a tuple of one."""
    try:
        # The spelling keeps apart what is equal but not the same, like `int | str` and `str | int`.
        return _compile_once((annotation, repr(annotation)))
    except TypeError:
        return _adapter(annotation)


@lru_cache(maxsize=4096)
def _compile_once(key: tuple[Any, str]) -> tuple[TypeAdapter[Any], bool]:
    return _adapter(key[0])


def _adapter(annotation: Any) -> tuple[TypeAdapter[Any], bool]:
    try:
        adapter, wrapped = _bare_adapter(annotation)
        adapter.rebuild()  # raises when it refers to what is not defined
    except (PydanticUserError, SchemaError, NameError) as error:
        raise _unreadable(annotation, error) from error
    return adapter, wrapped


def _bare_adapter(annotation: Any) -> tuple[TypeAdapter[Any], bool]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return TypeAdapter(annotation), False
    try:
        return TypeAdapter(annotation, config=_CONFIG), False
    except PydanticUserError as error:
        if error.code != "type-adapter-config-unused":
            raise
    # Dataclasses and TypedDicts refuse a config from outside at the root, but take it over inside a tuple.
    return TypeAdapter(tuple[annotation], config=_CONFIG), True


def _unreadable(annotation: Any, error: Exception) -> DefinitionError:
    if isinstance(error, PydanticUserError) and error.code == "typed-dict-version":
        return DefinitionError(f"The annotation {shorten(annotation)}", [_older_typed_dict(annotation)])
    reason = str(error).split("\n\nFor further information")[0].split("\n")[0]
    name = getattr(annotation, "__qualname__", None) or shorten(annotation)
    return DefinitionError(
        f"The annotation {name}",
        [
            Fault(
                "annotation_unreadable",
                f"values of type {name} cannot be read from JSON: {reason}. Annotate a plain type, a dataclass, a "
                "TypedDict or a pydantic model instead.",
            )
        ],
    )


def _older_typed_dict(annotation: Any) -> Fault:
    """Say which TypedDict of `typing`'s it is, however deep it stands: before Python 3.12 it does not tell enough of itself."""
    found = _typed_dict_in(annotation, set())
    named = "a TypedDict" if found is None else f"the TypedDict {found.__qualname__} of {found.__module__}"
    return Fault(
        "annotation_unreadable",
        f"{named} cannot be read from JSON: before Python 3.12 that takes the TypedDict of typing_extensions. Write `from "
        "typing_extensions import TypedDict` where it is imported from typing.",
    )


def _typed_dict_in(annotation: Any, seen: set[int]) -> Any:
    if id(annotation) in seen:
        return None
    seen.add(id(annotation))
    if typing.is_typeddict(annotation) and type(annotation).__module__ == "typing":
        return annotation
    parts = [*typing.get_args(annotation)]
    with suppress(
        NameError, TypeError, AttributeError, SyntaxError
    ):  # names that are not there, what has no annotations
        parts += typing.get_type_hints(typing.get_origin(annotation) or annotation).values()
    return next((found for part in parts if (found := _typed_dict_in(part, seen)) is not None), None)


def _has_serialisers(schema: Any) -> bool:
    """Tell whether a core schema says how to serialise, outside of classes that know it by themselves."""
    if isinstance(schema, list | tuple):
        return any(_has_serialisers(part) for part in schema)
    if not isinstance(schema, dict):
        return False
    cls = schema.get("cls")
    if isinstance(cls, type) and hasattr(cls, "__pydantic_serializer__") and not dataclasses.is_dataclass(cls):
        return False
    if "serialization" in schema:
        return True
    return any(_has_serialisers(part) for key, part in schema.items() if key not in ("metadata", "cls"))


__all__ = ["Evaluator", "Reader", "compile_source", "dump", "evaluate", "writer"]
