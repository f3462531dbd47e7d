"""give_back.lua"""

from __future__ import annotations

from tests.transitions.conftest import PAIR


def returned(stage, *claims) -> int:
    return stage.store.give_back("w1", [(claim.execution, claim.node, claim.token) for claim in claims])


def test_nodes_go_back_to_the_front_in_their_order_and_nothing_is_charged(stage):
    stage.start(PAIR)
    claims = stage.fetch()
    stage.start(execution="x2")
    assert 2 == returned(stage, *claims)
    assert ["x1|one", "x1|two", "x2|only"] == stage.queue()
    assert f"Q||0|0|{stage.now_ms}|" == stage.field("one")
    assert "0" == stage.field("@run")
    assert not stage.client.exists(stage.keys.session("w1"))
    assert [0, 0] == [claim.failures for claim in stage.fetch() if claim.execution == "x1"]


def test_events_name_what_went_back(stage):
    stage.start()
    claims = stage.fetch()
    returned(stage, *claims)
    assert ("b", f"x1|only|{claims[0].token}") == stage.facts()[-1]


def test_a_repeated_call_returns_nothing_and_writes_nothing(stage):
    stage.start(PAIR)
    claims = stage.fetch()
    returned(stage, *claims)
    before, letters = stage.everything(), stage.letters()
    for _ in range(2):
        assert 0 == returned(stage, *claims)
    assert (before, letters) == (stage.everything(), stage.letters())


def test_what_another_attempt_holds_is_left_alone(stage):
    stage.start()
    stale = stage.fetch()
    stage.clock.advance(6000)
    stage.store.rescue()
    stage.fetch("w2")
    before = stage.everything()
    assert 0 == returned(stage, *stale)
    assert before == stage.everything()


def test_a_node_of_an_ending_execution_is_parked_and_the_last_one_ends_it(stage):
    stage.start(PAIR)
    one, two = stage.fetch()
    stage.fail(one)
    assert 1 == returned(stage, two)
    assert ("failed", "P", []) == (stage.status(), stage.state("two"), stage.queue())
    assert "ScfGbF" == stage.letters()


def test_a_suspect_stays_one(stage):
    stage.start()
    stage.fetch()
    stage.clock.advance(6000)
    stage.store.rescue()
    (suspect,) = stage.fetch()
    assert stage.store.mark("x1", "only", suspect.token)
    returned(stage, suspect)
    assert ["x1|only"] == stage.queue("default!!")
    (again,) = stage.fetch()
    assert ("a", 0) == (again.flag, again.crashes)
