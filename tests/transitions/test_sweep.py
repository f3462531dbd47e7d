"""sweep.lua"""

from __future__ import annotations

from tests.transitions.conftest import CHAIN, PAIR, node, plan


def later(stage) -> None:
    """Let more than the patience pass."""
    stage.clock.advance(6000)


def test_what_is_as_it_should_be_is_left_alone(stage):
    stage.start(CHAIN)
    stage.start(execution="x2", delay_ms=60_000)
    stage.fetch()
    later(stage)
    stage.store.renew("w1", "0")
    before = stage.everything()
    assert (2, 0, False) == stage.store.sweep()
    after = stage.everything()
    assert {**before, stage.keys.active: None} == {**after, stage.keys.active: None}
    # Whoever was looked over waits for its next turn.
    assert (0, 0, False) == stage.store.sweep()


def test_nothing_is_looked_over_before_its_time(stage):
    stage.start()
    stage.client.delete(stage.keys.queue("default", 5))
    stage.clock.advance(4999)
    assert (0, 0, False) == stage.store.sweep()


def test_a_lost_hint_is_issued_again_once(stage):
    stage.start(PAIR)
    stage.client.delete(stage.keys.queue("default", 5))
    later(stage)
    assert (1, 2, False) == stage.store.sweep()
    assert ["x1|one", "x1|two"] == sorted(stage.queue())
    later(stage)
    assert (1, 0, False) == stage.store.sweep()
    assert 2 == len(stage.fetch())


def test_a_hint_lost_from_the_middle_is_found(stage):
    stage.start()
    stage.client.delete(stage.keys.queue("default", 5))
    stage.clock.advance(2000)
    stage.start(execution="x2")
    later(stage)
    assert (2, 1, False) == stage.store.sweep()
    assert ["x1|only", "x2|only"] == stage.queue()


def test_a_lost_timer_is_set_again_for_the_time_it_had(stage):
    stage.start()
    (claim,) = stage.fetch()
    stage.retry(claim, 60_000)
    stage.start(execution="x2", delay_ms=60_000)
    before = stage.client.zrange(stage.keys.timers, 0, -1, withscores=True)
    stage.client.delete(stage.keys.timers)
    later(stage)
    assert (2, 2, False) == stage.store.sweep()
    assert before == stage.client.zrange(stage.keys.timers, 0, -1, withscores=True)
    assert [] == stage.fetch()
    stage.clock.advance(54_000)
    assert {"x1", "x2"} == {claim.execution for claim in stage.fetch()}


def test_a_lane_that_no_worker_fitted_is_forgotten_with_the_last_execution_that_waits_in_it(stage):
    for execution in ("x1", "x2"):
        stage.start(execution=execution)
        (claim,) = stage.fetch()
        stage.commit(claim, "u", b"work.1", extra="why", spends=0)
    stage.cancel()
    stage.store.sweep()
    assert ({"default@work.1": "why"}, ["x2|only"]) == (stage.store.unfit(), stage.queue("default@work.1"))
    stage.cancel("x2")
    stage.store.sweep()
    assert ({}, []) == (stage.store.unfit(), stage.queue("default@work.1"))


def test_a_call_looks_at_a_few_hundred_nodes_and_says_that_more_wait(stage):
    many = plan(*(node(f"n{number}") for number in range(150)))
    for number in range(9):
        stage.start(many, execution=f"x{number}")
    later(stage)
    looked = []
    while True:
        seen, mended, more = stage.store.sweep()
        assert (0, True) == (mended, seen <= 4)
        looked.append(seen)
        if not more:
            break
    assert (9, True) == (sum(looked), len(looked) >= 3)


def test_a_lease_without_a_session_is_lost_like_any_other(stage):
    stage.start()
    stage.fetch()
    stage.client.delete(stage.keys.sessions, stage.keys.session("w1"))
    later(stage)
    assert (1, 1, False) == stage.store.sweep()
    assert ["x1|only"] == stage.queue("default!")
    assert "l" == stage.letters()[-1]
    (suspect,) = stage.fetch("w2")
    stage.commit(suspect, session="w2")
    assert "completed" == stage.status()


def test_an_execution_that_is_gone_is_forgotten(stage):
    stage.client.zadd(stage.keys.active, {"gone": 0})
    assert (1, 0, False) == stage.store.sweep()
    assert [] == stage.active()


def test_an_unfit_node_whose_hint_is_lost_is_offered_to_all_again(stage):
    stage.start()
    (claim,) = stage.fetch()
    stage.commit(claim, "u", b"work.1", extra="why", spends=0)
    stage.client.delete(stage.keys.queue("default@work.1", 5))
    later(stage)
    assert (1, 1, False) == stage.store.sweep()
    assert ["x1|only"] == stage.queue()


def test_what_leaves_such_a_lane_because_its_execution_failed_is_offered_again_when_that_is_healed(stage):
    stage.start(PAIR)
    one, two = stage.fetch()
    stage.commit(one, "u", b"work.1", extra="why", spends=0)
    stage.fail(two)
    stage.store.sweep()
    assert ({}, "P") == (stage.store.unfit(), stage.state("one"))
    assert ["ok", 2] == stage.call("heal", stage.now_ms, "x1", "two")
    assert {"one", "two"} == {claim.node for claim in stage.fetch()}


def test_no_more_executions_are_looked_over_than_asked_for(stage):
    for number in range(5):
        stage.start(execution=f"x{number}")
    later(stage)
    assert [2, 2, 1, 0] == [stage.store.sweep(most=2)[0] for _ in range(4)]


def test_a_large_execution_is_looked_over_in_pages(stage):
    stage.start(plan(*(node(f"n{number}") for number in range(450))))
    stage.client.delete(stage.keys.queue("default", 5))
    mended = []
    for _ in range(8):
        later(stage)
        while (page := stage.store.sweep())[0]:
            mended.append(page[1])
        # A call looks through a list 100 times at most; what it had to leave comes when this is done.
        assert len(set(stage.queue())) == len(stage.queue())
        while claims := stage.fetch(threads=200):
            for claim in claims:
                stage.commit(claim)
    assert "completed" == stage.status()
    assert (450, True) == (sum(mended), max(mended) <= 201)


def test_old_events_and_dead_letters_are_trimmed(stage):
    stage.start()
    (claim,) = stage.fetch()
    stage.fail(claim)
    stage.clock.advance(600_001)
    stage.store.sweep()
    assert 0 == stage.client.zcard(stage.keys.dead_letters)
