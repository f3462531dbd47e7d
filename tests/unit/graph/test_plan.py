"""Lowering: from drafts to plans, and what their hash depends on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from spane import graph
from spane.errors import DefinitionError
from spane.model.expressions import Constant, Fields, Input, Output
from spane.model.node_type import Parameter
from spane.model.plan import Plan
from spane.model.rules import RetryPolicy


def load(folder: str = "here") -> int:
    return len(folder)


def step(value: int, other: int = 0) -> int:
    return value + other


async def fetch(url: str) -> str:
    return url


def spread(*values: int) -> int:
    return len(values)


def report(parents=None) -> int:
    return len(parents)


def test_a_node_of_the_plan_says_all_that_the_call_did(make):
    retry = RetryPolicy(attempts=5, backoff="fixed", base_s=0.25)
    call = make.call(
        make.type(fetch),
        "f",
        url=Input("url", ("host",)),
        config={"b": 1, "a": [2]},
        options={
            "retry": retry,
            "timeout_s": 1.5,
            "queue": "io",
            "priority": 9,
            "delay_s": 0.25,
            "on_failure": "continue",
            "version": "3",
        },
    )
    plan = graph.lower(make.draft(call, inputs=["url"], returns=Output("f")))
    (node,) = plan.nodes
    assert ("f", "fetch", (("url", Input("url", ("host",))),)) == (node.id, node.type, node.arguments)
    assert (1500, 250, 9, "io", "continue", "3") == (
        node.timeout_ms,
        node.delay_ms,
        node.priority,
        node.queue,
        node.on_failure,
        node.version,
    )
    assert (retry, True) == (node.retry, node.is_async)
    assert b'{"a":[2],"b":1}' == bytes(node.config)
    assert Output("f") == plan.returns


def test_parents_stand_in_binding_order_and_after_only_where_nothing_is_bound(make):
    step_type = make.type(step)
    calls = [make.call(step_type, name, value=1) for name in "abcd"]
    late = make.call(step_type, "z", value=Output("c"), other=Output("a"), after=["d", "a"])
    node = graph.lower(make.draft(*calls, late)).nodes[-1]
    assert (("c", "a"), ("d",)) == (node.parents, node.after)


def test_merged_parents_are_parents_without_an_argument(make):
    step_type, report_type = make.type(step), make.type(report, kinds={"parents": "parents"})
    calls = [make.call(step_type, name, value=1) for name in "ab"]
    node = graph.lower(make.draft(*calls, make.call(report_type, "r", merged=[Output("b"), Output("a")]))).nodes[-1]
    assert ((), ("b", "a")) == (node.arguments, node.parents)


def test_star_arguments_keep_their_order(make):
    step_type = make.type(step)
    call = make.call(make.type(spread), "s", Output("b"), 7, Output("a"))
    node = graph.lower(make.draft(make.call(step_type, "a", value=1), make.call(step_type, "b", value=1), call)).nodes[
        -1
    ]
    assert (Output("b"), Constant(msgspec.Raw(b"7")), Output("a")) == node.args
    assert ("b", "a") == node.parents


def test_nodes_stand_in_topological_order_and_otherwise_as_written(make):
    step_type = make.type(step)
    draft = make.draft(
        make.call(step_type, "late", value=Output("early")),
        make.call(step_type, "x", value=1),
        make.call(step_type, "early", value=1),
        make.call(step_type, "y", value=1),
    )
    assert ["x", "early", "late", "y"] == [node.id for node in graph.lower(draft).nodes]


def test_inputs_keep_order_and_defaults(make):
    inputs = [Parameter("folder", str), Parameter("limit", int, 3), Parameter("tags", set[str], {"b", "a"})]
    call = make.call(make.type(step), value=Input("limit"))
    folder, limit, tags = graph.lower(make.draft(call, inputs=inputs)).inputs
    assert ("folder", None, True) == (folder.name, folder.default, folder.required)
    assert (b"3", False) == (bytes(limit.default), limit.required)
    assert b'["a","b"]' == bytes(tags.default)


def test_a_plan_reads_back_to_the_same_hash(make):
    plan = graph.lower(make.chain(5))
    back = msgspec.json.decode(plan.encode(), type=Plan)
    assert plan == back
    assert plan.hash == back.hash


def test_a_draft_with_faults_has_no_plan(make):
    draft = make.draft(make.call(make.type(step)), make.call("unheard_of", "b"))
    with pytest.raises(DefinitionError, match="Workflow 'flow' has 2 faults") as caught:
        graph.lower(draft)
    assert ["unknown-type", "unbound-parameter"] == [fault.code for fault in caught.value.faults]


def test_the_hash_does_not_depend_on_bodies_defaults_or_places(make):
    def one(value: int, other: int = 1) -> int:
        return value

    def two(value: int, other: int = 2) -> int:
        return value + 1

    first = make.draft(make.call(make.type(one, name="n"), value=1, line=1), workflow_line=3)
    second = make.draft(make.call(make.type(two, name="n"), value=1, line=9))
    assert graph.lower(first).hash == graph.lower(second).hash


def test_the_hash_does_not_depend_on_the_spelling_of_constants_and_config(make):
    step_type = make.type(step)
    first = make.draft(make.call(step_type, value=make.raw("12"), config={"a": 1, "b": "é"}))
    second = make.draft(make.call(step_type, value=make.raw(" 12 "), config={"b": "é", "a": 1}))
    assert graph.lower(first).hash == graph.lower(second).hash
    spelled = [make.fields(a=make.raw('{"x": 1.0, "y": "\\u00e9"}')), make.fields(a=make.raw('{"x":1.0,"y":"é"}'))]

    def take(value): ...

    take_type = make.type(take)
    assert 1 == len({graph.lower(make.draft(make.call(take_type, value=source))).hash for source in spelled})


def test_the_hash_depends_on_everything_that_the_runtime_does(make):
    step_type = make.type(step)
    drafts = [
        make.draft(make.call(step_type, value=1)),
        make.draft(make.call(step_type, value=2)),
        make.draft(make.call(step_type, "other", value=1)),
        make.draft(make.call(step_type, value=1), name="other"),
        make.draft(make.call(step_type, value=1, options={"timeout_s": 1})),
        make.draft(make.call(step_type, value=1, options={"version": "2"})),
        make.draft(make.call(step_type, value=1, config={"a": 1})),
        make.draft(make.call(step_type, value=1), returns=Output("step")),
        make.draft(make.call(step_type, value=1), inputs=["x"]),
        make.draft(make.call(step_type, value=1), inputs=[Parameter("x", default=1)]),
        make.draft(make.call(step_type, value=1), accepts_any_input=True),
    ]
    assert len(drafts) == len({graph.lower(draft).hash for draft in drafts})


_ELSEWHERE = """
from spane import graph
from spane.model.draft import Call, Draft
from spane.model.expressions import Fields, Input, Output
from spane.model.node_type import NodeType, Parameter
take = NodeType("take", print, (Parameter("value"),))
names = sorted({"a", "b", "c", "d"})
calls = [Call(n, "take", take, {"value": Input("x")}, config={"z": 1, "y": 2}) for n in names]
calls.append(Call("e", "take", take, {"value": Fields(tuple((n, Output(n)) for n in names))}, after=["a"]))
print(graph.lower(Draft("w", calls, inputs=(Parameter("x", default={"q", "r", "s", "t"}),))).hash)
"""


def test_the_hash_is_the_same_in_every_process():
    root = Path(__file__).resolve().parents[3]
    hashes = {
        subprocess.run(
            [sys.executable, "-c", _ELSEWHERE],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=root,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("0", "1", "4711")
    }
    assert 1 == len(hashes)
    assert 32 == len(hashes.pop().strip())


def test_objects_of_references_are_kept_as_they_are(make):
    def take(value): ...

    source = Fields((("a", Output("x")), ("b", make.items(Output("x"), 1))))
    draft = make.draft(make.call(make.type(load), "x"), make.call(make.type(take), value=source))
    assert (("value", source),) == graph.lower(draft).nodes[1].arguments


def test_the_hash_does_not_depend_on_where_a_value_that_is_the_default_came_from(make):
    def hash_of(**options):
        return graph.lower(make.draft(make.call(make.type(_alone), options=options))).hash

    plain = hash_of()
    # Values that are equal, and other objects: as they come out of JSON, or of a sum.
    assert plain == hash_of(retry=RetryPolicy(base_s=float("1.0"), factor=float("2"), jitter=0.5 - 0.5))
    assert plain == hash_of(queue=json.loads('"default"'), on_failure=json.loads('"fail"'))
    assert plain != hash_of(retry=RetryPolicy(base_s=2.0))


def _alone() -> int:
    return 1
