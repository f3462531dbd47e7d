"""What is undone of maps, and of workflows that had completed."""

from __future__ import annotations

import os
import signal

import pytest

from spane import Workflow
from spane.authoring import registry
from spane.errors import DeadLetterUndone, ExecutionCancelled, ExecutionFailed
from spane.testing.crashing import crash_everywhere
from tests.flows import undone
from tests.flows.conftest import until
from tests.flows.test_failures import letter, steps
from tests.invariants import Pending, assert_holds


def completed(place, execution):
    """Return what succeeded of an execution before it compensated, in order."""
    return [event.node for event in place.events(execution, "node_succeeded") if "~" not in event.node]


def undos(place, execution):
    """Return the nodes that were undone, in order."""
    found = [event.node for event in place.events(execution, "node_succeeded") if event.node.endswith("~undo")]
    return [name.removesuffix("~undo") for name in found]


def test_each_item_of_a_map_is_undone_in_reverse_order_with_what_it_was_given_and_gave(place):
    execution = place.fail(undone.group, count=4, guest="ann", how="broken")
    booked = [name for name in completed(place, execution) if "#" in name]
    assert (4, booked[::-1]) == (len(booked), undos(place, execution))
    for line in place.saw(execution):
        room = int(line["node"].partition("#")[2].partition("~")[0])
        assert (room, "ann", f"room {room} for ann") == (line["room"], line["guest"], line["output"])
        assert {"book": f"room {room} for ann"} == line["parents"]
    view = execution.nodes()["book#~undo"]
    assert ("succeeded", 4, 4) == (view.state, view.done, view.total)
    assert_holds(place.engine.store, [execution.id])


def test_of_a_map_that_failed_half_way_the_items_that_succeeded_are_undone(place):
    execution = place.fail(undone.group, count=5, guest="ann", how="well", full=3)
    booked = [name for name in completed(place, execution) if "#" in name]
    assert booked[::-1] == undos(place, execution)
    assert "book#3" not in booked
    assert_holds(place.engine.store, [execution.id])


def test_items_that_were_gone_on_without_are_not_undone(place):
    execution = place.fail(undone.group_with_gaps, count=3, guest="ann", how="broken", full=1)
    assert ({"book#0", "book#2"}, 2) == (set(undos(place, execution)), len(place.saw(execution)))
    assert_holds(place.engine.store, [execution.id])


def test_a_cancelled_map_undoes_the_items_that_run_to_their_end(place):
    gate = place.gate()
    execution = place.start(undone.group, {"count": 2, "guest": "ann", "how": "well", "gate": gate})
    until("the first is booked", lambda: "book#0" in completed(place, execution))
    until("the second runs", lambda: place.events(execution, "node_claimed", node="book#1"))
    execution.cancel()
    place.open(gate)
    assert "cancelled" == execution.wait(timeout_s=20)
    assert ["book#1", "book#0"] == undos(place, execution)
    assert_holds(place.engine.store, [execution.id])


def test_the_undo_of_an_item_that_fails_is_a_dead_letter_and_the_others_go_on(place):
    execution = place.fail(undone.group, count=3, guest="stuck", how="broken")
    assert {"pay", "book#1~undo"} == set(place.dead_letters(execution))
    assert {"book#0", "book#2"} == set(undos(place, execution))
    assert ("failed", 3) == (execution.nodes()["book#~undo"].state, execution.nodes()["book#~undo"].done)
    with pytest.raises(ExecutionFailed, match="After that 'book#1~undo' failed as well, with ConnectionError"):
        execution.result()
    (place.folder / f"{execution.id}.mended").touch()
    place.engine.dead_letters.retry(letter(execution, "book#1~undo"))
    until("it is undone", lambda: "book#1" in undos(place, execution))
    assert "failed" == execution.wait(timeout_s=20)
    assert_holds(place.engine.store, [execution.id])


def test_a_map_that_was_undone_runs_again_in_a_replay(place):
    execution = place.fail(undone.group, count=2, guest="ann", how="broken")
    again = execution.replay(from_node="pay", inputs={"how": "well"})
    place.started.append(again.id)
    assert "paid" == again.result(timeout_s=20)
    assert {"book#0", "book#1", "book", "pay"} == set(completed(place, again))


def undone_in(place, executions):
    """Return what was undone in any of some executions, in order, as (which of them, node)."""
    found = [
        (event.id, number, event.node.removesuffix("~undo"))
        for number, execution in enumerate(executions)
        for event in place.events(execution, "node_succeeded")
        if event.node.endswith("~undo")
    ]
    return [(number, node) for id_, number, node in sorted(found, key=lambda one: _position(one[0]))]


def _position(event_id):
    ms, _, sequence = event_id.partition("-")
    return int(ms), int(sequence)


def test_a_workflow_that_completed_is_undone_when_its_caller_fails(place):
    execution = place.fail(undone.trip, room=3, guest="ann", how="broken")
    [child] = execution.children()
    assert [(0, "behind"), (1, "book"), (0, "stay"), (0, "before")] == undone_in(place, [execution, child])
    [told] = place.saw(child, "book~undo")
    assert (3, "ann", "room 3 for ann") == (told["room"], told["guest"], told["output"])
    assert ("cancelled", execution.id) == (child.status(), child.parent.id)
    with pytest.raises(ExecutionCancelled, match=f"what it did is undone, because {execution.id} failed"):
        child.result()
    kinds = [event.kind for event in child.events() if event.kind.startswith("execution_")]
    assert ["execution_started", "execution_completed", "execution_compensating", "execution_cancelled"] == kinds
    assert_holds(place.engine.store, [execution.id, child.id])


def test_while_a_workflow_is_undone_its_caller_holds_no_worker_and_says_what_it_waits_for(place):
    gate = place.gate()
    execution = place.start(undone.trip, {"room": 3, "guest": gate, "how": "broken"})
    [child] = until("it has a child", execution.children)
    until("the child is undone", lambda: place.saw(child, "book~undo"))
    assert ("parked", "compensating") == (execution.nodes()["stay~undo"].state, child.status())
    cause = execution.explain().nodes["stay~undo"]
    assert ("child", child.id, "compensating") == (cause.kind, cause.execution, cause.status)
    assert f"{execution.id}|stay~undo" not in Pending.read(place.engine.store).leases
    place.open(gate)
    assert "failed" == execution.wait(timeout_s=20)


def test_a_workflow_that_completes_while_its_caller_is_failing_is_undone_as_well(place):
    gate, stays = place.gate(), place.gate()
    execution = place.start(undone.missing_out, {"room": 7, "guest": "ann", "gate": gate, "stays": stays})
    [child] = until("it has a child", execution.children)
    until("the child is at work", lambda: place.events(child, "node_claimed"))
    place.open(gate)
    until("its caller fails", lambda: execution.status() == "failing")
    place.open(stays)
    assert "failed" == execution.wait(timeout_s=20)
    assert [(1, "book"), (0, "stay")] == undone_in(place, [execution, child])
    assert "cancelled" == child.status()
    assert_holds(place.engine.store, [execution.id, child.id])


def test_a_cancelled_execution_undoes_the_workflows_that_completed(place):
    execution = place.start(undone.lingering, {"room": 7, "guest": "ann"})
    until("it lingers", lambda: execution.nodes()["enough"].state == "parked")
    execution.cancel("no time")
    assert "cancelled" == execution.wait(timeout_s=20)
    [child] = execution.children()
    assert ([(1, "book"), (0, "stay")], "cancelled") == (undone_in(place, [execution, child]), child.status())
    assert_holds(place.engine.store, [execution.id, child.id])


def test_each_workflow_of_a_map_is_undone(place):
    execution = place.fail(undone.trips, rooms=[4, 5, 6], guest="ann", how="broken")
    assert {"stay#0", "stay#1", "stay#2"} == set(undos(place, execution))
    assert [["book~undo"]] * 3 == [list(steps(child)) for child in execution.children()]
    assert {"cancelled"} == {child.status() for child in execution.children()}
    assert {4, 5, 6} == {place.saw(child, "book~undo")[0]["room"] for child in execution.children()}
    assert 3 == execution.nodes()["stay#~undo"].done
    assert_holds(place.engine.store, [execution.id, *(child.id for child in execution.children())])


def test_workflows_in_workflows_are_undone_down_to_the_last(place):
    execution = place.fail(undone.journey, room=2, guest="ann", how="broken")
    [middle] = execution.children()
    [innermost] = middle.children()
    assert {(2, "book"), (1, "stay"), (1, "bag"), (0, "tour")} == set(undone_in(place, [execution, middle, innermost]))
    assert ["cancelled"] * 2 == [middle.status(), innermost.status()]
    assert_holds(place.engine.store, [execution.id, middle.id, innermost.id])


def test_the_rounds_of_a_repeat_are_undone_the_last_first(place):
    execution = place.fail(undone.searching, guest="ann", how="broken")
    rounds = execution.children()
    assert [(3, "book"), (2, "book"), (1, "book"), (0, "another_room")] == undone_in(place, [execution, *rounds])
    assert ["cancelled"] * 3 == [child.status() for child in rounds]
    assert_holds(place.engine.store, [execution.id, *(child.id for child in rounds)])


def test_an_undo_that_fails_in_a_workflow_is_a_dead_letter_there_and_its_caller_goes_on(place):
    execution = place.fail(undone.trip, room=1, guest="stuck", how="broken")
    [child] = execution.children()
    assert (["book~undo"], ["pay"]) == (place.dead_letters(child), place.dead_letters(execution))
    assert ["behind", "stay", "before"] == undos(place, execution)
    (place.folder / f"{child.id}.mended").touch()
    place.engine.dead_letters.retry(letter(child, "book~undo"))
    until("it is undone", lambda: ["book"] == undos(place, child))
    assert ("cancelled", "failed") == (child.wait(timeout_s=20), execution.status())
    assert_holds(place.engine.store, [execution.id, child.id])


def test_a_workflow_with_nothing_to_undo_has_no_step_and_is_left_as_it_is(place):
    execution = place.fail(undone.strolling, how="broken")
    assert ({}, ["completed"]) == (steps(execution), [child.status() for child in execution.children()])
    assert [] == place.events(execution, "execution_compensating")


def test_a_workflow_that_was_undone_runs_again_in_a_replay(place):
    execution = place.fail(undone.trip, room=3, guest="ann", how="broken")
    again = execution.replay(from_node="pay", inputs={"how": "well"})
    place.started.append(again.id)
    assert "paid" == again.result(timeout_s=20)
    assert ["completed"] == [child.status() for child in again.children()]


def test_what_is_undone_below_is_undone_wherever_a_worker_dies(in_process):
    for crash in crash_everywhere(undone.trip, {"room": 3, "guest": "ann", "how": "broken"}, registry.default):
        assert "failed" == crash.status, crash
        ran = [name for name in dict.fromkeys(crash.ran) if name.endswith("~undo")]
        assert ["behind~undo", "stay~undo", "book~undo", "before~undo"] == ran, crash


def test_a_workflow_that_a_definition_runs_is_undone_as_well(place):
    nodes = [
        {"id": "stayed", "type": "sub-workflow", "config": {"workflowId": "stay"}},
        {"id": "paid", "type": "pay", "inputs": ["stayed"], "config": {"how": "broken"}},
    ]
    execution = place.fail(Workflow.from_definition({"id": "in_json", "nodes": nodes}), room=3, guest="ann", gate="")
    assert ["stayed"] == undos(place, execution)
    assert ["cancelled"] == [child.status() for child in execution.children()]


def test_the_undo_in_a_workflow_of_a_worker_that_dies_is_taken_over_and_the_caller_goes_on(place):
    if place.redis is None:
        pytest.skip("in process there is one worker")
    gate = place.gate()
    execution = place.start(undone.trip, {"room": 3, "guest": gate, "how": "broken"})
    [child] = until("it has a child", execution.children)
    [told] = until("the child is undone", lambda: place.saw(child, "book~undo"))
    os.kill(told["pid"], signal.SIGSTOP)
    try:
        until("another worker has it", lambda: len(place.saw(child, "book~undo")) > 1)
        place.open(gate)
        assert "failed" == execution.wait(timeout_s=20)
    finally:
        os.kill(told["pid"], signal.SIGCONT)
    assert ["behind", "stay", "before"] == undos(place, execution)
    assert_holds(place.engine.store, [execution.id, child.id])


def _retry_is_advised(execution):
    [child] = execution.children()
    node = next(name for name, view in child.nodes().items() if view.state == "failed")
    with pytest.raises(ExecutionFailed) as failed:
        execution.result()
    return f"Retry its dead letter, '{child.id}:{node}', and this execution goes on as well." in str(failed.value)


@pytest.mark.parametrize(
    ("workflow", "advised"),
    [(undone.calling_without, True), (undone.calling_booked_up, False), (undone.calling_with_a_bag, False)],
    ids=["nothing to undo", "it has undone", "its caller undoes"],
)
def test_a_caller_advises_the_retry_of_a_dead_letter_below_only_where_it_is_not_refused(place, workflow, advised):
    execution = place.fail(workflow, room=3)
    assert advised == _retry_is_advised(execution)
    [child] = execution.children()
    [letter] = [each for each in place.engine.dead_letters if each.execution == child.id]
    if advised:
        place.engine.dead_letters.retry(letter.id)
        assert "failed" == execution.wait(timeout_s=20)
    else:
        with pytest.raises(DeadLetterUndone):
            place.engine.dead_letters.retry(letter.id)
