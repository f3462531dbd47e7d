"""wake.lua"""

from __future__ import annotations


def test_one_token_waits_for_a_worker_that_looks_for_messages(stage):
    for _ in range(3):
        assert 1 == stage.call("wake", "default")
    assert 1 == stage.client.llen(stage.keys.wake("default:m"))
    assert {} == stage.everything()
    assert "" == stage.letters()


def test_a_fetch_that_finds_no_node_leaves_it(stage):
    stage.call("wake", "default")
    assert [] == stage.fetch()
    assert 1 == stage.client.llen(stage.keys.wake("default:m"))
