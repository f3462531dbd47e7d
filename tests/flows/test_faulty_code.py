"""A worker runs what it can, whatever else was imported."""

from __future__ import annotations

import pytest

from spane import Engine, Retry, node, workflow
from spane.authoring.registry import Registry, default
from spane.errors import DefinitionError, ExecutionFailed


@pytest.fixture
def registry():
    kept = default.snapshot()
    yield default
    default.restore(kept)


def test_a_node_type_whose_signature_cannot_be_read_keeps_no_other_from_running(registry: Registry):
    @node(name="faulty_code_unreadable")
    def unreadable(n: NoSuchName) -> int:  # noqa: F821 - what a name only imported for type checkers looks like
        return n

    @node(name="faulty_code_sound")
    def sound(n: int) -> int:
        return n + 1

    @workflow(name="faulty_code_flow")
    def flow(n: int) -> int:
        return sound(n)

    assert "faulty_code_unreadable" in registry
    with pytest.raises(DefinitionError, match="NoSuchName"):
        registry.get("faulty_code_unreadable")
    with Engine.in_memory() as engine:
        assert 2 == engine.start(flow, {"n": 1}).result(timeout_s=10)


class Unaskable(Exception):
    """An exception that raises when anybody asks what it is."""

    @property
    def __class__(self):
        raise RuntimeError("do not ask")


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize("timeout_s", [None, 10])
@pytest.mark.parametrize("is_async", [False, True])
def test_an_exception_that_raises_when_asked_for_its_class_fails_its_node_by_its_own_name(is_async, timeout_s):
    attempts = []
    rules = {"retry": Retry(attempts=2, base_s=0), "timeout_s": timeout_s}

    def raises() -> int:
        attempts.append(1)
        raise Unaskable("sold out")

    async def raises_on_loop() -> int:
        return raises()

    failing = node(name="faulty_code_unaskable", **rules)(raises_on_loop if is_async else raises)

    @workflow(name="faulty_code_unaskable_flow")
    def flow() -> int:
        return failing()

    with Engine.in_memory() as engine:
        execution = engine.start(flow, {})
        with pytest.raises(ExecutionFailed, match="Unaskable: sold out") as caught:
            execution.result(timeout_s=10)
    assert 2 == len(attempts)
    assert caught.value.error is not None
    assert "test_faulty_code:Unaskable" in caught.value.error.type
    assert 'raise Unaskable("sold out")' in caught.value.error.traceback
