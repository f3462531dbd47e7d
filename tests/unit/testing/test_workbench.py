"""What the fixture `spane` does for a test."""

from __future__ import annotations

import itertools
import threading

import dramatiq
import pytest
from dramatiq.brokers.stub import StubBroker

from spane import Context, Retry, Skip, current, node, workflow
from spane.errors import ResultNotSerialisable, ValueMismatch
from spane.testing.workbench import Workbench


@node
def twice(number: int) -> int:
    return 2 * number


@node(retry=Retry(attempts=3, base_s=1.0))
def lucky(number: int, context: Context = current()) -> int:
    if context.attempt < 3:
        raise ConnectionError(f"attempt {context.attempt}")
    return number + context.attempt


@workflow
def luck(number: int) -> int:
    return twice(lucky(number))


def test_run_gives_the_result_and_waits_cost_no_real_time(spane):
    assert spane.run(luck, number=1) == 8
    assert [1000, 2000] == [event.data["delay_ms"] for event in spane.events.of("node_retrying")]


def test_run_raises_what_the_node_raised(spane):
    @node(retry=Retry(attempts=1))
    def fail(number: int) -> int:
        raise LookupError(f"no {number}")

    @workflow
    def failing(number: int) -> int:
        return fail(number)

    with pytest.raises(LookupError, match="no 7") as caught:
        spane.run(failing, number=7)
    assert ["test_workbench.py", "workbench.py", "test_workbench.py"] == [entry.path.name for entry in caught.traceback]


def test_nothing_runs_before_its_time(spane):
    execution = spane.start(luck, {"number": 1})
    spane.drain()
    assert "retrying" == execution.nodes()["lucky"].state
    spane.advance(0.999)
    assert 1 == execution.nodes()["lucky"].attempt
    spane.advance(0.001)
    assert 2 == execution.nodes()["lucky"].attempt
    spane.advance(60)
    assert "completed" == execution.status()
    # Each ran at its own time, although the clock was moved far beyond it at once.
    at_ms = [event.at_ms for event in spane.events.of("node_claimed", node="lucky")]
    assert [1000, 2000] == [after - before for before, after in itertools.pairwise(at_ms)]


def test_a_start_can_be_delayed(spane):
    execution = spane.start(luck, {"number": 1}, delay_s=3600)
    spane.advance(3599)
    assert "scheduled" == execution.status()
    spane.advance(1)
    assert "running" == execution.status()


@pytest.mark.parametrize("given", [5, lambda number: 5, lambda: 5, lambda **rest: 5])
def test_replace_by_a_value_or_a_function(spane, given):
    replacement = spane.replace(lucky, with_=given)
    assert 10 == spane.run(luck, number=1)
    assert 1 == len(replacement.calls)


def test_replace_by_an_exception_ends_with_the_with(spane):
    with spane.replace(lucky, with_=ValueError("no")) as replacement:
        with pytest.raises(ValueError, match="no"):
            spane.run(luck, number=1)
        assert 3 * [{"number": 1}] == replacement.calls
    assert 8 == spane.run(luck, number=1)


def test_a_replacement_whose_value_does_not_fit_is_told_as_the_replacement(spane):
    spane.replace(twice, with_="many")
    with pytest.raises(ValueMismatch) as caught:
        spane.run(luck, number=1)
    assert str(caught.value).startswith(
        "The replacement of node 'twice' returned what does not fit the return annotation of 'twice', int:\n"
    )
    spane.replace(twice, with_=object())
    with pytest.raises(ResultNotSerialisable) as refused:
        spane.run(luck, number=1)
    assert str(refused.value).startswith(
        "Node 'twice' returned a value that is refused. Its replacement gave it. The value"
    )


def test_a_replacement_may_steer_as_the_node_may(spane):
    spane.replace(twice, with_=Skip("not today"))
    execution = spane.start(luck, {"number": 1})
    execution.wait()
    assert "skipped" == execution.nodes()["twice"].state


def test_an_exception_in_place_of_a_node_brings_no_traceback_of_the_engine(spane):
    spane.replace(twice, with_=RuntimeError("out of order"))
    execution = spane.start(luck, {"number": 1})
    execution.wait()
    assert "" == execution.nodes()["twice"].error.traceback


def test_replace_by_an_async_function(spane):
    async def other(number: int, context: Context = current()) -> int:
        return number + context.attempt

    spane.replace(lucky, with_=other)
    assert 4 == spane.run(luck, number=1)


def test_a_replacement_that_wants_what_the_node_does_not_have(spane):
    with pytest.raises(TypeError) as caught:
        spane.replace(twice, with_=lambda amount: amount)
    assert (
        "The replacement of node 'twice' wants amount, which the node does not have; it takes number. Name the "
        "parameters like the node's, or leave out those that do not matter."
    ) == str(caught.value)


def test_events_can_be_picked(spane):
    spane.run(luck, number=1)
    assert ["node_claimed", "node_succeeded"] == spane.events.of(node="twice").kinds
    assert 2 == len(spane.events.of("execution_started", "execution_completed"))
    assert "attempt 2" in repr(spane.events)


def test_actors_of_the_test_run_beside_nodes(spane):
    sent = []

    @dramatiq.actor
    def send(text):
        sent.append(text)

    @node
    def notify(text: str) -> None:
        send.send(text)

    @workflow
    def notifying(text: str) -> None:
        notify(text)

    spane.start(notifying, {"text": "hello"})
    spane.broker.join("default", timeout=5000)
    spane.worker.join()
    assert ["hello"] == sent
    send.send("again")
    spane.drain()
    assert ["hello", "again"] == sent


def test_a_worker_of_the_tests_own_may_run_beside(spane):
    worker = dramatiq.Worker(spane.broker, worker_timeout=10, worker_threads=2)
    worker.start()
    try:
        assert 8 == spane.run(luck, number=1)
    finally:
        worker.stop()
    assert 8 == spane.run(luck, number=1)


def test_actors_of_another_broker_come_along_and_go_back(spane, monkeypatch):
    theirs = StubBroker()
    monkeypatch.setattr(dramatiq.broker, "global_broker", theirs)
    heard = threading.Event()

    @dramatiq.actor(broker=theirs)
    def ring():
        heard.set()

    with Workbench() as inner:
        ring.send()
        inner.drain()
    assert heard.is_set()
    assert ring.broker is theirs
    assert dramatiq.get_broker() is theirs


def test_drain_names_what_does_not_end(spane):
    go_on = threading.Event()

    @node
    def hang() -> None:
        go_on.wait()

    @workflow
    def hanging() -> None:
        hang()

    execution = spane.start(hanging)
    with pytest.raises(TimeoutError, match=f"node 'hang' of {execution.id}"):
        spane.drain(timeout_s=0.2)
    go_on.set()


def test_a_workflow_with_a_queue_of_its_own_runs(spane):
    @node(queue="elsewhere")
    def there() -> str:
        return "there"

    @workflow
    def away() -> str:
        return there()

    assert 8 == spane.run(luck, number=1)
    assert "there" == spane.run(away)
