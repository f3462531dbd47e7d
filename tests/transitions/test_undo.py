"""undo.lua, and what include/finish.lua notes of a child that has completed"""

from __future__ import annotations

import pytest

from spane.model.plan import PlanNode
from tests.transitions.conftest import LIMITS, node, plan
from tests.transitions.test_compensate import only, rescue, take, undoable
from tests.transitions.test_descend import descend
from tests.transitions.test_discard import discard
from tests.transitions.test_expand import begin, mapping
from tests.transitions.test_heal import heal, letters_of_the_dead

KEPT = (LIMITS.retention_ms, LIMITS.dead_letter_retention_ms)
CHILD = plan(undoable("one"), undoable("two", "one"), workflow="child")
PLAIN = plan(node("one"), workflow="child")


def taking_back(name: str) -> PlanNode:
    """Return the step that undoes what a node ran."""
    return PlanNode(f"{name}~undo", "spane.undo", waits=True, on_failure="continue")


def calling(name="call", *parents: str, made=CHILD, **options) -> PlanNode:
    undo = taking_back(name) if made.undoes else None
    return node(name, *parents, waits=True, child=made.hash, undo=undo, **options)


PARENT = plan(undoable("before"), calling("call", "before"), undoable("after", "call"), node("last", "after"))


def undo(stage, claim, session="w1", token=None):
    return stage.call(
        "undo", stage.now_ms, session, claim.execution, claim.node, token or claim.token, *KEPT
    )  # fmt: skip


def run_child(stage, child="c1", made=CHILD, number=1):
    """Have the node that is next run a child, and everything in it succeed."""
    assert ["ok", 1] == descend(stage, only(stage), child, made, number=number)
    for one in made.nodes:
        assert (child, one.id) == ((claim := take(stage, one.id)).execution, claim.node)


def fail_after_child(stage, made=PARENT, child=CHILD):
    """Fail a parent after its child has completed."""
    stage.put(child)
    stage.start(made)
    take(stage, "before")
    run_child(stage, made=child)
    take(stage, "call")
    take(stage, "after")
    stage.fail(only(stage))


def undo_child(stage, child="c1"):
    """Let the step that is next undo a child, whose nodes all succeeded."""
    assert ["ok", 1] == undo(stage, only(stage))
    assert "compensating" == stage.status(child)
    for one in ("two~undo", "one~undo"):
        assert child == take(stage, one).execution


def to_be_undone(stage, execution="x1"):
    return [name.decode() for name in stage.client.lrange(f"s:{{0}}:u:{execution}", 0, -1)]


def test_a_completed_child_is_undone_in_its_place_and_its_parent_goes_on(stage):
    fail_after_child(stage)
    take(stage, "after~undo")
    step = only(stage)
    assert ("call~undo", [None]) == (step.node, step.values)
    assert ["ok", 1] == undo(stage, step)
    assert ("A", "1", "compensating", "2", -1) == (
        stage.state("call~undo"), stage.field("@run"), stage.status("c1"), stage.field("@g", "c1"),
        stage.client.pttl(stage.keys.execution("c1")),
    )  # fmt: skip
    assert {} == stage.client.hgetall("s:{0}:w:w1")
    take(stage, "two~undo")
    take(stage, "one~undo")
    why = "what it did is undone, because x1 failed"
    assert ("cancelled", why, ("X", f"c1|2|{why}")) == (
        stage.status("c1"), stage.field("@why", "c1"), stage.facts()[-1],
    )  # fmt: skip
    again = take(stage, "call~undo")
    assert [b"ccancelled|c1|1"] == again.values
    take(stage, "before~undo")
    assert ("failed", "0", "0", []) == (stage.status(), stage.field("@run"), stage.field("@open"), stage.active())
    stage.fetch()
    assert 0 < stage.kept_ms(stage.keys.execution("c1"))
    assert b"0" == stage.client.hget(stage.keys.plan(CHILD.hash), "refs")


def test_a_repeated_call_changes_nothing(stage):
    fail_after_child(stage)
    take(stage, "after~undo")
    step = only(stage)
    undo(stage, step)
    before = stage.everything()
    assert ["again"] == undo(stage, step)
    assert before == stage.everything()


def test_another_attempt_is_fenced_and_an_execution_that_is_gone_forgotten(stage):
    fail_after_child(stage)
    take(stage, "after~undo")
    step = only(stage)
    assert ["fenced"] == undo(stage, step, token="w0.1")
    assert ("R", "completed", "z") == (stage.state("call~undo"), stage.status("c1"), stage.letters()[-1])
    stage.client.delete(stage.keys.execution("x1"))
    assert ["gone"] == undo(stage, step)
    assert {} == stage.client.hgetall("s:{0}:w:w1")


def test_a_child_in_which_nothing_has_an_undo_costs_nothing(stage):
    made = plan(node("before"), calling("call", "before", made=PLAIN), node("after", "call"), node("last", "after"))
    fail_after_child(stage, made, PLAIN)
    assert ("failed", [], None, None) == (stage.status(), stage.fetch(), stage.field("@u"), stage.field("@u:call"))


def test_a_child_is_undone_where_its_node_had_not_come_to_its_end(stage):
    stage.put(CHILD)
    stage.start(plan(calling(), node("bad")))
    claims = {claim.node: claim for claim in stage.fetch()}
    descend(stage, claims["call"], made=CHILD)
    stage.fail(claims["bad"])
    take(stage, "one")
    take(stage, "two")
    assert ("P", "compensating", "completed") == (stage.state("call"), stage.status(), stage.status("c1"))
    undo_child(stage)
    take(stage, "call~undo")
    assert ("failed", "cancelled") == (stage.status(), stage.status("c1"))


def test_a_child_is_undone_whose_node_failed_with_its_result(stage):
    stage.put(CHILD)
    stage.start(plan(calling()))
    run_child(stage)
    stage.fail(only(stage))
    undo_child(stage)
    take(stage, "call~undo")
    assert "failed" == stage.status()


def test_a_parent_that_is_cancelled_undoes_its_children_as_well(stage):
    stage.put(CHILD)
    stage.start(PARENT)
    take(stage, "before")
    run_child(stage)
    stage.cancel("x1", "because")
    undo_child(stage)
    assert "what it did is undone, because x1 was cancelled" == stage.field("@why", "c1")
    take(stage, "call~undo")
    take(stage, "before~undo")
    assert "cancelled" == stage.status()


def test_the_rounds_of_a_node_are_undone_one_after_the_other_the_last_first(stage):
    stage.put(CHILD)
    stage.start(plan(calling(), node("last", "call")))
    for number in (1, 2, 3):
        run_child(stage, f"c{number}", number=number)
    assert ["call"] == to_be_undone(stage)
    take(stage, "call")
    stage.fail(only(stage))
    for number in (3, 2, 1):
        undo_child(stage, f"c{number}")
    assert [b"ccancelled|c1|1"] == take(stage, "call~undo").values
    assert ("failed", None) == (stage.status(), stage.field("@u:call"))


def test_a_step_that_finds_no_child_left_is_queued_again_at_once(stage):
    fail_after_child(stage)
    take(stage, "after~undo")
    undo_child(stage)
    stage.fail(only(stage))
    take(stage, "before~undo")
    assert ["ok", 2] == heal(stage, "call~undo")
    assert ["ok", 1] == undo(stage, only(stage))
    assert ("Q", "0") == (stage.state("call~undo"), stage.field("@run"))
    assert [b"cnone||0"] == take(stage, "call~undo").values
    assert "failed" == stage.status()


def test_a_step_whose_child_is_gone_is_told_so(stage):
    fail_after_child(stage)
    take(stage, "after~undo")
    stage.client.delete(stage.keys.execution("c1"))
    assert ["ok", 1] == undo(stage, only(stage))
    assert [b"cgone|c1|1"] == only(stage).values


def test_a_child_whose_list_of_what_to_undo_is_lost_ends_at_once(stage):
    fail_after_child(stage)
    take(stage, "after~undo")
    stage.client.delete(stage.keys.to_be_undone("c1"))
    assert ["ok", 1] == undo(stage, only(stage))
    assert ("cancelled", [b"ccancelled|c1|1"]) == (stage.status("c1"), take(stage, "call~undo").values)
    take(stage, "before~undo")
    assert "failed" == stage.status()


def test_a_child_that_is_lost_while_it_is_undone_is_found_by_the_sweep(stage):
    fail_after_child(stage)
    take(stage, "after~undo")
    undo(stage, only(stage))
    stage.client.delete(stage.keys.execution("c1"))
    stage.clock.advance(LIMITS.patience_ms + 1)
    stage.store.sweep()
    assert [b"cgone|c1|1"] == only(stage).values


def test_children_of_children_are_undone_from_the_innermost_node_out(stage):
    middle = plan(calling("inner"), undoable("mine", "inner"), workflow="middle")
    stage.put(CHILD)
    stage.put(middle)
    stage.start(plan(calling(made=middle), node("last", "call")))
    descend(stage, only(stage), "m1", middle)
    run_child(stage)
    take(stage, "inner")
    take(stage, "mine")
    take(stage, "call")
    stage.fail(only(stage))
    assert ["ok", 1] == undo(stage, only(stage))
    assert "m1" == take(stage, "mine~undo").execution
    undo_child(stage)
    take(stage, "inner~undo")
    assert ("cancelled", "compensating") == (stage.status("m1"), stage.status())
    take(stage, "call~undo")
    assert "failed" == stage.status()


def test_an_undo_that_fails_in_a_child_is_a_dead_letter_there_and_its_parent_goes_on(stage):
    stage.put(CHILD)
    stage.start(PARENT)
    take(stage, "before")
    run_child(stage)
    stage.cancel("x1", "because")
    undo(stage, only(stage))
    stage.fail(only(stage))
    take(stage, "one~undo")
    assert ("cancelled", ["c1|two~undo"]) == (stage.status("c1"), letters_of_the_dead(stage))
    take(stage, "call~undo")
    take(stage, "before~undo")
    stage.fetch()
    assert 60_000 >= stage.kept_ms(stage.keys.execution("x1"))
    assert 500_000 < stage.kept_ms(stage.keys.execution("c1"))
    assert ["ok", 3] == heal(stage, "two~undo", execution="c1")
    take(stage, "two~undo")
    assert ("cancelled", "cancelled", []) == (stage.status("c1"), stage.status(), letters_of_the_dead(stage))
    assert 0 < stage.kept_ms(stage.keys.execution("c1"))


def test_a_dead_letter_of_a_child_that_was_undone_can_be_discarded(stage):
    fail_after_child(stage)
    take(stage, "after~undo")
    undo(stage, only(stage))
    stage.fail(only(stage))
    take(stage, "one~undo")
    take(stage, "call~undo")
    take(stage, "before~undo")
    assert ["ok"] == discard(stage, "two~undo", execution="c1")


def test_a_step_whose_worker_dies_is_taken_over(stage):
    fail_after_child(stage)
    take(stage, "after~undo")
    [lost] = stage.fetch("w2")
    stage.clock.advance(LIMITS.lease_ms + 1)
    rescue(stage)
    assert ["fenced"] == undo(stage, lost, session="w2")
    undo_child(stage)
    take(stage, "call~undo")
    take(stage, "before~undo")
    assert "failed" == stage.status()


def test_what_a_completed_child_did_is_kept_as_long_as_it_is_and_no_longer(stage):
    stage.put(CHILD)
    stage.start(plan(calling()))
    run_child(stage)
    assert (["one", "two"], -1) == (to_be_undone(stage, "c1"), stage.kept_ms(stage.keys.to_be_undone("c1")))
    take(stage, "call")
    stage.fetch()
    assert ("completed", []) == (stage.status(), to_be_undone(stage))
    assert 0 < stage.kept_ms(stage.keys.to_be_undone("c1")) <= 60_000


def test_items_of_a_map_that_ran_workflows_are_undone_each_by_its_own_step(stage):
    step = taking_back("pack#")
    made = plan(mapping(waits=True, child=CHILD.hash, undo=step), node("last", "pack"))
    stage.put(CHILD)
    begin(stage, 2, made=made)
    for index, claim in enumerate(stage.fetch()):
        descend(stage, claim, f"c{index}", CHILD)
    while "completed" not in (stage.status("c0"), stage.status("c1")) or stage.field("@m:pack")[:5] != "2|2|2":
        for claim in stage.fetch():
            stage.commit(claim)
    stage.fail(only(stage))
    assert ["pack#0"] == to_be_undone(stage)
    undo_child(stage, "c1")
    assert [b"ccancelled|c1|1"] == take(stage, "pack#1~undo").values
    undo_child(stage, "c0")
    take(stage, "pack#0~undo")
    assert "failed" == stage.status()


@pytest.mark.parametrize("verb", ["cancel", "pause"])
def test_a_child_that_is_undone_can_be_neither_cancelled_nor_paused(stage, verb):
    fail_after_child(stage)
    take(stage, "after~undo")
    undo(stage, only(stage))
    arguments = ("c1", "because", *KEPT) if verb == "cancel" else ("c1", "because")
    assert ["illegal", "compensating"] == stage.call(verb, stage.now_ms, *arguments)
