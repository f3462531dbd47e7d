"""cancel.lua"""

from __future__ import annotations

import pytest

from spane.runtime.steering import Reply
from tests.transitions.conftest import CHAIN, PAIR, node, plan


def test_ok_ends_an_execution_with_nothing_running_at_once(stage):
    stage.start(CHAIN)
    assert Reply("ok", "0") == stage.cancel("x1", "enough")
    assert ("cancelled", "enough") == (stage.status(), stage.field("@why"))
    assert [("X", "x1|1|enough")] == stage.facts()[1:]
    assert [] == stage.active()
    assert 59_000 < stage.kept_ms(stage.keys.execution("x1")) <= 60_000


def test_ok_says_how_many_attempts_are_running(stage):
    stage.start(PAIR)
    one, two = stage.fetch()
    assert Reply("ok", "2") == stage.cancel("x1", "enough")
    assert "cancelling" == stage.status()
    assert ("Y", "x1|enough") == stage.facts()[-1]
    stage.commit(one)
    assert "cancelling" == stage.status()
    stage.commit(two)
    assert "cancelled" == stage.status()


def test_workers_are_told(stage):
    stage.start()
    stage.fetch()
    stage.cancel("x1", "no | more")
    *_, notices = stage.store.renew("w1", "0")
    assert ["cancel|x1|no | more"] == [text for _, text in notices]


def test_a_scheduled_execution_never_begins(stage):
    stage.start(delay_ms=1000)
    assert 1 == stage.client.zcard(stage.keys.timers)
    assert Reply("ok", "0") == stage.cancel()
    assert 0 == stage.client.zcard(stage.keys.timers)
    stage.clock.advance(2000)
    assert [] == stage.fetch()
    assert "cancelled" == stage.status()


def test_unknown_writes_nothing(stage):
    assert Reply("unknown") == stage.cancel("nobody")
    assert {} == stage.everything()


@pytest.mark.parametrize("ended", ["completed", "failed", "cancelled", "cancelling"])
def test_illegal_is_what_an_ended_execution_says_and_nothing_is_written(stage, ended):
    stage.start()
    (claim,) = stage.fetch()
    if ended == "completed":
        stage.commit(claim)
    elif ended == "failed":
        stage.fail(claim)
    else:
        stage.cancel("x1", "first")
        if ended == "cancelled":
            stage.commit(claim)
    before, letters = stage.everything(), stage.letters()
    for _ in range(2):
        assert Reply("illegal", ended) == stage.cancel("x1", "second")
    assert (before, letters) == (stage.everything(), stage.letters())


def test_other_executions_are_untouched(stage):
    stage.start()
    stage.start(execution="x2")
    stage.cancel()
    assert ["x2"] == [claim.execution for claim in stage.fetch()]


def test_the_timers_of_what_waits_are_gone_with_it(stage):
    stage.start(plan(node("later", delay_ms=60_000), node("fails"), node("waits", waits=True), node("queued")))
    claims = {claim.node: claim for claim in stage.fetch()}
    stage.retry(claims["fails"], 60_000)
    stage.call("await", stage.now_ms, "w1", "x1", "waits", claims["waits"].token, "time", 60_000, *stage.store.kept_ms)
    assert 3 == stage.client.zcard(stage.keys.timers)
    stage.commit(claims["queued"])
    stage.cancel("x1", "enough")
    assert ("cancelled", 0) == (stage.status(), stage.client.zcard(stage.keys.timers))
