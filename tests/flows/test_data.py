"""Behaviours 8 to 13: what nodes receive."""

from __future__ import annotations

import pytest

from spane import Workflow
from tests.flows import app
from tests.flows.test_definition import definition

VALUES = [0, False, "", None, [], {}, -1.5, "ä\U0001f40d", [[1, None], {"k": [True]}], {"nested": {"list": [1, 2]}}]


@pytest.mark.parametrize("data", [{"order": 7, "items": [{"n": None}], "flag": False}, {}, {"data": {"data": 0}}])
def test_08_every_entry_node_gets_the_initial_data_unchanged(place, data):
    made = Workflow.from_definition(definition(("a", []), ("b", []), ("end", ["a", "b"])))
    execution, _ = place.run(made, **data)
    assert [data, data] == [line["value"] for line in place.saw(execution) if line["node"] != "end"]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_09_one_parent_passes_its_exact_value(place, value):
    execution, result = place.run(app.relaying, value=value)
    (line,) = place.saw(execution, "child")
    assert (value, type(value).__name__) == (line["value"], line["type"])
    assert (value, type(value)) == (result, type(result))


@pytest.mark.parametrize("seconds", [[0.0, 0.05, 0.1], [0.1, 0.05, 0.0], [0.05, 0.1, 0.0]])
def test_10_several_parents_pass_a_mapping_by_node_id_whatever_the_finish_order(place, seconds):
    execution, result = place.run(app.merging, seconds=seconds)
    assert {"a": "from a", "b": "from b", "c": "from c"} == result
    (line,) = place.saw(execution, "merge")
    assert list(result) == list(line["value"])
    finished = [event.node for event in place.events(execution, "node_succeeded") if event.node != "merge"]
    assert finished == [name for _, name in sorted(zip(seconds, "abc", strict=True))]


@pytest.mark.parametrize("value", [0, False, "", None], ids=repr)
def test_11_empty_values_survive_on_every_store(place, value):
    execution, result = place.run(app.relaying, value=value)
    assert (value, type(value)) == (result, type(result))
    assert {"parent": value, "child": value} == execution.outputs()
    assert [(value, type(value))] * 2 == [(line["value"], type(line["value"])) for line in place.saw(execution)]


def test_12_the_result_of_any_ancestor_is_reachable(place):
    _, result = place.run(app.ancestry, value={"deep": [0]})
    assert [{"deep": [0]}, {"deep": [0]}, False] == result


def test_13_a_node_that_mutates_its_input_changes_no_stored_result(place):
    execution, result = place.run(app.spoiling, value=["good"])
    assert [["good", "spoilt"]] == [line["value"] for line in place.saw(execution, "spoils")]
    assert [["good"]] == [line["value"] for line in place.saw(execution, "reads_later")]
    assert [2, ["good"]] == result
    assert ["good"] == execution.outputs()["source"]
