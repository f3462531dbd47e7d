"""Branches in the graph: edges carry gates, plans and definitions keep them, drawings show them, faults tell of them."""

from __future__ import annotations

import json

import msgspec
import pytest

from spane import graph
from spane.authoring import registry
from spane.errors import DefinitionError
from spane.graph import definition, draw
from spane.model.expressions import All, AnyOf, Compare, Constant, First, Input, IsNone, Not, OneOf, Output
from spane.model.plan import Branch, Gate, Plan


def assess(n: int) -> str: ...


def act(n: int) -> int: ...


def merge(n: int, m: int = 0) -> int: ...


def raw(value):
    return msgspec.Raw(json.dumps(value, separators=(",", ":")).encode())


def equals(node, value):
    return Compare("==", Output(node), Constant(raw(value)))


@pytest.fixture
def branching(make):
    """A node that decides on two branches, with a node behind each, and one that takes the first that is there."""
    first = make.call(make.type(assess), n=Input("n"))
    first.decides = [Branch("when", equals("assess", "review")), Branch("otherwise", Not(equals("assess", "review")))]
    yes = make.call(make.type(act), "yes", n=Input("n"))
    yes.gates = [Gate("assess", "when")]
    no = make.call(make.type(act), "no", n=Input("n"))
    no.gates = [Gate("assess", "otherwise")]
    last = make.call(make.type(merge))
    last.arguments = {"n": First((Output("yes"), Output("no"), Constant(raw(0))))}
    return make.draft(first, yes, no, last, inputs=["n"])


def codes(draft):
    return [fault.code for fault in graph.check(draft)[0]]


def messages(draft):
    return [fault.message for fault in graph.check(draft)[0]]


def test_an_edge_carries_the_condition_of_its_branch(branching):
    built = graph.build(branching)
    assert {"bindings": [], "after": False, "gate": equals("assess", "review")} == built.edges["assess", "yes"]
    assert Not(equals("assess", "review")) == built.edges["assess", "no"]["gate"]
    assert built.edges["yes", "merge"]["gate"] is None


def test_an_edge_with_several_branches_carries_all_of_them(make, branching):
    branching.calls[0].decides.append(Branch("more", IsNone(Output("assess"))))
    branching.calls[1].gates.append(Gate("assess", "more"))
    gate = graph.build(branching).edges["assess", "yes"]["gate"]
    assert All((equals("assess", "review"), IsNone(Output("assess")))) == gate


def test_gates_and_branches_are_part_of_the_plan(branching):
    plan = graph.lower(branching)
    first, yes, no, last = plan.nodes
    assert [("when", equals("assess", "review")), ("otherwise", Not(equals("assess", "review")))] == [
        (branch.name, branch.condition) for branch in first.decides
    ]
    assert ((Gate("assess", "when"),), (), ()) == (yes.gates, yes.parents, yes.after)
    assert ("assess",) == no.awaited
    assert ("yes", "no") == last.parents
    assert ("merge",) == plan.terminals()
    assert plan == msgspec.json.decode(plan.encode(), type=Plan)


def test_a_gate_orders_and_closes_cycles(make):
    one = make.call(make.type(act), "one", n=Output("two"))
    one.decides = [Branch("b", equals("one", 1))]
    two = make.call(make.type(act), "two", n=1)
    two.gates = [Gate("one", "b")]
    assert ["cycle"] == codes(make.draft(one, two))


def test_the_spelling_of_constants_does_not_change_the_plan(branching):
    before = graph.lower(branching).hash
    spaced = Compare("==", Output("assess"), Constant(msgspec.Raw(b' "rev\\u0069ew" ')))
    branching.calls[0].decides = [Branch("when", spaced), Branch("otherwise", Not(spaced))]
    assert before == graph.lower(branching).hash


ALL_CONDITIONS = All(
    (
        AnyOf(
            (Compare("<", Output("assess", ("a", 0)), Constant(raw(3))), OneOf(Output("assess"), (raw(1), raw("x"))))
        ),
        Not(IsNone(Output("assess", ("b",)))),
        Compare("!=", First((Output("assess"), Constant(raw(None)))), Constant(raw({"a": [1]}))),
    )
)


def test_a_definition_keeps_gates_branches_and_the_first_of_several(make, branching):
    branching.calls[0].decides.append(Branch("all", ALL_CONDITIONS))
    branching.calls[3].always_fed = True
    written = json.loads(json.dumps(definition.write(branching)))
    again = definition.read(written, make.types.get)
    assert [] == again.faults
    assert written == definition.write(again)
    for before, after in zip(branching.calls, again.calls, strict=True):
        assert (before.gates, before.decides, before.arguments) == (after.gates, after.decides, after.arguments)
        assert before.always_fed == after.always_fed
    yes = written["nodes"][1]
    assert ([], [{"node": "assess", "branch": "when"}]) == (yes["inputs"], yes["spane"]["gates"])
    assert {"not": {"compare": "==", "left": {"output": "assess"}, "right": {"constant": "review"}}} == written[
        "nodes"
    ][0]["spane"]["decides"]["otherwise"]
    assert {"n": {"first": [{"output": "yes"}, {"output": "no"}, {"constant": 0}]}} == written["nodes"][3]["spane"][
        "arguments"
    ]


def test_a_definition_without_branches_says_nothing_of_them(make):
    draft = make.draft(make.call(make.type(act), n=1))
    assert not json.dumps(definition.write(draft)).count("gates")


@pytest.mark.parametrize(
    ("decides", "said"),
    [
        ({"b": {"equals": 3}}, "`nodes[0].spane.decides.b` is an object. A condition is an object with one of the keys compare"),
        ({"b": {"compare": "=", "left": {"output": "assess"}, "right": {"constant": 1}}}, '`nodes[0].spane.decides.b.compare` is "="'),
        ({"b": {"compare": "=="}}, "`nodes[0].spane.decides.b.left` is missing. Add it."),
        ({"b": {"all": [{"is_none": 3}]}}, "`nodes[0].spane.decides.b.all[0].is_none` is 3. A source is an object with one of"),
        ({"b": {"not": {}}}, "`nodes[0].spane.decides.b.not` is an object. A condition is"),
    ],
)  # fmt: skip
def test_what_is_no_condition_in_a_definition_is_told_with_its_place(make, decides, said):
    make.type(assess)
    node = {"id": "assess", "type": "assess", "spane": {"decides": decides}}
    found = definition.read({"id": "flow", "nodes": [node]}, make.types.get).faults
    assert any(fault.message.startswith(said) for fault in found), found


def test_a_gate_on_a_branch_that_is_not_there_is_a_fault(branching):
    branching.calls[1].gates = [Gate("assess", "whem")]
    assert [
        "Node 'yes' stands behind the branch 'whem' of node 'assess', which decides on no such branch. Did you mean 'when'?"
    ] == messages(branching)


def test_a_gate_of_a_node_that_is_not_there_is_a_fault(branching):
    branching.calls[1].gates = [Gate("asess", "when")]
    [message] = messages(branching)
    assert "which is no node of this workflow. Did you mean 'assess'?" in message


def test_branches_of_one_name_are_a_fault(branching):
    branching.calls[1].decides = [Branch("when", equals("yes", 1))]
    assert [
        "Nodes 'assess' and 'yes' both decide on a branch called 'when'. Give each branch a name of its own."
    ] == messages(branching)


def test_a_branch_that_looks_elsewhere_is_a_fault(branching):
    branching.calls[0].decides.append(Branch("more", Compare("==", Output("assess"), Input("n"))))
    branching.calls[0].decides.append(Branch("fixed", Compare("==", Constant(raw(1)), Constant(raw(1)))))
    more, fixed = messages(branching)
    assert (
        "The branch 'more' of node 'assess' looks at assess == n, but can look at the output of 'assess' only. Give the other "
        "values to a node of type spane.when, and let that decide."
    ) == more
    assert fixed.startswith("The branch 'fixed' of node 'assess' looks at 1 == 1, but can look at")


def test_a_branch_has_a_name_that_redis_can_carry(branching):
    branching.calls[0].decides.append(Branch("a+b", equals("assess", 1)))
    assert ["bad-name"] == codes(branching)


def test_skips_spread_in_definitions_so_nothing_is_said_of_them(make, branching):
    branching.calls[3].arguments = {"n": Output("yes")}
    assert [] == codes(branching)


def test_code_that_needs_what_may_be_skipped_is_told(make, branching):
    for number, call in enumerate(branching.calls):
        call.location = type(call.location)("flows.py", number + 1)
    branching.calls[3].arguments = {"n": Output("yes")}
    with pytest.raises(
        DefinitionError, match=r"flows.py:4: Node 'merge' needs 'n', but yes is there only where assess =="
    ):
        graph.lower(branching)


def test_drawings_show_branches(branching):
    assert 'yes: act (if assess == "review")' in draw.text(branching)
    assert 'no: act (if assess != "review")' in draw.text(branching)
    assert 'n0 -.->|"if assess #61;#61; #34;review#34;"| n1' in draw.mermaid(branching)
    assert '|"n"|' in draw.mermaid(branching)
    picture = draw.svg(branching)
    assert 'class="type gate"' in picture
    assert "if assess == &quot;review&quot;</text>" in picture
    assert "<title>assess to yes: if assess == &quot;review&quot;</title>" in picture


def test_a_fed_and_gated_edge_says_both(branching):
    branching.calls[1].arguments = {"n": Output("assess")}
    assert 'n0 -->|"n, if assess #61;#61; #34;review#34;"| n1' in draw.mermaid(branching)


def test_the_first_of_several_values_fits_if_one_of_them_does(make):
    def text() -> list[str]: ...

    sources = First((Output("text"), Output("other")))
    calls = [make.call(make.type(text)), make.call("text", "other")]
    calls[1].node_type = calls[0].node_type
    last = make.call(make.type(act))
    last.arguments = {"n": sources}
    assert ["type-mismatch"] == codes(make.draft(*calls, last))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({}, "Node 'gate' has no sound condition in its config"),
        ({"condition": {"is_none": {"input": "other"}}}, "Node 'gate' has a condition that looks at other, which is none of its arguments."),
        ({"condition": {"is_none": {"output": "n"}}}, "Node 'gate' has a condition that looks at n, which is none of its arguments."),
        ({"condition": {"is_none": {"input": "n"}}}, None),
    ],
)  # fmt: skip
def test_the_condition_of_a_gate_is_checked(config, said):
    node = {"id": "gate", "type": "spane.when", "config": config, "spane": {"arguments": {"n": {"constant": 1}}}}
    found = messages(definition.read({"id": "flow", "nodes": [node]}, registry.Registry().get))
    assert [] == found if said is None else found[0].startswith(said)
