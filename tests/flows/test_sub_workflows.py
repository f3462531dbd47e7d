"""Behaviours 52 to 58: workflows that run in others."""

from __future__ import annotations

import time

import pytest

from spane import Workflow, node, workflow
from spane.errors import DefinitionError, ExecutionCancelled, ExecutionFailed, IllegalTransition
from spane.runtime import overview
from tests.flows import app
from tests.flows.conftest import until
from tests.invariants import assert_holds

WITHIN_S = 20


def child_of(execution):
    return until("the child has started", execution.children)[0]


def family(execution):
    """Return an execution, its child, its child's child and so on."""
    found = [execution]
    while children := found[-1].children():
        found += children
    return found


def held(place, workflow=app.around):
    """Start a workflow whose innermost node waits for a gate; returns the execution, those below it, and the gate."""
    gate = place.gate()
    execution = place.start(workflow, {"value": 7, "gate": gate})
    until("the innermost node runs", lambda: any(place.saw(one, "held_open") for one in family(execution)))
    return family(execution), gate


def test_52_a_cancelled_parent_cancels_its_children(place):
    executions, gate = held(place)
    assert 1 == executions[0].cancel("enough")
    place.open(gate)
    assert ["cancelled"] * 3 == [one.wait(timeout_s=WITHIN_S) for one in executions]
    with pytest.raises(ExecutionCancelled, match="enough"):
        executions[-1].result()
    assert_holds(place.engine.store, [one.id for one in executions])


def test_52_a_pause_and_a_resume_go_down_as_well(place):
    executions, gate = held(place)
    executions[0].pause("lunch")
    until("all are paused", lambda: {"paused"} == {one.status() for one in executions})
    place.open(gate)
    until("the node has ended", lambda: executions[-1].nodes()["held_open"].state == "succeeded")
    place.alive()
    assert {"paused"} == {one.status() for one in executions}
    executions[0].resume()
    assert 7 == executions[0].result(timeout_s=WITHIN_S)
    assert_holds(place.engine.store, [one.id for one in executions])


def test_53_the_parent_goes_on_with_the_output_of_its_child(place):
    execution, result = place.run(app.shipping, value={"a": [1, None]})
    assert {"a": [1, None]} == result
    [child] = execution.children()
    assert ("completed", execution.id) == (child.wait(timeout_s=WITHIN_S), child.parent.id)
    assert execution.parent is None
    assert [{"a": [1, None]}] == [line["value"] for line in place.saw(execution, "shipped")]
    assert_holds(place.engine.store, [execution.id, child.id])


def test_53_a_parent_holds_no_worker_while_its_child_runs(place):
    executions, gate = held(place)
    nodes = [one.nodes() for one in executions]
    assert ["parked", "parked", "running"] == [
        nodes[0]["shipping"].state,
        nodes[1]["packing"].state,
        nodes[2]["held_open"].state,
    ]
    place.open(gate)
    assert 7 == executions[0].result(timeout_s=WITHIN_S)


def in_json(**config):
    """Return a definition whose only node runs `packing`."""
    nodes = [{"id": "call", "type": "sub-workflow", "config": {"workflowId": "packing", **config}}]
    return Workflow.from_definition({"id": "in_json", "nodes": nodes})


def test_54_mappings_rename_keys_and_missing_sources_are_left_out(place):
    made = in_json(
        inputMapping={"value": "order.lines", "gate": "nowhere.to.be.found"},
        outputMapping={"first": "a", "gone": "b"},
    )
    execution, result = place.run(made, order={"lines": {"a": 1, "c": 2}})
    assert {"first": 1} == result
    [seen] = place.saw(execution.children()[0], "held_open")
    assert {"a": 1, "c": 2} == seen["value"]


def test_54_a_mapping_that_finds_nothing_for_a_required_input_names_its_path(place):
    made = in_json(inputMapping={"value": "order.wares", "gate": "nowhere.to.be.found"})
    execution = place.start(made, {"order": {"lines": 1}})
    assert "failed" == execution.wait(timeout_s=20)
    message = execution.nodes()["call"].error.message
    assert (
        "Node 'call' has nothing for the input 'value' of workflow 'packing': its inputMapping takes that from 'order.wares', "
        "where nothing stands in what the node is given." in message
    )
    assert "nowhere" not in message


def test_54_several_parents_are_looked_up_by_their_ids(place):
    nodes = [
        {"id": "left", "type": "receive", "outputs": ["call"]},
        {"id": "right", "type": "receive", "outputs": ["call"]},
        {
            "id": "call",
            "type": "sub-workflow",
            "config": {"workflowId": "packing", "inputMapping": {"value": "right.n"}, "continueOnFail": True},
        },
    ]
    made = Workflow.from_definition({"id": "several", "nodes": nodes})
    assert 4 == place.run(made, n=4)[1]


def test_58_an_unknown_child_is_refused_and_nothing_is_created(in_process):
    with pytest.raises(DefinitionError, match="runs workflow 'pakcing', which is not registered"):
        in_json(workflowId="pakcing")
    assert [] == overview.active(in_process.engine.store)


def test_55_several_ends_are_a_mapping_by_node(place):
    _, result = place.run(app.around_two_ends, value=3)
    assert {"left": 3, "right": 3} == result


def test_56_a_childs_failure_fails_the_parent_naming_it(place):
    execution = place.fail(app.over_breaking, cure=place.gate())
    child = child_of(execution)
    with pytest.raises(ExecutionFailed) as caught:
        execution.result()
    said = str(caught.value)
    assert "breaking" == caught.value.node
    for part in (
        f"Sub-workflow 'breaking' (execution '{child.id}')",
        "node 'break_unless'",
        "ValueError: it is broken",
    ):
        assert part in said
    assert 1 == execution.nodes()["breaking"].attempt
    assert ["breaking"] == place.dead_letters(execution)
    assert_holds(place.engine.store, [execution.id, child.id])


def test_56_a_failure_that_is_gone_on_from(place):
    execution, result = place.run(app.without_breaking, cure=place.gate())
    assert (None, "failed") == (result, child_of(execution).status())


def test_healing_a_childs_dead_letter_heals_its_parent(place):
    cure = place.gate()
    execution = place.fail(app.over_breaking, cure=cure)
    child = child_of(execution)
    place.open(cure)
    place.engine.dead_letters.retry(f"{child.id}:break_unless")
    assert "whole" == execution.result(timeout_s=WITHIN_S)
    assert [child.id] == [one.id for one in execution.children()]
    assert ([], []) == (place.dead_letters(execution), place.dead_letters(child))
    assert_holds(place.engine.store, [execution.id, child.id])


def test_retrying_the_parents_own_dead_letter_starts_a_new_child(place):
    cure = place.gate()
    execution = place.fail(app.over_breaking, cure=cure)
    place.open(cure)
    place.engine.dead_letters.retry(f"{execution.id}:breaking")
    assert "whole" == execution.result(timeout_s=WITHIN_S)
    assert ["failed", "completed"] == [one.status() for one in execution.children()]


def test_a_child_that_was_cancelled_by_itself_fails_its_parent(place):
    executions, gate = held(place, app.shipping)
    executions[1].cancel("not this one")
    place.open(gate)
    with pytest.raises(ExecutionFailed, match="was cancelled: not this one"):
        executions[0].result(timeout_s=WITHIN_S)


def test_57_depth_grows_by_one_a_level(place):
    executions, gate = held(place)
    place.open(gate)
    assert 7 == executions[0].result(timeout_s=WITHIN_S)
    [told] = place.saw(executions[2], "held_open")
    assert (executions[1].id, 2) == (told["parent"], told["depth"])


def test_57_the_tenth_level_is_refused_and_nothing_is_created(in_process):
    def wrapped(inner, number):
        @workflow(name=f"nested_deep{number}")
        def nesting(value: int) -> int:
            return inner(value=value)

        return nesting

    @node
    def innermost(value: int) -> int:
        return value

    nested_deep = workflow.of("nested_deep", innermost)
    for number in range(9):
        nested_deep = wrapped(nested_deep, number)
    assert 5 == in_process.run(nested_deep, value=5)[1]
    with pytest.raises(DefinitionError, match="at most 10 levels deep"):
        in_process.engine.start(wrapped(nested_deep, 9), {"value": 5})
    assert [] == overview.active(in_process.engine.store)


def test_a_repeated_workflow_runs_on_its_own_result_until_the_condition_holds(place):
    execution, result = place.run(app.counting, number=0, to=3)
    rounds = execution.children()
    assert (3, 3) == (result, len(rounds))
    assert [0, 1, 2] == [place.saw(one, "add_one")[0]["number"] for one in rounds]
    assert_holds(place.engine.store, [execution.id, *(one.id for one in rounds)])


def test_running_out_of_rounds_is_an_error_that_says_so(place):
    execution = place.fail(app.counting, number=0, to=100)
    with pytest.raises(ExecutionFailed, match="for 5 rounds, and its condition does not hold for the last result, 5"):
        execution.result()
    assert 5 == len(execution.children())


def test_a_round_that_failed_is_healed_and_the_others_follow(place):
    limit = time.time_ns()
    execution = place.fail(app.counting, number=limit - 1, to=limit + 2, limit=limit)
    [_, failed] = execution.children()
    place.open(f"cure-{limit}")
    place.engine.dead_letters.retry(f"{failed.id}:add_one")
    assert limit + 2 == execution.result(timeout_s=WITHIN_S)
    assert 3 == len(execution.children())


def test_a_child_that_has_ended_refuses_controls(place):
    execution, _ = place.run(app.shipping, value=1)
    with pytest.raises(IllegalTransition):
        execution.children()[0].cancel()


def test_a_replay_runs_its_own_children(place):
    execution, _ = place.run(app.shipping, value=1)
    again = execution.replay()
    assert 1 == again.result(timeout_s=WITHIN_S)
    assert [one.id for one in again.children()] != [one.id for one in execution.children()]
    from_last = execution.replay(from_node="shipped")
    assert (1, []) == (from_last.result(timeout_s=WITHIN_S), from_last.children())
