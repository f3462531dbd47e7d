"""Why an execution waits, with workers that run."""

from __future__ import annotations

import json
import os
import socket
import uuid

from spane.control import causes, execution_causes, wording
from tests.flows import app, mapped
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
    assert ("delay", execution.nodes()["late"].until_ms) == (late.why, late.due_ms)
    execution.pause("lunch")
    assert execution_causes.PutAside("paused", "lunch") == execution.explain().cause
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


def _groups(execution, name, *kinds):
    """Return the groups of a map once they are of these kinds."""
    found = execution.explain().nodes.get(name)
    groups = {group.cause.kind: group for group in found.groups} if found and found.kind == "items" else {}
    return groups if set(kinds) == groups.keys() else None


def test_items_that_wait_for_a_limit_say_so_and_who_holds_it(place):
    gate = place.gate()
    execution = place.start(mapped.narrowed, {"numbers": list(range(9)), "gate": gate})
    until("two run", lambda: 2 == len(place.saw(execution)))
    groups = until("seven wait", lambda: _groups(execution, "two_at_a_time", "leased", "limit"))
    assert (2, 7) == (groups["leased"].count, groups["limit"].count)
    holders = groups["limit"].cause.holders
    assert {f"{execution.id}|{line['node']}" for line in place.saw(execution)} == set(holders)
    explained = execution.explain()
    held = " and ".join(repr(holder) for holder in holders)
    assert (
        "Its items are at work: 0 of 9 have ended; 2 run; "
        f"7 wait for the limit of 'two_at_a_time' (held by {held})." == str(explained.nodes["two_at_a_time"])
    )
    told = json.loads(json.dumps(explained.as_json()))["nodes"]["two_at_a_time"]["groups"]
    assert [(2, "leased"), (7, "limit")] == [(group["count"], group["cause"]["kind"]) for group in told]
    place.open(gate)
    assert list(range(9)) == execution.result(timeout_s=20)


def test_items_that_wait_for_their_retry_say_when_the_first_is_due(place):
    execution = place.start(mapped.put_off, {"numbers": [1, 2, 3]})
    until("all wait", lambda: (groups := _groups(execution, "much_later", "timer")) and 3 == groups["timer"].count)
    found = execution.explain().nodes["much_later"]
    [group] = found.groups
    states = place.engine.store.fields(execution.id, *(f"much_later#{index}" for index in range(3)))
    assert ("retry", min(int(state.split("|")[4]) for state in states)) == (group.cause.why, group.cause.due_ms)
    assert f"0 of 3 have ended; 3 are tried again from {wording.moment(group.cause.due_ms)} on." in str(found)
    execution.cancel()


def test_items_that_wait_at_an_open_breaker_name_it(place):
    spot = f"spot-{uuid.uuid4().hex[:8]}"
    place.fail(mapped.tripping, spot=spot)
    execution = place.start(mapped.on_broken_scales, {"numbers": [1, 2, 3], "spot": spot})
    until("all wait", lambda: (groups := _groups(execution, "on_scales", "breaker")) and 3 == groups["breaker"].count)
    assert f"3 wait at circuit breaker 'scales:{spot}', which is open until " in str(
        execution.explain().nodes["on_scales"]
    )
    execution.cancel()


def test_items_whose_workflow_has_no_slot_name_its_limit_and_who_holds_it(place):
    gate = place.gate()
    execution = place.start(mapped.weighing_held, {"numbers": [1, 2, 3, 4], "gate": gate})
    until("one runs", lambda: any(place.saw(child) for child in execution.children()))
    found = until("the others wait", lambda: _waiting_children(execution, "weigh_held"))
    [running] = [child.id for child in execution.children() if child.status() == "running"]
    [(count, cause)] = [(group.count, group.cause) for group in found.groups if group.cause.status == "scheduled"]
    assert (3, "limit", (running,)) == (count, cause.cause.kind, cause.cause.holders)
    assert "1 waits for executions of 'weigh_held' that are running" in str(found)
    assert f"3 wait for the limit of '{cause.cause.limit}' (held by {running!r})" in str(found)
    place.open(gate)
    assert [1, 2, 3, 4] == execution.result(timeout_s=20)


def _waiting_children(execution, name):
    found = execution.explain().nodes[name]
    counts = {group.cause.status: group.count for group in getattr(found, "groups", ()) if group.cause.kind == "child"}
    return found if {"running": 1, "scheduled": 3} == counts else None
