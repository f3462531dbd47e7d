"""tell_breaker.lua"""

from __future__ import annotations

from spane.ops.breakers import BreakerState
from tests.transitions.breaking import (
    NAME,
    OPEN_MS,
    WINDOW_MS,
    ask,
    claims,
    half_opened,
    opened,
    seen,
    tell,
    timers,
    waiting,
)


def test_failures_within_the_window_open_it(stage):
    one, two, three = claims(stage, 3)
    assert ["closed", "closed", "open"] == [tell(stage, one), tell(stage, two), tell(stage, three)]
    found = seen(stage)
    assert (BreakerState.OPEN, 3, 1, stage.now_ms, stage.now_ms + OPEN_MS, "x2|only") == (
        found.state, found.failures, found.opened, found.since_ms, found.until_ms, found.opened_by,
    )  # fmt: skip
    assert ("O", f"|{NAME}|{OPEN_MS}|3|x2|only") in stage.facts()


def test_those_before_the_window_do_not_count(stage):
    one, two, three = claims(stage, 3)
    tell(stage, one)
    stage.clock.advance(WINDOW_MS - 1_000)
    tell(stage, two)
    stage.clock.advance(1_001)
    assert "closed" == tell(stage, three)
    assert 2 == seen(stage).failures
    stage.clock.advance(WINDOW_MS)
    assert 0 == seen(stage).failures


def test_a_repeated_call_counts_once_and_one_of_a_stale_attempt_not_at_all(stage):
    one, two = claims(stage, 2)
    assert ["closed"] * 4 == [tell(stage, one) for _ in range(4)]
    assert 1 == seen(stage).failures
    stage.commit(two)
    before = stage.everything()
    assert "" == tell(stage, two)
    assert before == stage.everything()


def test_what_says_nothing_or_succeeds_does_not_matter_to_a_closed_one(stage):
    one, two = claims(stage, 2)
    before = stage.everything()
    assert ["closed", "closed"] == [tell(stage, one, "none"), tell(stage, two, "good")]
    assert before == stage.everything()


def test_stragglers_do_not_matter_to_one_that_is_open_or_half_open(stage):
    [late] = claims(stage, 1, 700)
    opened(stage)
    until = seen(stage).until_ms
    stage.clock.advance(1)
    assert ("open", until) == (tell(stage, late), seen(stage).until_ms)
    [probe] = claims(stage, 1)
    stage.clock.advance(OPEN_MS)
    ask(stage, probe)
    assert ("half", "probe") == (tell(stage, late), ask(stage, probe)[0])


def test_a_probe_that_fails_opens_it_anew(stage):
    probe = half_opened(stage, 2)
    assert "open" == tell(stage, probe)
    assert (stage.now_ms + OPEN_MS, 2, 1) == (seen(stage).until_ms, seen(stage).opened, seen(stage).waiting)
    assert {f"b|{NAME}": stage.now_ms + OPEN_MS} == timers(stage)
    assert [] == stage.fetch()
    stage.clock.advance(OPEN_MS)
    assert ["x1"] == [claim.execution for claim in stage.fetch()]


def test_enough_probes_that_succeed_close_it_one_after_the_other(stage):
    probe = half_opened(stage, 4)
    assert "half" == tell(stage, probe, "good")
    assert (1, BreakerState.HALF_OPEN) == (seen(stage).successes, seen(stage).state)
    stage.commit(probe)
    [second] = stage.fetch()
    assert ("x1", "probe") == (second.execution, ask(stage, second)[0])
    assert "closed" == tell(stage, second, "good")
    assert ("closed", 0) == (seen(stage).state, seen(stage).waiting)
    assert {"x2", "x3"} == {claim.execution for claim in stage.fetch()}
    assert "OHK" == "".join(letter for letter in stage.letters() if letter in "OHK")
    assert {} == timers(stage)


def test_a_probe_that_says_nothing_makes_room_for_another(stage):
    probe = half_opened(stage, 2)
    assert "half" == tell(stage, probe, "none")
    assert 0 == seen(stage).successes
    stage.retry(probe, 500, spends=0)
    [second] = stage.fetch()
    assert ("x1", "probe") == (second.execution, ask(stage, second)[0])


def test_a_repeated_success_of_a_probe_counts_once(stage):
    probe = half_opened(stage)
    assert ["half", "half", "half"] == [tell(stage, probe, "good") for _ in range(3)]
    assert 1 == seen(stage).successes


def test_many_that_wait_go_on_in_bounded_steps_when_it_closes(stage):
    probe = half_opened(stage, 250)
    tell(stage, probe, "good")
    stage.commit(probe)
    [second] = stage.fetch()
    ask(stage, second)
    tell(stage, second, "good")
    assert (148, {f"b|{NAME}": stage.now_ms}) == (seen(stage).waiting, timers(stage))
    stage.fetch(threads=0, loop=0)
    assert 48 == seen(stage).waiting
    stage.fetch(threads=0, loop=0)
    assert (0, {}) == (seen(stage).waiting, timers(stage))
    assert 248 == len(stage.queue())


def test_many_that_are_gone_do_not_hold_up_the_probe(stage):
    waiting(stage, 130)
    for number in range(120):
        stage.cancel(f"x{number}")
    stage.clock.advance(OPEN_MS)
    # A call looks at a hundred, all of them cancelled; the next one is due at once, and not when it would open again.
    assert ([], 30, {f"b|{NAME}": stage.now_ms}) == (stage.fetch(), seen(stage).waiting, timers(stage))
    assert ["x120"] == [claim.execution for claim in stage.fetch()]
    assert 9 == seen(stage).waiting


def test_it_is_forgotten_a_day_after_its_last_change_unless_somebody_waits(stage):
    waiting(stage, 1)
    assert -1 == stage.kept_ms(stage.keys.breaker(NAME))
    stage.clock.advance(OPEN_MS)
    [probe] = stage.fetch()
    ask(stage, probe)
    tell(stage, probe, "good")
    assert 86_300_000 < stage.kept_ms(stage.keys.breaker(NAME)) <= 86_400_000
    stage.commit(probe)
    stage.client.delete(stage.keys.breaker(NAME))
    stage.clock.advance(86_400_001)
    [claim] = claims(stage, 1, 50)
    stage.call(
        "tell_breaker", stage.now_ms, claim.execution, claim.node, claim.token, "other", "bad", 1, 1_000, 1, OPEN_MS
    )
    assert [b"other"] == stage.client.zrange(stage.keys.breakers, 0, -1)
