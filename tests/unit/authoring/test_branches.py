"""Branches in bodies: which gates calls stand behind, who decides on them, and what is said of blocks gone wrong."""

from __future__ import annotations

import enum
from typing import Any, Literal

import pytest

from spane import DefinitionError, ReferenceMisuse, coalesce, node, switch, when, workflow
from spane.authoring import builtin, context
from spane.authoring.registry import Registry
from spane.graph.conditions import said
from spane.graph.gates import said_of_gate
from spane.model.expressions import Input, Output
from spane.model.plan import Gate


@node(name="branches.assess")
def assess(n: int) -> Literal["ok", "review"]: ...


@node(name="branches.size")
def size(n: int) -> int: ...


@node(name="branches.big")
def big(n: int) -> bool: ...


@node(name="branches.act")
def act(n: int = 0, m: int = 0) -> int: ...


def behind(flow):
    """Return what has to hold for each call, in words, by node id."""
    calls = {call.id: call for call in flow.draft.calls}
    return {call.id: [said_of_gate(gate, calls) for gate in call.gates] for call in calls.values() if call.gates}


def decided(flow):
    return {branch.name: said(branch.condition) for call in flow.plan.nodes for branch in call.decides}


def test_calls_in_the_blocks_of_a_when_stand_behind_its_branches():
    @workflow
    def flow(n: int):
        verdict = assess(n)
        with when(verdict == "review") as review:
            act.named("one")(n)
        with review.otherwise():
            act.named("two")(n)
        act.named("three")(n)

    assert {"one": ['assess == "review"'], "two": ['assess != "review"']} == behind(flow)
    assert [Gate("assess", "when")] == list(flow.plan.nodes[1].gates)
    assert {"when", "otherwise"} == set(decided(flow))
    assert () == flow.plan.nodes[3].gates


def test_blocks_nest():
    @workflow
    def flow(n: int):
        with when(assess(n) == "review"):
            found = size(n)
            with when(found > 3) as large:
                act.named("one")(found)
            with large.otherwise():
                act.named("two")(found)

    assert {
        "size": ['assess == "review"'],
        "one": ['assess == "review"', "size > 3"],
        "two": ['assess == "review"', "size <= 3"],
    } == behind(flow)
    assert ["when", "when_2", "otherwise_2"] == [branch.name for call in flow.draft.calls for branch in call.decides]


def test_a_switch_has_a_branch_for_each_case_and_one_for_the_rest():
    @workflow
    def flow(n: int):
        with switch(size(n)) as s:
            with s.case(1):
                act.named("one")(n)
            with s.case(2, 3):
                act.named("few")(n)
            with s.default():
                act.named("many")(n)

    assert {"one": ["size == 1"], "few": ["size in 2, 3"], "many": ["size not in 1, 2, 3"]} == behind(flow)
    assert {"switch.case_1", "switch.case_3", "switch.default"} == set(decided(flow))


def test_cases_are_named_after_texts():
    @workflow
    def flow(n: int):
        with switch(assess(n)) as s:
            with s.case("ok"):
                act.named("one")(n)
            with s.case("review"):
                act.named("two")(n)

    assert {"switch.ok": 'assess == "ok"', "switch.review": 'assess == "review"'} == decided(flow)


def test_a_condition_on_an_input_becomes_a_gate_node():
    @workflow
    def flow(n: int):
        with when(n > 3) as large:
            act.named("one")(n)
        with large.otherwise():
            act.named("two")(n)

    gate = flow.draft.calls[0]
    assert ("when", "spane.when", {"n": Input("n")}) == (gate.id, gate.type, gate.arguments)
    assert {"condition": {"compare": ">", "left": {"input": "n"}, "right": {"constant": 3}}} == gate.config
    assert {"one": ["n > 3"], "two": ["n <= 3"]} == behind(flow)
    assert {"when": "when == true", "otherwise": "when != true"} == decided(flow)


def test_a_condition_on_several_nodes_becomes_a_gate_node_where_it_stands():
    @workflow
    def flow(n: int):
        with when(big(n)), when((size(n) > size.named("other")(n)) & (n != 3)):
            act(n)

    gate = next(call for call in flow.draft.calls if call.type == "spane.when")
    assert {"size": Output("size"), "other": Output("other"), "n": Input("n")} == gate.arguments
    assert [Gate("big", "when")] == gate.gates
    assert ["big == true", "size > other & n != 3"] == behind(flow)["act"]


def test_a_switch_over_an_input_becomes_one_gate_node():
    @workflow
    def flow(kind: Literal["a", "b"]):
        with switch(kind) as s:
            with s.case("a"):
                one = act.named("one")()
            with s.case("b"):
                two = act.named("two")()
        return coalesce(one, two)

    assert ["spane.switch", "branches.act", "branches.act"] == [call.type for call in flow.draft.calls]
    assert {"one": ['kind == "a"'], "two": ['kind == "b"']} == behind(flow)
    assert 3 == len(flow.plan.nodes)


def test_gates_make_way_for_names_of_the_body():
    @node(name="users.when")
    def gate() -> int: ...

    @workflow
    def flow(n: int):
        gate.named("when")()
        with when(n > 3):
            act(n)

    assert ["when", "when_2", "act"] == [call.id for call in flow.draft.calls]
    assert [] == flow.warnings


def test_a_bool_needs_no_comparison():
    @workflow
    def flow(n: int, express: bool = False):
        with when(big(n)):
            act.named("one")(n)
        with when(express & (n > 3)):
            act.named("two")(n)

    assert {"one": ["big == true"], "two": ["express == true & n > 3"]} == behind(flow)


def test_every_registry_has_the_gates():
    types = Registry()
    assert {"spane.when", "spane.switch"} <= set(types.names())
    assert "spane.when" in types
    assert builtin.WHEN is types.get("spane.when") is types.resolve("spane.when")


@pytest.mark.parametrize("kept", [{"name": "spane.mine"}, {"name": "mine", "was": "spane.when"}])
def test_names_of_built_in_types_are_kept_from_others(kept):
    with pytest.raises(DefinitionError, match=r"has a name that begins with 'spane\.', as only built-in types have"):

        @node(**kept)
        def mine() -> int: ...


def test_a_gate_tells_whether_its_condition_holds():
    @workflow
    def flow(n: int, m: int):
        with when((n > 3) | (m == 1)):
            act(n)

    [gate, _] = flow.draft.calls
    here = context.local("when")
    here.config = gate.config
    assert gate.node_type.fn(here, n=4, m=0) is True
    assert gate.node_type.fn(here, n=3, m=0) is False
    with pytest.raises(Exception, match="m was skipped, so the condition holds neither way"):
        gate.node_type.fn(here, n=4)


def test_a_finished_bool_is_refused_at_its_line(marked):
    @workflow
    def flow(n: int):
        with when(True):  # here
            act(n)

    with pytest.raises(ReferenceMisuse) as caught:
        _ = flow.draft
    [fault] = caught.value.faults
    assert marked(test_a_finished_bool_is_refused_at_its_line) == fault.where
    assert (
        "when takes a condition made of references, and got True. What is known while the body is traced needs no branch "
        "at run time: write a plain `if`."
    ) == fault.message


def opened_outside():
    when(True)


def switched_outside():
    switch(3)


def merged_outside():
    coalesce(1, 2)


@pytest.mark.parametrize(
    ("use", "what"), [(opened_outside, "when"), (switched_outside, "switch"), (merged_outside, "coalesce")]
)
def test_blocks_stand_in_bodies_only(use, what):
    with pytest.raises(ReferenceMisuse, match=f"{what} stands outside a workflow's body. In a plain function"):
        use()


def misuse(use):
    @workflow(name="misusing")
    def flow(n: int):
        use(n)

    with pytest.raises(ReferenceMisuse) as caught:
        _ = flow.draft
    [fault] = caught.value.faults
    assert fault.where.startswith(f"{__file__}:")
    return fault.message


def otherwise_inside(n):
    with when(n > 3) as large, large.otherwise():
        act(n)


def otherwise_elsewhere(n):
    large = when(n > 3)
    with large:
        act(n)
    with when(n > 5), large.otherwise():
        act(n)


def entered_twice(n):
    with when(n > 3) as large, large:
        act(n)


def case_outside(n):
    with switch(n) as s:
        pass
    with s.case(1):
        act(n)


def case_in_case(n):
    with switch(n) as s, s.case(1), s.case(2):
        act(n)


def switch_on_value(_):
    switch(3)


def text_as_condition(n):
    when(n)


@pytest.mark.parametrize(
    ("use", "said"),
    [
        (otherwise_inside, "otherwise() stands inside the block of its own when. Put it on the level of that `with`."),
        (otherwise_elsewhere, "otherwise() stands in another block than its when."),
        (entered_twice, "when(...) is entered inside itself. Take the inner `with` out."),
        (case_outside, "case() stands outside its switch. Put it inside `with switch(...) as s:`."),
        (case_in_case, "case() stands inside another case of its switch."),
        (switch_on_value, "switch takes a reference, and got 3."),
        (text_as_condition, "when takes a condition, and <reference to input 'n': int> is not annotated bool."),
    ],
)
def test_blocks_out_of_place_are_misuse(use, said):
    assert misuse(use).startswith(said)


def test_blocks_of_another_body_are_misuse():
    kept = []

    @workflow(name="first")
    def first(n: int):
        with when(n > 3) as large:
            act(n)
        kept.extend([large, n > 3])

    _ = first.draft

    @workflow(name="otherwise")
    def with_otherwise(n: int):
        with kept[0].otherwise():
            act(n)

    @workflow(name="condition")
    def with_condition(n: int):
        with when(kept[1]):
            act(n)

    for flow in (with_otherwise, with_condition):
        with pytest.raises(ReferenceMisuse, match="belongs to the body of workflow 'first', and"):
            _ = flow.draft


def test_branches_given_twice_are_faults(told, marked):
    @workflow
    def flow(n: int):
        with when(n > 3) as large:
            act.named("a")(n)
        with large.otherwise():
            act.named("b")(n)
        with large.otherwise():  # here
            act.named("c")(n)

    assert "this when has an otherwise() already. Put the calls into one." == told(flow)["repeated-branch"]
    assert marked(test_branches_given_twice_are_faults) == flow.draft.faults[0].where


def test_cases_out_of_order_and_given_twice_are_faults():
    @workflow
    def flow(n: int):
        with switch(n) as s:
            with s.case(1, 2):
                act.named("a")(n)
            with s.case(1):
                act.named("b")(n)
            with s.default():
                act.named("c")(n)
            with s.default():
                act.named("d")(n)
            with s.case(5):
                act.named("e")(n)

    with pytest.raises(DefinitionError) as caught:
        _ = flow.plan
    assert [
        "this switch has a case for 1 already, so only that one runs. Take one of the two out.",
        "this switch has a default() already. Put the calls into one.",
        "a case stands after default(). Put default() last.",
    ] == [fault.message for fault in caught.value.faults]


def test_a_default_stands_behind_cases(told):
    @workflow
    def flow(n: int):
        with switch(n) as s, s.default():
            act(n)

    assert "default() stands before any case, so it always runs. Put it last." == told(flow)["misplaced-case"]


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@pytest.mark.parametrize(
    ("annotation", "value", "said"),
    [
        (Literal["ok", "review"], "reviw", "can never be 'reviw'. Did you mean 'review'?"),
        (Colour, "green", "can never be 'green'. The values are red, blue."),
        (bool, "true", "can never be 'true'."),
        (int, "3", "can never be equal to '3': in JSON that is a text, and int is a number."),
        (list[int], 3, "can never be equal to 3: in JSON that is a number, and list[int] is an array."),
        (Literal["ok"] | None, False, "can never be False."),
    ],
)  # fmt: skip
def test_a_case_that_cannot_occur_is_a_fault(told, annotation, value, said):
    def body(n):
        with switch(n) as s, s.case(value):
            act()

    body.__annotations__ = {"n": annotation}
    assert said in told(workflow(name="flow")(body))["impossible-value"]


@pytest.mark.parametrize(
    ("annotation", "value"),
    [(Colour, Colour.RED), (Colour, "blue"), (Literal["ok"] | None, None), (float, 3), (Any, "x"), (int | str, "x")],
)
def test_a_case_that_can_occur_is_none(annotation, value):
    def body(n):
        with switch(n) as s, s.case(value):
            act()

    body.__annotations__ = {"n": annotation}
    assert 2 == len(workflow(name="flow")(body).plan.nodes)


def test_an_empty_branch_is_warned_of(marked):
    @workflow
    def flow(n: int):
        act(n)
        with when(n > 3):  # here
            pass

    [warning] = flow.warnings
    assert ("empty-branch", marked(test_an_empty_branch_is_warned_of)) == (warning.code, warning.where)
    assert "no node is called inside when(...), so the branch does nothing. Take it out." == warning.message


def test_a_block_without_with_is_a_fault(told):
    @workflow
    def flow(n: int):
        when(n > 3)
        act(n)

    assert (
        "when(...) stands without `with`, so no call is inside it. Write `with when(...):`."
        == told(flow)["unused-branch"]
    )


def test_a_return_inside_a_branch_is_a_fault_at_its_line(marked):
    @workflow
    def flow(n: int) -> int | None:
        with when(n > 3) as large, when(n > 5):
            act.named("first")(n)
        with large.otherwise():
            for _ in range(1):
                return act(n)  # here
        return None

    [fault] = flow.draft.faults
    assert ("return-in-branch", marked(test_a_return_inside_a_branch_is_a_fault_at_its_line)) == (
        fault.code,
        fault.where,
    )
    assert "the body returns inside a branch, but it is traced once, so it returns there always." in fault.message


def test_a_return_behind_branches_and_in_other_blocks_is_fine(tmp_path):
    @workflow
    def flow(n: int) -> int:
        with when(n > 3):
            act.named("one")(n)

            def helper():
                return 3

            helper()
        with (tmp_path / "x").open("w"):
            return act(n)

    assert 3 == len(flow.plan.nodes)


def test_an_exception_in_a_block_is_told_as_it_is():
    @workflow
    def flow(n: int):
        with when(n > 3):
            raise KeyError("gone")

    with pytest.raises(DefinitionError, match="its body raised KeyError: 'gone'"):
        _ = flow.draft
