"""What is skipped, and what that leads to: commit.lua and, where there is much of it, fetch.lua."""

from __future__ import annotations

import pytest

from spane.model.event import EventKind
from spane.model.plan import Gate
from spane.runtime import stream
from tests.transitions.conftest import CHAIN, node, plan

#: `top` decides between yes and no; `end` joins both.
FORK = plan(
    node("top"),
    node("yes", "top", gates=(Gate("top", "b1"),)),
    node("no", "top", gates=(Gate("top", "b2"),)),
    node("end", "yes", "no"),
)


def settle(stage, wanted: str, **options):
    """Claim a node that must be the only one there, and commit it."""
    (claim,) = stage.fetch()
    assert wanted == claim.node
    return stage.commit(claim, **options)


def skipped(stage) -> list[str]:
    return [event.node for event in stream.events(stage.store) if event.kind is EventKind.NODE_SKIPPED]


@pytest.mark.parametrize(("opens", "taken", "other"), [(",b1,", "yes", "no"), (",b2,", "no", "yes")])
def test_a_closed_gate_skips_and_a_join_runs_with_the_one_that_ran(stage, opens, taken, other):
    stage.start(FORK)
    settle(stage, "top", opens=opens)
    assert ("S", [other]) == (stage.state(other), skipped(stage))
    settle(stage, taken)
    (end,) = stage.fetch()
    assert ("end", 1) == (end.node, sum(value is not None for value in end.values))
    stage.commit(end)
    assert ("completed", "0") == (stage.status(), stage.field("@open"))


def test_with_no_way_open_everything_below_is_skipped_and_the_execution_completes(stage):
    stage.start(FORK)
    settle(stage, "top")
    assert {"yes", "no", "end"} == set(skipped(stage))
    assert ("completed", []) == (stage.status(), stage.fetch())
    assert "ScsvC" == stage.letters()


def test_an_open_gate_hands_its_child_over(stage):
    stage.start(FORK)
    (top,) = stage.fetch()
    _, _, row = stage.commit(top, opens=",b2,", hand="default")
    assert b"no" == row[1]
    assert ["yes"] == skipped(stage)


def test_both_ways_may_be_open(stage):
    stage.start(FORK)
    settle(stage, "top", opens=",b1,b2,")
    assert {"yes", "no"} == {claim.node for claim in stage.fetch()}


def test_a_skipped_parent_that_comes_last_still_releases_the_join(stage):
    made = plan(
        node("top"), node("gated", "top", gates=(Gate("top", "b1"),)), node("mid", "gated"), node("side"),
        node("end", "mid", "side"),
    )  # fmt: skip
    stage.start(made)
    top, side = sorted(stage.fetch(), key=lambda claim: claim.node, reverse=True)
    stage.commit(side)
    assert "running" == stage.status()
    stage.commit(top)
    assert ["gated", "mid"] == skipped(stage)
    settle(stage, "end")
    assert "completed" == stage.status()


def test_a_node_behind_two_gates_needs_both(stage):
    made = plan(node("one"), node("two"), node("both", gates=(Gate("one", "b1"), Gate("two", "b2"))))
    for number, (first, second, state) in enumerate([(",b1,", ",b2,", "Q"), (",b1,", "", "S"), ("", ",b2,", "S")]):
        stage.start(made, execution=f"x{number}")
        one, two = sorted(stage.fetch(), key=lambda claim: claim.node)
        stage.commit(one, opens=first)
        stage.commit(two, opens=second)
        assert state == stage.state("both", execution=f"x{number}")
        for claim in stage.fetch():
            stage.commit(claim)


def test_what_only_comes_after_a_skipped_node_runs(stage):
    made = plan(node("top"), node("gated", gates=(Gate("top", "b1"),)), node("late", after=("gated",)))
    stage.start(made)
    settle(stage, "top")
    assert ["gated"] == skipped(stage)
    settle(stage, "late")
    assert "completed" == stage.status()


def test_a_node_may_skip_itself(stage):
    stage.start(CHAIN)
    settle(stage, "first", kind="k", payload=b"nothing to do")
    assert ("completed", ["first", "second"]) == (stage.status(), skipped(stage))
    own = next(
        event for event in stream.events(stage.store) if event.node == "first" and event.kind is EventKind.NODE_SKIPPED
    )
    assert (1, "nothing to do") == (own.attempt, (own.data or {})["reason"])
    assert b"first" not in stage.client.hkeys(stage.keys.outputs("x1"))


def test_a_router_chooses_its_children_alone_and_in_joins(stage):
    made = plan(
        node("router", routes=("a", "b", "c", "d")), node("other"), node("a", "router"), node("b", "router"),
        node("c", "router", "other"), node("d", "router", "other"),
    )  # fmt: skip
    stage.start(made)
    other, router = sorted(stage.fetch(), key=lambda claim: claim.node)
    stage.commit(router, route=",a,c,")
    stage.commit(other)
    assert {"b", "d"} == set(skipped(stage))
    assert {"a", "c"} == {claim.node for claim in stage.fetch()}


def test_a_router_may_choose_nobody(stage):
    stage.start(plan(node("router", routes=("a",)), node("a", "router"), node("b", "a")))
    settle(stage, "router", route=",")
    assert ("completed", {"a", "b"}) == (stage.status(), set(skipped(stage)))


def test_a_parent_that_failed_and_is_gone_on_from_opens_no_gate(stage):
    made = plan(
        node("top", on_failure="continue"), node("gated", "top", gates=(Gate("top", "b1"),)), node("free", "top")
    )
    stage.start(made)
    (top,) = stage.fetch()
    stage.fail(top)
    assert ("S", "Q") == (stage.state("gated"), stage.state("free"))


def test_thousands_are_skipped_by_cursors_and_each_once(stage):
    gate = (Gate("top", "b1"),)
    wide = tuple(node(f"w{number}", gates=gate) for number in range(1200))
    made = plan(node("top"), *wide, node("end", *(f"w{number}" for number in range(1200))), node("after", "end"))
    stage.start(made)
    settle(stage, "top")
    assert "running" == stage.status()
    calls = 0
    while stage.status() == "running":
        assert [] == stage.fetch()
        calls += 1
        assert calls < 8
    assert "completed" == stage.status()
    assert 1202 == len(skipped(stage)) == len(set(skipped(stage)))


def test_a_long_chain_is_skipped(stage):
    links = tuple(node(f"n{number:04}", f"n{number - 1:04}" if number else "top") for number in range(1500))
    first = plan(node("top"), node("n0000", "top", gates=(Gate("top", "b1"),)), *links[1:])
    stage.start(first)
    settle(stage, "top")
    calls = 0
    while stage.status() == "running":
        stage.fetch()
        calls += 1
        assert calls < 20
    assert ("completed", 1500) == (stage.status(), len(set(skipped(stage))))


def test_chunks_of_a_node_that_decides_keep_what_it_decided(stage):
    odd = (Gate("top", "b1"),)
    made = plan(
        node("top"),
        *(node(f"n{number}", "top", gates=odd if number % 2 else (Gate("top", "b2"),)) for number in range(1200)),
    )
    stage.start(made)
    settle(stage, "top", opens=",b2,")
    ran = set()
    for _ in range(40):
        for claim in stage.fetch(threads=100):
            ran.add(int(claim.node[1:]))
            stage.commit(claim)
    assert ("completed", set(range(0, 1200, 2))) == (stage.status(), ran)


def test_a_repeated_commit_skips_nothing_twice(stage):
    stage.start(FORK)
    (top,) = stage.fetch()
    stage.commit(top, opens=",b1,")
    before = stage.everything()
    assert [b"again"] == stage.commit(top, opens=",b1,")
    assert before == stage.everything()
