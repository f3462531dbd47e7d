"""adopt.lua"""

from __future__ import annotations


def test_0_while_nodes_wait_for_the_fingerprint(stage):
    stage.start()
    (claim,) = stage.fetch()
    stage.commit(claim, "u", b"work.1", extra="why", spends=0)
    before = stage.everything()
    assert not stage.store.adopt("work.1", ["default", "default~"])
    assert before == stage.everything()


def test_1_forgets_it_once_the_queue_is_empty(stage):
    stage.start()
    (claim,) = stage.fetch()
    stage.commit(claim, "u", b"work.1", extra="why", spends=0)
    (again,) = stage.fetch(queues="default@work.1")
    stage.client.delete(stage.keys.queue("default@work.1", 5))  # fakeredis keeps a list that ran empty
    for _ in range(2):
        assert stage.store.adopt("work.1", ["default", "default~"])
    assert {} == stage.store.unfit()
    stage.commit(again)
    assert "completed" == stage.status()
