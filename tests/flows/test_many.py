"""Many executions at once: paused, resumed, cancelled, listed and counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from spane.control.listing import look
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


def test_a_filter_of_nothing_but_none_is_refused_and_not_everything(place, waiting):
    for verb in (place.engine.pause_many, place.engine.resume_many, place.engine.cancel_many):
        for which in ({"tenant": None}, {"status": None, "workflow": None}):
            with pytest.raises(InputError, match="name executions or a filter, one of the two"):
                verb(**which)
    assert {"scheduled"} == {one.status() for one in waiting}


def test_a_filter_without_a_status_by_none_takes_the_usual_ones(place, waiting):
    tenant = f"{place.name}-bulk"
    assert {one.id for one in waiting} == set(place.engine.pause_many(tenant=tenant, status=None))
    assert {} == place.engine.pause_many(tenant=tenant, status=None)


def test_executions_are_listed_by_the_workflow_itself(place, waiting):
    tenant = f"{place.name}-bulk"
    assert 3 == len(place.engine.executions(workflow=app.relaying, tenant=tenant))
    assert 3 == len(place.engine.pause_many(workflow=app.relaying, tenant=tenant))


@pytest.mark.parametrize(
    ("which", "said"),
    [
        ({"workflow": 7}, "workflow is 7; it is text"),
        ({"tenant": 7}, "tenant is 7; it is text"),
        ({"status": 7}, "status is 7; it is one of scheduled, running"),
        ({"status": ["running", None]}, "status is None; it is one of"),
        ({"limit": -1}, "limit is -1; it is a whole number, zero or more"),
        ({"limit": "many"}, "limit is 'many'; it is a whole number"),
    ],
)
def test_a_look_that_makes_no_sense_says_why(in_process, which, said):
    with pytest.raises(InputError, match=said):
        in_process.engine.executions(**which)


def test_many_starts_take_any_iterable_of_dicts_and_say_what_else_they_are_given(in_process):
    start_many = in_process.engine.start_many
    started = start_many(app.relaying, ({"value": n} for n in range(3)))
    assert [0, 1, 2] == [one.result(timeout_s=20) for one in started]
    with pytest.raises(TypeError, match="take a list of inputs, a dict for each of them, and not"):
        start_many(app.relaying, {"value": 1})
    with pytest.raises(TypeError, match="What is started is a workflow, one bound to its inputs"):
        start_many(5, [{"value": 1}])


def test_the_reason_of_a_pause_is_none_for_a_cancel(place, waiting):
    waiting[0].pause("lunch")
    assert "lunch" == look(place.engine.store, waiting[0].id).reason
    waiting[0].cancel()
    assert None is look(place.engine.store, waiting[0].id).reason
