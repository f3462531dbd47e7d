"""Values that may have been skipped: `coalesce`, parameters and results that need them, and who runs all the same."""

from __future__ import annotations

import enum
from typing import Any, Literal

import msgspec
import pytest

from spane import DefinitionError, Parents, ReferenceMisuse, coalesce, node, one_of, switch, when, workflow
from spane.model.expressions import Constant, First, Output


@node(name="coalesce.assess")
def assess(n: int) -> Literal["ok", "review"]: ...


@node(name="coalesce.make")
def make(n: int = 0) -> int: ...


@node(name="coalesce.take")
def take(n: int) -> int: ...


@node(name="coalesce.either")
def either(n: int | None) -> int: ...


@node(name="coalesce.maybe")
def maybe(n: int = 3, m: int = 4) -> int: ...


@node(name="coalesce.shaky", on_failure="continue")
def shaky(n: int = 0) -> int: ...


def messages(flow):
    with pytest.raises(DefinitionError) as caught:
        _ = flow.plan
    return [(fault.code, fault.message) for fault in caught.value.faults]


def fed(flow):
    return {node.id for node in flow.plan.nodes if node.always_fed}


def test_coalesce_takes_the_first_that_is_there():
    @workflow
    def flow(n: int):
        with when(n > 3) as large:
            one = make.named("one")()
        with large.otherwise():
            two = make.named("two")()
        return take(coalesce(one, two))

    assert First((Output("one"), Output("two"))) == flow.draft.calls[-1].arguments["n"]
    assert ("one", "two") == flow.plan.nodes[-1].parents


def test_coalesce_may_be_taken_apart_and_nested():
    class Part(msgspec.Struct):
        pass

    @node
    def order() -> dict[str, int]: ...

    @workflow
    def flow(n: int):
        with when(n > 3):
            one = order()
        both = coalesce(coalesce(one, order.named("other")()), default={"id": 3})
        return take(both["id"])

    source = flow.draft.calls[-1].arguments["n"]
    assert (Output("order", ("id",)), Output("other", ("id",))) == source.items[:2]
    assert Constant(msgspec.Raw(b"3")) == source.items[2]


def test_a_default_without_the_part_that_is_taken_is_misuse():
    @node
    def order() -> dict[str, int]: ...

    @workflow
    def flow(n: int):
        return take(coalesce(order(), default={})["id"])

    with pytest.raises(ReferenceMisuse, match="has a default without that part"):
        _ = flow.draft


def exhaustive_when(n):
    with when(n > 3) as large:
        one = make.named("one")()
    with large.otherwise():
        two = make.named("two")()
    return one, two


def exhaustive_switch(n):
    with switch(n) as s:
        with s.case(1):
            one = make.named("one")()
        with s.case(2):
            two = make.named("two")()
        with s.default():
            three = make.named("three")()
    return one, two, three


def all_cases(n):
    with switch(assess(n)) as s:
        with s.case("ok"):
            one = make.named("one")()
        with s.case("review"):
            two = make.named("two")()
    return one, two


def equalities_that_cover(n):
    verdict = assess(n)
    with when(verdict == "ok"):
        one = make.named("one")()
    with when(one_of(verdict, "review")):
        two = make.named("two")()
    return one, two


def nested(n):
    with when(n > 3) as large:
        with when(n > 5) as larger:
            one = make.named("one")()
        with larger.otherwise():
            two = make.named("two")()
    with large.otherwise():
        three = make.named("three")()
    return one, two, three


def inside_a_branch(n):
    with when(n > 3) as large:
        with when(assess(n) == "ok") as ok:
            one = make.named("one")()
        with ok.otherwise():
            two = make.named("two")()
        both = take(coalesce(one, two))
    with large.otherwise():
        three = make.named("three")()
    return both, three


def derived(n):
    with when(n > 3) as large:
        one = take.named("after_one")(make.named("one")())
    with large.otherwise():
        two = make.named("two")()
    return one, two


@pytest.mark.parametrize(
    "wire",
    [exhaustive_when, exhaustive_switch, all_cases, equalities_that_cover, nested, inside_a_branch, derived],
    ids=lambda wire: wire.__name__,
)
def test_exhaustive_branches_need_no_default(wire):
    @workflow
    def flow(n: int) -> int:
        return take.named("last")(coalesce(*wire(n)))

    assert "last" == flow.plan.nodes[-1].id
    assert set() == fed(flow)


def one_branch(n):
    with when(n > 3):
        one = make.named("one")()
    return (one,)


def two_questions(n):
    with when(n > 3):
        one = make.named("one")()
    with when(n <= 3):
        two = make.named("two")()
    return one, two


def missing_case(n):
    with switch(n) as s:
        with s.case(1):
            one = make.named("one")()
        with s.case(2):
            two = make.named("two")()
    return one, two


def missing_inner(n):
    with when(n > 3) as large, when(n > 5):
        one = make.named("one")()
    with large.otherwise():
        two = make.named("two")()
    return one, two


@pytest.mark.parametrize(
    "wire", [one_branch, two_questions, missing_case, missing_inner], ids=lambda wire: wire.__name__
)
def test_other_branches_need_a_default(told, wire):
    @workflow
    def flow(n: int) -> int:
        return take.named("last")(coalesce(*wire(n)))

    message = told(flow)["coalesce-default"]
    assert message.startswith("coalesce(one")
    assert "finds nothing where all of these were skipped, which their branches allow. Give it default=..." in message


@pytest.mark.parametrize(
    "wire", [one_branch, two_questions, missing_case, missing_inner], ids=lambda wire: wire.__name__
)
def test_a_default_answers_for_branches_that_are_not_there(wire):
    @workflow
    def flow(n: int) -> int:
        return either(coalesce(*wire(n), default=None))

    assert {"either"} == fed(flow)


def test_a_condition_over_values_that_may_be_skipped_covers_only_where_they_are_there(told):
    @workflow
    def flow(n: int, m: int) -> int:
        with when(n > 3):
            one = make.named("one")()
        with when((one > 3) & (m > 3)) as both:
            two = make.named("two")()
        with both.otherwise():
            three = make.named("three")()
        return coalesce(two, three)

    assert "coalesce(two, three)" in told(flow)["coalesce-default"]


@pytest.mark.parametrize("value", [3, None, "text"])
def test_coalesce_takes_references_only(value):
    @workflow
    def flow(n: int):
        return coalesce(n, value)

    with pytest.raises(ReferenceMisuse, match="What is known already is given as default="):
        _ = flow.draft


def test_a_required_parameter_fed_from_a_branch_is_a_fault(told, marked):
    @workflow
    def flow(n: int):
        with when(assess(n) == "review"):
            one = make()
        take(one)  # here

    assert (
        "Node 'take' needs 'n', but make is there only where assess == \"review\". Call 'take' inside that block, give 'n' a "
        "default, annotate it `int | None`, or pass coalesce(...)."
    ) == told(flow)["may-be-skipped"]
    where = marked(test_a_required_parameter_fed_from_a_branch_is_a_fault)
    with pytest.raises(DefinitionError) as caught:
        _ = flow.plan
    assert where == caught.value.faults[0].where


def test_each_fault_is_told_once_and_not_for_what_follows_from_it():
    @workflow
    def flow(n: int) -> int:
        with when(n > 3):
            one = make()
        return take.named("last")(take(one))

    assert ["may-be-skipped"] == [code for code, _ in messages(flow)]


def test_a_value_wired_by_name_counts_as_well(told):
    @node
    def ship(make: int) -> int: ...

    @workflow
    def flow(n: int):
        with when(n > 3):
            make()
        ship()

    assert "Node 'ship' needs 'make', but make is there only where n > 3." in told(flow)["may-be-skipped"]


def test_parts_and_lists_of_a_skipped_value_are_skipped():
    @node
    def gather(items: list[int], parts: dict[str, int]) -> int: ...

    @workflow
    def flow(n: int):
        with when(n > 3):
            one = make()
        gather([1, one], {"a": one})

    assert ["may-be-skipped"] * 2 == [code for code, _ in messages(flow)]


def test_defaults_optional_parameters_and_merges_take_what_may_be_skipped():
    @node
    def gather(*rest: int, **named: int) -> int: ...

    @node
    def merge(parents: Parents) -> int: ...

    @node
    def free(n: Any) -> int: ...

    @workflow
    def flow(n: int):
        with when(n > 3):
            one = make()
        maybe(one)
        either(one)
        gather(one, n, key=one)
        merge(Parents.of(one))
        free(one)

    assert {"gather"} == fed(flow)


def test_calls_inside_the_block_or_behind_what_it_decides_need_nothing():
    @workflow
    def flow(n: int):
        with when(n > 3):
            one = make()
            with when(n > 5):
                take.named("inside")(one)
        with when(one > 3):
            take.named("behind")(one)

    assert {"inside", "behind"} <= {planned.id for planned in flow.plan.nodes}


def test_a_node_is_there_where_its_only_parent_is():
    @workflow
    def flow(n: int):
        with when(n > 3):
            one = make()
        two = maybe(one)
        take(two)

    [(code, message)] = messages(flow)
    assert "may-be-skipped" == code
    assert "Node 'take' needs 'n', but maybe is there only where n > 3." in message


def test_a_node_that_either_of_two_parents_lets_run_stands_for_itself():
    @workflow
    def flow(n: int):
        with when(n > 3):
            one = make.named("one")()
        with when(n > 5):
            two = make.named("two")()
        take(maybe(one, two))

    [(_, message)] = messages(flow)
    assert "maybe is there only if maybe was not skipped." in message


def test_inputs_and_constants_count_as_a_parent_that_ran():
    @workflow
    def flow(n: int):
        with when(n > 3):
            one = make()
        maybe.named("constant")(one, 3)
        maybe.named("input")(one, n)
        maybe.named("alone")(one)
        maybe.named("sure")(one, make.named("other")())
        maybe.named("default")(coalesce(one, default=3))

    assert {"constant", "input", "default"} == fed(flow)


def test_a_returned_value_that_may_be_skipped_is_a_fault(told):
    @workflow
    def flow(n: int) -> int:
        with when(n > 3):
            one = make()
        return one  # noqa: RET504 - what the rule wants is the fault of returning inside a branch

    assert (
        "The workflow returns make, which is there only where n > 3. Annotate it to return `... | None`, or return "
        "coalesce(..., default=...)."
    ) == told(flow)["may-be-skipped"]


def test_an_optional_return_or_a_default_takes_it():
    @workflow(name="optional")
    def optional(n: int) -> int | None:
        with when(n > 3):
            one = make()
        return one  # noqa: RET504 - what the rule wants is the fault of returning inside a branch

    @workflow(name="default")
    def default(n: int) -> int:
        with when(n > 3):
            one = make()
        return coalesce(one, default=0)

    assert (Output("make"), 2) == (optional.plan.returns, len(default.plan.nodes))


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@pytest.mark.parametrize(
    ("annotation", "cases"), [(Colour, list(Colour)), (bool, [True, False]), (Colour | None, [*Colour, None])]
)
def test_cases_for_all_members_are_exhaustive(annotation, cases):
    def body(value) -> int:
        found = []
        with switch(value) as s:
            for case in cases:
                with s.case(case):
                    found.append(make.named(f"make_{len(found)}")())
        return take(coalesce(*found))

    body.__annotations__["value"] = annotation
    assert "take" == workflow(name="flow")(body).plan.nodes[-1].id


def test_a_node_that_fails_and_is_gone_on_from_is_still_told_of(told):
    @workflow
    def flow(n: int):
        return take(make.options(on_failure="continue")())

    assert "then gives nothing" in told(flow)["may-be-absent"]


def test_a_switch_of_many_cases_is_exhaustive_and_its_faults_stay_short(told):
    def wire(n, *, rest):
        found = []
        with switch(n) as s:
            for number in range(500):
                with s.case(number):
                    found.append(make.named(f"make_{number}")())
            if rest:
                with s.default():
                    found.append(make.named("rest")())
        return take(coalesce(*found))

    @workflow
    def whole(n: int):
        wire(n, rest=True)

    @workflow
    def lacking(n: int):
        wire(n, rest=False)

    assert 503 == len(whole.plan.nodes)
    assert "make_7 and 492 more) finds nothing" in told(lacking)["coalesce-default"]


def test_a_node_fed_by_branches_of_which_one_is_always_taken_is_never_skipped():
    @workflow
    def flow(verdict: Literal["ok", "review"]) -> int:
        with switch(verdict) as cases:
            with cases.case("ok"):
                one = make.named("one")()
            with cases.case("review"):
                two = make.named("two")()
        return maybe(one, two)

    assert not fed(flow)


def test_branches_of_a_node_that_may_fail_and_be_gone_on_from_may_all_be_skipped():
    @workflow
    def flow(n: int) -> int:
        with when(shaky(n) > 3) as large:
            one = make.named("one")()
        with large.otherwise():
            two = make.named("two")()
        return coalesce(one, two)

    [(code, message)] = messages(flow)
    assert "coalesce-default" == code
    assert message.startswith("coalesce(one, two) finds nothing where all of these were skipped")


def test_behind_a_condition_on_a_node_that_may_fail_its_value_is_there():
    @workflow
    def flow(n: int) -> int:
        found = shaky(n)
        with when(found > 3):
            one = take(found)
        return coalesce(one, default=0)

    assert ["shaky", "take"] == [node.id for node in flow.plan.nodes]


def test_what_a_node_that_may_fail_gives_is_not_sure_to_be_returned_or_to_stand_in_a_list():
    @node(name="coalesce.total")
    def total(ns: list[int]) -> int: ...

    @workflow
    def returning(n: int) -> int:
        return shaky(n)

    @workflow
    def listing(n: int) -> int:
        return total([shaky(n), n])

    @workflow
    def returning_or_none(n: int) -> int | None:
        return shaky(n)

    [(code, message)] = messages(returning)
    assert "may-be-skipped" == code
    assert message.startswith("The workflow returns shaky, which is there only if shaky did not fail.")
    [(code, message)] = messages(listing)
    assert "Node 'total' needs 'ns', but [shaky, n] is there only if shaky did not fail. Give 'ns' a default" in message
    assert ["shaky"] == [node.id for node in returning_or_none.plan.nodes]
