"""What follows a failure, as users write it: `undo=`, `on_failure=` and on_failure="skip"."""

from __future__ import annotations

from typing import Any

import pytest

from spane import Context, DefinitionError, Failure, Node, Retry, Route, current, node, workflow
from spane.model.expressions import Input, Output
from spane.model.items import OWN
from spane.model.plan import FAILED, Plan
from spane.runtime.layout import fields_of


def charge(card: str, amount: int = 5) -> str:
    return f"{card}:{amount}"


def plan_of(made: Node[..., Any], *args: Any, **options: Any) -> Plan:
    """Return the plan of a workflow that calls one node with its input `x`."""

    def body(x: str):
        return made(x, *args)

    return workflow(name="one", **options)(body).plan


def fault_of(made: Node[..., Any], *args: Any, **options: Any) -> tuple[str, str]:
    with pytest.raises(DefinitionError) as caught:
        plan_of(made, *args, **options)
    [fault] = caught.value.faults
    return fault.code, fault.message


def arguments(plan: Plan) -> dict[str, Any]:
    return dict(plan.nodes[0].undo.arguments)


def test_an_undo_takes_parameters_of_its_node_by_name_and_its_output_as_what_is_left():
    def refund(amount: int, receipt: str, card: str, context: Context = current()) -> None: ...

    plan = plan_of(node(undo=refund)(charge), 7)
    assert Input("x") == arguments(plan)["card"]
    assert b"7" == bytes(arguments(plan)["amount"].raw)
    assert Output("charge") == arguments(plan)["receipt"]
    undo = plan.nodes[0].undo
    assert ("charge~undo", "refund", ("charge",), "continue") == (undo.id, undo.type, undo.parents, undo.on_failure)


def test_a_parameter_called_output_takes_the_output():
    def refund(output: str, why: str = "sorry") -> None: ...

    assert {"output": Output("charge")} == arguments(plan_of(node(undo=refund)(charge)))


def test_an_undo_with_keywords_takes_everything_its_node_was_given():
    def refund(output: str, **given: Any) -> None: ...

    assert {"output", "card", "amount"} == set(arguments(plan_of(node(undo=refund)(charge), 7)))


def test_an_undo_may_take_nothing():
    def forget() -> None: ...

    undo = plan_of(node(undo=forget)(charge)).nodes[0].undo
    assert ((), ()) == (undo.arguments, undo.parents)


def test_an_undo_that_is_a_node_keeps_its_options():
    def refund(output: str) -> None: ...

    made = node(retry=Retry(attempts=9), queue="money")(refund)
    undo = plan_of(node(undo=made.options(timeout_s=3))(charge)).nodes[0].undo
    assert (9, "money", 3000) == (undo.retry.attempts, undo.queue, undo.timeout_ms)


def test_every_queue_of_a_plan_counts_those_of_its_steps():
    def refund(output: str) -> None: ...

    assert {"default", "money"} == plan_of(node(undo=node(queue="money")(refund))(charge)).queues


def test_an_undo_that_needs_more_than_there_is():
    def refund(output: str, why: str) -> None: ...

    assert fault_of(node(undo=refund)(charge)) == (
        "bad-undo",
        (
            "'refund', the undo of node 'charge', needs 'why', which is no parameter of 'charge' (it has card, amount), and its "
            "output goes to 'output'. Take it out, or give it a default."
        ),
    )


def test_an_undo_that_needs_what_its_node_leaves_to_its_default():
    def refund(amount: int) -> None: ...

    assert fault_of(node(undo=refund)(charge)) == (
        "bad-undo",
        (
            "'refund', the undo of node 'charge', needs 'amount', which 'charge' leaves to its default here. Give 'amount' the "
            "same default there, or pass a value to 'charge'."
        ),
    )


def test_an_undo_that_takes_other_types():
    def refund(output: list[int]) -> None: ...

    code, message = fault_of(node(undo=refund)(charge))
    assert "type-mismatch" == code
    assert message.startswith("Node 'charge~undo' takes list[int] as 'output', but is given str by `charge`.")


def mapped(made: Node[..., Any]) -> Plan:
    """Return the plan of a workflow that maps a node over its input `xs`."""

    @workflow
    def all_of(xs: list[str]):
        return made.map(xs, 7)

    return all_of.plan


def test_each_item_of_a_map_is_undone_with_its_own_value_and_output():
    def refund(output: str, card: str, amount: int) -> None: ...

    plan = mapped(node(undo=refund)(charge))
    undo = plan.nodes[0].undo
    assert ("charge#~undo", {"#", "charge#"}) == (undo.id, set(undo.parents))
    assert (OWN, Output("charge#"), b"7") == (
        arguments(plan)["card"], arguments(plan)["output"], bytes(arguments(plan)["amount"].raw),
    )  # fmt: skip


def test_a_plan_says_once_for_all_items_what_undoes_them():
    def refund(output: str, card: str) -> None: ...

    stored = dict(fields_of(mapped(node(undo=refund)(charge))))
    assert ("0;refund;default;;k;#,charge#", "u;", None) == (
        stored["p:charge#~undo"], stored["c:charge#"], stored.get("c:charge"),
    )  # fmt: skip


def test_an_undo_of_items_that_takes_other_types():
    def refund(output: list[int]) -> None: ...

    with pytest.raises(DefinitionError) as caught:
        mapped(node(undo=refund)(charge))
    [fault] = caught.value.faults
    assert fault.message.startswith(
        "Node 'charge#~undo' takes list[int] as 'output', but is given str by an item of `charge`."
    )


@node
def given(x: str) -> str:
    return x


@workflow
def plainly(x: str) -> str:
    return given(x)


def pay_back(output: str) -> None: ...


charging = node(name="charging", undo=pay_back)(charge)


@workflow
def paying_one(x: str) -> str:
    return charging(x)


def stored_of(body: Any) -> dict[str, Any]:
    return dict(fields_of(workflow(name="caller")(body).plan))


def test_what_runs_a_workflow_in_which_something_has_an_undo_has_a_step():
    def caller(x: str):
        return given(paying_one(x))

    plan = workflow(name="caller")(caller).plan
    undo = plan.nodes[0].undo
    assert ("paying_one~undo", "spane.undo", True, (), "continue") == (
        undo.id, undo.type, undo.waits, undo.arguments, undo.on_failure,
    )  # fmt: skip
    stored = dict(fields_of(plan))
    assert "0;spane.undo;default;;k;@w:paying_one~undo" == stored["p:paying_one~undo"]
    assert not stored["c:paying_one"].startswith("u;")
    assert plan.undoes


def test_what_runs_a_workflow_in_which_nothing_has_an_undo_has_none():
    def caller(x: str):
        return plainly(x)

    plan = workflow(name="caller")(caller).plan
    assert (None, (), False) == (plan.nodes[0].undo, plan.steps, plan.undoes)


def test_a_map_of_workflows_has_one_step_for_all_of_them():
    def caller(xs: list[str]):
        return paying_one.map(xs)

    stored = stored_of(caller)
    assert "0;spane.undo;default;;k;@w:paying_one#~undo" == stored["p:paying_one#~undo"]
    assert None is stored.get("c:paying_one#")


def test_a_caller_of_a_caller_has_a_step_as_well():
    @workflow
    def middle(x: str):
        return paying_one(x)

    def caller(x: str):
        return middle(x)

    assert "p:middle~undo" in stored_of(caller)


def test_an_undo_that_needs_what_may_have_been_skipped():
    def refund(amount: int) -> None: ...

    @node(on_failure="skip")
    def price() -> int:
        return 1

    made = node(undo=refund)(charge)

    @workflow
    def paying(x: str):
        return made(x, price())

    with pytest.raises(DefinitionError, match=r"Node 'charge~undo' needs 'amount', but .*price.* was not skipped"):
        _ = paying.plan


@pytest.mark.parametrize("given", [lambda: None, 3, "refund"])
def test_an_undo_that_is_no_node(given):
    with pytest.raises(DefinitionError):
        node(undo=given)(charge)


def test_steps_start_at_once():
    def refund(output: str) -> None: ...

    assert fault_of(node(undo=node(delay_s=2)(refund))(charge)) == (
        "bad-step",
        "'refund', the undo of node 'charge', has delay_s=2, but what follows a failure starts at once. Take it out.",
    )


def test_steps_choose_no_children():
    def refund(output: str) -> Route[str]: ...

    code, message = fault_of(node(undo=refund)(charge))
    assert ("bad-step", True) == (code, "has no children to choose from" in message)


def test_a_handler_takes_inputs_by_name_and_what_failed():
    def notify(failed: Failure, x: str, times: int = 1) -> None: ...

    handler = plan_of(node(charge), on_failure=notify).handler
    assert ("notify~on_failure", "notify") == (handler.id, handler.type)
    assert {"failed": Output(FAILED), "x": Input("x")} == dict(handler.arguments)


def test_a_handler_that_needs_what_is_no_input():
    def notify(why: str) -> None: ...

    assert fault_of(node(charge), on_failure=notify) == (
        "bad-handler",
        (
            "'notify', which hears of failures of workflow 'one', needs 'why', which is no input of the workflow (it has x). Name "
            "an input, annotate it `Failure` for what failed, or give it a default."
        ),
    )


def test_a_handler_whose_types_do_not_fit():
    def notify(x: list[int]) -> None: ...

    code, message = fault_of(node(charge), on_failure=notify)
    assert ("type-mismatch", True) == (code, message.startswith("Node 'notify~on_failure' takes list[int] as 'x'"))


def test_workflow_of_takes_a_handler():
    def notify(failure: Failure) -> None: ...

    made = workflow.of("wired", node(charge), on_failure=notify)
    assert "notify~on_failure" == made.plan.handler.id


def test_what_is_skipped_when_it_fails_may_not_be_needed():
    made = node(on_failure="skip")(charge)

    @node
    def ship(receipt: str) -> str:
        return receipt

    @workflow
    def shipping(x: str):
        return ship(made(x))

    with pytest.raises(DefinitionError) as caught:
        _ = shipping.plan
    assert [fault.message for fault in caught.value.faults] == [
        (
            "Node 'ship' needs 'receipt', but charge is there only if charge was not skipped. Give 'receipt' a default, annotate "
            "it `str | None`, or pass coalesce(...)."
        )
    ]


def test_what_is_skipped_when_it_fails_skips_what_has_a_default():
    made = node(on_failure="skip")(charge)

    @node
    def ship(receipt: str = "none") -> str:
        return receipt

    @node
    def tell(parcel: str | None) -> str:
        return str(parcel)

    @workflow
    def shipping(x: str) -> str | None:
        return tell(ship(made(x)))

    assert "skip" == shipping.plan.nodes[0].on_failure


def test_a_result_that_may_be_skipped_is_said_so():
    made = node(on_failure="skip")(charge)

    @workflow
    def charging(x: str) -> str:
        return made(x)

    with pytest.raises(
        DefinitionError, match="The workflow returns charge, which is there only if charge was not skipped"
    ):
        _ = charging.plan
