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
    stage.cancel("x1", "enough")
    assert ["ok", 0] == wait(stage, claim)
    assert "cancelled" == stage.status()
    assert [] == stage.client.zrange("s:{0}:t", 0, -1)


def test_cancelled_while_it_waits_it_never_runs_again(stage, waiting):
    stage.cancel("x1", "enough")
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


# A suspect that waits


def lose(stage, session):
    """Let a worker die that holds the node alone."""
    stage.clock.advance(LIMITS.lease_ms + 1)
    while stage.store.rescue():
        pass


def flag(stage, name="wait"):
    return stage.field(name).rpartition("|")[2]


def suspect(stage, made=WAIT):
    """Return the claim of a node whose worker died, and that runs alone with its mark."""
    stage.start(made)
    stage.fetch("dead")
    lose(stage, "dead")
    [claim] = stage.fetch()
    assert "a" == claim.flag
    assert stage.store.mark("x1", claim.node, claim.token)
    return claim


@pytest.mark.parametrize("how", ["time", "sweep"])
def test_a_suspect_that_waits_stays_one_and_its_mark_is_over(stage, how):
    claim = suspect(stage)
    wait(stage, claim, delay_ms=1_000)
    assert ("A", "ta") == (stage.state("wait"), flag(stage))
    if how == "sweep":
        stage.client.delete(stage.keys.timers)
        stage.clock.advance(LIMITS.patience_ms + 1)
        assert 1 == stage.store.sweep()[1]
    stage.clock.advance(1_000)
    assert [] == stage.fetch(alone=0)
    [again] = stage.fetch()
    assert ("a", 0, b"t") == (again.flag, again.crashes, again.values[1])
    stage.commit(again)
    assert ["child"] == [each.node for each in stage.fetch()]


def test_what_kills_its_workers_each_time_it_wakes_is_a_dead_letter_after_three_crashes(stage):
    claim = suspect(stage)
    charged = []
    for _ in range(3):
        # It always comes to its wait first, and what kills comes after that.
        wait(stage, claim, delay_ms=100)
        stage.clock.advance(100)
        [awake] = stage.fetch("next")
        assert stage.store.mark("x1", "wait", awake.token)
        lose(stage, "next")
        charged.append(stage.field("wait").split("|")[3])
        claim = next(iter(stage.fetch()), None)
    assert (["1", "2", "3"], None, "failed") == (charged, claim, stage.status())
    assert ["x1|wait"] == [each.decode() for each in stage.client.zrange(stage.keys.dead_letters, 0, -1)]


def test_a_suspect_that_is_not_alone_waits_with_others_and_goes_on_with_them(stage):
    stage.start(plan(node("wait", waits=True), node("beside")))
    stage.fetch("dead")
    lose(stage, "dead")
    claims = {claim.node: claim for claim in stage.fetch()}
    assert {"s"} == {claim.flag for claim in claims.values()}
    wait(stage, claims["wait"], delay_ms=100)
    stage.clock.advance(100)
    [again] = stage.fetch(alone=0)
    assert ("wait", "s") == (again.node, again.flag)


def test_a_node_that_is_no_suspect_wakes_as_none(stage, waiting):
    assert "t" == flag(stage)
    stage.clock.advance(1_000)
    [again] = stage.fetch(alone=0)
    assert "" == again.flag


def test_a_suspect_that_wakes_in_an_execution_that_is_paused_is_offered_as_one(stage):
    claim = suspect(stage)
    wait(stage, claim, delay_ms=100)
    stage.call("pause", stage.now_ms, "x1", "")
    stage.clock.advance(100)
    assert ([], "P", "a") == (stage.fetch(), stage.state("wait"), flag(stage))
    stage.call("resume", stage.now_ms, "x1", LIMITS.retention_ms, LIMITS.dead_letter_retention_ms)
    assert [] == stage.fetch(alone=0)
    [again] = stage.fetch()
    assert "a" == again.flag
