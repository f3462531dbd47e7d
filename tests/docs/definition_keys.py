"""Tables of the keys of a JSON definition, made from its shape."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from spane.graph.definition import shape

SHAPES: dict[str, type[BaseModel]] = {
    "a definition": shape.Definition,
    "a node": shape.Node,
    "a config": shape.Config,
    "a retry policy": shape.RetryPolicy,
    "a backoff": shape.Backoff,
    "spane in a node": shape.NodeExtra,
    "a gate": shape.Gate,
    "options in spane": shape.Options,
    "handler of failures": shape.Handler,
    "spane in a definition": shape.DefinitionExtra,
    "a declared input": shape.DeclaredInput,
}
_WORDS = {"string": "text", "integer": "whole number", "boolean": "true or false", "null": "null"}


def table(noun: str) -> str:
    """Return a table of the keys of an object: what each is, and what it says."""
    model = SHAPES[noun]
    schema = model.model_json_schema(by_alias=True)
    rows = ["| key | is | says |", "|---|---|---|"]
    for name, field in model.model_fields.items():
        key = field.alias or name
        needed = "**required**; " if field.is_required() else ""
        says = field.description or f"`{name}` of `@node`"
        rows.append(f"| `{key}` | {needed}{_kind(schema['properties'][key])} | {says} |")
    return "\n".join(rows)


def _kind(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"])
    if "oneOf" in schema:
        return "source"
    if "$ref" in schema:
        return "object"
    if schema.get("type") == "array":
        return f"array of {_plural(_kind(schema['items']))}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_plural(_kind(schema['additionalProperties']))}"
    return _WORDS.get(schema.get("type", ""), schema.get("type", "any value"))


def _plural(noun: str) -> str:
    return "texts or numbers" if " or " in noun else f"{noun}s"
