"""A worker runs what it can, whatever else was imported."""

from __future__ import annotations

import pytest

from spane import Engine, node, workflow
from spane.authoring.registry import Registry, default
from spane.errors import DefinitionError


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
