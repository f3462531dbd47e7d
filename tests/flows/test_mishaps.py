"""What goes wrong ends in a stated outcome and event, and the worker lives."""

from __future__ import annotations

import itertools

import dramatiq
import pytest

from spane.runtime import stream
from tests.flows import app
from tests.flows.conftest import until


@pytest.mark.parametrize("hint", ["nonsense", "", "|", "nobody|", "|nothing", "nobody|nothing", "a|b|c|d", b"\xff\x00"])
def test_a_hint_that_cannot_be_read_is_dropped(place, hint):
    store = place.engine.store
    gate = place.gate()
    blocking = [place.start(app.handed, {"gate": gate}) for _ in range(2)]
    store.client.rpush(store.keys.queue("default", 5), hint, hint)
    after = place.start(app.relaying, {"value": 1})
    store.client.rpush(store.keys.queue("default", 5), hint)
    assert 1 == after.result(timeout_s=20)
    place.open(gate)
    for execution in blocking:
        assert gate == execution.result(timeout_s=20)
        assert 1 == len(place.saw(execution, "gated"))
    until("the end of the queue", lambda: not store.client.llen(store.keys.queue("default", 5)))
    place.alive()
    dropped = [event.data["hint"] for event in stream.events(store) if event.kind == "hint_dropped"]
    readable = hint in ("nobody|nothing", "a|b|c|d")
    assert readable or 3 <= len(dropped)


@pytest.mark.redis
@pytest.mark.parametrize("data", [b"nonsense", b"\xff\xfe", b"{}", b"[]", b'{"queue_name": "default"}'])
def test_a_message_that_cannot_be_decoded_becomes_a_dead_letter_of_dramatiq(real, data):
    client, name = real.redis.client(), real.gate()
    client.hset("dramatiq:default.msgs", f"id-{name}", data)
    client.rpush("dramatiq:default", f"id-{name}")
    message = dramatiq.Message("default", "ring", (name,), {}, {})
    message = message.copy(options={"redis_message_id": message.message_id})
    client.hset("dramatiq:default.msgs", message.message_id, message.encode())
    client.rpush("dramatiq:default", message.message_id)
    until("the user's own message", (real.folder / name).exists)
    real.alive()
    until("the dead letter", lambda: client.zscore("dramatiq:default.XQ", f"id-{name}") is not None)
    assert f"id-{name}" in real.log.read_text()


@pytest.mark.redis
def test_a_message_for_an_unknown_actor_becomes_a_dead_letter_of_dramatiq(real):
    client = real.redis.client()
    message = dramatiq.Message("default", "nobody", (), {}, {})
    message = message.copy(options={"redis_message_id": message.message_id})
    client.hset("dramatiq:default.msgs", message.message_id, message.encode())
    client.rpush("dramatiq:default", message.message_id)
    until("the dead letter", lambda: client.zscore("dramatiq:default.XQ", message.message_id) is not None)
    real.alive()


def test_an_execution_whose_plan_is_gone_says_so_and_goes_on_when_it_is_back(place):
    store = place.engine.store
    gate = place.gate()
    execution = place.start(app.relaying, {"value": 1}, delay_s=0.3)
    plan = app.relaying.plan.hash
    store.client.rename(store.keys.plan(plan), f"hidden:{gate}")
    try:
        (event,) = until("the notice", lambda: advanced(place) and place.events(execution, "node_parked"))
        assert f"plan {plan} is not in the store; put it there again by starting its workflow" == event.data["reason"]
        assert 3 == place.run(app.without_delay, value=3)[1]
    finally:
        store.client.rename(f"hidden:{gate}", store.keys.plan(plan))
    until("the end", lambda: advanced(place) and execution.status().ended)
    assert 1 == execution.result()
    assert 1 == len(place.events(execution, "node_parked"))
    if place.log is not None:
        lines = until("the workers' words", lambda: told_in(place.log, f"Plan {plan} is not in the store"))
        assert len(lines) <= 2, "each of the two processes tells it once"
        assert "WARNING" in lines[0]


def told_in(log, text) -> list[str]:
    return [line for line in log.read_text().splitlines() if text in line]


def advanced(place) -> bool:
    if place.redis is None:
        place.engine.advance(1)
    return True


def test_a_result_that_cannot_be_serialised_fails_the_node_at_once(place):
    execution = place.fail(app.unserialisable)
    (event,) = place.events(execution, "node_failed")
    assert ("spane.errors:ResultNotSerialisable", 1, False) == (event.error.type, event.attempt, event.error.retryable)
    assert "Node 'strange'" in event.error.message
    assert "given" in event.error.message
    assert 1 == len(place.saw(execution))
    assert "" == event.error.traceback
    if place.log is not None:
        lines = logged_of(place.log, execution)
        assert 1 == len(lines), "\n".join(lines)
        assert lines[0].startswith("ResultNotSerialisable: Node 'strange' returned a value that is refused.")
    place.alive()


@pytest.mark.redis
@pytest.mark.parametrize("workflow", [app.revolting, app.revolting_async])
def test_the_log_of_a_worker_has_the_users_own_frames_only(real, workflow):
    execution = real.fail(workflow, text="broken")
    lines = logged_of(real.log, execution)
    assert [line for line in lines if line.startswith("  File ")], "\n".join(lines)
    assert all("tests/flows/app.py" in line for line in lines if line.startswith("  File "))


def logged_of(log, execution) -> list[str]:
    """Return the lines that a worker logged of an execution's failure, without the line that names it."""
    until("the log", lambda: f"{execution.id}" in log.read_text())
    lines = log.read_text().split(execution.id, 1)[1].splitlines()[1:]
    return list(itertools.takewhile(lambda line: not line.startswith("["), lines))


def test_a_result_of_10_mib_arrives(place):
    execution, result = place.run(app.large, mebibytes=10)
    assert 10 * 1024 * 1024 == result
    assert 10 * 1024 * 1024 == len(execution.outputs()["many_bytes"])


def test_a_result_past_the_limit_fails_the_node_at_once(place):
    execution = place.fail(app.large, mebibytes=13)
    (event,) = place.events(execution, "node_failed")
    assert ("spane.errors:ValueTooLarge", 1) == (event.error.type, event.attempt)
    assert (
        "Node 'many_bytes' returned 13,631,490 bytes of JSON; the most is 12,582,912 (SPANE_MAX_VALUE_BYTES). Store "
        "large results elsewhere and return a reference to them."
    ) == event.error.message
    place.alive()


@pytest.mark.parametrize(
    ("workflow", "given", "error"),
    [
        (app.leaving, {"code": 3}, "builtins:SystemExit"),
        (app.revolting, {"text": "now"}, "tests.flows.app:Upheaval"),
        (app.revolting_async, {"text": "now"}, "tests.flows.app:Upheaval"),
    ],
)
def test_an_exception_beyond_exception_fails_the_node_at_once(place, workflow, given, error):
    execution = place.fail(workflow, **given)
    (event,) = place.events(execution, "node_failed")
    assert (error, str(next(iter(given.values()))), 1) == (event.error.type, event.error.message, event.attempt)
    assert 1 == len(place.saw(execution))
    for _ in range(5):
        place.alive()


@pytest.mark.parametrize("error", ["SystemExit", "KeyboardInterrupt"])
@pytest.mark.parametrize("workflow", [app.ending_in_time, app.ending_a_task])
def test_what_would_end_the_event_loop_fails_the_node_at_once_and_async_nodes_go_on(place, workflow, error):
    execution = place.fail(workflow, error=error)
    (event,) = place.events(execution, "node_failed")
    assert (f"builtins:{error}", error, 1) == (event.error.type, event.error.message, event.attempt)
    assert 1 == len(place.saw(execution))
    for _ in range(5):
        assert "next" == place.run(app.relaying_async, value="next")[1]


def test_a_node_that_stops_the_event_loop_ends_and_async_nodes_go_on(place):
    execution, result = place.run(app.stopping_the_loop, value="stopped")
    assert "stopped" == result
    assert 1 == len(place.saw(execution))
    for _ in range(5):
        assert "next" == place.run(app.relaying_async, value="next")[1]


def test_a_value_that_does_not_fit_fails_the_node_at_once(place):
    execution = place.fail(app.mismatched, value={"not": "a number"})
    (event,) = place.events(execution, "node_failed")
    assert ("wants_number", "spane.errors:ValueMismatch", 1) == (event.node, event.error.type, event.attempt)
    assert "'number'" in event.error.message
    assert [] == place.saw(execution, "wants_number")
