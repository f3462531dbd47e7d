"""One node runs by itself, as an execution of its own: on stored results, or on given inputs."""

from __future__ import annotations

import pytest

from spane import Engine, InputError, NodeError, node, workflow
from spane.authoring.registry import default
from spane.errors import UnknownExecution
from tests.flows import app, mapped, undone
from tests.flows.conftest import until, without_code
from tests.invariants import assert_holds

WITHIN_S = 20


def told(place, execution):
    return [line["node"] for line in place.saw(execution)]


def test_a_node_runs_on_the_results_of_an_execution_and_nothing_else_does(place):
    execution, _ = place.run(app.mending, value=3, gate=_open(place))
    before = execution.nodes()
    alone = execution.run_node("mended")
    assert 3 == alone.result(timeout_s=WITHIN_S)
    assert (["mended"], execution.id) == (told(place, alone), alone.replay_of)
    assert {"source": "succeeded", "mended": "succeeded"} == {name: view.state for name, view in alone.nodes().items()}
    assert before == execution.nodes()
    assert_holds(place.engine.store, [execution.id, alone.id])


def _open(place):
    gate = place.gate()
    place.open(gate)
    return gate


def test_it_has_the_merge_and_the_results_of_any_ancestor(place):
    execution, result = place.run(app.merging, seconds=[0, 0, 0])
    assert result == execution.run_node("merge").result(timeout_s=WITHIN_S)
    execution, result = place.run(app.ancestry, value=7)
    assert result == execution.run_node("recall").result(timeout_s=WITHIN_S)


def test_a_node_runs_on_given_inputs_instead(place):
    execution, _ = place.run(app.mending, value=3, gate=_open(place))
    alone = execution.run_node("mended", {"value": {"an": "other"}, "gate": _open(place)})
    assert {"an": "other"} == alone.result(timeout_s=WITHIN_S)
    assert ({"mended"}, execution.id) == (alone.nodes().keys(), alone.replay_of)
    merged = place.engine.run_node(app.merging, "merge", {"parents": {"a": 1, "z": 2}})
    assert {"a": 1, "z": 2} == merged.result(timeout_s=WITHIN_S)
    assert None is merged.replay_of
    assert_holds(place.engine.store, [execution.id, alone.id, merged.id])


def test_one_that_was_skipped_or_has_a_delay_runs_at_once(place):
    execution, _ = place.run(app.routing, to=["right"])
    assert "left of chosen" == execution.run_node("left").result(timeout_s=WITHIN_S)
    execution, _ = place.run(app.delaying, value=1)
    alone = execution.run_node("late")
    assert 1 == alone.result(timeout_s=WITHIN_S)
    started, claimed = (place.events(alone, kind)[0].at_ms for kind in ("execution_started", "node_claimed"))
    assert claimed < started + 900


def test_a_node_that_fails_by_itself_fails_its_execution_and_can_be_retried(place):
    gate = place.gate()
    execution = place.start(app.mending, {"value": 3, "gate": gate})
    assert "failed" == execution.wait(timeout_s=WITHIN_S)
    alone = execution.run_node("mended")
    assert "failed" == alone.wait(timeout_s=WITHIN_S)
    assert ["mended"] == place.dead_letters(alone)
    place.open(gate)
    place.engine.dead_letters.retry(f"{alone.id}:mended")
    assert 3 == alone.result(timeout_s=WITHIN_S)
    assert "failed" == execution.status()


def test_nodes_before_it_that_have_not_finished_are_named_and_nothing_is_started(place):
    gate = place.gate()
    execution = place.start(app.steps, {"gate": gate})
    until("held runs", lambda: place.saw(execution, "held"))
    with pytest.raises(InputError, match=r"what it takes is not there: 'held' is running\. Wait for that, or give"):
        execution.run_node("after_held")
    assert [execution.id] == [one.id for one in place.engine.executions() if one.id in place.started]
    place.open(gate)
    execution.result(timeout_s=WITHIN_S)


def test_an_unknown_node_and_an_unknown_execution_are_told(in_process):
    execution, _ = in_process.run(app.relaying, value=1)
    with pytest.raises(InputError, match=r"no such node\. Did you mean 'parent'\?"):
        execution.run_node("parnt")
    with pytest.raises(InputError, match=r"no such node\. The nodes are parent, child"):
        in_process.engine.run_node(app.relaying, "nobody", {})
    execution.id = "nobody"
    with pytest.raises(UnknownExecution):
        execution.run_node("child")


@pytest.fixture
def typed():
    before = default.snapshot()

    @node
    def weigh_alone(grams: int, *more: int, unit: str = "g") -> tuple[int, str]:
        return grams + sum(more), unit

    @workflow
    def weighing_alone(grams: int) -> tuple[int, str]:
        return weigh_alone(grams, 1, 2)

    with Engine.in_memory() as engine:
        yield engine, weighing_alone
    default.restore(before)


def test_inputs_and_result_are_those_of_its_annotations(typed):
    engine, weighing_alone = typed
    alone = engine.run_node(weighing_alone, "weigh_alone", {"grams": "7", "more": [1, 2], "unit": "kg"})
    assert (10, "kg") == alone.result(timeout_s=WITHIN_S)
    execution = engine.start(weighing_alone, {"grams": 1})
    execution.wait(timeout_s=WITHIN_S)
    assert (4, "g") == execution.run_node("weigh_alone").result(timeout_s=WITHIN_S)


def test_all_that_does_not_fit_is_told_at_once_and_nothing_is_started(typed):
    engine, weighing_alone = typed
    with pytest.raises(InputError) as caught:
        engine.run_node(weighing_alone, "weigh_alone", {"more": ["x"], "units": "kg"})
    text = str(caught.value)
    assert "Node 'weigh_alone' of workflow 'weighing_alone' cannot be run by itself:" in text
    assert "units: it has no such parameter. Did you mean 'unit'?" in text
    assert "grams: it is missing and has no default." in text
    assert "more[0]" in text
    with pytest.raises(InputError, match="inputs are 7; they are a dict of values by parameter"):
        engine.run_node(weighing_alone, "weigh_alone", 7)
    assert [] == engine.executions()


def test_without_the_code_of_the_workflow_inputs_cannot_be_given(typed):
    engine, weighing_alone = typed
    execution = engine.start(weighing_alone, {"grams": 1})
    execution.wait(timeout_s=WITHIN_S)
    execution = without_code(engine, execution)
    with pytest.raises(InputError, match="import the module of its node type 'weigh_alone'"):
        execution.run_node("weigh_alone", {"grams": 1})
    assert [4, "g"] == execution.run_node("weigh_alone").result(timeout_s=WITHIN_S)


def test_a_map_runs_over_a_list_that_is_given_or_was_there(place):
    execution = place.start(mapped.odds, {"numbers": [1, 2, 3]})
    assert [1, 3] == execution.result(timeout_s=WITHIN_S)
    assert [1, 3] == execution.run_node("odd_only").result(timeout_s=WITHIN_S)
    assert [5, 7] == place.engine.run_node(mapped.odds, "odd_only", {"n": [5, 6, 7]}).result(timeout_s=WITHIN_S)
    with pytest.raises(InputError, match="n: expected a valid array, got 5"):
        place.engine.run_node(mapped.odds, "odd_only", {"n": 5})


def test_errors_that_a_map_collects_are_read_as_such(place):
    parcels = [mapped.Item(name="box", weight=weight) for weight in (1, 2)]
    alone = place.engine.run_node(mapped.collecting, "pack", {"item": parcels, "stamp": "AT", "bad": 2})
    parcel, error = alone.result(timeout_s=WITHIN_S)
    assert (mapped.Parcel, NodeError) == (type(parcel), type(error))


def test_a_workflow_that_is_called_runs_though_nobody_has_started_its_caller(place):
    alone = place.engine.run_node(mapped.weighing_all, "weigh_one", {"n": [1, 2]})
    assert [10, 20] == alone.result(timeout_s=WITHIN_S)


def test_a_node_that_is_cancelled_while_it_runs_by_itself_is_undone_with_what_it_was_given(place):
    gate = place.gate()
    alone = place.engine.run_node(undone.booking, "book", {"room": 3, "guest": "ann", "gate": gate})
    until("it runs", lambda: place.events(alone, "node_claimed", node="book"))
    alone.cancel()
    place.open(gate)
    assert "cancelled" == alone.wait(timeout_s=WITHIN_S)
    assert [(3, "ann", "room 3 for ann")] == [
        (line["room"], line["guest"], line["output"]) for line in place.saw(alone, "book~undo")
    ]
    assert_holds(place.engine.store, [alone.id])
