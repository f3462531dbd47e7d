"""What a call leaves out is wired by name; near misses are faults."""

from __future__ import annotations

from typing import Any

from spane import Failure, node, when, workflow
from spane.model.expressions import Input, Output


def test_a_required_parameter_left_out_takes_the_node_or_input_of_its_name():
    @node
    def order(order_id: int) -> int: ...

    @node
    def charge(order: int, order_id: int, currency: str = "eur") -> str: ...

    @workflow
    def flow(order_id: int, currency: str):
        order()
        return charge()

    assert {"order_id": Input("order_id")} == flow.draft.calls[0].arguments
    assert {"order": Output("order"), "order_id": Input("order_id")} == flow.draft.calls[1].arguments
    assert 2 == len(flow.plan.nodes)


def test_the_order_of_calls_does_not_matter():
    @node
    def order() -> int: ...

    @node
    def charge(order: int) -> str: ...

    @workflow
    def flow():
        charge()
        order()

    assert ["order", "charge"] == [n.id for n in flow.plan.nodes]


def test_ids_count_not_function_names():
    @node
    def load() -> int: ...

    @node
    def charge(order: int) -> str: ...

    @workflow
    def flow():
        load.named("order")()
        return charge()

    assert Output("order") == flow.draft.calls[1].arguments["order"]


def test_types_that_cannot_match_are_a_fault(told):
    @node
    def order() -> list[str]: ...

    @node
    def charge(order: int) -> str: ...

    @workflow
    def flow():
        order()
        return charge()

    assert "Node 'charge' takes int as 'order', but is given" in told(flow)["type-mismatch"]


def test_a_near_miss_is_a_fault_and_the_only_one(told, marked):
    @node
    def order() -> int: ...

    @node
    def charge(ordr: int) -> str: ...

    @workflow
    def flow():
        order()
        return charge()  # here

    assert {
        "near-miss": "node 'charge' leaves out 'ordr', and no node or input has that name; did you mean the node 'order'? "
        "Pass it: ordr=..., or rename one of the two."
    } == told(flow)
    assert marked(test_a_near_miss_is_a_fault_and_the_only_one) == flow.draft.faults[0].where


def test_a_near_miss_of_an_input_is_a_fault(told):
    @node
    def charge(ordr_id: int) -> str: ...

    @workflow
    def flow(order_id: int):
        return charge()

    assert "did you mean the input 'order_id'?" in told(flow)["near-miss"]


def test_a_misspelt_argument_is_told_by_the_name_that_was_written(told):
    @node
    def load(order_id: int) -> int: ...

    @node
    def charge(order: int, currency: str = "EUR") -> str: ...

    @workflow
    def near_an_input(order_id: int):
        return charge(ordr=load(order_id))

    @workflow
    def near_nothing(number: int):
        return charge(ordr=load(order_id=number))

    for flow in (near_an_input, near_nothing):
        assert {
            "unknown-parameter": "Node 'charge' is given 'ordr', but charge takes no parameter of that name. Did you mean "
            "'order'?"
        } == told(flow)


def test_an_unknown_argument_that_is_near_nothing_hides_no_near_miss(told):
    @node
    def load(order_id: int) -> int: ...

    @node
    def charge(order: int, currency: str = "EUR") -> str: ...

    @workflow
    def flow(order_id: int):
        return charge(amount=load(order_id))

    faults = told(flow)
    assert "did you mean the input 'order_id'?" in faults["near-miss"]
    assert faults["unknown-parameter"].endswith("The parameters are order, currency.")


def test_a_name_that_means_two_things_is_a_fault(told):
    @node
    def order() -> int: ...

    @node
    def charge(order: int) -> str: ...

    @workflow
    def flow(order: int):
        renamed = globals_order()
        return charge(), renamed

    globals_order = order
    assert {
        "ambiguous-name": "node 'charge' leaves out 'order', which is the name of a node and of an input. Pass the one you "
        "mean."
    } == told(flow)


def test_a_node_does_not_feed_itself(told):
    @node
    def order(order: int) -> int: ...

    @workflow
    def flow():
        return order()

    assert "has nothing bound to its parameter 'order'" in told(flow)["unbound-parameter"]

    @workflow(name="fed")
    def fed(order: int):
        return charge()

    charge = order
    assert Input("order") == fed.draft.calls[0].arguments["order"]


def test_an_input_that_no_node_uses_is_a_warning():
    @node
    def load(number: int) -> int: ...

    @workflow
    def flow(order_id: int, note: str, urgent: bool = False):
        return load(order_id)

    told = "is used by no node, and is not returned. Pass it to a node, or take it out of the signature."
    assert [("unused-input", f"Input {name!r} {told}") for name in ("note", "urgent")] == [
        (warning.code, warning.message) for warning in flow.warnings
    ]


def test_an_input_that_is_used_anywhere_is_none():
    @node
    def load(number: Any) -> int: ...

    @node
    def tell(failure: Failure, address: str) -> None: ...

    @workflow(on_failure=tell)
    def flow(order_id: int, limit: int, address: str, listed: int, returned: str):
        with when(order_id > limit):
            load([listed])
        load.named("after")(1)
        return returned

    assert [] == flow.warnings
