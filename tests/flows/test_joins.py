"""Behaviours 14 to 20: joins and the end of an execution."""

from __future__ import annotations

import os

import pytest

from tests.flows import app
from tests.flows.conftest import await_boot, until, workers


def few_at_a_time(place, workflow, *, nodes: int):
    """Yield executions of a workflow whose nodes wait for each other, never more than there are threads for."""
    for _ in range(4):
        together = [place.start(workflow, {"place": place.gate()}) for _ in range((8 if place.redis else 4) // nodes)]
        yield from together
        for execution in together:
            execution.wait(timeout_s=20)


def test_14_parents_that_finish_at_the_same_moment_release_the_child_once(place):
    for execution in few_at_a_time(place, app.meeting, nodes=2):
        assert ["left", "right"] == execution.result(timeout_s=20)
        assert 1 == len(place.saw(execution, "gather"))
        assert 1 == len(place.events(execution, "node_claimed", node="gather"))


def test_15_a_redelivered_parent_still_runs_its_children_once(place):
    gate = place.gate()
    execution = place.start(app.handed, {"gate": gate})
    until("the start of the parent", lambda: place.saw(execution, "gated"))
    store = place.engine.store
    for _ in range(3):  # the message comes again while its node runs
        store.client.lpush(store.keys.queue("default", 5), f"{execution.id}|gated")
    place.open(gate)
    assert gate == execution.result(timeout_s=20)
    for _ in range(3):  # and again when it is done
        store.client.lpush(store.keys.queue("default", 5), f"{execution.id}|gated")
    place.alive()
    assert ["gated", "child"] == [line["node"] for line in place.saw(execution)]
    assert ["gated", "child"] == [event.node for event in place.events(execution, "node_succeeded")]


def test_16_an_unfinished_parent_holds_the_child(place):
    gate = place.gate()
    execution = place.start(app.held, {"gate": gate})
    until("the end of the quick parent", lambda: place.events(execution, "node_succeeded", node="quick"))
    until("the start of the other", lambda: place.saw(execution, "gated"))
    assert ["waiting", "running"] == [execution.nodes()[name].state for name in ("gather", "gated")]
    place.open(gate)
    assert [gate, "quick"] == execution.result(timeout_s=20)
    assert 1 == len(place.saw(execution, "gather"))


def test_17_two_executions_never_mix(place):
    executions = [place.start(app.mixing, {"number": number, "seconds": 0.01 * (number % 3)}) for number in range(30)]
    for number, execution in enumerate(executions):
        assert [number, number] == execution.result(timeout_s=20)
        assert [[number, number]] == [line["value"] for line in place.saw(execution, "gather")]


@pytest.mark.redis
def test_18_a_crash_between_storing_and_releasing_still_releases(flows_folder, real):
    # The process dies in the node, after whatever the node did and before anything was released.
    with workers(real.redis.url, flows_folder, "-p", "1", "-t", "2", "-Q", "doomed", log="doomed.log") as doomed:
        await_boot(flows_folder / "doomed.log")
        execution = real.start(app.surviving, {"gate": real.gate()})
        until("the death of the worker", lambda: doomed.poll() is not None, within_s=20)
    with workers(real.redis.url, flows_folder, "-p", "1", "-t", "2", "-Q", "doomed", log="doomed.log"):
        # A crash is not an attempt.
        assert 1 == execution.result(timeout_s=20)
    assert 2 == len(real.saw(execution, "survive"))
    assert 1 == len(real.saw(execution, "child"))
    assert 1 == len(real.events(execution, "node_lost", node="survive"))


def test_19_the_child_of_a_failed_parent_never_starts(place):
    execution = place.fail(app.giving_up, reason="no")
    place.alive()
    assert [] == place.saw(execution, "child")
    assert ["failed", "waiting"] == [execution.nodes()[name].state for name in ("give_up", "child")]


def test_20_racing_finishers_complete_the_execution_exactly_once(place):
    for execution in few_at_a_time(place, app.racing, nodes=4):
        names = ["one", "two", "three", "four"]
        assert {name: name for name in names} == execution.result(timeout_s=20)
        assert 1 == len(place.events(execution, "execution_completed"))
        assert sorted(names) == sorted(event.node for event in place.events(execution, "node_succeeded"))


@pytest.mark.redis
def test_two_processes_share_the_work(real):
    executions = [real.start(app.mixing, {"number": 1, "seconds": 0.05}) for _ in range(40)]
    for execution in executions:
        execution.result(timeout_s=20)
    assert 2 == len({line["pid"] for execution in executions for line in real.saw(execution)} - {os.getpid()})
