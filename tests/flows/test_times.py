"""Behaviours 40 and 43: timeouts, and a delay of zero."""

from __future__ import annotations

import pytest

from tests.flows import app
from tests.flows.conftest import until


@pytest.mark.parametrize(("workflow", "node"), [(app.overrunning, "overrun"), (app.overrunning_async, "overrun_async")])
def test_40_an_overrun_fails_the_attempt_and_costs_a_try(place, workflow, node):
    execution = place.fail(workflow)
    assert [1, 2] == [line["attempt"] for line in place.saw(execution)]
    failed = [*place.events(execution, "node_retrying"), *place.events(execution, "node_failed")]
    assert [(1, "spane.errors:NodeTimeout"), (2, "spane.errors:NodeTimeout")] == [
        (event.attempt, event.error.type) for event in failed
    ]
    assert (
        f"Node {node!r} of execution {execution.id!r} ran past its timeout of 0.15 s (attempt 2). Raise `timeout_s`, or "
        "make the node do less at a time."
    ) == execution.nodes()[node].error.message
    assert [node] == place.dead_letters(execution)


@pytest.mark.parametrize("workflow", [app.returning_late, app.returning_late_async])
def test_a_node_that_returns_after_its_timeout_changes_nothing(place, workflow):
    gate = place.gate()
    execution, result = place.run(workflow, gate=gate)
    assert "second" == result
    place.open(gate)
    until("the late return", lambda: any("returned" in line for line in place.saw(execution)))
    place.alive()
    assert "second" == execution.result()
    (event,) = place.events(execution, "node_retrying")
    assert (1, "spane.errors:NodeTimeout") == (event.attempt, event.error.type)
    assert [2] == [event.attempt for event in place.events(execution, "node_succeeded")]


def test_43_a_delay_of_zero_resumes_at_once(place):
    execution, result = place.run(app.without_delay, value=3)
    assert 3 == result
    assert ["relay", "at_once"] == [event.node for event in place.events(execution, "node_succeeded")]
    ended, claimed = (
        place.events(execution, kind, node=node)[0].at_ms
        for kind, node in (("node_succeeded", "relay"), ("node_claimed", "at_once"))
    )
    assert claimed - ended < 250
    assert [] == place.events(execution, "node_retrying", "node_parked")


def test_a_start_with_a_delay_of_zero_is_no_scheduled_start(place):
    execution = place.start(app.without_delay, {"value": 4}, delay_s=0)
    assert "scheduled" != execution.status()
    assert 4 == execution.result(timeout_s=20)
