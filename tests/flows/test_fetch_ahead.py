"""What a worker fetched ahead of its threads goes to another worker when the threads stay busy."""

from __future__ import annotations

import threading

import pytest

from spane import Engine, node, workflow
from spane.model.event import EventKind
from spane.settings import Settings
from tests.flows.conftest import until

pytestmark = pytest.mark.redis

told = threading.Event()
over = threading.Event()


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


@workflow
def quick(n: int) -> int:
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
    with Engine(settings=Settings(redis_url=redis_url)) as one, Engine(settings=Settings(redis_url=redis_url)) as two:
        yield one, two


def fill(engine: Engine):
    """Leave a worker of two threads with two nodes that wait for one that it has fetched ahead."""
    engine.start_many(quick, [{"n": number} for number in range(40)])
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
