"""Reading executions back costs what they are, whatever came after them."""

from __future__ import annotations

import fakeredis
import pytest

from spane.control import reading
from spane.model.event import EventKind
from spane.runtime.store import Store
from tests.transitions.conftest import CHAIN, ONE, Stage

LATER = 3_000


class Counting(fakeredis.FakeRedis):
    """Counts the entries of streams that were read."""

    read = 0

    def xrange(self, *arguments, **options):
        entries = super().xrange(*arguments, **options)
        self.read += len(entries)
        return entries


@pytest.fixture
def stage():
    return Stage(Counting(protocol=2), real=False)


def later_ones(store: Store) -> None:
    pipe = store.client.pipeline(transaction=False)
    for _ in range(LATER):
        pipe.xadd(store.keys.events, {"u": "another"})
    pipe.execute()


def kinds(stage: Stage) -> list[EventKind]:
    return [event.kind for event in reading.events(stage.store, "x1")]


def test_events_of_one_that_has_ended_are_read_to_its_end_only(stage):
    stage.start(CHAIN)
    later_ones(stage.store)
    assert [EventKind.EXECUTION_STARTED] == kinds(stage)
    assert stage.client.read == LATER + 1
    stage.client.delete(stage.keys.events)
    stage.run(CHAIN, "x2")
    told = [event.kind for event in reading.events(stage.store, "x2")]
    before, stage.client.read = stage.client.read, 0
    later_ones(stage.store)
    assert told == [event.kind for event in reading.events(stage.store, "x2")]
    assert EventKind.EXECUTION_COMPLETED == told[-1]
    assert 0 < stage.client.read < 20 < before


def test_what_becomes_of_its_dead_letters_is_told_after_its_end(stage):
    stage.start(ONE)
    stage.fail(stage.fetch()[0])
    assert EventKind.EXECUTION_FAILED == kinds(stage)[-1]
    later_ones(stage.store)
    stage.call("discard", stage.now_ms, "x1", "only", 60_000)
    assert EventKind.DEAD_LETTER_DISCARDED == kinds(stage)[-1]


def test_one_that_was_healed_is_told_to_its_new_end(stage):
    stage.start(ONE)
    stage.fail(stage.fetch()[0])
    stage.call("heal", stage.now_ms, "x1", "only")
    assert EventKind.DEAD_LETTER_RETRIED == kinds(stage)[-1]
    stage.commit(stage.fetch()[0])
    assert EventKind.EXECUTION_COMPLETED == kinds(stage)[-1]


def test_a_node_that_no_worker_fitted_is_parked_until_one_takes_it(stage):
    stage.start(ONE)
    (claim,) = stage.fetch()
    stage.commit(claim, "u", b"work.1", extra="why", spends=0)
    view = reading.nodes(stage.store, "x1")["only"]
    assert ("parked", 0) == (view.state, view.attempt)
    stage.fetch("w2", queues="default@work.1")
    assert "running" == reading.nodes(stage.store, "x1")["only"].state
