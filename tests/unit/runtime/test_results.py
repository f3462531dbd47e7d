"""What a node returned has to fit the node's own return annotation."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, ConfigDict, PlainSerializer
from typing_extensions import TypedDict

from spane import Retry, ValueMismatch, node, workflow
from spane.model.node_type import MISSING, NodeType, Parameter
from spane.runtime import programs
from spane.runtime.results import ResultType


class Strictly(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str


class Longer(Strictly):
    legs: int = 4


class Row(TypedDict):
    amount: Decimal


@dataclasses.dataclass
class Order:
    id: int
    rows: list[Row] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class StrictOrder:
    __pydantic_config__ = ConfigDict(extra="forbid")
    id: int


@dataclasses.dataclass
class LongerOrder(StrictOrder):
    note: str = ""


Angled = Annotated[int, PlainSerializer(lambda value: f"<{value}>")]


def refused(annotation: Any, value: Any) -> str:
    with pytest.raises(ValueMismatch) as caught:
        ResultType(annotation).dump_for("count")(value)
    assert ("count", "return") == (caught.value.node, caught.value.parameter)
    return str(caught.value)


@pytest.mark.parametrize(
    ("annotation", "value", "line"),
    [
        (int, "seven", "result: expected a valid integer, unable to parse string as an integer, got 'seven' (string)"),
        (str, 7, "result: expected a valid string, got 7 (integer)"),
        (str, None, "result: expected a valid string, got None (null)"),
        (None, 7, "result: expected null, got 7 (integer)"),
        (Literal["ok", "review"], "maybe", "result: expected 'ok' or 'review', got 'maybe' (string)"),
        (list[int], [1, "x"], "result[1]: expected a valid integer"),
        (Strictly, {"nome": "Rex"}, "result.name: field required, not found in"),
        (Order, Order(id="seven"), "result.id: expected a valid integer"),
        (Order, Order(7, [{"amount": "much"}]), "result.rows[0].amount: expected"),
        (bytes, "hällo", "result: "),
    ],
    ids=repr,
)
def test_a_value_that_does_not_fit_names_node_annotation_and_place(annotation, value, line):
    message = refused(annotation, value)
    assert message.startswith("Node 'count' returned what does not fit its own return annotation, ")
    assert f"\n  - {line}" in message
    assert message.endswith("Return what the annotation says, or change the annotation.")


def test_many_problems_are_shown_in_part():
    message = refused(list[int], ["x"] * 9)
    assert 5 == message.count("\n  - ")
    assert "... and 4 more" in message


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int, 7),
        (float, 7),
        (float, Decimal("1.5")),
        (None, None),
        (MISSING, {"any": "thing"}),
        (Any, {"any": "thing"}),
        (object, {"any": "thing"}),
        (int | None, None),
        (dt.datetime, "2026-01-01T00:00:00Z"),
        (UUID, "12345678123456781234567812345678"),
        (set[int], {1}),
        (tuple[int, str], (1, "x")),
        (dict[str, int], {"a": 1}),
        (Iterable[int], [1]),
        (Strictly, Strictly(name="Rex")),
        (Strictly, Longer(name="Rex")),
        (list[Strictly], [Longer(name="Rex")]),
        (Order, Order(7, [{"amount": Decimal(1)}])),
        (StrictOrder, LongerOrder(7)),
        (Angled, 7),
        (list[Angled], [7]),
    ],
    ids=repr,
)
def test_whatever_the_annotation_allows_is_let_through(annotation, value):
    assert isinstance(ResultType(annotation).dump_for("count")(value), bytes)


@node(retry=Retry(attempts=5))
def produce(text: str) -> int:
    return text  # type: ignore[return-value]


@node
def consume(number: int) -> int:
    return number + 1


@workflow
def blamed(text: str) -> int:
    return consume(produce.named("made")(text))


def test_the_producer_is_blamed_and_not_the_consumer_and_not_retried(spane):
    execution = spane.start(blamed, {"text": "seven"})
    spane.drain()
    [event] = spane.events.of("node_failed")
    assert ("made", 1, "spane.errors:ValueMismatch", False) == (
        event.node,
        event.attempt,
        event.error.type,
        event.error.retryable,
    )
    assert "Node 'made' returned what does not fit its own return annotation, int:\n  - result: " in event.error.message
    assert "failed" == execution.status()
    assert not spane.events.of(node="consume")


class Strange:
    pass


def test_code_whose_annotations_changed_to_what_json_cannot_carry_does_not_fit_the_plan():
    def changed(number: int) -> Strange:
        return Strange()

    plan_node = blamed.plan.nodes[0]
    node_type = NodeType("produce", changed, (Parameter("number", int),), returns=Strange)
    with pytest.raises(programs.DoesNotFit, match="values of type Strange cannot be read from JSON"):
        programs._shape(plan_node, node_type)
