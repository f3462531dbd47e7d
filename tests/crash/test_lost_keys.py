"""What somebody deletes by hand in Redis: scripts, a queue, everything."""

from __future__ import annotations

import time

import pytest

from spane.errors import UnknownExecution
from tests.crash import app
from tests.crash.cluster import Load, Watch, until
from tests.servers import forget_scripts


def test_flushed_scripts_are_loaded_again_and_nothing_surfaces(cluster):
    with Load(cluster) as load:
        for _ in range(5):
            Watch(cluster).commits(20)
            forget_scripts(cluster.store.client)
        cluster.start(app.blobs, {"n": 3})
        Watch(cluster).commits(20)
    cluster.check()
    assert 0 == load.refused
    assert "NOSCRIPT" not in cluster.log()
    assert "Function not found" not in cluster.log()
    assert "refused" not in cluster.log()


@pytest.mark.timeout(90)
def test_a_deleted_queue_is_filled_again(start_cluster):
    cluster = start_cluster(0)
    executions = [cluster.start(app.chain, {"n": number}) for number in range(20)]
    assert cluster.store.client.delete(cluster.store.keys.queue("default", 5))
    deleted = time.monotonic()
    cluster.start_worker()
    cluster.start_worker()
    for execution in executions:
        until("a first start", lambda execution=execution: cluster.ran(execution.id))
    healed_s = time.monotonic() - deleted
    print(f"\nA deleted queue was filled again after {healed_s:.1f} s")
    assert healed_s <= 10.0 + 2.0  # The second addend is the start of the workers.
    for execution in executions:
        execution.wait(timeout_s=30)
    cluster.check()


def test_after_flushall_nobody_hangs_and_new_work_is_done(cluster):
    with Load(cluster):
        Watch(cluster).commits(30)
    gone = cluster.start(app.waiting, {"gate": "open"})
    until("the start", lambda: cluster.ran(gone.id))
    cluster.store.client.flushall()
    cluster.started.clear()
    with pytest.raises(UnknownExecution):
        gone.wait(timeout_s=10)
    cluster.open("open")
    again = cluster.start(app.chain, {"n": 1})
    assert 5 == again.result(timeout_s=20)
    cluster.check()
