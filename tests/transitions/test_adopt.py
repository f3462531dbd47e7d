"""adopt.lua"""

from __future__ import annotations


def test_a_lane_is_returned_while_nodes_wait_in_it(stage):
    stage.start()
    (claim,) = stage.fetch()
    stage.commit(claim, "u", b"work.1", extra="why", spends=0)
    before = stage.everything()
    assert ["default@work.1"] == stage.store.adopt(["default@work.1"])
    assert before == stage.everything()


def test_a_lane_is_forgotten_once_it_is_empty(stage):
    stage.start()
    (claim,) = stage.fetch()
    stage.commit(claim, "u", b"work.1", extra="why", spends=0)
    (again,) = stage.fetch(queues="default@work.1")
    for _ in range(2):
        assert [] == stage.store.adopt(["default@work.1"])
    assert {} == stage.store.unfit()
    stage.commit(again)
    assert "completed" == stage.status()
