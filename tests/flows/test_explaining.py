"""Why an execution waits, with workers that run."""

from __future__ import annotations

import os
import socket

from spane.control import causes
from tests.flows import app
from tests.flows.conftest import until


def test_a_running_node_has_its_worker_and_those_below_wait_for_it(place):
    gate = place.gate()
    execution = place.start(app.steps, {"gate": gate})
    until("held runs", lambda: place.saw(execution, "held"))
    held = until("the worker has said who it is", lambda: _serving(execution, "held"))
    assert ("leased", socket.gethostname(), 1) == (held.kind, held.worker.host, held.attempt)
    assert "default" in held.worker.queues
    assert (place.name == "in_process") == (held.worker.process == os.getpid())
    assert causes.Parents(("held",)) == execution.explain().nodes["after_held"]
    place.open(gate)
    execution.result(timeout_s=20)
    assert {} == execution.explain().nodes


def test_a_node_that_runs_a_workflow_names_its_child(place):
    gate = place.gate()
    execution = place.start(app.shipping, {"value": 1, "gate": gate})
    [child] = until("the child", execution.children)
    until("its node runs", lambda: place.saw(child, "held_open"))
    assert causes.Child(child.id, "packing", "running", 1) == execution.explain().nodes["packing"]
    assert f"It waits for execution {child.id} of 'packing', which is running." == str(
        execution.explain().nodes["packing"]
    )
    place.open(gate)
    assert 1 == execution.result(timeout_s=20)


def _serving(execution, name):
    found = execution.explain().nodes.get(name)
    return found if found and found.kind == "leased" and found.worker and found.worker.queues else None


def test_a_retry_has_its_time_and_a_pause_its_reason(place):
    execution = place.start(app.delaying, {"value": 1})
    late = until("the delay", lambda: _timer(execution, "late"))
    assert ("delay", execution.nodes()["late"].since_ms) == (late.why, late.due_ms)
    execution.pause("lunch")
    assert causes.PutAside("paused", "lunch") == execution.explain().cause
    execution.resume()
    assert 1 == execution.result(timeout_s=20)


def _timer(execution, name):
    found = execution.explain().nodes.get(name)
    return found if found and found.kind == "timer" else None


def test_a_node_that_waits_for_its_child_names_it(place):
    gate = place.gate()
    execution = place.start(app.around, {"value": 7, "gate": gate})
    [child] = until("the child has started", execution.children)
    found = until("its node waits", lambda: _of_kind(execution, "child"))
    assert (child.id, "running", 1) == (found.execution, found.status, found.round)
    assert f"It waits for execution {child.id} of {found.workflow!r}, which is running." == str(found)
    place.open(gate)
    assert 7 == execution.result(timeout_s=20)


def _of_kind(execution, kind):
    return next((cause for cause in execution.explain().nodes.values() if cause.kind == kind), None)


def test_a_node_that_waits_for_a_limit_by_key_names_the_key(place):
    gate, customer = place.gate(), place.gate()
    inputs = {"order": {"customer": customer}, "gate": gate}
    first = place.start(app.ordering, inputs)
    until("the first runs", lambda: place.saw(first, "one_per_customer"))
    second = place.start(app.ordering, inputs)
    found = until("the second waits", lambda: _of_kind(second, "limit"))
    assert customer in found.limit
    assert [f"{first.id}|one_per_customer"] == list(found.holders)
    place.open(gate)
    assert [customer] * 2 == [one.result(timeout_s=20) for one in (first, second)]


def test_one_that_compensates_says_which_undo_is_at_work_and_what_helps_afterwards(place):
    gate = place.gate()
    execution = place.start(app.buying, {"order": 7, "card": "visa", "how": "broken", "gate": gate})
    until("it is undone", lambda: place.saw(execution, "reserve~undo"))
    found = execution.explain()
    assert ("compensating", "leased", "replay") == (
        found.cause.kind, found.nodes["reserve~undo"].kind, found.nodes["ship"].remedy,
    )  # fmt: skip
    place.open(gate)
    assert "failed" == execution.wait(timeout_s=20)
    assert "and has compensated; replay execution" in str(execution.explain().cause)
    assert ["ship"] == list(execution.explain().nodes)
