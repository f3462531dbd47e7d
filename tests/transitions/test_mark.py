"""mark.lua"""

from __future__ import annotations

import pytest


def test_1_marks_the_attempt_that_holds_the_node(stage):
    stage.start()
    (claim,) = stage.fetch()
    for _ in range(2):
        assert stage.store.mark("x1", "only", claim.token)
        assert f"R|{claim.token}|0|0|{stage.now_ms}|m" == stage.field("only")
    assert "Sc" == stage.letters()


@pytest.mark.parametrize("end", ["commit", "rescue", "never"])
def test_0_is_what_an_attempt_gets_that_does_not_hold_the_node(stage, end):
    stage.start()
    (claim,) = stage.fetch()
    token = claim.token
    if end == "commit":
        stage.commit(claim)
    elif end == "rescue":
        stage.clock.advance(6000)
        stage.store.rescue()
    else:
        token = "w9.1"
    before = stage.everything()
    assert not stage.store.mark("x1", "only", token)
    assert not stage.store.mark("x1", "nothing", token)
    assert not stage.store.mark("nobody", "only", token)
    assert before == stage.everything()
