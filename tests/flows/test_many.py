"""Many executions at once: paused, resumed, cancelled, listed and counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from spane.errors import IllegalTransition, InputError, UnknownExecution
from tests.flows import app
from tests.flows.conftest import until


@pytest.fixture
def waiting(place):
    """Three executions that have time."""
    started = [place.start(app.relaying, {"value": n}, delay_s=3_600, tenant=f"{place.name}-bulk") for n in range(3)]
    yield started
    place.engine.cancel_many([one for one in started if not one.status().ended] or ["nobody"])


def test_many_are_paused_resumed_and_cancelled_by_their_ids_with_an_answer_for_each(place, waiting):
    done, _ = place.run(app.relaying, value=1)
    ids = [one.id for one in waiting]
    paused = place.engine.pause_many([ids[0], waiting[1], "nobody", done.id], reason="lunch")
    assert [ids[0], ids[1], "nobody", done.id] == list(paused)
    assert [0, 0] == [paused[ids[0]], paused[ids[1]]]
    assert (UnknownExecution, IllegalTransition) == (type(paused["nobody"]), type(paused[done.id]))
    assert ["paused", "paused", "scheduled"] == [one.status() for one in waiting]
    resumed = place.engine.resume_many(ids)
    assert ["scheduled", "scheduled"] == [resumed[ids[0]], resumed[ids[1]]]
    assert isinstance(resumed[ids[2]], IllegalTransition)
    assert dict.fromkeys(ids, 0) == place.engine.cancel_many(ids, reason="enough")
    assert ["cancelled"] * 3 == [one.status() for one in waiting]


def test_many_are_chosen_by_a_filter(place, waiting):
    tenant = f"{place.name}-bulk"
    ids = {one.id for one in waiting}
    assert ids == set(place.engine.pause_many(tenant=tenant))
    assert {} == place.engine.pause_many(tenant=tenant)
    assert {} == place.engine.resume_many(tenant=tenant, workflow="other")
    soon = datetime.now(UTC) + timedelta(days=400)
    assert {} == place.engine.resume_many(tenant=tenant, started_after=soon)
    assert ids == set(place.engine.resume_many(tenant=tenant, started_before=soon))
    assert ids == set(place.engine.cancel_many(tenant=tenant, status="scheduled"))


def test_executions_are_listed_by_workflow_status_and_tenant_the_newest_first(place, waiting):
    engine, tenant = place.engine, f"{place.name}-bulk"
    ids = [one.id for one in reversed(waiting)]
    assert ids == [one.id for one in engine.executions(tenant=tenant, workflow="relaying", status="scheduled")]
    assert ids[:2] == [one.id for one in engine.executions(tenant=tenant, limit=2)]
    done = place.start(app.relaying, {"value": 1}, tenant=tenant)
    done.wait(timeout_s=20)
    assert done.id in {one.id for one in engine.executions(status="completed", tenant=tenant)}
    assert done.id not in {one.id for one in engine.executions(tenant=tenant)}
    assert {done.id, *ids} <= {one.id for one in engine.executions(status=["completed", "scheduled"])}


def test_what_is_asked_for_wrongly_is_refused_and_nothing_happens(place, waiting):
    engine = place.engine
    with pytest.raises(InputError, match="name executions or a filter"):
        engine.cancel_many()
    with pytest.raises(InputError, match="name executions or a filter"):
        engine.cancel_many(["x"], tenant="t")
    with pytest.raises(TypeError, match="takes a list of ids"):
        engine.cancel_many(waiting[0].id)
    with pytest.raises(TypeError, match="has no filter colour"):
        engine.cancel_many(colour="red")
    with pytest.raises(InputError, match="status is 'asleep'; it is one of scheduled"):
        engine.cancel_many(status="asleep")
    with pytest.raises(InputError, match="a datetime with a time zone"):
        engine.executions(started_after=datetime(2026, 1, 1))  # noqa: DTZ001 - that is what is refused
    assert ["scheduled"] * 3 == [one.status() for one in waiting]


def test_stats_count_what_is_queued_runs_waits_and_failed(place, waiting):
    gate = place.gate()
    held = place.start(app.handed, {"gate": gate})
    until("the gate's node runs", lambda: place.saw(held, "gated"))
    unserved = [place.start(app.handed_elsewhere, {"gate": gate}, priority=9) for _ in range(2)]
    if place.name == "real":
        until("both are queued", lambda: {9: 2} == place.engine.stats().queues.get("doomed"))
    dead = len(place.engine.dead_letters)
    stats = place.engine.stats()
    assert stats.running >= 1
    assert stats.timers >= 3
    assert stats.executions >= 6 - 2 * (place.name != "real")
    assert stats.sessions >= 1
    assert dead == stats.dead_letters
    place.open(gate)
    held.wait(timeout_s=20)
    place.engine.cancel_many(unserved)


def test_63_a_bad_bulk_item_is_told_by_its_error_and_the_others_start_index_aligned(place):
    items = [{"n": 1}, {"n": "many"}, {}, {"n": 50}, {"n": 2, "m": 3}]
    started = place.engine.start_many(app.sorting, items, tenant=f"{place.name}-sorting")
    good, bad = [started[0], started[3]], [started[1], started[2], started[4]]
    assert [InputError] * 3 == [type(one) for one in bad]
    assert ["n:", "n: it is missing", "m: the workflow has no such input"] == [
        part
        for part, one in zip(("n:", "n: it is missing", "m: the workflow has no such input"), bad, strict=True)
        if part in str(one)
    ]
    assert [1, 50] == [one.result(timeout_s=20)[2] for one in good]
    assert {one.id for one in good} == {
        one.id for one in place.engine.executions(tenant=f"{place.name}-sorting", status="completed")
    }
