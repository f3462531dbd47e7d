"""Limits of node types and of workflows, in every transition that takes, frees or hands on a slot (include/limit.lua)"""

from __future__ import annotations

import msgspec
import pytest

from spane.model.rules import LimitRule
from tests.transitions.conftest import LIMITS, node, plan


def limited(count, workflow="limited", priority=None, **rule):
    rule = LimitRule(**rule)
    return plan(*(node(f"n{i}", limit=rule, priority=priority) for i in range(count)), workflow=workflow)


def states(stage, made, execution="x1"):
    return "".join(stage.state(one.id, execution) or "-" for one in made.nodes)


def holders(stage, pool="work"):
    return {name.decode() for name in stage.client.hgetall(stage.keys.pool(pool))}


def waiters(stage, pool="work"):
    return [name.decode() for name in stage.client.zrange(stage.keys.pool(pool) + ":w", 0, -1)]


def test_a_claim_takes_a_slot_and_what_gets_none_is_parked_once(stage):
    made = limited(4, concurrency=2)
    stage.start(made)
    claims = stage.fetch()
    assert ["n0", "n1"] == [claim.node for claim in claims]
    assert ("RRLL", {"x1|n0", "x1|n1"}, ["x1|n2", "x1|n3"]) == (states(stage, made), holders(stage), waiters(stage))
    assert all(claim.token.endswith("l") for claim in claims)
    assert [] == stage.fetch()
    told = [body for letter, body in stage.facts() if letter == "k"]
    assert ["x1|n2|limit of work", "x1|n3|limit of work"] == told


@pytest.mark.parametrize("kind", ["s", "f", "k", "r"])
def test_a_commit_hands_its_slot_to_who_waits_longest(stage, kind):
    made = limited(4, concurrency=1)
    stage.start(made)
    stage.start(plan(node("other")), "x2")
    (first,) = [claim for claim in stage.fetch() if claim.execution == "x1"]
    if kind in "fr":
        stage.fail(first, kind=kind, extra=60_000)
    else:
        stage.commit(first, kind)
    if kind == "f":
        assert "failed" == stage.status()
        return
    assert "Q" == stage.state("n1")
    (claim,) = stage.fetch()
    assert ("n1", {"x1|n1"}, ["x1|n2", "x1|n3"]) == (claim.node, holders(stage), waiters(stage))


def test_the_slots_of_an_execution_that_failed_go_to_others(stage):
    one, two = limited(2, concurrency=1), limited(1, workflow="other", concurrency=1)
    stage.start(one)
    (claim,) = stage.fetch()
    stage.start(two, "x2")
    assert [] == stage.fetch()
    stage.fail(claim)
    # n1 of x1 waits no more; the slot went past it.
    assert ("failed", "P") == (stage.status(), stage.state("n1"))
    assert [("x2", "n0")] == [(claim.execution, claim.node) for claim in stage.fetch()]


def test_priority_goes_before_time_among_waiters(stage):
    stage.start(limited(1, concurrency=1))
    (claim,) = stage.fetch()
    for number, priority in enumerate((1, 5, 10)):
        stage.start(limited(1, workflow=f"w{priority}", concurrency=1), f"y{number}", priority=priority)
    assert [] == stage.fetch()
    order = []
    while claim:
        stage.commit(claim)
        claim = next(iter(stage.fetch()), None)
        order.append(claim and claim.execution)
    assert ["y2", "y1", "y0", None] == order


def test_a_limited_child_is_not_handed_over(stage):
    stage.start(plan(node("first"), node("second", "first", limit=LimitRule(concurrency=1))))
    (claim,) = stage.fetch()
    assert [b"ok", 1] == stage.commit(claim, hand="default")
    assert ["second"] == [claim.node for claim in stage.fetch()]


def test_a_lost_holder_frees_its_slot(stage):
    made = limited(2, concurrency=1)
    stage.start(made)
    stage.fetch()
    stage.clock.advance(6000)
    stage.store.rescue()
    assert set() == holders(stage)
    claims = stage.fetch("w2")
    assert 1 == len(claims) == len(holders(stage))
    stage.commit(claims[0], session="w2")
    assert 1 == len(stage.fetch("w2"))


def test_what_is_given_back_keeps_its_slot(stage):
    made = limited(2, concurrency=1)
    stage.start(made)
    (claim,) = stage.fetch()
    stage.store.give_back("w1", [(claim.execution, claim.node, claim.token)])
    assert ("QL", set()) == (states(stage, made), holders(stage))
    assert ["n0"] == [claim.node for claim in stage.fetch("w2")]


def test_what_is_given_back_to_a_paused_execution_keeps_none(stage):
    stage.start(limited(1, concurrency=1))
    (claim,) = stage.fetch()
    stage.start(limited(1, workflow="other", concurrency=1), "x2")
    assert [] == stage.fetch()
    stage.call("pause", stage.now_ms, "x1", "")
    stage.store.give_back("w1", [(claim.execution, claim.node, claim.token)])
    assert ["x2"] == [claim.execution for claim in stage.fetch()]


def test_what_awaits_something_holds_no_slot(stage):
    made = limited(2, concurrency=1)
    stage.start(made)
    (claim,) = stage.fetch()
    stage.call(
        "await", stage.now_ms, "w1", "x1", "n0", claim.token, "it", "", LIMITS.retention_ms,
        LIMITS.dead_letter_retention_ms,
    )  # fmt: skip
    assert ["n1"] == [claim.node for claim in stage.fetch()]


@pytest.mark.parametrize("end", ["pause", "cancel"])
def test_waiters_of_an_execution_that_stops_hold_nobody_up(stage, end):
    stage.start(limited(1, concurrency=1), "x0")
    (claim,) = stage.fetch()
    stage.start(limited(3, workflow="stops", concurrency=1), "x1")
    stage.start(limited(1, workflow="goes on", concurrency=1), "x2")
    assert [] == stage.fetch()
    if end == "pause":
        stage.call("pause", stage.now_ms, "x1", "")
    else:
        stage.cancel()
    stage.commit(claim)
    (claim,) = stage.fetch()
    assert "x2" == claim.execution
    if end == "pause":
        stage.call("resume", stage.now_ms, "x1", 1, 1)
        stage.commit(claim)
        assert ["x1"] == [claim.execution for claim in stage.fetch()]


@pytest.mark.parametrize("end", ["pause", "cancel"])
def test_a_slot_that_was_offered_in_vain_goes_on(stage, end):
    stage.start(limited(1, concurrency=1), "x0")
    (claim,) = stage.fetch()
    stage.start(limited(1, workflow="stops", concurrency=1), "x1")
    stage.start(limited(1, workflow="goes on", concurrency=1), "x2")
    assert [] == stage.fetch()
    stage.commit(claim)
    assert "Q" == stage.state("n0", "x1")
    if end == "pause":
        stage.call("pause", stage.now_ms, "x1", "")
    else:
        stage.cancel()
    assert ["x2"] == [claim.execution for claim in stage.fetch() + stage.fetch()]


def test_no_period_has_more_starts_than_the_rate(stage):
    made = limited(10, rate=3, period_ms=1000)
    stage.start(made)
    at = []
    for _ in range(400):
        for claim in stage.fetch():
            at.append(stage.now_ms)
            stage.commit(claim)
        stage.clock.advance(10)
    assert 10 == len(at)
    assert all(later - first >= 1000 for first, later in zip(at, at[3:], strict=False))
    assert at[-1] - at[0] <= 3030
    assert 1 == stage.letters().count("C")


def test_a_rate_has_one_timer_however_many_wait(stage):
    stage.start(limited(50, rate=2, period_ms=1000))
    assert 2 == len(stage.fetch())
    assert [b"l|work"] == stage.client.zrange(stage.keys.timers, 0, -1)
    assert 48 == len(waiters(stage))


def test_a_burst_starts_at_once_and_the_rate_goes_on_from_there(stage):
    stage.start(limited(12, rate=10, period_ms=1000, burst=4))
    at = []
    for _ in range(300):
        for claim in stage.fetch():
            at.append(stage.now_ms)
            stage.commit(claim)
        stage.clock.advance(5)
    assert at[:4] == [at[0]] * 4
    assert [100 * step for step in range(1, 9)] == [when - at[0] for when in at[4:]]


@pytest.mark.parametrize("burst", [0, 1])
def test_a_clock_that_is_set_back_does_not_stop_a_rate(stage, burst):
    stage.start(limited(3, rate=1, period_ms=1000, burst=burst))
    stage.fetch()
    earlier = stage.now_ms - 3_600_000
    stage.call("sweep", earlier, LIMITS.patience_ms, 100, 1000, LIMITS.retention_ms, LIMITS.retention_ms)
    assert ["x1|n1"] == stage.queue("default+")


def test_the_newest_start_says_what_the_limit_is(stage):
    stage.start(limited(4, concurrency=1))
    assert 1 == len(stage.fetch())
    stage.start(limited(1, workflow="newer", concurrency=3), "x2", delay_ms=60_000)
    assert 2 == len(stage.fetch())


def test_a_type_rests_that_was_told_to(stage):
    made = plan(*(node(f"n{i}") for i in range(4)), node("other", type="another"))
    stage.start(made)
    claims = stage.fetch(threads=1)
    stage.retry(claims[0], 5000, spends="p")
    assert ["other"] == [claim.node for claim in stage.fetch()]
    assert "TLLL" == states(stage, made)[:4]
    assert {b"l|work", b"n|x1|n0"} == set(stage.client.zrange(stage.keys.timers, 0, -1))
    stage.clock.advance(4_999)
    assert [] == stage.fetch()
    stage.clock.advance(1)
    again = {claim.node: claim.failures for claim in stage.fetch() + stage.fetch()}
    assert {"n0": 0, "n1": 0, "n2": 0, "n3": 0} == again
    assert 0 == stage.client.exists(stage.keys.rests)


def test_no_child_is_handed_over_to_a_type_that_rests(stage):
    stage.start(plan(node("tells", type="busy"), node("first", type="free"), node("second", "first", type="busy")))
    claims = {claim.node: claim for claim in stage.fetch()}
    stage.retry(claims["tells"], 5000, spends="p")
    assert [b"ok", 1] == stage.commit(claims["first"], hand="default")
    assert [] == stage.fetch()
    assert "L" == stage.state("second")


def test_executions_over_the_limit_of_their_workflow_stay_scheduled(stage):
    made = replace_limit(plan(node("only")), concurrency=2)
    for number in range(4):
        stage.start(made, f"x{number}", pool="@staged")
    assert ["running", "running", "scheduled", "scheduled"] == [stage.status(f"x{n}") for n in range(4)]
    assert 2 == stage.letters().count("L")
    claims = stage.fetch()
    stage.commit(claims[0])
    assert ["x2"] == [claim.execution for claim in stage.fetch()]
    stage.cancel("x3")
    assert [] == waiters(stage, "@staged")
    stage.commit(claims[1])
    assert [] == stage.fetch()


def replace_limit(made, **rule):
    return msgspec.structs.replace(made, limit=LimitRule(**rule))


def test_a_delayed_start_asks_for_its_slot_when_it_is_due(stage):
    made = replace_limit(plan(node("only")), concurrency=1)
    stage.start(made, "x0", pool="@staged", delay_ms=1000)
    stage.start(made, "x1", pool="@staged")
    (claim,) = stage.fetch()
    stage.clock.advance(1000)
    assert [] == stage.fetch()
    assert "scheduled" == stage.status("x0")
    stage.commit(claim)
    assert ["x0"] == [claim.execution for claim in stage.fetch()]


def test_a_healed_execution_counts_but_does_not_wait(stage):
    made = replace_limit(plan(node("only")), concurrency=1)
    stage.start(made, "x0", pool="@staged")
    stage.fail(stage.fetch()[0])
    stage.start(made, "x1", pool="@staged")
    stage.call("heal", stage.now_ms, "x0", "only")
    stage.start(made, "x2", pool="@staged")
    assert ["running", "running", "scheduled"] == [stage.status(f"x{n}") for n in range(3)]


def test_the_sweep_brings_back_slots_whose_holders_are_gone(stage):
    stage.start(limited(2, concurrency=1))
    stage.fetch()
    stage.client.hset(stage.keys.pool("work"), "gone|n0", "w9.1l")
    stage.client.zadd(stage.keys.pool("work") + ":o", {"gone|n1": 0})
    stage.client.delete(stage.keys.pool("work") + ":w")
    stage.clock.advance(6000)
    stage.client.zadd(stage.keys.sessions, {"w1": stage.now_ms + 5000})
    looked, mended, _ = stage.store.sweep()
    assert (1, 3) == (looked, mended)
    assert ({"x1|n0"}, ["x1|n1"]) == (holders(stage), waiters(stage))


def test_nothing_is_left_when_all_has_ended(stage):
    made = replace_limit(limited(3, concurrency=1, rate=100, period_ms=1000), concurrency=1)
    for number in range(2):
        stage.start(made, f"x{number}", pool="@limited")
    for _ in range(10):
        for claim in stage.fetch():
            stage.commit(claim)
        stage.clock.advance(20)
    assert ["completed", "completed"] == [stage.status("x0"), stage.status("x1")]
    stage.clock.advance(10_000)
    stage.store.sweep()
    left = [key for key in stage.everything() if ":lim:" in key or key.endswith(("pools", "rests"))]
    assert {"s:{0}:lim:work:r"} >= set(left), "starts of the last second expire by the server's own clock"


def test_a_plain_plan_writes_nothing_about_limits(stage):
    stage.run()
    assert not [key for key in stage.everything() if "lim" in key or key.endswith(("pools", "rests"))]


def test_where_nodes_age_the_lowest_priority_that_waits_gets_its_turn(stage):
    stage.call("renew", stage.now_ms, "w1", 5000, "0", "", 100, 1000)
    stage.start(limited(1, concurrency=1), "holder")
    (held,) = stage.fetch()
    stage.start(limited(1, concurrency=1), "old", priority=1)
    stage.fetch()
    for number in range(3):
        stage.clock.advance(4_000)
        stage.start(limited(1, concurrency=1), f"young{number}", priority=10)
        stage.fetch()
    turns = []
    for _ in range(4):
        stage.commit(held)
        (held,) = stage.fetch()
        turns.append(held.execution)
    assert ["young0", "young1", "old", "young2"] == turns


def test_a_slot_that_is_given_back_goes_to_a_higher_priority(stage):
    made = limited(1, concurrency=1)
    stage.start(made, "low", priority=1)
    (claim,) = stage.fetch()
    stage.start(made, "high", priority=10)
    assert [] == stage.fetch()
    stage.store.give_back("w1", [(claim.execution, claim.node, claim.token)])
    assert ("L", "Q") == (stage.state("n0", "low"), stage.state("n0", "high"))
    assert ["high"] == [claim.execution for claim in stage.fetch()]


def test_a_higher_priority_takes_a_slot_that_was_handed_on_and_told_of_once(stage):
    made = limited(1, concurrency=1)
    for number, priority in enumerate((5, 1, 10)):
        stage.start(made, f"x{number}", priority=priority)
        if number < 2:
            claims = stage.fetch()
        if number == 0:
            first = claims[0]
    stage.commit(first)
    assert ("Q", "Q") == (stage.state("n0", "x1"), stage.state("n0", "x2"))
    assert [] == stage.fetch(loop=0, threads=0)
    (claim,) = stage.fetch()
    assert "x2" == claim.execution


@pytest.mark.parametrize("count", [1, 3])
def test_where_a_rate_has_nothing_left_a_higher_priority_goes_first_all_the_same(stage, count):
    made = limited(count, rate=count, period_ms=1000)
    stage.start(made, "low", priority=1)
    claims = stage.fetch()
    stage.store.give_back("w1", [(claim.execution, claim.node, claim.token) for claim in claims])
    stage.start(limited(1, rate=count, period_ms=1000, workflow="other"), "high", priority=10)
    assert [] == stage.fetch()
    stage.clock.advance(1000)
    assert "high" == stage.fetch(threads=1)[0].execution
    for _ in range(count):
        stage.clock.advance(1000)
        stage.fetch()
    assert "R" * count == states(stage, made, "low")


def test_a_limit_that_is_lowered_while_slots_are_kept_hands_on_what_is_left(stage):
    made = limited(4, concurrency=4)
    stage.start(made, "low", priority=1)
    claims = stage.fetch()
    stage.store.give_back("w1", [(claim.execution, claim.node, claim.token) for claim in claims])
    stage.start(limited(1, concurrency=1, workflow="other"), "high", priority=10)
    (claim,) = stage.fetch()
    assert ("high", {"high|n0"}) == (claim.execution, holders(stage))
    stage.commit(claim)
    ran = []
    while claims := stage.fetch():
        ran += [claim.node for claim in claims]
        stage.commit(claims[0])
    assert ["n0", "n1", "n2", "n3"] == ran
