"""Limits as users write them: every spelling, and every mistake with what to write instead."""

from __future__ import annotations

import pytest

from spane import DefinitionError, Limit, Workflow, node, workflow
from spane.model.limit_keys import key_of
from spane.model.rules import LimitRule

WRITTEN = "'20/second', '5/minute', '100/hour' or '20/second burst 40'"


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        (10, LimitRule(10)),
        ("20/second", LimitRule(None, 20, 1_000)),
        ("5/minute", LimitRule(None, 5, 60_000)),
        ("100 / hour", LimitRule(None, 100, 3_600_000)),
        ("1000/day", LimitRule(None, 1000, 86_400_000)),
        ("20/second burst 40", LimitRule(None, 20, 1_000, 40)),
        (Limit(concurrency=3, rate="20/second", burst=5, key="order.id"), LimitRule(3, 20, 1_000, 5, "order.id")),
        (None, None),
    ],
)
def test_a_limit_is_a_number_a_rate_or_both(written, rule):
    @node(limit=written)
    def charge(order: dict) -> None: ...

    assert rule == charge.node_type.options.limit


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        (0, "concurrency=0: give a whole number from 1 to 100,000; to stop everything, pause instead."),
        (-1, "concurrency=-1: give a whole number from 1 to 100,000; to stop everything, pause instead."),
        ("0/second", "rate=0: give a whole number from 1 to 100,000; to stop everything, pause instead."),
        ("-5/second", "rate=-5: give a whole number from 1 to 100,000; to stop everything, pause instead."),
        (
            "5/fortnight",
            "rate='5/fortnight': 'fortnight' is no unit that is known; units are second, minute, hour, day.",
        ),
        ("often", f"rate='often' is not understood; give {WRITTEN}."),
        ("5/second burst 0", "burst=0: give a whole number from 1 to 100,000; to stop everything, pause instead."),
        (True, f"limit is True; give a number at once, such as 10, a rate, such as {WRITTEN}, or a Limit(...)."),
        (2.5, f"limit is 2.5; give a number at once, such as 10, a rate, such as {WRITTEN}, or a Limit(...)."),
    ],
)
def test_what_limits_nothing_or_everything_is_refused_at_its_line(written, problem):
    for decorate in (node, workflow):
        with pytest.raises(DefinitionError) as caught:

            @decorate(limit=written)
            def charge(order: int) -> None: ...

        [fault] = caught.value.faults
        assert ("bad-limit", problem) == (fault.code, fault.message)
        assert __file__ in fault.where


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, f"it limits nothing: give concurrency, such as 10, or rate, such as {WRITTEN}."),
        ({"rate": 20}, f"rate=20 is not understood; give {WRITTEN}."),
        ({"concurrency": 1, "burst": 5}, f"burst=5: a burst goes with a rate, such as {WRITTEN}."),
        (
            {"rate": "5/second burst 6", "burst": 7},
            "burst=7: the rate '5/second burst 6' has a burst already; give one of them.",
        ),
        (
            {"concurrency": 1, "key": "a b"},
            "key='a b': give the name of a parameter, 'customer_id', or of a part of one, 'order.customer_id'.",
        ),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(given, problem):
    with pytest.raises(DefinitionError) as caught:
        Limit(**given)
    assert [problem] == [fault.message for fault in caught.value.faults]


def test_an_unknown_option_of_a_limit_is_refused_with_what_was_probably_meant():
    with pytest.raises(TypeError, match=r"Limit has no option 'slots'\. Did you mean 'concurrency'\?"):
        Limit(slots=3)


def test_the_key_of_a_limit_is_a_parameter_or_an_input():
    @node(limit=Limit(concurrency=1, key="custmer.id"))
    def charge(customer: dict) -> int: ...

    @workflow(limit=Limit(concurrency=1, key="order"))
    def paying(customer: dict) -> int:
        return charge(customer)

    with pytest.raises(DefinitionError) as caught:
        _ = paying.plan
    assert [
        "Node 'charge': the key of its limit is 'custmer.id', but it has no parameter 'custmer'. Did you mean 'customer'?",
        "Workflow 'paying': the key of its limit is 'order', but it has no parameter 'order'. It has customer.",
    ] == [fault.message for fault in caught.value.faults]


def test_a_definition_limits_its_executions_and_keeps_that():
    @node
    def charge(order: int) -> int: ...

    @workflow(limit=5)
    def paying(order: int) -> int:
        return charge(order)

    @workflow(limit=Limit(rate="5/minute", key="order"))
    def by_key(order: int) -> int:
        return charge(order)

    assert 5 == paying.to_definition()["maxConcurrency"]
    for made in (paying, by_key):
        assert made.plan.limit == Workflow.from_definition(made.to_definition()).plan.limit


@pytest.mark.parametrize(
    ("value", "path", "key"),
    [
        ("ada", "", "ada"),
        ({"id": 7}, "id", "7"),
        ({"lines": [{"sku": "x|y"}]}, "lines.0.sku", "x%7Cy"),
        ({"id": 7}, "name", "null"),
        (None, "", "null"),
        ("null", "", "%22null%22"),
        ("", "", "%22%22"),
        (True, "", "true"),
    ],
)
def test_a_key_is_the_text_of_its_value(value, path, key):
    assert key == key_of(value, path)


def test_a_long_key_becomes_a_digest():
    assert 32 == len(key_of("x" * 500, ""))
    assert key_of("x" * 500, "") != key_of("x" * 501, "")
