"""Behaviours 59, 60 and 63: priorities, what is refused, and bad items of a bulk start."""

from __future__ import annotations

import pytest

from spane import Engine, Execution, InputError, node, workflow
from spane.runtime import stream
from spane.settings import Settings
from tests.flows import app
from tests.flows.conftest import until
from tests.invariants import assert_holds


def test_59_priority_10_comes_first_1_last_and_5_by_default_for_every_node_of_the_execution(place):
    gate = place.gate()
    blocker = place.start(app.turn_taking, {"label": "blocker", "gate": gate})
    until("the only slot is taken", lambda: place.saw(blocker))
    given = (1, 10, None, 7, 3, 10)
    started = [
        place.start(app.turn_taking, {"label": label, "gate": gate}, **({"priority": priority} if priority else {}))
        for label, priority in zip("abcdef", given, strict=True)
    ]
    until("all wait", lambda: all(one.nodes()["first"].state == "parked" for one in started))
    place.open(gate)
    for one in (blocker, *started):
        one.result(timeout_s=20)
    for name in ("first", "second"):
        lines = [line for one in started for line in place.saw(one, name)]
        order = "".join(line["label"] for line in sorted(lines, key=lambda line: line["at"]))
        assert "bfdcea" == order
    assert_holds(place.engine.store, [one.id for one in started])


@pytest.mark.parametrize("priority", [0, 11, -1, True, 5.0, "5"])
def test_60_a_priority_out_of_range_is_refused_and_nothing_is_created(place, priority):
    store = place.engine.store
    before = (store.client.xlen(store.keys.events), len(store.client.keys(store.keys.execution("*"))))
    with pytest.raises(InputError) as caught:
        place.start(app.relaying, {"value": 1}, priority=priority, key="out of range")
    assert f"priority is {priority!r}; it goes from 1 (last) to 10 (first)." in str(caught.value)
    assert before == (store.client.xlen(store.keys.events), len(store.client.keys(store.keys.execution("*"))))
    assert not store.client.exists(store.keys.start_key("relaying", "out of range"))


@pytest.mark.redis
def test_where_nodes_age_even_the_lowest_priority_gets_its_turn(redis_url):
    with Engine(settings=Settings(redis_url=redis_url, priority_ageing_s=0.1)) as engine:
        old = engine.start(aged, {"label": "old"}, priority=1)
        due_ms = engine.store.clock.now_ms() + 1_100
        until("it has aged", lambda: engine.store.clock.now_ms() >= due_ms)
        young = engine.start(aged, {"label": "young"}, priority=10)
        with engine.work(threads=1):
            assert ["old", "young"] == [one.result(timeout_s=20) for one in (old, young)]
        claimed = [event.execution for event in stream.events(engine.store) if event.kind == "node_claimed"]
        assert [old.id, young.id] == [execution for execution in claimed if execution in (old.id, young.id)]


@node
def aged_label(label: str) -> str:
    return label


@workflow
def aged(label: str) -> str:
    return aged_label(label)


def test_63_of_many_starts_a_bad_one_stops_no_other_and_has_its_error_in_its_place(place):
    key = place.gate()
    keys = [f"{key}{number}" for number in range(4)]
    keys[2] = "a|b"
    inputs = [{"value": 0}, {"valeu": 1}, {"value": 2}, {"value": 3}]
    answers = place.engine.start_many(app.relaying, inputs, keys=keys)
    assert [True, False, False, True] == [isinstance(answer, Execution) for answer in answers]
    assert [0, 3] == [answers[at].result(timeout_s=20) for at in (0, 3)]
    assert "valeu" in str(answers[1])
    assert "key is 'a|b'" in str(answers[2])
    again = place.engine.start_many(app.relaying, [{"value": 0}, {"value": 1}], keys=keys[:2])
    assert answers[0].id == again[0].id
    assert 1 == again[1].result(timeout_s=20)
