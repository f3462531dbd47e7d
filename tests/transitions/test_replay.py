"""replay.lua"""

from __future__ import annotations

import msgspec
import pytest

from spane.model.rules import LimitRule
from tests.transitions.conftest import CHAIN, DIAMOND, ONE
from tests.transitions.test_copy import copy
from tests.transitions.test_resume import drain


def replay(stage, aside=0, inputs=b"", original="x1", plan="", workflow="", pool=""):
    return stage.call("replay", stage.now_ms, original, "x2", inputs, aside, plan, workflow, "", pool)


def test_the_whole_runs_again_with_the_same_inputs_and_is_linked(stage):
    stage.start(CHAIN, inputs=b'{"n":7}', priority=8, tenant="acme")
    drain(stage)
    before = stage.client.hgetall(stage.keys.execution("x1"))
    assert ["ok", "x2"] == replay(stage)
    assert ("running", "x1", "8", "acme") == tuple(stage.field(name, "x2") for name in ("@st", "@of", "@pr", "@tn"))
    assert b'{"n":7}' == stage.client.hget(stage.keys.outputs("x2"), "@in")
    assert stage.facts()[-1][1].endswith("|8||x1")
    assert ["x2|first"] == stage.queue(priority=8)
    drain(stage)
    assert "completed" == stage.status("x2")
    assert before == stage.client.hgetall(stage.keys.execution("x1"))


def test_from_a_node_on_what_was_kept_does_not_run(stage):
    stage.run(DIAMOND)
    entries = ["kept|top,right", "cursor|x2|c:top|0", "cursor|x2|c:right|0"]
    copy(stage, ["top", "right"], entries)
    assert ["ok", "x2"] == replay(stage, aside=2)
    assert "Sn" == stage.letters()[-2:]
    assert "2" == stage.field("@open", "x2")
    ran = []
    for _ in range(6):
        for claim in stage.fetch():
            ran.append(claim.node)
            stage.commit(claim)
    assert (["left", "bottom"], "completed") == (ran, stage.status("x2"))
    assert 50_000 < stage.kept_ms(stage.keys.execution("x2")) <= 60_000
    assert b"0" == stage.client.hget(stage.keys.plan(DIAMOND.hash), "refs")


def test_other_inputs_take_their_place(stage):
    stage.run(CHAIN)
    replay(stage, inputs=b'{"n":8}')
    assert b'{"n":8}' == stage.client.hget(stage.keys.outputs("x2"), "@in")


def test_again_answers_as_it_did_and_starts_nothing(stage):
    stage.run(CHAIN)
    replay(stage)
    before = stage.everything()
    assert ["again", "x2"] == replay(stage)
    assert before == stage.everything()


def test_unknown_noplan_and_expired_start_nothing(stage):
    assert ["unknown"] == replay(stage)
    stage.run(CHAIN)
    before = stage.everything()
    assert ["expired"] == replay(stage, aside=1)
    assert before == stage.everything()
    stage.client.delete(stage.keys.plan(CHAIN.hash))
    assert ["noplan", CHAIN.hash] == replay(stage)
    assert [] == stage.active()


def test_another_plan_takes_the_place_of_the_original_s(stage):
    stage.run(CHAIN)
    stage.put(ONE)
    assert ["ok", "x2"] == replay(stage, plan=ONE.hash, workflow="staged:only")
    assert (ONE.hash, "staged:only", "x1") == tuple(stage.field(name, "x2") for name in ("@pl", "@wf", "@of"))
    assert b"1" == stage.client.hget(stage.keys.plan(ONE.hash), "refs")
    drain(stage)
    assert ("completed", "D") == (stage.status("x2"), stage.state("only", "x2"))


@pytest.mark.parametrize(("inputs", "pool"), [(b"", "@staged/ada"), (b'{"n":8}', "@staged/bob"), (b'{"n":8}', "")])
def test_it_waits_for_the_slot_of_its_own_inputs(stage, inputs, pool):
    made = msgspec.structs.replace(ONE, limit=LimitRule(concurrency=1, key="n"))
    stage.start(made, pool="@staged/ada")
    assert ["ok", "x2"] == replay(stage, inputs=inputs, pool="" if not inputs else pool)
    assert pool == (stage.field("@lim", "x2") or "")
    assert ("running" if inputs else "scheduled") == stage.status("x2")


def test_on_another_plan_it_waits_for_no_limit_of_the_original(stage):
    stage.put(CHAIN)
    stage.start(msgspec.structs.replace(ONE, limit=LimitRule(concurrency=1)), pool="@staged")
    replay(stage, inputs=b"{}", plan=CHAIN.hash, workflow="staged")
    assert ("running", None) == (stage.status("x2"), stage.field("@lim", "x2"))
