"""What schedules of faults once found: cases in which one transition meets what another left behind."""

from __future__ import annotations

import pytest

from spane.runtime.clock import RedisClock
from tests.transitions.conftest import LIMITS, PAIR, node, plan

PATIENCE_MS = LIMITS.patience_ms


class StepClock(RedisClock):
    """A clock that a test moves forward and back."""

    def __init__(self) -> None:
        self.ms = 1_700_000_000_000

    @property
    def injected(self) -> str:
        return str(self.ms)

    def now_ms(self) -> int:
        return self.ms

    def advance(self, by_ms: int) -> None:
        self.ms += by_ms


@pytest.fixture
def stepping(stage):
    """A stage whose clock may also be set back."""
    stage.clock = stage.store.clock = StepClock()
    return stage


def _wide(count: int):
    return plan(*(node(f"n{number}") for number in range(count)))


def test_a_young_head_is_no_proof_that_what_is_behind_it_is_lost(stage):
    stage.start(_wide(20))
    [claim] = stage.fetch(threads=1, loop=0)
    stage.clock.advance(PATIENCE_MS + 1)
    stage.store.give_back("w1", [(claim.execution, claim.node, claim.token)])
    assert (1, 0, False) == stage.store.sweep()
    assert 20 == len(stage.queue())


def test_what_got_lost_behind_a_young_head_is_found(stage):
    stage.start(_wide(3))
    stage.client.delete(stage.keys.queue("default", 5))
    stage.clock.advance(PATIENCE_MS + 1)
    stage.start(_wide(1), "younger")
    assert 3 == stage.store.sweep()[1]
    assert {"x1|n0", "x1|n1", "x1|n2", "younger|n0"} == set(stage.queue())


def test_a_list_too_long_to_be_searched_is_left_until_it_is_shorter(stage):
    stage.start(_wide(1))
    stage.client.delete(stage.keys.queue("default", 5))
    stage.clock.advance(PATIENCE_MS + 1)
    stage.start(_wide(1), "younger")
    stage.client.rpush(stage.keys.queue("default", 5), *["gone|n"] * 2001)
    assert 0 == stage.store.sweep()[1]


def test_a_lease_without_a_session_is_lost_also_where_the_execution_is_ending(stage):
    stage.start(PAIR)
    first, _second = stage.fetch()
    stage.fail(first)
    assert "failing" == stage.status()
    stage.client.zrem(stage.keys.sessions, "w1")
    stage.clock.advance(PATIENCE_MS + 1)
    assert (1, 1, False) == stage.store.sweep()
    assert "failed" == stage.status()
    assert [] == stage.active()
    assert "lF" == stage.letters()[-2:]


def test_executions_looked_over_before_the_clock_was_set_back_are_looked_over_again(stepping):
    stepping.start(_wide(1))
    stepping.client.delete(stepping.keys.queue("default", 5))
    stepping.clock.advance(-3_600_000)
    assert (1, 1, False) == stepping.store.sweep()
    assert ["x1|n0"] == stepping.queue()


def test_a_dead_session_does_not_live_longer_because_the_clock_was_set_back(stepping):
    stepping.start(_wide(1))
    stepping.store.renew("w1", "0")
    stepping.fetch()
    stepping.clock.advance(-3_600_000)
    assert 0 == stepping.store.rescue()
    stepping.clock.advance(LIMITS.lease_ms + 1)
    assert 1 == stepping.store.rescue()


def test_a_longer_lease_than_the_rescuers_is_respected(stage):
    stage.start(_wide(1))
    stage.fetch()
    stage.call("renew", stage.now_ms, "w1", 600_000, "0", "", 100)
    stage.clock.advance(10 * LIMITS.lease_ms)
    assert 0 == stage.store.rescue()


@pytest.mark.parametrize("kind", ["r", "u"])
def test_a_start_mark_ends_with_its_attempt(stage, kind):
    stage.start(_wide(1))
    stage.fetch()
    stage.clock.advance(LIMITS.lease_ms + 1)
    stage.store.rescue()
    [claim] = stage.fetch()
    assert stage.store.mark(claim.execution, claim.node, claim.token)
    stage.commit(claim, kind, b"{}", extra=1)
    assert (stage.field("n0") or "").endswith("|a")


def test_a_commit_whose_large_value_is_not_there_changes_nothing(stage):
    stage.start(_wide(1))
    [claim] = stage.fetch()
    payload = b"&" + claim.token.encode()
    assert [b"noblob"] == stage.commit(claim, payload=payload)
    assert "R" == stage.state("n0")
    stage.call("put_blob", claim.execution, claim.node, claim.token, b"large")
    assert b"ok" == stage.commit(claim, payload=payload)[0]
    assert [b"again"] == stage.commit(claim, payload=payload)


def test_hints_of_executions_that_have_ended_are_dropped_in_parts(stage):
    for execution in ("a", "b"):
        stage.start(_wide(400), execution)
        stage.cancel(execution)
    reply = stage.fetch_reply(threads=8)
    assert [1] == reply[1:2]
    assert [] == reply[4:]
    assert 300 == len(stage.queue())
    assert [0] == stage.fetch_reply(threads=8)[1:2]
    assert [] == stage.queue()
