"""Inputs of a start: validated, completed by defaults, written as one JSON object."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import uuid
from dataclasses import dataclass
from typing import Any

import pydantic
import pytest

from spane import InputError, node, workflow


class Animal(pydantic.BaseModel):
    name: str
    legs: int = 4


class Dog(Animal):
    breed: str


@dataclass
class Box:
    animals: list[Animal]
    label: bytes = b""


@node
def take(value: Any) -> int: ...


def flow_of(annotation, **defaults):
    def flow(value):
        return take(value)

    flow.__annotations__ = {"value": annotation}
    flow.__defaults__ = tuple(defaults.values()) or None
    return workflow(flow)


def encoded(annotation, value):
    return json.loads(flow_of(annotation).encode_inputs({"value": value}))["value"]


def problems(made, given):
    with pytest.raises(InputError) as caught:
        made.encode_inputs(given)
    assert caught.value.workflow == made.name
    assert str(caught.value).startswith(f"The inputs do not fit workflow {made.name!r}:\n  - ")
    return list(caught.value.problems)


@pytest.mark.parametrize(
    ("annotation", "given", "expected"),
    [
        (int, "7", 7),
        (int, True, 1),
        (Animal, {"name": "Rex"}, {"name": "Rex", "legs": 4}),
        (Animal, Animal(name="Rex"), {"name": "Rex", "legs": 4}),
        (Animal, Dog(name="Rex", breed="pug"), {"name": "Rex", "legs": 4, "breed": "pug"}),
        (list[Animal], [Dog(name="Rex", breed="pug")], [{"name": "Rex", "legs": 4, "breed": "pug"}]),
        (Box, {"animals": [{"name": "Rex"}]}, {"animals": [{"name": "Rex", "legs": 4}], "label": ""}),
        (Box, Box([], b"hi"), {"animals": [], "label": "aGk="}),
        (bytes, b"hi", "aGk="),
        (bytes, "aGk=", "aGk="),
        (dt.date, dt.date(2026, 1, 2), "2026-01-02"),
        (dt.date, "2026-01-02", "2026-01-02"),
        (decimal.Decimal, "1.50", "1.50"),
        (uuid.UUID, uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (set[int], [1, 1], [1]),
        (Any, {"a": [1, None, 0.5]}, {"a": [1, None, 0.5]}),
        (int | None, None, None),
    ],
)
def test_an_input_is_written_as_its_annotation_says(annotation, given, expected):
    assert expected == encoded(annotation, given)


def test_defaults_are_written_too():
    made = flow_of(int, value=7)
    assert b'{"value":7}' == made.encode_inputs({})
    assert b'{"value":8}' == made.encode_inputs({"value": 8})


def test_a_value_that_does_not_fit_is_told_with_its_path():
    assert [
        "value.animals[0].legs: expected a valid integer, unable to parse string as an integer, got 'four' (string)"
    ] == (problems(flow_of(Box), {"value": {"animals": [{"name": "Rex", "legs": "four"}]}}))


def test_missing_and_unknown_inputs_are_told_together():
    assert [
        "value: it is missing and has no default. Give value=...",
        "valeu: the workflow has no such input. Did you mean 'value'?",
    ] == problems(flow_of(int), {"valeu": 1})


def test_a_value_that_json_cannot_carry_is_told():
    [problem] = problems(flow_of(Any), {"value": {"a": object()}})
    assert "value.a: it is an object, which JSON cannot carry. Give plain values, dataclasses or models." == problem


def test_a_workflow_that_takes_anything_takes_anything():
    made = flow_of(int, value=7)
    made.draft.accepts_any_input = True
    assert b'{"value":7,"more":{"a":[1]}}' == made.encode_inputs({"more": {"a": [1]}}).replace(b" ", b"")
    assert ["5: names of inputs are text."] == problems(made, {5: 1})
