"""A node that kills its workers becomes a dead letter after three crashes of its own, and charges nobody else."""

from __future__ import annotations

import pytest

from spane.model.event import EventKind
from tests.crash import app
from tests.crash.cluster import Cluster, until

PACE = {"lease_s": 1.0, "renew_s": 0.3, "sweep_s": 0.1}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("workflow", [app.poison, app.poison_on_loop], ids=["in a thread", "on the event loop"])
def test_a_node_that_aborts_its_process_is_a_dead_letter_after_three_crashes_of_its_own(start_cluster, workflow):
    cluster = start_cluster(1, **PACE)
    neighbours = cluster.start(app.waiting_wide, {"gate": "open"})
    until("the neighbours' start", lambda: len(cluster.ran(neighbours.id)) == 8)
    poison = cluster.start(workflow, {"n": 1})
    cluster.open("open")
    until("the end of the poison", lambda: revived(cluster) and poison.status().ended)
    neighbours.wait(timeout_s=30)
    assert "failed" == poison.status()
    lost = [event for event in poison.events() if event.kind is EventKind.NODE_LOST]
    # Nothing is charged while it could have been a neighbour: the first time, and once more if any was there.
    assert [(event.data or {})["crashes"] for event in lost] in ([0, 1, 2, 3], [0, 0, 1, 2, 3])
    assert len(lost) == len(cluster.ran(poison.id))
    [view] = poison.nodes().values()
    assert view.error is not None
    assert "spane.errors:WorkerLost" == view.error.type
    assert {0} == {view.crashes for view in neighbours.nodes().values()}
    assert "completed" == neighbours.status()
    cluster.check()


def revived(cluster: Cluster) -> bool:
    """Start workers that died again, as a process manager does."""
    for worker in list(cluster.workers):
        if worker.process.poll() is not None:
            cluster.kill(worker)
            cluster.start_worker(wait=False)
    return True
