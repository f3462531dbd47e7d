"""What follows a failure or a cancel: include/compensate.lua, by commit.lua, cancel.lua, resume.lua, rescue.lua and heal.lua."""

from __future__ import annotations

import json

import pytest

from spane.model.event import EventKind
from spane.model.expressions import Input, Output
from spane.model.items import OWN
from spane.model.plan import FAILED, Plan, PlanNode
from spane.runtime import stream
from spane.runtime.steering import Reply
from tests.transitions.conftest import LIMITS, node, plan
from tests.transitions.test_expand import begin, items, mapping
from tests.transitions.test_heal import heal, letters_of_the_dead
from tests.transitions.test_pause import pause
from tests.transitions.test_resume import resume


def cancel(stage):
    return stage.cancel("x1", "because")


def rescue(stage):
    while stage.store.rescue():
        pass


def step(name: str, *parents: str) -> PlanNode:
    return PlanNode(
        name,
        "work",
        tuple((f"from_{i}", Output(p)) for i, p in enumerate(parents)),
        parents=parents,
        on_failure="continue",
    )


def undoable(name: str, *parents: str, **options) -> PlanNode:
    return node(name, *parents, undo=step(f"{name}~undo", name), **options)


HANDLER = step("tell~on_failure", FAILED)
TWO = plan(undoable("one"), undoable("two", "one"), node("last", "two"))
HANDLED = Plan("staged", TWO.nodes, handler=HANDLER)
TOLD = Plan("staged", (node("first"), node("last", "first")), handler=HANDLER)


UNPACK = PlanNode(
    "pack#~undo",
    "work",
    (("rest", Input(None)), ("item", OWN), ("output", Output("pack#"))),
    parents=("#", "pack#"),
    on_failure="continue",
)


def packing(*others: PlanNode, **options) -> Plan:
    """Return a plan with a map whose items have an undo."""
    return plan(mapping(undo=UNPACK, **options), *others)


def only(stage):
    [claim] = stage.fetch()
    return claim


def take(stage, wanted: str, **options):
    """Claim a node that must be the only one there, and commit it."""
    claim = only(stage)
    assert wanted == claim.node
    stage.commit(claim, **options)
    return claim


def fail_last(stage, made=TWO):
    stage.start(made)
    for wanted in [one.id for one in made.nodes][:-1]:
        take(stage, wanted, payload=f'"{wanted}"'.encode())
    stage.fail(only(stage))


def test_what_succeeded_is_undone_the_last_first_before_the_execution_fails(stage):
    fail_last(stage)
    assert ("compensating", "1", ("U", "x1|failed")) == (stage.status(), stage.field("@open"), stage.facts()[-1])
    undo = take(stage, "two~undo")
    assert [b'"two"'] == undo.values
    assert "compensating" == stage.status()
    take(stage, "one~undo")
    assert ("failed", "0", "0", ("F", "x1|1|last")) == (
        stage.status(), stage.field("@open"), stage.field("@run"), stage.facts()[-1],
    )  # fmt: skip
    assert ("D", "D", []) == (stage.state("two~undo"), stage.state("one~undo"), stage.fetch())
    assert 1 == stage.letters().count("U")


def test_nothing_is_undone_where_it_completes(stage):
    stage.start(TWO)
    for wanted in ("one", "two", "last"):
        take(stage, wanted)
    assert ("completed", [], 0) == (stage.status(), stage.fetch(), stage.client.exists(stage.keys.to_be_undone("x1")))


def test_the_order_is_that_of_completion(stage):
    stage.start(plan(undoable("one"), undoable("two"), undoable("three"), node("bad")))
    claims = {claim.node: claim for claim in stage.fetch()}
    stage.fail(claims["bad"])
    assert "failing" == stage.status()
    for name in ("two", "three", "one"):
        stage.commit(claims[name])
    for name in ("one", "three", "two"):
        take(stage, f"{name}~undo")
    assert "failed" == stage.status()


def test_what_failed_or_was_skipped_is_not_undone(stage):
    stage.start(
        plan(undoable("one", on_failure="skip"), undoable("two"), undoable("three", "two"), node("four", "two"))
    )
    claims = {claim.node: claim for claim in stage.fetch()}
    stage.fail(claims["one"])
    stage.commit(claims["two"])
    claims = {claim.node: claim for claim in stage.fetch()}
    stage.commit(claims["three"], kind="k", payload=b"nothing to do")
    stage.fail(claims["four"])
    take(stage, "two~undo")
    assert "failed" == stage.status()


def test_a_repeated_commit_is_undone_once(stage):
    stage.start(TWO)
    claim = only(stage)
    stage.commit(claim)
    stage.commit(claim)
    stage.fail(only(stage))
    take(stage, "one~undo")
    assert ("failed", []) == (stage.status(), stage.fetch())


def test_a_cancelled_execution_undoes_what_runs_to_its_end_as_well(stage):
    stage.start(TWO)
    take(stage, "one")
    two = only(stage)
    cancel(stage)
    assert "cancelling" == stage.status()
    stage.commit(two)
    assert ("compensating", ("U", "x1|cancelled")) == (stage.status(), stage.facts()[-1])
    assert Reply("illegal", "compensating") == cancel(stage)
    take(stage, "two~undo")
    take(stage, "one~undo")
    assert ("cancelled", ("X", "x1|1|because")) == (stage.status(), stage.facts()[-1])


def test_a_cancel_with_nothing_running_compensates_at_once(stage):
    stage.start(TWO)
    take(stage, "one")
    pause(stage)
    assert Reply("ok", "0") == cancel(stage)
    take(stage, "one~undo")
    assert ("cancelled", []) == (stage.status(), stage.fetch())


def test_a_paused_execution_compensates_when_it_is_resumed(stage):
    stage.start(TWO)
    take(stage, "one")
    two = only(stage)
    pause(stage)
    stage.fail(two)
    assert ("paused", []) == (stage.status(), stage.fetch())
    assert ["ok", "compensating"] == resume(stage)
    assert ["illegal", "compensating"] == pause(stage)
    take(stage, "one~undo")
    assert "failed" == stage.status()


def test_an_undo_is_tried_again_like_any_node(stage):
    fail_last(stage)
    stage.retry(only(stage), delay_ms=1_000)
    assert ("T", []) == (stage.state("two~undo"), stage.fetch())
    stage.clock.advance(1_000)
    take(stage, "two~undo")
    take(stage, "one~undo")
    assert "failed" == stage.status()


def test_an_undo_that_fails_is_a_dead_letter_and_the_others_go_on(stage):
    fail_last(stage)
    stage.fail(only(stage))
    take(stage, "one~undo")
    assert ("failed", ["x1|last", "x1|two~undo"], ("F", "x1|1|last")) == (
        stage.status(), sorted(letters_of_the_dead(stage)), stage.facts()[-1],
    )  # fmt: skip
    assert 500_000 < stage.kept_ms(stage.keys.execution("x1"))


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_the_dead_letter_of_an_undo_is_retried_to_the_same_end(stage, end):
    stage.start(TWO)
    take(stage, "one")
    if end == "failed":
        stage.fail(only(stage))
    else:
        cancel(stage)
        stage.commit(only(stage), kind="x", payload=b"{}") if stage.status() == "cancelling" else None
    stage.fail(only(stage))
    assert end == stage.status()
    assert ["ok", 2] == heal(stage, "one~undo")
    assert ("compensating", -1) == (stage.status(), stage.client.pttl(stage.keys.execution("x1")))
    take(stage, "one~undo")
    assert (end, "2") == (stage.status(), stage.field("@g"))
    assert "x1|one~undo" not in letters_of_the_dead(stage)
    assert b"0" == stage.client.hget(stage.keys.plan(TWO.hash), "refs")
    assert 0 == stage.client.exists(stage.keys.to_be_undone("x1"))


def test_the_dead_letter_of_an_undo_that_is_retried_meanwhile_comes_next(stage):
    fail_last(stage)
    stage.fail(only(stage))
    assert ["ok", 1] == heal(stage, "two~undo")
    take(stage, "one~undo")
    assert "compensating" == stage.status()
    take(stage, "two~undo")
    assert ("failed", ["x1|last"]) == (stage.status(), letters_of_the_dead(stage))


def test_an_execution_that_has_compensated_is_not_healed(stage):
    fail_last(stage)
    assert ["illegal", "compensating"] == heal(stage, "last")
    take(stage, "two~undo")
    take(stage, "one~undo")
    assert ["undone", "failed"] == heal(stage, "last")
    assert ("failed", ["x1|last"]) == (stage.status(), letters_of_the_dead(stage))


def test_a_worker_that_dies_with_an_undo_is_taken_over(stage):
    fail_last(stage)
    stage.fetch("w2")
    stage.clock.advance(LIMITS.lease_ms + 1)
    rescue(stage)
    assert ("compensating", "Q") == (stage.status(), stage.state("two~undo"))
    take(stage, "two~undo")
    take(stage, "one~undo")
    assert "failed" == stage.status()


def test_an_undo_that_kills_its_workers_is_a_dead_letter_and_the_others_go_on(stage):
    fail_last(stage)
    for _ in range(10):
        claims = stage.fetch("w2")
        if not claims or claims[0].node != "two~undo":
            break
        stage.store.mark("x1", "two~undo", claims[0].token)
        stage.clock.advance(LIMITS.lease_ms + 1)
        rescue(stage)
    assert "x1|two~undo" in letters_of_the_dead(stage)
    assert ["one~undo"] == [claim.node for claim in claims]
    stage.commit(claims[0], session="w2")
    assert "failed" == stage.status()


def test_a_claim_that_is_given_back_stands_first_in_its_queue(stage):
    fail_last(stage)
    claim = only(stage)
    assert 1 == stage.store.give_back("w1", [("x1", claim.node, claim.token)])
    assert ("Q", "compensating") == (stage.state("two~undo"), stage.status())
    take(stage, "two~undo")


@pytest.mark.parametrize("lost", ["hint", "timer"])
def test_the_sweep_brings_a_lost_step_back(stage, lost):
    fail_last(stage)
    if lost == "timer":
        stage.retry(only(stage), delay_ms=100)
        stage.client.delete(stage.keys.timers)
    else:
        stage.client.delete(stage.keys.queue("default", 5))
    stage.clock.advance(LIMITS.patience_ms + 1)
    assert 1 == stage.store.sweep()[1]
    take(stage, "two~undo")


def test_what_was_put_aside_stays_there_while_it_compensates(stage):
    made = plan(undoable("one"), node("bad"), node("later", delay_ms=50), node("below", "one"))
    stage.start(made)
    one, bad = stage.fetch()
    stage.fail(bad)
    stage.commit(one)
    stage.clock.advance(100)
    assert ["one~undo"] == [claim.node for claim in stage.fetch()]
    assert "P" == stage.state("later")


def test_the_handler_hears_what_failed_after_all_is_undone(stage):
    fail_last(stage, HANDLED)
    take(stage, "two~undo")
    take(stage, "one~undo")
    assert "compensating" == stage.status()
    claim = take(stage, "tell~on_failure")
    told = json.loads(claim.values[0])
    assert ("x1", "staged", "last", "broken") == (
        told["execution"], told["workflow"], told["node"], told["error"]["message"],
    )  # fmt: skip
    assert "failed" == stage.status()


def test_no_handler_hears_of_a_cancel(stage):
    stage.start(TOLD)
    take(stage, "first")
    pause(stage)
    cancel(stage)
    assert ("cancelled", []) == (stage.status(), stage.fetch())


def test_a_handler_that_fails_is_a_dead_letter_and_the_execution_fails_of_the_first(stage):
    fail_last(stage, TOLD)
    stage.fail(only(stage), message="nobody listens")
    assert ("failed", ["x1|last", "x1|tell~on_failure"], "last") == (
        stage.status(), sorted(letters_of_the_dead(stage)), stage.field("@bad"),
    )  # fmt: skip
    assert ["ok", 2] == heal(stage, "tell~on_failure")
    take(stage, "tell~on_failure")
    assert ("failed", ["x1|last"], "1") == (stage.status(), letters_of_the_dead(stage), stage.field("@dl"))


def test_an_execution_that_has_told_its_handler_is_healed_and_tells_it_again(stage):
    fail_last(stage, TOLD)
    stage.fail(only(stage))
    assert ["ok", 2] == heal(stage, "last")
    assert (None, ["x1"], "0") == (stage.state("tell~on_failure"), stage.active(), stage.field("@dl"))
    stage.fail(only(stage), message="again")
    claim = take(stage, "tell~on_failure")
    assert "again" == json.loads(claim.values[0])["error"]["message"]
    assert ("failed", "2") == (stage.status(), stage.field("@g"))
    heal(stage, "last")
    take(stage, "last")
    assert "completed" == stage.status()
    assert [] == [event for event in stream.events(stage.store) if event.kind is EventKind.HINT_DROPPED]


def test_skip_counts_as_skipped_for_the_children_and_leaves_a_dead_letter(stage):
    stage.start(plan(node("first", on_failure="skip"), node("child", "first"), node("below", "child"), node("free")))
    claims = {claim.node: claim for claim in stage.fetch()}
    stage.fail(claims["first"])
    assert ("F", "S", "S", "running") == (
        stage.state("first"), stage.state("child"), stage.state("below"), stage.status(),
    )  # fmt: skip
    stage.commit(claims["free"])
    assert ("completed", ["x1|first"], ["passed", "completed"]) == (
        stage.status(), letters_of_the_dead(stage), heal(stage, "first"),
    )  # fmt: skip


def test_a_join_runs_with_the_parent_that_did_not_fail(stage):
    stage.start(plan(node("bad", on_failure="skip"), node("good"), node("end", "bad", "good")))
    claims = {claim.node: claim for claim in stage.fetch()}
    stage.fail(claims["bad"])
    stage.commit(claims["good"])
    take(stage, "end")
    assert "completed" == stage.status()


def by_node(stage):
    return {claim.node: claim for claim in stage.fetch()}


def test_the_items_of_a_map_are_undone_each_with_what_it_was_given_and_gave(stage):
    begin(stage, 3, made=packing(node("last", "pack")))
    claims = by_node(stage)
    for index in (1, 0, 2):
        stage.commit(claims[f"pack#{index}"], payload=b'"parcel %d"' % index)
    take(stage, "pack", payload=b"[]")
    stage.fail(only(stage))
    assert "compensating" == stage.status()
    given = [take(stage, f"pack#{index}~undo").values for index in (2, 0, 1)]
    assert [[b"%d" % (10 + index), b'"parcel %d"' % index, b"{}"] for index in (2, 0, 1)] == given
    assert ("failed", "0", "0", []) == (stage.status(), stage.field("@open"), stage.field("@run"), stage.fetch())


def test_items_and_nodes_are_undone_in_one_order(stage):
    begin(stage, 2, made=packing(undoable("aside", delay_ms=5), node("last", "pack", "aside")))
    stage.clock.advance(5)
    claims = by_node(stage)
    for name in ("pack#1", "aside", "pack#0"):
        stage.commit(claims[name])
    take(stage, "pack")
    stage.fail(only(stage))
    for name in ("pack#0", "aside", "pack#1"):
        take(stage, f"{name}~undo")
    assert "failed" == stage.status()


def test_of_a_map_that_fails_half_way_what_succeeded_is_undone(stage):
    begin(stage, 4, made=packing())
    claims = by_node(stage)
    stage.commit(claims["pack#3"])
    stage.fail(claims["pack#2"])
    assert "failing" == stage.status()
    stage.commit(claims["pack#0"])
    stage.commit(claims["pack#1"], kind="k", payload=b"nothing to do")
    take(stage, "pack#0~undo")
    take(stage, "pack#3~undo")
    assert ("failed", ["x1|pack#2"]) == (stage.status(), letters_of_the_dead(stage))


@pytest.mark.parametrize("policy", ["collect", "skip"])
def test_items_that_failed_and_were_gone_on_from_are_not_undone(stage, policy):
    begin(stage, 2, made=packing(node("last", "pack"), on_item_failure=policy))
    claims = by_node(stage)
    stage.fail(claims["pack#1"])
    stage.commit(claims["pack#0"])
    take(stage, "pack")
    stage.fail(only(stage))
    take(stage, "pack#0~undo")
    assert ("failed", []) == (stage.status(), stage.fetch())


def test_a_cancelled_map_undoes_items_that_run_to_their_end_as_well(stage):
    begin(stage, 3, most=2, made=packing())
    first, second = stage.fetch()
    stage.commit(first)
    cancel(stage)
    stage.commit(second)
    take(stage, "pack#1~undo")
    take(stage, "pack#0~undo")
    assert ("cancelled", []) == (stage.status(), stage.fetch())


def test_what_an_item_was_given_stays_only_where_it_may_be_undone(stage):
    begin(stage, 2, made=packing(node("last", "pack")))
    first, second = stage.fetch()
    stage.commit(first)
    stage.commit(second, kind="k", payload=b"nothing to do")
    assert {b"#pack#0"} == set(items(stage))


def test_an_undo_of_an_item_is_retried_taken_over_and_a_dead_letter_like_any(stage):
    begin(stage, 2, made=packing())
    first, second = stage.fetch()
    stage.commit(first)
    stage.commit(second)
    stage.fail(only(stage))
    stage.retry(only(stage), delay_ms=100)
    stage.clock.advance(100)
    assert "pack#1~undo" == stage.fetch("w2")[0].node
    stage.clock.advance(LIMITS.lease_ms + 1)
    rescue(stage)
    stage.fail(only(stage))
    take(stage, "pack#0~undo")
    assert ("failed", {"x1|pack", "x1|pack#1~undo"}) == (stage.status(), set(letters_of_the_dead(stage)))
    assert ["ok", 2] == heal(stage, "pack#1~undo")
    assert [b"11", b"1", b"{}"] == take(stage, "pack#1~undo").values
    assert ("failed", ["x1|pack"]) == (stage.status(), letters_of_the_dead(stage))


def test_a_map_whose_items_have_no_undo_asks_for_nothing_more(stage):
    begin(stage, 1, made=plan(mapping(), undoable("aside", "pack")))
    claims = by_node(stage)
    stage.commit(claims["pack#0"])
    assert (None, {}) == (stage.field("@u"), items(stage))
