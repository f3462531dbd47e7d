"""Why an execution waits: each cause as data and as a sentence."""

from __future__ import annotations

import json

import fakeredis
import msgspec
import pytest

from spane.control import causes, execution_causes, wording
from spane.control.explaining import explain
from spane.errors import UnknownExecution
from spane.model.waits import WAIT_FOR_EVENT
from spane.runtime.looking import Worker
from tests.docs.pages import ROOT
from tests.transitions.conftest import CHAIN, DIAMOND, ONE, PAIR, Stage, node, plan


def kinds_of_causes(sort=causes.Cause):
    """Return the kind of every cause there is; what several have in common is none itself."""
    sorts = sort.__subclasses__()
    return {one.kind for one in sorts if hasattr(one, "kind")}.union(*map(kinds_of_causes, sorts))


def test_the_documentation_has_every_kind_of_cause():
    page = (ROOT / "docs" / "controlling.md").read_text()
    table = page.partition("| kind | what is told |\n|---|---|\n")[2].partition("\n\n")[0]
    assert kinds_of_causes() == {line.split("`")[1] for line in table.splitlines()}


def test_of_many_items_the_first_hundred_are_told_and_what_is_alike_once():
    worker = Worker("w1", 0)
    groups = (
        causes.Group(2, "pack#0", causes.Leased("w1", worker, 0, 1)),
        causes.Group(1, "pack#2", causes.Queued("default", 5, None, None, ())),
        causes.Group(97, "pack#3", causes.Suspect("default", 5, 1, 0, (worker,), False)),
    )
    assert (
        "Its items are at work: 7 of 2,000 have ended; of the first 100 of 1,000 that have begun, 2 run; 1 is ready in queue "
        "'default', which no worker serves; 'pack#3' and 96 more: A worker died while it held it; it runs again, and alone if "
        "that happens once more. It stands number 1 in queue 'default' at priority 5, with 0 fetched before it. 1 worker serves "
        "the queue." == str(causes.Items(2000, 1007, 7, groups))
    )
    assert "Its items are at work: 0 of 3 have ended, 1 has begun." == str(causes.Items(3, 1, 0))


@pytest.fixture(params=["fakeredis", pytest.param("redis", marks=pytest.mark.redis)])
def stage(request):
    if request.param == "redis":
        return Stage(request.getfixturevalue("redis_client"), real=True)
    return Stage(fakeredis.FakeRedis(protocol=2), real=False)


def cause(stage, name="only"):
    return explain(stage.store, "x1").nodes[name]


def whole(stage):
    return explain(stage.store, "x1").cause


def serve(stage, session="w1", queues="default", fitting=""):
    stage.store.renew(session, "0", f"app-1:4711|{queues}|{fitting}")


def test_a_node_waits_for_those_before_it_that_have_not_finished(stage):
    stage.start(DIAMOND)
    stage.commit(*stage.fetch())
    left, _ = stage.fetch()
    stage.commit(left)
    assert causes.Parents(("right",)) == cause(stage, "bottom")
    assert "It waits for 'right' to finish." == str(cause(stage, "bottom"))
    assert "top" not in explain(stage.store, "x1").nodes


def test_many_are_named_up_to_five():
    assert "It waits for 'a' and 'b' to finish." == str(causes.Parents(("a", "b")))
    assert "It waits for 'a', 'b', 'c', 'd', 'e' and 2 others to finish." == str(causes.Parents(tuple("abcdefg")))


def test_one_whose_parent_failed_waits_for_it_unless_it_may_go_on_without(stage):
    stage.start(plan(node("first", on_failure="continue"), node("second", "first"), node("third", "second")))
    stage.fail(*stage.fetch())
    assert {"second", "third"} == explain(stage.store, "x1").nodes.keys()
    assert causes.Parents(("second",)) == cause(stage, "third")


def test_a_child_that_a_cursor_has_yet_to_come_to_is_being_released(stage):
    stage.start(plan(node("top"), *(node(f"n{number}", "top") for number in range(700))))
    stage.commit(*stage.fetch())
    last = cause(stage, "n699")
    assert causes.Releasing() == last
    assert "it is queued as soon as a worker fetches again" in str(last)


def test_a_queued_node_has_its_place_and_the_workers_of_its_queue(stage):
    stage.start(execution="x0")
    stage.start(execution="urgent", priority=8)
    stage.start()
    found = cause(stage)
    assert causes.Queued("default", 5, 2, 2, ()) == found
    assert (
        "It is ready, number 2 in queue 'default' at priority 5, with 2 fetched before it. "
        "No worker serves queue 'default': start one that does."
    ) == str(found)
    serve(stage, "w1", "default,gpu")
    serve(stage, "w2", "gpu")
    [worker] = cause(stage).workers
    assert ("w1", "app-1", 4711, ("default", "gpu"), ()) == (
        worker.session, worker.host, worker.process, worker.queues, worker.fitting,
    )  # fmt: skip
    assert str(cause(stage)).endswith("1 worker serves the queue.")
    serve(stage, "w3")
    assert str(cause(stage)).endswith("2 workers serve the queue.")


def test_a_worker_whose_lease_has_run_out_serves_nothing(stage):
    serve(stage)
    stage.start()
    assert 1 == len(cause(stage).workers)
    stage.clock.advance(5_001)
    assert () == cause(stage).workers


def test_an_async_node_stands_in_the_queue_of_the_event_loops(stage):
    stage.start(plan(node("only", is_async=True, priority=7)))
    serve(stage)
    found = cause(stage)
    assert ("default", 7, 1, 0, 1) == (
        found.queue, found.priority, found.position, found.ahead, len(found.workers),
    )  # fmt: skip


def test_a_place_that_is_not_found_is_not_told(stage):
    stage.start()
    stage.client.delete(stage.keys.queue("default", 5))
    assert causes.Queued("default", 5, None, None, ()) == cause(stage)
    assert "in queue 'default' at priority 5, not found among the first 10,000. No worker" in str(cause(stage))


def test_a_leased_node_has_its_worker_and_its_lease(stage):
    stage.start()
    stage.fetch()
    serve(stage)
    found = cause(stage)
    assert ("leased", "w1", stage.now_ms, 1) == (found.kind, found.session, found.since_ms, found.attempt)
    assert stage.now_ms + 5_000 == found.worker.lease_until_ms
    at, until = wording.moment(stage.now_ms), wording.moment(stage.now_ms + 5_000)
    assert (
        f"Since {at} worker w1 (app-1, process 4711) has it (attempt 1); its lease, which it renews, goes to {until}."
    ) == str(found)
    stage.clock.advance(5_001)
    assert "Worker w1 had it and is gone; another one takes it over." == str(cause(stage))


def test_a_retry_and_a_delay_have_their_time(stage):
    stage.start(plan(node("only"), node("late", "only", delay_ms=700)))
    stage.retry(*stage.fetch(), 1000)
    due = stage.now_ms + 1000
    assert causes.Timer("retry", due, 1) == cause(stage)
    assert f"It is tried again at {wording.moment(due)} after 1 failed attempt." == str(cause(stage))
    stage.clock.advance(1001)
    stage.commit(*stage.fetch())
    due = stage.now_ms + 700
    assert causes.Timer("delay", due, 0) == cause(stage, "late")
    assert f"Its delay ends at {wording.moment(due)}." == str(cause(stage, "late"))


def test_one_that_is_put_off_has_cost_no_attempt(stage):
    stage.start()
    stage.retry(*stage.fetch(), 1000, spends=0)
    assert f"It is tried again at {wording.moment(stage.now_ms + 1000)}." == str(cause(stage))


def test_a_pause_is_the_cause_of_all_that_it_holds_up(stage):
    stage.start(CHAIN)
    [claim] = stage.fetch()
    stage.call("pause", stage.now_ms, "x1", "lunch")
    stage.commit(claim)
    paused = execution_causes.PutAside("paused", "lunch")
    assert (paused, {"second": paused}) == (whole(stage), explain(stage.store, "x1").nodes)
    assert "The execution is paused (lunch); resume it to go on." == str(paused)


def test_what_was_queued_when_the_pause_came_is_held_up_by_it_as_well(stage):
    stage.start()
    stage.call("pause", stage.now_ms, "x1", "")
    assert execution_causes.PutAside("paused") == cause(stage)
    stage.fetch()
    assert "P" == stage.state("only")
    assert "The execution is paused; resume it to go on." == str(cause(stage))


def test_a_failure_holds_up_the_others_and_leaves_a_dead_letter(stage):
    stage.start(PAIR)
    one, two = stage.fetch()
    stage.store.give_back("w1", [("x1", "two", two.token)])
    [two] = stage.fetch()
    stage.fail(one)
    failing = execution_causes.PutAside("failing", "", "one")
    assert failing == whole(stage)
    assert "is failing because of 'one'" in str(failing)
    assert "leased" == cause(stage, "two").kind
    dead = cause(stage, "one")
    assert ("x1:one", stage.now_ms, 1, "broken") == (
        dead.letter, dead.failed_at_ms, dead.attempts, dead.error.message,
    )  # fmt: skip
    assert (
        "It failed after 1 attempt with ValueError: broken. Retry dead letter x1:one to let the execution go on."
    ) == str(dead)
    stage.store.give_back("w1", [("x1", "two", two.token)])
    assert "failed" == stage.status()
    assert str(cause(stage, "one")).endswith("Retry dead letter x1:one to let the execution go on.")
    assert execution_causes.PutAside("failed", "", "one", "retry", "x1") == cause(stage, "two")
    assert "a retry of its dead letter lets it go on" in str(whole(stage))
    stage.call("discard", stage.now_ms, "x1", "one", 60_000)
    assert "Its dead letter is gone; replay execution x1." in str(cause(stage, "one"))
    assert "The execution failed because of 'one'; replay execution x1 to run it again." == str(whole(stage))


def test_a_node_that_no_worker_fits_says_why_and_who_looks_for_it(stage):
    stage.start()
    stage.commit(*stage.fetch(), "u", b"work.0a1b", extra="'work' has no parameter 'x' where it was fetched", spends=0)
    found = cause(stage)
    assert ("unfit", "work.0a1b", "'work' has no parameter 'x' where it was fetched", 1) == (
        found.kind, found.fingerprint, found.reason, found.position,
    )  # fmt: skip
    assert (
        "No worker fits it: 'work' has no parameter 'x' where it was fetched. "
        "Start a worker with the code that the execution was started with."
    ) == str(found)
    serve(stage, "w2", "default", "default@work.0a1b")
    assert str(cause(stage)).endswith("Workers that fit it now look for it.")


@pytest.mark.parametrize("alone", [False, True])
def test_a_suspect_says_that_workers_died_with_it(stage, alone):
    stage.start()
    for _ in range(2 if alone else 1):
        stage.fetch("dying")
        stage.fetch("dying", threads=0)
        stage.clock.advance(5_001)
        stage.store.rescue()
    found = cause(stage)
    # The only one that its worker held runs alone at once.
    assert ("suspect", True, 1) == (found.kind, found.alone, found.position)
    assert "runs alone, one such node in a process at a time. It stands number 1 in queue" in str(found)


def test_a_suspect_among_others_runs_again_with_them(stage):
    stage.start(PAIR)
    stage.fetch()
    stage.clock.advance(5_001)
    stage.store.rescue()
    assert not cause(stage, "one").alone
    assert str(cause(stage, "one")).startswith("A worker died while it held it; it runs again, and alone if")


def test_a_node_that_awaits_something_says_until_when(stage):
    stage.start()
    [claim] = stage.fetch()
    stage.call("await", stage.now_ms, "w1", "x1", "only", claim.token, "rain", 1000, 60_000, 600_000)
    due = stage.now_ms + 1000
    assert causes.Awaiting(None, due) == cause(stage)
    assert f"It sleeps until {wording.moment(due)}." == str(cause(stage))


def test_a_node_that_waits_for_an_event_names_it(stage):
    config = msgspec.Raw(b'{"event":"approved"}')
    stage.start(plan(node("only", type=WAIT_FOR_EVENT, waits=True, config=config)))
    [claim] = stage.fetch()
    stage.call("await", stage.now_ms, "w1", "x1", "only", claim.token, "it", "", 60_000, 600_000, "approved")
    assert causes.Awaiting("approved", None) == cause(stage)
    assert "It waits for event 'approved'; signal it to let the node go on." == str(cause(stage))


def test_a_scheduled_execution_has_its_time_also_when_it_is_paused(stage):
    stage.start(CHAIN, delay_ms=1000)
    begins = execution_causes.Scheduled(stage.now_ms + 1000)
    assert begins == whole(stage) == cause(stage, "first")
    assert causes.Parents(("first",)) == cause(stage, "second")
    assert f"The execution begins at {wording.moment(begins.due_ms)}." == str(begins)
    stage.call("pause", stage.now_ms, "x1", "")
    assert execution_causes.PutAside("paused") == whole(stage) == cause(stage, "first")


def test_a_plan_that_is_gone_is_the_cause(stage):
    stage.start()
    stage.client.delete(stage.keys.plan(ONE.hash))
    found = explain(stage.store, "x1")
    assert (execution_causes.PlanMissing(ONE.hash), {}) == (found.cause, found.nodes)
    assert f"Plan {ONE.hash} is not in the store" in str(found)


def test_an_execution_that_ended_waits_for_nothing(stage):
    stage.run()
    assert ("x1 of staged is completed.", {}) == (str(explain(stage.store, "x1")), explain(stage.store, "x1").nodes)
    stage.start(PAIR, "x2")
    stage.cancel("x2", "enough")
    found = explain(stage.store, "x2")
    assert ("x2 of staged is cancelled. The execution was cancelled (enough).", {}) == (str(found), found.nodes)


def test_one_that_is_being_cancelled_says_what_still_runs(stage):
    stage.start(PAIR)
    one, _ = stage.fetch()
    stage.cancel("x1", "enough")
    stage.commit(one, "x", b'{"type":"a:B","message":"stopped"}')
    found = explain(stage.store, "x1")
    assert "is being cancelled (enough); what runs comes to its end" in str(found.cause)
    assert {"two": "leased"} == {name: each.kind for name, each in found.nodes.items()}


def test_an_unknown_execution_is_not_found(stage):
    with pytest.raises(UnknownExecution):
        explain(stage.store, "nobody")


def test_all_of_it_is_plain_json_and_one_line_a_node(stage):
    serve(stage)
    stage.start(CHAIN)
    found = explain(stage.store, "x1")
    told = json.loads(json.dumps(found.as_json()))
    assert ("x1", "staged", "running", None) == (
        told["execution"], told["workflow"], told["status"], told["cause"],
    )  # fmt: skip
    assert {"kind": "parents", "nodes": ["first"], "sentence": "It waits for 'first' to finish."} == told["nodes"][
        "second"
    ]
    assert 4711 == told["nodes"]["first"]["workers"][0]["process"]
    assert [
        "x1 of staged is running.",
        f"first: {found.nodes['first']}",
        "second: It waits for 'first' to finish.",
    ] == str(found).splitlines()


def test_looking_writes_nothing(stage):
    stage.start(DIAMOND)
    before = stage.everything()
    explain(stage.store, "x1")
    assert before == stage.everything()


def test_of_a_wide_execution_the_places_of_the_first_hundred_are_looked_up(stage):
    stage.start(plan(*(node(f"n{number}") for number in range(120))))
    positions = [each.position for each in explain(stage.store, "x1").nodes.values()]
    assert list(range(1, 101)) == sorted(position for position in positions if position is not None)
