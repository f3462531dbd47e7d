"""Inputs of a start: validated against what the workflow says, and written as one JSON object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_json

from spane.errors import InputError, ResultNotSerialisable
from spane.graph.spelling import hint
from spane.model import codec
from spane.model.draft import Draft
from spane.model.expressions import Input
from spane.model.node_type import MISSING, Parameter
from spane.model.paths import spell


def encode(draft: Draft, given: Mapping[str, Any]) -> bytes:
    """Return the inputs of an execution as a JSON object, defaults included.

    Raises:
        InputError: inputs are missing, unknown, or do not fit; `problems` has a line for each.

    """
    problems: list[str] = []
    parts: list[bytes] = []
    for parameter in draft.inputs:
        value = given.get(parameter.name, parameter.default)
        if value is MISSING:
            problems.append(f"{parameter.name}: it is missing and has no default. Give {parameter.name}=...")
            continue
        raw = _encode_one(parameter, value, problems)
        parts.append(to_json(parameter.name) + b":" + raw)
    known = [parameter.name for parameter in draft.inputs]
    for name in given:
        if name in known:
            continue
        if not draft.accepts_any_input:
            problems.append(f"{name}: the workflow has no such input. {hint(name, known, 'inputs')}")
        elif isinstance(name, str):
            parts.append(to_json(name) + b":" + _encode_one(Parameter(name), given[name], problems))
        else:
            problems.append(f"{name!r}: names of inputs are text.")
    if draft.accepts_any_input:
        problems += _missing(draft, {*known, *given})
    if problems:
        listed = "\n".join(f"  - {problem}" for problem in problems)
        raise InputError(
            f"The inputs do not fit workflow {draft.workflow!r}:\n{listed}",
            workflow=draft.workflow,
            problems=tuple(problems),
        )
    return b"{" + b",".join(parts) + b"}"


def _missing(draft: Draft, there: set[str]) -> Iterator[str]:
    """Find inputs that nobody declared, but that nodes take by name and cannot do without."""
    for call in draft.calls:
        for name, source in call.arguments.items():
            parameter = call.node_type.parameter(name) if call.node_type else None
            needed = isinstance(source, Input) and source.name is not None and parameter and parameter.required
            if isinstance(source, Input) and needed and source.name not in there:
                yield (
                    f"{source.name}: node {call.id!r} takes it as its parameter {name!r}, and it is missing. Give "
                    f"{source.name}=..."
                )


def _encode_one(parameter: Parameter, value: Any, problems: list[str]) -> bytes:
    try:
        raw = codec.dump(value)
    except ResultNotSerialisable as error:
        problems.append(
            f"{spell(parameter.name, error.path)}: it {error.reason}. Give plain values, dataclasses or models."
        )
        return b"null"
    reader = codec.Reader(parameter.annotation)
    try:
        read = reader.read(raw)
    except ValidationError as error:
        problems.extend(reader.problems(error, raw, parameter.name))
        return b"null"
    # Plain data takes on the annotation's defaults and spelling, so that parts of it are where nodes look for
    # them. A value that is typed already keeps its real type, which the annotation might cut down.
    return codec.writer(parameter.annotation)(read) if _is_plain(value) else raw


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return type(value) is dict and all(map(_is_plain, value.values()))
    if isinstance(value, list):
        return type(value) is list and all(map(_is_plain, value))
    return value is None or type(value) in (str, int, float, bool)
