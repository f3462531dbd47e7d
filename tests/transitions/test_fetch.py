"""fetch.lua, with the timers and cursors that it moves."""

from __future__ import annotations

import pytest

from spane.runtime import stream
from tests.transitions.conftest import CHAIN, DIAMOND, ONE, PAIR, Claimed, node, plan


def test_a_row_carries_all_that_a_worker_needs(stage):
    made = plan(node("first", takes_input=True), node("second", "first"))
    stage.start(made, inputs=b'{"a":1}', priority=6)
    (claim,) = stage.fetch()
    assert ("x1", "first", made.hash, 0, 0, "", "6") == (
        claim.execution, claim.node, claim.plan, claim.failures, claim.crashes, claim.flag, claim.priority
    )  # fmt: skip
    assert [b'{"a":1}'] == claim.values
    assert "0;work;default;;;@in" == claim.profile
    stage.commit(claim, payload=b'{"out":2}')
    (second,) = stage.fetch()
    assert [b'{"out":2}'] == second.values


def test_a_claim_is_leased_and_not_charged(stage):
    stage.start()
    (claim,) = stage.fetch()
    assert f"R|{claim.token}|0|0|{stage.now_ms}|" == stage.field("only")
    assert "1" == stage.field("@run")
    assert {b"x1|only": claim.token.encode()} == stage.client.hgetall(stage.keys.session("w1"))
    assert stage.now_ms + 5000 == stage.client.zscore(stage.keys.sessions, "w1")
    assert [("c", f"w1|x1|only|{claim.token}|1")] == stage.facts()[1:]


def test_a_fetch_that_finds_nothing_appends_nothing_and_takes_the_wake_token(stage):
    stage.client.rpush(stage.keys.wake("default"), "1")
    for _ in range(2):
        assert [-1, 0, 0, 0] == stage.fetch_reply()
    assert not stage.client.exists(stage.keys.wake("default"))
    assert "" == stage.letters()


def test_every_token_is_another(stage):
    stage.start(PAIR)
    assert 2 == len({claim.token for claim in stage.fetch()})


def test_the_highest_priority_comes_first_whatever_the_order_of_starts(stage):
    for priority in (1, 10, 5):
        stage.start(execution=f"x{priority}", priority=priority)
    assert ["x10", "x5", "x1"] == [claim.execution for claim in stage.fetch()]


def test_where_nodes_age_the_one_that_waited_long_goes_before_a_higher_one(stage):
    stage.start(execution="old", priority=1)
    stage.clock.advance(9 * 60_000)
    stage.start(execution="young", priority=10)
    stage.start(execution="middle", priority=5)
    assert ["young", "old", "middle"] == [claim.execution for claim in aged(stage, "w1")]


def test_where_nodes_age_ten_steps_lift_the_lowest_over_the_highest(stage):
    stage.start(execution="old", priority=1)
    stage.clock.advance(10 * 60_000)
    stage.start(execution="young", priority=10)
    assert ["old", "young"] == [claim.execution for claim in aged(stage, "w1")]


def aged(stage, session):
    """Fetch where a node gains a priority each minute."""
    reply = stage.fetch_reply(session, ageing_ms=60_000)
    return [Claimed.of(row) for row in reply[4:]]


def test_the_priority_of_a_node_beats_that_of_its_execution(stage):
    stage.start(plan(node("plain"), node("urgent", priority=9)))
    assert ["urgent", "plain"] == [claim.node for claim in stage.fetch()]


def test_no_more_is_taken_than_asked_for_and_the_rest_is_said(stage):
    stage.start(PAIR)
    reply = stage.fetch_reply(threads=1)
    assert (1, 5) == (reply[1], len(reply))
    assert ["x1|two"] == stage.queue()
    assert 1 == stage.client.llen(stage.keys.wake("default"))


def test_async_nodes_are_taken_for_the_event_loop_alone(stage):
    stage.start(plan(node("sync"), node("fast", is_async=True)))
    assert ["sync"] == [claim.node for claim in stage.fetch(loop=0)]
    assert ["fast"] == [claim.node for claim in stage.fetch(threads=0)]


def test_other_queues_are_left_alone(stage):
    stage.start(plan(node("here"), node("there", queue="other")))
    assert ["here"] == [claim.node for claim in stage.fetch()]
    assert ["there"] == [claim.node for claim in stage.fetch(queues="other")]


def test_a_hint_that_comes_twice_is_claimed_once(stage):
    stage.start()
    stage.client.rpush(stage.keys.queue("default", 5), "x1|only")
    assert 1 == len(stage.fetch())
    assert [] == stage.queue()


@pytest.mark.parametrize("hint", ["nobody|only", "x1|nothing", "x1|second"])
def test_a_hint_of_nobody_is_dropped(stage, hint):
    stage.start(CHAIN)
    before = stage.letters()
    stage.client.lpush(stage.keys.queue("default", 5), hint)
    assert ["first"] == [claim.node for claim in stage.fetch()]
    assert before + "c" == stage.letters()


@pytest.mark.parametrize("hint", [b"nonsense", b"", b"|", b"x1|", b"\xff\xfe"])
def test_a_hint_that_cannot_be_read_is_dropped_with_an_event(stage, hint):
    stage.start()
    stage.client.lpush(stage.keys.queue("default", 5), hint)
    assert ["only"] == [claim.node for claim in stage.fetch()]
    assert "Shc" == stage.letters()
    assert [b"|" + hint.replace(b"\xff\xfe", b"??")] == [
        body.encode() for letter, body in stage.facts() if letter == "h"
    ]


def test_a_node_whose_plan_is_gone_waits_and_is_told_of_once(stage):
    stage.start()
    kept = stage.client.hgetall(stage.keys.plan(ONE.hash))
    stage.client.delete(stage.keys.plan(ONE.hash))
    assert [] == stage.fetch()
    stage.client.rpush(stage.keys.queue("default", 5), "x1|only")
    assert [] == stage.fetch()
    assert "Sk" == stage.letters()
    assert (
        f"x1|only|plan {ONE.hash} is not in the store; put it there again by starting its workflow"
        == stage.facts()[1][1]
    )
    stage.client.hset(stage.keys.plan(ONE.hash), mapping=kept)
    stage.clock.advance(6000)
    assert (1, 1, False) == stage.store.sweep()
    assert ["only"] == [claim.node for claim in stage.fetch()]


def test_workers_hear_of_a_plan_that_is_gone_once_for_all_its_executions(stage):
    for name in ("x1", "x2", "x3"):
        stage.start(execution=name)
    stage.client.delete(stage.keys.plan(ONE.hash))
    assert [] == stage.fetch()
    *_, notices = stage.store.renew("w1", "0")
    assert [f"gone||{ONE.hash}"] == [text for _, text in notices]


def test_a_node_of_a_cancelled_execution_is_dropped(stage):
    stage.start()
    stage.cancel()
    assert [] == stage.fetch()
    assert "SX" == stage.letters()


def test_a_node_of_a_failing_execution_is_parked(stage):
    stage.start(plan(node("a"), node("b"), node("late")))
    a, b = stage.fetch(threads=2)
    stage.fail(a)
    assert [] == stage.fetch()
    assert "P" == stage.state("late")
    assert ("k", "x1|late|the execution is failing") in stage.facts()
    assert [b"node|late|failing"] == stage.client.lrange(f"{stage.keys.prefix}k:x1", 0, -1)
    stage.commit(b)
    assert "failed" == stage.status()


def test_due_timers_become_hints_and_the_next_one_is_told(stage):
    stage.start(plan(node("soon", delay_ms=1000), node("later", delay_ms=4000)))
    assert [1000, 0, 0, 0] == stage.fetch_reply()
    assert "TT" == f"{stage.state('soon')}{stage.state('later')}"
    stage.clock.advance(999)
    assert [1, 0, 0, 0] == stage.fetch_reply()
    stage.clock.advance(1)
    reply = stage.fetch_reply()
    assert (3000, 5) == (reply[0], len(reply))
    assert ("R", "T") == (stage.state("soon"), stage.state("later"))


def test_no_more_timers_than_asked_for_are_moved(stage):
    stage.start(plan(*(node(f"n{number}", delay_ms=10) for number in range(5))))
    stage.clock.advance(10)
    assert 2 == len(stage.fetch(timers=2))
    assert 3 == len(stage.fetch())


@pytest.mark.parametrize("timer", ["nonsense", "n|x1", "s|nobody", "n|nobody|only", "q|x1|only", "s|x1"])
def test_a_timer_of_nobody_is_dropped(stage, timer):
    stage.start()
    stage.client.zadd(stage.keys.timers, {timer: stage.now_ms})
    assert ["only"] == [claim.node for claim in stage.fetch()]
    assert not stage.client.zcard(stage.keys.timers)


def test_a_scheduled_execution_begins_when_it_is_due(stage):
    stage.start(DIAMOND, delay_ms=500)
    assert [500, 0, 0, 0] == stage.fetch_reply()
    stage.clock.advance(500)
    assert ["top"] == [claim.node for claim in stage.fetch()]
    assert ("running", "1") == (stage.status(), stage.field("@open"))


def test_suspects_come_together_and_before_others(stage):
    stage.start(PAIR)
    stage.fetch()
    stage.clock.advance(6000)
    stage.store.rescue()
    stage.start(execution="x2")
    assert {"x1|one", "x1|two"} == set(stage.queue("default!"))
    claims = stage.fetch("w2", alone=0)
    assert ["s", "s", ""] == [claim.flag for claim in claims]
    assert [0, 0, 0] == [claim.crashes for claim in claims]


def test_what_two_workers_died_with_is_taken_alone_where_it_is_asked_for(stage):
    stage.start(PAIR)
    for session in ("w1", "w2"):
        assert 2 == len(stage.fetch(session))
        stage.clock.advance(6000)
        stage.store.rescue()
    assert {"x1|one", "x1|two"} == set(stage.queue("default!!"))
    assert [] == stage.fetch("w3", alone=0)
    (claim,) = stage.fetch("w3", alone=1)
    assert ("a", 0) == (claim.flag, claim.crashes)


def test_a_token_of_a_lane_that_runs_on_is_kept(stage):
    stage.start(PAIR)
    stage.fetch(threads=1)
    assert 1 == stage.client.llen(stage.keys.wake("default"))


def test_a_cursor_without_its_plan_waits_until_the_plan_is_back(stage):
    wide = plan(*(node(f"n{number}") for number in range(700)))
    stage.start(wide)
    kept = stage.client.hgetall(stage.keys.plan(wide.hash))
    stage.client.delete(stage.keys.plan(wide.hash))
    stage.fetch()
    stage.clock.advance(1000)
    stage.fetch()
    assert ("running", "Sk") == (stage.status(), stage.letters())
    stage.client.hset(stage.keys.plan(wide.hash), mapping=kept)
    ran = set()
    for _ in range(10):  # The hints that found no plan were dropped; the sweep offers them again, some at a time.
        stage.clock.advance(6000)
        while stage.store.sweep()[2]:
            pass
        while claims := stage.fetch(threads=100):
            for claim in claims:
                ran.add(claim.node)
                stage.commit(claim)
    assert (700, "completed") == (len(ran), stage.status())


def test_more_than_256_kib_are_left_to_the_worker_to_read(stage):
    stage.start(DIAMOND)
    (top,) = stage.fetch()
    stage.commit(top)
    for claim in stage.fetch():
        stage.commit(claim, payload=b'"' + b"x" * 200_000 + b'"')
    (bottom,) = stage.fetch()
    assert bottom.values is None


def test_wide_starts_that_come_due_together_begin_a_few_at_a_time(stage):
    wide = plan(*(node(f"n{number}") for number in range(400)))
    for number in range(6):
        stage.start(wide, execution=f"x{number}", delay_ms=100)
    stage.clock.advance(100)
    next_due, left, *_ = stage.fetch_reply(threads=1)
    assert (0, 1, 2) == (next_due, left, sum(stage.status(f"x{number}") == "running" for number in range(6)))
    for _ in range(2):
        stage.fetch(threads=1)
    assert {"running"} == {stage.status(f"x{number}") for number in range(6)}


def test_an_entry_of_the_stream_that_nobody_can_read_hides_no_other(stage, caplog):
    stage.start()
    stage.client.xadd(stage.keys.events, {"g": "x1|only|3 of 10|2"})
    stage.client.xadd(stage.keys.events, {"?": "what"})
    stage.clock.advance(5)
    stage.fetch()
    assert ["execution_started", "node_claimed"] == [event.kind for event in stream.events(stage.store)]
    assert 2 == sum("cannot be read" in record.message for record in caplog.records)
