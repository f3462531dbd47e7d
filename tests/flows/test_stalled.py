"""What an engine in this process says of an execution that nothing moves on, and how long it waits for somebody who does."""

from __future__ import annotations

import threading

import pytest

from spane import Engine, node, wait_for_event, workflow
from spane.errors import ExecutionStalled


@node
def shouted(said: str) -> str:
    return said.upper()


@workflow
def unending_wait() -> str:
    return shouted(wait_for_event("go", str))


@workflow
def calling_unending() -> str:
    return unending_wait()


@workflow
def calling_unending_many(names: list[str]) -> list[str]:
    return greeted_in_the_end.map(names)


@workflow
def greeted_in_the_end(name: str) -> str:
    return shouted(wait_for_event("go", str))


@pytest.fixture
def engine():
    with Engine.in_memory() as engine:
        yield engine


def later(what):
    thread = threading.Timer(0.3, what)
    thread.start()
    return thread


def test_another_thread_signals_while_somebody_waits_with_a_time(engine):
    execution = engine.start(unending_wait)
    thread = later(lambda: execution.signal("go", "on"))
    assert "ON" == execution.result(timeout_s=20)
    thread.join()


def test_another_thread_resumes_while_somebody_waits_with_a_time(engine):
    execution = engine.start(unending_wait)
    execution.pause("lunch")
    execution.signal("go", "on")
    thread = later(execution.resume)
    assert "ON" == execution.result(timeout_s=20)
    thread.join()


def stalls(execution, timeout_s=None):
    with pytest.raises(ExecutionStalled) as stalled:
        execution.result(timeout_s)
    head = f"Execution {execution.id!r} does not go on by itself: nothing runs and nothing is due. "
    assert str(stalled.value).startswith(head)
    assert isinstance(stalled.value, TimeoutError)
    return str(stalled.value).removeprefix(head)


@pytest.mark.parametrize("timeout_s", [None, 0.2])
def test_the_event_that_is_waited_for_is_named(engine, timeout_s):
    execution = engine.start(unending_wait)
    assert "Node 'go' waits for event 'go'; signal it." == stalls(execution, timeout_s)


def test_a_pause_is_named(engine):
    execution = engine.start(unending_wait)
    execution.pause("lunch")
    assert f"Execution {execution.id!r} is paused; resume it, or cancel it." == stalls(execution)


def test_what_a_child_waits_for_is_named(engine):
    assert "Node 'go' waits for event 'go'; signal it." == stalls(engine.start(calling_unending))
    assert "Node 'go' waits for event 'go'; signal it." == stalls(
        engine.start(calling_unending_many, {"names": ["a", "b"]})
    )


def test_with_virtual_time_nobody_is_waited_for():
    with Engine.in_memory(virtual_time=True) as engine:
        execution = engine.start(unending_wait)
        assert "Node 'go' waits for event 'go'; signal it." == stalls(execution, 3600)
