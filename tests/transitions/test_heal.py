"""heal.lua"""

from __future__ import annotations

from tests.transitions.conftest import CHAIN, DIAMOND, LIMITS, PAIR, node, plan, with_deadline
from tests.transitions.test_pause import pause
from tests.transitions.test_resume import drain, resume


def heal(stage, name, execution="x1"):
    return stage.call("heal", stage.now_ms, execution, name)


def failed(stage, made=CHAIN, **options):
    stage.start(made, **options)
    [claim] = stage.fetch()
    stage.fail(claim)
    return claim


def letters_of_the_dead(stage):
    return [entry.decode() for entry in stage.client.zrange(stage.keys.dead_letters, 0, -1)]


def test_the_node_starts_anew_and_the_execution_completes_in_a_new_generation(stage):
    claim = failed(stage)
    assert ["ok", 2] == heal(stage, "first")
    assert ("running", "2", "1") == (stage.status(), stage.field("@g"), stage.field("@open"))
    assert [] == letters_of_the_dead(stage)
    [again] = stage.fetch()
    assert ("first", 0, 0, "") == (again.node, again.failures, again.crashes, again.flag)
    assert again.token != claim.token
    stage.commit(again)
    drain(stage)
    assert ("completed", ("C", "x1|2")) == (stage.status(), stage.facts()[-1])
    assert 59_000 < stage.kept_ms(stage.keys.execution("x1")) <= 60_000


def test_nothing_of_the_execution_expires_while_it_goes_on(stage):
    made = DIAMOND
    stage.start(made, key="mine")
    stage.commit(stage.fetch()[0])
    left, right = stage.fetch()
    stage.commit(left)
    stage.fail(right)
    assert 500_000 < stage.kept_ms(stage.keys.execution("x1"))
    heal(stage, "right")
    kept = [key for key in stage.client.keys("*") if stage.client.pttl(key) >= 0 and b"ctl" not in key]
    assert [] == kept
    assert b"1" == stage.client.hget(stage.keys.plan(made.hash), "refs")
    assert ["x1"] == stage.active()
    assert 0 == stage.client.exists(stage.keys.waiter("x1"))
    drain(stage)
    assert "completed" == stage.status()
    assert b"0" == stage.client.hget(stage.keys.plan(made.hash), "refs")


def test_children_of_what_succeeded_while_it_was_failing_run(stage):
    stage.start(plan(node("one"), node("two"), node("below", "one"), node("both", "one", "two")))
    one, two = stage.fetch()
    stage.fail(two)
    assert "failing" == stage.status()
    stage.commit(one)
    assert "failed" == stage.status()
    heal(stage, "two")
    drain(stage)
    assert "completed" == stage.status()
    assert ("D", "D") == (stage.state("below"), stage.state("both"))


def test_what_was_queued_when_it_failed_runs(stage):
    stage.start(PAIR)
    [one] = stage.fetch(threads=1)
    stage.fail(one)
    assert [] == stage.fetch()
    assert "P" == stage.state("two")
    heal(stage, "one")
    drain(stage)
    assert "completed" == stage.status()


def test_another_dead_letter_that_nobody_retries_fails_it_again(stage):
    stage.start(plan(node("one"), node("two"), node("below", "one")))
    one, two = stage.fetch()
    stage.fail(one)
    stage.fail(two)
    assert ["ok", 2] == heal(stage, "one")
    drain(stage)
    assert ("failed", ("F", "x1|2|two"), "D") == (stage.status(), stage.facts()[-1], stage.state("below"))
    assert ["ok", 3] == heal(stage, "two")
    drain(stage)
    assert ("completed", ("C", "x1|3")) == (stage.status(), stage.facts()[-1])


def test_two_dead_letters_retried_at_once_share_a_generation(stage):
    stage.start(PAIR)
    one, two = stage.fetch()
    stage.fail(one)
    stage.fail(two)
    assert (["ok", 2], ["ok", 2]) == (heal(stage, "one"), heal(stage, "two"))
    drain(stage)
    assert ("completed", ("C", "x1|2")) == (stage.status(), stage.facts()[-1])


def test_it_may_fail_again(stage):
    failed(stage)
    heal(stage, "first")
    [again] = stage.fetch()
    stage.fail(again)
    assert ("failed", ["x1|first"]) == (stage.status(), letters_of_the_dead(stage))
    assert ("F", "x1|2|first") == stage.facts()[-1]


def test_in_a_paused_execution_it_waits_for_the_resume(stage):
    stage.start(CHAIN)
    [claim] = stage.fetch()
    pause(stage)
    stage.fail(claim)
    assert ["ok", 1] == heal(stage, "first")
    assert ("paused", "P", None) == (stage.status(), stage.state("first"), stage.field("@bad"))
    resume(stage)
    drain(stage)
    assert "completed" == stage.status()


def test_unknown_changes_nothing(stage):
    failed(stage)
    before = stage.everything()
    assert ["unknown"] == heal(stage, "second")
    assert ["unknown"] == heal(stage, "first", "nobody")
    assert before == stage.everything()
    heal(stage, "first")
    assert ["unknown"] == heal(stage, "first")


def test_one_whose_execution_is_gone_is_unknown_and_listed_no_more(stage):
    failed(stage)
    stage.client.delete(stage.keys.execution("x1"))
    assert ["unknown"] == heal(stage, "first")
    assert [] == letters_of_the_dead(stage)


def test_what_was_put_off_while_it_was_failing_starts_with_the_retry(stage):
    stage.start(plan(node("one"), node("two"), node("long"), node("below", "two"), node("both", "one", "two")))
    one, two, long = stage.fetch()
    stage.fail(one)
    stage.commit(two)
    assert ("failing", "1") == (stage.status(), stage.field("@run"))
    assert ["ok", 1] == heal(stage, "one")
    assert ("running", None) == (stage.status(), stage.field("@bad"))
    begun = [*stage.fetch(), *stage.fetch()]
    assert ["below", "one"] == sorted(claim.node for claim in begun)
    for claim in begun:
        stage.commit(claim)
    stage.commit(long)
    drain(stage)
    assert ("completed", ("C", "x1|1"), "D") == (stage.status(), stage.facts()[-1], stage.state("both"))


def test_a_failing_execution_with_another_dead_letter_fails_in_the_end(stage):
    stage.start(plan(node("one"), node("two"), node("long")))
    one, two, long = stage.fetch()
    stage.fail(one)
    stage.fail(two)
    assert ["ok", 1] == heal(stage, "one")
    assert ("running", "two") == (stage.status(), stage.field("@bad"))
    stage.commit(long)
    drain(stage)
    assert ("failed", ("F", "x1|1|two")) == (stage.status(), stage.facts()[-1])


def test_illegal_while_all_of_it_is_to_stop_and_after_a_cancel(stage):
    stage.start(PAIR)
    one, two = stage.fetch()
    stage.fail(one)
    stage.cancel()
    before = stage.everything()
    assert ["illegal", "cancelling"] == heal(stage, "one")
    assert before == stage.everything()
    stage.commit(two)
    assert ["illegal", "cancelled"] == heal(stage, "one")


def test_a_deadline_still_counts_for_one_that_was_failing_and_goes_on(stage):
    stage.start(with_deadline(PAIR))
    one, two = stage.fetch()
    stage.fail(one)
    stage.client.delete(stage.keys.timers)
    assert ["ok", 1] == heal(stage, "one")
    stage.clock.advance(1_001)
    stage.fetch()
    assert ("failing", "1", "") == (stage.status(), stage.field("@late"), stage.field("@bad"))
    stage.commit(two)
    assert "failed" == stage.status()


def test_one_that_was_stopped_at_its_deadline_while_it_was_failing_has_its_time_anew(stage):
    stage.start(with_deadline(PAIR))
    one, two = stage.fetch()
    stage.fail(one)
    stage.clock.advance(1_001)
    stage.fetch()
    assert ["illegal", "failing"] == heal(stage, "one")
    stage.commit(two)
    assert ["ok", 2] == heal(stage, "one")
    assert ("running", None, str(stage.now_ms + 1_000)) == (stage.status(), stage.field("@late"), stage.field("@end"))


def test_illegal_while_what_runs_past_its_deadline_comes_to_its_end(stage):
    stage.start(with_deadline(PAIR))
    one, _ = stage.fetch()
    stage.clock.advance(1_001)
    stage.fetch()
    stage.fail(one)
    assert ["illegal", "failing"] == heal(stage, "one")


def test_passed_where_the_execution_went_on_without_the_node(stage):
    stage.start(plan(node("first", on_failure="continue"), node("second", "first")))
    stage.fail(stage.fetch()[0])
    assert ["passed", "running"] == heal(stage, "first")
    drain(stage)
    assert ["passed", "completed"] == heal(stage, "first")
    assert 500_000 < stage.kept_ms(stage.keys.execution("x1"))


def test_noplan_without_its_plan(stage):
    failed(stage)
    stage.client.delete(stage.keys.plan(CHAIN.hash))
    before = stage.everything()
    assert ["noplan", CHAIN.hash] == heal(stage, "first")
    assert before == stage.everything()


def test_a_timer_that_came_due_after_the_end_is_offered_again(stage):
    stage.start(PAIR)
    one, two = stage.fetch()
    stage.retry(two, 1000)
    stage.fail(one)
    assert "failed" == stage.status()
    stage.clock.advance(1001)
    stage.fetch()
    heal(stage, "one")
    drain(stage)
    assert "completed" == stage.status()
    assert LIMITS.retention_ms >= stage.kept_ms(stage.keys.execution("x1"))


def test_asked_it_answers_the_same_and_changes_nothing(stage):
    def ask(name, execution="x1"):
        return stage.call("heal", stage.now_ms, execution, name, "ask")

    failed(stage)
    stage.client.zadd(stage.keys.dead_letters, {"gone|first": stage.now_ms})
    before, told = stage.everything(), stage.facts()
    assert [["ok", 1], ["unknown"], ["unknown"]] == [ask("first"), ask("second"), ask("first", "gone")]
    assert (before, told) == (stage.everything(), stage.facts())
    heal(stage, "first")
    assert ["unknown"] == ask("first")
