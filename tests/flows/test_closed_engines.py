"""An engine that is closed says so, whatever it is asked."""

from __future__ import annotations

import pytest

from spane import Engine, node, workflow
from spane.errors import EngineClosed
from tests.servers import binary_or_skip


@node
def repeat_it(n: int) -> int:
    return n


@workflow
def repeated(n: int) -> int:
    return repeat_it(n)


@pytest.fixture(params=["memory", "embedded", pytest.param("redis", marks=pytest.mark.redis)])
def closed(request, tmp_path):
    """An engine that is closed, and an execution of it."""
    if request.param == "memory":
        engine = Engine.in_memory()
    elif request.param == "embedded":
        binary_or_skip("valkey")
        engine = Engine.embedded(tmp_path / "store")
    else:
        engine = Engine(request.getfixturevalue("redis_url"))
    with engine:
        execution = engine.start(repeated, {"n": 1})
    return engine, execution


def test_every_verb_of_a_closed_engine_and_of_its_executions_says_that_it_is_closed(closed):
    engine, execution = closed
    asked = [
        lambda: engine.start(repeated, {"n": 2}),
        lambda: engine.start_many(repeated, [{"n": 3}]),
        lambda: engine.register(repeated),
        lambda: engine.get(execution.id),
        engine.executions,
        engine.stats,
        engine.dead_letters.list,
        engine.breakers.list,
        lambda: engine.signal(execution.id, "any"),
        lambda: engine.run_node(repeated, "repeat_it", {"n": 1}),
        lambda: engine.cancel_many(status="running"),
        lambda: engine.cancel_many([execution.id])[execution.id],
        lambda: engine.work().__enter__(),
        execution.status,
        execution.nodes,
        execution.result,
        lambda: execution.wait(timeout_s=1),
        lambda: list(execution.events()),
        lambda: list(execution.events(follow=True)),
        execution.cancel,
        execution.replay,
        execution.explain,
    ]
    for ask in asked:
        told = raised_by(ask)
        assert isinstance(told, EngineClosed), ask
        assert str(told).startswith("This engine is closed: its `with` is over, or its close() was called.")
    engine.close()


def raised_by(ask):
    try:
        return ask()
    except EngineClosed as error:
        return error


def test_the_worker_of_a_closed_engine_in_memory_does_not_come_back():
    with Engine.in_memory() as engine:
        pass
    with pytest.raises(EngineClosed):
        _ = engine.worker
    with pytest.raises(EngineClosed):
        engine.advance(1)
