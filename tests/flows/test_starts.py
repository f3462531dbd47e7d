"""Behaviour 62: starts with a key."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from spane import Engine
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
