"""Drafts written as definitions and read back: the same plan, whatever the draft says."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from spane import graph
from spane.graph import definition
from spane.model.draft import Call, Draft
from spane.model.expressions import Constant, Fields, Input, Items, Output
from spane.model.node_type import NodeOptions, NodeType, Parameter, ParameterKind
from spane.model.rules import RetryPolicy


class Order(BaseModel):
    id: int


TYPES = {
    node_type.name: node_type
    for node_type in (
        NodeType("none", print, ()),
        NodeType("one", print, (Parameter("value"),)),
        NodeType("two", print, (Parameter("left"), Parameter("right", default=1))),
        NodeType("star", print, (Parameter("values", kind=ParameterKind.VARIADIC),)),
        NodeType("named", print, (Parameter("values", kind=ParameterKind.KEYWORDS),)),
        NodeType(
            "merge",
            print,
            (Parameter("parents", kind=ParameterKind.PARENTS),),
            options=NodeOptions(timeout_s=3, retry=RetryPolicy(attempts=9, base_s=0.1)),
        ),
    )
}


def again(draft: Draft) -> Draft:
    written = json.loads(json.dumps(definition.write(draft), allow_nan=False))
    read = definition.read(written, TYPES.get)
    assert written == definition.write(read)
    return read


def same(draft: Draft) -> None:
    assert [] == graph.check(draft)[0]
    assert graph.lower(draft) == graph.lower(again(draft))


def call(name: str, id_: str, **rest: Any) -> Call:
    return Call(id_, name, TYPES.get(name), **{"options": TYPES[name].options, **rest})


def raw(value: Any) -> Constant:
    return Constant(msgspec.Raw(json.dumps(value).encode()))


PLAIN = {
    "id": "w",
    "name": "The W",
    "entryNodeId": "a",
    "nodes": [
        {
            "id": "a",
            "type": "one",
            "config": {"retryPolicy": {"maxAttempts": 2, "backoff": {"type": "fixed", "delay": 10}}, "url": "x"},
            "inputs": [],
            "outputs": ["left", "right"],
        },
        {"id": "left", "type": "one", "config": {"timeout": 1500}, "inputs": ["a"], "outputs": ["c", "d"]},
        {"id": "right", "type": "one", "config": {"continueOnFail": True}, "inputs": ["a"], "outputs": ["c", "d"]},
        {"id": "c", "type": "two", "config": {}, "inputs": ["left", "right"], "outputs": []},
        {
            "id": "d",
            "type": "one",
            "config": {"value": {"fixed": [1, 2.5, None]}},
            "inputs": ["left", "right"],
            "outputs": [],
        },
    ],
    "triggers": [{"type": "schedule", "config": {"cron": "0 * * * *"}}],
    "maxConcurrency": 4,
    "priority": 10,
    "delay": 0,
    "jobId": "job",
}


def test_a_plain_definition_comes_back_word_for_word():
    assert PLAIN == definition.write(definition.read(PLAIN, TYPES.get))


def test_what_code_says_comes_back():
    calls = [
        call("one", "a", arguments={"value": Input("order", ("id",))}),
        call("one", "b", arguments={"value": raw({"x": [1, "é", 1e16, None]})}, after=["a"]),
        call(
            "two",
            "c",
            arguments={"left": Items((Output("a", ("x", 0)), raw(1))), "right": Fields((("k", Output("b")),))},
        ),
        call("star", "d", args=[Output("c"), Input(None), raw("last")]),
        call("named", "e", arguments={"any": Output("d"), "other": raw([])}),
        call("merge", "f", merged=[Output("e"), Output("a")]),
        call("none", "g", after=["a", "f"]),
        call("two", "h", arguments={"left": Output("a")}, after=["a"]),
    ]
    inputs = (Parameter("order", Order), Parameter("day", dt.date, dt.date(2020, 1, 2)), Parameter("n", int, 3))
    same(Draft("w", calls, inputs=inputs, returns=Items((Output("c"), Input("n")))))


def test_what_follows_from_the_parents_is_not_said_twice():
    calls = [
        call("one", "left", arguments={"value": Input(None)}),
        call("one", "right", arguments={"value": Output("left")}),
        call("two", "c", arguments={"left": Output("left"), "right": Output("right")}),
        call("merge", "d", merged=[Output("c"), Output("left")]),
    ]
    written = definition.write(Draft("w", calls, accepts_any_input=True))
    assert not any("spane" in node for node in [*written["nodes"], written])


def test_an_entry_with_nothing_bound_stays_so():
    calls = [Call("a", "two", TYPES["two"], arguments={"left": raw(1)})]
    same(Draft("w", calls))
    assert {"left": {"constant": 1}} == definition.write(Draft("w", calls))["nodes"][0]["spane"]["arguments"]


@pytest.mark.parametrize(
    ("options", "config", "extra"),
    [
        ({"timeout_s": 0.25}, {"timeout": 250}, {}),
        ({"timeout_s": 1.1}, {"timeout": 1100}, {}),
        ({"timeout_s": 0.0125}, {}, {"timeout_s": 0.0125}),
        ({"on_failure": "continue"}, {"continueOnFail": True}, {}),
        ({"on_failure": "skip"}, {}, {"on_failure": "skip"}),
        (
            {"queue": "q", "priority": 1, "delay_s": 2.0, "version": "v"},
            {},
            {"queue": "q", "priority": 1, "delay_s": 2.0, "version": "v"},
        ),
        (
            {"retry": RetryPolicy(attempts=1)},
            {"retryPolicy": {"maxAttempts": 1, "backoff": {"type": "exponential", "delay": 1000}}},
            {},
        ),
        ({"retry": RetryPolicy(attempts=4, jitter=0.5)}, {}, {"retry": {"attempts": 4, "jitter": 0.5}}),
        ({"retry": RetryPolicy(base_s=0.0001)}, {}, {"retry": {"base_s": 0.0001}}),
        ({"retry": RetryPolicy(retry_on=("a:B",))}, {}, {"retry": {"retry_on": ["a:B"]}}),
    ],
)
def test_rules_are_said_in_the_words_of_config_where_it_has_them(options, config, extra):
    draft = Draft("w", [call("none", "a", options=NodeOptions().changed(**options))])
    (node,) = definition.write(draft)["nodes"]
    assert config == node["config"]
    assert extra == node.get("spane", {}).get("options", {})
    same(draft)


def test_rules_of_the_type_that_a_call_takes_back():
    options = TYPES["merge"].options.changed(timeout_s=None, retry=RetryPolicy())
    draft = Draft("w", [call("none", "a"), call("merge", "m", merged=[Output("a")], options=options)])
    assert {"timeout_s": None} == definition.write(draft)["nodes"][1]["spane"]["options"]
    same(draft)


def test_own_config_with_the_name_of_a_rule():
    draft = Draft("w", [call("none", "a", config={"timeout": "mine", "retryPolicy": 1})])
    assert {"timeout": "mine", "retryPolicy": 1} == again(draft).calls[0].config
    same(draft)


def test_types_of_inputs_become_json_schema():
    draft = Draft(
        "w", [call("none", "a")], inputs=(Parameter("order", Order), Parameter("n", list[int], [1]), Parameter("x"))
    )
    order, numbers, untyped = definition.write(draft)["spane"]["inputs"]
    assert ("object", ["id"]) == (order["schema"]["type"], order["schema"]["required"])
    assert {"name": "n", "default": [1], "schema": {"type": "array", "items": {"type": "integer"}}} == numbers
    assert {"name": "x"} == untyped


def test_a_draft_that_takes_any_input_beside_declared_ones():
    same(
        Draft(
            "w",
            [call("one", "a", arguments={"value": Input("x")})],
            inputs=(Parameter("y", default=1),),
            accepts_any_input=True,
        )
    )


def test_sources_nested_as_deep_as_they_may_be():
    source = Output("a")
    for _ in range(100):
        source = Items((source,))
    same(Draft("w", [call("none", "a"), call("one", "b", arguments={"value": source})]))


def test_faulty_drafts_are_written_too():
    unknown = Call("b", "unheard_of", None, merged=[Output("a"), Output("nope")])
    draft = Draft("w", [call("none", "a", after=["a"]), unknown, call("none", "a")])
    read = again(draft)
    assert {fault.code for fault in graph.check(draft)[0]} <= {fault.code for fault in graph.check(read)[0]}


IDS = [f"n{i}" for i in range(6)]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
PATHS = st.lists(st.text(max_size=3) | st.integers(-3, 3), max_size=3).map(tuple)


@st.composite
def drafts(draw):
    calls = []
    for number, id_ in enumerate(IDS[: draw(st.integers(1, 6))]):
        earlier = st.sampled_from(IDS[:number]) if number else st.nothing()
        leaf = (
            VALUES.map(raw) | st.builds(Input, st.sampled_from(["p", None]), PATHS) | st.builds(Output, earlier, PATHS)
        )
        source = st.recursive(
            leaf,
            lambda inner: (
                st.builds(Items, st.lists(inner, max_size=3).map(tuple))
                | st.builds(
                    Fields, st.dictionaries(st.text(max_size=3), inner, max_size=3).map(lambda d: tuple(d.items()))
                )
            ),
            max_leaves=4,
        )
        node_type = TYPES[draw(st.sampled_from(sorted(TYPES)))]
        names = {"one": ["value"], "two": ["left", "right"], "named": ["n0", "x"]}.get(node_type.name, [])
        required = [name for name in names[:1] if node_type.name != "named"]
        chosen = required + [name for name in names if name not in required and draw(st.booleans())]
        calls.append(
            Call(
                id_,
                node_type.name,
                node_type,
                arguments={name: draw(source) for name in chosen},
                args=draw(st.lists(source, max_size=3)) if node_type.name == "star" else [],
                merged=draw(st.lists(st.builds(Output, earlier), max_size=3)) if number else [],
                after=draw(st.lists(earlier, max_size=2, unique=True)) if number else [],
                config=draw(st.dictionaries(st.sampled_from(["value", "left", "url", "timeout"]), VALUES, max_size=2)),
                options=node_type.options.changed(
                    timeout_s=draw(st.none() | st.floats(0.001, 1e6)),
                    delay_s=draw(st.floats(0, 1e6)),
                    on_failure=draw(st.sampled_from(["fail", "continue", "skip"])),
                    retry=RetryPolicy(attempts=draw(st.integers(1, 9)), base_s=draw(st.floats(0, 1e6))),
                ),
            )
        )
    inputs = (Parameter("p", default=draw(VALUES)),)
    returns = draw(st.none() | st.builds(Output, st.sampled_from([one.id for one in calls]), PATHS))
    return Draft("w", calls, inputs=inputs, returns=returns, accepts_any_input=draw(st.booleans()))


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(drafts())
def test_any_draft_comes_back_to_the_same_plan(draft):
    same(draft)
