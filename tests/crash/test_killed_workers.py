"""A worker that is killed loses nothing, and another takes its attempts over within seconds."""

from __future__ import annotations

import random
import statistics

import pytest

from spane.model.event import EventKind
from tests.crash import app
from tests.crash.cluster import Load, Watch, counted

KILLS = counted(6, 60)
#: Default settings: what is left of a lease of 5 s, a rescue each 0.5 s, and the claim.
TAKEN_OVER_WITHIN_MS = 7_000
_ENDINGS = frozenset(kind for kind in EventKind if kind.name.startswith("EXECUTION_"))


@pytest.mark.timeout(120 + KILLS * 15)
def test_a_worker_killed_under_load_is_taken_over_and_nothing_is_lost(cluster):
    rng, times_ms, watch = random.Random(1), [], Watch(cluster)
    with Load(cluster):
        for _ in range(KILLS):
            watch.commits(rng.randrange(10, 80))
            times_ms.append(_kill_one(cluster, watch, rng))
    cluster.check()
    times_ms.sort()
    p99_ms = times_ms[min(len(times_ms) - 1, round(0.99 * len(times_ms)))]
    print(
        f"\n{KILLS} kills, {len(cluster.started)} executions: taken over after p50 {statistics.median(times_ms):.0f} ms, "
        f"p99 {p99_ms:.0f} ms, at most {times_ms[-1]:.0f} ms"
    )
    assert p99_ms <= TAKEN_OVER_WITHIN_MS


def test_a_map_whose_workers_are_killed_gives_every_result_once_and_in_order(cluster):
    rng, watch = random.Random(2), Watch(cluster)
    execution = cluster.start(app.mapped_wide, {"values": list(range(300))})
    for done in (20, 60, 60):
        watch.commits(done)
        cluster.kill(rng.choice(cluster.workers))
        cluster.start_worker(wait=False)
    assert sum(range(1, 301)) == execution.result(timeout_s=60)
    view = execution.nodes()["step"]
    assert ("succeeded", 300, 300) == (view.state, view.done, view.total)
    cluster.check()


def _kill_one(cluster, watch: Watch, rng: random.Random) -> float:
    """Kill a worker; returns the milliseconds until the last of its attempts went on elsewhere."""
    cluster.kill(rng.choice(cluster.workers))
    seconds, microseconds = cluster.store.client.time()
    killed_ms = seconds * 1000 + microseconds / 1000
    cluster.start_worker(wait=False)
    lost: set[tuple[str, str | None]] = set()
    for event in watch.events():
        if event.kind is EventKind.NODE_LOST:
            lost.add((event.execution, event.node))
        elif lost:
            if event.kind in (EventKind.NODE_CLAIMED, EventKind.NODE_PARKED):
                lost.discard((event.execution, event.node))
            elif event.kind in _ENDINGS:
                lost = {attempt for attempt in lost if attempt[0] != event.execution}
            if not lost:
                return event.at_ms - killed_ms
    raise AssertionError
