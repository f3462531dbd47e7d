"""Behaviours 64 and 65: rates and concurrency, of node types, by key, and of workflows."""

from __future__ import annotations

import pytest

from tests.flows import app
from tests.flows.conftest import await_boot, until, workers
from tests.invariants import assert_holds


def spans(place, execution):
    """Return how many ran at once at most, by what the nodes told."""
    steps = sorted((line["at"], 1 if line["value"] == "begin" else -1) for line in place.saw(execution))
    most = now = 0
    for _, step in steps:
        now += step
        most = max(most, now)
    return most


@pytest.mark.parametrize("flow", ["twenty_of", "twenty_of_async"])
def test_64_a_rate_is_never_exceeded_and_costs_no_retries(place, flow):
    execution = place.start(getattr(app, flow), {"number": 1})
    assert [1] * 50 == execution.result(timeout_s=20)
    assert 50 == len(place.events(execution, "node_claimed"))
    at = sorted(view.since_ms for view in execution.nodes().values())  # when they were claimed
    assert all(later - first >= 1000 for first, later in zip(at, at[20:], strict=False))
    assert at[-1] - at[0] < 3000
    assert [] == place.events(execution, "node_retrying", "node_failed")
    assert {1} == {line["attempt"] for line in place.saw(execution)}
    assert len(place.events(execution, "node_parked")) <= 50
    assert_holds(place.engine.store, [execution.id])


def test_65_concurrency_is_never_exceeded(place):
    execution = place.start(app.three_of, {"numbers": 0})
    assert list(range(12)) == execution.result(timeout_s=20)
    assert 3 == spans(place, execution)
    assert 12 == len(place.events(execution, "node_claimed"))
    assert_holds(place.engine.store, [execution.id])


def test_65_what_waits_holds_no_worker_and_is_parked(place):
    gate = place.gate()
    execution = place.start(app.three_of, {"numbers": 0, "gate": gate})
    until("three run", lambda: 3 == len(place.saw(execution)))
    until("nine wait", lambda: 9 == sum(view.state == "parked" for view in execution.nodes().values()))
    place.alive()
    limit = place.engine.limits()["three_at_once"]
    assert (3, 3, 9) == (limit.concurrency, limit.held, limit.waiting)
    assert limit == place.engine.stats().limits["three_at_once"]
    [cause] = {str(cause) for name, cause in execution.explain().nodes.items() if cause.kind == "limit"}
    assert cause.startswith("It waits for the limit of 'three_at_once', where 9 wait: ")
    assert all(holder in cause for holder in limit.holders)
    assert {"limit of three_at_once"} == {e.data["reason"] for e in place.events(execution, "node_parked")}
    assert (3, 9) == (len(place.saw(execution)), len(place.events(execution, "node_parked")))
    place.open(gate)
    assert list(range(12)) == execution.result(timeout_s=20)


def test_65_executions_that_pause_or_are_cancelled_while_they_wait_hold_nobody_up(place):
    gate, other = place.gate(), place.gate()
    first, paused, cancelled, last = (
        place.start(app.three_of, {"numbers": 0, "gate": gate if number == 0 else other}) for number in range(4)
    )
    until("the limit is full", lambda: 3 == len(place.saw(first)))
    for execution in (paused, cancelled, last):
        until("they wait", lambda one=execution: any(view.state == "parked" for view in one.nodes().values()))
    paused.pause()
    cancelled.cancel()
    place.open(other)
    place.open(gate)
    assert list(range(12)) == last.result(timeout_s=20)
    assert "cancelled" == cancelled.wait(timeout_s=20)
    assert [] == place.saw(paused)
    paused.resume()
    assert list(range(12)) == paused.result(timeout_s=20)
    assert_holds(place.engine.store, [one.id for one in (first, paused, cancelled, last)])


@pytest.mark.redis
def test_65_a_dead_holders_slot_is_freed(flows_folder, real):
    gate = real.gate()
    options = ("-p", "1", "-t", "2", "-Q", "doomed")
    with workers(real.redis.url, flows_folder, *options, log="limited.log") as doomed:
        await_boot(flows_folder / "limited.log")
        victim, second = (real.start(app.killing_while_limited, {"gate": gate}) for _ in range(2))
        until("the death of the worker", lambda: doomed.poll() is not None, within_s=20)
    with workers(real.redis.url, flows_folder, *options, log="limited.log"):
        assert [gate, gate] == [one.result(timeout_s=30) for one in (victim, second)]
    assert [] == real.engine.store.client.hkeys(real.engine.store.keys.pool("kill_while_limited"))
    assert_holds(real.engine.store, [victim.id, second.id])


@pytest.mark.parametrize("flow", ["ordering", "ordering_async"])
def test_a_key_has_slots_of_its_own(place, flow):
    gate, ordering = place.gate(), getattr(app, flow)
    held = [place.start(ordering, {"order": {"customer": "ada"}, "gate": gate}) for _ in range(3)]
    until("one of ada's runs", lambda: 1 == sum(bool(place.saw(one, "one_per_customer")) for one in held))
    until("the others wait", lambda: 2 == sum(one.nodes()["one_per_customer"].state == "parked" for one in held))
    [limit] = {cause.limit for one in held for cause in one.explain().nodes.values() if cause.kind == "limit"}
    assert limit.partition("/")[2] == "ada"
    for customer in ("bob", None, 7, "x|y/z", "x" * 500):
        assert customer == place.run(ordering, order={"customer": customer})[1]
    assert 1 == sum(bool(place.saw(one, "one_per_customer")) for one in held)
    place.open(gate)
    assert ["ada"] * 3 == [one.result(timeout_s=20) for one in held]
    lines = sorted((line["at"], line["value"]) for one in held for line in place.saw(one, "one_per_customer"))
    assert ["begin", "end"] * 3 == [what for _, what in lines]
    assert {1} == {len(place.events(one, "node_claimed", node="one_per_customer")) for one in held}
    assert_holds(place.engine.store, [one.id for one in held])


def test_a_backlog_of_one_key_holds_up_no_other(place):
    gate = place.gate()
    held = place.engine.start_many(app.ordering, [{"order": {"customer": "ada"}, "gate": gate}] * 300)
    assert "bob" == place.run(app.ordering, order={"customer": "bob"})[1]
    limit = place.engine.limits()["one_per_customer/ada"]
    assert (1, 299) == (limit.held, limit.waiting)
    assert 1 == sum(bool(place.saw(one, "one_per_customer")) for one in held)
    for one in held[1:]:
        one.cancel()
    place.open(gate)
    assert "ada" == held[0].result(timeout_s=20)
    assert_holds(place.engine.store, [one.id for one in held])


def test_a_key_stands_in_inputs_of_any_size(place):
    large = {"customer": "ada", "text": "x" * 300_000}
    assert ["ada"] * 3 == [
        one.result(timeout_s=20) for one in [place.start(app.ordering, {"order": large}) for _ in range(3)]
    ]


def test_a_node_that_is_told_to_come_back_lets_its_type_rest(place):
    gate = place.gate()
    first = place.start(app.asking_the_bank, {"number": 1, "gate": gate})
    until("it is told to", lambda: place.events(first, "node_retrying"))
    others = [place.start(app.asking_the_bank, {"number": number, "gate": gate}) for number in range(2, 5)]
    assert [1, 2, 3, 4] == [one.result(timeout_s=20) for one in (first, *others)]
    till = place.events(first, "node_retrying")[0].at_ms + 1000
    for other in others:
        assert 1 == len(place.saw(other))
        assert place.events(other, "node_claimed")[0].at_ms >= till
    assert [1, 1] == [line["attempt"] for line in place.saw(first)]
    assert_holds(place.engine.store, [one.id for one in (first, *others)])


def test_executions_over_the_limit_of_their_workflow_stay_scheduled(place):
    gates = [place.gate() for _ in range(4)]
    started = [place.start(app.two_at_once, {"gate": gate}) for gate in gates]
    until("two run", lambda: all(place.saw(one) for one in started[:2]))
    assert ["running", "running", "scheduled", "scheduled"] == [one.status() for one in started]
    assert ["limit of @two_at_once"] == [e.data["reason"] for e in place.events(started[2], "execution_parked")]
    assert "limit" == started[3].explain().cause.kind
    assert (2, 2) == (place.engine.limits()["@two_at_once"].held, place.engine.limits()["@two_at_once"].waiting)
    place.open(gates[1])
    until("the third runs", lambda: place.saw(started[2]))
    assert "scheduled" == started[3].status()
    started[3].cancel()
    for gate in gates:
        place.open(gate)
    assert gates[:3] == [one.result(timeout_s=20) for one in started[:3]]
    assert_holds(place.engine.store, [one.id for one in started])


def test_executions_may_be_limited_by_a_key_of_their_inputs(place):
    gate, opened = place.gate(), place.gate()
    place.open(opened)
    first = place.start(app.one_at_a_time, {"customer": "ada", "gate": gate})
    second = place.start(app.one_at_a_time, {"customer": "ada", "gate": gate})
    assert opened == place.run(app.one_at_a_time, customer="bob", gate=opened)[1]
    assert "scheduled" == second.status()
    place.open(gate)
    assert [gate, gate] == [one.result(timeout_s=20) for one in (first, second)]


@pytest.mark.parametrize("other", ["ada", "bob"])
def test_a_sub_workflow_waits_for_the_limit_of_its_key(place, other):
    gate, opened = place.gate(), place.gate()
    place.open(opened)
    holder = place.start(app.one_at_a_time, {"customer": "ada", "gate": gate})
    until("it holds the slot", lambda: holder.status() == "running")
    parent = place.start(
        app.serving, {"first": {"customer": "ada", "gate": opened}, "second": {"customer": other, "gate": opened}}
    )
    until("both are called", lambda: len(parent.children()) == 2)
    if other == "bob":
        until("the other customer is served", lambda: "completed" in [child.status() for child in parent.children()])
    assert "scheduled" in [child.status() for child in parent.children()]
    place.open(gate)
    assert [opened, opened] == parent.result(timeout_s=20)
