"""Annotations resolve late, with the names of the place where they were written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ForwardRef

import pytest

from spane import Context, DefinitionError, node, workflow
from spane.model.node_type import MISSING, ParameterKind

if TYPE_CHECKING:
    from decimal import Decimal


def test_local_classes_resolve_even_when_defined_later():
    @node
    def load(order: Order) -> Receipt: ...

    @dataclass
    class Order:
        id: int

    @dataclass
    class Receipt:
        id: int

    assert (Order, Receipt) == (load.node_type.parameters[0].annotation, load.node_type.returns)


def test_local_names_resolve_after_their_function_returned():
    def make():
        class Order: ...

        @node(timeout_s=3)
        def load(order: Order) -> list[Order]: ...

        @workflow
        def flow(order: Order) -> list[Order]:
            return load(order)

        return Order, load, flow

    order, load, flow = make()
    assert order is load.node_type.parameters[0].annotation
    assert list[order] == flow.draft.returns_annotation


def test_names_of_an_outer_function_resolve_where_they_are_used():
    class Order: ...

    def make():
        @node
        def load(order: Order) -> int:
            return Order

        return load

    assert Order is make().node_type.parameters[0].annotation


def test_the_frame_is_let_go_once_annotations_are_read():
    @node
    def load(n: int) -> int: ...

    assert load._definition._frame is not None
    _ = load.node_type
    assert load._definition._frame is None


def test_a_name_that_is_not_there_is_told_for_its_parameter():
    @node
    def load(order: Decimal, n: int, again: Nothing) -> Decimal: ...  # noqa: F821

    with pytest.raises(DefinitionError) as caught:
        _ = load.node_type
    places = ("the annotation of parameter 'order', Decimal", "the annotation of parameter 'again', Nothing")
    for place, fault in zip((*places, "the return annotation, Decimal"), caught.value.faults, strict=True):
        name = place.rpartition(" ")[2]
        assert fault.message == (
            f"{place}, cannot be resolved (NameError: name '{name}' is not defined). Import the name at run time, not only "
            "under `if TYPE_CHECKING:`, and check its spelling."
        )
    assert {"bad-annotation"} == {fault.code for fault in caught.value.faults}


def test_an_annotation_that_python_defers_is_told_as_it_was_written():
    def load(order: int) -> int: ...

    load.__annotations__["order"] = ForwardRef("Decimal")
    with pytest.raises(DefinitionError, match="the annotation of parameter 'order', Decimal, cannot be resolved"):
        _ = node(load).node_type


def test_a_body_collects_such_names_once_a_node():
    @node
    def load(order: Decimal = 1) -> int: ...

    @workflow
    def flow(order: Decimal):
        return load(), load.named("again")()

    with pytest.raises(DefinitionError) as caught:
        _ = flow.plan
    assert ["bad-annotation", "bad-annotation"] == [fault.code for fault in caught.value.faults]
    assert caught.value.faults[0].message.startswith("workflow 'flow': the annotation of parameter 'order'")
    assert caught.value.faults[1].message.startswith("node 'load': the annotation of parameter 'order'")


def test_metadata_stays_and_markers_are_seen_through_it():
    @node
    def load(n: Annotated[int, "note"], context: Annotated[Context, "note"], unsaid) -> None: ...

    n, context, unsaid = load.node_type.parameters
    assert (Annotated[int, "note"], ParameterKind.CONTEXT, MISSING) == (n.annotation, context.kind, unsaid.annotation)
    assert type(None) is load.node_type.returns
