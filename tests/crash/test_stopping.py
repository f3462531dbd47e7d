"""A worker that is told to stop claims nothing more, finishes what runs and hands back what does not."""

from __future__ import annotations

import signal
import time

import pytest

from spane.model.event import EventKind
from spane.runtime import stream
from tests.crash import app
from tests.crash.cluster import Load, Watch, until


def test_after_sigterm_nothing_is_claimed_and_what_runs_is_finished(cluster):
    stopped = cluster.workers[0]
    with Load(cluster):
        Watch(cluster).commits(50)
        mine = _session_of(cluster, stopped)
        seconds, microseconds = cluster.store.client.time()
        stopped.process.send_signal(signal.SIGTERM)
        stopped.process.wait(30)
    asked_ms = seconds * 1000 + microseconds / 1000
    claims = [event for event in stream.events(cluster.store) if event.kind is EventKind.NODE_CLAIMED]
    late = [event.at_ms - asked_ms for event in claims if _belongs(event.token, mine) and event.at_ms > asked_ms + 100]
    assert [] == late
    assert not [event for event in stream.events(cluster.store) if event.kind is EventKind.NODE_LOST]
    assert mine not in cluster.sessions()
    cluster.workers.remove(stopped)
    cluster.check()


def test_what_was_claimed_and_not_started_goes_back_at_once(start_cluster):
    cluster = start_cluster(1)
    execution = cluster.start(app.waiting_wide, {"gate": "open"})
    until("eight starts", lambda: len(cluster.ran(execution.id)) == 8)
    first = cluster.workers[0]
    first.process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    other = cluster.start_worker()
    until("the other four", lambda: len(cluster.ran(execution.id)) == 12)
    taken_s = time.monotonic() - began
    cluster.open("open")
    first.process.wait(30)
    assert execution.wait(timeout_s=20) == "completed"
    assert {1} == {line["attempt"] for line in cluster.ran(execution.id)}
    assert taken_s < 4.0  # Most of it is the start of the other worker; a lease would be longer.
    assert other.process.poll() is None
    cluster.workers.remove(first)
    cluster.check()


@pytest.mark.timeout(90)
def test_a_node_that_runs_past_the_grace_is_handed_over_and_costs_no_try(start_cluster):
    cluster = start_cluster(1, shutdown_grace_s=1.0)
    execution = cluster.start(app.waiting, {"gate": "open"})
    until("the start", lambda: cluster.ran(execution.id))
    first = cluster.workers[0]
    first.process.send_signal(signal.SIGTERM)
    cluster.start_worker()
    until("the second start", lambda: len(cluster.ran(execution.id)) == 2, 20)
    until("the first worker's end", lambda: first.process.poll() is not None, 20)
    cluster.open("open")
    assert execution.wait(timeout_s=20) == "completed"
    assert [1, 1] == [line["attempt"] for line in cluster.ran(execution.id)]
    cluster.workers.remove(first)
    cluster.check()


def _session_of(cluster, worker) -> bytes:
    """Return the session of a worker: the one that is not of the others, found by who ran what it holds."""
    client, keys = cluster.store.client, cluster.store.keys

    def find():
        ran = {(line["execution"], line["node"]): line["pid"] for line in cluster.ran()}
        for session in cluster.sessions():
            for hint in client.hkeys(keys.session(session.decode())):
                execution, _, node = hint.decode().partition("|")
                if ran.get((execution, node)) == worker.child:
                    return session
        return None

    return until("something that the worker runs", find)


def _belongs(token: str | None, session: bytes) -> bool:
    return (token or "").startswith(f"{session.decode()}.")
