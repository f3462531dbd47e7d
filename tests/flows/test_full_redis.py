"""Messages of a user's own actors outlast a Redis that is out of memory."""

from __future__ import annotations

import logging
import threading

import dramatiq
import pytest

from spane import Engine
from spane.settings import Settings
from tests.flows.conftest import until

pytestmark = pytest.mark.redis


class Memory:
    """Turns a Redis's memory off and on."""

    def __init__(self, client) -> None:
        self._client = client

    def fill(self) -> None:
        self._client.config_set("maxmemory", 1)

    def free(self) -> None:
        self._client.config_set("maxmemory", 0)


@pytest.fixture
def server(start_server):
    return start_server()


@pytest.fixture
def memory(server):
    return Memory(server.client())


@pytest.fixture
def engine(server):
    with Engine(settings=Settings(redis_url=server.url)) as engine:
        yield engine


def warned(caplog, text: str) -> bool:
    return any(text in record.getMessage() for record in caplog.records)


def test_delayed_messages_arrive_once_when_redis_has_memory_again(engine, memory, server, caplog):
    rung: list[int] = []
    actor = dramatiq.actor(rung.append, actor_name="ring_later", broker=engine.broker)
    client = server.client()
    with caplog.at_level(logging.WARNING), engine.work(threads=1) as worker:
        for number in range(5):
            actor.send_with_options(args=(number,), delay=1_500)
        until("the fetch", lambda: worker.consumers["default.DQ"].consumer.outstanding_message_count == 5)
        memory.fill()
        until("the refusal", lambda: warned(caplog, "Delayed messages of 'default.DQ' wait longer"))
        thread = worker.consumers["default.DQ"]
        assert thread.is_alive()
        memory.free()
        until("all messages", lambda: len(rung) >= 5)
        until("their acknowledgements", lambda: not list(client.scan_iter("dramatiq:__acks__*")))
        assert worker.consumers["default.DQ"] is thread
    assert list(range(5)) == sorted(rung)


def test_a_worker_that_stops_without_memory_ends_and_its_messages_come_back(engine, memory, server, caplog):
    actor = dramatiq.actor(print, actor_name="print_later", broker=engine.broker)
    with caplog.at_level(logging.WARNING):
        with engine.work(threads=1) as worker:
            message = actor.send_with_options(args=(1,), delay=3_600_000)
            until("the fetch", lambda: worker.consumers["default.DQ"].consumer.outstanding_message_count == 1)
            memory.fill()
        assert warned(caplog, "1 messages of queue 'default.DQ' could not be returned; another worker takes them over")
    assert engine.broker.process is None
    memory.free()
    acks = next(server.client().scan_iter("dramatiq:__acks__*.default.DQ"))
    assert 1 == server.client().scard(acks)
    assert message.message_id


def test_a_message_that_ran_without_memory_is_acknowledged_when_there_is_some(engine, memory, server, caplog):
    started, go_on = threading.Event(), threading.Event()
    runs: list[int] = []

    def work() -> None:
        runs.append(1)
        started.set()
        assert go_on.wait(10)

    actor = dramatiq.actor(work, actor_name="work_once", broker=engine.broker)
    with caplog.at_level(logging.WARNING), engine.work(threads=1):
        actor.send()
        assert started.wait(10)
        memory.fill()
        go_on.set()
        until("the refusal", lambda: warned(caplog, "Failed to post_process_message"))
        memory.free()
        client = server.client()
        until("the acknowledgement", lambda: not list(client.scan_iter("dramatiq:__acks__*")))
    assert [1] == runs
    assert 0 == client.hlen("dramatiq:default.msgs")
