"""discard.lua"""

from __future__ import annotations

from tests.transitions.conftest import LIMITS, ONE, PAIR
from tests.transitions.test_heal import failed, heal, letters_of_the_dead


def discard(stage, name, execution="x1"):
    return stage.call("discard", stage.now_ms, execution, name, LIMITS.retention_ms)


def test_it_is_listed_no_more_and_cannot_be_retried(stage):
    failed(stage, ONE)
    assert ["ok"] == discard(stage, "only")
    assert ([], "failed", ("e", "x1|only")) == (letters_of_the_dead(stage), stage.status(), stage.facts()[-1])
    assert ["unknown"] == heal(stage, "only")


def test_with_its_last_dead_letter_an_execution_is_kept_as_long_as_any_other(stage):
    stage.start(PAIR)
    one, two = stage.fetch()
    stage.fail(one)
    stage.fail(two)
    stage.clock.advance(10_000)
    discard(stage, "one")
    assert 500_000 < stage.kept_ms(stage.keys.execution("x1"))
    discard(stage, "two")
    assert 49_000 < stage.kept_ms(stage.keys.execution("x1")) <= 50_000
    assert 49_000 < stage.kept_ms(stage.keys.outputs("x1")) <= 50_000


def test_unknown_changes_nothing(stage):
    failed(stage, ONE)
    before = stage.everything()
    assert ["unknown"] == discard(stage, "other")
    assert before == stage.everything()


def test_one_whose_execution_is_gone_is_forgotten(stage):
    failed(stage, ONE)
    stage.client.delete(stage.keys.execution("x1"))
    assert ["ok"] == discard(stage, "only")
    assert 0 == stage.client.exists(stage.keys.execution("x1"))
