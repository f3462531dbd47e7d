"""Waits between tries, by hand-computed figures."""

from __future__ import annotations

import re

import pytest

from spane import RetryLater
from spane.errors import RateLimited
from spane.model.rules import RetryPolicy
from spane.runtime.retry import classify, wait_ms


@pytest.mark.parametrize(("attempt", "expected"), [(1, 1_000), (2, 2_000), (3, 4_000), (13, 3_600_000)])
def test_exponential_waits_double_up_to_the_longest(attempt, expected):
    assert expected == wait_ms(RetryPolicy(), attempt)


def test_a_wait_past_what_a_float_holds_is_the_longest():
    assert 3_600_000 == wait_ms(RetryPolicy(attempts=5_000), 2_000)


@pytest.mark.parametrize("after_s", [-1, float("inf"), float("nan"), 1e20, "7", True, None])
def test_a_time_that_never_comes_cannot_be_asked_for(after_s):
    with pytest.raises(ValueError, match=re.escape(f"RetryLater is given {after_s!r}; it takes seconds, from 0 up")):
        RetryLater(after_s)
    with pytest.raises(ValueError, match="RateLimited is given"):
        RateLimited(after_s)


@pytest.mark.parametrize(("after_s", "expected"), [(0, 50), (0.01, 50), (1, 1_000)])
def test_what_asks_to_be_tried_again_at_once_rests_a_little(after_s, expected):
    put_off = classify(RetryPolicy(), RetryLater(after_s), node="a", attempt=1)
    assert (expected, False) == (put_off.delay_ms, put_off.spends)
