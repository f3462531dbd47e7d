"""A worker that sleeps past its lease and wakes changes nothing that was taken over from it."""

from __future__ import annotations

import signal

import pytest

from spane.model.event import EventKind
from tests.crash import app
from tests.crash.cluster import Watch, counted, until

ROUNDS = counted(1, 10)


@pytest.mark.timeout(60 + ROUNDS * 30)
@pytest.mark.parametrize("fails", [False, True], ids=["late success", "late failure"])
def test_a_worker_that_sleeps_past_its_lease_is_fenced(start_cluster, fails):
    cluster = start_cluster(1)
    for number in range(ROUNDS):
        gate = f"gate{number}"
        watch = Watch(cluster)
        [sleeper] = cluster.workers
        execution = cluster.start(app.waiting, {"gate": gate, "fails": fails})
        until("the node's start", lambda execution=execution: cluster.ran(execution.id))
        sleeper.signal(signal.SIGSTOP)
        other = cluster.start_worker()
        watch.until(lambda event: event.kind is EventKind.NODE_LOST)
        until("the second start", lambda execution=execution: len(cluster.ran(execution.id)) == 2)
        # Both go on; the one that slept comes first, since the other is asleep now.
        other.signal(signal.SIGSTOP)
        cluster.open(gate)
        sleeper.signal(signal.SIGCONT)
        fenced = watch.until(lambda event: event.kind is EventKind.ATTEMPT_FENCED)
        assert execution.id == fenced.execution
        other.signal(signal.SIGCONT)
        execution.wait(timeout_s=30)
        assert len(cluster.ran(execution.id)) in (2, 3)  # The other may lose its lease as well while it sleeps.
        cluster.kill(sleeper)
    cluster.check()
