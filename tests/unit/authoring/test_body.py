"""Bodies: what a call binds, what a body returns, and what is said of everything that cannot be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pydantic
import pytest

from spane import Context, DefinitionError, current, node, workflow
from spane.model.expressions import Constant, Fields, Input, Items, Output


def plain(source):
    """Return a source with constants as bytes, so that it compares."""
    match source:
        case Constant(raw):
            return bytes(raw)
        case Items(items):
            return [plain(item) for item in items]
        case Fields(pairs):
            return {key: plain(item) for key, item in pairs}
    return source


def arguments(flow):
    call = flow.draft.calls[-1]
    return {name: plain(source) for name, source in call.arguments.items()}


class Model(pydantic.BaseModel):
    id: Any = None


@dataclass
class Record:
    id: Any = None


def test_references_inputs_and_constants_are_bound_to_parameters():
    @node
    def load(n: int) -> int: ...

    @node
    def pack(a: int, b: int, c: str, *, d: float) -> int: ...

    @workflow
    def flow(n: int):
        return pack(load(n), n, d=0.5, c="x")

    assert {"a": Output("load"), "b": Input("n"), "d": b"0.5", "c": b'"x"'} == arguments(flow)
    assert "n" == flow.plan.inputs[0].name


def test_references_sit_in_lists_tuples_and_dicts():
    @node
    def load() -> int: ...

    @node
    def pack(a: Any, b: Any, c: Any, d: Any) -> int: ...

    @workflow
    def flow(n: int):
        one = load()
        return pack([one, 2], (n, [one]), {"k": {"l": one}, "m": [1]}, [1, {"a": 2}])

    one = Output("load")
    assert {
        "a": [one, b"2"],
        "b": [Input("n"), [one]],
        "c": {"k": {"l": one}, "m": b"[1]"},
        "d": b'[1,{"a":2}]',
    } == arguments(flow)


def test_references_sit_in_star_arguments():
    @node
    def load() -> int: ...

    @node
    def pack(first: int, *rest: int, **named: int) -> int: ...

    @workflow
    def flow(n: int):
        one = load()
        return pack(1, one, n, *[2], rest=one, other=n, named=3)

    assert {"first": b"1", "rest": Output("load"), "other": Input("n"), "named": b"3"} == arguments(flow)
    assert [Output("load"), Input("n"), b"2"] == [plain(source) for source in flow.draft.calls[-1].args]


def test_constants_freeze_when_traced():
    @node
    def load(n: Any) -> int: ...

    given = [1, 2]

    @workflow
    def flow():
        return load(given), load.named("two")(Model(id=3))

    assert b'{"id":3}' == arguments(flow)["n"].replace(b" ", b"")
    given.append(3)
    assert b"[1,2]" == plain(flow.draft.calls[0].arguments["n"])


def test_a_constant_that_json_cannot_carry_is_a_fault(told, marked):
    @node
    def load(n: Any, m: Any = 0) -> int: ...

    @workflow
    def flow():
        return load(object())  # here

    message = told(flow)["bad-constant"]
    assert message.startswith("node 'load', argument 'n': the constant <object object at")
    assert message.endswith("make the value inside a node, or inject it with use(...).")
    where = marked(test_a_constant_that_json_cannot_carry_is_a_fault)
    assert [where] == [fault.where for fault in flow.draft.faults]


@pytest.mark.parametrize("value", [float("nan"), {1: 2}, {1, 2, float("inf")}, lambda: 1, [object()]])
def test_nan_and_other_keys_than_text_are_no_constants(told, value):
    @node
    def load(n: Any) -> int: ...

    @workflow
    def flow():
        return load(value)

    assert {"bad-constant"} == set(told(flow))


def test_a_list_that_contains_itself_is_a_fault(told):
    @node
    def load(n: Any) -> int: ...

    loop = []
    loop.append(loop)

    @workflow
    def flow():
        return load(loop)

    assert "a value is nested more than 100 deep, or contains itself. Flatten it." in told(flow)["too-deep"]


@pytest.mark.parametrize(
    ("wrap", "kind"),
    [
        (lambda ref: Model(id=ref), "Model"),
        (lambda ref: Record(id=ref), "Record"),
        (lambda ref: {ref}, "set"),
        (lambda ref: [{"a": Record(id=[ref])}], "Record"),
    ],
)
def test_a_reference_hidden_in_another_value_is_a_fault(told, wrap, kind):
    @node
    def load(n: Any = None) -> int: ...

    @workflow
    def flow():
        return load.named("use")(wrap(load()))

    message = told(flow)["hidden-reference"]
    assert (
        f"<reference to node 'load': int> sits inside a {kind}. References may sit in lists, tuples and dicts only"
        in (message)
    )


def test_a_dict_with_references_has_text_keys(told):
    @node
    def load(n: Any = None) -> int: ...

    @workflow
    def flow():
        return load.named("use")({1: load()})

    assert "a dict with references has the key 1; JSON objects have text as keys, so use text." in told(flow)["bad-key"]


def test_an_uncalled_node_or_workflow_is_a_fault(told):
    @node
    def load(n: Any = None) -> int: ...

    @workflow(name="node")
    def with_node():
        return load([load])

    @workflow(name="workflow")
    def with_workflow():
        return load(with_node)

    @workflow(name="returned")
    def returning():
        load()
        return load

    assert "node 'load' is passed itself, not its result. Call it: load(...)." in told(with_node)["uncalled"]
    assert "workflow 'with_node' is passed itself, not its result." in told(with_workflow)["uncalled"]
    assert "what workflow 'returned' returns: node 'load' is passed itself" in told(returning)["uncalled"]


def test_a_reference_of_another_body_is_a_fault(told):
    kept = []

    @node
    def load(n: Any = None) -> int: ...

    @workflow
    def first():
        kept.append(load())

    @workflow
    def second():
        return load.options(after=kept[0])(kept[0])

    _ = first.draft
    with pytest.raises(DefinitionError) as caught:
        _ = second.plan
    expected = "<reference to node 'load': int> belongs to the body of workflow 'first', traced on its own."
    assert 2 == len(caught.value.faults)
    assert all(expected in fault.message for fault in caught.value.faults)
    assert "foreign-reference" == caught.value.faults[0].code


def test_calls_that_do_not_fit_the_signature_are_faults(told):
    @node
    def load(a: int, /, b: int = 0) -> int: ...

    @workflow(name="twice")
    def twice():
        return load(1, 2, b=3)

    @workflow(name="by_name")
    def by_name():
        return load(a=1)

    @workflow(name="too_many")
    def too_many():
        return load(1, 2, 3)

    @workflow(name="unknown")
    def unknown():
        return load(1, bb=2)

    @workflow(name="missing")
    def missing():
        return load()

    assert {"bad-call": "node 'load' is given 'b' twice, by position and by name. Drop one."} == told(twice)
    assert {"bad-call": "node 'load' takes 'a' by position only. Pass it without its name."} == told(by_name)
    assert (
        "Node 'load' is given one more value than load has parameters for. Take it out"
        in told(too_many)["unknown-parameter"]
    )
    assert "load takes no parameter of that name. The parameters are a, b." in told(unknown)["unknown-parameter"]
    assert "Node 'load' has nothing bound to its parameter 'a'" in told(missing)["unbound-parameter"]


def test_what_the_engine_fills_in_is_not_passed(told):
    @node
    def load(context: Context, n: int, again: Context = current()) -> int: ...

    @workflow
    def flow():
        return load(7)

    @workflow(name="passing")
    def passing():
        return load(7, again=5)

    assert {"n": b"7"} == arguments(flow)
    assert (
        "that parameter is filled with the attempt's context when it runs. Leave it out."
        in (told(passing)["unknown-parameter"])
    )


def test_a_body_runs_once_and_only_when_needed():
    runs = []

    @node
    def load() -> int: ...

    @workflow
    def flow():
        runs.append(1)
        return load()

    assert [] == runs
    assert flow.plan is flow.plan
    assert flow.draft is flow.draft
    assert [1] == runs
    assert flow.trace() is not flow.draft
    assert [1, 1] == runs


def test_helpers_called_by_a_body_are_part_of_it():
    @node
    def load(n: int) -> int: ...

    def both(n):
        return [load.named(f"load_{i}")(n) for i in range(2)]

    @workflow
    def flow(n: int):
        return both(n)

    assert ["load_0", "load_1"] == [call.id for call in flow.draft.calls]


def test_repeated_calls_are_numbered_with_a_warning(marked):
    @node
    def pack(n: int) -> int: ...

    @workflow
    def flow():
        one = pack(1)
        two = pack(one)  # here
        return pack(two), pack.named("pack_eu")(one)

    assert ["pack", "pack_2", "pack_3", "pack_eu"] == [call.id for call in flow.draft.calls]
    [warning] = flow.warnings
    assert ("repeated-node", marked(test_repeated_calls_are_numbered_with_a_warning)) == (warning.code, warning.where)
    assert warning.message.startswith("node 'pack' is called 3 times, so its ids end in numbers that move")
    assert "Give each call a name: pack.named('...')(...)." in warning.message
    assert 4 == len(flow.plan.nodes)


def test_an_id_that_is_somebody_elses_name_is_a_fault(told):
    @node
    def pack(n: int) -> int: ...

    @node
    def pack_2(n: int) -> int: ...

    @workflow(name="numbered")
    def numbered():
        return pack(1), pack(2), pack_2(3)

    @workflow(name="named")
    def named():
        return pack(1), pack_2.named("pack")(2)

    assert "Several nodes have the id 'pack_2', the first at " in told(numbered)["duplicate-id"]
    assert "Several nodes have the id 'pack'" in told(named)["duplicate-id"]


def test_what_a_body_returns():
    @node
    def load() -> int: ...

    results = {
        "reference": (lambda one, n: one, Output("load")),
        "input": (lambda one, n: n, Input("n")),
        "list": (lambda one, n: [one, n, 3], [Output("load"), Input("n"), b"3"]),
        "tuple": (lambda one, n: (one, n), [Output("load"), Input("n")]),
        "dict": (lambda one, n: {"a": one}, {"a": Output("load")}),
        "constant": (lambda one, n: 7, b"7"),
        "nothing": (lambda one, n: None, None),
    }
    for name, (make, expected) in results.items():
        assert expected == plain(workflow(name=name)(_returning(load, make)).draft.returns)


def _returning(load, make):
    def flow(n: int):
        return make(load(), n)

    return flow


def test_a_returned_reference_gives_its_type_where_the_body_gives_none():
    @node
    def load() -> int: ...

    @workflow
    def untyped():
        return load()

    @workflow
    def typed() -> str:
        return load()

    @workflow
    def silent() -> None:
        load()

    assert int is untyped.draft.returns_annotation
    assert str is typed.draft.returns_annotation
    assert {"kept": 5} == silent.decode_result(b'{"kept": 5}')


def test_what_is_returned_must_fit_the_annotation(told):
    @node
    def load() -> list[int]: ...

    @workflow
    def flow() -> int:
        return load()

    assert "The workflow is annotated to return int" in told(flow)["type-mismatch"]


def test_faults_are_collected_and_told_together():
    @node
    def load(n: int) -> int: ...

    @workflow
    def flow():
        return load(object()), load.named("b")(load), load.named("c")(), load.named("d")(1, 2)

    with pytest.raises(DefinitionError) as caught:
        _ = flow.plan
    assert ["bad-constant", "uncalled", "unbound-parameter", "unknown-parameter"] == [
        f.code for f in caught.value.faults
    ]
    assert all(fault.where.startswith(f"{__file__}:") for fault in caught.value.faults)


def test_what_a_body_raises_is_told_with_its_line(marked):
    @node
    def load() -> int: ...

    def divide():
        return 1 / 0  # here

    @workflow
    def flow():
        load()
        divide()

    with pytest.raises(DefinitionError) as caught:
        _ = flow.draft
    [fault] = caught.value.faults
    assert ("body-raised", marked(test_what_a_body_raises_is_told_with_its_line)) == (fault.code, fault.where)
    assert "its body raised ZeroDivisionError: division by zero. The body only wires nodes" in fault.message
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_nodes_and_workflows_made_in_a_body_are_faults(told, own_registry):
    @workflow
    def flow():
        @node
        def inner() -> int: ...

        workflow.of("inside", inner)
        return inner()

    faults = told(flow)
    assert "node 'inner' is made inside a workflow's body, where no worker could find it." in faults["node-in-body"]
    assert "workflow 'inside' is made inside a workflow's body. Define it outside." == faults["workflow-in-body"]
    assert own_registry.get("inner") is None
    assert own_registry.workflow("inside") is None


def test_a_workflow_looked_at_in_a_body_is_traced_apart():
    @node
    def load() -> int: ...

    @workflow
    def inner() -> int:
        return load()

    @workflow
    def outer() -> int:
        assert 1 == len(inner.plan.nodes)
        return load.named("own")()

    assert ["own"] == [call.id for call in outer.draft.calls]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("async def flow(): ...", "its body is async, but nothing runs in a body: it only wires nodes."),
        ("def flow():\n    yield 1", "its body is a generator; return the result instead of yielding it."),
        ("async def flow():\n    yield 1", "its body is async"),
        ("flow = lambda: 1", "a lambda has no name. Write a def."),
        ("class flow:\n    def __call__(self): ...", "is no function; the body of a workflow is a plain def."),
    ],
)
def test_what_cannot_be_a_body_is_refused(body, said):
    scope = {}
    exec(body, scope)
    with pytest.raises(DefinitionError, match=said):
        workflow(scope["flow"])


@pytest.mark.parametrize(
    ("signature", "said"),
    [
        ("*urls", r"takes \*urls; a workflow's inputs have names. Take a list as one input."),
        ("**more", r"takes \*\*more; a workflow's inputs are known beforehand. Take a dict as one input."),
        ("context: Context", "takes the context"),
        ("parents: Parents", "takes Parents"),
        ("pool = use(pool)", "takes a resource"),
    ],
)
def test_what_cannot_be_an_input_is_refused(signature, said):
    scope = {}
    exec(
        f"from spane import Context, Parents, use\ndef pool():\n    yield 1\ndef flow({signature}):\n    pass",
        scope,
    )
    made = workflow(scope["flow"])
    with pytest.raises(DefinitionError, match=said):
        _ = made.draft


def test_keyword_only_and_positional_only_inputs_are_inputs():
    @node
    def load(a: int, b: int) -> int: ...

    @workflow
    def flow(a: int, /, *, b: int = 3):
        return load(a, b)

    assert {"a": Input("a"), "b": Input("b")} == arguments(flow)
    assert ["a", "b"] == [parameter.name for parameter in flow.draft.inputs]


def test_ten_thousand_calls_are_traced_without_delay():
    @node
    def step(n: int) -> int: ...

    @workflow
    def flow(n: int):
        for index in range(10_000):
            n = step.named(f"step_{index}")(n)
        return n

    assert 10_000 == len(flow.plan.nodes)
