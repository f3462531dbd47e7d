"""Behaviours 28 to 35: retries and dead letters."""

from __future__ import annotations

import pytest

from spane import ExecutionFailed, Workflow
from spane.authoring.registry import Registry
from spane.errors import ExecutionStalled
from spane.model.node_type import NodeType, Parameter
from tests.flows import app
from tests.flows.conftest import until


def waits_ms(place, execution, node: str) -> list[int]:
    """Return the waits between attempts as planned, each checked against when the next attempt was claimed."""
    retrying = place.events(execution, "node_retrying", node=node)
    claimed = place.events(execution, "node_claimed", node=node)
    for failed, again in zip(retrying, claimed[1:], strict=True):
        # An event may be stamped a millisecond after its script read the clock.
        assert -1 <= again.at_ms - failed.at_ms - failed.data["delay_ms"] < 1500
    return [event.data["delay_ms"] for event in retrying]


def test_28_without_a_policy_there_are_three_attempts_with_waits_of_1_and_2_s(place):
    failing = place.start(app.by_default, {"attempt": 4})
    late = place.start(app.by_default, {"attempt": 3})
    assert 3 == late.result(timeout_s=20)
    assert "failed" == failing.wait(timeout_s=20)
    for execution in (failing, late):
        assert [1000, 2000] == waits_ms(place, execution, "fail_until")
        assert [1, 2, 3] == [line["attempt"] for line in place.saw(execution, "fail_until")]


def test_29_waits_are_fixed_or_exponential_or_jittered(place):
    execution, result = place.run(app.backoffs, attempt=4)
    assert [4, 4, 4] == result
    assert [30, 30, 30] == waits_ms(place, execution, "fixed")
    assert [20, 40, 80] == waits_ms(place, execution, "exponential")
    jittered = waits_ms(place, execution, "jittered")
    assert all(50 <= wait <= 100 for wait in jittered)
    assert 1 < len(set(jittered))


def test_30_the_policy_of_an_entry_node_is_honoured(place):
    definition = {
        "id": "entry_policy",
        "name": "Entry policy",
        "entryNodeId": "entry",
        "nodes": [
            {
                "id": "entry",
                "type": "fail_until",
                "config": {"retryPolicy": {"maxAttempts": 4, "backoff": {"type": "fixed", "delay": 20}}},
                "spane": {"arguments": {"attempt": {"input": "attempt"}}},
            }
        ],
    }
    execution, result = place.run(Workflow.from_definition(definition), attempt=4)
    assert 4 == result
    assert [20, 20, 20] == waits_ms(place, execution, "entry")


def test_31_a_late_success_leaves_no_dead_letter(place):
    execution, result = place.run(app.quickly, attempt=3)
    assert 3 == result
    assert [] == place.dead_letters(execution)
    assert [] == place.events(execution, "node_failed")


def test_32_an_unrecoverable_error_is_not_retried_and_becomes_a_dead_letter(place):
    execution = place.fail(app.giving_up, reason="the card is stolen")
    assert 1 == len(place.saw(execution, "give_up"))
    assert ["give_up"] == place.dead_letters(execution)
    (event,) = place.events(execution, "node_failed")
    assert ("the card is stolen", 1, False) == (event.error.message, event.attempt, event.error.retryable)


def test_32_an_excluded_exception_is_not_retried(place):
    execution = place.fail(app.declining, card="4711")
    assert 1 == len(place.saw(execution))
    assert ["decline"] == place.dead_letters(execution)


def test_33_exhaustion_leaves_one_dead_letter_and_a_failed_node_and_execution(place):
    execution = place.fail(app.quickly, attempt=4)
    assert ["fail_until"] == place.dead_letters(execution)
    assert 1 == len(place.events(execution, "node_failed"))
    assert 1 == len(place.events(execution, "execution_failed"))
    node = execution.nodes()["fail_until"]
    assert ("failed", 3, "attempt 3 failed") == (node.state, node.attempt, node.error.message)
    with pytest.raises(ExecutionFailed) as caught:
        execution.result()
    assert f"Execution {execution.id!r} failed: node 'fail_until' failed after 3 attempts" in str(caught.value)
    assert "in fail_until" in str(caught.value)
    assert "executor.py" not in str(caught.value)


def test_34_continue_on_fail_runs_the_children_with_the_error_visible(place):
    execution, result = place.run(app.continuing, value="glass")
    assert {
        "insurance": "none",
        "error": "no insurance for glass",
        "type": "builtins:LookupError",
        "attempt": 3,
    } == result
    assert "completed" == execution.status()
    assert ["insured"] == place.dead_letters(execution)
    assert "failed" == execution.nodes()["insured"].state


def test_35_an_unknown_node_type_is_not_retried(place):
    types = Registry()
    types.add(NodeType("from_another_app", lambda data: data, (Parameter("data"),)))
    made = Workflow.from_definition(
        {"id": "unknown_type", "name": "Unknown", "nodes": [{"id": "stranger", "type": "from_another_app"}]}, types
    )
    execution = place.start(made, {"data": 1})
    (event,) = until("the parking of the node", lambda: place.events(execution, "node_parked"))
    assert ("stranger", "no node type 'from_another_app' is registered where it was fetched") == (
        event.node,
        event.data["reason"],
    )
    if place.redis is None:
        with pytest.raises(
            ExecutionStalled, match=r"because no node type 'from_another_app' is registered.*; register the node types"
        ):
            execution.result()
    place.alive()
    # It waits for a worker that has the type: no attempt was spent, and nothing was tried again.
    assert [] == place.events(execution, "node_retrying", "node_failed")
    assert "running" == execution.status()
    assert 1 == len(place.events(execution, "node_parked"))
    if place.log is not None:
        again = place.start(made, {"data": 2})
        until("the parking of the second", lambda: place.events(again, "node_parked"))
        again.cancel()
        told = [line for line in place.log.read_text().splitlines() if "'from_another_app' is registered" in line]
        assert 1 <= len(told) <= 2, "each of the two processes tells it once"
        assert "WARNING" in told[0]
        assert (
            f"Node 'stranger' of execution {execution.id} cannot run here: no node type 'from_another_app'" in told[0]
        )
    execution.cancel("no worker will have it")
    assert "cancelled" == execution.wait(timeout_s=20)


def test_retry_later_spends_no_attempt(place):
    execution, result = place.run(app.asking_later, gate=place.gate())
    assert 1 == result
    assert [1, 1] == [line["attempt"] for line in place.saw(execution)]
    assert [50] == waits_ms(place, execution, "ask_later")
