"""Behaviours 46 to 51: pause, resume and cancel."""

from __future__ import annotations

import pytest

from spane.errors import ExecutionCancelled, IllegalTransition, UnknownExecution
from tests.flows import app
from tests.flows.conftest import until
from tests.invariants import assert_holds


def running(place, execution, name):
    until(f"{name} runs", lambda: place.saw(execution, name))


def succeeded(execution, name):
    until(f"{name} succeeds", lambda: execution.nodes()[name].state == "succeeded")


def test_46_paused_nothing_new_starts_and_the_status_stays_paused_even_if_the_last_running_node_ends(place):
    gate = place.gate()
    execution = place.start(app.steps, {"gate": gate})
    running(place, execution, "held")
    succeeded(execution, "after_quick")
    assert 1 == execution.pause("lunch")
    place.open(gate)
    succeeded(execution, "held")
    place.alive()
    assert ("paused", []) == (execution.status(), place.saw(execution, "after_held"))
    assert "running" == execution.resume()
    assert ["held", "quick"] == execution.result(timeout_s=20)
    assert 1 == len(place.saw(execution, "after_held"))
    assert_holds(place.engine.store, [execution.id])


def test_46_an_execution_that_has_nothing_left_to_do_completes_when_it_is_resumed(place):
    gate = place.gate()
    execution = place.start(app.alone, {"gate": gate})
    running(place, execution, "gated")
    execution.pause()
    place.open(gate)
    succeeded(execution, "gated")
    assert "paused" == execution.status()
    assert "completed" == execution.resume()
    assert gate == execution.result()


def test_46_one_in_which_a_node_failed_fails_when_it_is_resumed(place):
    gate = place.gate()
    execution = place.start(app.failing_late, {"gate": gate})
    running(place, execution, "fail_after")
    execution.pause()
    place.open(gate)
    until("the retry is put aside", lambda: execution.nodes()["fail_after"].state in ("parked", "retrying", "failed"))
    assert "paused" == execution.status()
    execution.resume()
    assert "failed" == execution.wait(timeout_s=20)
    assert 2 == len(place.saw(execution, "fail_after"))


def test_47_resumed_remaining_delays_are_respected(place):
    execution = place.start(app.delaying, {"value": 1})
    until("the delay", lambda: execution.nodes()["late"].state == "retrying")
    released = execution.nodes()["late"].until_ms - 1000
    execution.pause()
    execution.resume()
    assert 1 == execution.result(timeout_s=20)
    [claimed] = place.events(execution, "node_claimed", node="late")
    assert claimed.at_ms >= released + 1000


def test_47_a_scheduled_execution_that_was_paused_begins_at_its_time(place):
    execution = place.start(app.relaying, {"value": 1}, delay_s=1.0)
    assert 0 == execution.pause()
    assert "scheduled" == execution.resume()
    assert 1 == execution.result(timeout_s=20)
    started, claimed = (place.events(execution, kind)[0].at_ms for kind in ("execution_started", "node_claimed"))
    assert claimed >= started + 1000


def test_48_cancelled_pending_work_goes_and_other_executions_are_untouched(place):
    gate = place.gate()
    execution, other = place.start(app.steps, {"gate": gate}), place.start(app.steps, {"gate": gate})
    running(place, execution, "held")
    running(place, other, "held")
    assert execution.cancel("enough") >= 1
    place.open(gate)
    assert ("cancelled", "completed") == (execution.wait(timeout_s=20), other.wait(timeout_s=20))
    assert [] == place.saw(execution, "after_held")


def test_48_a_paused_execution_can_be_cancelled(place):
    execution = place.start(app.relaying, {"value": 1}, delay_s=60)
    execution.pause()
    execution.cancel("enough")
    assert "cancelled" == execution.status()


def test_49_cancelled_then_an_in_flight_failure_is_still_cancelled(place):
    gate = place.gate()
    execution = place.start(app.failing_late, {"gate": gate})
    running(place, execution, "fail_after")
    execution.cancel("enough")
    place.open(gate)
    assert "cancelled" == execution.wait(timeout_s=20)
    assert 1 == len(place.saw(execution, "fail_after"))
    assert 1 == len(place.events(execution, "execution_cancelled"))


def test_running_nodes_are_stopped_when_their_execution_is_cancelled_and_are_told_why(place):
    execution = place.start(app.stopping, {"gate": place.gate()})
    for name in ("spin", "poll", "wait_long"):
        running(place, execution, name)
    assert 3 == execution.cancel("enough | of it")
    assert "cancelled" == execution.wait(timeout_s=10)
    assert ["enough | of it"] * 3 == [
        place.saw(execution, name)[-1]["reason"] for name in ("spin", "poll", "wait_long")
    ]
    assert {"spin": "cancelled", "poll": "succeeded", "wait_long": "cancelled", "child": "cancelled"} == {
        name: view.state for name, view in execution.nodes().items()
    }
    assert [] == place.dead_letters(execution)
    with pytest.raises(ExecutionCancelled, match=r"was cancelled: enough \| of it"):
        execution.result()
    assert_holds(place.engine.store, [execution.id])


@pytest.mark.redis
def test_a_cancel_behind_a_thousand_others_stops_what_runs_as_soon(real):
    execution = real.start(app.stopping, {"gate": real.gate()})
    for name in ("spin", "poll", "wait_long"):
        running(real, execution, name)
    client, notices = real.engine.store.client, f"{real.engine.store.keys.prefix}ctl"
    pipe = client.pipeline(transaction=False)
    for number in range(5_000):
        pipe.xadd(notices, {"n": f"cancel|nobody{number}|"})
    pipe.execute()
    execution.cancel("enough")
    # At a hundred notices a renewal, that would take fifty renewals, of 0.3 s each.
    assert "cancelled" == execution.wait(timeout_s=10)
    assert "cancelled" == execution.nodes()["wait_long"].state


@pytest.mark.parametrize("ended", ["completed", "failed", "cancelled"])
def test_50_a_finished_execution_refuses_controls(place, ended):
    if ended == "completed":
        execution, _ = place.run(app.relaying, value=1)
    elif ended == "failed":
        execution = place.fail(app.mending, value=1, gate=place.gate())
    else:
        execution = place.start(app.relaying, {"value": 1}, delay_s=60)
        execution.cancel()
    said = "failed" if ended == "failed" else "finished"
    for control in (execution.pause, execution.resume, execution.cancel):
        with pytest.raises(IllegalTransition, match=f"it is {ended}. A {said} execution refuses controls"):
            control()
    assert ended == execution.status()


@pytest.mark.parametrize("unknown", ["nobody", "\ud800", ""])
def test_51_an_unknown_id_is_not_found(place, unknown):
    execution, _ = place.run(app.relaying, value=1)
    execution.id = unknown
    for control in (execution.pause, execution.resume, execution.cancel):
        with pytest.raises(UnknownExecution):
            control()


def test_claimed_nodes_that_were_not_begun_go_back_when_the_execution_is_paused(in_process):
    gate = in_process.gate()
    executions = [in_process.start(app.handed, {"gate": gate}) for _ in range(4)]
    for execution in executions:
        running(in_process, execution, "gated")
    waiting = in_process.start(app.relaying, {"value": 1})
    waiting.pause()
    in_process.open(gate)
    for execution in executions:
        execution.wait(timeout_s=20)
    assert ("paused", []) == (waiting.status(), in_process.saw(waiting))
    waiting.resume()
    assert 1 == waiting.result(timeout_s=20)
