"""resync.lua"""

from __future__ import annotations

from tests.transitions.conftest import CHAIN, PAIR, Claimed


def resynced(stage, *known: str, session: str = "w1") -> list[Claimed]:
    return [Claimed.of(row) for row in stage.store.call("resync", session, *known)]


def test_what_the_worker_does_not_know_comes_as_fetch_would_have_brought_it(stage):
    stage.start(PAIR)
    one, two = stage.fetch()
    before = stage.everything()
    for _ in range(2):
        assert [one, two] == sorted(resynced(stage), key=lambda claim: claim.node)
        assert [two] == resynced(stage, one.token)
        assert [] == resynced(stage, one.token, two.token)
    assert before == stage.everything()


def test_a_child_handed_over_in_a_lost_reply_is_found(stage):
    stage.start(CHAIN)
    (first,) = stage.fetch()
    stage.commit(first, payload=b"7", hand="default")
    (child,) = resynced(stage)
    assert ("second", [b"7"]) == (child.node, child.values)


def test_what_was_rescued_is_not_returned(stage):
    stage.start()
    stage.fetch()
    stage.clock.advance(6000)
    stage.store.rescue()
    assert [] == resynced(stage)


def test_an_unknown_session_holds_nothing(stage):
    assert [] == resynced(stage, session="nobody")
    assert {} == stage.everything()
