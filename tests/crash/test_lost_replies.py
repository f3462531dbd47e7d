"""A call or a reply that gets lost on its way costs nothing but its repetition: nobody waits for a lease."""

from __future__ import annotations

import signal
import time

import pytest

from spane.errors import StoreError
from spane.model.event import EventKind
from spane.runtime import stream
from tests.crash import app
from tests.crash.cluster import Cluster, Load, Watch, counted, until
from tests.crash.proxy import Proxy
from tests.servers import RedisServer, binary_or_skip

INDICES = counted(2, 8)
#: A lease is 5 s; whatever ends sooner has not waited for one.
ENDS_WITHIN_S = 4.0


@pytest.fixture
def behind_proxy(tmp_path):
    """A cluster whose workers and whose engine reach Redis by way of a proxy."""
    with RedisServer(binary_or_skip()) as server:
        listen = server.folder / "proxy.sock"
        cluster = Cluster(server, tmp_path, f"unix://{listen}")
        scripts = cluster.store.scripts.values()
        proxy = Proxy(listen, server.socket, {script.address: script.name for script in scripts})
        try:
            for _ in range(2):
                cluster.start_worker()
            yield cluster, proxy
        finally:
            cluster.close()
            proxy.close()


def _start(cluster: Cluster, workflow, number: int, key: str):
    while True:
        try:
            execution = cluster.engine.start(workflow, {"n": number}, key=key)
        except StoreError:
            continue
        if execution.id not in cluster.started:
            cluster.started.append(execution.id)
        return cluster.direct.get(execution.id)


@pytest.mark.timeout(60 + INDICES * 90)
def test_a_lost_call_or_reply_of_any_script_is_made_good_without_waiting_for_a_lease(behind_proxy):
    cluster, proxy = behind_proxy
    slow: list[str] = []
    for script in ("start", "put_plan", "fetch", "commit", "put_blob", "renew", "rescue", "sweep", "resync"):
        for index in range(1, INDICES + 1):
            for before in (True, False):
                what = f"{script} number {index}, {'call' if before else 'reply'}"
                took_s = _strike(cluster, proxy, script, index, before=before, key=what)
                if took_s > ENDS_WITHIN_S:
                    slow.append(f"{what}: {took_s:.1f} s")
    assert [] == slow
    cluster.check()
    lost = [event for event in stream.events(cluster.store) if event.kind is EventKind.NODE_LOST]
    assert [] == lost
    print(f"\nLost one by one, calls of each script: {proxy.calls}")


def _strike(cluster: Cluster, proxy: Proxy, script: str, index: int, *, before: bool, key: str) -> float:
    """Lose one call while executions run; returns how long the last of them took from the loss on."""
    executions = [_start(cluster, app.blobs, 1, f"{key}/blob")] if script == "put_blob" else []
    proxy.arm(script, index, before=before)
    number = 0
    while not proxy.struck.is_set():
        if script == "put_plan":
            cluster.engine._starter._stored.clear()
        workflow = app.blobs if script == "put_blob" else app.LOAD[number % len(app.LOAD)]
        executions.append(_start(cluster, workflow, number, f"{key}/{number}"))
        number += 1
        if script == "resync":  # It is called after a connection broke.
            cluster.store.client.client_kill_filter(_type="normal", skipme=True)
        proxy.struck.wait(0.05)
    struck = time.monotonic()
    for execution in executions:
        until(f"the end after {key}", lambda execution=execution: execution.status().ended, 30)
    return time.monotonic() - struck


@pytest.mark.timeout(120)
def test_what_a_hanging_redis_does_after_its_callers_gave_up_is_found(cluster):
    with Load(cluster):
        for _ in range(counted(2, 10)):
            Watch(cluster).commits(30)
            cluster.server.send(signal.SIGSTOP)
            until("a worker's word that Redis is away", lambda: _gave_up(cluster), 10)
            cluster.server.send(signal.SIGCONT)
            Watch(cluster).commits(30)
    began = time.monotonic()
    cluster.check()
    assert time.monotonic() - began < 2 * ENDS_WITHIN_S


def _gave_up(cluster: Cluster) -> bool:
    """Tell whether both workers have given a call up since they last got an answer."""
    words = [line for line in cluster.log().splitlines() if "Trying again until" in line or "Redis answers" in line]
    by_process: dict[str, str] = {}
    for line in words:
        by_process[line.split("[PID ")[1].split("]")[0]] = line
    return len(by_process) == 2 and all("Trying again" in line for line in by_process.values())
