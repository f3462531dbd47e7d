"""repeat_until in bodies."""

from __future__ import annotations

import pytest

from spane import Workflow, node, repeat_until, workflow
from spane.authoring import registry
from spane.errors import DefinitionError, ReferenceMisuse
from spane.model.expressions import Input


@node
def grow_number(number: int, by: int = 1) -> int:
    return number + by


@workflow
def growing(number: int, by: int = 1) -> int:
    return grow_number(number, by)


@node
def describe_number(number: int) -> list[str]:
    return [str(number)]


@workflow
def describing(number: int) -> list[str]:
    return describe_number(number)


@pytest.fixture(autouse=True)
def registered():
    registry.default.add_workflow(growing)


def faults(flow):
    with pytest.raises(DefinitionError) as caught:
        _ = flow.plan
    return {fault.code: fault.message for fault in caught.value.faults}


def test_it_becomes_one_node_with_its_condition():
    @workflow
    def outer(number: int) -> int:
        return repeat_until(growing.named("grown"), number, lambda grown: grown >= 10, max_iterations=20, by=3)

    [made] = outer.plan.nodes
    assert ("grown", "spane.repeat", growing.plan.hash) == (made.id, made.type, made.child)
    assert ["by", "number"] == sorted(name for name, _ in made.arguments)
    assert b'"most":20' in bytes(made.config)
    assert outer.plan == Workflow.from_definition(outer.to_definition()).plan


def test_the_condition_may_look_at_other_values():
    @workflow
    def outer(number: int, most: int) -> int:
        return repeat_until(growing, number, lambda grown: grown >= most, max_iterations=20)

    [made] = outer.plan.nodes
    assert Input("most") == dict(made.arguments)["until.1"]
    assert outer.plan == Workflow.from_definition(outer.to_definition()).plan


def test_what_it_returns_must_fit_what_it_takes():
    @workflow
    def outer(number: int) -> list[str]:
        return repeat_until(describing, number, lambda said: said[0] == "7", max_iterations=2)

    assert "returns list[str], but takes int as 'number', its first input" in faults(outer)["bad-repeat"]


@pytest.mark.parametrize("most", [0, -1, 2.5, True, None])
def test_max_iterations_is_a_whole_number_from_one_up(most):
    @workflow
    def outer(number: int) -> int:
        return repeat_until(growing, number, lambda grown: grown > 3, max_iterations=most)

    assert f"max_iterations is {most!r}; give a whole number from 1 up." == faults(outer)["bad-repeat"]


def test_only_workflows_are_repeated():
    @workflow
    def outer(number: int) -> int:
        return repeat_until(grow_number, number, lambda grown: grown > 3, max_iterations=3)

    assert "repeat_until takes a workflow" in faults(outer)["bad-repeat"]


def test_a_workflow_without_inputs_is_not_repeated():
    @workflow
    def still() -> int:
        return grow_number(1)

    @workflow
    def outer(number: int) -> int:
        return repeat_until(still, number, lambda grown: grown > 3, max_iterations=3)

    assert "takes no input" in faults(outer)["bad-repeat"]


def test_the_condition_is_one_on_references():
    @workflow
    def outer(number: int) -> int:
        return repeat_until(growing, number, lambda grown: True, max_iterations=3)

    with pytest.raises(ReferenceMisuse, match="repeat_until takes a condition made of references, and got True"):
        _ = outer.plan


def test_outside_a_body_it_says_what_to_write():
    with pytest.raises(ReferenceMisuse, match="In a plain function write a loop"):
        repeat_until(growing, 1, lambda grown: grown > 3, max_iterations=3)


def test_a_definition_must_say_all():
    with pytest.raises(DefinitionError, match="its config has no until, most"):
        Workflow.from_definition(
            {
                "id": "looping",
                "nodes": [{"id": "a", "type": "spane.repeat", "config": {"workflowId": "growing", "state": "number"}}],
            }
        )
