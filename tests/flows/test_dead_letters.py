"""Behaviours 36 to 39: dead letters are listed, retried and discarded."""

from __future__ import annotations

import pytest

from spane.errors import DeadLetterPassed, IllegalTransition, UnknownDeadLetter
from tests.flows import app
from tests.invariants import assert_holds


def letters(place, execution):
    return [letter for letter in place.engine.dead_letters if letter.execution == execution.id]


def test_36_the_listing_carries_the_ids_that_retry_takes(place):
    gate = place.gate()
    execution = place.fail(app.mending, value=1, gate=gate)
    [letter] = letters(place, execution)
    assert (execution.id, "mended", "mending", "failed", 2) == (
        letter.execution, letter.node, letter.workflow, letter.status, letter.attempts,
    )  # fmt: skip
    assert f"Declined: not before {gate} is open" == str(letter.error)
    assert letter == place.engine.dead_letters.get(letter.id)
    place.open(gate)
    place.engine.dead_letters.retry(letter.id)
    assert [1, 1] == execution.result(timeout_s=20)


def test_37_a_retry_keeps_everything_of_the_node_and_removes_the_item(place):
    execution = place.fail(app.mending, value={"deep": [1, None, "ä"]}, gate=place.gate())
    [letter] = letters(place, execution)
    place.engine.dead_letters.retry(letter.id)
    assert "failed" == execution.wait(timeout_s=20) or "running" == execution.status()
    assert "failed" == execution.wait(timeout_s=20)
    seen = place.saw(execution, "mended")
    assert [{"deep": [1, None, "ä"]}] * 4 == [line["value"] for line in seen]
    assert [1, 2, 1, 2] == [line["attempt"] for line in seen]
    [again] = letters(place, execution)
    assert again.id == letter.id
    assert again.failed_at_ms >= letter.failed_at_ms


def test_38_an_unknown_id_says_so(place):
    for unknown in ("nobody:mended", "nobody", "", "\ud800:a"):
        for ask in (place.engine.dead_letters.get, place.engine.dead_letters.retry, place.engine.dead_letters.discard):
            with pytest.raises(UnknownDeadLetter, match="is not known here"):
                ask(unknown)


def test_39_a_retry_that_finishes_the_graph_completes_the_execution(place):
    gate = place.gate()
    execution = place.fail(app.mending, value=5, gate=gate)
    place.open(gate)
    [letter] = letters(place, execution)
    place.engine.dead_letters.retry(letter.id)
    assert "completed" == execution.wait(timeout_s=20)
    assert [5, 5] == execution.result()
    assert {"succeeded"} == {view.state for view in execution.nodes().values()}
    assert [1] == [event.data["generation"] for event in place.events(execution, "execution_failed")]
    assert [2] == [event.data["generation"] for event in place.events(execution, "execution_completed")]
    assert [] == letters(place, execution)
    assert_holds(place.engine.store, [execution.id])


def test_many_are_retried_with_an_answer_for_each(place):
    gate = place.gate()
    executions = [place.fail(app.mending, value=number, gate=gate) for number in range(3)]
    place.open(gate)
    ids = [letter.id for execution in executions for letter in letters(place, execution)]
    answers = place.engine.dead_letters.retry_many([ids[0], "nobody:mended", *ids[1:]])
    assert [None, UnknownDeadLetter, None, None] == [answer and type(answer) for answer in answers]
    assert [[n, n] for n in range(3)] == [execution.result(timeout_s=20) for execution in executions]


def test_a_discarded_one_is_gone_and_its_execution_stays_failed(place):
    execution = place.fail(app.mending, value=1, gate=place.gate())
    [letter] = letters(place, execution)
    place.engine.dead_letters.discard(letter.id)
    assert ([], "failed") == (letters(place, execution), execution.status())
    with pytest.raises(UnknownDeadLetter):
        place.engine.dead_letters.retry(letter.id)


def test_one_that_its_execution_went_on_without_is_not_retried(place):
    execution, _ = place.run(app.continuing, value="a")
    [letter] = letters(place, execution)
    with pytest.raises(DeadLetterPassed, match="went on without it"):
        place.engine.dead_letters.retry(letter.id)


def test_one_of_a_cancelled_execution_is_not_retried(place):
    gate = place.gate()
    execution = place.start(app.failing_late, {"gate": gate})
    execution.cancel()
    place.open(gate)
    execution.wait(timeout_s=20)
    for letter in letters(place, execution):
        with pytest.raises(IllegalTransition, match="it is cancelled"):
            place.engine.dead_letters.retry(letter.id)


def test_pages_go_on_where_the_last_one_ended(in_process):
    executions = [in_process.fail(app.mending, value=number, gate=in_process.gate()) for number in range(5)]
    dead = in_process.engine.dead_letters
    first = dead.list(2)
    for letter in first:
        dead.discard(letter.id)
    rest = dead.list(10, after=first[-1])
    assert [execution.id for execution in executions] == [letter.execution for letter in [*first, *rest]]
    assert (3, 3) == (len(dead), len(list(dead)))


def test_dead_letters_are_retried_and_discarded_as_they_are_listed(place):
    first, second = (place.fail(app.mending, value=n, gate=place.gate()) for n in (1, 2))
    assert [None] == place.engine.dead_letters.retry_many(letters(place, first))
    place.engine.dead_letters.discard(letters(place, second)[0])
    assert [] == letters(place, second)
    first.wait(timeout_s=20)


@pytest.mark.parametrize("what", [None, 5, "", "nobody", "|", "\ud800:x"])
def test_what_is_no_dead_letter_is_not_known(in_process, what):
    letters = in_process.engine.dead_letters
    for verb in (letters.get, letters.retry, letters.discard):
        with pytest.raises(UnknownDeadLetter):
            verb(what)


def test_the_id_of_a_dead_letter_has_one_spelling(in_process):
    execution = in_process.fail(app.mending, value=1, gate=in_process.gate())
    with pytest.raises(UnknownDeadLetter):
        in_process.engine.dead_letters.get(f"{execution.id}|mended")


def test_many_dead_letters_are_a_list_and_no_text(in_process):
    with pytest.raises(TypeError, match=r"for one of them write \['a:b'\]"):
        in_process.engine.dead_letters.retry_many("a:b")
