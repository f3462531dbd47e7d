"""A worker's session hears what others decided, whatever goes wrong meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from spane.authoring.registry import Registry
from spane.errors import StoreUnavailable
from spane.model.plan import Plan, PlanNode
from spane.runtime.keys import Keys
from spane.runtime.pump import Pump
from spane.runtime.session import Pace, Session
from spane.runtime.steering import Steering
from spane.runtime.store import Start, Store
from spane.runtime.wire import Bell, Wire

pytestmark = pytest.mark.redis

PAIR = Plan("pair", (PlanNode("left", "work"), PlanNode("right", "work")))


@pytest.fixture
def store(redis_client: redis.Redis) -> Store:
    store = Store(redis_client, Keys())
    store.load_scripts()
    store.put_plan(PAIR)
    return store


@pytest.fixture
def session(store: Store) -> Iterator[Session]:
    pump = Pump(store, threads=2, on_loop=0, wire=Wire(store.client), bell=Bell(store.client), sort=lambda claim: None)
    pump.queues = ("default",)
    session = Session(store, pump, Registry(), Pace())
    session.open()
    yield session
    pump.close()
    session.close()


def renew(session: Session) -> None:
    (service,) = (service for service in session.services() if service.name == "renew")
    service.run_once()


def cancelled_while_one_runs(store: Store, session: Session) -> None:
    """Begin one of two nodes, and cancel their execution."""
    store.start(Start("x1", PAIR.hash, "pair", b"{}"))
    pump = session._pump
    while (running := pump.next(0.05)) is None:
        pass
    assert pump.holdings.begin(running)
    assert 1 == len(pump.holdings.unstarted)
    Steering(store).cancel(["x1"], "enough")


def test_what_runs_is_stopped_though_redis_takes_nothing_back(store, session, monkeypatch):
    stopped = []
    session.stop = lambda execution, reason: stopped.append((execution, reason))
    cancelled_while_one_runs(store, session)

    def away(*_):
        raise StoreUnavailable("Redis is away.")

    monkeypatch.setattr(store, "give_back", away)
    renew(session)
    assert [("x1", "enough")] == stopped
    assert [] == session._pump.holdings.unstarted


def test_a_notice_that_could_not_be_followed_is_heard_again(store, session):
    stopped = []

    def stop(execution: str, reason: str) -> None:
        stopped.append(execution)
        if len(stopped) == 1:
            raise StoreUnavailable("Redis is away.")

    session.stop = stop
    cancelled_while_one_runs(store, session)
    with pytest.raises(StoreUnavailable):
        renew(session)
    renew(session)
    renew(session)
    assert ["x1", "x1"] == stopped
