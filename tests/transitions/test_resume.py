"""resume.lua"""

from __future__ import annotations

import pytest

from tests.transitions.conftest import CHAIN, DIAMOND, LIMITS, ONE, PAIR, node, plan
from tests.transitions.test_pause import pause


def resume(stage, execution="x1"):
    return stage.call("resume", stage.now_ms, execution, LIMITS.retention_ms, LIMITS.dead_letter_retention_ms)


def drain(stage):
    while claims := stage.fetch() or stage.fetch():
        for claim in claims:
            stage.commit(claim)


def test_what_was_put_aside_is_queued_again(stage):
    stage.start(PAIR)
    pause(stage)
    stage.fetch()
    assert ["ok", "running"] == resume(stage)
    assert ["x1|one", "x1|two"] == stage.queue()
    assert ("Q", None, None) == (stage.state("one"), stage.field("@k"), stage.field("@pause"))
    assert "u" == stage.letters()[-1]


def test_children_of_what_ended_meanwhile_run_once(stage):
    stage.start(DIAMOND)
    stage.commit(stage.fetch()[0])
    left, right = stage.fetch()
    pause(stage)
    stage.commit(left)
    assert ["ok", "running"] == resume(stage)
    stage.commit(right)
    drain(stage)
    assert "completed" == stage.status()
    assert 1 == sum(letter == "s" and body.startswith("x1|bottom") for letter, body in stage.facts())


def test_more_than_a_call_may_move_is_moved_by_cursor(stage):
    wide = plan(*(node(f"n{number}") for number in range(1200)))
    stage.start(wide)
    stage.fetch(threads=1)
    while stage.fetch(threads=0, loop=0) or stage.client.llen(stage.keys.cursors):
        pass
    pause(stage)
    while stage.queue():
        stage.fetch(threads=100)
    assert 1199 == stage.client.llen("s:{0}:k:x1")
    resume(stage)
    assert 500 == len(stage.queue())
    assert [b"x1|k|0"] == stage.client.lrange(stage.keys.cursors, 0, -1)
    stage.fetch_reply(threads=0, loop=0)
    stage.fetch_reply(threads=0, loop=0)
    assert (1199, 0) == (len(stage.queue()), stage.client.llen(stage.keys.cursors))
    assert "1200" == stage.field("@open")


def test_a_second_pause_keeps_what_the_first_resume_had_not_moved(stage):
    stage.start(plan(*(node(f"n{number}") for number in range(1200))))
    while stage.client.llen(stage.keys.cursors):
        stage.fetch_reply(threads=0, loop=0)
    pause(stage)
    while stage.queue():
        stage.fetch(threads=100)
    resume(stage)
    pause(stage)
    stage.fetch_reply(threads=0, loop=0)
    while stage.queue():
        stage.fetch(threads=100)
    assert (1200, 0) == (stage.client.llen("s:{0}:k:x1"), stage.client.llen(stage.keys.cursors))


def test_a_remaining_delay_is_respected(stage):
    stage.start(ONE)
    stage.retry(stage.fetch()[0], 5000)
    stage.clock.advance(1000)
    pause(stage)
    stage.clock.advance(1000)
    resume(stage)
    stage.clock.advance(2900)
    assert [] == stage.fetch()
    stage.clock.advance(101)
    assert ["only"] == [claim.node for claim in stage.fetch()]


def test_a_timer_that_came_due_meanwhile_fires_at_once(stage):
    stage.start(ONE)
    stage.retry(stage.fetch()[0], 1000)
    pause(stage)
    stage.clock.advance(1001)
    stage.fetch()
    resume(stage)
    [claim] = stage.fetch()
    assert ("only", 1) == (claim.node, claim.failures)


@pytest.mark.parametrize(("paused_ms", "left_ms"), [(400, 600), (2000, 0)])
def test_a_scheduled_execution_begins_at_its_time_or_at_once(stage, paused_ms, left_ms):
    stage.start(delay_ms=1000)
    pause(stage)
    stage.clock.advance(paused_ms)
    stage.fetch()
    assert ["ok", "scheduled"] == resume(stage)
    if left_ms:
        assert [] == stage.fetch()
        stage.clock.advance(left_ms)
    assert ["only"] == [claim.node for claim in stage.fetch()]


def test_an_execution_with_nothing_left_to_do_completes(stage):
    stage.start(ONE)
    [claim] = stage.fetch()
    pause(stage)
    stage.commit(claim)
    assert ["ok", "completed"] == resume(stage)
    assert "uC" == stage.letters()[-2:]
    assert [] == stage.active()


def test_one_in_which_a_node_failed_fails(stage):
    stage.start(PAIR)
    one, two = stage.fetch()
    pause(stage)
    stage.fail(one)
    stage.commit(two)
    assert ["ok", "failed"] == resume(stage)
    assert ("F", "x1|1|one") == stage.facts()[-1]


def test_one_in_which_a_node_failed_fails_whatever_is_left_to_do(stage):
    stage.start(PAIR)
    (one,) = stage.fetch(threads=1)
    pause(stage)
    stage.fail(one)
    assert "1" == stage.field("@open")
    assert ["ok", "failed"] == resume(stage)
    assert ("failed", "one") == (stage.status(), stage.field("@bad"))


def test_one_in_which_a_node_failed_and_others_run_is_failing(stage):
    stage.start(PAIR)
    one, two = stage.fetch()
    pause(stage)
    stage.fail(one)
    assert ["ok", "failing"] == resume(stage)
    stage.commit(two)
    assert ("failed", ("F", "x1|1|one")) == (stage.status(), stage.facts()[-1])


def test_unknown_writes_nothing(stage):
    assert ["unknown"] == resume(stage, "nobody")
    assert {} == stage.everything()


@pytest.mark.parametrize("status", ["running", "completed"])
def test_illegal_is_what_one_says_that_is_not_paused(stage, status):
    stage.start(CHAIN)
    if status == "completed":
        drain(stage)
    before = stage.everything()
    assert ["illegal", status] == resume(stage)
    assert before == stage.everything()
