"""expand.lua and include/items.lua"""

from __future__ import annotations

import msgspec
import pytest

from spane.model.expressions import Input, Output
from spane.model.rules import Each
from tests.transitions.conftest import LIMITS, node, plan


def mapping(name="pack", *, on_item_failure="fail", **options):
    """Return a map over the inputs, whose items take the inputs as well."""
    each = Each("item", on_item_failure=on_item_failure)
    made = node(name, takes_input=False, each=each, **options)
    return msgspec.structs.replace(made, arguments=(("item", Input("list")), ("rest", Input(None))))


MAP = plan(mapping(), node("after", "pack"))


def expand(stage, claim, total, most=1_000, session="w1", token=None):
    return stage.call(
        "expand", stage.now_ms, session, claim.execution, claim.node, token or claim.token, total, most,
        LIMITS.retention_ms, LIMITS.dead_letter_retention_ms,
    )  # fmt: skip


def items(stage, execution="x1"):
    """Return the values that wait for items."""
    stored = stage.client.hgetall(f"s:{{0}}:o:{execution}")
    return {name: value for name, value in stored.items() if name.startswith(b"#")}


def begin(stage, total, most=1_000, made=MAP, **options):
    """Start a map, put its items and expand it; returns the claim of the map."""
    stage.start(made, **options)
    [claim] = stage.fetch()
    stage.call("put_items", "x1", "pack", claim.token, 0, *(b"%d" % (10 + index) for index in range(total)))
    assert ["ok", 1] == expand(stage, claim, total, most)
    return claim


@pytest.fixture
def three(stage):
    """A map of three items, expanded."""
    return begin(stage, 3)


def counts(stage):
    return stage.field("@m:pack")


def test_the_items_are_queued_and_the_map_holds_no_worker(stage, three):
    assert ["x1|pack#0", "x1|pack#1", "x1|pack#2"] == stage.queue()
    assert ("A", "0", "4") == (stage.state("pack"), stage.field("@run"), stage.field("@open"))
    assert {} == stage.client.hgetall("s:{0}:w:w1")
    assert ("m", f"x1|pack|{three.token}|3") in stage.facts()


def test_an_item_is_given_its_own_value_and_what_is_the_same_for_all(stage, three):
    claims = stage.fetch()
    assert [("pack#0", [b"10", b"{}"]), ("pack#1", [b"11", b"{}"]), ("pack#2", [b"12", b"{}"])] == [
        (claim.node, claim.values) for claim in claims
    ]
    assert {"0;work;default;;;#,@in"} == {claim.profile for claim in claims}


def test_the_last_item_rouses_the_map_which_is_told_how_many_there_are(stage, three):
    first, second, third = stage.fetch()
    stage.commit(second)
    stage.commit(first)
    assert ("A", []) == (stage.state("pack"), stage.fetch())
    stage.commit(third)
    [again] = stage.fetch()
    assert ("pack", 0, [b"{}", b"m3"]) == (again.node, again.failures, again.values)
    stage.commit(again, payload=b"[1,1,1]")
    [after] = stage.fetch()
    assert ("after", [b"[1,1,1]"]) == (after.node, after.values)
    stage.commit(after)
    assert "completed" == stage.status()


def test_what_an_item_was_given_is_gone_when_it_has_ended(stage, three):
    for claim in stage.fetch():
        stage.commit(claim)
    assert {} == items(stage)


def test_a_repeated_call_changes_nothing(stage, three):
    before = stage.everything()
    assert ["again"] == expand(stage, three, 3)
    assert before == stage.everything()


def test_another_attempt_is_fenced(stage):
    stage.start(MAP)
    [claim] = stage.fetch()
    assert ["fenced"] == expand(stage, claim, 3, token="w0.1")
    assert ("R", "z") == (stage.state("pack"), stage.letters()[-1])


def test_an_execution_that_is_gone_is_said(stage):
    stage.start(MAP)
    [claim] = stage.fetch()
    stage.client.delete("s:{0}:x:x1")
    assert ["gone"] == expand(stage, claim, 3)
    assert {} == stage.client.hgetall("s:{0}:w:w1")


def test_no_more_are_queued_than_may_and_each_that_ends_gives_its_place_to_the_next(stage):
    begin(stage, 5, most=2)
    assert ["x1|pack#0", "x1|pack#1"] == stage.queue()
    first, _ = stage.fetch()
    stage.commit(first)
    assert ["x1|pack#2"] == stage.queue()
    assert ("5|3|1|2|0", "3") == (counts(stage), stage.field("@open"))


def test_the_next_item_is_handed_over_to_the_worker_that_ended_one(stage):
    begin(stage, 3, most=1)
    [first] = stage.fetch()
    code, queued, row = stage.commit(first, hand="default")
    assert (b"ok", 0, b"pack#1", [b"11", b"{}"]) == (code, queued, row[1], row[9])
    assert ("R", "1") == (stage.state("pack#1"), stage.field("@run"))


def test_more_than_a_chunk_of_items_goes_by_cursor(stage):
    begin(stage, 1_100, most=1_050)
    assert 500 == len(stage.queue())
    assert [b"x1|i:pack|0"] == stage.client.lrange(stage.keys.cursors, 0, -1)
    assert str(1 + 500 + 1) == stage.field("@open")
    stage.fetch(threads=0, loop=0, alone=0)
    stage.fetch(threads=0, loop=0, alone=0)
    assert (1_050, "1100|1050|0|1050|0") == (len(stage.queue()), counts(stage))
    assert [] == stage.client.lrange(stage.keys.cursors, 0, -1)


def test_an_item_that_ends_while_a_cursor_stands_leaves_the_rest_to_it(stage):
    begin(stage, 600, most=550)
    claim = stage.fetch(threads=1)[0]
    stage.commit(claim)
    assert "600|551|1|550|0" == counts(stage)


def test_progress_is_told_at_most_a_hundred_times(stage):
    begin(stage, 250)
    while claims := [claim for claim in stage.fetch(threads=100) if "#" in claim.node]:
        for claim in claims:
            stage.commit(claim)
    told = [body for letter, body in stage.facts() if letter == "g"]
    assert ["x1|pack|3|250", "x1|pack|6|250"] == told[:2]
    assert (84, "x1|pack|250|250") == (len(told), told[-1])


def test_a_failed_item_is_a_dead_letter_and_healing_it_goes_on_with_the_map(stage, three):
    first, second, third = stage.fetch()
    stage.commit(first)
    stage.fail(second)
    assert "failing" == stage.status()
    stage.commit(third)
    assert ("failed", [b"x1|pack#1"]) == (stage.status(), stage.client.zrange("s:{0}:dl", 0, -1))
    assert {b"#pack#1": b"11"} == items(stage)
    assert ["ok", 2] == stage.call("heal", stage.now_ms, "x1", "pack#1")
    [again] = stage.fetch()
    assert ("pack#1", [b"11", b"{}"]) == (again.node, again.values)
    stage.commit(again)
    assert ["pack"] == [claim.node for claim in stage.fetch()]


@pytest.mark.parametrize("policy", ["collect", "skip"])
def test_an_item_that_may_fail_counts_as_ended_and_leaves_no_dead_letter(stage, policy):
    begin(stage, 2, made=plan(mapping(on_item_failure=policy)))
    first, second = stage.fetch()
    stage.fail(first)
    assert ("running", "F", []) == (stage.status(), stage.state("pack#0"), stage.client.zrange("s:{0}:dl", 0, -1))
    stage.commit(second)
    assert ["pack"] == [claim.node for claim in stage.fetch()]


def test_an_item_that_skips_itself_counts_as_ended(stage, three):
    first, *others = stage.fetch()
    stage.commit(first, kind="k", payload=b"nothing to do")
    for claim in others:
        stage.commit(claim)
    assert ("S", ["pack"]) == (stage.state("pack#0"), [claim.node for claim in stage.fetch()])


def test_an_item_is_tried_again_by_itself(stage, three):
    first, *_ = stage.fetch()
    stage.retry(first, delay_ms=1_000)
    stage.clock.advance(1_000)
    [again] = stage.fetch()
    assert ("pack#0", 1, [b"10", b"{}"]) == (again.node, again.failures, again.values)


def test_an_item_whose_worker_died_is_taken_over(stage, three):
    stage.fetch()
    stage.clock.advance(LIMITS.lease_ms + 1)
    assert 3 == stage.store.rescue()
    assert {"pack#0", "pack#1", "pack#2"} == {claim.node for claim in stage.fetch("w2")}


def test_an_item_that_kills_its_worker_three_times_and_may_fail_counts_as_ended(stage):
    begin(stage, 1, made=plan(mapping(on_item_failure="collect")))
    for life in range(5):
        claims = stage.fetch(f"w{life}")
        if not claims or claims[0].node == "pack":
            break
        stage.call("mark", "x1", "pack#0", claims[0].token)
        stage.clock.advance(LIMITS.lease_ms + 1)
        while stage.store.rescue():
            pass
    assert ("F", "pack") == (stage.state("pack#0"), claims[0].node)
    assert [] == stage.client.zrange("s:{0}:dl", 0, -1)


def test_an_item_that_is_given_back_goes_to_the_front(stage, three):
    [first] = stage.fetch(threads=1)
    assert 1 == stage.store.give_back("w1", [("x1", first.node, first.token)])
    assert ["x1|pack#0", "x1|pack#1", "x1|pack#2"] == stage.queue()


def test_hints_of_items_that_are_lost_come_back(stage, three):
    stage.client.delete(stage.keys.queue("default", 5))
    stage.clock.advance(LIMITS.patience_ms)
    assert 3 == stage.store.sweep()[1]
    assert {"pack#0", "pack#1", "pack#2"} == {claim.node for claim in stage.fetch()}


def test_paused_its_items_wait_for_the_resume(stage):
    begin(stage, 3, most=1)
    [first] = stage.fetch()
    stage.call("pause", stage.now_ms, "x1", "lunch")
    stage.commit(first)
    assert ([], "3|1|1|1|1") == (stage.fetch(), counts(stage))
    stage.call("resume", stage.now_ms, "x1", 60_000, 600_000)
    assert ["pack#1"] == [claim.node for claim in stage.fetch()]


def test_paused_before_it_expands_nothing_is_queued_until_the_resume(stage):
    stage.start(MAP)
    [claim] = stage.fetch()
    stage.call("pause", stage.now_ms, "x1", "lunch")
    assert ["ok", 0] == expand(stage, claim, 2)
    assert ("A", [], "2") == (stage.state("pack"), stage.queue(), stage.field("@open"))
    stage.call("resume", stage.now_ms, "x1", 60_000, 600_000)
    assert ["pack#0", "pack#1"] == [claim.node for claim in stage.fetch()]


def test_paused_when_the_last_item_ends_the_map_is_joined_after_the_resume(stage):
    begin(stage, 1)
    [claim] = stage.fetch()
    stage.call("pause", stage.now_ms, "x1", "lunch")
    stage.commit(claim)
    assert ("P", []) == (stage.state("pack"), stage.fetch())
    stage.call("resume", stage.now_ms, "x1", 60_000, 600_000)
    assert [("pack", [b"{}", b"m1"])] == [(claim.node, claim.values) for claim in stage.fetch()]


def test_cancelled_it_ends_with_the_items_that_run(stage):
    begin(stage, 3, most=2)
    first, second = stage.fetch()
    stage.cancel("x1", "enough")
    stage.commit(first)
    assert ("cancelling", []) == (stage.status(), stage.queue())
    stage.commit(second)
    assert ("cancelled", []) == (stage.status(), stage.fetch())
    assert all(stage.kept_ms(f"s:{{0}}:{name}:x1") > 0 for name in "xo")


def test_in_an_execution_that_is_failing_it_is_put_aside_and_begins_anew_when_that_is_healed(stage):
    stage.start(plan(mapping(), node("bad")))
    claims = {claim.node: claim for claim in stage.fetch()}
    stage.fail(claims["bad"])
    assert ["ok", 0] == expand(stage, claims["pack"], 2)
    assert ("failed", "P", None) == (stage.status(), stage.state("pack"), counts(stage))
    stage.call("heal", stage.now_ms, "x1", "bad")
    assert [("pack", [b"{}", None])] == [(c.node, c.values) for c in stage.fetch() if c.node == "pack"]


def test_items_that_were_not_begun_when_it_failed_go_on_when_it_is_healed(stage):
    begin(stage, 4, most=2)
    first, second = stage.fetch()
    stage.fail(first)
    stage.commit(second)
    assert ("failed", "4|2|1|2|1") == (stage.status(), counts(stage))
    stage.call("heal", stage.now_ms, "x1", "pack#0")
    assert {"pack#0", "pack#2"} == {claim.node for claim in [*stage.fetch(), *stage.fetch()]}


def test_a_map_that_fails_when_it_is_joined_is_only_joined_again_when_it_is_healed(stage):
    begin(stage, 1)
    [claim] = stage.fetch()
    stage.commit(claim)
    [joining] = stage.fetch()
    stage.fail(joining)
    assert ["ok", 2] == stage.call("heal", stage.now_ms, "x1", "pack")
    assert [("pack", [b"{}", b"m1"])] == [(claim.node, claim.values) for claim in stage.fetch()]


def test_items_go_to_the_queue_and_the_priority_of_their_map_and_async_ones_to_the_event_loop(stage):
    begin(stage, 1, made=plan(mapping(is_async=True, priority=8)))
    assert ["x1|pack#0"] == stage.queue("default~", 8)


def test_items_carry_no_output_of_a_node_that_gives_only_the_list(stage):
    made = msgspec.structs.replace(
        mapping(), arguments=(("item", Output("many")), ("rest", Output("one"))), parents=("many", "one")
    )
    stage.start(plan(node("many"), node("one"), made))
    for claim in stage.fetch():
        stage.commit(claim, payload=b"[7]" if claim.node == "many" else b"1")
    [claim] = stage.fetch()
    assert "0;work;default;;;many,@w:pack" == claim.profile
    stage.call("put_items", "x1", "pack", claim.token, 0, b"7")
    expand(stage, claim, 1)
    assert [[b"7", b"1"]] == [item.values for item in stage.fetch()]


@pytest.mark.parametrize("order", ["first", "last"])
def test_items_that_failed_a_map_fail_it_again_until_the_last_of_them_is_retried(stage, order):
    begin(stage, 3)
    claims = stage.fetch()
    for claim in claims[:2]:
        stage.fail(claim)
    stage.commit(claims[2])
    assert "failed" == stage.status()
    retried, left = ("pack#0", "pack#1") if order == "first" else ("pack#1", "pack#0")
    assert ["ok", 2] == stage.call("heal", stage.now_ms, "x1", retried)
    assert ("running", "1") == (stage.status(), stage.field("@open"))
    stage.commit(stage.fetch()[0])
    assert ("failed", left) == (stage.status(), stage.field("@bad"))
    assert ["ok", 3] == stage.call("heal", stage.now_ms, "x1", left)
    assert "2" == stage.field("@open")
    for _ in range(3):
        stage.commit(stage.fetch()[0])
    assert ("completed", "0") == (stage.status(), stage.field("@open"))


def test_an_item_that_failed_a_map_does_not_hold_up_what_runs_beside_it(stage):
    stage.start(plan(mapping(), node("beside")))
    claims = {claim.node: claim for claim in stage.fetch()}
    stage.call("put_items", "x1", "pack", claims["pack"].token, 0, b"1", b"2")
    expand(stage, claims["pack"], 2)
    first, second = stage.fetch()
    stage.fail(first)
    stage.fail(second)
    assert "failing" == stage.status()
    assert ["ok", 1] == stage.call("heal", stage.now_ms, "x1", "pack#0")
    stage.commit(claims["beside"])
    assert ("running", "1") == (stage.status(), stage.field("@open"))
    stage.commit(stage.fetch()[0])
    assert ("failed", "pack#1") == (stage.status(), stage.field("@bad"))
