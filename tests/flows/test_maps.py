"""Maps: a node for each item of a list that is known only at run time."""

from __future__ import annotations

import itertools

from spane.model.state import ExecutionState
from tests.flows import mapped
from tests.flows.conftest import until


def test_results_stand_in_the_order_of_the_list_and_other_arguments_are_the_same_for_all(place):
    execution, result = place.run(mapped.boxing, count=30, country="at")
    assert [f"item {index} to AT" for index in range(30)] == result
    assert {f"pack#{index}" for index in range(30)} == {line["node"] for line in place.saw(execution)}


def test_an_empty_list_gives_an_empty_list_and_runs_nothing(place):
    execution, result = place.run(mapped.boxing, count=0, country="at")
    assert ([], []) == (result, place.saw(execution))


def test_maps_follow_each_other_and_go_over_lists_of_lists(place):
    assert 9 + 49 == place.run(mapped.nested, rows=[[1, 2], [3, 4], []])[1]


def test_no_more_items_run_at_a_time_than_may(place):
    execution, result = place.run(mapped.narrow, numbers=list(range(12)))
    assert list(range(12)) == result
    steps = {"node_claimed": 1, "node_succeeded": -1}
    changes = [steps[e.kind] for e in place.events(execution, *steps) if e.node.startswith("slowly#")]
    assert 2 >= max(itertools.accumulate(changes))


def test_each_item_is_tried_again_by_itself(place):
    execution, result = place.run(mapped.retried, numbers=[0, 1, 2])
    assert [0, 3, 2] == result
    assert {"unsteady#1"} == {event.node for event in place.events(execution, "node_retrying")}


def test_an_item_that_fails_for_good_fails_the_execution_and_its_dead_letter_heals_it(place):
    execution = place.fail(mapped.boxing, count=5, country="at", bad=3)
    assert ["pack#3"] == place.dead_letters(execution)
    (place.folder / f"mended-{execution.id}").touch()
    [letter] = [each for each in place.engine.dead_letters if each.execution == execution.id]
    assert ("pack#3", "item 3 does not fit") == (letter.node, letter.error.message)
    place.engine.dead_letters.retry(letter.id)
    assert [f"item {index} to AT" for index in range(5)] == execution.result(timeout_s=20)


def test_errors_are_collected_in_the_place_of_their_items(place):
    execution, result = place.run(mapped.collecting, count=4, bad=2)
    assert ["item 0 to AT", "item 1 to AT", "ValueError: item 2 does not fit", "item 3 to AT"] == result
    assert ([], "completed") == (place.dead_letters(execution), execution.status())


def test_items_that_fail_are_left_out(place):
    execution, result = place.run(mapped.leaving_out, count=4, bad=2)
    assert ["item 0 to AT", "item 1 to AT", "item 3 to AT"] == result
    assert [] == place.dead_letters(execution)


def test_children_go_on_without_a_map_that_may_fail(place):
    execution, result = place.run(mapped.going_on, count=4, bad=2)
    assert ("nothing", ["pack"]) == (result, place.dead_letters(execution))
    assert "4 parcels" == place.run(mapped.going_on, count=4, bad=9)[1]


def test_items_that_skip_themselves_are_left_out(place):
    assert [1, 3, 5] == place.run(mapped.odds, numbers=[1, 2, 3, 4, 5])[1]


def test_a_map_stands_in_a_branch_and_its_list_is_coalesced(place):
    execution, result = place.run(mapped.perhaps, numbers=[1, 2], wanted=True)
    assert (5, "skipped") == (result, execution.nodes()["alone"].state)
    execution, result = place.run(mapped.perhaps, numbers=[1, 2], wanted=False)
    assert (49, "skipped") == (result, execution.nodes()["square"].state)


def test_a_value_that_is_no_list_fails_the_map_and_says_what_it_is(place):
    execution = place.fail(mapped.no_list, value=1)
    error = execution.nodes()["square"].error
    assert "Map 'square' goes over what is no list: {'not': 'a list'}." in error.message
    assert "parameter" not in error.message.partition(".")[0]


def test_how_far_it_has_come_is_seen_while_it_runs_and_told_by_events(place):
    gate = place.gate()
    execution = place.start(mapped.held_back, {"count": 3, "gate": gate})
    if place.name == "real":
        view = until("the items begin", lambda: (found := execution.nodes()["held_item"]).total and found)
        assert ("running", 0, 3) == (view.state, view.done, view.total)
        until("two items run", lambda: 2 == len(place.saw(execution)))
        explained = execution.explain().nodes["held_item"]
        assert "Its items are at work: 0 of 3 have ended; 2 run." == str(explained)
    place.open(gate)
    assert 3 == execution.result(timeout_s=20)
    assert ("succeeded", 3, 3) == ((view := execution.nodes()["held_item"]).state, view.done, view.total)
    told = [(e.data["done"], e.data["total"]) for e in place.events(execution, "node_progress", node="held_item")]
    assert [(1, 3), (2, 3), (3, 3)] == told


def test_paused_no_further_item_begins_until_it_is_resumed(place):
    gate = place.gate()
    execution = place.start(mapped.held_back, {"count": 4, "gate": gate})
    if place.name == "real":
        until("two items run", lambda: 2 == len(place.saw(execution)))
    execution.pause("lunch")
    place.open(gate)
    if place.name == "real":
        until("they have ended", lambda: execution.nodes()["held_item"].done == 2)
        assert 2 == len(place.saw(execution))
    execution.resume()
    assert 6 == execution.result(timeout_s=20)


def test_cancelled_it_ends_with_the_items_that_run(place):
    gate = place.gate()
    execution = place.start(mapped.held_back, {"count": 40, "gate": gate})
    if place.name == "real":
        until("two items run", lambda: 2 == len(place.saw(execution)))
    execution.cancel("enough")
    place.open(gate)
    assert ExecutionState.CANCELLED == execution.wait(timeout_s=20)
    assert 2 >= len(place.saw(execution))
    assert "cancelled" == execution.nodes()["held_item"].state


def test_a_replay_keeps_a_map_as_a_whole_or_runs_it_anew(place):
    execution, result = place.run(mapped.boxing, count=3, country="at")
    kept = execution.replay(from_node="labels")
    assert (result, []) == (kept.result(timeout_s=20), place.saw(kept))
    anew = execution.replay(from_node="pack")
    assert result == anew.result(timeout_s=20)
    assert {"pack#0", "pack#1", "pack#2"} == {line["node"] for line in place.saw(anew)}


def test_a_definition_runs_maps_as_well(place):
    written = mapped.boxing.to_definition()
    read = type(mapped.boxing).from_definition({**written, "id": "boxing_read"})
    assert ["item 0 to DE", "item 1 to DE"] == place.run(read, count=2, country="de")[1]


def test_a_workflow_is_mapped_each_item_a_child_of_its_own(place):
    execution, result = place.run(mapped.weighing_all, numbers=[1, 2, 3])
    assert [10, 20, 30] == result
    claimed = {event.node for event in place.events(execution, "node_claimed")}
    assert {"weigh_one", "weigh_one#0", "weigh_one#1", "weigh_one#2"} == claimed


def test_children_that_fail_are_collected_as_well(place):
    execution, result = place.run(mapped.weighing_some, numbers=[1, 2, 3], bad=2)
    assert ["10", "30"] == [result[0], result[2]]
    assert "Sub-workflow 'weigh_one'" in result[1]
    [failed] = [child for child in execution.children() if child.status() == "failed"]
    assert ([], ["weigh"]) == (place.dead_letters(execution), place.dead_letters(failed))


def test_items_wait_for_the_limit_of_their_type(place):
    execution, result = place.run(mapped.limited, numbers=list(range(6)))
    assert list(range(6)) == result
    steps = {"node_claimed": 1, "node_succeeded": -1}
    changes = [steps[e.kind] for e in place.events(execution, *steps) if "#" in e.node]
    assert 1 == max(itertools.accumulate(changes))
