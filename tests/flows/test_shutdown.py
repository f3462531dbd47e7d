"""A worker that stops gives its async nodes back, with nothing charged to them."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress

import pytest
from dramatiq import Worker
from dramatiq.middleware import Middleware

from spane import Engine, node, use, workflow
from spane.model.event import EventKind
from spane.settings import Settings
from tests.flows.conftest import until

pytestmark = pytest.mark.redis


@node
async def shutdown_waits(n: int) -> int:
    await asyncio.sleep(60)
    return n


@node(timeout_s=120)
async def shutdown_waits_guarded(n: int) -> int:
    await asyncio.sleep(60)
    return n


@workflow
def shutdown_flow(n: int) -> list[int]:
    return [shutdown_waits(n), shutdown_waits_guarded(n)]


def test_async_nodes_are_handed_back_when_the_grace_is_over(redis_url):
    settings = Settings(redis_url=redis_url, shutdown_grace_s=0.2)
    with Engine(settings=settings) as engine:
        with engine.work(threads=1):
            execution = engine.start(shutdown_flow, {"n": 1})
            claimed: set[str | None] = set()
            for event in execution.events(follow=True):
                if event.kind is EventKind.NODE_CLAIMED:
                    claimed.add(event.node)
                if len(claimed) == 2:
                    break
        assert "running" == execution.status()
        assert {0} == {view.attempt for view in execution.nodes().values()}
        assert not [event for event in execution.events() if event.kind is EventKind.NODE_FAILED]


@node
def shutdown_spins(n: int) -> int:
    while True:
        time.sleep(0.001)


@workflow
def shutdown_both(n: int) -> list[int]:
    return [shutdown_spins(n), shutdown_waits(n)]


def claimed_nodes(execution, *names: str) -> None:
    """Return when nodes of these names were claimed."""
    missing = set(names)
    for event in execution.events(follow=True):
        if event.kind is EventKind.NODE_CLAIMED:
            missing.discard(event.node)
        if not missing:
            return


def test_threads_and_event_loop_share_one_grace(redis_url):
    settings = Settings(redis_url=redis_url, shutdown_grace_s=2.0)
    with Engine(settings=settings) as engine:
        with engine.work(threads=1):
            execution = engine.start(shutdown_both, {"n": 1})
            claimed_nodes(execution, "shutdown_spins", "shutdown_waits")
            asked = time.monotonic()
        took_s = time.monotonic() - asked
        assert 2.0 <= took_s < 3.3
        assert {0} == {view.attempt for view in execution.nodes().values()}


opened = threading.Event()


@node
async def shutdown_soon(n: int) -> int:
    while not opened.is_set():  # noqa: ASYNC110 - another thread sets it
        await asyncio.sleep(0.005)
    return n


@workflow
def shutdown_unlike(n: int) -> list[int]:
    return [shutdown_soon(n), shutdown_waits(n)]


def test_an_async_node_that_ends_in_the_grace_is_committed_at_once(redis_url):
    opened.clear()
    settings = Settings(redis_url=redis_url, shutdown_grace_s=4.0)
    with Engine(settings=settings) as engine:
        worker = Worker(engine.broker, worker_threads=1, worker_timeout=50)
        worker.start()
        execution = engine.start(shutdown_unlike, {"n": 1})
        claimed_nodes(execution, "shutdown_soon", "shutdown_waits")
        stopping = threading.Thread(target=worker.stop)
        stopping.start()
        until("the stop of the threads", lambda: not any(thread.is_alive() for thread in worker.workers))
        until("the end of its consumers", lambda: not any(thread.is_alive() for thread in worker.consumers.values()))
        opened.set()
        until("the commit", lambda: execution.nodes()["shutdown_soon"].state == "succeeded", within_s=2)
        assert stopping.is_alive()
        stopping.join()


class Lingering(Middleware):
    """Stays in its hook after a node until it is let go."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.release = threading.Event()
        self.left = threading.Event()
        self.hit: BaseException | None = None

    def after_process_message(self, broker, message, *, result=None, exception=None):
        self.entered.set()
        try:
            while not self.release.is_set():
                time.sleep(0.001)
        except BaseException as error:  # noqa: BLE001 - whatever comes is what the test is about
            self.hit = error
        self.left.set()


@node
def shutdown_quick(n: int) -> int:
    return n


@workflow
def shutdown_plain(n: int) -> int:
    return shutdown_quick(n)


def test_a_thread_that_has_left_its_node_is_not_interrupted_when_the_grace_is_over(redis_url):
    lingering = Lingering()
    settings = Settings(redis_url=redis_url, shutdown_grace_s=0.2)
    with Engine(settings=settings) as engine:
        engine.broker.add_middleware(lingering)
        with engine.work(threads=1):
            execution = engine.start(shutdown_plain, {"n": 1})
            assert lingering.entered.wait(10)
        until("the return of the node", lambda: execution.nodes()["shutdown_quick"].state == "queued")
        lingering.release.set()
        assert lingering.left.wait(10)
    assert lingering.hit is None


@node
async def shutdown_stubborn(n: int) -> int:
    with suppress(asyncio.CancelledError):
        await asyncio.sleep(60)
    await asyncio.sleep(0.3)
    return n


@workflow
def shutdown_deaf(n: int) -> int:
    return shutdown_stubborn(n)


def test_an_async_node_that_will_not_be_cancelled_is_handed_back_all_the_same(redis_url):
    settings = Settings(redis_url=redis_url, shutdown_grace_s=0.2)
    with Engine(settings=settings) as engine:
        with engine.work(threads=1):
            execution = engine.start(shutdown_deaf, {"n": 1})
            claimed_nodes(execution, "shutdown_stubborn")
        view = execution.nodes()["shutdown_stubborn"]
        assert ("retrying", 0, 0) == (view.state, view.attempt, view.crashes)
        assert 0 == engine.store.client.zcard(engine.store.keys.sessions)


async def closing_never():
    yield "made"


@node
async def shutdown_blocks(n: int, resource: str = use(closing_never)) -> int:
    assert opened.wait(30)
    return n


@workflow
def shutdown_blocked(n: int) -> int:
    return shutdown_blocks(n)


def test_an_async_node_that_blocks_the_event_loop_does_not_keep_the_worker_from_stopping(redis_url, caplog):
    opened.clear()
    settings = Settings(redis_url=redis_url, shutdown_grace_s=0.2)
    try:
        with Engine(settings=settings) as engine:
            with engine.work(threads=1):
                execution = engine.start(shutdown_blocked, {"n": 1})
                claimed_nodes(execution, "shutdown_blocks")
                asked = time.monotonic()
            assert time.monotonic() - asked < 6
            view = execution.nodes()["shutdown_blocks"]
            assert ("retrying", 0, 0) == (view.state, view.attempt, view.crashes)
        assert "The event loop does not answer" in caplog.text
    finally:
        opened.set()
