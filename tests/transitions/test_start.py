"""start.lua"""

from __future__ import annotations

import msgspec
import pytest

from spane.model.rules import LimitRule
from spane.runtime.store import Start, StartReply
from tests.transitions.conftest import CHAIN, ONE, PAIR, node, plan


def test_ok_writes_the_execution_and_queues_its_entry_nodes(stage):
    assert StartReply("ok", "x1") == stage.start(
        PAIR, inputs=b'{"a":1}', priority=7, tenant="acme", metadata=b'{"t":1}'
    )
    assert ("running", "7", "2", "0") == tuple(stage.field(name) for name in ("@st", "@pr", "@open", "@run"))
    assert ("staged", PAIR.hash, "acme", '{"t":1}') == tuple(
        stage.field(name) for name in ("@wf", "@pl", "@tn", "@meta")
    )
    assert ["x1|one", "x1|two"] == stage.queue(priority=7)
    assert "QQ" == f"{stage.state('one')}{stage.state('two')}"
    assert {"@in": b'{"a":1}'} == stage.store.outputs("x1", ["@in"])
    assert [("S", f"x1|{PAIR.hash}|staged|7|")] == stage.facts()
    assert ["x1"] == stage.active()
    assert 1 == stage.client.llen(stage.keys.wake("default"))


def test_only_entry_nodes_are_written(stage):
    stage.start(CHAIN)
    assert "Q" == stage.state("first")
    assert stage.state("second") is None


def test_again_is_what_the_same_id_gets_and_nothing_is_written(stage):
    stage.start()
    before = stage.everything()
    assert StartReply("again", "x1") == stage.start()
    assert before == stage.everything()
    assert "S" == stage.letters()


def test_again_is_what_the_same_key_and_inputs_get(stage):
    stage.start(key="k", digest="d")
    before = stage.everything()
    for _ in range(2):
        assert StartReply("again", "x1") == stage.start(execution="x2", key="k", digest="d")
    assert before == stage.everything()
    assert "S" == stage.letters()


def test_conflict_is_what_the_same_key_with_other_inputs_gets(stage):
    stage.start(key="k", digest="d")
    before = stage.everything()
    for _ in range(2):
        assert StartReply("conflict", "x1") == stage.start(execution="x2", key="k", digest="other")
    assert before == stage.everything()


def test_a_key_holds_for_24_hours_after_the_end(stage):
    stage.start(key="k", digest="d")
    key = stage.keys.start_key("staged", "k")
    assert -1 == stage.kept_ms(key)
    (claim,) = stage.fetch()
    stage.commit(claim)
    assert 86_390_000 < stage.kept_ms(key) <= 86_400_000
    assert StartReply("again", "x1") == stage.start(execution="x2", key="k", digest="d")


def test_noplan_writes_nothing(stage):
    reply = stage.store.start(Start("x1", "0" * 32, "staged", b"{}", key="k", digest="d"))
    assert ("noplan", "") == (reply.status, reply.execution)
    assert {} == stage.everything()
    assert "" == stage.letters()


def test_a_plan_stored_in_part_is_no_plan(stage):
    stage.client.hset(stage.keys.plan(ONE.hash), "roots", "only,default,,0;")
    assert "noplan" == stage.store.start(Start("x1", ONE.hash, "staged", b"{}")).status


def test_a_delayed_start_sets_one_timer(stage):
    stage.start(PAIR, delay_ms=3000)
    assert "scheduled" == stage.status()
    assert [(b"s|x1", stage.now_ms + 3000)] == stage.client.zrange(stage.keys.timers, 0, -1, withscores=True)
    assert [] == stage.queue()
    assert stage.state("one") is None


def test_a_plan_in_use_does_not_expire(stage):
    stage.put(ONE)
    assert stage.kept_ms(stage.keys.plan(ONE.hash)) > 0
    stage.start()
    assert -1 == stage.kept_ms(stage.keys.plan(ONE.hash))


@pytest.mark.parametrize("count", [500, 501, 1201])
def test_more_entry_nodes_than_one_transition_may_touch_are_left_to_cursors(stage, count):
    stage.start(plan(*(node(f"n{number}") for number in range(count))))
    assert min(count, 500) == len(stage.queue())
    assert (count > 500) == bool(stage.client.llen(stage.keys.cursors))
    claims = []
    while batch := stage.fetch(threads=200) or stage.fetch(threads=200):
        claims += batch
    assert [f"n{number}" for number in range(count)] == sorted((c.node for c in claims), key=lambda name: int(name[1:]))
    for claim in claims:
        stage.commit(claim)
    assert "completed" == stage.status()


def test_a_start_at_a_time_sets_one_timer(stage):
    stage.start(PAIR, at_ms=stage.now_ms + 3000)
    assert ("scheduled", str(stage.now_ms + 3000)) == (stage.status(), stage.field("@due"))
    assert [(b"s|x1", stage.now_ms + 3000)] == stage.client.zrange(stage.keys.timers, 0, -1, withscores=True)


def test_past_is_said_by_the_clock_of_the_store_and_nothing_is_written(stage):
    stage.put(ONE)
    before = stage.everything()
    for at_ms in (1, stage.now_ms):
        assert StartReply("past", str(stage.now_ms)) == stage.start(at_ms=at_ms)
    assert before == stage.everything()


def test_a_start_with_a_key_may_be_repeated_when_its_time_is_past(stage):
    at_ms = stage.now_ms + 1_000
    stage.start(at_ms=at_ms, key="k", digest="d")
    stage.clock.advance(2_000)
    assert StartReply("again", "x1") == stage.start(execution="x2", at_ms=at_ms, key="k", digest="d")


def test_a_throttled_key_is_free_again_after_its_period(stage):
    for number in range(2):
        reply = stage.start(ONE, f"x{number}", key="k", key_means="t", period_ms=600_000)
        assert ("ok" if number == 0 else "again", "x0") == (reply.status, reply.execution)
    assert 600_000 < stage.kept_ms(f"{stage.keys.prefix}recent:staged:k") <= 610_000
    stage.clock.advance(599_999)
    assert "x0" == stage.start(ONE, "x2", key="k", key_means="t", period_ms=600_000).execution
    stage.clock.advance(1)
    assert "x2" == stage.start(ONE, "x2", key="k", key_means="t", period_ms=600_000).execution


def test_a_debounced_start_takes_the_newest_plan_and_holds_no_other(stage):
    stage.start(ONE, "x0", key="k", key_means="d", delay_ms=1000)
    stage.clock.advance(900)
    assert ("again", "x0") == tuple(
        vars_of(stage.start(CHAIN, "x1", key="k", key_means="d", delay_ms=1000, inputs=b"2"))
    )
    assert (b"0", b"1") == tuple(stage.client.hget(stage.keys.plan(made.hash), "refs") for made in (ONE, CHAIN))
    stage.clock.advance(900)
    assert [] == stage.fetch()
    stage.clock.advance(100)
    assert ["first"] == [claim.node for claim in stage.fetch()]
    assert b"2" == stage.client.hget(stage.keys.outputs("x0"), "@in")
    assert "x2" == stage.start(ONE, "x2", key="k", key_means="d", delay_ms=1000).execution


def vars_of(reply):
    return reply.status, reply.execution


def limited(key: str) -> dict[str, str]:
    return {"key": "k", "key_means": "d", "delay_ms": 1000, "pool": f"@staged/{key}"}


def test_a_debounced_start_waits_for_the_slot_of_its_last_inputs(stage):
    made = msgspec.structs.replace(ONE, limit=LimitRule(concurrency=1, key="customer"))
    stage.start(made, "holder", pool="@staged/ada")
    stage.start(made, "x0", **limited("ada"))
    stage.clock.advance(1000)
    stage.fetch()
    assert "scheduled" == stage.status("x0")
    stage.start(made, "x1", **limited("bob"))
    assert "@staged/bob" == stage.field("@lim", "x0")
    assert [] == stage.client.zrange(f"{stage.keys.prefix}lim:@staged/ada:w", 0, -1)
    stage.clock.advance(1000)
    assert ["x0"] == [claim.execution for claim in stage.fetch()]
    stage.start(made, "x2", pool="@staged/bob")
    assert "scheduled" == stage.status("x2")


def test_a_debounced_start_is_free_of_a_limit_that_its_newest_plan_does_not_have(stage):
    made = msgspec.structs.replace(ONE, limit=LimitRule(concurrency=1))
    stage.start(made, "holder", pool="@staged")
    stage.start(made, "x0", key="k", key_means="d", delay_ms=1000, pool="@staged")
    stage.start(CHAIN, "x1", key="k", key_means="d", delay_ms=1000)
    stage.clock.advance(1000)
    assert {"holder", "x0"} == {claim.execution for claim in stage.fetch()}


@pytest.mark.parametrize("means", [{}, {"key_means": "t", "period_ms": 60_000}, {"key_means": "d", "delay_ms": 60_000}])
def test_the_keys_of_a_tenant_are_its_own(stage, means):
    for execution, tenant in (("x0", ""), ("x1", "ada"), ("x2", "bob")):
        reply = stage.start(execution=execution, key="k", digest="d", tenant=tenant, **means)
        assert ("ok", execution) == vars_of(reply)
        assert ("again", execution) == vars_of(stage.start(execution="x9", key="k", digest="d", tenant=tenant, **means))


def test_the_key_of_a_tenant_is_kept_for_a_day_after_the_end(stage):
    stage.start(key="k", digest="d", tenant="ada")
    stage.commit(stage.fetch()[0])
    assert 86_300_000 < stage.kept_ms(stage.keys.start_key("staged", "k", "ada")) <= 86_400_000
