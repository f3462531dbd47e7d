"""`workflow.of`: whole workflows from signatures."""

from __future__ import annotations

from typing import Any

import pytest

from spane import DefinitionError, node, workflow
from spane.model.expressions import Fields, Input, Items, Output
from spane.model.node_type import MISSING


@pytest.fixture
def page():
    @node
    def fetch(url: str, timeout: float = 5.0) -> bytes: ...

    @node
    def parse(fetch: bytes, strict: bool = True) -> list[str]: ...

    @node
    def score(parse: list[str], fetch: bytes) -> int: ...

    return fetch, parse, score


def inputs_of(made):
    return [(p.name, p.annotation, p.default) for p in made.draft.inputs]


def test_parameters_take_the_nodes_they_are_named_like_and_the_rest_are_inputs(page):
    fetch, parse, score = page
    made = workflow.of("report", score, parse, fetch)
    wired = {call.id: call.arguments for call in made.draft.calls}
    assert {
        "score": {"parse": Output("parse"), "fetch": Output("fetch")},
        "parse": {"fetch": Output("fetch"), "strict": Input("strict")},
        "fetch": {"url": Input("url"), "timeout": Input("timeout")},
    } == wired
    assert [("strict", bool, True), ("url", str, MISSING), ("timeout", float, 5.0)] == inputs_of(made)
    assert ["fetch", "parse", "score"] == [n.id for n in made.plan.nodes]
    assert made.draft.returns is None
    assert ("score",) == made.plan.terminals()
    assert b'{"strict":true,"url":"x","timeout":5.0}' == made.encode_inputs({"url": "x"})


def test_it_is_registered_and_says_where_it_was_made(page, own_registry, marked):
    made = workflow.of("report", *page)  # here
    assert made is own_registry.workflow("report")
    assert marked(test_it_is_registered_and_says_where_it_was_made) == str(made.location)
    assert made is not workflow.of("report", *page)


def test_ids_and_options_come_with_the_nodes(page):
    fetch, parse, score = page
    made = workflow.of("report", fetch, parse.options(timeout_s=9), score, parse.named("again").options(after=[fetch]))
    calls = {call.id: call for call in made.draft.calls}
    assert 9 == calls["parse"].options.timeout_s
    assert ["fetch"] == calls["again"].after


def test_what_it_returns_can_be_said(page):
    fetch, parse, score = page

    def returns(name, value):
        return workflow.of(name, *page, returns=value).draft

    one = returns("one", parse)
    assert (Output("parse"), list[str]) == (one.returns, one.returns_annotation)
    assert Items((Output("fetch"), Output("score"))) == returns("list", [fetch, score]).returns
    assert Fields((("a", Output("fetch")),)) == returns("dict", {"a": fetch}).returns
    renamed = workflow.of("renamed", fetch, parse.named("parsed"), returns=parse)
    assert Output("parsed") == renamed.draft.returns


def test_what_it_cannot_return_is_a_fault(page, told):
    fetch, parse, _ = page
    made = workflow.of("report", fetch, returns=parse)
    assert "returns= takes nodes of this workflow, and <node 'parse'" in told(made)["bad-return"]


def test_inputs_can_be_given_annotations_and_defaults(page):
    made = workflow.of("report", *page, inputs={"url": (str, "x"), "strict": bool})
    assert [("url", str, "x"), ("strict", bool, MISSING), ("timeout", float, 5.0)] == inputs_of(made)


def test_an_input_of_several_nodes_is_one():
    @node
    def one(n: int, depth: int = 3) -> int: ...

    @node
    def two(n, depth: int = 3) -> int: ...

    made = workflow.of("both", two, one)
    assert [("n", int, MISSING), ("depth", int, 3)] == inputs_of(made)


def test_an_input_that_one_node_requires_is_required():
    @node
    def one(depth: int = 3) -> int: ...

    @node
    def two(depth: int) -> int: ...

    assert [("depth", int, MISSING)] == inputs_of(workflow.of("both", one, two))


def test_defaults_that_disagree_are_a_fault(told):
    @node
    def one(depth: int = 3) -> int: ...

    @node
    def two(depth: int = 4) -> int: ...

    made = workflow.of("both", one, two)
    assert (
        "nodes disagree on the default of the input 'depth': 3, 4. Say which one holds with inputs="
        in (told(made)["default-clash"])
    )
    assert 9 == workflow.of("settled", one, two, inputs={"depth": (int, 9)}).draft.inputs[0].default


def test_a_near_miss_of_a_node_is_a_fault_unless_said_to_be_an_input(page, told, marked):
    fetch, *_ = page

    @node
    def read(fetched: bytes) -> int: ...

    made = workflow.of("report", fetch, read)  # here
    assert {
        "near-miss": "node 'read' takes 'fetched', and no node has that name; did you mean 'fetch'? Rename one of the two, "
        "or, if it is an input, say so with inputs={'fetched': ...}."
    } == told(made)
    where = marked(test_a_near_miss_of_a_node_is_a_fault_unless_said_to_be_an_input)
    assert where == made.draft.faults[0].where
    said = workflow.of("said", fetch, read, inputs={"fetched": bytes})
    assert ["fetched", "url", "timeout"] == [p.name for p in said.plan.inputs] == [p.name for p in said.draft.inputs]


def test_an_input_named_like_a_node_is_a_fault(page, told):
    made = workflow.of("report", *page, inputs={"fetch": bytes})
    with pytest.raises(DefinitionError) as caught:
        _ = made.plan
    assert "'fetch' is the name of a node and of a declared input" in str(caught.value)


def test_an_input_nobody_takes_is_a_fault(page, told):
    made = workflow.of("report", *page, inputs={"ulr": str})
    assert "inputs= declares 'ulr', and no node takes a parameter of that name." == told(made)["unused-input"]


def test_a_node_given_twice_is_numbered_with_a_warning(page):
    fetch, *_ = page
    made = workflow.of("report", fetch, fetch)
    assert ["fetch", "fetch_2"] == [call.id for call in made.draft.calls]
    assert ["repeated-node"] == [warning.code for warning in made.warnings]


def test_what_is_no_node_is_refused(page):
    with pytest.raises(DefinitionError, match=r"'parse' is no node. Decorate it with @node first\."):
        workflow.of("report", page[0], "parse")
    with pytest.raises(DefinitionError, match="'a b' cannot be the name of a workflow"):
        workflow.of("a b", page[0])


def test_after_takes_nodes_of_the_workflow(page, told):
    fetch, parse, score = page
    made = workflow.of("report", fetch, parse.options(after=score))
    assert "node 'parse': after takes nodes of this workflow, and <node 'score'" in told(made)["bad-after"]


def test_star_parameters_stay_empty():
    @node
    def join(*parts: Any, **named: Any) -> int: ...

    made = workflow.of("joined", join)
    assert ({}, []) == (made.draft.calls[0].arguments, made.draft.calls[0].args)


def test_annotations_that_name_nothing_are_faults(told):
    @node
    def fetch(url: Nothing) -> int: ...  # noqa: F821

    assert "node 'fetch': the annotation of parameter 'url', Nothing" in told(workflow.of("r", fetch))["bad-annotation"]
