"""sort.lua"""

from __future__ import annotations

from spane.control import reading
from spane.model.rules import LimitRule
from spane.runtime import pools
from tests.transitions.conftest import node, plan
from tests.transitions.test_expand import expand, mapping

ONE_EACH = LimitRule(concurrency=1, key="customer")
KEYED = plan(*(node(f"n{i}", limit=ONE_EACH) for i in range(4)))
LONE = plan(node("only", limit=ONE_EACH))


def states(stage, made=KEYED):
    return "".join(stage.state(node.id) for node in made.nodes)


def test_each_key_has_slots_of_its_own(stage):
    stage.start(KEYED)
    claims = stage.fetch()
    assert ("RRRR", "4") == (states(stage), stage.field("@run"))
    assert [1, 0, 1, 0] == [stage.sort(claim, "ab"[i // 2])[1] for i, claim in enumerate(claims)]
    assert ("QLQL", "0") == (states(stage), stage.field("@run"))
    running = stage.fetch()
    assert {"n0", "n2"} == {claim.node for claim in running}
    stage.commit(next(claim for claim in running if claim.node == "n2"))
    (claim,) = stage.fetch()
    assert "n3" == claim.node
    assert [b"ok", 0] == stage.commit(claim)


def test_what_needs_a_key_takes_no_room_and_is_no_claim_of_the_history(stage):
    stage.start(KEYED)
    assert [] == stage.queue()
    assert [f"x1|n{i}" for i in range(4)] == stage.queue("default?")
    assert [-1, 0, 0, 1] == stage.fetch_reply(threads=0, loop=0, unsorted=3)[:4]
    assert ["x1|n3"] == stage.queue("default?")
    assert "c" not in stage.letters()
    assert {"queued"} == {view.state for view in reading.nodes(stage.store, "x1").values()}


def test_only_what_has_to_wait_was_parked(stage):
    stage.start(KEYED)
    first, second, *_ = stage.fetch()
    stage.sort(first, "a")
    stage.sort(second, "a")
    assert [("k", "x1|n1|limit of work/a")] == [fact for fact in stage.facts() if fact[0] == "k"]


def test_what_did_not_have_to_wait_stands_behind_what_came_before(stage):
    stage.start(LONE)
    (claim,) = stage.fetch(threads=0)
    stage.start(plan(node("plain"), workflow="other"), "x2")
    stage.sort(claim, "a")
    assert ["x2|plain", "x1|only"] == stage.queue()


def test_of_keys_that_wait_each_gets_its_turn(stage):
    stage.start(plan(*(node(f"{key}{i}", limit=ONE_EACH) for key in "ab" for i in range(4))))
    for claim in stage.fetch(threads=0):
        stage.sort(claim, claim.node[0])
    ran = []
    while claims := stage.fetch(threads=1, first=""):
        ran += [claim.node for claim in claims]
        stage.commit(claims[0])
    assert ["a0", "b0", "a1", "b1", "a2", "b2", "a3", "b3"] == ran


def test_a_call_that_is_made_again_does_nothing(stage):
    stage.start(KEYED)
    first, second, *_ = stage.fetch()
    assert [b"ok", 1] == stage.sort(first, "a")
    assert [b"ok", 0] == stage.sort(second, "a")
    before = stage.everything()
    assert [[b"again"], [b"again"]] == [stage.sort(first, "a"), stage.sort(second, "b")]
    assert before == stage.everything()
    assert "z" not in stage.letters()


def test_one_whose_worker_died_comes_back_as_it_was(stage):
    stage.start(KEYED)
    claim = stage.fetch()[0]
    stage.clock.advance(6000)
    stage.store.rescue()
    assert [b"again"] == stage.sort(claim, "a")
    assert "QQQQ" == states(stage)
    assert "l" not in stage.letters()
    assert {"y"} == {claim.flag for claim in stage.fetch("w2")}
    assert not [key for key in stage.everything() if ":lim:" in key]


def test_one_that_is_given_back_needs_its_key_still(stage):
    stage.start(LONE)
    (claim,) = stage.fetch()
    stage.store.give_back("w1", [(claim.execution, claim.node, claim.token)])
    assert ["x1|only"] == stage.queue("default?")


def test_a_slot_that_was_offered_is_nobody_elses(stage):
    stage.start(KEYED)
    first, second, third, _ = stage.fetch()
    stage.sort(first, "a")
    stage.sort(second, "a")
    (running,) = stage.fetch()
    stage.commit(running)
    stage.sort(third, "a")
    (claim,) = stage.fetch()
    assert ("n1", "L") == (claim.node, stage.state("n2"))


def test_who_waits_with_a_higher_priority_takes_the_slot_that_is_kept_for_a_lower_one(stage):
    stage.start(LONE, "low", priority=1)
    stage.sort(stage.fetch(threads=0)[0], "a")
    assert ["low|only"] == stage.queue("default", 1)
    stage.start(LONE, "high", priority=10)
    assert [b"ok", 1] == stage.sort(stage.fetch(threads=0)[0], "a")
    assert ("L", "Q") == (stage.state("only", "low"), stage.state("only", "high"))
    (claim,) = stage.fetch()
    assert "high" == claim.execution
    stage.commit(claim)
    (claim,) = stage.fetch()
    assert "low" == claim.execution
    assert [("k", "low|only|limit of work/a")] == [fact for fact in stage.facts() if fact[0] == "k"]
    assert 2 == sum(letter == "c" for letter in stage.letters())


def test_a_slot_that_is_kept_for_what_was_cancelled_is_taken_without_a_word(stage):
    stage.start(LONE, "low", priority=1)
    stage.sort(stage.fetch(threads=0)[0], "a")
    stage.cancel("low", "why")
    stage.start(LONE, "high", priority=10)
    assert [b"ok", 1] == stage.sort(stage.fetch(threads=0)[0], "a")
    assert ("Q", "Q") == (stage.state("only", "low"), stage.state("only", "high"))
    assert "k" not in stage.letters()


def test_who_waits_with_the_same_priority_does_not(stage):
    stage.start(LONE, "x1")
    stage.sort(stage.fetch(threads=0)[0], "a")
    stage.start(LONE, "x2")
    assert [b"ok", 0] == stage.sort(stage.fetch(threads=0)[0], "a")
    assert ("Q", "L") == (stage.state("only", "x1"), stage.state("only", "x2"))


def test_many_large_inputs_are_not_carried_along(stage):
    large = plan(node("only", takes_input=True, limit=ONE_EACH))
    for number in range(40):
        stage.start(large, f"x{number:02}", inputs=b'"%s"' % (b"x" * 20_000))
    rows = stage.fetch_reply(threads=0, unsorted=40)[4:]
    carried = [row[9] is not None for row in rows]
    assert [True] * 14 + [False] * 26 == carried


def test_a_key_is_worked_out_once(stage):
    stage.start(LONE)
    stage.sort(stage.fetch()[0], "a")
    stage.retry(stage.fetch()[0])
    stage.clock.advance(1000)
    (claim,) = stage.fetch()
    assert ("", {"x1|only": claim.token}) == (claim.flag, held(stage, "work/a"))


def test_whom_a_slot_is_kept_for_has_it(stage):
    stage.start(LONE)
    stage.sort(stage.fetch(threads=0)[0], "a")
    view = pools.limits(stage.store, ["work/a"])["work/a"]
    assert (1, ("x1|only",), 0) == (view.held, view.holders, view.waiting)


def held(stage, pool):
    return {
        hint.decode(): token.decode() for hint, token in stage.client.hgetall(f"{stage.keys.prefix}lim:{pool}").items()
    }


def test_a_delayed_node_needs_its_key_when_it_is_due(stage):
    stage.start(plan(node("only", limit=ONE_EACH, delay_ms=500)))
    assert [] == stage.fetch()
    stage.clock.advance(500)
    (claim,) = stage.fetch(threads=0, loop=0)
    assert "y" == claim.flag


def test_a_dead_letter_that_had_no_key_yet_is_asked_for_it(stage):
    stage.start(LONE)
    stage.fail(stage.fetch()[0])
    stage.call("heal", stage.now_ms, "x1", "only")
    (claim,) = stage.fetch()
    assert "y" == claim.flag
    assert [b"ok", 1] == stage.sort(claim, "a")


def test_where_the_key_cannot_be_worked_out_that_was_an_attempt(stage):
    stage.start(LONE)
    stage.retry(stage.fetch()[0])
    stage.clock.advance(1000)
    (claim,) = stage.fetch()
    assert ("y", 1) == (claim.flag, claim.failures)
    stage.fail(claim)
    assert "crcf" == "".join(letter for letter in stage.letters() if letter in "cbrf")
    assert "failed" == stage.status()


def test_that_is_no_attempt_where_nothing_may_start_now(stage):
    stage.start(LONE)
    (claim,) = stage.fetch()
    stage.call("pause", stage.now_ms, "x1", "")
    assert [b"ok", 0] == stage.fail(claim)
    assert ("P", "paused") == (stage.state("only"), stage.status())
    stage.call("resume", stage.now_ms, "x1", "")
    (claim,) = stage.fetch()
    assert "y" == claim.flag


def test_one_that_no_code_here_fits_is_sorted_where_it_fits(stage):
    stage.start(LONE)
    stage.commit(stage.fetch()[0], "u", b"fp", extra="new code", spends=0)
    (claim,) = stage.fetch(queues="default@fp")
    assert "y" == claim.flag
    assert [b"ok", 1] == stage.sort(claim, "a")
    assert ["x1|only"] == stage.queue()


def test_in_a_paused_execution_it_is_put_aside(stage):
    stage.start(KEYED)
    first, second, *_ = stage.fetch()
    stage.sort(first, "a")
    stage.call("pause", stage.now_ms, "x1", "")
    assert [b"ok", 0] == stage.sort(second, "a")
    assert ("P", "2") == (stage.state("n1"), stage.field("@run"))


def test_the_last_of_a_cancelled_execution_ends_it(stage):
    stage.start(LONE)
    (claim,) = stage.fetch()
    stage.cancel("x1", "why")
    stage.sort(claim, "a")
    assert "cancelled" == stage.status()


def test_without_its_plan_nothing_is_decided(stage):
    stage.start(LONE)
    (claim,) = stage.fetch()
    stage.client.delete(stage.keys.plan(LONE.hash))
    assert [b"noplan"] == stage.sort(claim, "a")
    stage.put(LONE)
    assert [b"ok", 1] == stage.sort(claim, "a")


def test_of_an_execution_that_is_gone_nothing_is_left(stage):
    stage.start(LONE)
    (claim,) = stage.fetch()
    stage.client.delete(stage.keys.execution("x1"))
    assert [b"again"] == stage.sort(claim, "a")
    assert not stage.client.exists(f"{stage.keys.prefix}w:w1")


def test_one_that_is_put_off_with_its_whole_type_waits_there_and_keeps_its_key(stage):
    stage.start(plan(*(node(f"n{i}", limit=ONE_EACH) for i in range(2))))
    for claim in stage.fetch():
        stage.sort(claim, "a")
    (running,) = stage.fetch()
    stage.retry(running, 60_000, spends="p")
    assert [] == stage.fetch()
    assert ("L", "work/a") == (stage.state("n1"), stage.field("@l:n1"))
    stage.clock.advance(6_000)
    assert 0 == stage.store.sweep()[1]
    stage.clock.advance(60_000)
    assert 1 == len(stage.fetch())
    assert "LR" == "".join(sorted(stage.state(name) for name in ("n0", "n1")))


def test_items_of_a_map_have_keys_of_their_own(stage):
    stage.start(plan(mapping("m", limit=ONE_EACH)))
    (split,) = stage.fetch()
    assert "" == split.flag
    expand(stage, split, 3)
    assert ["x1|m#0", "x1|m#1", "x1|m#2"] == stage.queue("default?")
    assert [1, 0, 1] == [stage.sort(claim, key)[1] for claim, key in zip(stage.fetch(), "aab", strict=True)]
