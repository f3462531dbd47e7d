"""Workflows called in the bodies of others."""

from __future__ import annotations

import pytest
from msgspec import Raw, json

from spane import Retry, node, workflow
from spane.errors import DefinitionError, UnknownOption
from spane.model.expressions import Constant, Input, Output
from spane.model.plan import Plan


@node
def double(number: int) -> int:
    return 2 * number


@node
def shout(text: str) -> str:
    return text.upper()


def inner_of(name="inner"):
    @workflow(name=name)
    def inner(number: int, times: int = 2) -> int:
        return double(number)

    return inner


def faults(flow):
    with pytest.raises(DefinitionError) as caught:
        _ = flow.plan
    return {fault.code: fault.message for fault in caught.value.faults}


def test_a_call_becomes_a_node_that_pins_the_plan_of_the_workflow():
    inner = inner_of()

    @workflow
    def outer(number: int) -> int:
        return double(inner(number, times=3))

    call, last = outer.plan.nodes
    assert ("inner", "spane.workflow", True, inner.plan.hash) == (call.id, call.type, call.waits, call.child)
    assert {"number": Input("number"), "times": Constant(Raw(b"3"))} == dict(call.arguments)
    assert {"number": Output("inner")} == dict(last.arguments)
    assert (inner.plan,) == outer.kids
    assert outer.plan == json.decode(outer.plan.encode(), type=Plan)


def test_its_result_is_taken_apart_and_checked_as_that_of_a_node():
    inner = inner_of()

    @workflow
    def wrong(number: int) -> str:
        return shout(inner(number))

    assert "Node 'shout' takes str as 'text', but is given int" in faults(wrong)["type-mismatch"]


def test_its_inputs_are_checked_as_parameters():
    inner = inner_of()

    @workflow
    def lacking() -> int:
        return inner()

    @workflow
    def unknown(number: int) -> int:
        return inner(number, tmies=1)

    @workflow
    def wrong() -> int:
        return inner("seven")

    assert "'inner' has nothing bound to its parameter 'number'" in faults(lacking)["unbound-parameter"]
    assert (
        "but workflow 'inner' takes no parameter of that name. Did you mean 'times'"
        in faults(unknown)["unknown-parameter"]
    )
    assert "takes int as 'number'" in faults(wrong)["type-mismatch"]


def test_it_is_named_and_given_rules_for_one_call():
    inner = inner_of()

    @workflow
    def outer(number: int) -> int | None:
        first = inner.named("first")(number)
        return inner.options(after=first, priority=9, delay_s=1, on_failure="continue").named("second")(number)

    first, second = outer.plan.nodes
    assert ("first", "second") == (first.id, second.id)
    assert (("first",), 9, 1_000, "continue") == (second.after, second.priority, second.delay_ms, second.on_failure)


def test_rules_of_nodes_are_none_of_its_own():
    with pytest.raises(UnknownOption, match="options of the nodes of the workflow that is called"):
        inner_of().options(retry=Retry(attempts=2))


def test_a_bad_name_is_refused():
    with pytest.raises(DefinitionError, match="'a b' cannot be a node's id"):
        inner_of().named("a b")


def test_outside_a_body_it_is_the_workflow_itself():
    @node
    def treble(number: int) -> int:
        return 3 * number

    assert 12 == workflow.of("alone", treble).named("once")(number=4)


def test_called_as_a_function_it_raises_what_the_user_raised_below():
    @node(retry=Retry(attempts=1))
    def breaks(number: int) -> int:
        raise ZeroDivisionError(number)

    inner = workflow.of("inner_breaking", breaks)

    @workflow
    def outer(number: int) -> int:
        return inner(number=number)

    with pytest.raises(ZeroDivisionError, match="4"):
        outer(4)


def test_passed_without_a_call_it_is_refused():
    inner = inner_of()

    @workflow
    def outer() -> int:
        return double(inner)

    assert "workflow 'inner' is passed itself" in faults(outer)["uncalled"]


def test_faults_of_the_workflow_called_are_told():
    @workflow
    def broken() -> str:
        return shout(3)

    @workflow
    def outer() -> str:
        return broken()

    assert "takes str as 'text'" in faults(outer)["type-mismatch"]


def test_one_made_of_nodes_alone_is_called_by_name():
    made = workflow.of("made", double)

    @workflow
    def outer(number: int) -> int:
        return made(number=number)

    assert [("number", Input("number"))] == list(outer.plan.nodes[0].arguments)


def test_a_workflow_that_calls_itself_is_refused():
    @workflow
    def forever(number: int) -> int:
        return forever(number)

    assert "workflow 'forever' calls itself (forever -> forever)" in faults(forever)["recursion"]


def test_two_workflows_that_call_each_other_are_refused():
    @workflow
    def ping(number: int) -> int:
        return pong(number)

    @workflow
    def pong(number: int) -> int:
        return ping(number)

    assert "(ping -> pong -> ping)" in faults(ping)["recursion"]
    assert "(pong -> ping -> pong)" in faults(pong)["recursion"]


def test_ten_levels_are_the_most():
    below = inner_of("level10")
    for level in range(9, 0, -1):
        below = wrapped(below, f"level{level}")
    assert 9 == len(below.kids)
    message = faults(wrapped(below, "level0"))["too-deep"]
    assert "runs workflow 'level1', which nests 10 levels by itself: executions stand at most 10 levels deep" in message


def wrapped(below, name):
    @workflow(name=name)
    def around(number: int) -> int:
        return below(number=number)

    return around
