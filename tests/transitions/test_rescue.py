"""rescue.lua, with what becomes of a node whose worker is gone."""

from __future__ import annotations

import json

from spane.model.rules import LimitRule
from tests.transitions.conftest import CHAIN, PAIR, node, plan


def lose(stage) -> int:
    """Let all leases run out and rescue; returns how much was taken back."""
    stage.clock.advance(6000)
    taken = 0
    while found := stage.store.rescue():
        taken += found
    return taken


def test_nothing_is_taken_from_the_living(stage):
    stage.start()
    stage.fetch()
    stage.clock.advance(4999)
    before = stage.everything()
    assert 0 == stage.store.rescue()
    assert before == stage.everything()


def test_attempts_of_a_dead_session_come_back_as_suspects(stage):
    stage.start(PAIR)
    one, two = stage.fetch()
    assert 2 == lose(stage)
    assert ["x1|one", "x1|two"] == sorted(stage.queue("default!"))
    assert f"Q||0|0|{stage.now_ms}|s" == stage.field("one")
    assert ("0", "2") == (stage.field("@run"), stage.field("@open"))
    assert [("l", f"x1|one|{one.token}|0"), ("l", f"x1|two|{two.token}|0")] == sorted(stage.facts()[2:])
    assert not stage.client.exists(stage.keys.session("w1"))
    assert stage.client.zscore(stage.keys.sessions, "w1") is None


def test_a_repeated_call_takes_nothing(stage):
    stage.start()
    stage.fetch()
    lose(stage)
    before, letters = stage.everything(), stage.letters()
    for _ in range(2):
        assert 0 == stage.store.rescue()
    assert (before, letters) == (stage.everything(), stage.letters())


def test_no_more_is_taken_than_asked_for(stage):
    # Redis gives a small hash whole, however little is asked for; this one is past that.
    stage.start(plan(*(node(f"n{number}") for number in range(600))))
    stage.fetch(threads=500)
    stage.fetch(threads=500)
    stage.fetch(threads=500)
    stage.clock.advance(6000)
    taken = []
    while found := stage.store.rescue(most=100):
        taken.append(found)
    assert 600 <= sum(taken)
    assert max(taken) < 300 or len(taken) == 1
    assert 600 == len(stage.queue("default!"))


def test_only_marked_losses_count_and_the_third_is_a_dead_letter(stage):
    stage.start(CHAIN)
    stage.fetch()
    lose(stage)
    for crashes in (1, 2, 3):
        (suspect,) = stage.fetch(f"w{crashes}")
        assert crashes - 1 == suspect.crashes
        assert stage.store.mark("x1", "first", suspect.token)
        lose(stage)
    assert ("failed", "F") == (stage.status(), stage.state("first"))
    error = json.loads(stage.store.outputs("x1", ["first"])["first"][1:])
    assert ("spane.errors:WorkerLost", False) == (error["type"], error["retryable"])
    assert "died 3 times while it ran this node" in error["message"]
    assert 1 == stage.client.zcard(stage.keys.dead_letters)
    assert "lfF" == stage.letters()[-3:]


def test_an_unmarked_suspect_is_charged_with_nothing(stage):
    stage.start()
    stage.fetch()
    for number in range(5):
        lose(stage)
        (suspect,) = stage.fetch(f"w{number}")
        assert 0 == suspect.crashes


def test_neighbours_are_charged_with_nothing_and_what_was_alone_is_known_at_once(stage):
    stage.start(PAIR)
    stage.fetch()
    lose(stage)
    assert [("s", 0), ("s", 0)] == [(claim.flag, claim.crashes) for claim in stage.fetch("w2")]
    stage.start(execution="x2")
    stage.fetch("w3")
    lose(stage)
    assert {"x1|one", "x1|two", "x2|only"} == set(stage.queue("default!!"))


def test_what_was_held_for_its_key_ran_beside_nobody(stage):
    stage.start(plan(node("only"), node("keyed", limit=LimitRule(concurrency=1, key="n"))))
    assert 2 == len(stage.fetch())
    lose(stage)
    assert ["x1|only"] == stage.queue("default!!")
    assert ["x1|keyed"] == stage.queue("default?")


def test_a_dead_letter_that_is_gone_on_from_releases_the_children(stage):
    stage.start(plan(node("first", on_failure="continue"), node("second", "first")))
    stage.fetch()
    for number in range(4):
        lose(stage)
        for suspect in stage.fetch(f"w{number}"):
            stage.store.mark("x1", suspect.node, suspect.token)
    assert ("running", "F", "R") == (stage.status(), stage.state("first"), stage.state("second"))


def test_the_last_loss_ends_a_cancelling_execution(stage):
    stage.start()
    stage.fetch()
    stage.cancel("x1", "enough")
    lose(stage)
    assert ("cancelled", "P") == (stage.status(), stage.state("only"))
    assert "X" == stage.letters()[-1]


def test_a_lease_from_before_a_step_of_the_clock_is_cut_to_its_length(stage):
    stage.start()
    stage.client.zadd(stage.keys.sessions, {"w1": stage.now_ms + 3_600_000})
    stage.store.rescue()
    assert stage.now_ms + 5000 == stage.client.zscore(stage.keys.sessions, "w1")
