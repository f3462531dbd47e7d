"""Behaviour 69, and replays from a node on."""

from __future__ import annotations

import pytest

from spane.errors import InputError, UnknownExecution
from tests.flows import app
from tests.invariants import assert_holds


def told(place, execution):
    return {line["node"] for line in place.saw(execution)}


def test_69_a_replay_has_the_same_data_and_links_to_the_execution_that_it_replays(place):
    execution, result = place.run(app.relaying, value={"deep": [1, None, "ä"]})
    before = execution.nodes()
    again = execution.replay()
    assert result == again.result(timeout_s=20)
    assert again.id != execution.id
    assert (execution.id, None) == (again.replay_of, execution.replay_of)
    assert [{"deep": [1, None, "ä"]}] * 2 == [line["value"] for line in place.saw(again)]
    assert before == execution.nodes()
    assert [execution.id] == [event.data["replay_of"] for event in place.events(again, "execution_started")]


def test_from_a_node_on_results_before_it_are_kept_and_all_below_it_runs_again(place):
    gate = place.gate()
    execution = place.fail(app.mending, value=3, gate=gate)
    place.open(gate)
    again = execution.replay(from_node="mended")
    assert [3, 3] == again.result(timeout_s=20)
    assert {"mended", "child", "gather"} == told(place, again)
    assert ("failed", "completed") == (execution.status(), again.status())
    assert_holds(place.engine.store, [execution.id, again.id])


def test_inputs_may_be_changed(place):
    gate = place.gate()
    execution = place.fail(app.mending, value=3, gate=gate)
    other = place.gate()
    place.open(other)
    again = execution.replay(from_node="mended", inputs={"gate": other})
    assert [3, 3] == again.result(timeout_s=20)
    with pytest.raises(InputError, match="nobody"):
        execution.replay(inputs={"nobody": 1})


def test_a_replay_of_a_replay_and_from_the_entry_node(place):
    execution, _ = place.run(app.relaying, value=1)
    again = execution.replay(from_node="child").replay(from_node="parent", inputs={"value": 2})
    assert 2 == again.result(timeout_s=20)
    assert {"parent", "child"} == told(place, again)


def test_a_replay_of_one_that_runs_keeps_what_has_ended(place):
    gate = place.gate()
    execution = place.start(app.steps, {"gate": gate})
    while execution.nodes()["after_quick"].state != "succeeded":
        pass
    again = execution.replay(from_node="after_held")
    place.open(gate)
    assert ["held", "quick"] == again.result(timeout_s=20) == execution.result(timeout_s=20)
    assert {"held", "after_held"} == told(place, again)


def test_large_results_are_kept(in_process):
    execution, _ = in_process.run(app.large, mebibytes=1)
    assert 1024 * 1024 == execution.replay(from_node="count_bytes").result(timeout_s=20)


def test_an_unknown_node_or_execution_says_so(place):
    execution, _ = place.run(app.relaying, value=1)
    with pytest.raises(InputError, match=r"it has no node 'nobody'\. The nodes are parent, child"):
        execution.replay(from_node="nobody")
    execution.id = "gone"
    for from_node in (None, "child"):
        with pytest.raises(UnknownExecution):
            execution.replay(from_node=from_node)


def test_a_replay_below_a_branch_goes_the_way_that_was_gone(place):
    execution, result = place.run(app.switching, n=2)
    again = execution.replay(from_node="below_two")
    assert result == again.result(timeout_s=20)
    assert ["below_two"] == [line["node"] for line in place.saw(again)]
    assert "skipped" == again.nodes()["one"].state


def test_a_replay_below_a_router_goes_the_way_that_it_chose(place):
    execution, result = place.run(app.routing, to=["left"])
    again = execution.replay(from_node="left")
    assert result == again.result(timeout_s=20)
    assert ["left", "below_left", "end"] == [line["node"] for line in place.saw(again)]
    assert "skipped" == again.nodes()["right"].state


def test_a_replay_keeps_out_whom_a_router_did_not_choose_though_nobody_had_decided_on_it(place):
    """What stood below the router and another node was waiting when the other one failed."""
    gate = place.gate()
    execution = place.fail(app.choosing_beside, to=["chosen"], gate=gate)
    assert "waiting" == execution.nodes()["joined"].state
    place.open(gate)
    again = execution.replay(from_node="mended")
    again.result(timeout_s=20)
    twice = again.replay(from_node="mended")
    twice.result(timeout_s=20)
    for one in (again, twice):
        assert {"chosen": "succeeded", "joined": "skipped"} == {
            name: one.nodes()[name].state for name in ("chosen", "joined")
        }


def test_a_replay_may_run_whom_a_router_chose_and_a_branch_skipped(place):
    execution, result = place.run(app.choosing_behind_a_branch, n=1)
    assert (None, "skipped") == (result, execution.nodes()["joined"].state)
    again = execution.replay(from_node="sizes", inputs={"n": 50})
    assert "joined of chosen" == again.result(timeout_s=20)


def test_inputs_and_nodes_that_cannot_be_replayed_are_told(place):
    execution, _ = place.run(app.relaying, value=1)
    with pytest.raises(InputError, match=r"inputs are \[1\]; they are a dict of values by name"):
        execution.replay(inputs=[1])
    with pytest.raises(InputError, match=r"it has no node 'chidl'\. Did you mean 'child'\?"):
        execution.replay(from_node="chidl")
