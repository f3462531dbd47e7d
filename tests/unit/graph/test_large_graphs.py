"""Graphs of 10,000 nodes pass through everything: no recursion, nothing that scans all nodes for each."""

from __future__ import annotations

import json

import pytest

from spane import graph
from spane.graph import definition, draw
from spane.model.expressions import Output
from spane.model.plan import Plan, PlanNode
from spane.runtime import layout

MANY = 10_000


def step(value: int) -> int:
    return value


def spread(*values: int) -> int:
    return len(values)


def gather(values: dict[str, int]) -> int:
    return len(values)


def chain(make):
    return make.chain(MANY)


def fan_out(make):
    step_type = make.type(step)
    return make.draft(
        make.call(step_type, "root", value=1),
        *[make.call(step_type, f"n{i}", value=Output("root")) for i in range(MANY)],
    )


def join(make):
    step_type = make.type(step)
    return make.draft(
        *[make.call(step_type, f"n{i}", value=i) for i in range(MANY)],
        make.call(make.type(spread), "end", *[Output(f"n{i}") for i in range(MANY)]),
    )


def join_by_id(make):
    step_type = make.type(step)
    source = make.fields(**{f"n{i}": Output(f"n{i}") for i in range(MANY)})
    return make.draft(
        *[make.call(step_type, f"n{i}", value=i) for i in range(MANY)],
        make.call(make.type(gather), "end", values=source, after=[f"n{i}" for i in range(MANY)]),
    )


SHAPES = [chain, fan_out, join, join_by_id]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_large_graph_is_checked_and_lowered(make, shape):
    draft = shape(make)
    assert ([], []) == graph.check(draft)
    assert len(draft.calls) == len(graph.build(draft)) == len(graph.lower(draft).nodes)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_large_graph_is_written_and_read_back(make, shape):
    draft = shape(make)
    written = definition.write(draft)
    read = definition.read(json.dumps(written), make.types.get)
    assert graph.lower(draft).hash == graph.lower(read).hash


@pytest.mark.parametrize("shape", SHAPES)
def test_a_large_graph_is_drawn(make, shape):
    draft = shape(make)
    edges = graph.build(draft).number_of_edges()
    assert len(draft.calls) <= draw.text(draft).count("\n") <= len(draft.calls) + edges + 1
    assert edges == draw.mermaid(draft).count(" -->")
    assert len(draft.calls) == draw.svg(draft).count('<rect class="box"')


def test_a_large_cycle_is_found(make):
    draft = make.chain(MANY)
    draft.calls[0].arguments["value"] = Output(f"n{MANY - 1}")
    draft.inputs = ()
    (fault,) = graph.check(draft)[0]
    assert "cycle" == fault.code


def test_many_faults_are_found(make):
    step_type = make.type(step)
    draft = make.draft(*[make.call(step_type, f"node_{i}", value=Output(f"nobody_{i}")) for i in range(MANY)])
    faults, _ = graph.check(draft)
    assert MANY == len(faults)


@pytest.mark.timeout(60)
def test_a_join_of_very_many_is_laid_out(make):
    # A second where each parent costs the same, minutes where each costs as much as there are others.
    parents = [f"n{number}" for number in range(40_000)]
    plan = Plan(
        "join", (*(PlanNode(name, "step") for name in parents), PlanNode("end", "step", parents=tuple(parents)))
    )
    fields = dict(layout.fields_of(plan))
    assert "@0:40000:40000:39999:d;" == fields["c:n9999"]
