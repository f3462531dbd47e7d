"""Starts that a key holds together: at most one in a period, and one after a quiet time."""

from __future__ import annotations

import pytest

from spane import InputError
from tests.flows import app
from tests.flows.conftest import until
from tests.invariants import assert_holds


def test_a_throttled_key_starts_one_execution_in_a_period_and_gives_it_back(place):
    key = place.gate()
    first = place.start(app.relaying, {"value": 1}, key=key, throttle_s=1.0)
    second = place.start(app.relaying, {"value": 2}, key=key, throttle_s=1.0)
    assert (first.id, 1) == (second.id, second.result(timeout_s=20))
    other = place.start(app.relaying, {"value": 3}, key=f"{key}-other", throttle_s=1.0)
    assert (3, True) == (other.result(timeout_s=20), other.id != first.id)
    begun = place.events(first, "execution_started")[0].at_ms
    until("the period is over", lambda: place.engine.store.clock.now_ms() > begun + 1_000)
    third = place.start(app.relaying, {"value": 4}, key=key, throttle_s=1.0)
    assert (4, True) == (third.result(timeout_s=20), third.id != first.id)


def test_a_debounced_key_begins_after_a_quiet_time_with_the_inputs_of_the_last_start(place):
    key = place.gate()
    started = [
        place.start(app.relaying, {"value": value}, key=key, debounce_s=1.5, priority=value) for value in (1, 2, 3)
    ]
    assert 1 == len({one.id for one in started})
    assert 3 == started[0].result(timeout_s=20)
    put_off = place.events(started[0], "execution_debounced")
    [begun] = place.events(started[0], "node_claimed", node="parent")
    assert 2 == len(put_off)
    assert begun.at_ms >= put_off[-1].data["due_ms"] >= put_off[0].data["due_ms"]
    again = place.start(app.relaying, {"value": 4}, key=key, debounce_s=0.05)
    assert (4, True) == (again.result(timeout_s=20), again.id != started[0].id)
    assert_holds(place.engine.store, [started[0].id, again.id])


def test_what_a_paused_debounced_execution_begins_with_is_the_last_all_the_same(place):
    key = place.gate()
    first = place.start(app.relaying, {"value": 1}, key=key, debounce_s=30)
    first.pause()
    assert first.id == place.start(app.relaying, {"value": 2}, key=key, debounce_s=0.05).id
    assert "paused" == first.status()
    first.resume()
    assert 2 == first.result(timeout_s=20)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"throttle_s": 0, "key": "k"}, "throttle_s is 0; it is seconds from 0.001 up, at most a hundred years."),
        ({"debounce_s": -1, "key": "k"}, "debounce_s is -1; it is seconds from 0.001 up, at most a hundred years."),
        ({"debounce_s": True, "key": "k"}, "debounce_s is True; it is seconds from 0.001 up, at most a hundred years."),
        ({"throttle_s": 5}, "throttle_s goes by a key; give key as well, such as key='customer-7'."),
        (
            {"throttle_s": 5, "debounce_s": 5, "key": "k"},
            "throttle_s and debounce_s are both given; say one of the two.",
        ),
        ({"debounce_s": 5, "delay_s": 5, "key": "k"}, "debounce_s says when it begins; leave out delay_s and at."),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_created(place, options, problem):
    before = place.engine.store.client.xlen(place.engine.store.keys.events)
    with pytest.raises(InputError) as caught:
        place.start(app.relaying, {"value": 1}, **options)
    assert (problem,) == caught.value.problems
    assert before == place.engine.store.client.xlen(place.engine.store.keys.events)
