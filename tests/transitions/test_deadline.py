"""include/deadline.lua: what becomes of an execution that runs past its deadline"""

from __future__ import annotations

import msgspec
import pytest

from spane.model.rules import LimitRule
from tests.transitions.conftest import CHAIN, ONE, PAIR, node, plan, with_deadline
from tests.transitions.test_descend import CHILD, calling, descend


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
        stage.cancel()
    stage.fail(one)
    stage.commit(two)
    assert (ending, []) == (stage.status(), timers(stage))


def test_a_pause_does_not_hold_it_up(stage):
    stage.start(with_deadline(PAIR))
    stage.call("pause", stage.now_ms, "x1", "lunch")
    stage.clock.advance(1_000)
    stage.fetch()
    assert "failed" == stage.status()


def test_an_execution_that_is_being_cancelled_goes_on_with_that(stage):
    stage.start(with_deadline(PAIR))
    stage.fetch()
    stage.cancel("x1", "enough")
    stage.clock.advance(1_000)
    stage.fetch("w2")
    assert ("cancelling", None) == (stage.status(), stage.field("@late"))
    assert "D" not in stage.letters()


def test_what_runs_of_an_execution_that_is_failing_already_is_stopped_and_goes_on_when_that_is_mended(stage):
    stage.start(with_deadline(PAIR))
    one, two = stage.fetch()
    stage.fail(one)
    stage.store.renew("w1", "0")
    stage.clock.advance(1_000)
    stage.fetch("w2")
    assert ("failing", "1", one.node) == (stage.status(), stage.field("@late"), stage.field("@bad"))
    *_, notices = stage.store.renew("w1", "0")
    assert ["cancel|x1|its deadline has come"] == [text for _, text in notices]
    assert 1 == stage.letters().count("D")
    stage.fail(two, kind="x")
    assert ("failed", "P") == (stage.status(), stage.state(two.node))
    stage.call("heal", stage.now_ms, "x1", one.node)
    again = stage.fetch()
    assert {one.node, two.node} == {claim.node for claim in again}
    for claim in again:
        stage.commit(claim)
    assert "completed" == stage.status()


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


# A deadline that a start says


def due(stage, execution="x1"):
    score = stage.client.zscore(stage.keys.timers, f"d|{execution}")
    return None if score is None else int(score) - stage.now_ms


@pytest.mark.parametrize("made", [PAIR, with_deadline(PAIR, 60_000)], ids=["plan without one", "plan with one"])
@pytest.mark.parametrize("delay_ms", [0, 500])
def test_the_deadline_of_a_start_takes_the_place_of_its_plans(stage, made, delay_ms):
    stage.start(made, within_ms=2_000, delay_ms=delay_ms)
    stage.clock.advance(delay_ms)
    stage.fetch()
    assert 2_000 == due(stage)
    stage.clock.advance(2_000)
    stage.fetch("w2")
    assert ("failing", "1") == (stage.status(), stage.field("@late"))


def test_a_start_that_says_none_writes_nothing_of_it(stage):
    stage.start(PAIR)
    assert (None, None, None) == (stage.field("@within"), stage.field("@end"), due(stage))


def test_a_start_that_waits_for_its_limit_counts_from_when_it_begins(stage):
    limited = msgspec.structs.replace(PAIR, limit=LimitRule(concurrency=1))
    stage.start(limited, "x0", pool="@staged")
    stage.start(limited, pool="@staged", within_ms=2_000)
    assert ("scheduled", None) == (stage.status(), due(stage))
    stage.clock.advance(1_000)
    stage.cancel("x0")
    stage.fetch()
    assert ("running", 2_000) == (stage.status(), due(stage))


def test_of_starts_that_are_held_together_the_last_says_it(stage):
    def ask(name, within_ms):
        stage.start(PAIR, name, key="k", key_means="d", delay_ms=500, within_ms=within_ms)

    ask("x1", 2_000)
    ask("x2", 3_000)
    assert "3000" == stage.field("@within")
    ask("x3", None)
    assert None is stage.field("@within")
    ask("x4", 4_000)
    stage.clock.advance(500)
    stage.fetch()
    assert 4_000 == due(stage)


def test_a_repeated_start_changes_nothing_of_it(stage):
    stage.start(PAIR, key="k", within_ms=2_000)
    before = stage.everything()
    stage.start(PAIR, key="k", within_ms=9_000)
    assert before == stage.everything()


@pytest.mark.parametrize(("said", "kept"), [("", 2_000), (5_000, 5_000)])
def test_a_replay_keeps_it_unless_it_says_another(stage, said, kept):
    stage.start(with_deadline(PAIR, 60_000), within_ms=2_000)
    stage.clock.advance(700)
    stage.call("replay", stage.now_ms, "x1", "x2", "", 0, "", "", said)
    assert (kept, str(kept)) == (due(stage, "x2"), stage.field("@within", "x2"))
    stage.call("replay", stage.now_ms, "x2", "x3", "", 0, "", "", "")
    assert kept == due(stage, "x3")


def test_one_node_that_is_run_alone_does_not_take_it_over(stage):
    stage.start(PAIR, within_ms=2_000)
    alone = plan(node("one"), workflow="staged:one")
    stage.put(alone)
    stage.call("replay", stage.now_ms, "x1", "x2", b"{}", 0, alone.hash, alone.workflow, "")
    assert ("running", None, None) == (stage.status("x2"), due(stage, "x2"), stage.field("@within", "x2"))


def test_a_dead_letter_that_is_retried_has_the_time_of_its_start_anew(stage):
    stage.start(with_deadline(ONE, 60_000), within_ms=2_000)
    stage.fail(*stage.fetch())
    stage.clock.advance(700)
    stage.call("heal", stage.now_ms, "x1", "only")
    assert 2_000 == due(stage)


def test_a_child_has_its_own(stage):
    stage.put(CHILD)
    stage.start(plan(calling()), within_ms=2_000)
    descend(stage, *stage.fetch())
    assert ("running", None) == (stage.status("c1"), due(stage, "c1"))
