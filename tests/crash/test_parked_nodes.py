"""Workers that are killed with a node that has waited, or with the probe of a circuit breaker: neither hangs, neither is charged."""

from __future__ import annotations

import pytest

from spane.model.event import EventKind
from tests.crash import app
from tests.crash.cluster import Cluster, until
from tests.crash.test_poison import revived

PACE = {"lease_s": 1.0, "renew_s": 0.3, "sweep_s": 0.1}


def of_kind(execution, kind):
    return [cause for cause in execution.explain().nodes.values() if cause.kind == kind]


def heeded(cluster: Cluster) -> list[int]:
    """Return the processes that came to read an event, one after the other."""
    path = cluster.folder / "heeded"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def kill_process(cluster: Cluster, pid: int) -> None:
    """Kill the worker whose process this is."""
    [worker] = [worker for worker in cluster.workers if worker.child == pid]
    cluster.kill(worker)


@pytest.mark.timeout(120)
def test_a_node_that_has_waited_goes_on_elsewhere_with_what_came(start_cluster):
    cluster = start_cluster(2, **PACE)
    execution = cluster.start(app.heeding, {"n": 1})
    until("it waits", lambda: of_kind(execution, "awaits"))
    execution.signal("said", "gate")
    [first] = until("it goes on", lambda: heeded(cluster))
    kill_process(cluster, first)
    until("another has it", lambda: len(heeded(cluster)) == 2)
    assert first != heeded(cluster)[1]
    cluster.open("gate")
    assert "gate" == execution.result(timeout_s=30)
    [view] = execution.nodes().values()
    # It was all that its worker held, so it runs alone, but what was killed from outside has not crashed.
    assert ("succeeded", 0, 1) == (view.state, view.crashes, view.attempt)
    assert 1 == sum(event.kind is EventKind.NODE_LOST for event in execution.events())
    cluster.check()


@pytest.mark.timeout(120)
def test_a_node_that_kills_its_worker_each_time_it_has_waited_is_a_dead_letter(start_cluster):
    cluster = start_cluster(1, **PACE)
    neighbours = cluster.start(app.waiting_wide, {"gate": "open"})
    until("the neighbours' start", lambda: len(cluster.ran(neighbours.id)) == 8)
    poison = cluster.start(app.heeding, {"n": 1})
    cluster.engine.signal(poison.id, "said", "die")
    cluster.open("open")
    until("the end of the poison", lambda: revived(cluster) and poison.status().ended)
    neighbours.wait(timeout_s=30)
    lost = [(event.data or {})["crashes"] for event in poison.events() if event.kind is EventKind.NODE_LOST]
    assert lost in ([0, 1, 2, 3], [0, 0, 1, 2, 3])
    assert ("failed", len(lost)) == (poison.status(), len(heeded(cluster)))
    [view] = poison.nodes().values()
    assert (3, "spane.errors:WorkerLost") == (view.crashes, view.error.type)
    assert ("completed", {0}) == (neighbours.status(), {one.crashes for one in neighbours.nodes().values()})
    cluster.check()


def at_the_bank(cluster: Cluster, *hows: str):
    """Open the breaker and have executions wait at it; returns them."""
    assert "failed" == cluster.start(app.paying, {"how": "fail"}).wait(timeout_s=30)
    return [cluster.start(app.paying, {"how": how}) for how in hows]


def probing(cluster: Cluster) -> list[dict]:
    return [line for line in cluster.ran() if line["how"] != "fail"]


@pytest.mark.timeout(120)
def test_a_probe_whose_worker_is_killed_is_given_to_another(start_cluster):
    cluster = start_cluster(2, **PACE)
    executions = at_the_bank(cluster, "gate", "gate", "gate")
    [probe] = until("one probes", lambda: probing(cluster))
    assert "half_open" == cluster.engine.breakers.get("bank").state
    kill_process(cluster, probe["pid"])
    until("another one probes", lambda: len(probing(cluster)) > 1)
    again = probing(cluster)[1]
    assert probe["pid"] != again["pid"]
    # One at a time, so nobody else has come to the bank by now.
    assert 2 == len(probing(cluster))
    cluster.open("gate")
    assert ["gate"] * 3 == [one.result(timeout_s=30) for one in executions]
    assert "closed" == cluster.engine.breakers.get("bank").state
    assert {0} == {view.crashes for one in executions for view in one.nodes().values()}
    cluster.check()


@pytest.mark.timeout(120)
def test_a_probe_that_kills_its_workers_does_not_keep_the_breaker_half_open(start_cluster):
    cluster = start_cluster(1, **PACE)
    poison, *others = at_the_bank(cluster, "die", "gate", "gate")
    cluster.open("gate")
    until("all have ended", lambda: revived(cluster) and all(one.status().ended for one in (poison, *others)))
    assert ("failed", ["gate"] * 2) == (poison.status(), [one.result(timeout_s=1) for one in others])
    [view] = poison.nodes().values()
    assert (3, "spane.errors:WorkerLost") == (view.crashes, view.error.type)
    assert {0} == {view.crashes for one in others for view in one.nodes().values()}
    assert "closed" == cluster.engine.breakers.get("bank").state
    cluster.check()
