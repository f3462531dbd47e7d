"""A workflow as an object: its plan, graph, drawings, definition, and being called."""

from __future__ import annotations

import inspect
import json

import pytest

from spane import Bound, DefinitionError, InputError, Workflow, node, workflow
from spane.authoring import running
from spane.authoring.registry import Registry


@pytest.fixture
def fulfil():
    @node
    def load(order_id: int) -> dict[str, int]: ...

    @node
    def charge(order: dict[str, int], express: bool = False) -> str: ...

    @workflow
    def fulfil(order_id: int, express: bool = False) -> str:
        """Load, then charge."""
        return charge(load(order_id), express)

    return fulfil


def test_it_looks_like_its_function(fulfil):
    assert ("fulfil", "fulfil", "Load, then charge.") == (fulfil.name, fulfil.__name__, fulfil.__doc__)
    assert "(order_id: 'int', express: 'bool' = False) -> 'str'" == str(inspect.signature(fulfil))
    assert repr(fulfil).startswith(f"<workflow 'fulfil' at {__file__}:")


def test_a_name_can_be_given():
    @workflow(name="shop.fulfil")
    def fulfil(): ...

    assert "shop.fulfil" == fulfil.name
    with pytest.raises(DefinitionError, match="'a b' cannot be the name of a workflow; a name has 1 to 200 letters"):
        workflow(name="a b")(test_a_name_can_be_given)


def test_the_graph_is_a_networkx_digraph(fulfil):
    assert [("load", "charge")] == list(fulfil.graph.edges)
    assert [("order", ())] == fulfil.graph.edges["load", "charge"]["bindings"]
    assert "load" == fulfil.graph.nodes["load"]["call"].id


def test_the_plan_is_the_same_for_the_same_body(fulfil):
    assert fulfil.plan.hash == Workflow(fulfil.name, fulfil.trace, location=fulfil.location).plan.hash
    assert ("load", "charge") == tuple(n.id for n in fulfil.plan.nodes)


def test_a_workflow_without_nodes_is_a_fault(told):
    @workflow
    def flow(): ...

    assert "has no nodes, so there is nothing to run" in told(flow)["no-nodes"]


def test_it_draws(fulfil):
    for form in ("text", "mermaid", "svg"):
        assert "charge" in fulfil.draw(form)
    assert fulfil.draw() == fulfil.draw("text")
    with pytest.raises(ValueError, match="Cannot draw as 'png'; formats are text, mermaid, svg"):
        fulfil.draw("png")


def test_definitions_go_out_and_in(fulfil):
    written = fulfil.to_definition()
    read = Workflow.from_definition(json.dumps(written))
    assert "fulfil" == read.name
    assert fulfil.plan.hash == read.plan.hash
    assert fulfil.plan.hash == Workflow.from_definition(written).plan.hash


def test_a_definition_takes_node_types_from_the_registry_it_is_given(fulfil):
    with pytest.raises(DefinitionError, match="Node type 'load' of node 'load' is not registered"):
        Workflow.from_definition(fulfil.to_definition(), Registry())


def test_all_faults_of_a_definition_are_told_when_it_is_read(fulfil):
    written = fulfil.to_definition()
    written["nodes"][0]["type"] = "laod"
    written["nodes"][1].pop("spane")
    written["nodes"][1]["inputs"].append("nowhere")
    written["nodes"].append(written["nodes"][1])
    with pytest.raises(DefinitionError) as caught:
        Workflow.from_definition(written)
    codes = {fault.code for fault in caught.value.faults}
    assert {"unknown-type", "unknown-node", "duplicate-id"} <= codes
    assert "Node type 'laod' of node 'load' is not registered. Did you mean 'load'?" in str(caught.value)


def test_inputs_that_only_nodes_ask_for_are_missed_before_anything_starts(own_registry):
    @node
    def scaled(n: int, factor: int = 2) -> int:
        return n * factor

    source = {"id": "scaling", "nodes": [{"id": "scale", "type": "scaled"}]}
    made = Workflow.from_definition(source)
    assert b'{"n":3}' == made.encode_inputs({"n": 3})
    with pytest.raises(InputError) as caught:
        made.encode_inputs({"factor": 3})
    assert (
        "The inputs do not fit workflow 'scaling':\n"
        "  - n: node 'scale' takes it as its parameter 'n', and it is missing. Give n=..."
    ) == str(caught.value)
    assert 6 == made(n=3)
    assert 12 == made(n=3, factor=4)


def test_binding_names_the_inputs(fulfil):
    assert Bound(fulfil, {"order_id": 7, "express": True}) == fulfil.bind(7, express=True)
    assert {"order_id": 7} == fulfil.bind(order_id=7).inputs
    with pytest.raises(InputError, match="3 values are given by position, and there are 2 inputs"):
        fulfil.bind(1, 2, 3)
    with pytest.raises(InputError, match="order_id: given twice, by position and by name"):
        fulfil.bind(7, order_id=7)


def test_a_call_runs_the_whole_workflow_in_this_process(fulfil):
    before, running.in_process = running.in_process, lambda made, inputs: (made, inputs)
    try:
        assert (fulfil, {"order_id": 7}) == fulfil(7)
    finally:
        running.in_process = before


def test_without_an_engine_a_call_says_so(fulfil):
    with pytest.raises(RuntimeError, match="Workflow 'fulfil' cannot run: nothing has set"):
        running._no_engine(fulfil, {})


def test_a_result_is_read_by_the_annotation(fulfil):
    assert "sent" == fulfil.decode_result(b'"sent"')
    with pytest.raises(Exception, match="result: expected a valid string, got 7"):
        fulfil.decode_result(b"7")
