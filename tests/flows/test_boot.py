"""A worker boots as soon as Redis answers and again on the same engine; one that cannot boot says why and does not go on."""

from __future__ import annotations

import logging
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from dramatiq import Message

from spane import Engine, node, workflow
from spane.errors import StoreUnavailable
from spane.settings import Settings
from tests.flows import app
from tests.flows.conftest import PACE, await_boot, until, workers

pytestmark = pytest.mark.redis


@node
def boot_add(n: int) -> int:
    return n + 1


@node
async def boot_double(n: int) -> int:
    return 2 * n


@workflow
def booted(n: int) -> int:
    return boot_add.named("last")(boot_double(boot_add(n)))


@pytest.fixture
def server(start_server):
    return start_server()


@pytest.fixture
def engine(server):
    with Engine(settings=Settings(redis_url=server.url, **PACE)) as engine:
        yield engine


def works(engine: Engine) -> None:
    assert 5 == engine.start(booted, {"n": 1}).result(timeout_s=20)


def threads_of_ours() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("spane-")]


def test_a_worker_boots_again_on_the_same_engine(engine, caplog):
    for _ in range(3):
        with engine.work(threads=1):
            works(engine)
        assert engine.broker.process is None
    told = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert [] == [message for message in told if "cannot be planned" not in message]  # Other tests' workflows.


def test_a_worker_that_has_stopped_reads_no_queue_that_comes_later(engine):
    with engine.work(threads=1) as first:
        works(engine)
    read = set(first.consumers)

    @workflow
    def booted_elsewhere(n: int) -> int:
        return boot_add.options(queue="boot_elsewhere")(n)

    with engine.work(threads=1):
        assert 2 == engine.start(booted_elsewhere, {"n": 1}).result(timeout_s=20)
    assert read == set(first.consumers)


def test_two_workers_beside_each_other_share_what_runs_nodes_and_the_next_boots_anew(engine):
    with engine.work(threads=1), engine.work(threads=1):
        works(engine)
    with engine.work(threads=1):
        works(engine)


def test_a_worker_in_a_program_waits_for_redis(engine, server, caplog):
    server.kill()
    over = threading.Event()

    def work() -> None:
        with engine.work(threads=1):
            assert over.wait(30)

    with ThreadPoolExecutor(1) as threads:
        worker = threads.submit(work)
        try:
            until("the wait", lambda: "The worker waits for Redis to start, for at most 20 s" in caplog.text)
            server.start()
            works(engine)
        finally:
            over.set()
        worker.result(timeout=20)


def test_a_program_is_told_that_redis_did_not_come_and_may_try_again(engine, server):
    server.kill()
    before, options = threads_of_ours(), engine.broker.worker_options
    engine.broker.worker_options = replace(options, boot_within_s=0.2)
    with pytest.raises(StoreUnavailable) as caught, engine.work(threads=1):
        pytest.fail("the worker runs without Redis")
    assert "The worker does not start: Redis did not answer within 0.2 s. Redis cannot be reached" in str(caught.value)
    assert (None, before) == (engine.broker.process, threads_of_ours())
    server.start()
    with engine.work(threads=1):
        works(engine)


def test_a_worker_process_boots_when_redis_restarts_while_modules_are_imported(engine, server, tmp_path):
    with workers(server.url, tmp_path, "tests.flows.held_import", "-p", "1", "-t", "1", "-Q", "default") as process:
        until("the import", (tmp_path / "importing").exists)
        server.kill()
        server.socket.unlink()
        with socket.socket(socket.AF_UNIX) as nobody:
            nobody.bind(str(server.socket))
            nobody.listen()
            (tmp_path / "imported").touch()
            nobody.settimeout(20)
            nobody.accept()[0].close()
        server.start()
        assert [1, 2] == engine.start(app.relaying, {"value": [1, 2]}).result(timeout_s=20)
        assert process.poll() is None
    assert 1 == (tmp_path / "workers.log").read_text().count("The worker waits for Redis to start")


def test_a_worker_and_a_client_need_no_more_rights_than_the_page_gives(server, tmp_path):
    page = Path(__file__).parents[2] / "docs" / "redis.md"
    line = next(line.strip() for line in page.read_text().splitlines() if "ACL SETUSER spane" in line)
    server.client().execute_command(*line.split())
    url = f"unix://spane:secret@{server.socket}"
    with (
        Engine(settings=Settings(redis_url=url, **PACE)) as engine,
        workers(url, tmp_path, "-p", "1", "-t", "2") as process,
    ):
        await_boot(tmp_path / "workers.log")
        assert [1, 2] == engine.start(app.relaying, {"value": [1, 2]}).result(timeout_s=20)
        assert "completed" == engine.start(app.by_default, {"attempt": 2}).wait(timeout_s=20)
        engine.broker.enqueue(Message("default", "ring", ("rung",), {}, {}))
        until("the message", (tmp_path / "rung").exists)
        held = engine.start(app.held, {"gate": "gate"})
        until("the node", lambda: "running" in {view.state for view in held.nodes().values()})
        held.cancel("enough")
        assert "cancelled" == held.wait(timeout_s=20)
        assert engine.stats()
        assert process.poll() is None
    log = (tmp_path / "workers.log").read_text()
    assert "may not" not in log
    assert "permission" not in log


def test_a_worker_process_that_cannot_boot_ends_with_one_paragraph(server, tmp_path):
    with workers(server.url, tmp_path, "tests.flows.held_import", "-p", "1", "-t", "1") as process:
        until("the import", (tmp_path / "importing").exists)
        server.client().execute_command("ACL", "SETUSER", "default", "-function")
        (tmp_path / "imported").touch()
        assert 3 == process.wait(20)
    log = (tmp_path / "workers.log").read_text()
    assert 1 == log.count("spane.worker: Redis cannot be used: its user may not run a command that SPANE needs")
    assert "Traceback" not in log
