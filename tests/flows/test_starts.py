"""Behaviour 62: starts with a key."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest

from spane import Engine, Workflow
from spane.authoring import registry
from spane.authoring.registry import Registry
from spane.errors import KeyConflict, PlanGone
from tests.flows import app


def test_62_a_repeated_key_gives_the_same_execution(place):
    gate, key = place.gate(), place.gate()
    first = place.start(app.handed, {"gate": gate}, key=key)
    assert first.id == place.start(app.handed, {"gate": gate}, key=key).id
    place.open(gate)
    first.result(timeout_s=20)
    again = place.start(app.handed, {"gate": gate}, key=key)
    assert (first.id, "completed") == (again.id, again.status())
    assert gate == again.result(timeout_s=20)
    assert ["gated", "child"] == [line["node"] for line in place.saw(first)]
    assert 1 == len(place.events(first, "execution_started"))


def test_62_many_at_once_start_one_execution(place):
    key = place.gate()
    with ThreadPoolExecutor(8) as threads:
        ids = set(threads.map(lambda _: place.start(app.relaying, {"value": 1}, key=key).id, range(32)))
    assert 1 == len(ids)
    execution = place.engine.get(ids.pop())
    assert 1 == execution.result(timeout_s=20)
    assert 1 == len(place.events(execution, "execution_started"))
    assert 2 == len(place.saw(execution))


def test_threads_that_start_the_first_executions_together_share_one_worker(flows_folder):
    with Engine.in_memory() as engine, ThreadPoolExecutor(16) as threads:
        together = Barrier(16)

        def start(number: int) -> int:
            together.wait(10)
            return engine.start(app.relaying, {"value": number}).result(timeout_s=20)

        assert list(range(16)) == list(threads.map(start, range(16)))
        assert 4 == engine.broker.process.pump.holdings.threads


def test_62_the_same_key_with_other_inputs_is_a_conflict(place):
    key = place.gate()
    first = place.start(app.relaying, {"value": 1}, key=key)
    with pytest.raises(KeyConflict) as caught:
        place.start(app.relaying, {"value": 2}, key=key)
    assert (
        f"Start key {key!r} already belongs to execution {first.id!r}, which was started with other inputs. Use another "
        "key, or the same inputs to get that execution back."
    ) == str(caught.value)
    assert 1 == first.result(timeout_s=20)


def test_62_another_workflow_may_use_the_same_key(place):
    key = place.gate()
    first = place.start(app.relaying, {"value": 1}, key=key)
    second = place.start(app.without_delay, {"value": 1}, key=key)
    assert first.id != second.id
    assert [1, 1] == [first.result(timeout_s=20), second.result(timeout_s=20)]


def test_an_execution_whose_plan_is_gone_says_so(place):
    execution, _ = place.run(app.relaying, value=1)
    store = place.engine.store
    key = store.keys.plan(app.relaying.plan.hash)
    kept = store.client.hgetall(key)
    store.client.delete(key)
    with pytest.raises(PlanGone, match="Start its workflow again"):
        execution.nodes()
    store.client.hset(key, mapping=kept)


def _defined(**says):
    """Return a workflow by a definition that says how it is started."""
    nodes = [{"id": "first", "type": "receive", "config": {}, "inputs": []}]
    return Workflow.from_definition({"id": "defined_start", "name": "A start", "nodes": nodes, **says})


def test_a_definition_says_priority_delay_and_key_of_its_starts(place):
    key = place.gate()
    made = _defined(priority=8, delay=700, jobId=key)
    before = place.engine.store.clock.now_ms()
    execution = place.start(made, {"data": 1})
    assert ("8", "scheduled") == tuple(place.engine.store.fields(execution.id, "@pr", "@st"))
    assert (
        execution.id == place.start(made, {"data": 1}).id == place.start(made, {"data": 1}, priority=None, key=None).id
    )
    with pytest.raises(KeyConflict):
        place.start(made, {"data": 2})
    assert {"data": 1} == execution.result(timeout_s=20)
    [claimed] = place.events(execution, "node_claimed")
    assert claimed.at_ms >= before + 700
    started = place.events(execution, "execution_started")
    assert [(8, key)] == [(event.data["priority"], event.data["key"]) for event in started]
    first, second = place.engine.start_many(made, [{"data": 1}, {"data": 2}])
    assert (execution.id, KeyConflict) == (first.id, type(second))
    one, other = place.engine.start_many(made, [{"data": 1}, {"data": 2}], keys=[None, place.gate()])
    assert execution.id == one.id != other.id
    assert made.to_definition()["jobId"] == key


def test_what_a_start_says_itself_wins_over_its_definition(place):
    made = _defined(priority=8, delay=3_600_000, jobId=place.gate())
    execution = place.start(made, {"data": 1}, priority=2, delay_s=0, key=place.gate())
    assert {"data": 1} == execution.result(timeout_s=20)
    assert ["2"] == place.engine.store.fields(execution.id, "@pr")
    at = datetime.now(UTC) + timedelta(seconds=30)
    if place.name == "in_process":  # whose clock is its own
        at = datetime.fromtimestamp(place.engine.store.clock.now_ms() / 1000 + 30, UTC)
    later = place.start(made, {"data": 2}, at=at, key=place.gate())
    [due] = place.engine.store.fields(later.id, "@due")
    assert abs(int(due) - at.timestamp() * 1000) < 2
    later.cancel()


def test_a_node_that_runs_a_defined_workflow_gives_it_the_priority_that_it_says(place):
    types = Registry()
    types.add(registry.default.get("receive"))
    below = _defined(priority=9, delay=3_600_000, jobId=place.gate())
    types.add_workflow(below)
    runs = {"type": "sub-workflow", "inputs": []}
    nodes = [
        {**runs, "id": "unsaid", "config": {"workflowId": "defined_start"}},
        {**runs, "id": "said", "config": {"workflowId": "defined_start"}, "spane": {"options": {"priority": 3}}},
    ]
    above = Workflow.from_definition({"id": "above_it", "name": "Above", "nodes": nodes}, types)
    execution = place.start(above, {"data": 1})
    execution.result(timeout_s=20)
    priorities = {
        place.engine.store.fields(child.id, "@up")[0].partition("|")[2].partition("|")[0]: place.engine.store.fields(
            child.id, "@pr"
        )[0]
        for child in execution.children()
    }
    assert {"unsaid": "9", "said": "3"} == priorities
