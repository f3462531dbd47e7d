"""await.lua and include/rouse.lua"""

from __future__ import annotations

import pytest

from tests.transitions.conftest import LIMITS, node, plan

WAIT = plan(node("wait", takes_input=True, waits=True), node("child", "wait"))


def wait(stage, claim, what="an answer", delay_ms="", session="w1", event=""):
    return stage.call(
        "await", stage.now_ms, session, claim.execution, claim.node, claim.token, what, delay_ms,
        LIMITS.retention_ms, LIMITS.dead_letter_retention_ms, event,
    )  # fmt: skip


@pytest.fixture
def waiting(stage):
    """One node that waits for 1,000 ms."""
    stage.start(WAIT)
    [claim] = stage.fetch()
    assert ["ok", 0] == wait(stage, claim, delay_ms=1_000)
    return claim


def test_the_node_is_parked_and_holds_no_worker(stage, waiting):
    assert ("A", "0", "1") == (stage.state("wait"), stage.field("@run"), stage.field("@open"))
    assert {} == stage.client.hgetall("s:{0}:w:w1")
    assert ("a", f"x1|wait|{waiting.token}|1000|an answer") in stage.facts()
    assert [] == stage.fetch()


def test_when_its_time_is_over_it_runs_again_and_is_told_so(stage, waiting):
    assert [None] == waiting.values[1:]
    stage.clock.advance(1_000)
    [again] = stage.fetch()
    assert ("wait", 0, [b"{}", b"t"]) == (again.node, again.failures, again.values)
    stage.commit(again)
    assert ["child"] == [claim.node for claim in stage.fetch()]


def test_without_a_time_it_waits_for_ever(stage):
    stage.start(WAIT)
    [claim] = stage.fetch()
    wait(stage, claim)
    stage.clock.advance(86_400_000)
    assert ([], "A") == (stage.fetch(), stage.state("wait"))
    assert [] == stage.client.zrange("s:{0}:t", 0, -1)


def test_a_repeated_call_changes_nothing(stage, waiting):
    before = stage.everything()
    assert ["again"] == wait(stage, waiting, delay_ms=9_000)
    assert before == stage.everything()


def test_another_attempt_is_fenced(stage):
    stage.start(WAIT)
    [claim] = stage.fetch()
    claim.token = "w0.1"
    assert ["fenced"] == wait(stage, claim)
    assert ("R", "z") == (stage.state("wait"), stage.letters()[-1])


def test_an_execution_that_is_gone_is_said(stage):
    stage.start(WAIT)
    [claim] = stage.fetch()
    stage.client.delete("s:{0}:x:x1")
    assert ["gone"] == wait(stage, claim)
    assert {} == stage.client.hgetall("s:{0}:w:w1")


def test_a_cancelled_execution_ends_with_it(stage):
    stage.start(WAIT)
    [claim] = stage.fetch()
    stage.store.cancel("x1", "enough")
    assert ["ok", 0] == wait(stage, claim)
    assert "cancelled" == stage.status()
    assert [] == stage.client.zrange("s:{0}:t", 0, -1)


def test_cancelled_while_it_waits_it_never_runs_again(stage, waiting):
    stage.store.cancel("x1", "enough")
    stage.clock.advance(2_000)
    assert ([], "cancelled") == (stage.fetch(), stage.status())


def test_paused_when_its_time_is_over_it_goes_on_with_the_resume(stage, waiting):
    stage.call("pause", stage.now_ms, "x1", "lunch")
    stage.clock.advance(2_000)
    assert ([], "P") == (stage.fetch(), stage.state("wait"))
    stage.call("resume", stage.now_ms, "x1", 60_000, 600_000)
    assert [[b"{}", b"t"]] == [claim.values for claim in stage.fetch()]


def test_a_timer_that_is_lost_comes_back_for_its_time(stage):
    stage.start(WAIT)
    [claim] = stage.fetch()
    wait(stage, claim, delay_ms=60_000)
    due = stage.client.zrange("s:{0}:t", 0, -1, withscores=True)
    stage.client.delete("s:{0}:t")
    stage.clock.advance(LIMITS.patience_ms)
    assert (1, 1, False) == stage.store.sweep()
    assert due == stage.client.zrange("s:{0}:t", 0, -1, withscores=True)


def test_healed_it_waits_anew(stage, waiting):
    stage.clock.advance(1_000)
    [again] = stage.fetch()
    stage.fail(again)
    assert "failed" == stage.status()
    assert ["ok", 2] == stage.call("heal", stage.now_ms, "x1", "wait")
    assert [[b"{}", None]] == [claim.values for claim in stage.fetch()]


def test_in_an_execution_that_is_failing_it_is_put_aside_and_begins_anew_when_that_is_healed(stage):
    stage.start(plan(node("wait", waits=True), node("bad"), node("long")))
    claims = {claim.node: claim for claim in stage.fetch()}
    stage.fail(claims["bad"])
    assert ["ok", 0] == wait(stage, claims["wait"], delay_ms=1_000)
    assert ("P", "k") == (stage.state("wait"), stage.letters()[-1])
    stage.commit(claims["long"])
    assert "failed" == stage.status()
    stage.call("heal", stage.now_ms, "x1", "bad")
    assert {"wait", "bad"} == {claim.node for claim in stage.fetch()}
