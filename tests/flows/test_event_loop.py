"""What an async node has to wait for holds up no other async node."""

from __future__ import annotations

import asyncio
import signal
import threading

import pytest
from dramatiq.middleware import Middleware

from spane import Context, Engine, current, node, workflow
from spane.errors import StoreUnavailable
from spane.model.event import EventKind
from spane.settings import Settings
from tests.servers import RedisServer

pytestmark = pytest.mark.redis


class Freezer:
    """Stops Redis in the middle of a node, and sees whether another node goes on meanwhile."""

    def __init__(self, server: RedisServer) -> None:
        self.server = server
        self.ticks = threading.Event()
        self.frozen = threading.Event()
        self.ticked = threading.Event()

    def freeze(self) -> None:
        self.server.send(signal.SIGSTOP)
        self.frozen.set()


#: The freezer of the test that runs.
frozen_in: list[Freezer] = []


@node
async def loop_ticks() -> int:
    """Tick until there were enough ticks in the frozen time."""
    ticks = 0
    frozen_in[0].ticks.set()
    while ticks < 20:
        await asyncio.sleep(0.005)
        ticks += frozen_in[0].frozen.is_set()
    frozen_in[0].ticked.set()
    return ticks


@node
async def loop_first() -> str:
    while not frozen_in[0].ticks.is_set():  # noqa: ASYNC110 - the event outlives this loop
        await asyncio.sleep(0.001)
    return "first"


@node
async def loop_second(first: str) -> str:
    return f"{first} second"


@node
async def loop_tells(second: str, context: Context = current()) -> str:
    frozen_in[0].freeze()
    for done in range(1, 101):
        context.progress(done, 100)
    return second


@node
async def loop_loads(second: str, context: Context = current()) -> str:
    frozen_in[0].freeze()
    found = context.result("loop_second"), await context.load("loop_first", str)
    return "/".join(found)


@node
async def loop_takes(text: str, first: str) -> int:
    return len(text)


@workflow
def telling_loop() -> list[object]:
    return [loop_ticks(), loop_tells(loop_second(loop_first()))]


@workflow
def loading() -> list[object]:
    return [loop_ticks(), loop_loads(loop_second(loop_first()))]


@workflow
def taking(text: str) -> list[object]:
    return [loop_ticks(), loop_takes(text, loop_first())]


@pytest.fixture
def engine(start_server):
    frozen_in[:] = [Freezer(start_server())]
    with Engine(settings=Settings(redis_url=frozen_in[0].server.url)) as engine:
        yield engine


def ran_through(engine: Engine, flow, inputs=None):
    """Run a flow that freezes Redis, let Redis go on once another node has ticked, and return the execution."""
    freezer = frozen_in[0]
    with engine.work(threads=1):
        execution = engine.start(flow, inputs)
        try:
            assert freezer.frozen.wait(10)
            assert freezer.ticked.wait(2), "the event loop stood still"
        finally:
            freezer.server.send(signal.SIGCONT)
        execution.wait(timeout_s=20)
    return execution


def test_progress_that_redis_is_slow_to_take_holds_up_no_other_node(engine):
    execution = ran_through(engine, telling_loop)
    assert "first second" == execution.result()[1]
    told = [event for event in execution.events() if event.node == "loop_tells"]
    assert EventKind.NODE_PROGRESS in {event.kind for event in told}
    *_, last, succeeded = told
    assert (EventKind.NODE_PROGRESS, 100, 100) == (last.kind, last.data["done"], last.data["total"])
    assert EventKind.NODE_SUCCEEDED == succeeded.kind


def test_an_output_that_redis_is_slow_to_give_holds_up_no_other_node(engine):
    execution = ran_through(engine, loading)
    assert "first second/first" == execution.result()[1]


class FreezesBefore(Middleware):
    def before_process_message(self, broker, message):
        if message.actor_name == "spane.loop_takes" and not frozen_in[0].frozen.is_set():
            frozen_in[0].freeze()


def test_large_inputs_that_redis_is_slow_to_give_hold_up_no_other_node(engine):
    engine.broker.add_middleware(FreezesBefore())
    execution = ran_through(engine, taking, {"text": "x" * 2_000_000})
    assert 2_000_000 == execution.result()[1]


def test_an_output_of_no_node_is_told_as_such(engine):
    with engine.work(threads=1):
        assert "KeyError" == engine.start(missing).result(timeout_s=10)


@node
async def loop_misses(context: Context = current()) -> str:
    try:
        await context.load("nobody")
    except (KeyError, StoreUnavailable) as error:
        return type(error).__name__
    return ""


@workflow
def missing() -> str:
    return loop_misses()
