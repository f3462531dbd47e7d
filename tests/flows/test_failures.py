"""Failure policies: skip, handlers of failures, and undo."""

from __future__ import annotations

import os
import signal

import pytest

from spane.errors import DeadLetterPassed, DeadLetterUndone, ExecutionFailed, IllegalTransition
from tests.flows import app
from tests.flows.conftest import until
from tests.invariants import assert_holds

ORDER = {"order": 7, "card": "visa", "how": "broken"}


def steps(execution):
    """Return the steps of an execution with their states, in the order in which they ran."""
    return {name: str(view.state) for name, view in execution.nodes().items() if "~" in name}


def letter(execution, name):
    return f"{execution.id}:{name}"


def undone_in_order(place, execution):
    """Return the undos that ran, the first to end first."""
    return [event.node for event in place.events(execution, "node_succeeded") if event.node.endswith("~undo")]


def undoable_backwards(place, execution):
    """Return the undos of what succeeded and has one, of the last to complete first."""
    done = [f"{event.node}~undo" for event in place.events(execution, "node_succeeded")]
    return [undo for undo in reversed(done) if undo in steps(execution)]


def test_what_succeeded_is_undone_in_reverse_order_before_the_execution_fails(place):
    execution = place.fail(app.buying, **ORDER)
    undone = steps(execution)
    assert {"reserve~undo": "succeeded", "charge~undo": "succeeded", "charge_later~undo": "succeeded"} == undone
    assert undoable_backwards(place, execution) == undone_in_order(place, execution)
    [told] = place.saw(execution, "reserve~undo")
    assert (7, "reserved 7", False, f"{execution.id}:reserve~undo") == (
        told["order"], told["output"], told["cancelled"], told["key"],
    )  # fmt: skip
    assert ["charged visa for reserved 7"] == [line["receipt"] for line in place.saw(execution, "charge~undo")]
    assert ["later reserved 7"] == [line["receipt"] for line in place.saw(execution, "charge_later~undo")]
    kinds = [event.kind for event in execution.events()]
    assert ["execution_compensating", "execution_failed"] == [
        kind for kind in kinds if kind.startswith("execution_c") or kind == "execution_failed"
    ]
    assert ["ship"] == place.dead_letters(execution)
    assert_holds(place.engine.store, [execution.id])


def test_nothing_is_undone_where_everything_goes_well(place):
    execution, result = place.run(app.buying, **ORDER | {"how": "well"})
    assert ["charged visa for reserved 7", "later reserved 7"] == result
    assert {} == steps(execution)


def test_a_cancelled_execution_undoes_what_it_did(place):
    gate = place.gate()
    execution = place.start(app.buying, ORDER | {"how": gate})
    until("it ships", lambda: place.saw(execution, "ship"))
    until("it is charged later", lambda: execution.nodes()["charge_later"].state == "succeeded")
    execution.cancel("changed my mind")
    place.open(gate)
    assert "cancelled" == execution.wait(timeout_s=20)
    assert undoable_backwards(place, execution) == undone_in_order(place, execution)
    assert {"succeeded"} == set(steps(execution).values())
    assert [False] == [line["cancelled"] for line in place.saw(execution, "reserve~undo")]
    assert_holds(place.engine.store, [execution.id])


def test_while_it_compensates_it_can_be_neither_paused_nor_cancelled(place):
    gate = place.gate()
    execution = place.start(app.buying, ORDER | {"gate": gate})
    until("it is undone", lambda: place.saw(execution, "reserve~undo"))
    assert "compensating" == execution.status()
    for verb in (execution.pause, execution.cancel):
        with pytest.raises(IllegalTransition, match="compensating"):
            verb()
    place.open(gate)
    assert "failed" == execution.wait(timeout_s=20)


def test_an_undo_that_fails_is_a_dead_letter_and_the_rest_is_undone(place):
    execution = place.fail(app.buying, **ORDER | {"card": "stuck"})
    assert ("failed", "succeeded") == (steps(execution)["charge~undo"], steps(execution)["reserve~undo"])
    assert 2 == len(place.saw(execution, "charge~undo"))
    assert {"ship", "charge~undo"} == set(place.dead_letters(execution))
    with pytest.raises(
        ExecutionFailed, match="After that 'charge~undo' failed as well, with ConnectionError"
    ) as caught:
        execution.result()
    assert "ship" == caught.value.node
    assert letter(execution, "charge~undo") in str(caught.value)
    (place.folder / f"{execution.id}.mended").touch()
    place.engine.dead_letters.retry(letter(execution, "charge~undo"))
    assert "failed" == execution.wait(timeout_s=20)
    until("it is undone", lambda: steps(execution)["charge~undo"] == "succeeded")
    assert ["ship"] == place.dead_letters(execution)
    assert 1 == len(place.saw(execution, "reserve~undo"))
    assert_holds(place.engine.store, [execution.id])


def test_what_is_undone_is_not_healed_but_runs_again_in_a_replay(place):
    execution = place.fail(app.buying, **ORDER)
    with pytest.raises(DeadLetterUndone, match="has compensated, and what the nodes before it did is undone"):
        place.engine.dead_letters.retry(letter(execution, "ship"))
    again = execution.replay(from_node="ship", inputs={"how": "well"})
    place.started.append(again.id)
    assert ["charged visa for reserved 7", "later reserved 7"] == again.result(timeout_s=20)
    ran = {event.node for event in place.events(again, "node_succeeded")}
    assert {"reserve", "charge", "ship", "charge_later"} == ran


def test_a_replay_undoes_what_it_ran_itself_and_nothing_that_it_kept(place):
    execution, _ = place.run(app.buying, **ORDER | {"how": "well"})
    again = execution.replay(from_node="charge", inputs={"how": "broken"})
    place.started.append(again.id)
    assert "failed" == again.wait(timeout_s=20)
    assert ["charge~undo"] == list(steps(again))


def test_a_handler_hears_what_failed_before_the_execution_has_failed(place):
    execution = place.fail(app.telling, how="broken")
    [told] = place.saw(execution, "notify~on_failure")
    assert ("ship", "builtins:LookupError", "no truck", "telling", "broken", True) == (
        told["of"], told["type"], told["message"], told["workflow"], told["how"], told["same"],
    )  # fmt: skip
    assert {"notify~on_failure": "succeeded"} == steps(execution)
    assert_holds(place.engine.store, [execution.id])


def test_an_execution_that_told_its_handler_can_be_healed(place):
    execution = place.fail(app.telling, how="broken")
    (place.folder / f"{execution.id}.road").touch()
    place.engine.dead_letters.retry(letter(execution, "ship"))
    assert "parcel" == execution.result(timeout_s=20)
    assert {} == steps(execution)
    assert_holds(place.engine.store, [execution.id])


def test_a_handler_that_fails_does_not_hide_the_failure(place):
    execution = place.fail(app.telling_nobody, how="broken")
    with pytest.raises(ExecutionFailed, match="After that 'mute~on_failure' failed as well") as caught:
        execution.result()
    assert ("ship", "no truck") == (caught.value.node, caught.value.error.message)
    assert {"ship", "mute~on_failure"} == set(place.dead_letters(execution))


def test_no_handler_hears_of_a_cancel(place):
    gate = place.gate()
    execution = place.start(app.telling, {"how": gate})
    until("it ships", lambda: place.saw(execution, "ship"))
    execution.cancel()
    place.open(gate)
    assert "cancelled" == execution.wait(timeout_s=20)
    assert {} == steps(execution)


def test_a_node_that_is_skipped_when_it_fails_skips_what_only_it_feeds(place):
    execution, result = place.run(app.wrapping, paper="none")
    assert ["order", None] == result[:2]
    states = {name: str(view.state) for name, view in execution.nodes().items()}
    assert ("failed", "skipped", "succeeded") == (states["wrap"], states["tie"], states["hand_over"])
    assert ["wrap"] == place.dead_letters(execution)
    with pytest.raises(DeadLetterPassed):
        place.engine.dead_letters.retry(letter(execution, "wrap"))
    assert ["order", "tied red"] == place.run(app.wrapping, paper="red")[1]
    assert_holds(place.engine.store, [execution.id])


def test_the_undo_of_a_worker_that_dies_is_taken_over(place):
    if place.redis is None:
        pytest.skip("in process there is one worker")
    gate = place.gate()
    execution = place.start(app.buying, ORDER | {"gate": gate})
    [told] = until("it is undone", lambda: place.saw(execution, "reserve~undo"))
    os.kill(told["pid"], signal.SIGSTOP)
    try:
        until("another worker has it", lambda: len(place.saw(execution, "reserve~undo")) > 1)
        place.open(gate)
        assert "failed" == execution.wait(timeout_s=20)
    finally:
        os.kill(told["pid"], signal.SIGCONT)
    assert "succeeded" == steps(execution)["reserve~undo"]
    assert_holds(place.engine.store, [execution.id])


def test_an_execution_that_undoes_what_it_did_says_so_when_asked_why_it_waits(place):
    gate = place.gate()
    execution = place.start(app.buying, ORDER | {"gate": gate})
    until("it is undone", lambda: place.saw(execution, "reserve~undo"))
    told = execution.explain()
    assert "The execution failed because of 'ship', and undoes what it did." == str(told.cause)
    assert ("leased", "dead_letter") == (told.nodes["reserve~undo"].kind, told.nodes["ship"].kind)
    place.open(gate)
    assert "failed" == execution.wait(timeout_s=20)
