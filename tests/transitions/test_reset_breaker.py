"""reset_breaker.lua"""

from __future__ import annotations

from spane.runtime import breakers
from tests.transitions.breaking import NAME, ask, claims, half_opened, seen, tell, timers, waiting


def test_what_waits_goes_on_and_what_was_counted_is_forgotten(stage):
    waiting(stage, 3)
    assert breakers.reset(stage.store, NAME)
    assert ("closed", 0, 0, {}) == (seen(stage).state, seen(stage).waiting, seen(stage).failures, timers(stage))
    found = stage.fetch()
    assert ({"x0", "x1", "x2"}, ["closed"] * 3) == (
        {claim.execution for claim in found},
        [ask(stage, claim)[0] for claim in found],
    )
    assert ("K", f"|{NAME}") == stage.facts()[-2]
    assert ["closed", "closed"] == [tell(stage, claim) for claim in found[:2]]


def test_one_that_is_closed_forgets_its_failures_without_an_event(stage):
    one, two = claims(stage, 2)
    tell(stage, one)
    letters = stage.letters()
    assert breakers.reset(stage.store, NAME)
    assert (0, letters) == (seen(stage).failures, stage.letters())
    assert "closed" == tell(stage, two)


def test_a_probe_that_is_under_way_matters_no_more(stage):
    probe = half_opened(stage)
    breakers.reset(stage.store, NAME)
    assert ("closed", "closed") == (tell(stage, probe), seen(stage).state)


def test_one_that_is_not_there_is_told_and_nothing_is_written(stage):
    assert not breakers.reset(stage.store, "nobody")
    assert {} == stage.everything()
