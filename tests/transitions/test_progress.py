"""progress.lua"""

from __future__ import annotations


def test_1_appends_an_event_and_writes_nothing_else(stage):
    stage.start()
    (claim,) = stage.fetch()
    before = stage.everything()
    assert 1 == stage.call("progress", stage.now_ms, "x1", "only", claim.token, 3, 10)
    assert before == stage.everything()
    assert ("g", "x1|only|3|10") == stage.facts()[-1]


def test_0_is_what_an_attempt_gets_that_does_not_hold_the_node(stage):
    stage.start()
    (claim,) = stage.fetch()
    stage.commit(claim)
    letters = stage.letters()
    for execution, name in (("x1", "only"), ("x1", "nothing"), ("nobody", "only")):
        assert 0 == stage.call("progress", stage.now_ms, execution, name, claim.token, 1, 2)
    assert letters == stage.letters()
