"""Why an execution does not go on that failed or was cancelled: its undos, its dead letters, and what really helps."""

from __future__ import annotations

import fakeredis
import pytest

from spane.control import causes, execution_causes
from spane.control.dead_letters import DeadLetters
from spane.control.explaining import explain
from spane.control.reading import nodes
from spane.errors import DeadLetterUndone, IllegalTransition
from spane.model.plan import Plan
from tests.transitions.conftest import Stage, node, plan, with_deadline
from tests.transitions.test_compensate import HANDLED, TOLD, TWO, cancel, fail_last, only, take, undoable
from tests.transitions.test_descend import CHILD, calling, descend
from tests.transitions.test_heal import heal
from tests.transitions.test_pause import pause


@pytest.fixture(params=["fakeredis", pytest.param("redis", marks=pytest.mark.redis)])
def stage(request):
    if request.param == "redis":
        return Stage(request.getfixturevalue("redis_client"), real=True)
    return Stage(fakeredis.FakeRedis(protocol=2), real=False)


def kinds(stage, execution="x1"):
    return {name: each.kind for name, each in explain(stage.store, execution).nodes.items()}


def cause(stage, name, execution="x1"):
    return explain(stage.store, execution).nodes[name]


def whole(stage):
    return explain(stage.store, "x1").cause


def test_the_undo_that_is_next_is_queued_and_each_other_waits_for_the_one_before_it(stage):
    fail_last(stage, HANDLED)
    assert {
        "last": "dead_letter", "two~undo": "queued", "one~undo": "parents", "tell~on_failure": "parents",
    } == kinds(stage)  # fmt: skip
    assert causes.Parents(("two~undo",)) == cause(stage, "one~undo")
    assert "It waits for 'one~undo' to finish." == str(cause(stage, "tell~on_failure"))
    assert "The execution failed because of 'last', and undoes what it did; 1 more to undo." == str(whole(stage))


def test_the_place_of_an_undo_in_its_queue_is_told(stage):
    fail_last(stage)
    found = cause(stage, "two~undo")
    assert ("default", 5, 1, 0) == (found.queue, found.priority, found.position, found.ahead)


def test_an_undo_that_runs_is_leased_and_one_that_is_tried_again_has_its_time(stage):
    fail_last(stage)
    claim = only(stage)
    assert {"last": "dead_letter", "two~undo": "leased", "one~undo": "parents"} == kinds(stage)
    stage.retry(claim, delay_ms=1_000)
    assert causes.Timer("retry", stage.now_ms + 1_000, 1) == cause(stage, "two~undo")
    assert causes.Parents(("two~undo",)) == cause(stage, "one~undo")


def test_an_undo_that_has_ended_is_not_told_any_more(stage):
    fail_last(stage)
    take(stage, "two~undo")
    assert {"last": "dead_letter", "one~undo": "queued"} == kinds(stage)
    take(stage, "one~undo")
    assert {"last": "dead_letter"} == kinds(stage)


def test_after_a_cancel_no_handler_is_to_come_and_the_reason_is_told(stage):
    stage.start(HANDLED)
    take(stage, "one")
    pause(stage)
    stage.cancel("x1", "enough")
    assert {"two": "put_aside", "last": "parents", "one~undo": "queued"} == kinds(stage)
    assert str(whole(stage)).startswith("The execution was cancelled (enough), and undoes what it did")
    take(stage, "one~undo")
    assert ("The execution was cancelled (enough) and has compensated.", {}) == (str(whole(stage)), kinds(stage))


def test_the_dead_letter_of_one_that_has_compensated_is_not_advised_to_be_retried(stage):
    fail_last(stage)
    for _ in range(2):
        # Neither while it compensates, nor after that.
        assert ("replay", "x1") == (cause(stage, "last").remedy, cause(stage, "last").replay)
        assert str(cause(stage, "last")).endswith("Its dead letter can no longer be retried; replay execution x1.")
        with pytest.raises((IllegalTransition, DeadLetterUndone)):
            DeadLetters(stage.store).retry("x1:last")
        for undo in stage.fetch():
            stage.commit(undo)
            take(stage, "one~undo")
    assert ("The execution failed because of 'last' and has compensated; replay execution x1 to run it again.") == str(
        whole(stage)
    )


def test_one_that_has_yet_to_compensate_can_be_retried_instead(stage):
    stage.start(plan(undoable("one"), undoable("two"), node("bad")))
    claims = {claim.node: claim for claim in stage.fetch()}
    stage.commit(claims["one"])
    stage.fail(claims["bad"])
    assert ("failing", "retry") == (stage.status(), cause(stage, "bad").remedy)
    assert ["ok", 1] == heal(stage, "bad")


def test_the_dead_letter_of_an_undo_is_advised_to_be_retried(stage):
    fail_last(stage)
    stage.fail(only(stage))
    assert {"last": "dead_letter", "two~undo": "dead_letter", "one~undo": "queued"} == kinds(stage)
    take(stage, "one~undo")
    advice = "Retry dead letter x1:two~undo to run it again; its execution ends as before."
    assert str(cause(stage, "two~undo")).endswith(advice)
    DeadLetters(stage.store).retry("x1:two~undo")
    assert {"last": "dead_letter", "two~undo": "queued"} == kinds(stage)


def test_an_undo_that_is_retried_meanwhile_comes_next(stage):
    fail_last(stage)
    stage.fail(only(stage))
    heal(stage, "two~undo")
    assert {"last": "dead_letter", "one~undo": "queued", "two~undo": "parents"} == kinds(stage)
    assert causes.Parents(("one~undo",)) == cause(stage, "two~undo")


def test_a_cancelled_one_tells_which_undo_failed(stage):
    stage.start(TWO)
    take(stage, "one")
    pause(stage)
    cancel(stage)
    stage.fail(only(stage))
    assert ("cancelled", {"one~undo": "dead_letter"}) == (stage.status(), kinds(stage))
    assert "retry" == cause(stage, "one~undo").remedy
    stage.call("discard", stage.now_ms, "x1", "one~undo", 60_000)
    found = cause(stage, "one~undo")
    assert (None, None) == (found.letter, found.remedy)
    assert str(found).endswith("Its dead letter is gone, so nothing runs it again.")


def test_one_that_only_tells_its_handler_can_be_retried_once_it_has(stage):
    fail_last(stage, TOLD)
    assert ("compensating", "retry_later") == (stage.status(), cause(stage, "last").remedy)
    take(stage, "tell~on_failure")
    assert "retry" == cause(stage, "last").remedy
    assert str(whole(stage)).endswith("'last'; a retry of its dead letter lets it go on.")


def test_one_that_failed_by_its_deadline_is_to_be_replayed(stage):
    stage.start(Plan("staged", (node("only"), node("child", "only")), deadline_ms=1_000))
    claim = only(stage)
    stage.clock.advance(1_000)
    stage.fetch()
    assert str(whole(stage)).startswith("The execution is failing because its deadline has come;")
    stage.retry(claim)
    assert "failed" == stage.status()
    assert "The execution failed because its deadline has come; replay execution x1 to run it again." == str(
        whole(stage)
    )


def test_a_skipped_failure_holds_up_nobody(stage):
    stage.start(plan(node("first", on_failure="skip"), node("child", "first"), node("free")))
    claims = {claim.node: claim for claim in stage.fetch()}
    stage.fail(claims["first"])
    assert {"free": "leased"} == kinds(stage)


def test_what_was_to_be_tried_again_is_put_aside_by_a_failure(stage):
    stage.start(plan(node("one"), node("two")))
    one, two = stage.fetch()
    stage.retry(two)
    stage.fail(one)
    assert execution_causes.PutAside("failed", "", "one", "retry", "x1") == cause(stage, "two")


def test_looking_at_a_failure_writes_nothing(stage):
    fail_last(stage)
    before = stage.everything()
    explain(stage.store, "x1")
    assert before == stage.everything()


@pytest.mark.parametrize("undoes", [False, True])
def test_of_a_child_the_execution_at_the_top_says_what_helps(stage, undoes):
    before = undoable("before") if undoes else node("before")
    stage.put(CHILD)
    stage.start(plan(before, calling(), node("beside")))
    claims = {claim.node: claim for claim in stage.fetch()}
    stage.commit(claims["before"])
    descend(stage, claims["call"])
    stage.fail(only(stage))
    assert "retry" == cause(stage, "inner", "c1").remedy
    stage.fail(only(stage))
    assert ("failing", "failed") == (stage.status(), stage.status("c1"))
    for _ in range(2):
        found = cause(stage, "inner", "c1")
        if undoes and stage.status() == "failed":
            assert ("replay", "x1") == (found.remedy, found.replay)
        else:
            assert "retry" == found.remedy
        stage.commit(claims["beside"])
        for undo in stage.fetch():
            stage.commit(undo)
    assert "failed" == stage.status()


def left_behind(stage):
    """Start a node that fails beside one that runs on, one that is to be retried, one that waits and one behind it."""
    names = ("fails", "later", "waits", "runs")
    made = plan(*(node(name, waits=name == "waits") for name in names), node("after", "waits"))
    stage.start(with_deadline(made))
    claims = {claim.node: claim for claim in stage.fetch()}
    stage.retry(claims["later"], 600_000)
    stage.call("await", stage.now_ms, "w1", "x1", "waits", claims["waits"].token, "time", 600_000, *stage.store.kept_ms)
    return claims


def test_what_a_failed_execution_left_is_parked_until_the_dead_letter_is_retried(stage):
    claims = left_behind(stage)
    stage.fail(claims["fails"])
    stage.commit(claims["runs"])
    states = {name: str(view.state) for name, view in nodes(stage.store, "x1").items()}
    assert {
        "fails": "failed", "later": "parked", "waits": "parked", "runs": "succeeded", "after": "waiting",
    } == states  # fmt: skip
    assert {"fails": "dead_letter"} | dict.fromkeys(("later", "waits", "after"), "put_aside") == kinds(stage)


def test_what_an_execution_left_at_its_deadline_is_cancelled(stage):
    claims = left_behind(stage)
    stage.clock.advance(1_000)
    stage.fetch("w2")
    stage.commit(claims["fails"])
    stage.commit(claims["runs"])
    assert ("failed", {}) == (stage.status(), kinds(stage))
    views = nodes(stage.store, "x1")
    assert ["succeeded", "cancelled", "cancelled", "succeeded", "cancelled"] == [
        str(one.state) for one in views.values()
    ]
    assert [(None, 1), (None, 0)] == [(views[name].since_ms, views[name].attempt) for name in ("later", "waits")]
