"""The graph as users meet it: through workflows written in code."""

from __future__ import annotations

import json

import pytest
from pydantic import BaseModel

from spane import Workflow, node, workflow
from spane.errors import DefinitionError


class Order(BaseModel):
    id: int
    items: list[str]


@node
def graph_load(order_id: int) -> Order:
    return Order(id=order_id, items=[])


@node(timeout_s=2)
def graph_count(items: list[str], weights: list[int], *more: int) -> int:
    return len(items)


@node
def graph_report(count: int, order: Order, note: str = "") -> str:
    return note


@workflow
def graph_flow(order_id: int, note: str = "none") -> str:
    order = graph_load(order_id)
    count = graph_count(order.items, [order.id, 3], 4)
    return graph_report(count, order, note)


@workflow
def graph_wrong(order_id: str) -> int:
    order = graph_load(order_id)
    return graph_count(order.id, order)


def test_a_workflow_becomes_json_and_back_to_the_same_plan():
    text = json.dumps(graph_flow.to_definition())
    assert graph_flow.plan.hash == Workflow.from_definition(text).plan.hash


def test_all_faults_of_a_workflow_name_its_lines():
    with pytest.raises(DefinitionError) as caught:
        _ = graph_wrong.plan
    assert ["type-mismatch"] * 2 == [fault.code for fault in caught.value.faults]
    assert all(__file__ in fault.where for fault in caught.value.faults)
    assert "takes list[str] as 'items', but is given int by `graph_load.id`" in str(caught.value)


@pytest.mark.parametrize("layout", ["text", "mermaid", "svg"])
def test_a_workflow_can_be_drawn(layout):
    assert "graph_count" in graph_flow.draw(layout)
