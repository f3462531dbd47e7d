"""put_plan.lua"""

from __future__ import annotations

from spane.runtime.layout import fields_of
from tests.transitions.conftest import DIAMOND, ONE, node, plan


def test_1_stores_a_plan_for_a_day(stage):
    for _ in range(2):
        assert DIAMOND.hash == stage.put(DIAMOND)
    key = stage.keys.plan(DIAMOND.hash)
    assert dict(fields_of(DIAMOND)).keys() == {name.decode() for name in stage.client.hkeys(key)}
    assert 86_390_000 < stage.kept_ms(key) <= 86_400_000
    assert "" == stage.letters()


def test_a_whole_plan_is_not_written_again(stage):
    stage.put(ONE)
    stage.start()
    before = stage.everything()
    assert 1 == stage.call("put_plan", ONE.hash, 1000, "roots", "other")
    assert before == stage.everything()


def test_a_plan_in_many_parts_is_there_with_the_last_of_them(stage):
    made = plan(*(node(f"n{number}") for number in range(1000)))
    stage.put(made)
    assert b"1000" == stage.client.hget(stage.keys.plan(made.hash), "total")
    assert "ok" == stage.start(made).status
