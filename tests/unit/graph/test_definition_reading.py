"""Reading JSON definitions: what nodes are bound to, and by which rules they run."""

from __future__ import annotations

import inspect
import json

import msgspec
import pytest
from pydantic import BaseModel

from spane import graph
from spane.graph import definition
from spane.model.expressions import Constant, Fields, Input, Output
from spane.model.rules import RetryPolicy

ORDERS = {
    "id": "orders",
    "name": "Orders of the day",
    "entryNodeId": "load",
    "nodes": [
        {"id": "load", "type": "load", "config": {}, "inputs": [], "outputs": ["left", "right"]},
        {"id": "left", "type": "step", "config": {}, "inputs": ["load"], "outputs": ["both", "add"]},
        {"id": "right", "type": "step", "config": {}, "inputs": ["load"], "outputs": ["both", "add"]},
        {"id": "both", "type": "gather", "config": {}, "inputs": ["left", "right"], "outputs": []},
        {"id": "add", "type": "add", "config": {}, "inputs": ["left", "right"], "outputs": []},
    ],
    "triggers": [{"type": "webhook", "config": {"path": "orders"}}],
    "maxConcurrency": 4,
    "priority": 7,
    "delay": 250,
    "jobId": "orders-1",
}


def load(data: dict) -> int:
    return len(data)


def step(value: int) -> int:
    return value


def add(left: int, right: int, note: str = "") -> int:
    return left + right


def gather(values: dict[str, int]) -> int:
    return len(values)


def spread(*values: int) -> int:
    return len(values)


def named(**values: int) -> int:
    return len(values)


def collect(*values: dict) -> int:
    return len(values)


class Order(BaseModel):
    id: int


def alone() -> int:
    return 1


def optional(first: str = "a", second: str = "b") -> str:
    return first + second


def mixed(first: str = "a", *, second: int) -> str:
    return first * second


def report(context=None, parents=None) -> int:
    return 1


@pytest.fixture(autouse=True)
def types(make):
    for fn in (load, step, add, gather, spread, collect, named, alone, optional, mixed):
        make.type(fn)
    make.type(report, kinds={"context": "context", "parents": "parents"})
    return make.types


def read(make, *nodes, **rest):
    return definition.read({"id": "w", "nodes": list(nodes), **rest}, make.types.get)


def node(id_, type_, *inputs, **rest):
    return {"id": id_, "type": type_, "inputs": list(inputs), **rest}


def bound(draft, id_):
    call = next(call for call in draft.calls if call.id == id_)
    return call.arguments, call.args, call.merged


def constant(value):
    return Constant(msgspec.Raw(json.dumps(value).encode()))


def test_a_definition_is_a_workflow(make):
    draft = definition.read(ORDERS, make.types.get)
    assert ([], []) == graph.check(draft)
    plan = graph.lower(draft)
    assert ("orders", True) == (plan.workflow, plan.accepts_any_input)
    assert ["load", "left", "right", "both", "add"] == [one.id for one in plan.nodes]


@pytest.mark.parametrize(
    "encode", [json.dumps, lambda d: json.dumps(d).encode(), lambda d: bytearray(json.dumps(d), "ascii")]
)
def test_text_and_bytes_are_read_as_well(make, encode):
    assert definition.read(ORDERS, make.types.get) == definition.read(encode(ORDERS), make.types.get)


def test_what_a_definition_says_about_starts_is_kept(make):
    kept = {
        key: ORDERS[key] for key in ("name", "entryNodeId", "triggers", "maxConcurrency", "priority", "delay", "jobId")
    }
    assert kept == definition.read(ORDERS, make.types.get).definition


def test_an_entry_node_gets_the_whole_initial_data(make):
    assert ({"data": Input(None)}, [], []) == bound(definition.read(ORDERS, make.types.get), "load")


def whole(data: dict | None = None) -> int:
    return 1


def ordered(order: Order, express: bool = False) -> int:
    return 1


def unsaid(data, flag=False):
    return data


def number(n: int) -> int:
    return n


def defaulted(n: int = 3, note: str = "") -> int:
    return n


def listed(items: list[str]) -> int:
    return len(items)


@pytest.mark.parametrize("fn", [whole, ordered, unsaid])
def test_an_entry_parameter_that_can_hold_an_object_gets_the_whole_initial_data(make, fn):
    first = next(iter(inspect.signature(fn).parameters))
    make.type(fn)
    assert {first: Input(None)} == bound(read(make, node("e", fn.__name__)), "e")[0]


@pytest.mark.parametrize("fn", [number, defaulted, listed])
def test_an_entry_parameter_that_cannot_gets_the_input_of_its_name(make, fn):
    make.type(fn)
    expected = {name: Input(name) for name in inspect.signature(fn).parameters}
    assert expected == bound(read(make, node("e", fn.__name__)), "e")[0]


def test_an_entry_takes_only_inputs_that_are_declared_where_no_others_are_taken(make):
    make.type(defaulted)
    declared = {"inputs": [{"name": "n", "schema": {"type": "integer"}}]}
    draft = read(make, node("e", "defaulted"), spane=declared)
    assert ([], {"n": Input("n")}) == (graph.check(draft)[0], bound(draft, "e")[0])
    assert draft == definition.read(definition.write(draft), make.types.get)


def test_one_parent_gives_its_exact_value(make):
    assert ({"value": Output("load")}, [], []) == bound(definition.read(ORDERS, make.types.get), "left")


def test_several_parents_give_an_object_by_node_id(make):
    source = Fields((("left", Output("left")), ("right", Output("right"))))
    assert ({"values": source}, [], []) == bound(definition.read(ORDERS, make.types.get), "both")


def test_several_data_parameters_take_parents_by_name(make):
    expected = {"left": Output("left"), "right": Output("right")}
    assert (expected, [], []) == bound(definition.read(ORDERS, make.types.get), "add")


def test_parents_that_no_parameter_is_named_after_are_merged(make):
    draft = read(
        make, node("left", "alone"), node("right", "alone"), node("x", "alone"), node("s", "add", "x", "right", "left")
    )
    arguments, _, merged = bound(draft, "s")
    assert {"left": Output("left"), "right": Output("right")} == arguments
    assert [Output("x")] == merged


def test_an_entry_node_with_several_required_parameters_takes_them_by_name(make):
    arguments, _, _ = bound(read(make, node("s", "add")), "s")
    assert {"left": Input("left"), "right": Input("right"), "note": Input("note")} == arguments


def test_the_first_required_parameter_is_the_one(make):
    draft = read(make, node("o", "optional"), node("m", "mixed", "o"))
    assert {"first": Input("first"), "second": Input("second")} == bound(draft, "o")[0]
    assert {"second": Output("o")} == bound(draft, "m")[0]


def test_a_config_key_named_like_a_parameter_is_a_constant(make):
    config = {"note": "x", "url": "u"}
    draft = read(make, node("left", "alone"), node("right", "alone"), node("s", "add", "left", "right", config=config))
    call = draft.calls[-1]
    assert {"note": constant("x"), "left": Output("left"), "right": Output("right")} == call.arguments
    assert config == call.config


def test_config_wins_over_initial_data_and_parents(make):
    draft = read(make, node("a", "step", config={"value": 3}), node("b", "step", "a", config={"value": 4}))
    assert ({"value": constant(3)}, [], []) == bound(draft, "a")
    assert ({"value": constant(4)}, [], [Output("a")]) == bound(draft, "b")


def test_star_parameters_take_parents(make):
    draft = read(
        make, node("a", "alone"), node("b", "alone"), node("s", "spread", "a", "b"), node("k", "named", "a", "b")
    )
    assert ({}, [Output("a"), Output("b")], []) == bound(draft, "s")
    assert ({"a": Output("a"), "b": Output("b")}, [], []) == bound(draft, "k")
    assert ({}, [], []) == bound(read(make, node("s", "spread")), "s")
    assert ({}, [Input(None)], []) == bound(read(make, node("s", "collect")), "s")


def test_a_node_without_data_parameters_waits_for_its_parents(make):
    draft = read(make, node("a", "alone"), node("b", "alone", "a"), node("c", "report", "a", "b"))
    assert ({}, [], [Output("a")]) == bound(draft, "b")
    assert ({}, [], [Output("a"), Output("b")]) == bound(draft, "c")
    assert [(), ("a",), ("a", "b")] == [one.parents for one in graph.lower(draft).nodes]


def test_outputs_alone_make_edges(make):
    draft = read(
        make,
        {"id": "a", "type": "alone", "inputs": [], "outputs": ["b", "c"]},
        {"id": "b", "type": "step", "inputs": [], "outputs": ["c"]},
        {"id": "c", "type": "gather", "inputs": []},
    )
    assert ([], []) == graph.check(draft)
    assert [(), ("a",), ("a", "b")] == [one.parents for one in graph.lower(draft).nodes]


def test_inputs_alone_make_edges(make):
    draft = read(
        make,
        {"id": "a", "type": "alone", "outputs": []},
        {"id": "b", "type": "step", "inputs": ["a"], "outputs": []},
    )
    assert ([], []) == graph.check(draft)
    assert [(), ("a",)] == [one.parents for one in graph.lower(draft).nodes]


def test_nodes_may_stand_in_any_order(make):
    draft = read(make, node("c", "step", "b"), node("b", "step", "a"), node("a", "alone"))
    assert ["a", "b", "c"] == [one.id for one in graph.lower(draft).nodes]


def test_rules_of_a_node_stand_in_config(make):
    config = {
        "retryPolicy": {"maxAttempts": 5, "backoff": {"type": "fixed", "delay": 250}},
        "timeout": 1500,
        "continueOnFail": True,
        "url": "http://localhost",
    }
    call = read(make, node("a", "alone", config=config)).calls[0]
    assert RetryPolicy(attempts=5, backoff="fixed", base_s=0.25) == call.options.retry
    assert (1.5, "continue") == (call.options.timeout_s, call.options.on_failure)
    assert {"url": "http://localhost"} == call.config


def test_no_policy_means_three_attempts_after_one_and_two_seconds(make):
    retry = read(make, node("a", "alone")).calls[0].options.retry
    assert (3, "exponential", 1.0, 2.0) == (retry.attempts, retry.backoff, retry.base_s, retry.factor)


def test_what_config_leaves_out_is_as_the_type_has_it(make):
    make.type(alone, name="own", timeout_s=9, on_failure="continue", retry=RetryPolicy(attempts=7, jitter=0.5))
    options = read(make, node("a", "own", config={"retryPolicy": {"backoff": {"type": "fixed"}}})).calls[0].options
    assert RetryPolicy(attempts=7, backoff="fixed", jitter=0.5) == options.retry
    assert (9, "continue") == (options.timeout_s, options.on_failure)
    assert "fail" == read(make, node("a", "own", config={"continueOnFail": False})).calls[0].options.on_failure


def test_faults_are_found_by_node_id(make):
    draft = read(make, node("a", "step", "nope"), node("b", "step", "b"), node("c", "wat"), entryNodeId="d")
    found = {(fault.code, fault.where) for fault in graph.check(draft)[0]}
    assert {("unknown-node", "a"), ("self-reference", "b"), ("unknown-type", "c"), ("unknown-entry", "w")} == found


def test_4_and_5_the_entry_is_checked(make):
    draft = read(make, node("a", "alone"), node("b", "alone"), entryNodeId="a")
    assert [] == graph.check(draft)[0]
    assert [("unreachable", "b")] == [(warning.code, warning.where) for warning in graph.check(draft)[1]]


def test_an_unknown_type_keeps_its_parents(make):
    draft = read(make, node("a", "alone"), node("b", "wat", "a"))
    assert ({}, [], [Output("a")]) == bound(draft, "b")


def test_the_spane_object_says_what_the_shape_cannot(make):
    extra = {
        "arguments": {
            "left": {"output": "a", "path": ["x", 0]},
            "right": {"input": "n"},
            "note": {"constant": "k"},
        },
        "after": ["b"],
        "options": {
            "queue": "gpu",
            "priority": 2,
            "delay_s": 0.5,
            "version": "4",
            "timeout_s": None,
            "retry": {"jitter": 0.5, "retry_on": ["builtins:OSError"]},
        },
    }
    draft = read(
        make,
        node("a", "alone"),
        node("b", "alone"),
        node("s", "add", "a", "b", spane=extra),
        spane={
            "inputs": [{"name": "n", "default": 1, "schema": {"type": "integer"}}],
            "returns": {"items": [{"output": "s"}, {"fields": {"n": {"input": None}}}]},
        },
    )
    call = draft.calls[-1]
    assert {"left": Output("a", ("x", 0)), "right": Input("n"), "note": constant("k")} == call.arguments
    assert ["b"] == call.after
    assert ("gpu", 2, 0.5, "4") == (
        call.options.queue,
        call.options.priority,
        call.options.delay_s,
        call.options.version,
    )
    assert RetryPolicy(jitter=0.5, retry_on=("builtins:OSError",)) == call.options.retry
    assert [("n", int, 1)] == [(p.name, p.annotation, p.default) for p in draft.inputs]
    assert not draft.accepts_any_input
    assert make.items(Output("s"), make.fields(n=Input(None))) == draft.returns


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ({"name": "x"}, (True, None)),
        ({"name": "x", "required": True}, (True, None)),
        ({"name": "x", "required": False}, (False, b"null")),
        ({"name": "x", "default": None}, (False, b"null")),
        ({"name": "x", "default": [1], "schema": {"type": "array"}}, (False, b"[1]")),
        (
            {"name": "x", "default": "2020-01-01", "schema": {"type": "string", "format": "date"}},
            (False, b'"2020-01-01"'),
        ),
    ],
)
def test_inputs_may_be_declared(make, declared, expected):
    draft = read(make, node("a", "alone", spane={"arguments": {}}), spane={"inputs": [declared]})
    (found,) = graph.lower(draft).inputs
    assert expected == (found.required, None if found.default is None else bytes(found.default))


def test_after_stands_among_the_inputs_too(make):
    draft = read(make, node("a", "alone"), node("b", "alone"), node("s", "step", "a", "b", spane={"after": ["b"]}))
    assert ({"value": Output("a")}, [], []) == bound(draft, "s")
    assert (("a",), ("b",)) == (graph.lower(draft).nodes[-1].parents, graph.lower(draft).nodes[-1].after)
