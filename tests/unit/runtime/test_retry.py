"""Waits between tries, by hand-computed figures."""

from __future__ import annotations

import pytest

from spane import RetryLater
from spane.model.plan import RetryPolicy
from spane.runtime.retry import wait_ms


@pytest.mark.parametrize(("attempt", "expected"), [(1, 1_000), (2, 2_000), (3, 4_000), (13, 3_600_000)])
def test_exponential_waits_double_up_to_the_longest(attempt, expected):
    assert expected == wait_ms(RetryPolicy(), attempt)


def test_a_wait_past_what_a_float_holds_is_the_longest():
    assert 3_600_000 == wait_ms(RetryPolicy(attempts=5_000), 2_000)


@pytest.mark.parametrize("after_s", [-1, float("inf"), float("nan")])
def test_a_time_that_never_comes_cannot_be_asked_for(after_s):
    with pytest.raises(ValueError, match="zero or more seconds"):
        RetryLater(after_s)
