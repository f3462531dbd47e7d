"""admit.lua"""

from __future__ import annotations

from spane.model.rules import LimitRule
from tests.transitions.conftest import node, plan

KEYED = plan(*(node(f"n{i}", limit=LimitRule(concurrency=1, key="customer")) for i in range(4)))


def admit(stage, claim, key):
    return stage.store.admit(claim.execution, claim.node, claim.token, key)


def test_each_key_has_slots_of_its_own(stage):
    stage.start(KEYED)
    claims = stage.fetch()
    assert [True, False, True, False] == [admit(stage, claims[i], "ab"[i // 2]) for i in range(4)]
    assert (["R", "L", "R", "L"], "2") == ([stage.state(f"n{i}") for i in range(4)], stage.field("@run"))
    stage.commit(claims[2])
    (claim,) = stage.fetch()
    assert "n3" == claim.node
    assert admit(stage, claim, "b")
    assert [b"ok", 0] == stage.commit(claim)


def test_a_call_that_is_made_again_answers_as_before(stage):
    stage.start(KEYED)
    first, second, *_ = stage.fetch()
    assert [True, True, False, False] == [
        admit(stage, first, "a"), admit(stage, first, "a"), admit(stage, second, "a"), admit(stage, second, "a")
    ]  # fmt: skip
    assert 1 == sum(body.startswith("x1|n1|limit") for _, body in stage.facts())


def test_0_is_what_an_attempt_gets_that_lost_the_node(stage):
    stage.start(KEYED)
    claim = stage.fetch()[0]
    stage.clock.advance(6000)
    stage.store.rescue()
    assert not admit(stage, claim, "a")
    assert not [key for key in stage.everything() if ":lim:" in key]


def test_a_slot_that_was_offered_is_nobody_elses(stage):
    stage.start(KEYED)
    first, second, third, _ = stage.fetch()
    assert admit(stage, first, "a")
    assert not admit(stage, second, "a")
    stage.commit(first)
    assert not admit(stage, third, "a")
    (claim,) = stage.fetch()
    assert ("n1", True) == (claim.node, admit(stage, claim, "a"))


def test_in_a_paused_execution_it_is_put_aside(stage):
    stage.start(KEYED)
    first, second, *_ = stage.fetch()
    assert admit(stage, first, "a")
    stage.call("pause", stage.now_ms, "x1", "")
    assert not admit(stage, second, "a")
    assert ("P", "3") == (stage.state("n1"), stage.field("@run"))


def test_the_last_of_a_cancelled_execution_ends_it(stage):
    stage.start(plan(node("only", limit=LimitRule(concurrency=1, key="c"))))
    stage.start(plan(node("only", limit=LimitRule(concurrency=1, key="c")), workflow="other"), "x2")
    first, second = stage.fetch()
    assert admit(stage, first, "a")
    stage.cancel("x2", "why")
    assert not admit(stage, second, "a")
    assert "cancelled" == stage.status("x2")


def test_one_that_is_put_off_with_its_whole_type_waits_there_and_is_not_taken_for_lost(stage):
    stage.start(plan(*(node(f"n{i}", limit=LimitRule(concurrency=1, key="customer")) for i in range(2))))
    first, second = stage.fetch()
    assert [True, False] == [admit(stage, claim, "a") for claim in (first, second)]
    stage.retry(first, 60_000, spends="p")
    assert [] == stage.fetch()
    assert ("L", None) == (stage.state("n1"), stage.field("@l:n1"))
    stage.clock.advance(6_000)
    assert 0 == stage.store.sweep()[1]
    stage.clock.advance(60_000)
    assert {"n0", "n1"} == {claim.node for claim in stage.fetch() + stage.fetch()}
