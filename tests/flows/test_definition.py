"""Behaviours 1 to 7: what a definition may be. A fault is found before anything is created."""

from __future__ import annotations

from typing import Any

import pytest

from spane import DefinitionError, Workflow, workflow
from tests.flows import app
from tests.flows.conftest import until


def definition(*nodes: tuple[str, list[str]], **more: Any) -> dict[str, Any]:
    """Return a JSON definition of `relay` nodes, each with its parents."""
    return {
        "id": "defined",
        "name": "Defined",
        "nodes": [{"id": name, "type": "receive", "config": {}, "inputs": inputs} for name, inputs in nodes],
        **more,
    }


def refused(place, source: dict[str, Any]) -> dict[str, str]:
    """Return why a definition is refused, as {code: message}; nothing may have been created."""
    before = place.engine.executions()
    with pytest.raises(DefinitionError) as caught:
        place.engine.start(Workflow.from_definition(source), {"data": 1})
    assert before == place.engine.executions()
    return {fault.code: fault.message for fault in caught.value.faults}


def test_01_a_cycle_is_rejected_naming_its_nodes(place):
    faults = refused(place, definition(("start", []), ("a", ["start", "c"]), ("b", ["a"]), ("c", ["b"])))
    assert ["cycle"] == list(faults)
    assert "a -> b -> c -> a" in faults["cycle"]


def test_02_a_duplicate_id_is_rejected(place):
    faults = refused(place, definition(("a", []), ("a", [])))
    assert "'a'" in faults["duplicate-id"]


def test_03_a_missing_reference_is_rejected_by_name(place):
    faults = refused(place, definition(("a", []), ("b", ["nowhere"])))
    assert "'nowhere'" in faults["unknown-node"]


def test_04_an_unknown_entry_is_rejected(place):
    faults = refused(place, definition(("a", []), entryNodeId="nowhere"))
    assert "'nowhere'" in faults["unknown-entry"]


def test_05_an_unreachable_node_is_a_warning(place):
    made = Workflow.from_definition(definition(("a", []), ("b", ["a"]), ("island", []), entryNodeId="a"))
    assert ["unreachable"] == [fault.code for fault in made.warnings]
    assert "'island'" in made.warnings[0].message
    execution, _ = place.run(made, data=1)
    assert {"a", "b", "island"} == {line["node"] for line in place.saw(execution)}


def test_06_several_faults_are_reported_together(place):
    faults = refused(
        place,
        definition(("a", []), ("a", []), ("b", ["nowhere"]), ("c", ["d"]), ("d", ["c"]), entryNodeId="gone"),
    )
    assert {"duplicate-id", "unknown-node", "cycle", "unknown-entry"} <= set(faults)


def test_07_with_several_roots_all_start(place):
    made = Workflow.from_definition(definition(("a", []), ("b", []), ("c", []), ("end", ["a", "b", "c"])))
    execution, _ = place.run(made, data="the same")
    assert ["a", "b", "c", "end"] == sorted(line["node"] for line in place.saw(execution))


@workflow
def roots_in_a_body(data: dict[str, Any]) -> list[Any]:
    return [app.receive.named("left")(data), app.receive.named("right")(data)]


def test_07_with_several_roots_all_start_in_a_body(place):
    execution, result = place.run(roots_in_a_body, data={"n": 1})
    assert [{"n": 1}, {"n": 1}] == result
    assert ["left", "right"] == sorted(line["node"] for line in place.saw(execution))


def test_76_a_new_definition_leaves_running_executions_on_theirs(place):
    def changing(*nodes: tuple[str, list[str]]) -> Workflow[..., Any]:
        holding = {"id": "hold", "type": "gated", "config": {}, "inputs": []}
        source = definition(*nodes)
        return Workflow.from_definition({**source, "id": "changing", "nodes": [holding, *source["nodes"]]})

    gate = place.gate()
    first, second = changing(("old", ["hold"])), changing(("new", ["hold"]), ("newer", ["new"]))
    place.engine.register(first)
    running = place.start("changing", {"gate": gate})
    until("the first runs", lambda: place.saw(running, "hold"))
    place.engine.register(second)
    started = place.start("changing", {"gate": gate})
    place.open(gate)
    assert ["completed"] * 2 == [one.wait(timeout_s=20) for one in (running, started)]
    assert [["hold", "old"], ["hold", "new", "newer"]] == [list(one.nodes()) for one in (running, started)]
    assert [{"hold", "old"}, {"hold", "new", "newer"}] == [
        {line["node"] for line in place.saw(one)} for one in (running, started)
    ]
    assert {"hold", "old"} == set(running.replay().nodes())
