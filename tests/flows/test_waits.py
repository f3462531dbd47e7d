"""Behaviours 41 to 45, 47 and 61: sleeps, delays, events and deadlines; who waits holds no worker."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from spane import DefinitionError, ExecutionFailed, InputError, SpaneError, Workflow
from spane.errors import DeadlineExceeded, IllegalTransition, SignalRefused, UnknownEvent, UnknownExecution
from spane.runtime import stream
from tests.flows import waits
from tests.flows.conftest import until, without_code
from tests.invariants import assert_holds


def waiting(execution, *nodes):
    """Wait until nodes wait for what will rouse them."""
    until(f"the wait of {nodes}", lambda: all(execution.nodes()[node].state == "parked" for node in nodes))


def at_ms(place, execution, kind, node):
    return place.events(execution, kind, node=node)[-1].at_ms


@pytest.mark.parametrize(
    ("config", "ms"),
    [
        ({"ms": 300}, 300),
        ({"ms": 300, "seconds": 60}, 300),
        ({"seconds": 0.3, "minutes": 9}, 300),
        ({"minutes": 0.005}, 300),
    ],
)
def test_41_ms_wins_over_seconds_over_minutes(place, config, ms):
    execution, result = place.run(waits.delayed(**config), value=[1])
    assert {"value": [1]} == result
    assert ms == place.events(execution, "node_waiting", node="pause")[0].data["timer_ms"]
    waited = at_ms(place, execution, "node_claimed", "after") - at_ms(place, execution, "node_succeeded", "before")
    assert ms <= waited


@pytest.mark.parametrize("config", [{"ms": -1}, {"seconds": "soon"}, {"minutes": None}, {}, {"seconds": True}])
def test_42_an_invalid_duration_fails_the_execution(place, config):
    execution = place.start(waits.delayed(**config), {"value": 1})
    with pytest.raises(ExecutionFailed, match="Delay node 'pause' has no time that it can wait for: its config is"):
        execution.result(timeout_s=20)
    assert [1] == [event.attempt for event in place.events(execution, "node_failed")]
    assert [] == place.saw(execution, "after")


def test_43_zero_resumes_at_once(place):
    execution, result = place.run(waits.delayed(ms=0), value=2)
    assert {"value": 2} == result
    assert [] == place.events(execution, "node_waiting", "node_retrying")
    execution, result = place.run(waits.sleeping, value=2, seconds=0)
    assert 2 == result
    assert [] == place.events(execution, "node_waiting")


def test_43_above_24_hours_warns():
    [warning] = waits.delayed(minutes=1441).warnings
    assert "Node 'pause' waits for 24.0167 h, more than 24 h. Is its unit the one that is meant?" == warning.message
    assert [] == waits.delayed(minutes=1440).warnings


def test_44_a_delay_holds_no_worker_and_passes_data_through(place):
    execution = place.start(waits.delayed(seconds=3600), {"deep": {"data": [1, None, 2.5]}})
    waiting(execution, "pause")
    assert ["0", "1"] == place.engine.store.fields(execution.id, "@run", "@open")
    place.alive()
    assert [] == place.saw(execution, "after")
    execution.cancel()
    execution, result = place.run(waits.delayed(ms=100), deep={"data": [1, None, 2.5]})
    assert {"deep": {"data": [1, None, 2.5]}} == result


def test_45_cancelled_during_a_delay_nothing_downstream_runs(place):
    execution = place.start(waits.delayed(ms=400), {"value": 1})
    waiting(execution, "pause")
    assert 0 == execution.cancel("enough")
    assert "cancelled" == execution.wait(timeout_s=20)
    later, _ = place.run(waits.delayed(ms=600), value=1)
    assert {"before"} == {line["node"] for line in place.saw(execution)}
    assert {"before", "after"} == {line["node"] for line in place.saw(later)}


def test_47_a_resume_respects_the_delay_that_is_left(place):
    execution = place.start(waits.sleeping, {"value": 1, "seconds": 0.8})
    waiting(execution, "sleep_2")
    execution.pause()
    assert "running" == execution.resume()
    assert 1 == execution.result(timeout_s=20)
    began, ended = (
        at_ms(place, execution, "node_waiting", "sleep_2"),
        at_ms(place, execution, "node_claimed", "sleep_2"),
    )
    assert 800 <= ended - began


def test_a_sleep_that_ends_in_a_paused_execution_goes_on_with_the_resume(place):
    execution = place.start(waits.sleeping, {"value": 1, "seconds": 0.4})
    waiting(execution, "sleep_2")
    execution.pause()
    place.run(waits.sleeping, value=2, seconds=0.6)
    assert ("paused", []) == (execution.status(), place.saw(execution, "after"))
    execution.resume()
    assert 1 == execution.result(timeout_s=20)


def test_a_sleep_passes_its_value_on_after_a_time_that_is_known_at_run_time(place):
    execution, result = place.run(waits.sleeping, value={"a": [1]}, seconds=0.5)
    assert {"a": [1]} == result
    assert 300 <= at_ms(place, execution, "node_claimed", "sleep") - at_ms(place, execution, "node_succeeded", "before")
    [told] = place.events(execution, "node_waiting")
    assert ("sleep_2", 500, "0.5 s") == (told.node, told.data["timer_ms"], told.data["awaits"])


def test_calls_in_order_run_one_after_the_other(place):
    execution, result = place.run(waits.one_after_the_other, order=1)
    assert "third" == result
    assert ["first", "second", "third"] == [line["node"] for line in place.saw(execution)]


def test_an_event_that_was_signalled_before_anybody_waited_is_kept(place):
    execution = place.start(waits.approving, {"order": 7}, delay_s=0.2)
    assert False is execution.signal("approved", {"by": "ada"})
    assert "7 paid, approved by ada" == execution.result(timeout_s=20)


def test_an_event_is_taken_by_the_node_that_waits_for_it_and_holds_no_worker_meanwhile(place):
    execution = place.start(waits.approving, {"order": 8})
    waiting(execution, "approved")
    assert ["0", "1"] == place.engine.store.fields(execution.id, "@run", "@open")
    assert True is place.engine.signal(execution.id, "approved", waits.Approval(by="bob", verdict="no"))
    assert "8 declined" == execution.result(timeout_s=20)
    assert "skipped" == execution.nodes()["paid"].state
    [told] = place.events(execution, "execution_signalled")
    assert ("approved", "approved") == (told.data["event"], told.node)


def test_events_of_one_name_are_taken_in_the_order_in_which_they_came(place):
    execution = place.start(waits.two_waits, delay_s=0.2)
    assert [False, False] == [execution.signal("said", word) for word in ("one", "two")]
    assert ["one", "two"] == execution.result(timeout_s=20)


def test_a_signal_with_a_key_is_sent_once(place):
    execution = place.start(waits.two_waits, delay_s=0.2)
    for _ in range(3):
        assert False is execution.signal("said", "one", key="first")
    execution.signal("said", "two", key="second")
    assert ["one", "two"] == execution.result(timeout_s=20)
    assert False is execution.signal("said", "two", key="second")
    assert 2 == len(place.events(execution, "execution_signalled"))


def test_an_event_that_does_not_come_in_time_fails_the_execution(place):
    execution = place.fail(waits.timing_out)
    error = execution.nodes()["late"].error
    assert ("spane.errors:EventTimeout", 1) == (error.type, error.attempt)
    assert (
        "Event 'late' did not come within the 0.4 s that node 'late' waits for it. Signal it in time, raise timeout_s, or go "
        "on without it: on_timeout=None."
    ) == error.message


def test_a_wait_may_give_none_when_its_time_is_over(place):
    execution, result = place.run(waits.going_without, order=3)
    assert [3, None] == result
    execution = place.start(waits.going_without, {"order": 4}, delay_s=0.1)
    execution.signal("late", "in time")
    assert [4, "in time"] == execution.result(timeout_s=20)


def test_a_dead_letter_of_a_wait_that_is_retried_waits_anew(place):
    execution = place.fail(waits.timing_out)
    [letter] = [one for one in place.engine.dead_letters if one.execution == execution.id]
    place.engine.dead_letters.retry(letter.id)
    waiting(execution, "late")
    assert True is execution.signal("late", "this time")
    assert "this time" == execution.result(timeout_s=20)


def test_an_event_that_comes_while_the_execution_is_paused_is_taken_with_the_resume(place):
    execution = place.start(waits.approving, {"order": 9})
    waiting(execution, "approved")
    execution.pause()
    assert True is execution.signal("approved", {"by": "ada"})
    assert "paused" == execution.status()
    execution.resume()
    assert "9 paid, approved by ada" == execution.result(timeout_s=20)


def test_a_wait_beside_a_node_that_fails_goes_on_when_that_is_retried(place):
    gate = place.gate()
    execution = place.fail(waits.failing_beside, gate=gate)
    with pytest.raises(IllegalTransition, match=f"Cannot signal execution '{execution.id}': it is failed"):
        execution.signal("said", "too late")
    place.open(gate)
    [letter] = [one for one in place.engine.dead_letters if one.execution == execution.id]
    place.engine.dead_letters.retry(letter.id)
    until("the second run", lambda: execution.nodes()["broken"].state == "succeeded")
    waiting(execution, "said")
    assert True is execution.signal("said", "at last")
    assert ["at last", 1] == execution.result(timeout_s=20)


def test_an_execution_that_is_failing_is_healed_while_its_children_wait(place):
    good, bad = place.gate(), place.gate()
    place.open(good)
    execution = place.start(waits.asking_all, {"gates": [good, bad]})
    until("it is failing", lambda: "failing" == execution.status())
    waiting_child, failed_child = sorted(execution.children(), key=lambda child: "failed" == child.status())
    place.open(bad)
    [letter] = [one for one in place.engine.dead_letters if one.execution == failed_child.id]
    place.engine.dead_letters.retry(letter.id)
    assert ("running", "running") == (execution.status(), failed_child.status())
    for child in (waiting_child, failed_child):
        waiting(child, "said")
        child.signal("said", "yes")
    assert [[1, "yes"], [1, "yes"]] == execution.result(timeout_s=20)
    assert 1 == len(place.events(execution, "execution_completed"))
    assert_holds(place.engine.store, [execution.id, waiting_child.id, failed_child.id])


def test_a_replay_waits_for_an_event_of_its_own(place):
    execution = place.start(waits.approving, {"order": 5})
    execution.signal("approved", {"by": "ada"})
    execution.result(timeout_s=20)
    whole, part = execution.replay(), execution.replay(from_node="paid")
    assert "5 paid, approved by ada" == part.result(timeout_s=20)
    waiting(whole, "approved")
    whole.signal("approved", {"by": "bob"})
    assert "5 paid, approved by bob" == whole.result(timeout_s=20)


def test_data_that_is_not_of_the_type_fails_the_wait_by_the_name_of_its_event(place):
    execution = place.start(waits.approving, {"order": 6})
    execution = without_code(place.engine, execution)  # A process that does not know its code can only send.
    waiting(execution, "approved")
    assert True is execution.signal("approved", {"by": 3})
    assert "failed" == execution.wait(timeout_s=20)
    error = execution.nodes()["approved"].error
    assert ("spane.errors:ValueMismatch", 1) == (error.type, error.attempt)
    assert (
        "Event 'approved' came with data that node 'approved' does not wait for:\n"
        "  - data.by: expected a valid string, got 3 (integer)\n"
        "Send what the type in wait_for_event(...) says, or change it."
    ) == error.message


@pytest.mark.parametrize(
    ("name", "data", "error", "message"),
    [
        ("approve", {}, UnknownEvent, "has no wait for an event 'approve'. It waits for 'approved'. Nothing was sent."),
        ("approved", {"by": 3}, SignalRefused, "  - data.by: expected a valid string, got 3 (integer)"),
        ("approved", {"by": object()}, SignalRefused, "  - data.by: it is an object, which JSON cannot carry"),
        (
            "approved",
            {"by": "x" * 300_000},
            SignalRefused,
            "as JSON; it has at most 262,144 (SPANE_INLINE_VALUE_BYTES)",
        ),
        ("approved\udc80", {}, UnknownEvent, "has no wait for an event"),
    ],
)
def test_a_bad_signal_says_so_and_changes_nothing(place, name, data, error, message):
    execution = place.start(waits.approving, {"order": 1})
    waiting(execution, "approved")
    before = place.engine.store.everything(execution.id)
    with pytest.raises(error) as raised:
        execution.signal(name, data)
    assert message in str(raised.value)
    assert before == place.engine.store.everything(execution.id)
    assert [] == place.events(execution, "execution_signalled")
    execution.cancel()


def test_a_signal_to_nobody_says_so(place):
    with pytest.raises(UnknownExecution):
        place.engine.signal("nobody", "approved", {})
    execution, _ = place.run(waits.sleeping, value=1, seconds=0)
    with pytest.raises(UnknownEvent, match=r"has no wait for an event 'x'\. Its workflow waits for none\."):
        execution.signal("x")
    execution = place.start(waits.approving, {"order": 1})
    with pytest.raises(SignalRefused, match="key is ''; it is a text of 1 to 200 characters"):
        execution.signal("approved", {"by": "ada"}, key="")
    execution.cancel()
    assert "cancelled" == execution.wait(timeout_s=20)
    with pytest.raises(IllegalTransition, match="it is cancelled"):
        execution.signal("approved", {"by": "ada"})


def test_a_wait_in_a_definition(place):
    definition = {
        "id": "asking",
        "nodes": [
            {"id": "before", "type": "relay", "outputs": ["answer"]},
            {
                "id": "answer",
                "type": "spane.wait_for_event",
                "config": {"event": "said", "within_s": 60},
                "outputs": ["after"],
            },
            {"id": "after", "type": "relay"},
        ],
    }
    execution = place.start(Workflow.from_definition(definition), {"a": 1})
    waiting(execution, "answer")
    execution.signal("said", {"any": "thing"})
    assert {"any": "thing"} == execution.result(timeout_s=20)


def test_a_wait_in_a_definition_is_checked():
    definition = {"id": "asking", "nodes": [{"id": "a", "type": "spane.wait_for_event", "config": {"within_s": -1}}]}
    with pytest.raises(SpaneError) as raised:
        Workflow.from_definition(definition)
    assert "event in its config is None; the name of an event has 1 to 200 letters" in str(raised.value)
    assert "within_s in its config is -1; give seconds above 0, or leave it out to wait without end." in str(
        raised.value
    )


def now(place):
    return datetime.fromtimestamp(place.engine.store.clock.now_ms() / 1000, UTC)


def test_61_nothing_runs_early(place):
    at = now(place) + timedelta(seconds=0.7)
    execution = place.start(waits.quick, {"value": 1}, at=at)
    delayed = place.start(waits.quick, {"value": 2}, delay_s=0.7)
    waiting_for = place.start(waits.after_a_node_that_waits, {"value": 3})
    assert "scheduled" == execution.status()
    assert [1, 2, 3] == [one.result(timeout_s=20) for one in (execution, delayed, waiting_for)]
    assert at.timestamp() * 1000 <= at_ms(place, execution, "node_claimed", "relay") + 1
    started = place.events(delayed, "execution_started")[0].at_ms
    assert 700 <= at_ms(place, delayed, "node_claimed", "relay") - started
    ended = at_ms(place, waiting_for, "node_succeeded", "before")
    assert 300 <= at_ms(place, waiting_for, "node_claimed", "after") - ended


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"at": datetime(2020, 1, 1, tzinfo=UTC)},
            "at is 2020-01-01T00:00:00+00:00, which is past: by the clock of the store",
        ),
        ({"at": datetime(2020, 1, 1)}, "it is a datetime with a time zone, as datetime.now(UTC) is."),  # noqa: DTZ001
        ({"at": "tomorrow"}, "at is 'tomorrow'; it is a datetime with a time zone"),
        ({"at": datetime(2120, 1, 1, tzinfo=UTC), "delay_s": 3}, "at and delay_s are both given; say one of the two."),
        ({"delay_s": -1}, "delay_s is -1; it is zero or more seconds."),
    ],
)
def test_61_past_dates_and_negative_delays_are_refused_and_nothing_is_created(place, options, message):
    before = stream.last_id(place.engine.store)
    with pytest.raises(InputError) as raised:
        place.engine.start(waits.quick, {"value": 1}, **options)
    assert message in str(raised.value)
    [also] = (
        place.engine.start_many(waits.quick, [{"value": 1}], **options)
        if "at" in options and "past" in message
        else [1]
    )
    assert "which is past" in str(also) or also == 1
    started = [event for event in stream.events(place.engine.store, before or "-") if event.kind == "execution_started"]
    assert [] == started


@pytest.mark.parametrize(
    ("workflow", "name", "state"),
    [(waits.napping, "sleep", "retrying"), (waits.expecting_for_a_minute, "never", "parked")],
    ids=["sleep", "event"],
)
def test_a_view_says_until_when_a_node_waits_for_its_time_and_not_since_when(place, workflow, name, state):
    execution = place.start(workflow, {"value": 5})
    view = until("it waits", lambda: (found := execution.nodes()[name]).state == state and found)
    relayed = execution.nodes()["relay"]
    assert (None, None) == (view.since_ms, relayed.until_ms)
    assert 0 <= view.until_ms - 60_000 - relayed.since_ms < 20_000
    execution.cancel()
    view = execution.nodes()[name]
    assert ("cancelled", None, None) == (view.state, view.since_ms, view.until_ms)


def test_an_execution_that_has_not_ended_at_its_deadline_fails(place):
    execution = place.start(waits.too_slow, {"value": 1})
    with pytest.raises(DeadlineExceeded) as raised:
        execution.result(timeout_s=20)
    assert (
        f"Execution {execution.id!r} of workflow 'too_slow' failed: it had not ended at its deadline. What ran then was "
        "stopped. See by its events what took so long, and replay it; replay(deadline_s=...) gives it another deadline."
    ) == str(raised.value)
    assert ("failed", []) == (execution.status(), place.saw(execution, "shown"))
    [passed] = place.events(execution, "deadline_passed")
    assert 500 <= passed.at_ms - place.events(execution, "execution_started")[0].at_ms
    assert [] == place.dead_letters(execution)


def test_a_start_says_its_own_deadline_which_a_replay_keeps_or_changes(place):
    execution = place.start(waits.quick, {"value": 5}, deadline_s=0.5, delay_s=0.001)
    assert 5 == execution.result(timeout_s=20)
    [late, bad] = place.engine.start_many(waits.napping, [{"value": 1}, {}], deadline_s=0.3)
    assert isinstance(bad, InputError)
    assert "failed" == late.wait(timeout_s=20)
    with pytest.raises(DeadlineExceeded):
        late.replay().result(timeout_s=20)
    longer = late.replay(deadline_s=3600)
    until("it sleeps", lambda: longer.nodes()["sleep"].state in ("retrying", "parked"))
    assert "running" == longer.status()
    longer.cancel()


def test_what_runs_at_the_deadline_is_told_to_stop(place):
    execution = place.start(waits.held_up)
    until("the node's start", lambda: place.saw(execution))
    assert "failed" == execution.wait(timeout_s=20)
    assert "its deadline has come" == place.saw(execution)[-1]["stopped"]
    assert ["deadline_passed", "execution_failing", "execution_failed"] == [
        event.kind for event in place.events(execution, "deadline_passed", "execution_failing", "execution_failed")
    ]


def test_a_sub_workflow_is_cancelled_at_the_deadline_of_its_parent(place):
    execution = place.start(waits.calling_what_naps, {"value": 1})
    with pytest.raises(DeadlineExceeded):
        execution.result(timeout_s=20)
    child = place.engine.executions(workflow="napping", status="cancelled")[0]
    assert f"the deadline of {execution.id} has come" == place.engine.store.fields(child.id, "@why")[0]


def test_a_sub_workflow_that_passes_its_own_deadline_says_so_to_its_caller(place):
    execution = place.fail(waits.calling_what_expects)
    [child] = execution.children()
    with pytest.raises(ExecutionFailed) as failed:
        execution.result()
    assert (
        f"Sub-workflow 'expecting_in_time' (execution {child.id!r}) failed: it had not ended at its deadline. What ran then was stopped."
        in failed.value.error.message
    )


def test_what_runs_of_an_execution_that_is_failing_is_stopped_at_its_deadline(place):
    gate = place.gate()
    execution = place.start(waits.failing_beside_what_naps, {"gate": gate})
    until("both run beside it", lambda: execution.children() and place.saw(execution, "held"))
    place.open(gate)
    assert "failed" == execution.wait(timeout_s=20)
    with pytest.raises(ExecutionFailed, match="node 'breaks' failed") as failed:
        execution.result()
    assert not isinstance(failed.value, DeadlineExceeded)
    assert ["cancelled"] == [child.status() for child in execution.children()]
    assert ["its deadline has come"] == [line["stopped"] for line in place.saw(execution, "held")[1:]]
    assert 1 == len(place.events(execution, "deadline_passed"))


def test_a_child_and_a_parent_know_their_workflow(place):
    execution = place.start(waits.approving_below, {"order": 7})
    [child] = until("it is called", execution.children)
    assert (waits.approving, waits.approving_below) == (child.workflow, child.parent.workflow)
    waiting(child, "approved")
    with pytest.raises(SignalRefused):
        child.signal("approved", {"by": 3})
    assert child.signal("approved", {"by": "ada"})
    assert "7 paid, approved by ada" == execution.result(timeout_s=20)


def test_an_execution_that_ends_in_time_has_nothing_of_its_deadline(place):
    execution, result = place.run(waits.quick, value=5)
    assert 5 == result
    assert None is place.engine.store.client.zscore(place.engine.store.keys.timers, f"d|{execution.id}")


@pytest.mark.parametrize("deadline_s", [0, -1, "soon", float("inf")])
def test_a_deadline_that_is_no_time_is_a_fault(deadline_s):
    definition = {"id": "a", "spane": {"deadline_s": deadline_s}, "nodes": [{"id": "relay", "type": "relay"}]}
    with pytest.raises(DefinitionError, match="deadline"):
        Workflow.from_definition(definition)


def test_a_definition_keeps_its_deadline():
    definition = waits.quick.to_definition()
    assert 20 == definition["spane"]["deadline_s"]
    assert waits.quick.plan.hash == Workflow.from_definition(definition).plan.hash
