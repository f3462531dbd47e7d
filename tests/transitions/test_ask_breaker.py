"""ask_breaker.lua, include/breaker.lua, and what waits at a breaker by await.lua"""

from __future__ import annotations

import pytest

from spane.ops.breakers import BreakerState
from tests.transitions.breaking import (
    FAILURES,
    NAME,
    OPEN_MS,
    ask,
    claims,
    half_opened,
    opened,
    seen,
    tell,
    timers,
    wait,
    waiting,
)
from tests.transitions.conftest import PAIR


def test_closed_lets_all_pass_and_nothing_is_written(stage):
    one, two = claims(stage, 2)
    before = stage.everything()
    assert [("closed", 0)] * 2 == [ask(stage, one), ask(stage, two)]
    assert before == stage.everything()


def test_open_says_how_long_and_counts_whom_it_refused(stage):
    opened(stage)
    [claim] = claims(stage, 1)
    stage.clock.advance(1_000)
    assert ("open", OPEN_MS - 1_000) == ask(stage, claim)
    assert (BreakerState.OPEN, 1, stage.now_ms + 3_000) == (
        seen(stage).state,
        seen(stage).refused,
        seen(stage).until_ms,
    )


def test_fenced_is_an_attempt_that_has_the_node_no_more(stage):
    [claim] = claims(stage, 1)
    stage.commit(claim)
    assert ("fenced", 0) == ask(stage, claim)
    claim.execution = "nobody"
    assert ("fenced", 0) == ask(stage, claim)


def test_it_half_opens_for_whoever_asks_after_its_time_and_one_probes_at_a_time(stage):
    opened(stage)
    one, two = claims(stage, 2)
    stage.clock.advance(OPEN_MS)
    assert ("probe", 0) == ask(stage, one)
    assert ("open", 0) == ask(stage, two)
    assert ("probe", 0) == ask(stage, one)
    assert BreakerState.HALF_OPEN == seen(stage).state
    assert "OH" == "".join(letter for letter in stage.letters() if letter in "OHK")


def test_a_probe_whose_worker_dies_does_not_keep_it_half_open(stage):
    opened(stage)
    one, two = claims(stage, 2)
    stage.clock.advance(OPEN_MS)
    ask(stage, one)
    stage.store.renew("w2", "0")
    stage.clock.advance(5_001)
    while stage.store.rescue():
        pass
    again, other = sorted(stage.fetch("w2"), key=lambda claim: claim.node + claim.execution)
    assert ["probe", "open"] == [ask(stage, again)[0], ask(stage, other)[0]]
    assert ("fenced", "") == (ask(stage, two)[0], tell(stage, one, "good"))


def test_a_node_that_waits_holds_no_worker_and_spends_no_try(stage):
    [claim] = waiting(stage, 1)
    assert ("A", "0", NAME) == (stage.state("only", "x0"), stage.field("@run", "x0"), stage.field("@b:only", "x0"))
    assert 1 == seen(stage).waiting
    assert ["x0|only|" + claim.token + "||circuit breaker bank"] == [
        body for letter, body in stage.facts() if letter == "a"
    ]
    assert [] == stage.fetch()
    stage.clock.advance(OPEN_MS)
    [again] = stage.fetch()
    assert (0, None) == (again.failures, stage.field("@b:only", "x0"))


def test_one_of_those_that_wait_is_roused_when_its_time_comes_by_one_timer(stage):
    waiting(stage, 5)
    assert {f"b|{NAME}": stage.now_ms + OPEN_MS} == timers(stage)
    stage.clock.advance(OPEN_MS)
    assert ["x0"] == [claim.execution for claim in stage.fetch()]
    assert (4, BreakerState.HALF_OPEN) == (seen(stage).waiting, seen(stage).state)
    assert [] == stage.fetch()


def test_should_the_one_that_was_roused_never_ask_the_next_one_is_roused_by_the_timer(stage):
    waiting(stage, 3)
    stage.clock.advance(OPEN_MS)
    stage.fetch(threads=0, loop=0)
    stage.cancel("x0")
    stage.clock.advance(OPEN_MS)
    assert ["x1"] == [claim.execution for claim in stage.fetch()]


@pytest.mark.parametrize("why", ["cancelled", "paused"])
def test_those_that_cannot_go_on_are_passed_over(stage, why):
    waiting(stage, 2)
    if why == "paused":
        stage.call("pause", stage.now_ms, "x0", "")
    else:
        stage.cancel("x0")
    stage.clock.advance(OPEN_MS)
    assert ["x1"] == [claim.execution for claim in stage.fetch()]
    if why == "paused":
        assert "P" == stage.state("only", "x0")
        stage.call("resume", stage.now_ms, "x0", 60_000, 600_000)
        assert ["x0"] == [claim.execution for claim in stage.fetch()]


def test_one_that_comes_to_wait_when_it_lets_attempts_through_again_goes_on_at_once(stage):
    opened(stage)
    [claim] = claims(stage, 1)
    ask(stage, claim)
    stage.clock.advance(OPEN_MS)
    assert ["ok", 0] == wait(stage, claim)
    assert ("Q", 0) == (stage.state("only", "x0"), seen(stage).waiting)


def test_in_an_execution_that_is_paused_or_failing_it_is_put_aside_and_asks_anew(stage):
    opened(stage)
    stage.start(PAIR, "x1")
    one, two = stage.fetch()
    stage.call("pause", stage.now_ms, "x1", "")
    wait(stage, one)
    assert ("P", 0) == (stage.state("one"), seen(stage).waiting)
    stage.call("resume", stage.now_ms, "x1", 60_000, 600_000)
    [one] = stage.fetch()
    stage.fail(two)
    wait(stage, one)
    assert ("P", "failed") == (stage.state("one"), stage.status())
    stage.call("heal", stage.now_ms, "x1", "two")
    assert {"one", "two"} == {claim.node for claim in stage.fetch()}


def test_a_repeated_wait_changes_nothing(stage):
    [claim] = waiting(stage, 1)
    before = stage.everything()
    assert ["again"] == wait(stage, claim)
    assert before == stage.everything()


def test_what_got_lost_is_found_by_the_sweep(stage):
    waiting(stage, 2)
    stage.client.delete(stage.keys.timers)
    stage.clock.advance(6_000)
    stage.store.sweep()
    assert {"Q"} == {stage.state("only", "x0"), stage.state("only", "x1")}
    one, two = stage.fetch()
    assert ["probe", "open"] == [ask(stage, one)[0], ask(stage, two)[0]]
    wait(stage, two)
    stage.client.delete(f"{stage.keys.breaker(NAME)}:w")
    stage.clock.advance(6_000)
    stage.store.renew("w1", "0")
    stage.store.sweep()
    assert "Q" == stage.state("only", two.execution)


def test_the_sweep_leaves_those_alone_that_wait(stage):
    waiting(stage, 2)
    stage.clock.advance(3_999)
    assert 0 == stage.store.sweep()[1]
    probe = half_opened_later(stage)
    stage.store.renew("w1", "0")
    assert ("A", 0) == (stage.state("only", "x1"), stage.store.sweep()[1])
    assert "R" == stage.state("only", probe.execution)


def half_opened_later(stage):
    stage.clock.advance(2_001)
    [probe] = stage.fetch()
    ask(stage, probe)
    return probe


def test_a_clock_that_is_set_back_does_not_keep_it_open(stage):
    tell(stage, half_opened(stage), "bad")
    assert BreakerState.OPEN == seen(stage).state
    stage.client.hset(stage.keys.breaker(NAME), "until", stage.now_ms + 3_600_000)
    [claim] = claims(stage, 1, 500)
    assert "probe" == ask(stage, claim)[0]


def test_a_suspect_that_waits_at_it_goes_on_as_one(stage):
    claims(stage, 1)
    stage.clock.advance(5_001)
    while stage.store.rescue():
        pass
    for number in range(FAILURES):
        stage.start(execution=f"x90{number}")
    for claim in stage.fetch(alone=0):
        tell(stage, claim)
        stage.fail(claim)
    [claim] = stage.fetch()
    stage.store.mark(claim.execution, claim.node, claim.token)
    assert ("a", "open") == (claim.flag, ask(stage, claim)[0])
    wait(stage, claim)
    assert "ba" == stage.field("only", "x0").rpartition("|")[2]
    stage.clock.advance(OPEN_MS)
    assert [] == stage.fetch(alone=0)
    [again] = stage.fetch()
    assert ("a", 0, "probe") == (again.flag, again.crashes, ask(stage, again)[0])
