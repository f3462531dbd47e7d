"""Whoever waits for an execution's end is told at once, however many wait and whoever of them goes away."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from spane import Engine, node, workflow
from spane.errors import StoreUnavailable
from spane.runtime.clients import blocking_client
from spane.runtime.listener import Listener
from spane.settings import Settings
from tests.flows.conftest import until

pytestmark = pytest.mark.redis

let_go = threading.Event()
WAITERS = 30


@node
def held_back(n: int) -> int:
    assert let_go.wait(30)
    return n


@workflow
def holding(n: int) -> int:
    return held_back(n)


@pytest.fixture
def engine(redis_url):
    let_go.clear()
    with Engine(settings=Settings(redis_url=redis_url)) as engine:
        yield engine


def blocked(client) -> int:
    return int(client.info("clients")["blocked_clients"])


def test_all_who_wait_are_told_at_once_and_the_token_stays(engine, redis_url, redis_client):
    listener = Listener(engine.store, blocking_client(redis_url))
    execution = engine.start(holding, {"n": 1})
    with ThreadPoolExecutor(WAITERS) as threads:
        waits = [threads.submit(listener.until_ended, execution.id, 30) for _ in range(WAITERS)]
        until("the waits", lambda: blocked(redis_client) >= WAITERS)
        began = time.monotonic()
        execution.cancel()
        for wait in waits:
            wait.result(timeout=10)
        assert time.monotonic() - began < 1
    key = engine.store.keys.waiter(execution.id)
    assert [b"cancelled"] == redis_client.lrange(key, 0, -1)
    assert 0 < redis_client.pttl(key) <= 60_000
    listener.until_ended(execution.id, 30)
    assert 0 < redis_client.pttl(key) <= 60_000
    listener.close()


def test_one_who_dies_waiting_takes_nothing_from_the_others(engine, redis_url, redis_client):
    listener = Listener(engine.store, blocking_client(redis_url))
    execution = engine.start(holding, {"n": 1})
    with ThreadPoolExecutor(2) as threads:
        dying = threads.submit(listener.until_ended, execution.id, 30)
        until("the first wait", lambda: blocked(redis_client) >= 1)
        living = threads.submit(listener.until_ended, execution.id, 30)
        until("the second wait", lambda: blocked(redis_client) >= 2)
        first, *_ = sorted(
            (one for one in redis_client.client_list() if "b" in one["flags"]), key=lambda one: int(one["id"])
        )
        redis_client.client_kill_filter(_id=first["id"])
        execution.cancel()
        living.result(timeout=5)
        assert dying.exception(timeout=5) is not None
    assert 1 == redis_client.llen(engine.store.keys.waiter(execution.id))
    listener.close()


def test_a_redis_out_of_memory_still_tells_of_the_end(start_server):
    let_go.clear()
    server = start_server()
    with Engine(settings=Settings(redis_url=server.url)) as engine, engine.work(threads=1):
        execution = engine.start(holding, {"n": 5})
        until("the claim", lambda: execution.nodes()["held_back"].state == "running")
        server.client().config_set("maxmemory", 1)
        threading.Timer(0.3, let_go.set).start()
        assert 5 == execution.result(timeout_s=10)
        server.client().config_set("maxmemory", 0)


def test_one_who_waits_for_a_result_waits_out_a_restart_of_redis(start_server, caplog):
    let_go.clear()
    server = start_server(appendfsync="always")
    with Engine(settings=Settings(redis_url=server.url)) as engine, engine.work(threads=1):
        execution = engine.start(holding, {"n": 5})
        until("the claim", lambda: execution.nodes()["held_back"].state == "running")
        with ThreadPoolExecutor(2) as threads:
            waits = [threads.submit(execution.result, timeout_s) for timeout_s in (20, None)]
            until("the waits", lambda: blocked(server.client()) >= 2)
            server.kill()
            until("the absence", lambda: caplog.text.count("Waiting for it, for") == 2)
            server.start()
            let_go.set()
            assert [5, 5] == [wait.result(timeout=20) for wait in waits]


def test_one_who_waits_is_told_when_redis_is_still_away_at_the_end(start_server):
    let_go.clear()
    server = start_server()
    with Engine(settings=Settings(redis_url=server.url)) as engine:
        execution = engine.start(holding, {"n": 5})
        server.kill()
        began = time.monotonic()
        with pytest.raises(StoreUnavailable, match="Redis cannot be reached"):
            execution.result(timeout_s=0.3)
        assert time.monotonic() - began >= 0.3
