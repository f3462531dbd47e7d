"""sleep, wait_for_event and in_order in bodies: what they write down, and what they refuse."""

from __future__ import annotations

import pytest

from spane import DefinitionError, ReferenceMisuse, in_order, node, sleep, wait_for_event, workflow


@node
def fetch_order(n: int) -> int:
    return n


@node
def dispatch(n: int) -> str:
    return str(n)


def nodes(made):
    return {node.id: node for node in made.plan.nodes}


def test_a_sleep_of_a_known_time_is_a_delay_of_the_plan():
    @workflow
    def flow(n: int) -> str:
        return dispatch(sleep(fetch_order(n), 1.5))

    found = nodes(flow)["sleep"]
    assert ("spane.sleep", 1_500, False) == (found.type, found.delay_ms, found.waits)
    assert int is next(call for call in flow.draft.calls if call.id == "sleep").node_type.returns


def test_a_sleep_of_a_time_known_at_run_time_waits():
    @workflow
    def flow(n: int) -> str:
        return dispatch(sleep(fetch_order(n), n))

    found = nodes(flow)["sleep"]
    assert ("spane.sleep_for", 0, True) == (found.type, found.delay_ms, found.waits)


def test_calls_in_order_come_after_each_other():
    @workflow
    def flow(n: int) -> str:
        first = fetch_order(n)
        with in_order():
            dispatch.named("one")(first)
            sleep(first, 5)
            dispatch.named("two")(first)
            return dispatch.named("three")(first)

    assert {"fetch_order": (), "one": (), "sleep": ("one",), "two": ("sleep",), "three": ("two",)} == {
        name: found.after for name, found in nodes(flow).items()
    }


def test_an_event_wait_is_named_after_its_event():
    @workflow
    def flow(n: int) -> str:
        return dispatch(wait_for_event("approved", int, timeout_s=60, after=fetch_order(n)))

    found = nodes(flow)["approved"]
    assert ("spane.wait_for_event", ("fetch_order",), True) == (found.type, found.after, found.waits)


@pytest.mark.parametrize("wait", [lambda n: sleep(n, 5), lambda _: wait_for_event("said", int)])
def test_a_wait_that_nothing_waits_for_is_a_fault(wait):
    @workflow
    def flow(n: int) -> str:
        wait(fetch_order.named("first")(n))
        return dispatch(n)

    with pytest.raises(DefinitionError, match=r"gives, so nothing waits for it\. Pass its result on, name it in"):
        _ = flow.plan


@pytest.mark.parametrize(
    ("misuse", "message"),
    [
        (lambda n: sleep(5, 5), "sleep takes a reference to pass on, and got 5. Write sleep(result, 60)."),
        (lambda n: sleep(n, -1), "sleep is given -1 as seconds. Give a number from 0 up, or a reference to one."),
        (lambda n: sleep(n, "soon"), "sleep is given 'soon' as seconds."),
        (
            lambda n: wait_for_event("not good", int),
            "wait_for_event is given the name 'not good'; an event's name has 1 to",
        ),
        (
            lambda n: wait_for_event("good", int, timeout_s=0),
            "given timeout_s=0; give seconds above 0, or None for no end.",
        ),
        (
            lambda n: wait_for_event("good", int, on_timeout="skip"),
            "given on_timeout='skip'; give 'raise', or None for None.",
        ),
        (lambda n: wait_for_event("good", int, on_timeout=None), "so it never gives None. Say timeout_s."),
    ],
)
def test_what_cannot_be_waited_for_is_refused(misuse, message):
    @workflow
    def flow(n: int) -> str:
        return dispatch(misuse(n))

    with pytest.raises(ReferenceMisuse) as raised:
        _ = flow.plan
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("outside", "message"),
    [
        (lambda: sleep(1, 2), "sleep stands outside a workflow's body. In a plain function call time.sleep."),
        (lambda: wait_for_event("said", int), "wait_for_event stands outside a workflow's body."),
        (in_order, "in_order stands outside a workflow's body."),
    ],
)
def test_outside_of_a_body_they_are_refused(outside, message):
    with pytest.raises(ReferenceMisuse) as raised:
        outside()
    assert message in str(raised.value)


def test_more_waits_for_one_event_than_a_signal_looks_at_are_a_fault():
    @workflow
    def flow(n: int) -> list[int]:
        return [wait_for_event("said", int) for _ in range(501)]

    with pytest.raises(DefinitionError, match=r"501 nodes wait for the event .said.; at most 500 may wait for one\."):
        _ = flow.plan


@pytest.mark.parametrize("deadline_s", [0, -5, float("nan"), 1e300, True, "soon"])
def test_a_deadline_is_a_time(deadline_s):
    @workflow(deadline_s=deadline_s)
    def flow(n: int) -> str:
        return dispatch(n)

    with pytest.raises(
        DefinitionError, match=r"give seconds above 0, at most a hundred years, or None for no deadline\."
    ):
        _ = flow.plan
