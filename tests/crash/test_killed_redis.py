"""A Redis that is killed and comes back with its log has lost nothing that it acknowledged."""

from __future__ import annotations

import random
import statistics
import time

import pytest

from spane.model.event import EventKind
from spane.runtime import stream
from tests.crash import app
from tests.crash.cluster import Load, Watch, counted, until

RESTARTS = counted(2, 10)
#: From PONG to the first commit: workers look again every 50 ms, load the scripts and adopt what they hold.
COMMITS_WITHIN_S = 2.0


@pytest.mark.timeout(120 + RESTARTS * 20)
@pytest.mark.parametrize("fsync", ["everysec", "always"])
def test_a_redis_killed_under_load_comes_back_with_everything(start_cluster, fsync):
    cluster = start_cluster(options={"appendfsync": fsync})
    rng, times_s = random.Random(2), []
    with Load(cluster) as load:
        for _ in range(RESTARTS):
            Watch(cluster).commits(rng.randrange(10, 80))
            times_s.append(_restart(cluster))
    cluster.check()
    times_s.sort()
    print(
        f"\nappendfsync {fsync}: {RESTARTS} restarts, {len(cluster.started)} executions, {load.refused} starts "
        f"repeated; first commit after PONG p50 {statistics.median(times_s):.2f} s, at most {times_s[-1]:.2f} s"
    )
    assert times_s[-1] <= COMMITS_WITHIN_S
    assert [] == _charged_for_redis(cluster)


def test_an_acknowledged_start_and_commit_stand_after_the_kill(start_cluster):
    cluster = start_cluster(0, options={"appendfsync": "always"})
    acknowledged = [cluster.start(app.chain, {"n": number}).id for number in range(50)]
    cluster.server.restart()
    assert acknowledged == [each for each in acknowledged if cluster.store.status(each) == "running"]
    cluster.start_worker()
    cluster.check()


def test_workers_wait_out_a_redis_that_is_down_for_longer_than_a_lease(start_cluster):
    cluster = start_cluster(lease_s=1.0, renew_s=0.3, sweep_s=0.1)
    with Load(cluster):
        Watch(cluster).commits(20)
        cluster.server.kill()
        until("a worker's word that Redis is away", lambda: "Trying again until Redis answers" in cluster.log())
        down_until = time.monotonic() + 2.0
        until("twice the lease", lambda: time.monotonic() > down_until)
        cluster.server.start()
        Watch(cluster).commits(20)
    cluster.check()
    # Nobody was dead, so nobody is taken over: those who could not renew either let all others renew first.
    assert [] == [event for event in stream.events(cluster.store) if event.kind is EventKind.NODE_LOST]


def test_workers_leave_a_redis_that_has_become_a_replica(start_cluster):
    cluster = start_cluster()
    with Load(cluster):
        Watch(cluster).commits(20)
        cluster.store.client.replicaof("127.0.0.1", "1")
        until("a worker's word that it is a replica", lambda: "read-only replica now" in cluster.log())
        cluster.store.client.replicaof("no", "one")
        Watch(cluster).commits(20)
    cluster.check()
    assert "refused" not in cluster.log()
    assert [] == _charged_for_redis(cluster)


def _restart(cluster) -> float:
    """Kill Redis and start it again; returns the seconds from PONG to the first commit."""
    cluster.server.kill()
    cluster.server.start()
    up = time.monotonic()
    Watch(cluster).until(lambda event: event.kind is EventKind.NODE_SUCCEEDED)
    return time.monotonic() - up


def _charged_for_redis(cluster) -> list[str]:
    """Return the nodes that failed a try because Redis was away, which is no fault of theirs.

    One that was put off, as a map is that could not keep its items, comes again as the same attempt.
    """
    charged, put_off = [], {}
    for event in stream.events(cluster.store):
        node = event.execution, event.node
        if event.kind is EventKind.NODE_CLAIMED and put_off.pop(node, event.attempt) != event.attempt:
            charged.append(f"{event.node}, now attempt {event.attempt}")
        elif event.kind is EventKind.NODE_RETRYING and event.error.type.startswith("spane.errors:Store"):
            put_off[node] = event.attempt
        elif event.error is not None and event.error.type.startswith("spane.errors:Store"):
            charged.append(f"{event.node}: {event.error}")
    return charged
