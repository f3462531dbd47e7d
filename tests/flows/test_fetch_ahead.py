"""What a worker fetched goes to another worker when its threads stay busy, or its event loop blocked."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from spane import Engine, node, workflow
from spane.model.event import EventKind
from spane.settings import Settings
from tests.flows.conftest import until

pytestmark = pytest.mark.redis

told = threading.Event()
over = threading.Event()
entered = threading.Event()


@node
def ahead_quick(n: int) -> int:
    return n


@node
def ahead_waits(n: int) -> bool:
    return told.wait(20)


@node
def ahead_tells(n: int) -> int:
    told.set()
    return n


@node
async def ahead_spins(n: int) -> int:
    return n + 1


@node
async def ahead_blocks(n: int) -> bool:
    entered.set()
    return told.wait(20)


@node
async def ahead_is_slow(n: int) -> int:
    entered.set()
    turns = 0
    until_s = time.monotonic() + 20
    while not told.is_set() and time.monotonic() < until_s:
        time.sleep(0.15)  # noqa: ASYNC251 - it holds up the event loop on purpose
        await asyncio.sleep(0)
        turns += 1
    return turns


@workflow
def blocks(n: int) -> bool:
    return ahead_blocks(n)


@workflow
def is_slow(n: int) -> int:
    return ahead_is_slow(n)


@workflow
def spins_once(n: int) -> int:
    return ahead_spins(n)


@workflow
def ahead_one(n: int) -> int:
    return ahead_quick(n)


@workflow
def waits(n: int) -> bool:
    return ahead_waits(n)


@workflow
def tells(n: int) -> int:
    return ahead_tells(n)


@workflow
def spins(n: int) -> int:
    value = n
    for number in range(200):
        value = ahead_spins.named(f"spin_{number}")(value)
    return value


@pytest.fixture
def engines(redis_url):
    told.clear()
    over.clear()
    entered.clear()
    with Engine(settings=Settings(redis_url=redis_url)) as one, Engine(settings=Settings(redis_url=redis_url)) as two:
        yield one, two


def fill(engine: Engine):
    """Leave a worker of two threads with two nodes that wait for one that it has fetched ahead."""
    engine.start_many(ahead_one, [{"n": number} for number in range(40)])
    waiting = engine.start_many(waits, [{"n": 1}, {"n": 2}])
    return waiting, engine.start(tells, {"n": 3})


def claimed(execution) -> bool:
    return any(event.kind is EventKind.NODE_CLAIMED for event in execution.events())


def test_a_node_that_others_wait_for_is_not_kept_behind_them(engines):
    one, two = engines
    waiting, telling = fill(one)
    with one.work(threads=2):
        until("the claim", lambda: claimed(telling))
        assert not told.is_set()
        with two.work(threads=2):
            assert 3 == telling.result(timeout_s=5)
            assert [True, True] == [execution.result(timeout_s=5) for execution in waiting]


def test_nor_where_async_nodes_keep_the_worker_busy(engines):
    one, two = engines

    def keep_busy() -> None:
        while not over.is_set():
            for execution in one.start_many(spins, [{"n": 0}] * 40):
                execution.wait(timeout_s=30)

    _, telling = fill(one)
    with one.work(threads=2):
        until("the claim", lambda: claimed(telling))
        assert not told.is_set()
        load = threading.Thread(target=keep_busy)
        load.start()
        try:
            with two.work(threads=2):
                assert 3 == telling.result(timeout_s=5)
        finally:
            told.set()
            over.set()
            load.join()


def claims(executions) -> int:
    return sum(event.kind is EventKind.NODE_CLAIMED for execution in executions for event in execution.events())


def test_async_nodes_behind_one_that_blocks_the_event_loop_go_to_another_worker(engines):
    one, two = engines
    with one.work(threads=1):
        blocking = one.start(blocks, {"n": 1})
        try:
            assert entered.wait(10)
            behind = one.start_many(spins_once, [{"n": number} for number in range(40)])
            until("the claims", lambda: claims(behind))
            until("their return", lambda: {"queued"} == {one.nodes()["ahead_spins"].state for one in behind})
            claimed_before = claims(behind)
            for number in range(20):
                assert number == one.start(ahead_one, {"n": number}).result(timeout_s=5)
            assert claimed_before == claims(behind), "a worker whose event loop is blocked fetches for it"
            with two.work(threads=1):
                assert list(range(1, 41)) == [execution.result(timeout_s=5) for execution in behind]
        finally:
            told.set()
        assert blocking.result(timeout_s=5) is True
        assert 2 == one.start(spins_once, {"n": 1}).result(timeout_s=5)
        assert 0 == one.broker.process.pump.in_flight
        assert one.broker.process.lane.wait_idle(5)


def test_async_nodes_start_on_a_slow_event_loop_where_there_is_no_other(engines):
    one, _ = engines
    with one.work(threads=1):
        slow = one.start(is_slow, {"n": 1})
        try:
            assert entered.wait(10)
            for number in range(5):
                assert number + 1 == one.start(spins_once, {"n": number}).result(timeout_s=5)
        finally:
            told.set()
        assert 1 < slow.result(timeout_s=5)
