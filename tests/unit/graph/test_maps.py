"""Maps in a graph: definitions both ways, drawings, and what a plan stores of them."""

from __future__ import annotations

import json

import pytest

from spane.graph import check, draw, lower
from spane.graph.definition import read, write
from spane.model import items
from spane.model.expressions import Output
from spane.model.rules import Each
from spane.runtime.layout import fields_of


@pytest.fixture
def draft(make):
    def many() -> list[int]: ...
    def one() -> str: ...
    def pack(item: int, stamp: str) -> str: ...

    call = make.call(make.type(pack), item=Output("many"), stamp=Output("one"))
    call.each = Each("item", 5, "collect")
    return make.draft(make.call(make.type(many)), make.call(make.type(one)), call)


def reading(make, definition):
    return read(json.dumps(definition), make.types.get)


def test_a_definition_says_a_map_and_reads_back_to_it(make, draft):
    written = write(draft)
    assert {"max_in_flight": 5, "on_item_failure": "collect"} == written["nodes"][2]["spane"]["each"]
    assert lower(draft).hash == lower(reading(make, written)).hash


def test_a_parameter_that_is_not_the_first_is_written_as_well(make, draft):
    draft.calls[2].each = Each("stamp")
    written = write(draft)
    assert {"parameter": "stamp"} == written["nodes"][2]["spane"]["each"]
    assert Each("stamp") == reading(make, written).calls[2].each


def test_an_object_that_is_empty_makes_a_map_over_the_first_parameter(make, draft):
    written = write(draft)
    written["nodes"][2]["spane"]["each"] = {}
    assert Each("item") == reading(make, written).calls[2].each


@pytest.mark.parametrize(
    ("each", "said"),
    [
        ({"max_in_flight": 0}, "greater than or equal to 1"),
        ({"on_item_failure": "ignore"}, "'fail', 'collect' or 'skip'"),
        ({"most": 3}, "is no key of a definition"),
    ],
)
def test_bad_rules_of_a_map_are_faults(make, draft, each, said):
    written = write(draft)
    written["nodes"][2]["spane"]["each"] = each
    [fault] = reading(make, written).faults
    assert (said in fault.message, "pack") == (True, fault.where)


def test_a_map_over_a_parameter_that_nothing_is_bound_to_is_a_fault(make, draft):
    draft.calls[2].each = Each("items")
    [said] = [fault.message for fault in check(draft)[0] if fault.code == "bad-map"]
    assert said.startswith("Map 'pack' has no list to go over: nothing is bound to 'items'.")


def test_drawings_say_that_it_is_a_map_and_what_it_goes_over(draft):
    assert "pack: map (takes many, one)" in draw.text(draft)
    assert "<small>map</small>" in draw.mermaid(draft)
    assert "each item" in draw.mermaid(draft)
    assert "map</text>" in draw.svg(draft)


def test_a_map_under_another_id_is_drawn_with_its_type(draft):
    draft.calls[2].id = "wrap"
    assert "wrap: map of pack" in draw.text(draft)


def test_a_plan_stores_a_profile_of_the_map_and_one_of_its_items(draft):
    stored = dict(fields_of(lower(draft)))
    assert "0;pack;default;;;many,@w:pack" == stored["p:pack"]
    assert "0;pack;default;;i;#,one" == stored["p:pack#"]


def test_the_ids_of_items_lead_back_to_their_map():
    assert ("pack#", "pack", "pack") == (items.program_of("pack#3"), items.map_of("pack#3"), items.program_of("pack"))
    assert None is items.map_of("pack")
    assert ["#pack#3", "@w:pack#3", "one", "@w:pack"] == [
        items.field_of(field, "pack#3") for field in ("#", "@w:pack#", "one", "@w:pack")
    ]


def test_the_ids_of_what_undoes_an_item_lead_back_to_its_program_and_to_the_item():
    assert ("pack#~undo", None) == (items.program_of("pack#3~undo"), items.map_of("pack#3~undo"))
    assert ["#pack#3", "pack#3", "@w:pack#3~undo", "one"] == [
        items.field_of(field, "pack#3~undo") for field in ("#", "pack#", "@w:pack#~undo", "one")
    ]
