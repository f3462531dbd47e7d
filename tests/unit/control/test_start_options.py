"""What cannot be stored is refused by name, and nothing is created; what can comes back as it was given."""

from __future__ import annotations

import gc
from datetime import UTC, datetime

import pytest

from spane import Engine, InputError, Workflow, node, workflow
from spane.control.options import StartOptions
from spane.control.starting import Starter
from spane.errors import UnknownExecution
from spane.model.expressions import Output
from spane.model.outcome import Failed, NodeError
from spane.model.state import ExecutionState
from spane.runtime.claim import Claim
from spane.runtime.inheritance import Inheritance
from spane.settings import Settings

LONE = "\udc80"


@pytest.fixture
def engine():
    with Engine.in_memory() as engine:
        yield engine


@node
def kept(n: int) -> int:
    return n


@workflow
def keeping(n: int) -> int:
    return kept(n)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"key": LONE}, r"key is '\udc80'; it holds a lone surrogate, which UTF-8 cannot carry."),
        ({"key": 5}, "key is 5; it is text."),
        ({"key": ""}, "key is ''; it has 1 to 500 characters and no '|'."),
        ({"key": "a|b"}, "key is 'a|b'; it has 1 to 500 characters and no '|'."),
        ({"key": "k" * 501}, f"key is '{'k' * 52}...{'k' * 22}'; it has 1 to 500 characters and no '|'."),
        ({"tenant": LONE}, r"tenant is '\udc80'; it holds a lone surrogate, which UTF-8 cannot carry."),
        ({"tenant": "a|b"}, "tenant is 'a|b'; it has 1 to 200 characters and no '|'."),
        ({"tenant": 7}, "tenant is 7; it is text."),
        ({"tags": ["a", LONE]}, r"tags[1] is '\udc80'; it holds a lone surrogate, which UTF-8 cannot carry."),
        ({"tags": "urgent"}, "tags is 'urgent'; it is a list of texts."),
        ({"tags": [1]}, "tags[0] is 1; it is text."),
        (
            {"metadata": {"a": LONE}},
            r"metadata.a: it is text with a lone surrogate ('\udc80'), which UTF-8 cannot carry. Give plain JSON values.",
        ),
        ({"metadata": [1]}, "metadata is [1]; it is a dict of plain values by name."),
        (
            {"metadata": {"a": "x" * 65_536}},
            "metadata has 65,544 bytes as JSON; it has at most 65,536. What is larger is an input.",
        ),
        ({"delay_s": "soon"}, "delay_s is 'soon'; it is zero or more seconds."),
        ({"delay_s": -1}, "delay_s is -1; it is zero or more seconds."),
        ({"delay_s": float("nan")}, "delay_s is nan; it is zero or more seconds."),
        ({"delay_s": 1e300}, "delay_s is 1e+300; it is at most a hundred years, 3162240000 seconds."),
        *(
            ({"deadline_s": value}, f"deadline_s is {value!r}; it is seconds from 0.001 up, at most a hundred years.")
            for value in (0, -1, 0.0001, float("nan"), float("inf"), 1e300, 3_162_240_001, True, "soon")
        ),
        (
            {"priority": 10**5000},
            "priority is <int, whose repr raised ValueError>; it goes from 1 (last) to 10 (first).",
        ),
        (
            {"at": datetime.max.replace(tzinfo=UTC)},
            "at is 9999-12-31T23:59:59.999999+00:00; it is at most a hundred years from now.",
        ),
        ({"priority": 11}, "priority is 11; it goes from 1 (last) to 10 (first)."),
        ({"priority": True}, "priority is True; it goes from 1 (last) to 10 (first)."),
    ],
)
def test_an_option_that_cannot_be_stored_is_named_with_the_reason(engine, options, problem):
    with pytest.raises(InputError) as caught:
        engine.start(keeping, {"n": 1}, **options)
    assert (problem,) == caught.value.problems
    assert f"Workflow 'keeping' cannot be started so:\n  - {problem}" == str(caught.value)
    assert [] == engine.executions()


@pytest.mark.parametrize("value", [object(), float("nan"), {1: 2}, {LONE: 1}])
def test_metadata_that_is_not_json_is_named(engine, value):
    with pytest.raises(InputError, match=r"metadata\.a: it .* Give plain JSON values\.") as caught:
        engine.start(keeping, {"n": 1}, metadata={"a": value})
    assert 1 == len(caught.value.problems)


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        ({"n": LONE}, "n: it is text with a lone surrogate"),
        ({"n": 1, LONE: 2}, r"'\udc80': names of inputs are text."),
        ({1: 2}, "1: names of inputs are text."),
        ([1], "inputs are [1]; they are a dict of values by name."),
    ],
)
def test_inputs_that_cannot_be_stored_are_named(engine, inputs, problem):
    with pytest.raises(InputError) as caught:
        engine.start(keeping, inputs)
    assert caught.value.problems[0].startswith(problem)


@pytest.mark.parametrize("key", ["two\nlines", "a:b", "with space", "é☃", "\x00", "k" * 500])
def test_a_key_of_any_other_text_belongs_to_one_execution(engine, key):
    first = engine.start(keeping, {"n": 1}, key=key)
    assert first.id == engine.start(keeping, {"n": 1}, key=key).id
    assert 1 == first.result(timeout_s=10)
    started = next(first.events())
    assert ("execution_started", key) == (started.kind, started.data["key"])


@pytest.mark.parametrize(
    ("reason", "problem"),
    [
        (LONE, r"reason is '\udc80'; it holds a lone surrogate, which UTF-8 cannot carry."),
        (None, "reason is None; it is text."),
        ("r" * 10_001, f"reason is '{'r' * 52}...{'r' * 22}'; it has 0 to 10000 characters."),
    ],
)
def test_a_reason_that_cannot_be_stored_is_named_and_nothing_is_cancelled(engine, reason, problem):
    execution = engine.start(keeping, {"n": 1}, delay_s=3600)
    with pytest.raises(InputError) as caught:
        execution.cancel(reason)
    assert f"The execution cannot be cancelled so: {problem}" == str(caught.value)
    assert "scheduled" == execution.status()


@pytest.mark.parametrize("reason", ["a|b", "two\nlines", ""])
def test_a_reason_of_any_other_text_comes_back(engine, reason):
    execution = engine.start(keeping, {"n": 1}, delay_s=3600)
    execution.cancel(reason)
    *_, last = execution.events()
    assert ("execution_cancelled", reason) == (last.kind, last.data["reason"])


@pytest.mark.parametrize("name", [LONE, "a|b", "", "a\nb", "*"])
def test_an_id_of_any_text_is_unknown(engine, name):
    with pytest.raises(UnknownExecution):
        engine.get(name)


def test_what_is_known_of_a_workflow_goes_with_it(engine):
    starter = Starter(engine.store)
    for _ in range(50):
        starter.start(Workflow.from_definition(keeping.to_definition()), {"n": 1}, StartOptions())
    gc.collect()
    assert len(starter._hashes) <= 1
    assert {keeping.plan.hash} == starter._stored


def test_an_engine_keeps_the_last_exceptions_only(engine):
    claim = Claim((b"execution", b"node", b"token", b"plan", b"0;type;default;;;", 0, 0, b"", 5, []))
    error = NodeError("builtins:ValueError", "no", "node", 1)
    engine.start(keeping, {"n": 1}).result(timeout_s=10)
    process = engine.broker.process
    for number in range(3_000):
        claim.execution = str(number)
        process._settle(claim, Failed(error, exception=ValueError(number)))
    assert ["2000", "2999"] == [next(iter(process.exceptions))[0], next(reversed(process.exceptions))[0]]


def test_the_annotations_of_plans_are_kept_for_the_latest_only(engine):
    inheritance = Inheritance(engine.registry)
    for number in range(12_000):
        inheritance.annotation(f"plan {number}", "nobody", Output("node"))
    assert len(inheritance._returns) <= 5_000


def test_inputs_past_the_largest_value_are_refused_and_nothing_is_created():
    with Engine.in_memory(settings=Settings(max_value_bytes=2_000, inline_value_bytes=1_000)) as engine:

        @node
        def length_of(text: str) -> int:
            return len(text)

        @workflow
        def measuring(text: str) -> int:
            return length_of(text)

        with pytest.raises(InputError, match=r"2,011 bytes of JSON; the most is 2,000 \(SPANE_MAX_VALUE_BYTES\)"):
            engine.start(measuring, {"text": "x" * 2_000})
        assert [] == list(engine.executions())


@pytest.mark.parametrize("deadline_s", [0, float("nan"), True, 1e300])
def test_a_replay_refuses_a_deadline_that_is_no_time(engine, deadline_s):
    execution = engine.start(keeping, {"n": 1})
    execution.wait(timeout_s=10)
    problem = f"deadline_s is {deadline_s!r}; it is seconds from 0.001 up, at most a hundred years."
    with pytest.raises(InputError) as caught:
        execution.replay(deadline_s=deadline_s)
    assert f"Execution {execution.id!r} cannot be replayed so: {problem}" == str(caught.value)
    assert [execution.id] == [one.id for one in engine.executions(status=list(ExecutionState))]
