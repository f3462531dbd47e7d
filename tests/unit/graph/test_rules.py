"""Options that are out of their range, each with what to give instead."""

from __future__ import annotations

import pytest

from spane import graph
from spane.model.node_type import NodeOptions
from spane.model.rules import RetryPolicy


def load() -> int:
    return 1


def check(make, **options):
    return [fault.message for fault in graph.check(make.draft(make.call(make.type(load), options=options)))[0]]


@pytest.mark.parametrize(
    "options",
    [
        {"timeout_s": None},
        {"timeout_s": 0.001},
        {"timeout_s": 86_400},
        {"delay_s": 0},
        {"delay_s": 1.5},
        {"priority": 1},
        {"priority": 10},
        {"queue": "gpu.large-1"},
        {"on_failure": "continue"},
        {"version": "2"},
        {"retry": RetryPolicy(attempts=1, backoff="fixed", base_s=0, jitter=1, factor=1, retry_on=("a.b:C",))},
    ],
)
def test_options_that_are_fine(make, options):
    assert [] == check(make, **options)


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), "1", True, 1e12])
def test_a_timeout_out_of_range(make, value):
    expected = [f"Node 'load': timeout_s is {value!r}; give seconds from 0.001 up, or None for no timeout."]
    assert expected == check(make, timeout_s=value)


@pytest.mark.parametrize("value", [-0.1, float("nan"), None, "soon", [], 1e300])
def test_a_delay_out_of_range(make, value):
    assert [f"Node 'load': delay_s is {value!r}; give seconds from 0 up."] == check(make, delay_s=value)


@pytest.mark.parametrize("value", [0, 11, 5.0, "5", True])
def test_a_priority_out_of_range(make, value):
    expected = (
        f"Node 'load': priority is {value!r}; give a whole number from 1 (last) to 10 (first), or None for the default."
    )
    assert [expected] == check(make, priority=value)


@pytest.mark.parametrize("value", ["", "a b", "a|b", None, 7])
def test_a_queue_that_is_no_name(make, value):
    (message,) = check(make, queue=value)
    assert message.startswith(f"Node 'load': queue is {value!r}; a queue's name has 1 to 200 letters")


def test_other_options_of_the_wrong_kind(make):
    assert ["Node 'load': on_failure is 'go on'; give 'fail', 'continue' or 'skip'."] == check(make, on_failure="go on")
    assert ["Node 'load': version is 2; give text."] == check(make, version=2)
    assert ["Node 'load': retry is 3; give a Retry."] == check(make, retry=3)


@pytest.mark.parametrize(
    ("retry", "message"),
    [
        ({"attempts": 0}, "retry.attempts is 0; give a whole number from 1 (no retry) up."),
        ({"attempts": 2.0}, "retry.attempts is 2.0; give a whole number from 1 (no retry) up."),
        ({"backoff": "linear"}, "retry.backoff is 'linear'; give 'exponential' or 'fixed'."),
        ({"base_s": -1}, "retry.base_s is -1; give seconds from 0 up."),
        ({"max_s": float("inf")}, "retry.max_s is inf; give seconds from 0 up."),
        ({"factor": 0.5}, "retry.factor is 0.5; give a number from 1 up."),
        ({"jitter": 1.1}, "retry.jitter is 1.1; give a share from 0 to 1."),
        (
            {"retry_on": ("ValueError",)},
            "retry.retry_on is ('ValueError',); give exception classes (in a definition, 'module:Name').",
        ),
        (
            {"give_up_on": "builtins:ValueError"},
            "retry.give_up_on is 'builtins:ValueError'; give exception classes (in a definition, 'module:Name').",
        ),
    ],
)
def test_a_retry_policy_out_of_range(make, retry, message):
    assert [f"Node 'load': {message}"] == check(make, retry=RetryPolicy(**retry))


def test_all_that_is_wrong_with_one_node_comes_together(make):
    assert 3 == len(check(make, timeout_s=0, priority=0, retry=RetryPolicy(attempts=0)))


def test_the_options_of_the_type_are_checked_where_it_is_used(make):
    draft = make.draft(make.call(make.type(load, priority=99), line=6))
    (fault,) = graph.check(draft)[0]
    assert ("bad-option", "flows.py:6") == (fault.code, fault.where)


def test_equal_numbers_of_other_types_are_told_apart(make):
    assert [] == check(make, priority=1)
    assert 1 == len(check(make, priority=True))
    assert [] == check(make, delay_s=NodeOptions().delay_s)
