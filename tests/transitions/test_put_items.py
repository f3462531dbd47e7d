"""put_items.lua"""

from __future__ import annotations

from tests.transitions.test_expand import MAP, items


def put(stage, claim, first, *values, token=None):
    return stage.call("put_items", claim.execution, claim.node, token or claim.token, first, *values)


def test_each_value_stands_beside_the_results_for_its_item(stage):
    stage.start(MAP)
    [claim] = stage.fetch()
    assert 1 == put(stage, claim, 0, b"10", b"11")
    assert 1 == put(stage, claim, 2, b"12")
    assert {b"#pack#0": b"10", b"#pack#1": b"11", b"#pack#2": b"12"} == items(stage)


def test_writing_a_part_twice_changes_nothing(stage):
    stage.start(MAP)
    [claim] = stage.fetch()
    put(stage, claim, 0, b"10", b"11")
    before = stage.everything()
    assert 1 == put(stage, claim, 0, b"10", b"11")
    assert before == stage.everything()


def test_another_attempt_keeps_nothing(stage):
    stage.start(MAP)
    [claim] = stage.fetch()
    before = stage.everything()
    assert 0 == put(stage, claim, 0, b"10", token="w0.1")
    assert before == stage.everything()


def test_an_execution_that_is_gone_keeps_nothing(stage):
    stage.start(MAP)
    [claim] = stage.fetch()
    stage.client.delete("s:{0}:x:x1")
    assert 0 == put(stage, claim, 0, b"10")
    assert {} == items(stage)


def test_more_values_than_lua_can_carry_at_once_are_kept(stage):
    stage.start(MAP)
    [claim] = stage.fetch()
    assert 1 == put(stage, claim, 0, *(b"%d" % index for index in range(3_000)))
    assert 3_000 == len(items(stage))
