"""The pump's driver and its bell, on a real Redis: who is woken, and what becomes of outcomes that cannot be committed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
import redis

from spane.model.expressions import Input, Output
from spane.model.outcome import Sorts, Succeeded
from spane.model.plan import Plan, PlanInput, PlanNode
from spane.model.rules import LimitRule
from spane.runtime.claim import Claim
from spane.runtime.keys import Keys
from spane.runtime.pump import UNSORTED, Pump
from spane.runtime.store import Start, Store
from spane.runtime.wire import Bell, Wire

pytestmark = pytest.mark.redis

ONE = Plan("one", (PlanNode("only", "work"),))
CHAIN = Plan(
    "chain",
    (
        PlanNode("first", "work", (("n", Input("n")),)),
        PlanNode("second", "work", (("n", Output("first")),), parents=("first",)),
    ),
    (PlanInput("n"),),
)
KEYED = Plan("keyed", (PlanNode("only", "work", limit=LimitRule(concurrency=1, key="n")),))


@pytest.fixture
def store(redis_client: redis.Redis) -> Store:
    store = Store(redis_client, Keys())
    store.load_scripts()
    for plan in (ONE, CHAIN, KEYED):
        store.put_plan(plan)
    return store


def make_pump(store: Store, sort: Callable[[Claim], None]) -> Pump:
    pump = Pump(store, threads=1, on_loop=0, wire=Wire(store.client), bell=Bell(store.client), sort=sort)
    pump.queues = ("default",)
    return pump


@pytest.fixture
def pump(store: Store) -> Iterator[Pump]:
    pump = make_pump(store, lambda claim: pump.finish(claim, Sorts(claim.execution[0])))
    pump.queues = ("default",)
    yield pump
    pump.close()


def claimed(pump: Pump):
    """Drive the pump until it has a claim."""
    deadline = time.monotonic() + 10
    while (claim := pump.next(0.05)) is None:
        assert time.monotonic() < deadline
    return claim


def batches_of(pump: Pump) -> list[int]:
    """Return a list that grows with each batch that the pump sends and has replies to, its number of commands."""
    call, sizes = pump._wire.call, []

    def counting(commands):
        replies = call(commands)
        sizes.append(len(commands))
        return replies

    pump._wire.call = counting
    return sizes


def tokens(store: Store, lane: str = "default") -> int:
    return int(store.client.llen(store.keys.wake(lane)))


def test_a_full_process_leaves_the_token_to_an_idle_one(store, pump):
    store.start(Start("x1", ONE.hash, "one", b"{}"))
    assert pump.holdings.begin(claimed(pump))
    store.client.delete(store.keys.wake("default"))
    store.start(Start("x2", ONE.hash, "one", b"{}"))
    assert pump.next(0.05) is None
    assert 1 == tokens(store)


def test_a_token_that_came_to_a_process_that_is_full_by_now_is_passed_on(store, pump):
    for _ in range(3):
        assert pump.next(0.01) is None
    assert 1 == len([client for client in store.client.client_list() if client["cmd"] == "blpop"])
    # Its only thread gets work by another way than by a token, while the old call still listens.
    store.start(Start("x1", ONE.hash, "one", b"{}"))
    pump.wake()
    assert pump.holdings.begin(claimed(pump))
    store.client.delete(store.keys.wake("default"))
    store.start(Start("x2", ONE.hash, "one", b"{}"))
    for _ in range(5):
        assert pump.next(0.02) is None
    assert tokens(store)


def test_the_bell_listens_to_the_lanes_it_is_asked_for(store):
    bell = Bell(store.client)
    threads, loop = {"threads": ("a", "b")}, {"loop": ("c",)}
    store.client.rpush("c", "1")
    assert [] == bell.wait(threads, 0.01)
    assert [("loop", "c")] == bell.wait(loop, 1)
    store.client.rpush("b", "1")
    # It was armed before, so what it took is told of whatever is asked for now.
    assert [("threads", "b")] == bell.wait({}, 1)
    bell.pass_on("threads", "b")
    assert 1 == store.client.llen("b")
    bell.close()


def test_lists_that_came_later_are_listened_to_as_well(store):
    bell = Bell(store.client)
    assert [] == bell.wait({"threads": ("a",)}, 0.01)
    assert [] == bell.wait({"threads": ("a", "b")}, 0.01)
    store.client.rpush("b", "1")
    assert [("threads", "b")] == bell.wait({"threads": ("a", "b")}, 1)
    bell.close()


def test_an_outcome_waits_for_its_plan_and_is_committed_when_it_is_back(store, pump):
    store.start(Start("x1", CHAIN.hash, "chain", b'{"n":1}'))
    claim = claimed(pump)
    assert pump.holdings.begin(claim)
    store.client.delete(store.keys.plan(CHAIN.hash))
    pump.finish(claim, Succeeded(b"1"))
    assert pump.next(0.01) is None
    assert (1, "running") == (pump.in_flight, store.status("x1"))
    store.put_plan(CHAIN)
    second = claimed(pump)
    assert "second" == second.node
    assert pump.holdings.begin(second)
    pump.finish(second, Succeeded(b"2"))
    assert pump.next(0.01) is None
    assert "completed" == store.status("x1")


def test_a_commit_that_redis_refuses_lastingly_is_sent_now_and_then_and_told_once(store, pump, caplog):
    store.start(Start("x1", ONE.hash, "one", b"{}"))
    claim = claimed(pump)
    assert pump.holdings.begin(claim)
    # What keeps its state is no hash any more, so the script ends with an error.
    kept = store.client.dump(store.keys.execution("x1"))
    store.client.set(store.keys.execution("x1"), "spoilt")
    pump.finish(claim, Succeeded(b"1"))
    began, batches = time.monotonic(), batches_of(pump)
    pump.draining = True  # Nothing is fetched, so each batch is the commit.
    while time.monotonic() < began + 1.2:
        assert pump.next(0.2) is None
    # After 0, 50, 150, 350, 750 ms.
    assert 3 <= len(batches) <= 5
    (record,) = [record for record in caplog.records if record.name == "spane.pump"]
    assert "Redis refused the commit of <only of x1, attempt 1>: " in record.message
    assert 1 == pump.in_flight
    store.client.restore(store.keys.execution("x1"), 0, kept, replace=True)
    pump.flush(5)
    assert (0, "completed") == (pump.in_flight, store.status("x1"))


def test_a_fetch_that_redis_refuses_lastingly_is_sent_now_and_then_and_told_once(store, pump, caplog):
    store.client.execute_command("ACL", "SETUSER", "default", "-fcall")
    began, batches = time.monotonic(), batches_of(pump)
    try:
        while time.monotonic() < began + 1.2:
            assert pump.next(0.2) is None
    finally:
        store.client.execute_command("ACL", "SETUSER", "default", "+@all")
    assert 3 <= len(batches) <= 5
    (record,) = [record for record in caplog.records if record.name == "spane.pump"]
    assert "Redis refused a fetch: " in record.message
    store.start(Start("x1", ONE.hash, "one", b"{}"))
    assert "only" == claimed(pump).node


def test_what_did_not_start_goes_back_though_redis_has_forgotten_the_functions(store, pump):
    store.start(Start("x1", ONE.hash, "one", b"{}"))
    claim = claimed(pump)
    store.client.function_flush()
    pump.give_back([claim])
    assert "Q" == (store.fields("x1", "only")[0] or "")[0]
    assert claim.token != claimed(pump).token


def test_what_redis_does_not_take_back_is_not_lost_to_the_process_that_holds_it(store, pump, caplog):
    store.start(Start("x1", ONE.hash, "one", b"{}"))
    claim = claimed(pump)
    store.client.execute_command("ACL", "SETUSER", "default", "-fcall")
    pump.give_back([claim])
    store.client.execute_command("ACL", "SETUSER", "default", "+@all")
    assert "Trying again until Redis answers" in caplog.text
    assert claim.token == claimed(pump).token


def start_keyed(store: Store, *executions: str) -> None:
    for execution in executions:
        store.start(Start(execution, KEYED.hash, "keyed", b"{}"))


def unsorted(store: Store) -> int:
    return int(store.client.llen(store.keys.queue("default?", 5)))


def test_keys_are_worked_out_without_any_room(store, pump):
    start_keyed(store, *(f"{key}{number}" for number in range(56) for key in "acdefghi"))
    first = claimed(pump)
    assert pump.holdings.begin(first)
    assert unsorted(store) > 100
    for _ in range(4):
        assert pump.next(0.01) is None
    assert (0, 1) == (unsorted(store), pump.in_flight)
    # Whoever comes behind them with another key has its turn with each next node, or not: it is tossed for.
    start_keyed(store, "b0")
    ran = [first.execution]
    pump.finish(first, Succeeded(b"1"))
    while "b0" not in ran:
        claim = claimed(pump)
        ran.append(claim.execution)
        assert pump.holdings.begin(claim)
        pump.finish(claim, Succeeded(b"1"))
    assert len(ran) < 60, ran


def test_keys_of_what_comes_while_there_is_no_room_are_worked_out_within_a_second(store, pump):
    store.start(Start("x1", ONE.hash, "one", b"{}"))
    assert pump.holdings.begin(claimed(pump))
    assert pump.next(0.01) is None
    start_keyed(store, "a0")
    since = time.monotonic()
    while unsorted(store):
        assert pump.next(0.05) is None
        assert time.monotonic() < since + 5
    assert pump.next(0.05) is None
    assert "a" == store.fields("a0", "@l:only")[0].partition("/")[2]


def test_no_more_are_held_for_their_keys_than_may_be(store):
    start_keyed(store, *(f"a{number}" for number in range(UNSORTED + 50)))
    held: list[Claim] = []
    pump = make_pump(store, held.append)
    for _ in range(4):
        assert pump.next(0.01) is None
    assert (UNSORTED, 50, UNSORTED) == (len(held), unsorted(store), pump.in_flight)
    for claim in held[:UNSORTED]:
        pump.finish(claim, Sorts("a"))
    assert "a0" == claimed(pump).execution
    for _ in range(4):
        pump.next(0.01)
    assert (UNSORTED + 50, 0) == (len(held), unsorted(store))
    pump.close()


def test_what_is_held_for_its_key_goes_back_when_the_process_stops(store):
    start_keyed(store, "a0")
    held: list[Claim] = []
    pump = make_pump(store, held.append)
    assert pump.next(0.01) is None
    pump.close()
    assert (1, 1) == (len(held), unsorted(store))
    pump.finish(held[0], Sorts("a"))
    assert 0 == pump.in_flight


def test_what_was_handed_a_slot_is_held_up_by_nothing_that_waits_for_a_worker_alone(store, pump):
    start_keyed(store, "a0", "a1")
    first = claimed(pump)
    assert pump.holdings.begin(first)
    for number in range(200):
        store.start(Start(f"x{number}", ONE.hash, "one", b"{}"))
    pump.finish(first, Succeeded(b"1"))
    ran = [first.execution]
    while "a1" not in ran:
        claim = claimed(pump)
        ran.append(claim.execution)
        assert pump.holdings.begin(claim)
        pump.finish(claim, Succeeded(b"1"))
    assert len(ran) < 60, ran
