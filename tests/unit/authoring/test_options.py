"""Options of nodes: each checked where it is written."""

from __future__ import annotations

import inspect
import pickle
from dataclasses import replace

import pytest

from spane import DefinitionError, ReferenceMisuse, Retry, node, workflow
from spane.errors import UnknownOption


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"timeout_s": 0}, "timeout_s is 0"),
        ({"timeout_s": -1}, "timeout_s is -1; give seconds from 0.001 up, or None for no timeout."),
        ({"timeout_s": "5"}, "timeout_s is '5'"),
        ({"priority": 0}, "priority is 0; give a whole number from 1 (last) to 10 (first)"),
        ({"priority": 11}, "priority is 11"),
        ({"queue": "a b"}, "queue is 'a b'; a queue's name has 1 to 200 letters"),
        ({"delay_s": -0.1}, "delay_s is -0.1; give seconds from 0 up."),
        ({"on_failure": "ignore"}, "on_failure is 'ignore'; give 'fail', 'continue' or 'skip'."),
        ({"retry": 3}, "retry is 3; give a Retry, for example Retry(attempts=5)."),
    ],
)
def test_an_option_out_of_range_is_refused(options, said):
    def fetch(): ...

    with pytest.raises(DefinitionError) as decorating:
        node(**options)(fetch)
    plain = node(fetch)
    with pytest.raises(DefinitionError) as calling:
        plain.options(**options)
    assert said in str(decorating.value)
    assert said in str(calling.value)


def test_all_bad_options_are_named_together_with_their_line(marked):
    @node
    def fetch(): ...

    with pytest.raises(DefinitionError, match="Node 'fetch' has 2 faults") as caught:
        fetch.options(timeout_s=-1, priority=99)  # here
    assert marked(test_all_bad_options_are_named_together_with_their_line) == caught.value.faults[0].where


def test_a_version_is_a_name():
    with pytest.raises(DefinitionError, match=r"version is 'a b'; give text: 1 to 200 letters"):

        @node(version="a b")
        def fetch(): ...


def test_given_options_change_and_the_rest_stays():
    @node(retry=Retry(attempts=9), queue="slow", timeout_s=5)
    def fetch() -> int: ...

    @workflow
    def flow():
        return fetch.options(timeout_s=None).options(priority=2)()

    [call] = flow.draft.calls
    assert (9, "slow", None, 2) == (
        call.options.retry.attempts,
        call.options.queue,
        call.options.timeout_s,
        call.options.priority,
    )


def test_after_orders_without_data():
    @node
    def first() -> int: ...

    @node
    def second() -> int: ...

    @node
    def third(n: int) -> int: ...

    @workflow
    def flow():
        one, two = first(), second.options(after=first.named("zero")())()
        return third.options(after=[one, two, one])(7)

    calls = {call.id: call for call in flow.draft.calls}
    assert (["zero"], ["first", "second"]) == (calls["second"].after, calls["third"].after)
    assert ("first", "second") == flow.plan.nodes[-1].after


def test_after_takes_results_of_nodes_only(told):
    @node
    def fetch() -> int: ...

    @workflow
    def flow(n: int):
        return fetch.options(after=n)()

    assert (
        "node 'fetch': after takes results of nodes in this body, and <reference to input 'n': int> is none."
        == (told(flow)["bad-after"])
    )

    @workflow(name="other")
    def uncalled():
        return fetch.options(after=[fetch])()

    assert "after takes results of nodes in this body, and <node 'fetch'" in told(uncalled)["bad-after"]


def test_a_reference_among_other_options_is_refused():
    @node
    def fetch(n: float = 0) -> float: ...

    @workflow
    def flow():
        fetch.options(on_failure=fetch())

    with pytest.raises(
        DefinitionError, match="options are fixed before anything runs, so give a finished value"
    ) as caught:
        _ = flow.draft
    assert not isinstance(caught.value, ReferenceMisuse)


def fetch() -> int:
    return 1


@pytest.mark.parametrize(
    ("give", "what", "said"),
    [
        (lambda: node(timeout=3), "@node", "@node has no option 'timeout'. Did you mean 'timeout_s'?"),
        (lambda: node(retries=3), "@node", "@node has no option 'retries'. Did you mean 'retry=Retry(attempts=...)'?"),
        (lambda: node(queue_name="x"), "@node", "@node has no option 'queue_name'. Did you mean 'queue'?"),
        (
            lambda: node(after=[]),
            "@node",
            (
                "@node has no option 'after'. Its options are name, retry, timeout_s, queue, priority, delay_s, on_failure, "
                "limit, undo, breaker, version, was."
            ),
        ),
        (lambda: node(fetch, 3), "@node", "@node takes options by name only, and 3 has none. They are name, retry, "),
        (
            lambda: node(fetch).options(timeout=3),
            "node.options",
            "node.options has no option 'timeout'. Did you mean 'timeout_s'?",
        ),
        (lambda: Retry(tries=3), "Retry", "Retry has no option 'tries'. Did you mean 'attempts'?"),
        (lambda: Retry(max_backoff=3), "Retry", "Retry has no option 'max_backoff'. Did you mean 'max_s'?"),
        (lambda: Retry(3), "Retry", "Retry takes options by name only, and 3 has none. They are attempts, backoff, "),
        (lambda: replace(Retry(), tries=3), "Retry", "Retry has no option 'tries'. Did you mean 'attempts'?"),
        (lambda: workflow(nme="x"), "@workflow", "@workflow has no option 'nme'. Did you mean 'name'?"),
        (
            lambda: workflow(retry=Retry()),
            "@workflow",
            (
                "@workflow has no option 'retry'. Its options are name, limit, deadline_s, on_failure. Rules like retry, timeout_s and queue are options "
                "of its nodes."
            ),
        ),
        (
            lambda: workflow.of("flow", node(fetch), output=None),
            "workflow.of",
            "workflow.of has no option 'output'. Its options are inputs, returns, on_failure.",
        ),
    ],
)
def test_an_unknown_option_is_refused_with_what_was_probably_meant(give, what, said):
    with pytest.raises(UnknownOption) as caught:
        give()
    assert str(caught.value).startswith(f"{what} has 1 fault:\n  - {__file__}:")
    assert said in str(caught.value)


def test_all_unknown_options_are_named_together_before_anything_is_decorated():
    with pytest.raises(UnknownOption, match="@node has 2 faults") as caught:
        node(timeout=3, tries=2)
    assert ["unknown-option", "unknown-option"] == [fault.code for fault in caught.value.faults]


def test_a_name_in_the_place_of_the_function_is_told_apart():
    with pytest.raises(DefinitionError, match=r"A type name is given by name: @node\(name='shop.fetch'\)"):
        node("shop.fetch")
    with pytest.raises(DefinitionError, match=r"A name is given by name: @workflow\(name='orders'\)"):
        workflow("orders")


def test_a_policy_with_checked_options_still_pickles_and_shows_its_signature():
    assert Retry(attempts=4) == pickle.loads(pickle.dumps(Retry(attempts=4)))
    assert "attempts" in inspect.signature(Retry).parameters
