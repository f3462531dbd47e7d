"""commit.lua"""

from __future__ import annotations

import json

import pytest

from tests.transitions.conftest import CHAIN, DIAMOND, ONE, PAIR, Claimed, node, plan


def without(found: dict, *names: str) -> dict:
    return {name: value for name, value in found.items() if not any(part in name for part in names)}


# Success.


def test_ok_stores_the_output_and_queues_the_children(stage):
    stage.start(CHAIN)
    (first,) = stage.fetch()
    assert [b"ok", 1] == stage.commit(first, payload=b'{"v":1}')
    assert {"first": b'{"v":1}'} == stage.store.outputs("x1", ["first"])
    assert ("D", "Q") == (stage.state("first"), stage.state("second"))
    assert ("1", "0") == (stage.field("@open"), stage.field("@run"))
    assert ["x1|second"] == stage.queue()
    assert not stage.client.exists(stage.keys.session("w1"))
    assert ("s", f"x1|first|{first.token}|1|1234||") == stage.facts()[-1]


def test_the_last_node_completes_the_execution(stage):
    stage.start()
    (claim,) = stage.fetch()
    assert [b"ok", 0] == stage.commit(claim)
    assert "completed" == stage.status()
    assert "ScsC" == stage.letters()
    assert ("C", "x1|1") == stage.facts()[-1]
    assert [] == stage.active()
    assert [b"completed"] == stage.client.lrange(stage.keys.waiter("x1"), 0, -1)
    for key in (stage.keys.execution("x1"), stage.keys.outputs("x1")):
        assert 59_000 < stage.kept_ms(key) <= 60_000
    assert stage.kept_ms(stage.keys.plan(ONE.hash)) > 86_400_000


def test_a_join_is_released_by_its_last_parent(stage):
    stage.start(DIAMOND)
    (top,) = stage.fetch()
    stage.commit(top)
    left, right = stage.fetch()
    assert [b"ok", 0] == stage.commit(left, payload=b'"l"')
    assert stage.state("bottom") is None
    assert [b"ok", 1] == stage.commit(right, payload=b'"r"')
    (bottom,) = stage.fetch()
    assert [b'"l"', b'"r"'] == bottom.values
    stage.commit(bottom)
    assert "completed" == stage.status()


def test_a_child_with_a_delay_gets_a_timer(stage):
    stage.start(plan(node("first"), node("second", "first", delay_ms=700)))
    (first,) = stage.fetch()
    stage.commit(first)
    assert "T" == stage.state("second")
    assert stage.now_ms + 700 == stage.client.zscore(stage.keys.timers, "n|x1|second")


@pytest.mark.parametrize("count", [500, 501, 1300])
def test_more_children_than_one_transition_may_touch_are_left_to_cursors(stage, count):
    stage.start(plan(node("root"), *(node(f"n{number}", "root") for number in range(count))))
    (root,) = stage.fetch()
    stage.commit(root)
    assert min(count, 500) == len(stage.queue())
    claims = []
    while batch := stage.fetch(threads=300) or stage.fetch(threads=300):
        claims += batch
    assert count == len({claim.node for claim in claims}) == len(claims)
    for claim in claims:
        stage.commit(claim)
    assert "completed" == stage.status()


def test_large_payloads_are_opaque(stage):
    stage.start()
    (claim,) = stage.fetch()
    raw = bytes(range(256)) * 4
    stage.commit(claim, payload=raw)
    assert raw == stage.client.hget(stage.keys.outputs("x1"), "only")


# A child handed over.


def test_a_ready_child_is_handed_over(stage):
    stage.start(CHAIN)
    (first,) = stage.fetch()
    code, queued, row = stage.commit(first, hand="default", payload=b"7")
    child = Claimed.of(row)
    assert (b"ok", 0, "second", "w1.child") == (code, queued, child.node, child.token)
    # It takes this output alone, so 1 stands for what the worker still has.
    assert 1 == child.values
    assert f"R|w1.child|0|0|{stage.now_ms}|" == stage.field("second")
    assert {b"x1|second": b"w1.child"} == stage.client.hgetall(stage.keys.session("w1"))
    assert [] == stage.queue()
    assert ("s", f"x1|first|{first.token}|1|1234|second|w1.child") == stage.facts()[-1]
    assert [b"ok", 0] == stage.commit(child)
    assert "completed" == stage.status()


def test_one_child_is_handed_over_and_the_others_are_queued(stage):
    stage.start(DIAMOND)
    (top,) = stage.fetch()
    _, queued, row = stage.commit(top, hand="default")
    assert ("left", 1, ["x1|right"]) == (Claimed.of(row).node, queued, stage.queue())


@pytest.mark.parametrize("hand", ["", "other", "default~", "defaul"])
def test_no_child_is_handed_over_to_a_queue_that_is_not_asked_for(stage, hand):
    stage.start(CHAIN)
    (first,) = stage.fetch()
    assert [b"ok", 1] == stage.commit(first, hand=hand)
    assert ["x1|second"] == stage.queue()


def test_no_child_is_handed_over_while_something_more_urgent_waits(stage):
    stage.start(CHAIN)
    (first,) = stage.fetch()
    stage.start(execution="x2", priority=6)
    assert [b"ok", 1] == stage.commit(first, hand="default")


def test_a_delayed_child_is_not_handed_over(stage):
    stage.start(plan(node("first"), node("second", "first", delay_ms=1)))
    (first,) = stage.fetch()
    assert 2 == len(stage.commit(first, hand="default"))


# Failure.


def test_a_failure_ends_the_execution_and_leaves_a_dead_letter(stage):
    stage.start(CHAIN)
    (first,) = stage.fetch()
    assert [b"ok", 0] == stage.fail(first, "no")
    assert ("failed", "F", "first") == (stage.status(), stage.state("first"), stage.field("@bad"))
    assert stage.state("second") is None
    assert [(b"x1|first", stage.now_ms)] == stage.client.zrange(stage.keys.dead_letters, 0, -1, withscores=True)
    raw = stage.store.outputs("x1", ["first"])["first"]
    assert (b"!", "no") == (raw[:1], json.loads(raw[1:])["message"])
    assert "ScfF" == stage.letters()
    assert ("F", "x1|1|first") == stage.facts()[-1]
    assert 590_000 < stage.kept_ms(stage.keys.execution("x1")) <= 600_000


def test_a_failure_waits_for_what_runs(stage):
    stage.start(PAIR)
    one, two = stage.fetch()
    stage.fail(one)
    assert ("failing", "G") == (stage.status(), stage.letters()[-1])
    assert [b"ok", 0] == stage.commit(two, payload=b"2")
    assert "failed" == stage.status()
    assert {"two": b"2"} == stage.store.outputs("x1", ["two"])
    assert "ScfGsF" == stage.letters()


def test_a_success_while_failing_releases_no_children(stage):
    stage.start(plan(node("a"), node("b"), node("below", "b")))
    a, b = stage.fetch()
    stage.fail(a)
    stage.commit(b)
    assert stage.state("below") is None
    assert "failed" == stage.status()


def test_a_second_failure_is_kept_and_the_first_is_named(stage):
    stage.start(PAIR)
    one, two = stage.fetch()
    stage.fail(one)
    stage.fail(two)
    assert ("F", "x1|1|one") == stage.facts()[-1]
    assert 2 == stage.client.zcard(stage.keys.dead_letters)


def test_a_failure_that_is_gone_on_from_releases_the_children(stage):
    stage.start(plan(node("first", on_failure="continue"), node("second", "first")))
    (first,) = stage.fetch()
    assert [b"ok", 1] == stage.fail(first)
    (second,) = stage.fetch()
    assert second.values[0].startswith(b"!")
    stage.commit(second)
    assert "completed" == stage.status()
    assert 1 == stage.client.zcard(stage.keys.dead_letters)
    assert "ScfcsC" == stage.letters()


# Retry.


def test_a_retry_sets_a_timer_and_counts_the_failure(stage):
    stage.start()
    (claim,) = stage.fetch()
    assert [b"ok", 0] == stage.retry(claim, 1500)
    assert f"T|{claim.token}|1|0|{stage.now_ms + 1500}|" == stage.field("only")
    assert ("running", "1", "0") == (stage.status(), stage.field("@open"), stage.field("@run"))
    assert stage.now_ms + 1500 == stage.client.zscore(stage.keys.timers, "n|x1|only")
    assert stage.facts()[-1][1].startswith(f"x1|only|{claim.token}|1|1234|1500|{{")
    stage.clock.advance(1500)
    (again,) = stage.fetch()
    assert 1 == again.failures


@pytest.mark.parametrize("kind", ["s", "f", "r", "u"])
def test_noplan_decides_nothing_and_is_told_of_once(stage, kind):
    stage.start(CHAIN)
    (claim,) = stage.fetch()
    kept = stage.client.hgetall(stage.keys.plan(CHAIN.hash))
    stage.client.delete(stage.keys.plan(CHAIN.hash))
    for _ in range(2):
        assert [b"noplan"] == stage.commit(claim, kind, b'{"type":"","message":""}', hand="default")
    assert ("running", "1", "1") == (stage.status(), stage.field("@open"), stage.field("@run"))
    assert "Sck" == stage.letters()
    stage.client.hset(stage.keys.plan(CHAIN.hash), mapping=kept)
    assert b"ok" == stage.commit(claim)[0]
    (child,) = stage.fetch()
    assert "second" == child.node


def test_a_retry_that_costs_no_try_counts_nothing(stage):
    stage.start()
    (claim,) = stage.fetch()
    stage.retry(claim, 10, spends=0)
    stage.clock.advance(10)
    (again,) = stage.fetch()
    assert 0 == again.failures


def test_a_retry_while_failing_is_parked_and_the_last_one_ends_the_execution(stage):
    stage.start(PAIR)
    one, two = stage.fetch()
    stage.fail(one)
    stage.retry(two)
    assert ("failed", "P") == (stage.status(), stage.state("two"))
    assert not stage.client.zcard(stage.keys.timers)
    assert "ScfGrF" == stage.letters()


# Unfit.


def test_an_unfit_node_waits_in_a_queue_of_its_fingerprint(stage):
    stage.start()
    (claim,) = stage.fetch()
    assert [b"ok", 0] == stage.commit(claim, "u", b"work.abcd", extra="nobody has it", spends=0)
    assert ["x1|only"] == stage.queue("default@work.abcd")
    assert {"default@work.abcd": "nobody has it"} == stage.store.unfit()
    assert ("k", "x1|only|nobody has it") == stage.facts()[-1]
    assert ("running", "Q") == (stage.status(), stage.state("only"))
    assert [] == stage.fetch()
    (again,) = stage.fetch(queues="default@work.abcd")
    assert (0, "only") == (again.failures, again.node)


# What is refused.


@pytest.mark.parametrize("kind", ["s", "f", "r", "u"])
def test_again_is_what_a_repeated_commit_gets(stage, kind):
    stage.start(CHAIN)
    (first,) = stage.fetch()
    stage.commit(first, kind, b"{}", extra=100)
    before, letters = stage.everything(), stage.letters()
    for _ in range(2):
        assert [b"again"] == stage.commit(first, kind, b"{}", extra=100)
    assert (before, letters) == (stage.everything(), letters)


@pytest.mark.parametrize("kind", ["s", "f", "r", "u"])
def test_fenced_is_what_an_attempt_gets_that_lost_its_node(stage, kind):
    stage.start(CHAIN)
    (stale,) = stage.fetch()
    stage.clock.advance(6000)
    stage.store.rescue()
    (claim,) = stage.fetch("w2")
    before = stage.everything()
    for _ in range(2):
        assert [b"fenced"] == stage.commit(stale, kind, b"{}")
    assert before == stage.everything()
    assert "zz" == stage.letters()[-2:]
    assert ("z", f"x1|first|{stale.token}") == stage.facts()[-1]
    stage.commit(claim, session="w2")
    assert [b"fenced"] == stage.commit(stale, kind, b"{}")


def test_a_commit_after_the_lease_but_before_the_rescue_counts(stage):
    stage.start()
    (claim,) = stage.fetch()
    stage.clock.advance(60_000)
    assert [b"ok", 0] == stage.commit(claim)
    assert "completed" == stage.status()


def test_gone_is_what_an_attempt_gets_whose_execution_is_not_here(stage):
    stage.start()
    (claim,) = stage.fetch()
    stage.client.delete(stage.keys.execution("x1"))
    for _ in range(2):
        assert [b"gone"] == stage.commit(claim)
    assert not stage.client.exists(stage.keys.session("w1"))
    assert not stage.client.zcard(stage.keys.dead_letters)
    assert "Sc" == stage.letters()


def test_a_late_write_never_changes_a_finished_status(stage):
    stage.start()
    (stale,) = stage.fetch()
    stage.clock.advance(6000)
    stage.store.rescue()
    (claim,) = stage.fetch("w2")
    stage.commit(claim, session="w2", payload=b'"good"')
    before = stage.everything()
    for kind in ("s", "f", "r", "u"):
        assert [b"fenced"] == stage.commit(stale, kind, b"{}")
    # Which event of the execution is its last is all that it leaves.
    last = stage.client.xrevrange(stage.keys.events, count=1)[0][0]
    assert last == stage.client.hget(stage.keys.execution("x1"), "@ev1")
    before[stage.keys.execution("x1")][b"@ev1"] = last
    assert before == stage.everything()
    assert "completed" == stage.status()


def test_the_last_commit_ends_a_cancelling_execution(stage):
    stage.start(CHAIN)
    (first,) = stage.fetch()
    stage.cancel("x1", "enough")
    assert [b"ok", 0] == stage.commit(first, payload=b"1")
    assert ("cancelled", None) == (stage.status(), stage.state("second"))
    assert {"first": b"1"} == stage.store.outputs("x1", ["first"])
    assert ("X", "x1|1|enough") == stage.facts()[-1]


def test_a_failure_while_cancelling_leaves_it_cancelled(stage):
    stage.start()
    (claim,) = stage.fetch()
    stage.cancel("x1", "enough")
    stage.fail(claim)
    assert "cancelled" == stage.status()


def test_a_cancelled_attempt_ends_as_cancelled_and_leaves_no_dead_letter(stage):
    stage.start(PAIR)
    one, two = stage.fetch()
    stage.cancel("x1", "enough")
    stage.fail(one, kind="x")
    assert ("C", "cancelling") == (stage.state("one"), stage.status())
    stage.commit(two)
    assert ("cancelled", "xsX") == (stage.status(), stage.letters()[-3:])
    assert 0 == stage.client.zcard(stage.keys.dead_letters)
    assert not stage.client.hexists(stage.keys.outputs("x1"), "one")


def test_an_attempt_cancelled_in_an_execution_that_is_not_is_tried_again(stage):
    stage.start(ONE)
    [claim] = stage.fetch()
    stage.fail(claim, kind="x", spends=0)
    assert ("T", "running") == (stage.state("only"), stage.status())
    assert ["only"] == [again.node for again in stage.fetch()]
