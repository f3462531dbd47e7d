"""Nodes of definitions that run other workflows."""

from __future__ import annotations

import pytest

from spane import Workflow, node, workflow
from spane.authoring import registry
from spane.errors import DefinitionError
from spane.model.expressions import Input, Output


@pytest.fixture(autouse=True)
def registered():
    before = registry.default.snapshot()
    registry.default.restore(({}, {}))

    @node
    def load(): ...

    @node
    def weigh(item: str, unit: str = "kg") -> float: ...

    @workflow
    def weighing(item: str, unit: str = "kg") -> float:
        return weigh(item, unit)

    registry.default.add_workflow(Workflow.from_definition({"id": "anything", "nodes": [{"id": "a", "type": "load"}]}))
    yield weighing
    registry.default.restore(before)


def read(*nodes, name="whole"):
    return Workflow.from_definition({"id": name, "nodes": list(nodes)})


def call(workflow_id="weighing", kind="sub-workflow", inputs=(), **config):
    return {"id": "call", "type": kind, "config": {"workflowId": workflow_id, **config}, "inputs": list(inputs)}


LOAD = {"id": "load", "type": "load"}


def faults(*nodes, name="whole"):
    with pytest.raises(DefinitionError) as caught:
        read(*nodes, name=name)
    return {fault.code: fault.message for fault in caught.value.faults}


def test_a_node_runs_the_workflow_that_its_config_names(registered):
    [made] = read(call()).plan.nodes
    assert ("spane.workflow", registered.plan.hash) == (made.type, made.child)
    assert read(call()).plan == read(call(kind="spane.workflow")).plan


@pytest.mark.parametrize("each", [{}, {"parameter": "item"}])
def test_a_map_with_an_input_mapping_says_that_the_two_do_not_go_together(each):
    mapped = {**call(inputs=["load"], inputMapping={"item": "name"}), "spane": {"each": each}}
    found = faults(LOAD, mapped)
    assert ["mapped-map"] == list(found)
    assert "Node 'call' is a map (each) of a workflow, and has an inputMapping" in found["mapped-map"]
    assert '"each": {"parameter": "..."}' in found["mapped-map"]
    _, made = read(LOAD, {**call(inputs=["load"]), "spane": {"each": each}}).plan.nodes
    assert "item" == made.each.parameter


def test_without_a_mapping_it_is_bound_like_any_node():
    _, made = read(LOAD, call(inputs=["load"])).plan.nodes
    assert (("item", Output("load")),) == made.arguments
    _, made = read(LOAD, call(inputs=["load"], unit="g")).plan.nodes
    assert ["item", "unit"] == sorted(name for name, _ in made.arguments)


def test_with_a_mapping_it_takes_all_that_its_parents_give():
    mapping = {"item": "name"}
    [made] = read(call(inputMapping=mapping)).plan.nodes
    assert (Input(None),) == made.args
    _, made = read(LOAD, call(inputs=["load"], inputMapping=mapping)).plan.nodes
    assert (Output("load"),) == made.args
    *_, made = read(LOAD, {**LOAD, "id": "other"}, call(inputs=["load", "other"], inputMapping=mapping)).plan.nodes
    assert (("load", Output("load")), ("other", Output("other"))) == made.arguments


def test_a_workflow_that_takes_anything_is_given_all():
    _, made = read(LOAD, call("anything", inputs=["load"])).plan.nodes
    assert (Output("load"),) == made.args


@pytest.mark.parametrize("config", [{}, {"inputMapping": {"item": "a.b"}, "outputMapping": {"kg": "weight"}}])
def test_it_reads_back_as_it_was_written(config):
    made = read(LOAD, call(inputs=["load"], continueOnFail=True, **config))
    assert made.plan == Workflow.from_definition(made.to_definition()).plan
    assert "continue" == made.plan.nodes[-1].on_failure


def test_a_call_in_a_body_is_written_and_reads_back(registered):
    @workflow
    def calling(item: str) -> float:
        return registered.named("own")(item, unit="g")

    assert calling.plan == Workflow.from_definition(calling.to_definition()).plan


def test_58_an_unknown_workflow_is_refused_by_name():
    assert (
        "runs workflow 'wieghing', which is not registered. Did you mean 'weighing'?"
        in (faults(call("wieghing"))["unknown-workflow"])
    )
    no_name = {"id": "call", "type": "sub-workflow"}
    assert "its config does not say which" in faults(no_name)["unknown-workflow"]


def test_one_that_runs_itself_is_refused():
    assert "which it is part of" in faults(call("whole"))["recursion"]
    registry.default.add_workflow(read(call(), name="weighing_around"))
    assert "and with it 'weighing' itself" in faults(call("weighing_around"), name="weighing")["recursion"]


def test_mappings_are_checked():
    assert (
        "maps an input 'itme', which workflow 'weighing' does not have. Did you mean 'item'?"
        in (faults(call(inputMapping={"itme": "a", "item": "b"}))["unknown-input"])
    )
    assert "maps nothing to the input 'item'" in faults(call(inputMapping={"unit": "a"}))["unbound-parameter"]
    assert "has a outputMapping that is no object of texts" in faults(call(outputMapping=["a"]))["bad-mapping"]


def test_faults_of_the_workflow_called_are_told():
    @workflow
    def broken() -> None: ...

    assert "no nodes" in faults(call("broken"))["no-nodes"]


def test_a_map_over_a_workflow_reads_back_to_it(registered):
    @workflow
    def weighing_all(items: list[str]) -> list[float]:
        return registered.map(items, max_in_flight=2)

    assert weighing_all.plan == Workflow.from_definition(weighing_all.to_definition()).plan


@pytest.mark.parametrize(("key", "value"), [("timeout", 100), ("retryPolicy", {"maxAttempts": 2})])
def test_rules_that_only_a_node_has_are_faults_of_a_call(key, value):
    told = faults(LOAD, call(inputs=["load"], **{key: value}))
    assert f"Node 'call' runs a workflow, and {key!r} in its config would do nothing" in told["rule-of-a-node"]
