"""wake.lua"""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("queue", ["default", "default~", "default!", "default@work.1"])
def test_one_token_stands_for_a_queue_whatever_its_lane(stage, queue):
    for _ in range(3):
        assert 1 == stage.call("wake", queue)
    assert 1 == stage.client.llen(stage.keys.wake("default"))
    assert {} == stage.everything()
    assert "" == stage.letters()
