"""The DiGraph that users see."""

from __future__ import annotations

import networkx as nx

from spane import graph
from spane.model.expressions import Input, Output


def step(value: int, other: int = 0) -> int:
    return value + other


def spread(*values: int) -> int:
    return len(values)


def test_edges_carry_the_parameters_they_feed(make):
    step_type = make.type(step)
    first, second = make.call(step_type, "a", value=Input("x")), make.call(step_type, "b", value=1, after=["a"])
    third = make.call(
        step_type, "c", value=Output("a", ("x", 0)), other=make.items(Output("a"), Output("b")), after=["b"]
    )
    built = graph.build(make.draft(first, second, third))
    assert isinstance(built, nx.DiGraph)
    assert ["a", "b", "c"] == list(built)
    assert first is built.nodes["a"]["call"]
    assert {"bindings": [("value", ("x", 0)), ("other", ())], "after": False, "gate": None} == built.edges["a", "c"]
    assert {"bindings": [], "after": True, "gate": None} == built.edges["a", "b"]
    assert {"bindings": [("other", ())], "after": True, "gate": None} == built.edges["b", "c"]


def test_star_and_merged_parameters_have_names(make):
    def report(parents=None): ...

    kinds = {"parents": "parents"}
    calls = [make.call(make.type(step), "a", value=1)]
    calls.append(make.call(make.type(spread), "b", Output("a")))
    calls.append(make.call(make.type(report, kinds=kinds), "c", merged=[Output("a")]))
    built = graph.build(make.draft(*calls))
    assert [("values", ())] == built.edges["a", "b"]["bindings"]
    assert [("parents", ())] == built.edges["a", "c"]["bindings"]


def test_a_faulty_draft_has_a_graph_of_what_is_there(make):
    step_type = make.type(step)
    built = graph.build(
        make.draft(
            make.call(step_type, "a", value=Output("nope")),
            make.call(step_type, "a", value=Output("b")),
            make.call(step_type, "b", value=Output("b"), other=Output("a")),
            make.call("unheard_of", "c", after=["b"]),
        )
    )
    assert {"a", "b", "c"} == set(built)
    assert [("a", "b"), ("b", "c")] == list(built.edges)


def test_a_graph_names_its_workflow(make):
    assert "flow" == graph.build(make.draft(name="flow")).graph["workflow"]
