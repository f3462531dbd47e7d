"""Maps in bodies: what they bind, what they give, and what is said of those that cannot be."""

from __future__ import annotations

import pytest

from spane import Context, DefinitionError, NodeError, ReferenceMisuse, Route, Skip, current, node, workflow
from spane.model.expressions import Constant, Input, Output
from spane.model.rules import Each


@node
def count_to(n: int) -> list[int]:
    return list(range(n))


@node
def scaled(n: int, factor: int = 2) -> float:
    if n == 13:
        raise ValueError("unlucky")
    if n == 0:
        raise Skip("nothing")
    return n * factor


@node
def sum_up(values: list[float]) -> float:
    return sum(values)


def test_a_map_binds_its_list_to_the_first_parameter_and_the_rest_as_a_call_does():
    @workflow
    def flow(n: int, factor: int) -> float:
        return sum_up(scaled.map(count_to(n), factor, max_in_flight=3))

    call = flow.draft.calls[1]
    assert {"n": Output("count_to"), "factor": Input("factor")} == call.arguments
    assert (Each("n", 3, "fail"), list[float]) == (call.each, call.returns)
    assert Each("n", 3, "fail") == flow.plan.nodes[1].each


def test_a_map_goes_over_inputs_constants_and_lists_with_references():
    @workflow
    def flow(many: list[int], one: int) -> list[float]:
        scaled.named("inputs").map(many)
        scaled.named("mixed").map([one, 7])
        return scaled.map([1, 2])

    flow.plan  # noqa: B018 - it has no faults
    assert isinstance(flow.draft.calls[2].arguments["n"], Constant)


def test_collected_errors_stand_in_the_type_of_the_result():
    @workflow
    def flow(many: list[int]) -> list[float | NodeError]:
        return scaled.map(many, on_item_failure="collect")

    assert list[float | NodeError] == flow.draft.calls[0].returns
    flow.plan  # noqa: B018


def test_a_map_over_what_is_no_list_is_a_fault(told):
    @workflow
    def flow(n: int) -> list[float]:
        return scaled.map(sum_up(scaled.named("first").map(count_to(n))))

    faults = told(flow)
    assert (
        "Map 'scaled' goes over float by `sum_up`, which is no list. Give it a list, or call scaled itself for a single value."
        == faults["map-over-no-list"]
    )


def test_items_that_do_not_fit_are_a_fault(told):
    @workflow
    def flow(names: list[list[int]]) -> list[float]:
        return scaled.map(names)

    assert told(flow)["type-mismatch"].startswith(
        "Map 'scaled' gives each item as 'n', which takes int, but goes over list[list[int]] by the input `names`."
    )


def test_a_child_that_takes_no_list_of_the_results_is_a_fault(told):
    @workflow
    def flow(many: list[int]) -> float:
        return sum_up(sum_up.named("inner").map(many))

    assert "type-mismatch" in told(flow)


def test_a_list_that_may_be_absent_is_a_fault(told):
    @node(on_failure="continue")
    def perhaps() -> list[int]:
        return [1]

    @workflow
    def flow() -> list[float]:
        return scaled.map(perhaps())

    assert "Put a coalesce(..., default=[]) between." in told(flow)["may-be-absent"]


def test_a_node_without_a_first_parameter_cannot_be_mapped(told):
    @node
    def add(*values: int, context: Context = current()) -> int:
        return sum(values)

    @workflow
    def flow(many: list[int]) -> list[int]:
        return add.map(many)

    assert "it has no first parameter for them" in told(flow)["bad-map"]


def test_a_node_that_chooses_its_children_cannot_be_mapped(told):
    @node
    def choose(n: int) -> Route[int]:
        return Route(n, to=[])

    @workflow
    def flow(many: list[int]) -> list[int]:
        return choose.map(many)

    assert "chooses its children, which a map of it cannot do" in told(flow)["bad-map"]


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"max_in_flight": 0}, "max_in_flight is 0; give a whole number from 1 up, or None for the default."),
        ({"max_in_flight": True}, "max_in_flight is True;"),
        ({"on_item_failure": "ignore"}, "on_item_failure is 'ignore'; give 'fail', 'collect' or 'skip'."),
    ],
)
def test_bad_rules_are_told_in_a_body_and_in_a_plain_call(told, rules, said):
    @workflow
    def flow(many: list[int]) -> list[float]:
        return scaled.map(many, **rules)

    assert said in told(flow)["bad-option"]
    with pytest.raises(DefinitionError, match=r"Map of node 'scaled'") as caught:
        scaled.map([1], **rules)
    assert said in str(caught.value)


def test_a_required_argument_that_is_left_out_is_a_fault(told):
    @node
    def needs(n: int, other: str) -> str:
        return other

    @workflow
    def flow(many: list[int]) -> list[str]:
        return needs.map(many)

    assert "nothing bound to its parameter 'other'" in told(flow)["unbound-parameter"]


def test_outside_of_a_body_a_map_is_a_loop():
    assert [3, 6] == scaled.map([1, 2], factor=3)
    assert [2] == scaled.map([0, 1, 13], on_item_failure="skip")
    with pytest.raises(ValueError, match="unlucky"):
        scaled.map([13])
    [done, failed] = scaled.map([1, 13], on_item_failure="collect")
    assert (2, "unlucky", "scaled") == (done, failed.message, failed.node)


def test_a_reference_is_mapped_in_its_own_body_only():
    kept = []

    @workflow
    def flow(many: list[int]) -> list[float]:
        kept.append(many)
        return scaled.map(many)

    flow.plan  # noqa: B018
    with pytest.raises(ReferenceMisuse, match="outside its body"):
        scaled.map(kept[0])


def test_a_workflow_is_mapped_as_a_node_is():
    @node
    def times(n: int, factor: int) -> float:
        return n * factor

    @workflow
    def one(n: int, factor: int = 3) -> float:
        return times(n, factor)

    @workflow
    def flow(many: list[int]) -> list[float]:
        return one.map(many, factor=4, max_in_flight=2)

    call = flow.draft.calls[0]
    assert (Each("n", 2), list[float]) == (call.each, call.returns)
    assert flow.plan.nodes[0].child == one.plan.hash
    assert [3.0, 6.0] == one.map([1, 2])
