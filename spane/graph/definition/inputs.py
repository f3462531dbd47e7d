"""Declared inputs between a draft and a definition, whose types are JSON Schema there."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import uuid
from typing import Annotated, Any

from pydantic import TypeAdapter, WithJsonSchema
from pydantic.errors import PydanticUserError

from spane.errors import SpaneError
from spane.graph.definition import shape
from spane.model.draft import Draft
from spane.model.freezing import freeze
from spane.model.node_type import MISSING, Parameter

_TYPES: dict[tuple[str, str | None], Any] = {
    ("integer", None): int,
    ("number", None): float,
    ("string", None): str,
    ("boolean", None): bool,
    ("string", "date-time"): dt.datetime,
    ("string", "date"): dt.date,
    ("string", "time"): dt.time,
    ("string", "uuid"): uuid.UUID,
}


def only(draft: Draft) -> frozenset[str] | None:
    """Return the names of a draft's inputs, or None where it takes others as well."""
    return None if draft.accepts_any_input else frozenset(parameter.name for parameter in draft.inputs)


def parameter_of(declared: shape.DeclaredInput) -> Parameter:
    """Return the input that a definition declares; a schema that is no plain type is kept beside `Any`."""
    given = declared.model_fields_set
    default = MISSING
    if "default" in given or (not declared.required and "required" in given):
        default = declared.default
    schema = declared.json_schema
    if not schema:
        return Parameter(declared.name, default=default)
    plain = None if schema.keys() - {"type", "format"} else _type_of(schema)
    return Parameter(declared.name, plain or Annotated[Any, WithJsonSchema(schema)], default)


def as_json(parameter: Parameter) -> dict[str, Any]:
    """Return an input as a definition declares it; a type without a JSON Schema is left out."""
    declared: dict[str, Any] = {"name": parameter.name}
    if parameter.default is not MISSING:
        try:
            declared["default"] = json.loads(freeze(parameter.default, parameter.annotation))
        except SpaneError:
            declared["required"] = False
    if parameter.annotation is not MISSING and parameter.annotation is not Any:
        with contextlib.suppress(PydanticUserError, NameError, TypeError):
            declared["schema"] = TypeAdapter(parameter.annotation).json_schema(by_alias=True)
    return declared


def _type_of(schema: dict[str, Any]) -> Any:
    kind, layout = schema.get("type"), schema.get("format")
    return _TYPES.get((kind, layout)) if isinstance(kind, str) and isinstance(layout, (str, type(None))) else None
