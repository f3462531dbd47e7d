"""Definitions that are none, or not quite: everything wrong at once, with the near miss, and nothing crashes."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spane import graph
from spane.graph import definition
from spane.model.node_type import NodeType, Parameter

STEP = NodeType("step", print, (Parameter("value"),))


def types(name):
    return STEP if name == "step" else None


def faults(said):
    return graph.check(definition.read(said, types))[0]


def messages(said):
    return [fault.message for fault in faults(said)]


def with_node(**node):
    return {"id": "w", "nodes": [{"id": "a", "type": "step", **node}]}


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("nope", "The definition is no JSON: Expecting value: line 1 column 1 (char 0). Mend the text."),
        (b"\xff\xfe", "The definition is no JSON: "),
        ("[" * 100_000, "The definition is no JSON: it nests too deep. Mend the text."),
        ('{"id": ' + "9" * 10_000 + "}", "The definition is no JSON: Exceeds the limit"),
        ("[]", "A definition is a JSON object, not an array."),
        ("3", "A definition is a JSON object, not 3."),
        (None, "A definition is a JSON object, not null."),
        (object(), "A definition is a JSON object, not object."),
    ],
    ids=["text", "bytes", "deep", "digits", "array", "number", "none", "object"],
)
def test_what_is_no_definition_at_all_has_one_fault(said, message):
    (found,) = messages(said)
    assert found.startswith(message)


def test_a_definition_that_contains_itself():
    said = {"id": "w", "nodes": []}
    said["nodes"].append(said)
    assert ["The definition contains itself, which JSON cannot. Take that part out."] == messages(said)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"nodes": [{"id": "a", "type": "step"}]}, "`id` is missing. Add it."),
        ({"id": "w"}, "`nodes` is missing. Add it."),
        ({"id": 5, "nodes": [{"id": "a", "type": "step"}]}, "`id` is 5, but should be a valid string."),
        ({"id": "w", "nodes": {}}, "`nodes` is an object, but should be an array."),
        ({"id": "w", "nodes": ["a"]}, '`nodes[0]` is "a", but should be an object.'),
        ({"id": "w", "nodes": [{"id": "a"}]}, "`nodes[0].type` is missing. Add it."),
        (with_node(input=[]), "`nodes[0].input` is no key of a definition. Did you mean 'inputs'?"),
        (with_node(inputs="b"), '`nodes[0].inputs` is "b", but should be an array.'),
        (with_node(inputs=[1]), "`nodes[0].inputs[0]` is 1, but should be a valid string."),
        (with_node(outputs=None), "`nodes[0].outputs` is null, but should be an array."),
        (with_node(config=[]), "`nodes[0].config` is an array, but should be an object."),
        (with_node(config={"timeout": "1s"}), '`nodes[0].config.timeout` is "1s", but should be a valid number.'),
        (with_node(config={"timeout": 0}), "`nodes[0].config.timeout` is 0, but should be greater than 0."),
        (with_node(config={"timeout": True}), "`nodes[0].config.timeout` is true, but should be a valid number."),
        (
            with_node(config={"continueOnFail": 1}),
            "`nodes[0].config.continueOnFail` is 1, but should be a valid boolean.",
        ),
        (
            with_node(config={"retryPolicy": {"maxAttempt": 3}}),
            "`nodes[0].config.retryPolicy.maxAttempt` is no key of a definition. Did you mean 'maxAttempts'?",
        ),
        (
            with_node(config={"retryPolicy": {"maxAttempts": 0}}),
            "`nodes[0].config.retryPolicy.maxAttempts` is 0, but should be greater than or equal to 1.",
        ),
        (
            with_node(config={"retryPolicy": {"backoff": {"type": "linear"}}}),
            "`nodes[0].config.retryPolicy.backoff.type` is \"linear\", but should be 'fixed' or 'exponential'.",
        ),
        (
            with_node(config={"retryPolicy": {"backoff": {"delay": -1}}}),
            "`nodes[0].config.retryPolicy.backoff.delay` is -1, but should be greater than or equal to 0.",
        ),
        (
            with_node(spane={"arguments": {"value": {"outptu": "b"}}}),
            "`nodes[0].spane.arguments.value` is an object. A source is an object with one of the keys constant, ",
        ),
        (
            with_node(spane={"arguments": {"value": {"constant": 1, "pth": []}}}),
            "`nodes[0].spane.arguments.value.pth` is no key of a definition. The keys here are constant.",
        ),
        (
            with_node(spane={"arguments": {"value": {"input": "x", "path": [1.5]}}}),
            "`nodes[0].spane.arguments.value.path[0]` is 1.5, but should be a valid string or a valid integer.",
        ),
        (
            with_node(spane={"options": {"retry": {"atempts": 1}}}),
            "`nodes[0].spane.options.retry.atempts` is no key of a definition. Did you mean 'attempts'?",
        ),
        (
            {"id": "w", "nodes": [], "maxConcurrency": 0},
            "`maxConcurrency` is 0, but should be greater than or equal to 1.",
        ),
        ({"id": "w", "nodes": [], "priority": 11}, "`priority` is 11, but should be less than or equal to 10."),
        ({"id": "w", "nodes": [], "priority": 5.5}, "`priority` is 5.5, but should be a valid integer."),
        ({"id": "w", "nodes": [], "delay": -1}, "`delay` is -1, but should be greater than or equal to 0."),
        ({"id": "w", "nodes": [], "jobId": ""}, '`jobId` is "", but should be '),
        ({"id": "w", "nodes": [], "triggers": {}}, "`triggers` is an object, but should be an array."),
        (
            {"id": "w", "nodes": [], "entryNodeID": "a"},
            "`entryNodeID` is no key of a definition. Did you mean 'entryNodeId'?",
        ),
        ({"id": "w", "nodes": [], "spane": {"inputs": [{}]}}, "`spane.inputs[0].name` is missing. Add it."),
    ],
)
def test_one_thing_out_of_shape(said, message):
    found = messages(said)
    assert any(one.startswith(message) for one in found), found


def test_a_fault_inside_a_node_is_at_its_id():
    assert ["a"] == [fault.where for fault in faults(with_node(foo=1))]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "`nodes[0].config.x` is nan, which is no JSON value."),
        (float("inf"), "`nodes[0].config.x` is inf, which is no JSON value."),
        ("\ud800", "`nodes[0].config.x` holds half a surrogate pair, which is no Unicode text."),
        ({1: 2}, "`nodes[0].config.x[1]` has the key 1; keys in JSON are text."),
        ({1}, "`nodes[0].config.x` is a set, which is no JSON value."),
        (object(), "`nodes[0].config.x` is an object, which is no JSON value."),
        ([b"x"], "`nodes[0].config.x[0]` is a bytes, which is no JSON value."),
    ],
)
def test_values_that_are_no_json(value, message):
    assert [message] == messages(with_node(config={"x": value}))


def test_values_nested_past_any_sense():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    (message,) = messages(with_node(config={"x": deep}))
    assert message.endswith("nests more than 300 deep. Flatten it.")
    assert len(message) < 300


def test_a_key_given_twice_in_one_object():
    text = '{"id": "w", "id": "v", "nodes": [{"id": "a", "type": "step"}]}'
    assert ['The key "id" stands twice in one object. Take one out.'] == messages(text)


def test_6_all_faults_come_together_those_of_the_graph_too():
    said = {
        "id": 7,
        "nmae": "W",
        "entryNodeId": "z",
        "nodes": [
            {"id": "a", "type": "stpe", "config": {"timeout": "x", "y": float("nan")}},
            {"id": "b", "type": "step", "inputs": ["c"]},
            {"id": "c", "type": "step", "inputs": ["b", "nope"]},
            {"id": "c", "type": "step"},
            {"type": "step"},
        ],
        "priority": 99,
    }
    expected = {
        "bad-json",
        "bad-shape",
        "unknown-entry",
        "unknown-type",
        "unknown-node",
        "cycle",
        "duplicate-id",
    }
    assert expected == {fault.code for fault in faults(said)}
    assert 5 == sum(fault.code == "bad-shape" for fault in faults(said))


def test_an_output_that_points_nowhere():
    said = {"id": "w", "nodes": [{"id": "a", "type": "step", "outputs": ["sotre"]}, {"id": "store", "type": "step"}]}
    expected = "Node 'a' lists 'sotre' in its outputs, which is no node of this workflow. Did you mean 'store'?"
    assert [expected] == messages(said)


def test_inputs_and_outputs_that_disagree():
    said = {
        "id": "w",
        "nodes": [
            {"id": "a", "type": "step", "inputs": [], "outputs": ["b"]},
            {"id": "b", "type": "step", "inputs": [], "outputs": []},
            {"id": "c", "type": "step", "inputs": ["a"], "outputs": []},
        ],
    }
    assert [
        "Node 'a' lists 'b' in its outputs, but 'b' does not list 'a' in its inputs. Add it there, or take it out here.",
        "Node 'c' lists 'a' in its inputs, but 'a' does not list 'c' in its outputs. Add it there, or take it out here.",
    ] == messages(said)
    assert ["edges-disagree"] * 2 == [fault.code for fault in faults(said)]


def test_an_edge_listed_twice():
    said = {"id": "w", "nodes": [{"id": "a", "type": "step"}, {"id": "b", "type": "step", "inputs": ["a", "a"]}]}
    assert ["Node 'b' lists 'a' more than once in its inputs. One edge is enough; take the others out."] == messages(
        said
    )


def test_a_parent_that_the_spane_object_does_not_use():
    extra = {"arguments": {"value": {"constant": 1}}}
    said = {
        "id": "w",
        "nodes": [{"id": "a", "type": "step"}, {"id": "b", "type": "step", "inputs": ["a"], "spane": extra}],
    }
    expected = (
        "Node 'b' has the parent 'a', but its spane object neither takes its output nor runs after it. Bind it there, or "
        "take the edge out."
    )
    assert [expected] == messages(said)


@pytest.mark.parametrize(("key", "meant"), [("retrypolicy", "retryPolicy"), ("timeOut", "timeout")])
def test_a_config_key_that_looks_like_a_misspelt_rule_is_a_warning(key, meant):
    draft = definition.read(with_node(config={key: 1, "url": "x"}), types)
    assert [] == graph.check(draft)[0]
    expected = (
        f"Node 'a' has '{key}' in its config, which is passed on to it as it is. If '{meant}' is meant, spell it so."
    )
    assert [expected] == [warning.message for warning in draft.warnings]


KEYS = st.sampled_from(
    [
        "id",
        "name",
        "nodes",
        "type",
        "config",
        "inputs",
        "outputs",
        "spane",
        "arguments",
        "output",
        "path",
        "constant",
        "items",
    ]
) | st.text(max_size=3)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=2),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.integers(), inner, max_size=4),
    max_leaves=25,
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    JSON | st.fixed_dictionaries({"id": JSON, "nodes": st.lists(st.dictionaries(KEYS, JSON, max_size=6), max_size=4)})
)
def test_no_value_makes_reading_or_checking_crash(said):
    draft = definition.read(said, types)
    found, _ = graph.check(draft)
    if not found:
        graph.lower(draft)
    definition.write(draft)


@pytest.mark.parametrize("empty", [{"all": []}, {"any": []}, {"one_of": [], "value": {"output": "a"}}])
def test_a_condition_that_looks_at_nothing_is_told(empty):
    [kind] = [key for key, value in empty.items() if value == []]
    expected = f"`nodes[0].spane.decides.b.{kind}` is empty. Name at least one, or leave out what it stands in."
    assert expected in messages(with_node(spane={"decides": {"b": empty}}))
