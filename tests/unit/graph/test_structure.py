"""Behaviours 1 to 7 of a definition's check, on drafts: what is wrong with the graph as a whole."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, PlainSerializer

from spane import graph
from spane.errors import DefinitionError
from spane.graph.annotations import render
from spane.model.expressions import Input, Output


def load(folder: str = "here") -> int:
    return len(folder)


def step(value: int) -> int:
    return value


def add(left: int, right: int) -> int:
    return left + right


def codes(draft):
    return [fault.code for fault in graph.check(draft)[0]]


def only(draft):
    (fault,) = graph.check(draft)[0]
    return fault


def test_a_sound_draft_has_no_faults_and_no_warnings(make):
    draft = make.draft(make.call(make.type(load)), make.call(make.type(step), value=Output("load")))
    assert ([], []) == graph.check(draft)


def test_1_a_cycle_is_rejected_naming_its_nodes(make):
    step_type = make.type(step)
    draft = make.draft(
        make.call(step_type, "a", value=Output("c"), line=3),
        make.call(step_type, "b", value=Output("a"), line=4),
        make.call(step_type, "c", value=Output("b"), line=5),
    )
    fault = only(draft)
    assert ("cycle", "flows.py:3") == (fault.code, fault.where)
    assert (
        "These nodes wait for each other in a cycle, so none of them could start: a -> b -> c -> a. "
        "Take one of these edges out." == fault.message
    )


def test_1_every_cycle_is_reported_once_and_nodes_behind_one_are_not(make):
    add_type, step_type = make.type(add), make.type(step)
    draft = make.draft(
        make.call(step_type, "a", value=Output("b")),
        make.call(step_type, "b", value=Output("a")),
        make.call(step_type, "behind", value=Output("b")),
        make.call(add_type, "c", left=Output("behind"), right=Output("d")),
        make.call(step_type, "d", value=Output("c")),
    )
    messages = [fault.message for fault in graph.check(draft)[0]]
    assert 2 == len(messages)
    assert "a -> b -> a" in messages[0]
    assert "c -> d -> c" in messages[1]


def test_1_a_cycle_through_after_counts(make):
    step_type = make.type(step)
    draft = make.draft(
        make.call(step_type, "a", value=1, after=["b"]),
        make.call(step_type, "b", value=Output("a")),
    )
    assert ["cycle"] == codes(draft)


def test_1_a_long_cycle_is_named_by_its_beginning(make):
    step_type = make.type(step)
    calls = [make.call(step_type, f"n{i}", value=Output(f"n{(i - 1) % 500}")) for i in range(500)]
    message = only(make.draft(*calls)).message
    assert "n0 -> n1 -> n2" in message
    assert "... (470 more) -> n0" in message


def test_2_a_duplicate_id_is_rejected_with_both_places(make):
    load_type = make.type(load)
    draft = make.draft(make.call(load_type, "x", line=1), make.call(load_type, "x", line=2))
    fault = only(draft)
    assert ("duplicate-id", "flows.py:2") == (fault.code, fault.where)
    assert "Several nodes have the id 'x', the first at flows.py:1. Give each an id of its own." == fault.message


def test_2_a_duplicate_id_without_places_names_none(make):
    load_type = make.type(load)
    fault = only(make.draft(make.call(load_type, "x"), make.call(load_type, "x")))
    assert "Several nodes have the id 'x'. Give each an id of its own." == fault.message


def test_3_a_missing_reference_is_rejected_by_name_with_the_near_miss(make):
    draft = make.draft(make.call(make.type(load)), make.call(make.type(step), value=Output("laod"), line=9))
    fault = only(draft)
    assert ("unknown-node", "flows.py:9") == (fault.code, fault.where)
    expected = "Node 'step' takes the output of 'laod', which is no node of this workflow. Did you mean 'load'?"
    assert expected == fault.message


def test_3_without_a_near_miss_the_nodes_are_listed(make):
    draft = make.draft(make.call(make.type(load)), make.call(make.type(step), value=Output("zzz")))
    assert only(draft).message.endswith("The nodes are load, step.")


def test_3_an_after_that_points_nowhere_is_rejected(make):
    draft = make.draft(make.call(make.type(load), after=["gone"]))
    fault = only(draft)
    assert "unknown-node" == fault.code
    assert fault.message.startswith("Node 'load' runs after 'gone', which is no node of this workflow.")


def test_3_a_reference_inside_lists_and_dicts_is_found(make):
    def gather(parts: dict):
        return parts

    draft = make.draft(make.call(make.type(gather), parts=make.fields(a=make.items(Output("nope")), b=Output("nope"))))
    assert ["unknown-node"] == codes(draft)


def test_3_a_returned_reference_must_exist(make):
    draft = make.draft(make.call(make.type(load)), returns=Output("lod"), workflow_line=2)
    fault = only(draft)
    assert ("unknown-node", "flows.py:2") == (fault.code, fault.where)
    assert "The workflow returns the output of 'lod', which is no node of it. Did you mean 'load'?" == fault.message


def test_4_an_unknown_entry_is_rejected(make):
    draft = make.draft(make.call(make.type(load)), definition={"entryNodeId": "laod"})
    fault = only(draft)
    assert ("unknown-entry", "flow") == (fault.code, fault.where)
    assert "The entry node 'laod' is no node of this workflow. Did you mean 'load'?" == fault.message


def test_5_an_unreachable_node_is_a_warning(make):
    load_type, step_type = make.type(load), make.type(step)
    draft = make.draft(
        make.call(load_type, "a"),
        make.call(step_type, "b", value=Output("a")),
        make.call(load_type, "alone"),
        make.call(step_type, "under", value=Output("alone")),
        definition={"entryNodeId": "a"},
    )
    faults, warnings = graph.check(draft)
    assert [] == faults
    assert [("unreachable", "alone"), ("unreachable", "under")] == [(w.code, w.where) for w in warnings]
    assert "Node 'alone' cannot be reached from the entry node 'a'." in warnings[0].message
    assert "Connect it, or take it out." in warnings[0].message


def test_5_a_warning_does_not_keep_a_plan_from_being_made(make):
    load_type = make.type(load)
    draft = make.draft(make.call(load_type, "a"), make.call(load_type, "b"), definition={"entryNodeId": "a"})
    assert 2 == len(graph.lower(draft).nodes)


def test_6_several_faults_are_reported_together(make):
    step_type = make.type(step)
    draft = make.draft(
        make.call(step_type, "a", value=Output("b")),
        make.call(step_type, "b", value=Output("a")),
        make.call(step_type, "c", value=Output("nope")),
        make.call(step_type, "c"),
        make.call("unheard_of", "d"),
        make.call(step_type, "e", value="text that is no number", options={"timeout_s": -1}),
        name="every fault",
    )
    expected = {
        "bad-name",
        "duplicate-id",
        "unknown-type",
        "unknown-node",
        "cycle",
        "unbound-parameter",
        "type-mismatch",
        "bad-option",
    }
    assert expected == set(codes(draft))
    with pytest.raises(DefinitionError) as caught:
        graph.lower(draft)
    assert expected == {fault.code for fault in caught.value.faults}
    assert str(caught.value).startswith("Workflow 'every fault' has 8 faults:\n  - ")


def test_7_several_roots_all_start(make):
    load_type = make.type(load)
    draft = make.draft(make.call(load_type, "a"), make.call(load_type, "b"), make.call(load_type, "c"))
    assert [()] * 3 == [node.parents + node.after for node in graph.lower(draft).nodes]


def test_faults_of_the_writing_come_first(make):
    draft = make.draft(make.call(make.type(load), "b d"))
    draft.faults.append(make.fault("near-miss", "said before"))
    assert ["near-miss", "bad-name"] == codes(draft)


def test_a_node_that_takes_its_own_output_is_rejected(make):
    draft = make.draft(make.call(make.type(step), "a", value=Output("a")))
    fault = only(draft)
    assert "self-reference" == fault.code
    assert "Node 'a' takes its own output as 'value', so it could never start. Take that edge out." == fault.message


def test_a_node_that_runs_after_itself_is_rejected(make):
    fault = only(make.draft(make.call(make.type(load), "a", after=["a"])))
    assert "Node 'a' runs after itself, so it could never start. Take that edge out." == fault.message


def test_a_workflow_without_nodes_is_rejected(make):
    fault = only(make.draft())
    assert "no-nodes" == fault.code
    assert "Workflow 'flow' has no nodes, so there is nothing to run. Call at least one node." == fault.message


@pytest.mark.parametrize("name", ["", "a b", "a|b", "-a", "a\n", "a" * 201, "ä/ö"])
def test_names_that_are_not_allowed(make, name):
    load_type = make.type(load)
    fault = only(make.draft(make.call(load_type, name)))
    assert "bad-name" == fault.code
    assert f"The node id {name!r} is not allowed. An id has 1 to 200 letters" in fault.message
    assert ["bad-name"] == codes(make.draft(make.call(load_type), name=name))
    assert ["bad-name"] == codes(make.draft(make.call(make.type(load, name=name), "a")))


def test_an_unknown_node_type_is_one_fault_for_all_its_nodes(make):
    calls = [make.call("laod", f"n{i}") for i in range(11)]
    fault = only(make.draft(make.call(make.type(load)), *calls))
    assert ("unknown-type", "n0") == (fault.code, fault.where)
    assert (
        "Node type 'laod' of nodes n0, n1, n2, n3, n4, n5, n6, n7 and 3 more is not registered. Did you mean 'load'? "
        "Import the module that defines it first." == fault.message
    )


def test_an_unknown_node_type_among_no_known_ones(make):
    fault = only(make.draft(make.call("what", "n")))
    expected = "Node type 'what' of node 'n' is not registered. Import the module that defines it first."
    assert expected == fault.message


def test_an_input_declared_twice_is_rejected(make):
    draft = make.draft(make.call(make.type(step), value=Input("x")), inputs=["x", "x"])
    fault = only(draft)
    assert "duplicate-input" == fault.code
    assert "Workflow 'flow' declares the input 'x' twice. Take one out." == fault.message


class Socket:
    pass


def opened(address: str) -> Socket:
    return Socket()


def sent(socket: Socket, *rest: Socket) -> int:
    return 1


def test_annotations_that_json_cannot_carry_are_faults_of_the_graph(make):
    opened_type, sent_type = make.type(opened), make.type(sent)
    draft = make.draft(
        make.call(opened_type, "a", address="here"),
        make.call(opened_type, "b", address="there"),
        make.call(sent_type, socket=Output("a")),
    )
    faults = graph.check(draft)[0]
    assert ["bad-annotation"] * 3 == [fault.code for fault in faults]
    places = ["'opened', its result", "'sent', parameter 'socket'", "'sent', parameter 'rest'"]
    for fault, place in zip(faults, places, strict=True):
        assert f"Node type {place}: values of type Socket cannot be read from JSON" in fault.message
        assert "Annotate a plain type, a dataclass, a TypedDict or a pydantic model instead." in fault.message


class Keyed(BaseModel):
    names: dict[int, str]


@pytest.mark.parametrize(
    "annotation",
    [
        dict[int, str],
        dict[int | bool, str],
        dict[Literal[1, 2], str],
        dict[tuple[int, int], str],
        dict[uuid.UUID, int],
        list[dict[int, str]],
        dict[str, dict[int, str]],
        tuple[int, dict[int, str]],
        dict[int, str] | list[dict[int, str]],
    ],
    ids=str,
)
def test_a_result_whose_keys_are_never_text_is_a_fault(make, annotation):
    def table(): ...

    table.__annotations__ = {"return": annotation}
    faults = graph.check(make.draft(make.call(make.type(table))))[0]
    assert ["bad-annotation"] == [fault.code for fault in faults]
    assert f"Node type 'table' returns {render(annotation)}, which JSON cannot carry: the keys of " in faults[0].message
    assert faults[0].message.endswith(" are no text. Return text keys, or a list of pairs.")


@pytest.mark.parametrize(
    "annotation",
    [
        dict,
        dict[str, int],
        dict[Any, int],
        dict[int | str, int],
        dict[Literal["a"], int],
        dict[int, str] | None,
        list[dict[int, str] | int],
        dict[Annotated[int, PlainSerializer(str)], str],
        dict[int, Annotated[int, PlainSerializer(str)]],
        Keyed,
        list[Keyed],
    ],
    ids=str,
)
def test_a_result_that_can_be_written_is_no_fault(make, annotation):
    def table(): ...

    table.__annotations__ = {"return": annotation}
    assert [] == graph.check(make.draft(make.call(make.type(table))))[0]
