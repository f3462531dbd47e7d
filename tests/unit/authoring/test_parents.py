"""`Parents`: the merge, bound in a body or found by `workflow.of`."""

from __future__ import annotations

from typing import Any

import pytest

from spane import Parents, node, workflow
from spane.model.expressions import Output
from spane.model.node_type import ParameterKind


@pytest.fixture
def three():
    @node
    def sizes() -> int: ...

    @node
    def lines() -> dict[str, int]: ...

    @node
    def report(parents: Parents, title: str = "") -> int:
        return len(parents)

    return sizes, lines, report


def test_parents_are_a_mapping_by_node_id(three):
    *_, report = three
    parents = Parents({"a": 1, "b": 2})
    assert (1, ["a", "b"], 2, "Parents({'a': 1, 'b': 2})") == (parents["a"], list(parents), len(parents), repr(parents))
    assert {"a": 1, "b": 2} == parents
    assert 2 == report(parents)
    assert ParameterKind.PARENTS is report.node_type.parameter("parents").kind


@pytest.mark.parametrize(
    "bind",
    [
        Parents.of,
        lambda a, b: [a, b],
        lambda a, b: (a, b),
        lambda a, b: {"sizes": a, "lines": b},
        lambda a, b: Parents({"sizes": a, "lines": b}),
    ],
)
def test_a_body_binds_the_references_to_merge(three, bind):
    sizes, lines, report = three

    @workflow
    def flow():
        return report(bind(sizes(), lines()), title="x")

    call = flow.draft.calls[-1]
    assert [Output("sizes"), Output("lines")] == call.merged
    assert ["title"] == list(call.arguments)
    assert ("sizes", "lines") == flow.plan.nodes[-1].parents


@pytest.mark.parametrize(
    ("bind", "said"),
    [
        (lambda a, n: 7, "Parents take the results of nodes: Parents.of(a, b), a list or a tuple of references."),
        (lambda a, n: [a, 7], "Parents take the results of nodes"),
        (lambda a, n: [n], "Parents hold whole results of nodes, and <reference to input 'n': int> is none."),
        (
            lambda a, n: [a["k"]],
            "Parents hold whole results of nodes, and <reference to .k of node 'lines': int> is none.",
        ),
        (
            lambda a, n: {"size": a},
            "Parents go by node id, so the key of <reference to node 'lines': dict[str, int]> cannot",
        ),
    ],
)
def test_what_cannot_be_merged_is_a_fault(three, told, bind, said):
    _, lines, report = three

    @workflow
    def flow(n: int):
        return report(bind(lines(), n))

    assert told(flow)["bad-parents"].startswith(f"node 'report', argument 'parents': {said}")


def test_parents_left_out_are_the_other_arguments_nodes(three):
    sizes, *_ = three

    @node
    def total(parents: Parents, sizes: int) -> int: ...

    @workflow
    def flow():
        sizes()
        return total()

    assert ("sizes",) == flow.plan.nodes[-1].parents


def test_of_gives_the_direct_parents_or_else_the_loose_ends(three):
    sizes, lines, report = three

    @node
    def share(sizes: int, parents: Parents) -> Any: ...

    made = workflow.of("census", report, share, lines, sizes)
    calls = {call.id: call for call in made.draft.calls}
    assert [] == calls["share"].merged
    assert [Output("share"), Output("lines")] == calls["report"].merged
    nodes = {n.id: n for n in made.plan.nodes}
    assert (("sizes",), ("share", "lines")) == (nodes["share"].parents, nodes["report"].parents)


def test_a_merge_of_nothing_is_a_warning(three):
    sizes, _, report = three

    @workflow
    def flow(title: str):
        sizes()
        return report(title=title)

    expected = (
        "node 'report' takes Parents as 'parents' and no node feeds it, so it gets an empty merge. Bind the nodes to merge: "
        "parents=Parents.of(...)."
    )
    assert [("empty-merge", expected)] == [(warning.code, warning.message) for warning in flow.warnings]
    assert ["empty-merge"] == [warning.code for warning in workflow.of("alone", report).warnings]
