"""signal.lua, and await.lua where it finds a signal"""

from __future__ import annotations

import json

import msgspec
import pytest

from spane.model.waits import EVENT, WAIT_FOR_EVENT
from tests.transitions.conftest import node, plan
from tests.transitions.test_await import wait


def waiter(name, *parents, event="said"):
    config = msgspec.Raw(json.dumps({EVENT: event}).encode())
    return node(name, *parents, type=WAIT_FOR_EVENT, waits=True, config=config)


WAITS = plan(waiter("wait"), node("child", "wait"))
TWO = plan(waiter("one"), waiter("two"), waiter("other", event="shouted"))


def signal(stage, data=b'"hello"', *, event="said", key="k1", execution="x1", most=3):
    return stage.call("signal", stage.now_ms, execution, event, key, data, most)


def begin_to_wait(stage, delay_ms=""):
    claims = stage.fetch()
    for claim in claims:
        wait(stage, claim, delay_ms=delay_ms, event="shouted" if claim.node == "other" else "said")
    return claims


@pytest.fixture
def waiting(stage):
    stage.start(WAITS)
    begin_to_wait(stage, 1_000)


def test_the_node_that_waits_goes_on_with_the_data_and_its_timer_is_gone(stage, waiting):
    assert ["ok", "taken"] == signal(stage)
    assert [] == stage.client.zrange("s:{0}:t", 0, -1)
    [again] = stage.fetch()
    assert ("wait", [b'e"hello"']) == (again.node, again.values)
    assert ("i", "x1|said|k1|wait") in stage.facts()
    stage.commit(again)
    assert ["child"] == [claim.node for claim in stage.fetch()]


def test_a_signal_that_came_before_is_taken_when_the_wait_begins(stage):
    stage.start(WAITS)
    assert ["ok", "kept"] == signal(stage)
    begin_to_wait(stage, 1_000)
    assert ("Q", [], "1") == (stage.state("wait"), stage.client.zrange("s:{0}:t", 0, -1), stage.field("@open"))
    [again] = stage.fetch()
    assert [b'e"hello"'] == again.values
    assert ("i", "x1|said|k1|") in stage.facts()
    assert not any(name.startswith(b"@e:") for name in stage.client.hkeys("s:{0}:o:x1"))


def test_the_first_to_come_is_the_first_to_be_taken(stage):
    stage.start(TWO)
    for number in range(3):
        assert ["ok", "kept"] == signal(stage, b"%d" % number, key=f"k{number}")
    begin_to_wait(stage)
    assert {"one": [b"e0"], "two": [b"e1"]} == {claim.node: claim.values for claim in stage.fetch()}
    assert "A" == stage.state("other")


def test_of_several_nodes_that_wait_one_takes_it(stage):
    stage.start(TWO)
    begin_to_wait(stage)
    assert ["ok", "taken"] == signal(stage, key="k1")
    assert ("Q", "A", "A") == (stage.state("one"), stage.state("two"), stage.state("other"))
    assert ["ok", "taken"] == signal(stage, key="k2", event="shouted")
    assert ["ok", "taken"] == signal(stage, key="k3")
    assert ["ok", "kept"] == signal(stage, key="k4")


def test_again_is_what_the_same_signal_says_and_nothing_is_written(stage, waiting):
    assert ["ok", "taken"] == signal(stage)
    before, letters = stage.everything(), stage.letters()
    assert ["again", "taken"] == signal(stage)
    assert ["again", "taken"] == signal(stage, b'"changed"')
    assert (before, letters) == (stage.everything(), stage.letters())


def test_again_is_said_even_of_an_execution_that_has_ended(stage, waiting):
    signal(stage)
    for _ in range(2):
        stage.commit(stage.fetch()[0])
    assert "completed" == stage.status()
    assert ["again", "taken"] == signal(stage)
    assert ["illegal", "completed"] == signal(stage, key="k2")


def test_a_repeated_await_after_a_signal_is_fenced(stage):
    stage.start(WAITS)
    signal(stage)
    [claim] = begin_to_wait(stage)
    assert ["fenced"] == wait(stage, claim, event="said")
    assert [b'e"hello"'] == stage.fetch()[0].values


def test_full_is_said_when_too_many_are_kept_and_nothing_is_written(stage):
    stage.start(WAITS)
    for number in range(3):
        assert ["ok", "kept"] == signal(stage, key=f"k{number}")
    before = stage.everything()
    assert ["full"] == signal(stage, key="one more")
    assert before == stage.everything()


def test_a_paused_execution_takes_it_with_the_resume(stage, waiting):
    stage.call("pause", stage.now_ms, "x1", "lunch")
    assert ["ok", "taken"] == signal(stage)
    assert ("P", []) == (stage.state("wait"), stage.fetch())
    assert ["ok", "running"] == stage.call("resume", stage.now_ms, "x1", *stage.store.kept_ms)
    assert [b'e"hello"'] == stage.fetch()[0].values


def test_a_failing_execution_keeps_what_came_for_whoever_heals_it(stage):
    stage.start(plan(waiter("wait"), node("bad"), node("slow")))
    wait_claim, bad, slow = stage.fetch()
    wait(stage, wait_claim, event="said")
    stage.fail(bad)
    assert ("failing", ["ok", "taken"]) == (stage.status(), signal(stage))
    stage.commit(slow)
    assert ("failed", "P") == (stage.status(), stage.state("wait"))
    stage.call("heal", stage.now_ms, "x1", "bad")
    assert {"bad": [], "wait": [b'e"hello"']} == {claim.node: claim.values for claim in stage.fetch()}


def test_a_timer_and_a_signal_rouse_once(stage, waiting):
    stage.clock.advance(1_000)
    assert ["ok", "taken"] == signal(stage)
    [again] = stage.fetch()
    assert [b'e"hello"'] == again.values
    assert [] == stage.fetch()


def test_a_dead_letter_of_a_wait_that_is_retried_waits_anew(stage, waiting):
    stage.clock.advance(1_000)
    [late] = stage.fetch()
    assert [b"t"] == late.values
    stage.fail(late)
    assert "failed" == stage.status()
    stage.call("heal", stage.now_ms, "x1", "wait")
    [again] = stage.fetch()
    assert [None] == again.values
    wait(stage, again, delay_ms=1_000, event="said")
    assert ["ok", "taken"] == signal(stage)
    assert [b'e"hello"'] == stage.fetch()[0].values


def test_what_a_dead_worker_was_told_is_told_again(stage, waiting):
    signal(stage)
    stage.fetch()
    stage.clock.advance(5_001)
    stage.store.rescue()
    [again] = stage.fetch("w2")
    assert ("wait", [b'e"hello"']) == (again.node, again.values)


def test_the_sweep_sets_a_lost_timer_again(stage, waiting):
    stage.client.delete("s:{0}:t")
    stage.clock.advance(6_000)
    assert (1, 1) == stage.store.sweep()[:2]
    assert [b"t"] == stage.fetch()[0].values


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled", "cancelling"])
def test_illegal_is_what_an_ended_execution_says_and_nothing_is_written(stage, status):
    stage.start(plan(waiter("wait"), node("other")))
    first, second = stage.fetch()
    if status in ("cancelled", "cancelling"):
        stage.cancel()
    if status != "cancelling":
        stage.commit(first)
        stage.fail(second) if status == "failed" else stage.commit(second)
    before, letters = stage.everything(), stage.letters()
    assert ["illegal", status] == signal(stage)
    assert (before, letters) == (stage.everything(), stage.letters())


def test_unknown_and_noevent_and_noplan_write_nothing(stage):
    assert (["unknown"], {}) == (signal(stage), stage.everything())
    stage.start(WAITS)
    before = stage.everything()
    assert ["noevent"] == signal(stage, event="whispered")
    assert before == stage.everything()
    stage.client.delete(stage.keys.plan(WAITS.hash))
    assert ["noplan", WAITS.hash] == signal(stage)


def test_an_execution_that_has_not_begun_keeps_it(stage):
    stage.start(WAITS, delay_ms=1_000)
    assert ["ok", "kept"] == signal(stage)
    stage.clock.advance(1_000)
    begin_to_wait(stage)
    assert [b'e"hello"'] == stage.fetch()[0].values
