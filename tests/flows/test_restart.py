"""Behaviour 75: after a restart everything reads back, and a late write never changes a finished status."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import ExitStack

import pytest

from spane import Engine
from spane.settings import Settings
from tests.flows import app
from tests.flows.conftest import PACE, Place, sessions, until, workers
from tests.servers import RedisServer, binary_or_skip


def all_of(execution) -> dict:
    """Return everything that can be read of an execution."""
    return {
        "status": execution.status(),
        "nodes": execution.nodes(),
        "outputs": execution.outputs(),
        "events": list(execution.events()),
    }


@pytest.mark.redis
def test_75_after_a_restart_of_redis_everything_reads_back(flows_folder):
    with ExitStack() as stack:
        server = stack.enter_context(RedisServer(appendfsync="always"))
        engine = stack.enter_context(Engine(settings=Settings(redis_url=server.url, **PACE)))
        stack.enter_context(workers(server.url, flows_folder, "-p", "2", "-t", "4", "-Q", "default", log="restart.log"))
        place = Place("restarted", engine, flows_folder, server)

        done, _ = place.run(app.relaying, value={"kept": [None, 0]})
        failed = place.fail(app.giving_up, reason="kept")
        key, gate = place.gate(), place.gate()
        keyed = place.start(app.relaying, {"value": 1}, key=key)
        assert 1 == keyed.result(timeout_s=20)
        cancelled = place.start(app.relaying, {"value": 1}, delay_s=3600)
        cancelled.cancel("kept")
        scheduled = place.start(app.relaying, {"value": "later"}, delay_s=2)
        running = place.start(app.handed, {"gate": gate})
        until("the start of the node", lambda: place.saw(running))
        ended = (done, failed, keyed, cancelled)
        before = [all_of(execution) for execution in ended]
        assert ["completed", "failed", "completed", "cancelled"] == [found["status"] for found in before]

        server.restart(signal.SIGKILL)

        assert before == [all_of(execution) for execution in ended]
        assert {"kept": [None, 0]} == done.result()
        assert ["give_up"] == place.dead_letters(failed)
        assert keyed.id == place.start(app.relaying, {"value": 1}, key=key).id
        # What had not ended goes on.
        place.open(gate)
        assert gate == running.result(timeout_s=20)
        assert "later" == scheduled.result(timeout_s=20)
        assert 1 == len(place.saw(running, "child"))
        place.alive()


@pytest.mark.redis
def test_who_follows_events_outlives_a_restart_of_redis(flows_folder):
    with ExitStack() as stack:
        server = stack.enter_context(RedisServer(appendfsync="always"))
        engine = stack.enter_context(Engine(settings=Settings(redis_url=server.url, **PACE)))
        stack.enter_context(
            workers(server.url, flows_folder, "-p", "1", "-t", "2", "-Q", "default", log="followed.log")
        )
        place = Place("followed", engine, flows_folder, server)
        gate = place.gate()
        execution = place.start(app.handed, {"gate": gate})
        told = []
        for event in execution.events(follow=True):
            told.append(event)
            if event.kind == "node_claimed" and event.node == "gated":
                server.kill()
                # It is away while the next event is asked for.
                threading.Timer(1.0, server.start).start()
                place.open(gate)
        assert list(execution.events()) == told
        assert "execution_completed" == told[-1].kind


def test_75_after_a_restart_of_the_embedded_store_everything_reads_back(flows_folder, tmp_path):
    binary_or_skip("valkey")
    with Engine.embedded(tmp_path / "kept") as engine, engine.work(threads=2):
        done = engine.start(app.relaying, {"value": {"kept": 1}})
        done.result(timeout_s=20)
        before = all_of(done)
    with Engine.embedded(tmp_path / "kept") as engine:
        assert before == all_of(engine.get(done.id))
        assert {"kept": 1} == engine.get(done.id).result(timeout_s=20)


@pytest.mark.redis
def test_75_a_late_write_never_changes_a_finished_status(flows_folder, real):
    options = ("-p", "1", "-t", "1", "-Q", "doomed")
    before = sessions(real.engine)
    with (
        workers(real.redis.url, flows_folder, *options, log="late.log"),
        workers(real.redis.url, flows_folder, *options, log="late.log"),
    ):
        until("the start of both", lambda: sessions(real.engine) >= before + 2)
        gate = real.gate()
        execution = real.start(app.handed_elsewhere, {"gate": gate})
        (line,) = until("the start of the node", lambda: real.saw(execution, "gated"))
        os.kill(line["pid"], signal.SIGSTOP)
        try:
            until("the takeover", lambda: len(real.saw(execution, "gated")) == 2)
            real.open(gate)
            assert gate == execution.result(timeout_s=20)
            finished = all_of(execution)
        finally:
            os.kill(line["pid"], signal.SIGCONT)
        (fenced,) = until("the late write", lambda: real.events(execution, "attempt_fenced"))
        assert "gated" == fenced.node
        after = all_of(execution)
        assert finished["events"] == [event for event in after.pop("events") if event != fenced]
        assert {**finished, "events": None} == {**after, "events": None}
        assert "completed" == execution.status()
