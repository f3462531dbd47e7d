"""Behaviours 21 to 27: branches, routing by a node, and what is skipped."""

from __future__ import annotations

import pytest

from tests.flows import app


def ran(place, execution) -> set[str]:
    return {line["node"] for line in place.saw(execution)}


def skipped(execution) -> set[str]:
    return {name for name, view in execution.nodes().items() if view.state == "skipped"}


def test_21_a_router_that_names_one_child_skips_its_siblings(place):
    execution, _ = place.run(app.routing, to=["right"])
    assert {"choose", "right", "end"} == ran(place, execution)
    assert {"left", "below_left"} == skipped(execution)


def test_22_with_no_live_parent_all_descendants_are_skipped(place):
    execution, result = place.run(app.routing, to=[])
    assert ({"choose"}, {"left", "right", "below_left", "end"}) == (ran(place, execution), skipped(execution))
    assert None is result
    assert 4 == len(place.events(execution, "node_skipped"))


def test_23_one_live_parent_and_the_join_runs(place):
    execution, result = place.run(app.routing, to=["left"])
    assert "end of below_left of left of chosen" == result
    [end] = place.saw(execution, "end")
    # The parameter of the skipped parent took its default.
    assert "nothing" == end["other"]


@pytest.mark.parametrize("n", [5, 50])
def test_24_a_node_all_of_whose_parents_were_skipped_is_skipped(place, n):
    execution, result = place.run(app.sorting, n=n)
    assert [f"size {n}", "only_big of size 50" if n == 50 else None, n] == result
    assert ({"small"} if n == 50 else {"big", "only_big"}) == skipped(execution)


def test_25_a_skipped_parent_is_distinguishable_from_null(place):
    # `small` ran and gave null, and coalesce takes the first that ran.
    execution, result = place.run(app.sorting, n=0)
    assert [None, None, 0] == result
    assert {"big", "only_big"} == skipped(execution)
    states = execution.nodes()
    assert ["succeeded", "skipped"] == [states[name].state for name in ("small", "big")]


def test_26_an_empty_choice_skips_everything_below_and_the_execution_completes(place):
    execution, result = place.run(app.switching, n=3)
    assert ("neither", "completed") == (result, execution.status())
    assert {"one", "two", "below_two"} == skipped(execution)
    assert ["size 1", "below_two of size 2"] == [place.run(app.switching, n=n)[1] for n in (1, 2)]


def test_27_a_target_that_is_no_child_is_an_error(place):
    execution = place.fail(app.routing, to=["right", "nobody"])
    error = execution.nodes()["choose"].error
    assert "routes to 'nobody', which is no child of it. Its children are 'left', 'right'." in error.message
    assert 1 == len(place.saw(execution, "choose"))
    assert {"choose"} == ran(place, execution)


def test_a_node_that_skips_itself_says_why_and_a_default_stands_in_for_it(place):
    execution, result = place.run(app.passing_by, reason="nothing to do")
    assert "alone of a default" == result
    assert {"pass_by", "fed"} == skipped(execution)
    [event] = place.events(execution, "node_skipped", node="pass_by")
    assert ("nothing to do", 1) == (event.data["reason"], event.attempt)
