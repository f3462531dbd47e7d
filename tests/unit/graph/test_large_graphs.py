"""Graphs of 10,000 nodes pass through everything: no recursion, nothing that scans all nodes for each."""

from __future__ import annotations

import json
import sys
from collections import Counter

import pytest

from spane import graph
from spane.graph import definition, draw
from spane.model.plan import Output
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


def test_a_join_is_laid_out_in_linear_time(make):
    few, many = (_calls_to_lay_out_a_join(make, count) for count in (100, 1_000))
    assert many < 12 * few


def _calls_to_lay_out_a_join(make, count):
    """Return how many calls (and steps of generators) it takes to lay out a join of `count` parents."""
    step_type = make.type(step)
    calls = [make.call(step_type, f"n{i}", value=i) for i in range(count)]
    end = make.call(make.type(spread), "end", *[Output(f"n{i}") for i in range(count)])
    plan = graph.lower(make.draft(*calls, end))
    calls = Counter()
    sys.setprofile(lambda _frame, what, _argument: calls.update([what]))
    try:
        fields = list(layout.fields_of(plan))
    finally:
        sys.setprofile(None)
    assert len(fields) > count
    return calls["call"]
