"""What may be started: a workflow, one bound to its inputs, or the name of one."""

from __future__ import annotations

import pytest

from spane import InputError, SpaneError, Workflow, node, workflow
from spane.errors import UnknownWorkflow


@node
def ordered(n: int) -> int:
    return n + 1


@workflow
def orders(n: int) -> int:
    return ordered(n)


def test_a_registered_workflow_is_started_by_its_name(spane):
    assert 8 == spane.engine.start("orders", {"n": 7}).result(timeout_s=10)
    [first, second] = spane.engine.start_many("orders", [{"n": 1}, {"n": 2}])
    assert [2, 3] == [first.result(timeout_s=10), second.result(timeout_s=10)]


def test_a_definition_is_started_by_name_once_it_is_registered(spane):
    made = Workflow.from_definition({**orders.to_definition(), "id": "orders_json"})
    with pytest.raises(UnknownWorkflow):
        spane.engine.start("orders_json", {"n": 1})
    spane.engine.register(made)
    assert 2 == spane.engine.start("orders_json", {"n": 1}).result(timeout_s=10)


def test_an_unknown_name_says_which_is_near(spane):
    with pytest.raises(UnknownWorkflow) as caught:
        spane.engine.start("ordrs", {"n": 7})
    assert "ordrs" == caught.value.workflow
    assert (
        "No workflow is called 'ordrs' in this process. Did you mean 'orders'? Import the module that defines it, or "
        "register one made of a JSON definition by engine.register(...)."
    ) == str(caught.value)
    assert isinstance(caught.value, SpaneError)
    assert isinstance(caught.value, LookupError)
    with pytest.raises(UnknownWorkflow, match="No workflow is called 'ordrs'"):
        spane.engine.start_many("ordrs", [{"n": 7}])


@pytest.mark.parametrize("given", [ordered, lambda n: n, None, 7])
def test_what_is_no_workflow_is_refused_with_what_to_give(spane, given):
    with pytest.raises(TypeError, match="What is started is a workflow, one bound to its inputs, or the name of one"):
        spane.engine.start(given, {"n": 7})


def test_inputs_of_a_start_by_name_are_checked_like_any(spane):
    with pytest.raises(InputError, match="n: it is missing"):
        spane.engine.start("orders")
