"""descend.lua, include/finish.lua (a child's end), include/children.lua and include/ancestors.lua"""

from __future__ import annotations

import msgspec
import pytest

from spane.model.rules import LimitRule
from tests.transitions import breaking
from tests.transitions.conftest import LIMITS, Stage, node, plan
from tests.transitions.test_heal import heal
from tests.transitions.test_pause import pause
from tests.transitions.test_resume import drain, resume

KEPT = (LIMITS.retention_ms, LIMITS.dead_letter_retention_ms)
CHILD = plan(node("inner", takes_input=True), workflow="child")


def calling(name="call", **options):
    return node(name, waits=True, child=CHILD.hash, **options)


PARENT = plan(node("before"), calling(), node("beside"), node("after", "call"))


def descend(stage, claim, child="c1", made=CHILD, priority="", number=1, session="w1", pool=""):
    return stage.call(
        "descend", stage.now_ms, session, claim.execution, claim.node, claim.token, child, made.hash, made.workflow,
        b'{"n":1}', priority, number, *KEPT, pool,
    )  # fmt: skip


def by_node(stage, **options):
    return {claim.node: claim for claim in stage.fetch(**options)}


def put_both(stage, made=PARENT):
    stage.put(CHILD)
    stage.start(made)


@pytest.fixture
def below(stage: Stage) -> dict:
    """A parent with one child running, and its other claims."""
    put_both(stage)
    claims = by_node(stage)
    assert ["ok", 1] == descend(stage, claims["call"])
    return claims


def end_child(stage, kind="s"):
    """End the only node of the child."""
    [claim] = [claim for claim in stage.fetch() if claim.node == "inner"]
    stage.commit(claim) if kind == "s" else stage.fail(claim)
    return claim


def test_the_child_runs_and_its_node_waits_without_a_worker(stage, below):
    assert ("A", "3", "3") == (stage.state("call"), stage.field("@run"), stage.field("@open"))
    assert "x1|call" not in [key.decode() for key in stage.client.hgetall("s:{0}:w:w1")]
    assert ("running", "x1|call", "1") == (stage.status("c1"), stage.field("@up", "c1"), stage.field("@depth", "c1"))
    assert ["c1|call"] == [entry.decode() for entry in stage.client.lrange(stage.keys.children("x1"), 0, -1)]
    [inner] = stage.fetch()
    assert ("c1", [b'{"n":1}']) == (inner.execution, inner.values)


def test_priority_tenant_and_tags_are_those_of_the_parent(stage):
    stage.put(CHILD)
    stage.start(PARENT, priority=9, tenant="acme", metadata=b'{"tags":["a"]}')
    claims = by_node(stage)
    descend(stage, claims["call"])
    inherited = [stage.field(name, "c1") for name in ("@pr", "@tn", "@meta")]
    assert ["9", "acme", '{"tags":["a"]}'] == inherited
    stage.start(PARENT, "x2")
    descend(stage, by_node(stage, threads=50)["call"], "c2", priority=2)
    assert "2" == stage.field("@pr", "c2")


def test_when_the_child_has_ended_the_node_runs_again_and_is_told(stage, below):
    end_child(stage)
    assert ("completed", "Q", "2") == (stage.status("c1"), stage.state("call"), stage.field("@run"))
    [again] = stage.fetch()
    assert ("call", 0, [b"ccompleted|c1|1"]) == (again.node, again.failures, again.values)
    stage.commit(again)
    assert ["after"] == [claim.node for claim in stage.fetch()]


def test_a_child_that_fails_tells_so_as_well(stage, below):
    end_child(stage, "f")
    assert ("failed", "running") == (stage.status("c1"), stage.status())
    assert [[b"cfailed|c1|1"]] == [claim.values for claim in stage.fetch()]


def test_a_repeated_call_changes_nothing(stage, below):
    before = stage.everything()
    assert ["again"] == descend(stage, below["call"])
    assert before == stage.everything()
    end_child(stage)
    before = stage.everything()
    assert ["again"] == descend(stage, below["call"])
    assert before == stage.everything()


def test_another_attempt_is_fenced(stage):
    put_both(stage)
    claim = by_node(stage)["call"]
    claim.token = "w0.1"
    assert ["fenced"] == descend(stage, claim)
    assert ("R", "z", 0) == (stage.state("call"), stage.letters()[-1], stage.client.exists(stage.keys.execution("c1")))


def test_gone_and_noplan_start_nothing(stage):
    put_both(stage)
    claims = by_node(stage)
    stage.client.delete(stage.keys.plan(CHILD.hash))
    assert ["noplan"] == descend(stage, claims["call"])
    stage.client.delete(stage.keys.execution("x1"))
    assert ["gone"] == descend(stage, claims["call"])
    assert 0 == stage.client.exists(stage.keys.execution("c1"))


@pytest.mark.parametrize("status", ["paused", "failing", "cancelling"])
def test_where_nothing_new_starts_no_child_starts(stage, status):
    put_both(stage)
    claims = by_node(stage)
    if status == "paused":
        pause(stage)
    elif status == "failing":
        stage.fail(claims["beside"])
    else:
        stage.cancel()
    assert ["ok", 0] == descend(stage, claims["call"])
    assert ("P", 0) == (stage.state("call"), stage.client.exists(stage.keys.execution("c1")))


def test_paused_before_it_started_the_child_starts_with_the_resume(stage):
    put_both(stage)
    claims = by_node(stage)
    pause(stage)
    descend(stage, claims["call"])
    resume(stage)
    [again] = stage.fetch()
    assert ("call", [None]) == (again.node, again.values)
    assert ["ok", 1] == descend(stage, again, "c2")


def test_an_execution_that_fails_waits_for_its_child(stage, below):
    stage.commit(below["before"])
    stage.fail(below["beside"])
    assert ("failing", "1") == (stage.status(), stage.field("@run"))
    end_child(stage)
    assert ("failed", "P", "0") == (stage.status(), stage.state("call"), stage.field("@run"))
    heal(stage, "beside")
    again = by_node(stage)
    assert [b"ccompleted|c1|1"] == again["call"].values


def test_a_cancel_goes_down_and_the_end_comes_up(stage, below):
    stage.commit(below["before"])
    stage.commit(below["beside"])
    assert ["ok", 1] == stage.call("cancel", stage.now_ms, "x1", "enough", *KEPT)
    assert ("cancelling", "running") == (stage.status(), stage.status("c1"))
    assert [] == stage.fetch()
    assert ("cancelled", "cancelled", "C") == (stage.status(), stage.status("c1"), stage.state("call"))
    assert "enough" == stage.field("@why", "c1")


def test_a_cancelled_child_leaves_its_parent_to_decide(stage, below):
    stage.cancel("c1", "not this one")
    assert "running" == stage.status()
    assert [[b"ccancelled|c1|1"]] == [claim.values for claim in stage.fetch()]


def test_a_pause_goes_down_and_so_does_the_resume(stage, below):
    pause(stage)
    assert [] == stage.fetch()
    assert ("paused", "paused") == (stage.status(), stage.status("c1"))
    resume(stage)
    assert ["inner"] == [claim.node for claim in stage.fetch()]
    assert ("running", "running") == (stage.status(), stage.status("c1"))


def test_a_child_that_was_paused_by_itself_stays_so(stage, below):
    pause(stage, "c1")
    pause(stage)
    stage.fetch()
    resume(stage)
    assert [] == stage.fetch()
    assert ("running", "paused") == (stage.status(), stage.status("c1"))


def test_paused_and_resumed_before_anybody_saw_it_the_child_runs(stage, below):
    pause(stage)
    resume(stage)
    assert ["inner"] == [claim.node for claim in stage.fetch()]
    stage.fetch()
    assert "running" == stage.status("c1")


def test_ended_while_its_parent_is_paused_it_waits_for_the_resume(stage, below):
    [inner] = stage.fetch()
    pause(stage)
    stage.commit(inner)
    assert ("completed", "P", "2") == (stage.status("c1"), stage.state("call"), stage.field("@run"))
    assert [] == stage.fetch()
    resume(stage)
    assert [[b"ccompleted|c1|1"]] == [claim.values for claim in stage.fetch()]


def many(stage, count):
    made = plan(*(calling(f"call{number}") for number in range(count)))
    put_both(stage, made)
    for claim in stage.fetch(threads=count):
        descend(stage, claim, f"c{claim.node[4:]}")


def test_many_children_are_cancelled_in_parts(stage):
    many(stage, 120)
    stage.cancel()
    rounds = 0
    while stage.status() != "cancelled":
        stage.fetch(threads=0, loop=0)
        rounds += 1
    assert 3 == rounds
    assert {"cancelled"} == {stage.status(f"c{number}") for number in range(120)}


def test_children_stay_as_long_as_their_parent(stage, below):
    end_child(stage)
    assert -1 == stage.kept_ms(stage.keys.execution("c1"))
    [again] = stage.fetch()
    for claim in (again, below["before"], below["beside"]):
        stage.commit(claim)
    drain(stage)
    assert "completed" == stage.status()
    stage.fetch()
    kept = [key for key in stage.client.keys("*:c1") + stage.client.keys("*:x1") if stage.client.pttl(key) < 0]
    assert [] == kept
    assert 0 < stage.kept_ms(stage.keys.execution("c1")) <= LIMITS.retention_ms
    assert b"0" == stage.client.hget(stage.keys.plan(CHILD.hash), "refs")
    assert 0 < stage.kept_ms(stage.keys.plan(CHILD.hash))


def test_a_plan_holds_those_of_its_sub_workflows(stage):
    put_both(stage)
    assert ("1", -1) == (
        stage.client.hget(stage.keys.plan(CHILD.hash), "refs").decode(),
        stage.kept_ms(stage.keys.plan(CHILD.hash)),
    )
    stage.start(PARENT, "x2")
    assert b"1" == stage.client.hget(stage.keys.plan(CHILD.hash), "refs")
    stage.cancel()
    stage.cancel("x2")
    assert 0 < stage.kept_ms(stage.keys.plan(CHILD.hash))


def test_without_the_plan_of_a_sub_workflow_nothing_starts(stage):
    stage.put(PARENT)
    assert "noplan" == stage.start(PARENT).status
    assert 0 == stage.client.exists(stage.keys.execution("x1"))


@pytest.fixture
def both_failed(stage, below):
    """A parent that has failed because its child has."""
    end_child(stage, "f")
    [again] = stage.fetch()
    stage.fail(again)
    stage.commit(below["before"])
    stage.commit(below["beside"])
    assert ("failed", "failed") == (stage.status(), stage.status("c1"))
    stage.fetch()


def test_healing_the_child_heals_the_parent(stage, both_failed):
    assert ["ok", 2] == heal(stage, "inner", "c1")
    assert ("running", "running", "A", "1") == (
        stage.status(),
        stage.status("c1"),
        stage.state("call"),
        stage.field("@run"),
    )
    assert [] == stage.client.zrange(stage.keys.dead_letters, 0, -1)
    assert [] == [key for key in stage.client.keys("*") if stage.client.pttl(key) >= 0 and b"ctl" not in key]
    end_child(stage)
    [again] = stage.fetch()
    assert [b"ccompleted|c1|1"] == again.values
    stage.commit(again)
    drain(stage)
    assert ("completed", "completed") == (stage.status(), stage.status("c1"))
    stage.fetch()
    assert b"0" == stage.client.hget(stage.keys.plan(CHILD.hash), "refs")


def test_a_healed_child_that_fails_again_fails_its_parent_again(stage, both_failed):
    heal(stage, "inner", "c1")
    end_child(stage, "f")
    [again] = stage.fetch()
    stage.fail(again)
    assert ("failed", "2") == (stage.status(), stage.field("@g"))


def test_retrying_the_parents_own_dead_letter_begins_anew(stage, both_failed):
    assert ["ok", 2] == heal(stage, "call")
    [again] = stage.fetch()
    assert [None] == again.values
    assert ["ok", 1] == descend(stage, again, "c2")
    assert ["ok", 2] == heal(stage, "inner", "c1")
    inner = {claim.execution: claim for claim in stage.fetch()}
    stage.commit(inner["c1"])
    assert ("completed", "A") == (stage.status("c1"), stage.state("call"))
    stage.commit(inner["c2"])
    assert [[b"ccompleted|c2|1"]] == [claim.values for claim in stage.fetch()]


def test_healed_before_its_parent_looked_the_parent_waits_again(stage, below):
    end_child(stage, "f")
    assert ["ok", 2] == heal(stage, "inner", "c1")
    assert ("A", "3") == (stage.state("call"), stage.field("@run"))
    assert ["inner"] == [claim.node for claim in stage.fetch()]


def test_healed_while_its_parent_looks_that_attempt_is_fenced(stage, below):
    end_child(stage, "f")
    [looking] = stage.fetch()
    assert ["ok", 2] == heal(stage, "inner", "c1")
    assert ([b"fenced"], "A", "3") == (stage.fail(looking), stage.state("call"), stage.field("@run"))


def test_what_stands_above_and_comes_to_its_end_refuses_the_retry(stage, below):
    end_child(stage, "f")
    [again] = stage.fetch()
    stage.fail(again)
    stage.cancel()
    before = stage.everything()
    assert ["illegal", "cancelling", "x1"] == heal(stage, "inner", "c1")
    assert before == stage.everything()


def test_a_child_that_is_healed_while_its_node_stands_at_a_breaker_leaves_it_there_with_what_came(stage, below):
    end_child(stage, "f")
    [again] = stage.fetch()
    breaking.opened(stage)
    breaking.wait(stage, again)
    run = stage.field("@run")
    assert ["ok", 2] == heal(stage, "inner", "c1")
    stage.commit(stage.fetch()[0])
    assert ("completed", "A", run) == (stage.status("c1"), stage.state("call"), stage.field("@run"))
    assert b"ccompleted|c1|1" == stage.client.hget(stage.keys.outputs("x1"), "@w:call")


def test_a_parent_that_is_still_failing_waits_for_its_child_again_and_goes_on(stage, below):
    end_child(stage, "f")
    [again] = stage.fetch()
    stage.fail(again)
    assert ("failing", "F") == (stage.status(), stage.state("call"))
    assert ["ok", 2] == heal(stage, "inner", "c1")
    assert ("running", "A", None) == (stage.status(), stage.state("call"), stage.field("@bad"))
    stage.commit(stage.fetch()[0])
    assert "completed" == stage.status("c1")


def test_a_parent_that_went_on_without_it_stays_as_it_is(stage):
    put_both(stage, plan(calling(on_failure="continue"), node("after", "call")))
    descend(stage, stage.fetch()[0])
    end_child(stage, "f")
    stage.fail(stage.fetch()[0])
    drain(stage)
    assert "completed" == stage.status()
    stage.fetch()
    assert ["ok", 2] == heal(stage, "inner", "c1")
    drain(stage)
    assert ("completed", "completed") == (stage.status(), stage.status("c1"))
    assert 0 < stage.kept_ms(stage.keys.execution("c1"))


def test_it_goes_up_over_all_levels(stage):
    middle = plan(calling(), workflow="middle")
    top = plan(node("call", waits=True, child=middle.hash), workflow="top")
    for made in (CHILD, middle):
        stage.put(made)
    stage.start(top)
    descend(stage, stage.fetch()[0], "m1", middle)
    descend(stage, stage.fetch()[0], "c1")
    assert "2" == stage.field("@depth", "c1")
    end_child(stage, "f")
    stage.fail(stage.fetch()[0])
    stage.fail(stage.fetch()[0])
    assert ["failed"] * 3 == [stage.status(each) for each in ("x1", "m1", "c1")]
    heal(stage, "inner", "c1")
    assert ["running"] * 3 == [stage.status(each) for each in ("x1", "m1", "c1")]
    drain(stage)
    assert ["completed"] * 3 == [stage.status(each) for each in ("x1", "m1", "c1")]
    for _ in range(3):
        stage.fetch()
    assert [] == [key for key in stage.client.keys("*:c1") if stage.client.pttl(key) < 0]


def test_a_child_that_is_lost_is_found_out_by_the_sweep(stage, below):
    for key in stage.client.keys("*:c1"):
        stage.client.delete(key)
    stage.clock.advance(LIMITS.patience_ms)
    stage.store.sweep()
    again = by_node(stage)
    assert [b"cgone|c1|1"] == again["call"].values


def test_cursors_that_are_lost_are_made_up_for_by_the_sweep(stage, below):
    stage.commit(below["before"])
    stage.commit(below["beside"])
    stage.cancel("x1", "enough")
    stage.client.delete(stage.keys.cursors)
    stage.clock.advance(LIMITS.patience_ms)
    stage.store.sweep()
    assert ("cancelled", "cancelled") == (stage.status(), stage.status("c1"))


def test_a_worker_that_died_with_the_node_again_loses_nothing(stage, below):
    end_child(stage)
    assert ["call"] == [claim.node for claim in stage.fetch("w2")]
    stage.clock.advance(LIMITS.lease_ms + 1)
    while stage.store.rescue():
        pass
    once_more = by_node(stage, session="w3")
    assert [b"ccompleted|c1|1"] == once_more["call"].values


@pytest.mark.parametrize("key", [None, "n"])
def test_a_child_waits_for_the_limit_of_its_workflow(stage, key):
    kid = msgspec.structs.replace(CHILD, limit=LimitRule(concurrency=1, key=key))
    stage.put(kid)
    stage.start(plan(*(node(f"call{n}", waits=True, child=kid.hash) for n in range(3))))
    pools = ["@child/7", "@child/7", "@child/8"] if key else ["@child"] * 3
    for claim, pool in zip(stage.fetch(), pools, strict=True):
        descend(stage, claim, f"c{claim.node[4:]}", kid, pool=pool)
    assert ["running", "scheduled", "running" if key else "scheduled"] == [stage.status(f"c{n}") for n in range(3)]
    for _ in range(3):
        for claim in stage.fetch():
            stage.commit(claim)
    assert ["completed"] * 3 == [stage.status(f"c{n}") for n in range(3)]
    assert not [name for name in stage.everything() if ":lim:" in name]
