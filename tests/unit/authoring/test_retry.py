"""`Retry`: what it lowers to, and what it refuses."""

from __future__ import annotations

import pytest

from spane import DefinitionError, Retry
from spane.model.rules import RetryPolicy


class Local(Exception): ...


def test_the_default_is_the_plan_default():
    assert RetryPolicy() == Retry().policy()


def test_exceptions_are_lowered_to_their_names():
    policy = Retry(
        attempts=5, backoff="fixed", base_s=2, jitter=0.5, retry_on=(OSError, Local), give_up_on=KeyError
    ).policy()
    assert (
        RetryPolicy(
            attempts=5,
            backoff="fixed",
            base_s=2.0,
            jitter=0.5,
            retry_on=("builtins:OSError", f"{__name__}:Local"),
            give_up_on=("builtins:KeyError",),
        )
        == policy
    )


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("attempts", 0, "attempts=0: give a whole number of 1 or more; the first try counts, so 1 means no retry."),
        ("attempts", 2.5, "attempts=2.5: give a whole number"),
        ("attempts", True, "attempts=True: give a whole number"),
        ("backoff", "linear", "backoff='linear': give 'exponential' or 'fixed'."),
        ("base_s", -1, "base_s=-1: give the first wait in seconds, 0 or more."),
        ("factor", 0.5, "factor=0.5: give 1 or more"),
        ("max_s", float("inf"), "max_s=inf: give the longest wait in seconds, 0 or more."),
        ("max_s", float("nan"), "max_s=nan"),
        ("jitter", 1.5, "jitter=1.5: give a share from 0 to 1"),
        (
            "retry_on",
            ["ValueError"],
            "retry_on=['ValueError']: give an exception class or a tuple of them, not 'ValueError'.",
        ),
        ("give_up_on", int, "give_up_on=<class 'int'>: give an exception class"),
    ],
)
def test_a_wrong_value_says_what_to_give(name, value, said):
    with pytest.raises(DefinitionError) as caught:
        Retry(**{name: value})
    assert said in str(caught.value)


def test_all_that_is_wrong_is_said_at_once_with_its_line(marked):
    with pytest.raises(DefinitionError) as caught:
        Retry(attempts=0, jitter=2, retry_on=str)  # here
    assert 3 == len(caught.value.faults)
    assert {marked(test_all_that_is_wrong_is_said_at_once_with_its_line)} == {f.where for f in caught.value.faults}
