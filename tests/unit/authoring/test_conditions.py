"""Conditions: what comparing references gives, and which comparisons say nothing."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from spane import (
    DefinitionError,
    ReferenceMisuse,
    Retry,
    ValueMismatch,
    coalesce,
    is_none,
    node,
    not_,
    one_of,
    when,
    workflow,
)
from spane.authoring.conditions import Condition
from spane.graph.conditions import said


@node(name="conditions.number")
def number() -> int: ...


@node(name="conditions.text")
def text() -> str | None: ...


@node(name="conditions.flag")
def flag() -> bool: ...


@node(name="conditions.anything")
def anything(n: Any = None) -> Any: ...


def made(make):
    """Return the condition that `make` gives, in words; it is given references to the nodes above."""
    kept = []

    @workflow(name="making")
    def flow():
        kept.append(make(number(), text(), flag(), anything()))

    _ = flow.draft
    [condition] = kept
    assert isinstance(condition, Condition)
    assert f"<condition {said(condition.test)}>" == repr(condition)
    return said(condition.test)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda n, t, f, a: n == 7, "number == 7"),
        (lambda n, t, f, a: n != 7, "number != 7"),
        (lambda n, t, f, a: n < 7, "number < 7"),
        (lambda n, t, f, a: n <= 7, "number <= 7"),
        (lambda n, t, f, a: n > 7, "number > 7"),
        (lambda n, t, f, a: n >= 7, "number >= 7"),
        (lambda n, t, f, a: 7 > n, "number < 7"),
        (lambda n, t, f, a: n == a, "number == anything"),
        (lambda n, t, f, a: a.part[0] == [n, 1], "anything.part[0] == [number, 1]"),
        (lambda n, t, f, a: is_none(t), "text is none"),
        (lambda n, t, f, a: one_of(n, 1, 2), "number in 1, 2"),
        (lambda n, t, f, a: not_(n == 7), "number != 7"),
        (lambda n, t, f, a: not_(is_none(t)), "text is not none"),
        (lambda n, t, f, a: not_(one_of(n, 1, 2)), "number not in 1, 2"),
        (lambda n, t, f, a: not_(f), "flag != true"),
        (lambda n, t, f, a: (n > 1) & (n < 5) & f, "number > 1 & number < 5 & flag == true"),
        (lambda n, t, f, a: f | (n < 5), "flag == true | number < 5"),
        (lambda n, t, f, a: not_(f | (n < 5)), "not (flag == true | number < 5)"),
        (lambda n, t, f, a: (f | (n < 5)) & is_none(t), "(flag == true | number < 5) & text is none"),
        (lambda n, t, f, a: coalesce(n, default=3) > 1, "coalesce(number, 3) > 1"),
    ],
)
def test_conditions_are_made_of_references(make, words):
    assert words == made(make)


def refused(use):
    @workflow(name="misusing")
    def flow():
        use(number(), text(), flag(), anything())

    with pytest.raises(DefinitionError) as caught:
        _ = flow.draft
    [fault] = caught.value.faults
    assert fault.where.startswith(f"{__file__}:")
    return fault.message


@pytest.mark.parametrize(
    ("use", "said"),
    [
        (lambda n, t, f, a: bool(n == 7), "<condition number == 7> is neither true nor false yet: `if`, `and`, `or`"),
        (lambda n, t, f, a: 1 < n < 7, "<condition number > 1> is neither true nor false yet"),
        (lambda n, t, f, a: n in [7, 8], "<condition number == 7> is neither true nor false yet"),
        (lambda n, t, f, a: sorted([n, n]), "<condition number < number> is neither true nor false yet"),
        (lambda n, t, f, a: max(n, 3), "<condition number < 3> is neither true nor false yet"),
        (lambda n, t, f, a: not (n > 3), "<condition number > 3> is neither true nor false yet"),
        (lambda n, t, f, a: ~(n > 3), "~ does not negate <condition number > 3>. Write not_(...)."),
        (lambda n, t, f, a: n > 3 & n, "& joins conditions, and 3 is none. Put each comparison in parentheses"),
        (lambda n, t, f, a: n & (n > 3), "& takes a condition, and <reference to node 'number': int> is not annotated"),
        (lambda n, t, f, a: (n > 3) | True, "| joins conditions, and True is none."),
        (lambda n, t, f, a: (n > 3) == n, "<reference to node 'number': int> is compared with <condition number > 3>."),
        (lambda n, t, f, a: not_(False), "not_ takes a condition made of references, and got False."),
        (lambda n, t, f, a: is_none(3), "is_none takes a reference, and got 3."),
        (lambda n, t, f, a: one_of(n), "one_of is given no values to compare with."),
        (
            lambda n, t, f, a: one_of(n, [1, 2]),
            "one_of takes the values one by one. Unpack them: one_of(value, *values).",
        ),
        (
            lambda n, t, f, a: one_of(a, n),
            "<reference to node 'number': int> is not known yet. Compare with == instead.",
        ),
        (
            lambda n, t, f, a: n > "a",
            "<reference to node 'number': int> cannot be compared with `> 'a'`: only two numbers",
        ),
        (
            lambda n, t, f, a: n > None,
            "<reference to node 'number': int> cannot be compared with `> None`: only numbers",
        ),
        (
            lambda n, t, f, a: f < n,
            "<reference to node 'flag': bool> cannot be compared with `<`: only numbers and texts",
        ),
        (lambda n, t, f, a: n == {n}, "in a condition: <reference to node 'number': int> sits inside a set."),
    ],
)
def test_what_is_no_condition_is_refused(use, said):
    assert refused(use).startswith(said)


@pytest.mark.parametrize("kind", [Decimal, dt.datetime, dt.time, dt.timedelta, bytes])
def test_types_whose_text_does_not_compare_like_their_values_are_refused(kind):
    def body(value, other):
        _ = value > other

    body.__annotations__ = {"value": kind, "other": kind}
    with pytest.raises(
        ReferenceMisuse, match=f"a {kind.__name__} is text in JSON, which does not compare as its values do"
    ):
        _ = workflow(name="flow")(body).draft


def test_dates_compare():
    @workflow
    def flow(day: dt.date):
        with when(day > dt.date(2024, 2, 29)):
            anything()

    [gate, _] = flow.plan.nodes
    assert b"2024-02-29" in bytes(gate.config)


def test_an_equality_that_never_holds_is_a_fault(told):
    @workflow
    def flow():
        with when(number() == "7"):
            anything()

    assert "can never be equal to '7': in JSON that is a text, and int is a number." in told(flow)["impossible-value"]


def test_references_of_another_body_are_not_compared():
    kept = []

    @workflow(name="first")
    def first():
        kept.append(number())

    _ = first.draft
    with pytest.raises(
        ReferenceMisuse, match="belongs to the body of workflow 'first', and `==` is used outside of it"
    ):
        _ = kept[0] == 3


def test_references_keep_their_identity_as_hash():
    @workflow
    def flow():
        one, two = number(), text()
        assert {one: 1, two: 2}[one] == 1
        assert 2 == len({one, two})

    _ = flow.draft


def test_is_none_of_what_is_never_none_is_a_fault():
    @workflow
    def flow():
        with when(is_none(number())):
            text()

    with pytest.raises(DefinitionError) as caught:
        _ = flow.plan
    [fault] = caught.value.faults
    assert "impossible-value" == fault.code
    assert (
        "is never None. What was skipped, or failed and was gone on from, is not None but missing: ask "
        in fault.message
    )


def test_whether_a_node_that_may_fail_did_is_asked_through_coalesce():
    @node(name="conditions.shaky", on_failure="continue", retry=Retry(attempts=1))
    def shaky(n: int) -> int:
        return 1 // n

    @node(name="conditions.say")
    def say(word: str) -> str:
        return word

    @workflow
    def flow(n: int) -> str:
        with when(is_none(coalesce(shaky(n), default=None))) as failed:
            one = say.named("one")("failed")
        with failed.otherwise():
            two = say.named("two")("succeeded")
        return coalesce(one, two)

    assert ["failed", "succeeded"] == [flow(0), flow(1)]


def test_a_condition_on_a_part_that_is_not_there_says_who_looked_and_what_to_ask_first():
    @node(name="conditions.nested", retry=Retry(attempts=1))
    def nested() -> dict[str, dict[str, int] | None]:
        return {"inner": None}

    @workflow
    def flow():
        found = nested()
        with when(found["inner"]["n"] == 1):
            text()

    expected = "The condition that node 'nested' decides on looks at value.inner.n from the output of 'nested', but value.inner"
    with pytest.raises(ValueMismatch, match=expected) as caught:
        flow()
    assert "Ask is_none() of what may be missing first, and join the two by &." in str(caught.value)
