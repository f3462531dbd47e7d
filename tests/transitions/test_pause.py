"""pause.lua"""

from __future__ import annotations

import pytest

from spane.runtime.steering import Reply
from tests.transitions.conftest import CHAIN, ONE, PAIR, node, plan


def pause(stage, execution="x1", reason="lunch"):
    return stage.call("pause", stage.now_ms, execution, reason)


def test_nothing_new_starts_and_what_was_queued_is_put_aside(stage):
    stage.start(PAIR)
    assert ["ok", 0] == pause(stage)
    assert ("paused", "lunch") == (stage.status(), stage.field("@pause"))
    assert [] == stage.fetch()
    assert ("P", "P") == (stage.state("one"), stage.state("two"))
    assert ("p", "x1|lunch") in stage.facts()


def test_ok_says_how_many_attempts_are_leased_and_workers_are_told(stage):
    stage.start(PAIR)
    stage.fetch()
    assert ["ok", 2] == pause(stage)
    *_, notices = stage.store.renew("w1", "0")
    assert ["pause|x1"] == [text for _, text in notices]


def test_what_runs_may_commit_and_its_children_are_put_aside(stage):
    stage.start(CHAIN)
    [claim] = stage.fetch()
    pause(stage)
    assert [b"ok", 0] == stage.commit(claim, hand="default")
    assert ("paused", "1", "0") == (stage.status(), stage.field("@open"), stage.field("@run"))
    assert ["cursor|x1|c:first|0|||paused"] == [item.decode() for item in stage.client.lrange("s:{0}:k:x1", 0, -1)]
    assert [] == stage.fetch()


def test_it_stays_paused_even_if_the_last_running_node_ends(stage):
    stage.start(ONE)
    [claim] = stage.fetch()
    pause(stage)
    stage.commit(claim)
    assert ("paused", "0") == (stage.status(), stage.field("@open"))
    assert ["x1"] == stage.active()


def test_it_stays_paused_even_if_a_node_fails_for_good(stage):
    stage.start(PAIR)
    one, two = stage.fetch()
    pause(stage)
    stage.fail(one)
    assert ("paused", "one") == (stage.status(), stage.field("@bad"))
    stage.fail(two)
    assert ("paused", "one") == (stage.status(), stage.field("@bad"))
    assert 2 == len(stage.client.zrange(stage.keys.dead_letters, 0, -1))


def test_a_retry_keeps_its_timer_and_what_comes_due_is_put_aside(stage):
    stage.start(ONE)
    [claim] = stage.fetch()
    pause(stage)
    stage.retry(claim, 1000)
    assert "T" == stage.state("only")
    stage.clock.advance(1001)
    assert [] == stage.fetch()
    assert "P" == stage.state("only")


def test_claimed_nodes_that_are_given_back_are_put_aside(stage):
    stage.start(ONE)
    [claim] = stage.fetch()
    pause(stage)
    assert 1 == stage.store.give_back("w1", [("x1", "only", claim.token)])
    assert ("P", "0", []) == (stage.state("only"), stage.field("@run"), stage.queue())


def test_the_nodes_of_a_dead_worker_are_put_aside(stage):
    stage.start(ONE)
    stage.fetch()
    pause(stage)
    stage.clock.advance(5_001)
    assert 1 == stage.store.rescue()
    assert ("paused", "P", "0") == (stage.status(), stage.state("only"), stage.field("@run"))


def test_children_of_a_wide_node_are_put_aside_by_one_cursor(stage):
    stage.start(plan(node("top"), *(node(f"n{number}", "top") for number in range(700))))
    [claim] = stage.fetch()
    pause(stage)
    stage.commit(claim)
    assert 1 == stage.client.llen("s:{0}:k:x1")


def test_a_scheduled_execution_does_not_begin(stage):
    stage.start(delay_ms=1000)
    assert ["ok", 0] == pause(stage)
    stage.clock.advance(2000)
    assert [] == stage.fetch()
    assert "paused" == stage.status()


def test_a_paused_execution_can_be_cancelled(stage):
    stage.start(PAIR)
    one, _ = stage.fetch()
    pause(stage)
    stage.store.give_back("w1", [("x1", "two", _.token)])
    assert Reply("ok", "1") == stage.cancel("x1", "enough")
    stage.commit(one)
    assert "cancelled" == stage.status()


def test_unknown_writes_nothing(stage):
    assert ["unknown"] == pause(stage, "nobody")
    assert {} == stage.everything()


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled", "cancelling", "failing", "paused"])
def test_illegal_is_what_any_other_execution_says_and_nothing_is_written(stage, status):
    stage.start(PAIR)
    one, two = stage.fetch()
    if status in ("failed", "failing"):
        stage.fail(one)
    if status in ("cancelled", "cancelling"):
        stage.cancel()
    if status == "paused":
        pause(stage)
    elif not status.endswith("ing"):
        stage.commit(two)
        stage.commit(one)
    before, letters = stage.everything(), stage.letters()
    assert ["illegal", status] == pause(stage)
    assert (before, letters) == (stage.everything(), stage.letters())


def test_other_executions_are_untouched(stage):
    stage.start()
    stage.start(execution="x2")
    pause(stage)
    assert ["x2"] == [claim.execution for claim in stage.fetch()]
