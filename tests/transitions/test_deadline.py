"""include/deadline.lua: what becomes of an execution that runs past its deadline"""

from __future__ import annotations

import msgspec
import pytest

from spane.model.plan import Plan
from tests.transitions.conftest import CHAIN, PAIR


def with_deadline(made: Plan, ms: int = 1_000) -> Plan:
    return msgspec.structs.replace(made, deadline_ms=ms)


def timers(stage):
    return [member.decode() for member in stage.client.zrange(stage.keys.timers, 0, -1)]


def test_it_counts_from_when_the_execution_begins(stage):
    stage.start(with_deadline(PAIR), delay_ms=500)
    assert ["s|x1"] == timers(stage)
    stage.clock.advance(500)
    stage.fetch()
    assert [(b"d|x1", stage.now_ms + 1_000)] == stage.client.zrange(stage.keys.timers, 0, -1, withscores=True)
    assert str(stage.now_ms + 1_000) == stage.field("@end")


def test_with_nothing_running_the_execution_fails_at_once_and_what_is_queued_never_starts(stage):
    stage.start(with_deadline(PAIR))
    stage.clock.advance(1_000)
    assert [] == stage.fetch()
    assert ("failed", "", "1") == (stage.status(), stage.field("@bad"), stage.field("@late"))
    assert [("D", "x1"), ("F", "x1|1|")] == [fact for fact in stage.facts() if fact[0] in "DFG"]
    assert ("P", "P") == (stage.state("one"), stage.state("two"))
    assert 0 < stage.kept_ms(stage.keys.execution("x1"))


def test_what_runs_is_told_to_stop_and_the_last_of_it_ends_the_execution(stage):
    stage.start(with_deadline(PAIR))
    one, two = stage.fetch()
    stage.clock.advance(1_000)
    stage.fetch("w2")
    assert "failing" == stage.status()
    *_, notices = stage.store.renew("w1", "0")
    assert ["cancel|x1|its deadline has come"] == [text for _, text in notices]
    stage.fail(one, kind="x")
    assert ("failing", "P") == (stage.status(), stage.state("one"))
    assert [b"ok", 0] == stage.commit(two)
    assert ("failed", "D") == (stage.status(), stage.state("two"))
    assert [("D", "x1"), ("G", "x1|")] == [fact for fact in stage.facts() if fact[0] in "DG"]


def test_an_execution_that_ends_in_time_leaves_no_timer(stage):
    stage.run(with_deadline(CHAIN))
    assert ("completed", []) == (stage.status(), timers(stage))


@pytest.mark.parametrize("ending", ["cancelled", "failed"])
def test_neither_does_one_that_ends_otherwise(stage, ending):
    stage.start(with_deadline(PAIR))
    one, two = stage.fetch()
    if ending == "cancelled":
        stage.store.cancel("x1", "")
    stage.fail(one)
    stage.commit(two)
    assert (ending, []) == (stage.status(), timers(stage))


def test_a_pause_does_not_hold_it_up(stage):
    stage.start(with_deadline(PAIR))
    stage.call("pause", stage.now_ms, "x1", "lunch")
    stage.clock.advance(1_000)
    stage.fetch()
    assert "failed" == stage.status()


@pytest.mark.parametrize("status", ["failing", "cancelling"])
def test_an_execution_that_is_ending_goes_on_ending(stage, status):
    stage.start(with_deadline(PAIR))
    one, _ = stage.fetch()
    if status == "failing":
        stage.fail(one)
    else:
        stage.store.cancel("x1", "enough")
    stage.clock.advance(1_000)
    stage.fetch("w2")
    assert (status, None) == (stage.status(), stage.field("@late"))
    assert "D" not in stage.letters()


def test_a_timer_that_comes_too_early_changes_nothing(stage):
    stage.start(with_deadline(PAIR))
    stage.client.zadd(stage.keys.timers, {"d|x1": stage.now_ms})
    stage.fetch()
    assert "running" == stage.status()


def test_the_sweep_sets_a_lost_timer_again(stage):
    stage.start(with_deadline(PAIR, 60_000))
    stage.fetch()
    stage.client.delete(stage.keys.timers)
    stage.clock.advance(6_000)
    stage.store.renew("w1", "0")
    stage.store.sweep()
    assert ["d|x1"] == timers(stage)


def test_a_dead_letter_that_is_retried_gives_the_execution_its_time_anew(stage):
    stage.start(with_deadline(PAIR))
    one, two = stage.fetch()
    stage.call("pause", stage.now_ms, "x1", "")
    stage.fail(one)
    stage.clock.advance(1_000)
    stage.fetch("w2")
    stage.commit(two)
    assert ("failed", "") == (stage.status(), stage.field("@bad"))
    assert ["ok", 2] == stage.call("heal", stage.now_ms, "x1", "one")
    assert (None, None, ["d|x1"]) == (stage.field("@late"), stage.field("@bad"), timers(stage))
    stage.commit(stage.fetch()[0])
    assert "completed" == stage.status()


def test_a_replay_has_a_deadline_of_its_own(stage):
    stage.start(with_deadline(PAIR))
    stage.clock.advance(1_000)
    stage.fetch()
    stage.call("replay", stage.now_ms, "x1", "x2", "", 0, "", "")
    assert ["d|x2"] == timers(stage)
    stage.clock.advance(1_000)
    stage.fetch()
    assert "failed" == stage.status("x2")
