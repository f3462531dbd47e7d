"""What is bound to parameters: missing, too much, unknown, or of a type that cannot fit."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, NamedTuple, TypedDict

import pytest
from pydantic import BaseModel, Field

from spane import graph
from spane.model.expressions import Input, Output
from spane.model.node_type import Parameter, ParameterKind


class Item(BaseModel):
    sku: str
    count: int


class Order(BaseModel):
    id: int
    items: list[Item]
    note: str | None = None
    shipped_to: str = Field(default="", alias="shippedTo")


class Receipt(BaseModel):
    total: int


class Size(NamedTuple):
    width: int
    height: int


class Row(TypedDict):
    name: str


@dataclasses.dataclass
class Point:
    x: int


def load(folder: str = "here") -> int:
    return len(folder)


def order() -> Order:
    return Order(id=1, items=[])


def step(value: int) -> int:
    return value


def text(value: str) -> str:
    return value


def add(left: int, right: int = 2) -> int:
    return left + right


def bill(order: Order) -> Receipt:
    return Receipt(total=order.id)


def anything(value):
    return value


def spread(*values: int, **named: str) -> int:
    return len(values)


def gather(values: dict[str, int]) -> int:
    return len(values)


def listed(values: list[int]) -> int:
    return len(values)


def pair(values: tuple[int, str]) -> int:
    return len(values)


def informed(value: int, context: Any = None, parents: Any = None) -> int:
    return value


def faults(draft):
    return graph.check(draft)[0]


def only(draft):
    (fault,) = faults(draft)
    return fault


def test_a_required_parameter_without_a_source(make):
    fault = only(make.draft(make.call(make.type(add), right=1, line=7)))
    assert ("unbound-parameter", "flows.py:7") == (fault.code, fault.where)
    expected = (
        "Node 'add' has nothing bound to its parameter 'left', which has no default. Pass a value, an input or another "
        "node's result, or give it a default."
    )
    assert expected == fault.message


def test_in_a_definition_the_advice_is_another(make):
    message = only(make.draft(make.call(make.type(add)))).message
    assert message.endswith(
        "Give the value in the node's config, name a parent like the parameter, or bind it in the arguments of the "
        "node's spane object."
    )


def test_a_parameter_that_is_filled_when_it_runs_needs_no_source(make):
    kinds = {"context": ParameterKind.CONTEXT, "parents": ParameterKind.PARENTS}
    assert [] == faults(make.draft(make.call(make.type(informed, kinds=kinds), value=1)))


def test_a_parameter_that_is_filled_when_it_runs_takes_no_source(make):
    informed_type = make.type(informed, kinds={"context": ParameterKind.CONTEXT})
    fault = only(make.draft(make.call(informed_type, value=1, context=2)))
    assert "unknown-parameter" == fault.code
    expected = (
        "Node 'informed' is given 'context', but that parameter is filled with the attempt's context when it runs. "
        "Leave it out."
    )
    assert expected == fault.message


def test_an_argument_that_no_parameter_takes(make):
    fault = only(make.draft(make.call(make.type(add), left=1, rigth=2, line=3)))
    assert ("unknown-parameter", "flows.py:3") == (fault.code, fault.where)
    expected = "Node 'add' is given 'rigth', but add takes no parameter of that name. Did you mean 'right'?"
    assert expected == fault.message


def test_more_values_than_parameters(make):
    fault = only(make.draft(make.call(make.type(step), "s", 1, 2, value=3)))
    expected = (
        "Node 's' is given 2 more values than step has parameters for. Take them out, or give the function a `*args`."
    )
    assert ("unknown-parameter", expected) == (fault.code, fault.message)


def test_star_parameters_take_the_rest(make):
    assert [] == faults(make.draft(make.call(make.type(spread), "s", 1, 2, colour="red")))


def test_star_parameters_have_types_as_well(make):
    draft = make.draft(make.call(make.type(spread), "s", 1, "two", colour=3))
    expected = [
        "Node 's' takes str as 'colour', but is given 3. Pass a value of that type, or change the annotation.",
        "Node 's' takes int as 'values', but is given \"two\". Pass a value of that type, or change the annotation.",
    ]
    assert expected == [fault.message for fault in faults(draft)]


def test_an_edge_whose_types_cannot_match(make):
    draft = make.draft(make.call(make.type(load)), make.call(make.type(text), value=Output("load"), line=4))
    fault = only(draft)
    assert ("type-mismatch", "flows.py:4") == (fault.code, fault.where)
    expected = (
        "Node 'text' takes str as 'value', but is given int by `load`. Change one of the two annotations, pass a part of "
        "it, or put a node between that converts."
    )
    assert expected == fault.message


def test_an_edge_between_models_names_the_field_that_is_not_there(make):
    def total(receipt: Receipt) -> int:
        return receipt.total

    draft = make.draft(make.call(make.type(order)), make.call(make.type(total), receipt=Output("order")))
    assert "takes Receipt as 'receipt', but is given Order by `order`, which has no 'total'." in only(draft).message


@pytest.mark.parametrize(
    ("path", "target"),
    [
        (("id",), step),
        (("note",), text),
        (("items", 0, "count"), step),
        (("items", 3, "sku"), text),
        (("shippedTo",), text),
        ((), bill),
    ],
)
def test_a_path_is_followed_to_its_type(make, path, target):
    name = "order" if target is bill else "value"
    call = make.call(make.type(target), "t", **{name: Output("order", path)})
    assert [] == faults(make.draft(make.call(make.type(order)), call))


@pytest.mark.parametrize(
    ("path", "target", "what"),
    [
        (("id",), text, "takes str as 'value', but is given int by `order.id`."),
        (("items",), step, "takes int as 'value', but is given list[Item] by `order.items`."),
        (("items", 0), step, "takes int as 'value', but is given Item by `order.items[0]`."),
        (("items", 0, "count"), text, "takes str as 'value', but is given int by `order.items[0].count`."),
    ],
)
def test_the_type_at_a_path_that_does_not_fit(make, path, target, what):
    call = make.call(make.type(target), "t", value=Output("order", path))
    fault = only(make.draft(make.call(make.type(order)), call))
    assert "type-mismatch" == fault.code
    assert what in fault.message


@pytest.mark.parametrize(
    ("path", "what"),
    [
        (("totl",), "Order has no field 'totl'. The fields are id, items, note, shippedTo."),
        (("item",), "Order has no field 'item'. Did you mean 'items'?"),
        (("shipped_to",), "Order.shipped_to stands in the JSON as 'shippedTo'."),
        (("id", "x"), "int has no parts."),
        ((0,), "Order is an object in JSON, so its parts have names, not the number 0."),
        (("items", "x"), "list[Item] is an array in JSON, so its parts have numbers, not the name 'x'."),
        (("items", 0, "nam"), "Item has no field 'nam'. The fields are sku, count."),
        (("note", "x"), "str has no parts."),
    ],
)
def test_a_path_to_where_nothing_can_be(make, path, what):
    call = make.call(make.type(anything), "t", value=Output("order", path), line=2)
    fault = only(make.draft(make.call(make.type(order)), call))
    assert ("unknown-part", "flows.py:2") == (fault.code, fault.where)
    assert fault.message.startswith("Node 't' (value) takes `order")
    assert fault.message.endswith(f"which cannot be there: {what}")


@pytest.mark.parametrize(
    ("annotation", "path"),
    [
        (Any, ("a", 0, "b")),
        (dict[str, Any], ("a", "b")),
        (dict, ("a",)),
        (list[dict[str, int]], (4, "b")),
        (tuple[int, str], (1,)),
        (tuple[int, ...], (7,)),
        (Size, (1,)),
        (Row, ("name",)),
        (Point, ("x",)),
        (Order | None, ("id",)),
        (Order | Receipt, ("total",)),
    ],
)
def test_paths_into_other_annotations(make, annotation, path):
    call = make.call(make.type(anything), "t", value=Input("given", path))
    assert [] == faults(make.draft(call, inputs=[Parameter("given", annotation)]))


@pytest.mark.parametrize(
    ("annotation", "path", "what"),
    [
        (tuple[int, str], (2,), "tuple[int, str] has 2 items, so there is no item 2."),
        (Size, ("width",), "Size is an array in JSON, so its parts have numbers, not the name 'width'."),
        (Row, ("nme",), "Row has no field 'nme'. Did you mean 'name'?"),
        (None, ("x",), "None has no parts."),
        (Order | Receipt, ("x",), "Receipt has no field 'x'. The fields are total."),
    ],
)
def test_paths_that_other_annotations_do_not_have(make, annotation, path, what):
    call = make.call(make.type(anything), "t", value=Input("given", path))
    fault = only(make.draft(call, inputs=[Parameter("given", annotation)]))
    assert "unknown-part" == fault.code
    assert fault.message.endswith(f"of the inputs, which cannot be there: {what}")


def test_an_input_that_the_workflow_does_not_have(make):
    call = make.call(make.type(step), value=Input("ordr"), line=5)
    fault = only(make.draft(call, inputs=["order", "day"]))
    assert ("unknown-input", "flows.py:5") == (fault.code, fault.where)
    expected = "Node 'step' (value) takes the input 'ordr', which the workflow does not have. Did you mean 'order'?"
    assert expected == fault.message


def test_any_input_will_do_where_all_are_accepted(make):
    call = make.call(make.type(step), value=Input("whatever"))
    assert [] == faults(make.draft(call, accepts_any_input=True))


def test_the_whole_of_the_inputs_fits_anything(make):
    assert [] == faults(make.draft(make.call(make.type(step), value=Input(None)), accepts_any_input=True))


def test_an_input_whose_type_cannot_match(make):
    call = make.call(make.type(step), value=Input("names"))
    fault = only(make.draft(call, inputs=[Parameter("names", list[str])]))
    assert "takes int as 'value', but is given list[str] by the input `names`." in fault.message


@pytest.mark.parametrize("value", [1, 1.0, "1", True])
def test_a_constant_that_lax_json_reads(make, value):
    assert [] == faults(make.draft(make.call(make.type(step), value=value)))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("one", '"one"'),
        (1.5, None),
        (None, "null"),
        ([1], "[1]"),
        ({"a": 1}, '{"a": 1}'),
        ("x" * 100, '"' + "x" * 56 + "..."),
    ],
)
def test_a_constant_that_cannot_be_read(make, value, shown):
    found = faults(make.draft(make.call(make.type(step), value=value)))
    if shown is None:  # a float may be read as an int, so only its value decides, at run time
        assert [] == found
        return
    (fault,) = found
    assert "type-mismatch" == fault.code
    expected = (
        f"Node 'step' takes int as 'value', but is given {shown}. Pass a value of that type, or change the annotation."
    )
    assert expected == fault.message


def test_a_constant_is_looked_into(make):
    def shipped(order: Order, mode: Literal["air", "sea"]) -> None: ...

    shipped_type = make.type(shipped)
    sound = make.call(shipped_type, "a", order={"id": 1, "items": [{"sku": "x", "count": "2"}]}, mode="sea")
    assert [] == faults(make.draft(sound))
    wrong = make.call(shipped_type, "b", order={"id": 1, "items": [{"sku": "x"}]}, mode="rail")
    assert ["type-mismatch"] * 2 == [fault.code for fault in faults(make.draft(wrong))]


def test_lists_and_dicts_of_references_have_types(make):
    calls = [make.call(make.type(load)), make.call(make.type(text), value="x")]
    number, word = Output("load"), Output("text")
    for sound in (
        make.call(make.type(gather), "g", values=make.fields(a=number, b=3)),
        make.call(make.type(listed), "g", values=make.items(number, 3)),
        make.call(make.type(pair), "g", values=make.items(number, word)),
        make.call(make.type(anything), "g", value=make.items(number, make.fields(a=word))),
    ):
        assert [] == faults(make.draft(*calls, sound))
    for wrong in (
        make.call(make.type(gather), "g", values=make.fields(a=number, b=make.items(number))),
        make.call(make.type(gather), "g", values=make.items(number)),
        make.call(make.type(listed), "g", values=make.items(number, "three")),
        make.call(make.type(pair), "g", values=make.items(word)),
        make.call(make.type(step), "g", value=make.fields(a=number)),
    ):
        fault = only(make.draft(*calls, wrong))
        assert "type-mismatch" == fault.code
        assert "is given a list of values" in fault.message or "is given a dict of values" in fault.message


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ("NaN", "is no sound JSON (NaN is no JSON value)"),
        ("[-Infinity]", "is no sound JSON (-Infinity is no JSON value)"),
        ("{", "is no sound JSON (Expecting property name"),
        ('"\\ud800"', "is no sound JSON ('utf-8' codec can't encode"),
        ("[" * 100_000 + "]" * 100_000, "nests too deep for JSON"),
    ],
    ids=["nan", "infinity", "broken", "surrogate", "deep"],
)
def test_a_constant_that_is_no_json(make, raw, why):
    fault = only(make.draft(make.call(make.type(anything), value=make.raw(raw), line=1)))
    assert ("bad-constant", "flows.py:1") == (fault.code, fault.where)
    assert f"Node 'anything' (value) is bound to a constant that {why}" in fault.message


def test_lists_nested_past_any_sense(make):
    source = make.source(1)
    for _ in range(5_000):
        source = make.items(source)
    fault = only(make.draft(make.call(make.type(anything), value=source)))
    assert "too-deep" == fault.code
    expected = "Node 'anything' (value) is bound to lists and dicts nested more than 100 deep. Flatten them."
    assert expected == fault.message


def test_only_whole_outputs_can_be_merged(make):
    def report(parents: Any) -> None: ...

    report_type = make.type(report, kinds={"parents": ParameterKind.PARENTS})
    calls = [make.call(make.type(order)), make.call(make.type(load))]
    sound = make.call(report_type, merged=[Output("order"), Output("load")])
    assert [] == faults(make.draft(*calls, sound))
    fault = only(make.draft(*calls, make.call(report_type, merged=[Output("order", ("id",))])))
    expected = (
        "Node 'report' merges something else than whole outputs of nodes. Its `Parents` can hold only those; bind other "
        "values to parameters of their own."
    )
    assert ("bad-merge", expected) == (fault.code, fault.message)


def test_what_the_workflow_returns_must_fit_its_annotation(make):
    draft = make.draft(make.call(make.type(load)), returns=Output("load"), returns_annotation=str, workflow_line=1)
    fault = only(draft)
    assert ("type-mismatch", "flows.py:1") == (fault.code, fault.where)
    expected = (
        "The workflow is annotated to return str, but returns int by `load`. Change the annotation or what is returned."
    )
    assert expected == fault.message


def test_what_the_workflow_returns_may_be_a_part_or_built(make):
    calls = [make.call(make.type(order)), make.call(make.type(load))]
    part = Output("order", ("id",))
    assert [] == faults(make.draft(*calls, returns=part, returns_annotation=int))
    built = make.fields(total=part, count=Output("load"))
    assert [] == faults(make.draft(*calls, returns=built, returns_annotation=dict[str, int]))
    assert ["unknown-part"] == [f.code for f in faults(make.draft(*calls, returns=Output("order", ("x",))))]


def test_a_required_value_from_a_node_that_may_go_on_after_a_failure(make):
    load_type = make.type(load, on_failure="continue")
    draft = make.draft(make.call(load_type, line=1), make.call(make.type(step), value=Output("load"), line=2))
    fault = only(draft)
    assert ("may-be-absent", "flows.py:2") == (fault.code, fault.where)
    expected = (
        "Node 'step' needs 'value', but 'load' goes on after a failure (on_failure='continue') and then gives nothing. "
        "Give 'value' a default, or annotate it `int | None`."
    )
    assert expected == fault.message


def test_a_value_that_may_be_absent_is_fine_with_a_default_or_an_optional_or_in_a_definition(make):
    def maybe(value: int | None) -> None: ...

    def default(value: int = 1) -> None: ...

    load_type = make.type(load, on_failure="continue")
    for target, line in ((maybe, 2), (default, 2), (anything, 2), (step, 0)):
        call = make.call(make.type(target), "t", value=Output("load"), line=line)
        assert [] == faults(make.draft(make.call(load_type, line=1), call))


def test_an_input_whose_default_is_no_json(make):
    call = make.call(make.type(anything), value=Input("x"))
    fault = only(make.draft(call, inputs=[Parameter("x", default=float("nan"))], workflow_line=8))
    assert ("bad-default", "flows.py:8") == (fault.code, fault.where)
    assert "Input 'x' has a default that cannot be part of a plan. " in fault.message
    assert "JSON has no such number" in fault.message


def test_an_input_of_a_type_that_no_json_reads(make):
    call = make.call(make.type(anything), value=Input("x"))
    fault = only(make.draft(call, inputs=[Parameter("x", object().__class__.mro, default=1)]))
    assert "cannot be read from JSON" in fault.message
