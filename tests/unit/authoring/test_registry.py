"""Names of node types and workflows: found, replaced, and refused when two want the same."""

from __future__ import annotations

import dataclasses
import runpy
import types

import pytest

from spane import DefinitionError, node, workflow
from spane.authoring.registry import Registry


def test_names_are_found_and_forgotten(own_registry):
    before = own_registry.snapshot()

    @node(name="http.get")
    def get(url: str) -> bytes: ...

    @workflow
    def flow():
        return get("x")

    assert "http.get" in own_registry.names()
    assert get.node_type is own_registry.resolve("http.get")
    assert flow is own_registry.workflow("flow")
    assert flow in own_registry.workflows()
    own_registry.restore(before)
    assert own_registry.get("http.get") is None
    assert own_registry.workflow("flow") is None


def test_an_unknown_name_says_which_is_near(own_registry):
    @node(name="http.get")
    def get(): ...

    with pytest.raises(DefinitionError, match=r"no node type is called 'http.gte'. Did you mean 'http.get'\?"):
        own_registry.resolve("http.gte")


def test_two_functions_of_one_name_are_refused_naming_both_files():
    def other():
        @node
        def fetch(): ...

        return fetch

    @node
    def fetch(): ...

    with pytest.raises(DefinitionError) as caught:
        other()
    [fault] = caught.value.faults
    assert "duplicate-type" == fault.code
    assert "node type 'fetch' has two definitions" in fault.message
    assert 2 == fault.message.count(f"{__file__}:")
    assert 'name="..."' in fault.message


def test_two_workflows_of_one_name_are_refused():
    @node
    def fetch(): ...

    workflow.of("flow", fetch)
    with pytest.raises(DefinitionError, match="workflow 'flow' has two definitions"):

        @workflow
        def flow(): ...


def test_the_same_function_loaded_again_replaces_itself(own_registry):
    def make(answer):
        @node
        def fetch() -> int:
            return answer

        return fetch

    make(1)
    make(2)
    assert 2 == own_registry.resolve("fetch").fn()


def test_a_file_run_and_imported_is_one_definition(own_registry, tmp_path):
    file = tmp_path / "flows.py"
    file.write_text("from spane import node\n\n@node\ndef fetch() -> int: return 1\n")
    runpy.run_path(str(file), run_name="__main__")
    runpy.run_path(str(file), run_name="flows")
    assert "flows" == own_registry.resolve("fetch").module


def test_a_former_name_belongs_to_its_node(own_registry):
    @node(was=["load", "read"])
    def fetch(): ...

    assert fetch.node_type is own_registry.get("load")
    assert fetch.node_type is own_registry.get("read")

    def elsewhere():
        @node(was="fetch")
        def newer(): ...

    with pytest.raises(DefinitionError, match="node type 'fetch' has two definitions"):
        elsewhere()


def test_a_registry_of_its_own_takes_node_types():
    @node
    def fetch(): ...

    mine = Registry()
    mine.add(fetch.node_type)
    assert fetch.node_type is mine.get("fetch")
    other = dataclasses.replace(
        fetch.node_type, qualname="other", module="other", location=types.SimpleNamespace(file="x")
    )
    with pytest.raises(DefinitionError, match="two definitions"):
        mine.add(other)
