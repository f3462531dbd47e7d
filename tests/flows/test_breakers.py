"""Behaviour 72: circuit breakers, shared by all workers."""

from __future__ import annotations

import uuid

import pytest

from spane import Breaker, DefinitionError, Retry, node
from spane.errors import UnknownBreaker
from spane.runtime import stream
from tests.flows import app
from tests.flows.conftest import until
from tests.invariants import assert_holds


@pytest.fixture
def spot():
    """A place that no other test knows."""
    return f"spot-{uuid.uuid4().hex[:8]}"


def seen(place, name):
    return place.engine.breakers.get(name)


def trip(place, workflow, spot, gate):
    """Let two attempts fail, which opens the breaker of the spot."""
    failed = [place.fail(workflow, spot=spot, gate=gate) for _ in range(2)]
    assert all(1 == len(place.saw(each)) for each in failed)


def half_opens(place, name):
    """Wait until its time has come."""
    if place.name == "in_process":
        place.engine.advance(1.0)
    until(f"{name} half-opens", lambda: seen(place, name).state == "half_open")


def test_72_n_failures_open_the_breaker_it_probes_and_it_opens_again_or_closes(place, spot):
    gate, name = place.gate(), f"shaky:{spot}"
    with pytest.raises(UnknownBreaker, match="nothing that it guards has failed within a day"):
        seen(place, name)
    trip(place, app.shaking, spot, gate)
    assert ("open", 2, 1) == (seen(place, name).state, seen(place, name).failures, seen(place, name).opened)
    refused = place.fail(app.shaking, spot=spot, gate=gate)
    assert [] == place.saw(refused)
    error = refused.nodes()["shaky"].error
    assert "spane.errors:BreakerOpen" == error.type
    assert f"Circuit breaker {name!r} is open, because what it guards kept failing; it lets one attempt through in" in (
        error.message
    )
    half_opens(place, name)
    probe = place.fail(app.shaking, spot=spot, gate=gate)
    assert 1 == len(place.saw(probe))
    assert ("open", 2, 1) == (seen(place, name).state, seen(place, name).opened, seen(place, name).refused)
    half_opens(place, name)
    place.open(gate)
    assert f"{spot} holds" == place.run(app.shaking, spot=spot, gate=gate)[1]
    assert "closed" == seen(place, name).state
    told = [str(e.kind) for e in stream.events(place.engine.store) if e.data and e.data.get("breaker") == name]
    assert [f"breaker_{kind}" for kind in ("opened", "half_opened", "opened", "half_opened", "closed")] == told


@pytest.mark.parametrize("workflow", [app.waiting_for_it, app.waiting_for_it_async])
def test_nodes_that_wait_at_it_hold_no_worker_spend_no_try_and_all_go_on_when_it_closes(place, spot, workflow):
    gate = place.gate()
    node_id = "patient_async" if workflow is app.waiting_for_it_async else "patient"
    name = f"{node_id}:{spot}"
    trip(place, workflow, spot, gate)
    waiting = [place.start(workflow, {"spot": spot, "gate": gate}) for _ in range(6)]
    until("all wait", lambda: seen(place, name).waiting == 6)
    assert {"parked"} == {one.nodes()[node_id].state for one in waiting}
    assert (0, []) == (seen(place, name).opened - 1, [line for one in waiting for line in place.saw(one)])
    cause = waiting[0].explain().nodes[node_id]
    assert ("breaker", name, "open") == (cause.kind, cause.breaker, cause.state)
    place.open(gate)
    if place.name == "in_process":
        place.engine.advance(1.0)
    assert [f"{spot} holds"] * 6 == [one.result(timeout_s=20) for one in waiting]
    assert [1] * 6 == [line["attempt"] for one in waiting for line in place.saw(one)]
    assert ("closed", 0) == (seen(place, name).state, seen(place, name).waiting)
    assert_holds(place.engine.store, [one.id for one in waiting])


def test_one_probe_at_a_time_is_let_through_and_those_that_wait_stay_while_it_fails(place, spot):
    gate, name = place.gate(), f"patient:{spot}"
    trip(place, app.waiting_for_it, spot, gate)
    waiting = [place.start(app.waiting_for_it, {"spot": spot, "gate": gate}) for _ in range(3)]
    until("all wait", lambda: seen(place, name).waiting == 3)
    if place.name == "in_process":
        place.engine.advance(1.0)
    until("the probe failed", lambda: seen(place, name).opened == 2)
    assert (2, 1) == (seen(place, name).waiting, sum(len(place.saw(one)) for one in waiting))
    place.engine.breakers.reset(name)
    assert {"failed"} == {one.wait(timeout_s=20) for one in waiting}


def test_a_fallback_gives_the_value_while_it_is_open(place, spot):
    gate = place.gate()
    trip(place, app.remembering, spot, gate)
    execution, result = place.run(app.remembering, spot=spot, gate=gate)
    assert f"{spot} as it was" == result
    assert ["relay"] == [line["node"] for line in place.saw(execution)]


def test_each_key_has_a_breaker_of_its_own(place, spot):
    gate, opened = place.gate(), place.gate()
    trip(place, app.shaking, spot, gate)
    place.open(opened)
    other = f"{spot} of|another"
    assert f"{other} holds" == place.run(app.shaking, spot=other, gate=opened)[1]
    place.fail(app.shaking, spot=other, gate=gate)
    assert ("closed", 1) == (
        seen(place, f"shaky:{spot}%20of%7Canother").state,
        seen(place, f"shaky:{spot}%20of%7Canother").failures,
    )


def test_a_reset_closes_it_and_an_unknown_one_is_told(place, spot):
    gate, name = place.gate(), f"shaky:{spot}"
    trip(place, app.shaking, spot, gate)
    assert name in [each.name for each in place.engine.breakers]
    place.engine.breakers.reset(name)
    place.open(gate)
    assert f"{spot} holds" == place.run(app.shaking, spot=spot, gate=gate)[1]
    for unknown in ("nobody", "\ud800"):
        with pytest.raises(UnknownBreaker):
            place.engine.breakers.reset(unknown)


def test_what_is_wrong_with_a_breaker_is_told_at_once():
    with pytest.raises(DefinitionError) as caught:
        Breaker(name="a|b", failure_threshold=0, timeout_s=-1, when_open="never", key=7, counts=ValueError("x"))
    text = str(caught.value)
    for part in ("name='a|b'", "failure_threshold=0", "timeout_s=-1", "when_open='never'", "key=7", "counts="):
        assert part in text
    with pytest.raises(DefinitionError, match="either waits, or takes the fallback's value"):
        Breaker(when_open="wait", fallback=lambda: 1)


def test_what_its_functions_take_must_be_arguments_of_the_node():
    with pytest.raises(DefinitionError, match="the key of its breaker takes host, which it has no parameter for"):

        @node(breaker=Breaker(key="host"))
        def call(url: str) -> str:
            return url

    with pytest.raises(DefinitionError, match="the fallback of its breaker is to be a plain function"):

        @node(breaker=Breaker(fallback=app.patient_async.fn))
        def call_too(spot: str, gate: str, context: str) -> str:
            return spot

    with pytest.raises(DefinitionError, match="breaker is 5; give a Breaker"):
        node(breaker=5, retry=Retry())(call_it)


def call_it(url: str) -> str:
    return url
