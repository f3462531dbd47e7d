"""Reading values back by annotation, and what is said when they do not fit."""

from __future__ import annotations

import dataclasses
import sys
import typing
from typing import Annotated, Any, Literal, NamedTuple

import pytest
from annotated_types import Gt
from pydantic import BaseModel, Field, field_validator
from typing_extensions import TypedDict

from spane.errors import DefinitionError, ValueMismatch
from spane.model.codec import Reader, dump
from spane.model.node_type import MISSING


class Item(BaseModel):
    price: float
    name: str = Field(default="", alias="Name")


class Order(BaseModel):
    items: list[Item]
    state: Literal["open", "paid"] = "open"

    @field_validator("state")
    @classmethod
    def _never_paid(cls, value: str) -> str:
        if value == "paid":
            raise ValueError("an order is not paid yet")
        return value


@dataclasses.dataclass
class Box:
    item: Item
    label: bytes = b""


class Row(TypedDict):
    key: bytes


class Point(NamedTuple):
    x: int
    y: int


class Older(typing.TypedDict):
    x: int


@dataclasses.dataclass
class Crate:
    rows: list[Older]


class Outer(TypedDict):
    crate: Crate | None


def refusal(annotation: Any, raw: bytes) -> ValueMismatch:
    with pytest.raises(ValueMismatch) as caught:
        Reader(annotation).read_for(raw, node="charge", parameter="order")
    return caught.value


@pytest.mark.parametrize("annotation", [Any, MISSING])
def test_without_an_annotation_values_are_plain_json(annotation):
    raw = b'{"a":[1,2.5,null,"x",1208925819614629174706176]}'
    assert Reader(annotation).read(raw) == {"a": [1, 2.5, None, "x", 2**80]}


def test_a_mismatch_names_node_parameter_place_expectation_and_value():
    error = refusal(Order, b'{"items":[{"price":1},{"price":"dear"}]}')
    assert str(error) == (
        "Node 'charge' cannot take the value given to its parameter 'order':\n"
        "  - order.items[1].price: expected a valid number, unable to parse string as a number, got 'dear' (string)\n"
        "Change what feeds it, or the annotation of 'order'."
    )
    assert (error.node, error.parameter) == ("charge", "order")
    assert len(error.problems) == 1


@pytest.mark.parametrize(
    ("annotation", "raw", "problem"),
    [
        (int, b'"x"', "order: expected a valid integer, unable to parse string as an integer, got 'x' (string)"),
        (str, b"7", "order: expected a valid string, got 7 (integer)"),
        (str, b"null", "order: expected a valid string, got None (null)"),
        (Order, b'{"items":[{}]}', "order.items[0].price: field required, not found in {}"),
        (Order, b'{"items":[],"state":"paid"}', "order.state: an order is not paid yet, got 'paid' (string)"),
        (Order, b'{"items":[],"state":"x"}', "order.state: expected 'open' or 'paid', got 'x' (string)"),
        (Box, b'{"item":{"price":[]}}', "order.item.price: expected a valid number, got [] (array)"),
        (list[Box], b'[{"item":{"price":[]}}]', "order[0].item.price: expected a valid number, got [] (array)"),
        (Row, b"{}", "order.key: field required, not found in {}"),
        (Point, b"[1]", "order[1]: field required, not found in [1]"),
        (dict[str, int], b'{"odd key":true,"b":{}}', "order.b: expected a valid integer, got {} (object)"),
        (Annotated[int, Gt(3)], b"3", "order: expected greater than 3, got 3 (integer)"),
        (int, b"{", "order: invalid JSON: EOF while parsing an object at line 1 column 1, got b'{' (bytes)"),
    ],
)
def test_every_kind_of_mismatch_says_where_and_what(annotation, raw, problem):
    assert list(refusal(annotation, raw).problems) == [problem]


def test_members_of_a_union_do_not_stand_in_the_path():
    problems = refusal(dict[str, int | Item], b'{"a":"x"}').problems
    assert {problem.partition(":")[0] for problem in problems} == {"order.a"}


def test_long_values_are_shortened():
    (problem,) = refusal(int, dump(["x" * 1000])).problems
    assert len(problem) < 200
    assert "..." in problem


def test_five_problems_are_shown_and_the_rest_is_counted():
    error = refusal(list[int], dump(["x"] * 8))
    assert len(error.problems) == 8
    assert str(error).count("  - order[") == 5
    assert "  ... and 3 more\n" in str(error)


def test_an_annotation_that_json_cannot_fill_is_a_fault_of_the_definition():
    class Socket:
        pass

    with pytest.raises(
        DefinitionError, match=r"Socket cannot be read from JSON: Unable to generate pydantic-core schema"
    ):
        Reader(Socket)


def test_an_unfinished_model_is_a_fault_of_the_definition():
    class Later(BaseModel):
        other: NotYetThere  # noqa: F821

    with pytest.raises(DefinitionError, match="Later cannot be read from JSON: name 'NotYetThere' is not defined"):
        Reader(Later)


def test_what_looks_equal_is_not_mixed_up():
    assert Reader(Literal[1]).read(b"1") is not True
    assert Reader(Literal[True]).read(b"1") is True


def test_an_annotation_that_cannot_be_hashed_is_read_as_well():
    assert Reader(Annotated[int, {"not": "hashable"}]).read(b"3") == 3


def test_dataclasses_and_typed_dicts_take_bytes_as_base64_at_the_root():
    assert Reader(Row).read(b'{"key":"_w=="}') == {"key": b"\xff"}
    assert Reader(Box).read(b'{"item":{"price":1},"label":"_w=="}') == Box(Item(price=1), b"\xff")


def test_aliases_are_read():
    assert Reader(Item).read(b'{"price":1,"Name":"x"}').name == "x"


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="from Python 3.12 on pydantic reads the TypedDict of typing")
@pytest.mark.parametrize("annotation", [Older, tuple[Older, int], list[Older], Crate, Outer, dict[str, Outer | None]])
def test_a_typed_dict_of_typing_is_named_with_the_import_that_mends_it(annotation):
    with pytest.raises(DefinitionError) as caught:
        Reader(annotation)
    [fault] = caught.value.faults
    assert (
        f"the TypedDict Older of {__name__} cannot be read from JSON: before Python 3.12 that takes the TypedDict of "
        "typing_extensions. Write `from typing_extensions import TypedDict` where it is imported from typing."
    ) == fault.message
