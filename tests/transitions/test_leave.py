"""leave.lua"""

from __future__ import annotations


def test_a_session_that_holds_nothing_is_gone(stage):
    stage.store.renew("w1", "0")
    for _ in range(2):
        assert 1 == stage.store.call("leave", "w1")
    assert {} == stage.everything()


def test_a_session_that_holds_attempts_is_left_to_be_rescued(stage):
    stage.start()
    stage.fetch()
    before = stage.everything()
    for _ in range(2):
        assert 0 == stage.store.call("leave", "w1")
    assert before == stage.everything()
    stage.clock.advance(6000)
    assert 1 == stage.store.rescue()
